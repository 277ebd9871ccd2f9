from audit_examples import HOSTILE, MIXED, audit, result

from mall_segments.audit.console import render_text
from mall_segments.audit.results import Outcome


def test_failures_come_first_and_suites_that_hold_share_a_line() -> None:
    lines = render_text(MIXED, width=200).splitlines()

    assert [line.split()[0] for line in lines] == [
        *("failed", "warning", "skipped", "passed")
    ]
    assert lines[0] == (
        "failed   dim_segments: customer_share is from 0 to 1; "
        "1 of 8 rows: customer_share 1.2 (segment_id 3)"
    )
    assert lines[-1].split() == ["passed", "dim_segments:", "2", "expectations"]


def test_every_expectation_has_a_line_on_request() -> None:
    lines = render_text(MIXED, width=200, is_complete=True).splitlines()

    assert len(lines) == len(MIXED.results)


def test_long_observations_are_wrapped_to_the_width() -> None:
    long = audit(result(Outcome.FAILED, observed="customer_share 1.2 " * 30))

    lines = render_text(long, width=100).splitlines()

    assert len(lines) > 5
    assert max(map(len, lines)) <= 100


def test_data_cannot_control_the_terminal() -> None:
    hostile = audit(result(Outcome.FAILED, observed=HOSTILE))

    table = render_text(hostile, width=120)

    assert "\x1b" not in table
    assert "\u202e" not in table
    assert "<script>" in table
