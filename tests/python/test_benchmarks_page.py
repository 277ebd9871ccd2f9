"""The page about builds and fits says what was measured."""

from __future__ import annotations

import json
import runpy
from typing import Any

from shared_project import PROJECT

BENCHMARKS = PROJECT / "benchmarks"


def results(name: str) -> dict[str, Any]:
    path = BENCHMARKS / "results" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_page_is_the_one_that_the_results_give() -> None:
    report = runpy.run_path(str(BENCHMARKS / "report.py"))
    page = (PROJECT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert page == report["compose"](results("builds"), results("fits"))


def test_what_is_promised_of_speed_was_measured() -> None:
    """A hundred million customers in ten copies; their clusters in ten seconds.

    And the fit of ten million in a fiftieth of the time of a fit to the rows.
    """
    largest = max(results("builds")["measured"], key=lambda row: row["n_customers"])
    assert largest["n_customers"] >= 100_000_000
    assert largest["build"]["seconds"] <= 10 * largest["copy"]["seconds"]
    assert largest["build"]["peak_memory_bytes"] <= 8e9
    assert sum(largest["build"]["clustering_alone"].values()) <= 10

    ours, scikit_learn, *_ = results("fits")["fits"]
    assert results("fits")["n_customers"] >= 10_000_000
    assert scikit_learn["seconds"] >= 50 * ours["seconds"]
    assert ours["inertia"] <= scikit_learn["inertia"] * (1 + 1e-9)
