import json

from audit_examples import BUILD_ID, MIXED, audit, result

from mall_segments.audit.results import Outcome


def test_one_failure_fails_the_audit() -> None:
    assert not MIXED.has_passed
    assert MIXED.verdict == (
        f"FAILED: {BUILD_ID} breaks 1 of 4 expectations (1 warning, 1 skipped)."
    )


def test_warnings_and_skips_do_not_fail_the_audit() -> None:
    warned = audit(
        result(Outcome.WARNING), result(Outcome.WARNING), result(Outcome.PASSED)
    )

    assert warned.has_passed
    assert (
        warned.verdict
        == f"PASSED: {BUILD_ID} breaks none of 3 expectations (2 warnings)."
    )


def test_an_audit_without_findings_says_that_all_hold() -> None:
    sound = audit(result(Outcome.PASSED), result(Outcome.SKIPPED))

    assert sound.verdict == f"PASSED: {BUILD_ID} meets all 1 expectations (1 skipped)."


def test_worst_results_come_first_and_keep_their_order() -> None:
    first = result(Outcome.FAILED, column="first")
    second = result(Outcome.FAILED, column="second")

    found = audit(result(Outcome.PASSED), first, second).worst_first

    assert [item.column for item in found] == ["first", "second", "customer_share"]


def test_json_holds_the_verdict_the_counts_and_every_result() -> None:
    content = json.loads(json.dumps(MIXED.to_json()))

    assert content["has_passed"] is False
    assert content["counts"] == {"failed": 1, "warning": 1, "skipped": 1, "passed": 2}
    assert content["results"][0] == {
        "suite": "dim_segments",
        "expectation": "expect_column_values_to_be_between",
        "column": "customer_share",
        "meaning": "is from 0 to 1",
        "outcome": "failed",
        "observed": "1 of 8 rows: customer_share 1.2 (segment_id 3)",
    }
