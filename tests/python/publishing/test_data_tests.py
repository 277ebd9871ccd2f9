"""The data tests that dbt runs before it publishes, and no others, are counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mall_segments.publishing.data_tests import (
    DATA_TESTS,
    read_data_tests,
    write_data_tests,
)

if TYPE_CHECKING:
    from pathlib import Path


def node(name: str, *parents: str, kind: str = "model", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": kind,
        "depends_on": {"nodes": list(parents)},
        "config": {"severity": "ERROR"},
        **more,
    }


def test_only_tests_that_come_before_publishing_and_can_fail_are_counted(
    tmp_path: Path,
) -> None:
    nodes = {
        "seed": {"name": "customers", "resource_type": "seed"},
        "staged": node("stg_customers", "seed"),
        "mart": node("dim_customers", "staged"),
        "published": node("fct_published_tables", "mart"),
        "aside": node("metric_customers", "mart"),
        "after": node("history", "published"),
        "a": node("unique_dim_customers_id", "mart", kind="test"),
        "b": node("assert_rows_are_kept", "mart", "staged", "seed", kind="test"),
        "c": node("unique_history_id", "after", kind="test"),
        "d": node("assert_metrics_agree", "mart", "aside", kind="test"),
        "e": node("hint", "mart", kind="test", config={"severity": "warn"}),
        "f": node("unique_published", "published", kind="test"),
    }

    write_data_tests(tmp_path, manifest={"nodes": nodes})

    assert json.loads((tmp_path / DATA_TESTS).read_text())["passed"] == [
        {
            "name": "assert_rows_are_kept",
            "of": ["mart", "seed", "staged"],
        },
        {"name": "unique_dim_customers_id", "of": ["mart"]},
    ]
    found = read_data_tests(tmp_path)
    assert found
    assert found.n_passed == 2
    assert found.claims == ("Rows are kept",)


def test_a_folder_without_any_has_none(tmp_path: Path) -> None:
    assert read_data_tests(tmp_path) is None


def test_the_build_publishes_those_that_passed(published_home: Path) -> None:
    folder = published_home / "published" / "current"
    found = read_data_tests(folder)
    assert found
    assert found.n_passed > 20
    assert "Every customer is counted" in found.claims
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert f'<data value="{found.n_passed}">{found.n_passed}</data></dd>' in report
