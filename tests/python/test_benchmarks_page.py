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


def test_the_readme_says_what_was_measured() -> None:
    build = next(
        row["build"]
        for row in results("builds")["measured"]
        if row["n_customers"] == 100_000_000
    )
    readme = " ".join((PROJECT / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"a hundred million customers take {build['seconds']:.0f} seconds and "
        f"{build['peak_memory_bytes'] / 2**30:.1f} GiB of memory"
    ) in readme


def test_what_is_promised_of_speed_was_measured() -> None:
    """A hundred million customers in ten copies; their clusters in ten seconds.

    And the fit of ten million in a fiftieth of the time of a fit to the rows.
    """
    large = [row for row in results("builds")["measured"] if row["n_customers"] >= 1e8]
    assert large
    for row in large:
        assert row["build"]["seconds"] <= 10 * row["copy"]["seconds"]
        assert row["build"]["peak_memory_bytes"] <= 8e9
        assert sum(row["build"]["clustering_alone"].values()) <= 10

    ours, scikit_learn, *_ = results("fits")["fits"]
    assert results("fits")["n_customers"] >= 10_000_000
    assert scikit_learn["seconds"] >= 50 * ours["seconds"]
    assert ours["inertia"] <= scikit_learn["inertia"] * (1 + 1e-9)
