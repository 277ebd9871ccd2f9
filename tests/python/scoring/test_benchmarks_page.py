"""The page about speed says what was measured."""

from __future__ import annotations

import json
import re
from typing import Any

from shared_project import PROJECT

RESULTS = PROJECT / "benchmarks" / "results"


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return found


def test_the_page_says_what_was_measured() -> None:
    page = (PROJECT / "docs" / "benchmarks-scoring.md").read_text(encoding="utf-8")
    serving, scoring = results("serving"), results("scoring")
    comparison, switching = serving["comparison"], serving["switching"]

    rows = re.findall(r"^\| [^|]*[a-zV][^|]* \| ([\d.]+) \|", page, re.MULTILINE)
    ratios = ("single_throughput", "single_p99", "single_cpu")
    assert rows == [
        *(f"{comparison[name]:.2g}" for name in ratios),
        f"{comparison['batch_throughput']:.0f}",
        f"{comparison['batch_throughput_over_lists']:.2g}",
        *(
            f"{scoring[form]['share_of_the_speed_of_copying']:.2f}"
            for form in ("csv", "parquet")
        ),
    ]
    for form, title in (("csv", "CSV"), ("parquet", "Parquet")):
        by_time = f"{scoring[form]['by_processor_time']:.2f}"
        bare = f"{scoring[form]['share_by_a_bare_join']:.2f}"
        row = rf"^\| {title} \| [\d.]+ \| {by_time} \| 0\.5 \| {bare} \|$"
        assert re.search(row, page, re.MULTILINE)
    assert scoring["n_customers"] == 10_000_000
    flat = " ".join(page.split())
    assert (
        f"{switching['requests_per_second']:,} requests per second came for "
        f"{switching['seconds']} seconds: {switching['n_requests']:,} were answered, "
        f"{switching['n_failed']} failed, and {switching['n_mixed']} mixed"
    ) in flat
