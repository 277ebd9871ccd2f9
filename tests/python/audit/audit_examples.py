"""Audits written by hand, of which every number is known."""

from __future__ import annotations

from mall_segments.audit.results import Audit, Outcome, Result

BUILD_ID = "20261121T105500.123456Z-0f8e12ab"
HOSTILE = "<script>alert('x')</script>\x1b[2J\u202e"


def result(outcome: Outcome, *, suite: str = "dim_segments", **texts: str) -> Result:
    """Make a result about a share."""
    return Result(
        **{
            "suite": suite,
            "expectation": "expect_column_values_to_be_between",
            "column": "customer_share",
            "meaning": "is from 0 to 1",
            "outcome": outcome,
            "observed": "8 of 8 rows",
            **texts,
        }
    )


def audit(*results: Result, previous_build_id: str | None = None) -> Audit:
    """Make an audit of these results."""
    return Audit(
        build_id=BUILD_ID,
        previous_build_id=previous_build_id,
        audited_at="2026-11-21T11:00:00+00:00",
        seconds=4.25,
        versions={"mall-segments": "0.1.0", "great-expectations": "1.24.1"},
        results=results,
    )


MIXED = audit(
    result(Outcome.PASSED),
    result(Outcome.SKIPPED, suite="previous generation, features"),
    result(Outcome.FAILED, observed="1 of 8 rows: customer_share 1.2 (segment_id 3)"),
    result(Outcome.WARNING, suite="previous generation, segments"),
    result(Outcome.PASSED),
)
