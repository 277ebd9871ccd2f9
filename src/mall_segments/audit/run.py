"""Audit a published generation from end to end."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import duckdb

from mall_segments.audit.contract import published_tables
from mall_segments.audit.evidence import AUDITED, Evidence
from mall_segments.audit.frames import FRAMES, checks_frame
from mall_segments.audit.results import Audit, Outcome, Result
from mall_segments.audit.suites import read_suites
from mall_segments.audit.validation import Validator
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import generation_folder, read_generation
from mall_segments.publishing.tables import Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import pandas as pd

    from mall_segments.audit.suites import Suite, SuiteMeta


def audit_generation(
    home: Path,
    build_id: str,
    *,
    accept_drift: bool = False,
    suites: Collection[str] = (),
    project: Path | None = None,
    validator: Validator | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Audit:
    """Check one published generation against everything that is expected of it.

    By default every suite is run, those of the project among them. ``accept_drift``
    only warns of customers that differ much from those before. ``progress`` is called
    with the suite that is run next and the share of suites run before. Suites that
    could not be run, because the generation is damaged, have one failed result each.
    """
    start = time.perf_counter()
    generation = read_generation(generation_folder(home, build_id))
    evidence = Evidence(home, generation)
    chosen = _chosen(evidence, suites, project)
    validator = validator or Validator()
    results: list[Result] = []
    with closing(evidence.connection):
        try:
            evidence.open()
        except PublishError as error:
            results.append(_unchecked("database", f"cannot be opened: {error}"))
            chosen = []
        for number, suite in enumerate(chosen):
            if progress:
                progress(suite.name, number / len(chosen))
            results += _run(suite, evidence, validator, accept_drift=accept_drift)
    return Audit(
        build_id=generation.build_id,
        previous_build_id=evidence.previous.build_id if evidence.previous else None,
        audited_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.perf_counter() - start,
        versions={
            "mall-segments": version("mall-segments"),
            "great-expectations": validator.version,
            "duckdb": duckdb.__version__,
        },
        results=tuple(results),
    )


def _chosen(
    evidence: Evidence, names: Collection[str], project: Path | None
) -> list[Suite]:
    there = {
        "orders": evidence.settings.has_orders,
        "same input": evidence.has_same_input,
        "exported": evidence.generation.manifest["row_level_exported"],
    }
    suites = {
        suite.name: suite
        for suite in read_suites(published_tables(evidence.settings), project)
        if there.get(suite.meta.needs or "", True)
    }
    for name in names:
        if name not in suites:
            raise PublishError(
                f"the audit has no suite {name!r}; it has {'; '.join(suites)}"
            )
    return [suite for name, suite in suites.items() if not names or name in names]


def _run(
    suite: Suite, evidence: Evidence, validator: Validator, *, accept_drift: bool
) -> list[Result]:
    if suite.meta.needs == "previous" and evidence.previous is None:
        reason = f"no previous generation: {evidence.no_previous}"
        return [_unchecked(suite.name, reason, Outcome.SKIPPED)]
    try:
        frame = _frame(suite.meta, evidence)
    except PublishError as error:
        return [_unchecked(suite.name, f"cannot be checked: {error}")]
    return validator.validate(
        suite, frame, evidence.parameters, accept_drift=accept_drift
    )


def _frame(meta: SuiteMeta, evidence: Evidence) -> pd.DataFrame:
    if meta.checks is not None:
        return checks_frame(evidence, meta.checks)
    if meta.frame is not None:
        return FRAMES[meta.frame](evidence)
    table = Relation(AUDITED, "main", meta.table or "")
    return evidence.select(meta.query or f"FROM {table}")


def _unchecked(suite: str, reason: str, outcome: Outcome = Outcome.FAILED) -> Result:
    return Result(
        suite=suite,
        expectation="",
        column="",
        meaning="can be checked",
        outcome=outcome,
        observed=reason,
    )
