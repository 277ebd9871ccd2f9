from audit_examples import HOSTILE, MIXED, audit, result

from mall_segments.audit.console import render_table
from mall_segments.audit.results import Outcome


def test_failures_come_first_and_suites_that_hold_share_a_line() -> None:
    header, *lines = render_table(MIXED, width=200).splitlines()

    assert header.split() == ["suite", "expectation", "column", "result", "observed"]
    outcomes = [
        word
        for line in lines
        for word in line.split()
        if word in {"failed", "warning", "skipped", "passed"}
    ]
    assert outcomes == ["failed", "warning", "skipped", "passed"]
    assert lines[-1].split()[:3] == ["dim_segments", "2", "expectations"]


def test_every_expectation_has_a_line_on_request() -> None:
    lines = render_table(MIXED, width=200, is_complete=True).splitlines()

    assert len(lines) == 1 + len(MIXED.results)


def test_long_observations_are_wrapped_to_the_width() -> None:
    long = audit(result(Outcome.FAILED, observed="customer_share 1.2 " * 30))

    lines = render_table(long, width=100).splitlines()

    assert len(lines) > 5
    assert max(map(len, lines)) <= 100


def test_data_cannot_control_the_terminal() -> None:
    hostile = audit(result(Outcome.FAILED, observed=HOSTILE))

    table = render_table(hostile, width=120)

    assert "\x1b" not in table
    assert "\u202e" not in table
    assert "<script>" in table
