"""Write docs/benchmarks.md from the last results of ``builds.py`` and ``fits.py``."""

import json
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parent
PAGE = BENCHMARKS.parent / "docs" / "benchmarks.md"
CHART = BENCHMARKS.parent / "docs" / "images" / "benchmarks.svg"

OPENING = """# Benchmarks

Written by `make bench`, which measures again. Ratios count, because they are measured
side by side in one run; seconds are this machine's.

{machine}

```
{command}
```

Scoring and the service are measured in [benchmarks-scoring.md](benchmarks-scoring.md);
what these numbers mean for larger files is in [scaling.md](scaling.md).

## Whole builds

`dbt build` on a generated Parquet file, with both segmentations, every mart, every data
test and the report, beside the least that any tool can do with the file: DuckDB copying
it into a table. The engine's memory is limited to {memory_limit}.

![Seconds of a build and of a copy by number of customers](images/benchmarks.svg)

"""

PHASES = """
Two nodes run at a time, and each of them then takes longer than alone, so together they
take more seconds than the build.

"""

FITS = """
## The fit beside others

Five segments of {n_customers:,} customers by standardised income and spending. The
others cluster the rows, from an array in memory and with ten k-means++ starts;
mall-segments fits the points to which DuckDB has grouped them. Inertia is computed the
same way for all, from the rows.

"""

NOT_COUNTED = """
Reading the rows, or grouping them to points, is not counted. With both, ours takes
{seconds:.2f} s.
"""


def table(header: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def builds_table(measured: list[dict[str, Any]]) -> str:
    """Show builds and copies by number of customers."""
    rows = []
    for result in measured:
        build, copy = result["build"], result["copy"]
        rows.append(
            [
                f"{result['n_customers']:,}",
                f"{max(build['n_points'].values()):,}",
                f"{copy['seconds']:.1f} s",
                f"{build['seconds']:.1f} s",
                f"{build['seconds'] / copy['seconds']:.1f}",
                f"{build['cpu_seconds']:.0f} s",
                f"{build['peak_memory_bytes'] / 2**30:.1f} GiB",
                f"{build['warehouse_bytes'] / 2**20:,.0f} MiB",
                f"{build['published_bytes'] / 2**20:,.0f} MiB",
            ]
        )
    header = [
        *("customers", "points", "copy", "build", "times the copy", "processor time"),
        *("peak memory", "working database", "published"),
    ]
    return table(header, rows)


def phases_table(measured: list[dict[str, Any]]) -> str:
    """Show what the seconds of each build were spent on."""
    header = ["seconds spent on", *[f"{row['n_customers']:,}" for row in measured]]
    phases = measured[0]["build"]["phases"]
    rows = [
        [phase, *[f"{row['build']['phases'][phase]:.1f}" for row in measured]]
        for phase in phases
    ]
    rows.insert(
        0,
        [
            "start dbt, parse the project",
            *[f"{row['build']['seconds_before_nodes']:.1f}" for row in measured],
        ],
    )
    rows.append(
        [
            "clustering once more, with nothing beside it",
            *[
                f"{sum(row['build']['clustering_alone'].values()):.1f}"
                for row in measured
            ],
        ]
    )
    return table(header, rows)


def fits_table(fits: list[dict[str, Any]]) -> str:
    """Show each competitor's seconds and inertia, relative to ours."""
    ours = fits[0]
    rows = [
        [
            fit["what"],
            f"{fit['seconds']:.2f} s",
            f"{fit['seconds'] / ours['seconds']:.0f}",
            f"{fit['inertia']:.4f}",
            f"{fit['inertia'] / ours['inertia'] - 1:+.1e}",
        ]
        for fit in fits
    ]
    return table(["", "fit", "times ours", "inertia", "relative to ours"], rows)


def draw(measured: list[dict[str, Any]]) -> None:
    """Draw seconds by number of customers, both in powers of ten."""
    import altair as alt  # noqa: PLC0415
    import vl_convert  # noqa: PLC0415

    rows = [
        {
            "customers": result["n_customers"],
            "seconds": result[what]["seconds"],
            "what": name,
        }
        for result in measured
        for what, name in (("copy", "copy of the file"), ("build", "dbt build"))
    ]
    chart = (
        alt.Chart(alt.Data(values=rows), width=560, height=280)
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "customers:Q",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(
                    title="customers",
                    values=[row["n_customers"] for row in measured],
                    labelExpr="datum.value / 1e6 + ' M'",
                ),
            ),
            y=alt.Y(
                "seconds:Q",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(title="seconds", tickCount=5),
            ),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(range=["#0072b2", "#767676"]),
                sort=["dbt build", "copy of the file"],
            ),
        )
        .properties(background="white")
    )
    CHART.write_text(vl_convert.vegalite_to_svg(chart.to_json()), encoding="utf-8")


def compose(builds: dict[str, Any], fits: dict[str, Any]) -> str:
    """Write the page from the results of ``builds.py`` and ``fits.py``."""
    machine = ", ".join(
        value if name in {"processors", "memory", "system"} else f"{name} {value}"
        for name, value in builds["machine"].items()
    )
    measured = sorted(builds["measured"], key=lambda row: row["n_customers"])
    sizes = " ".join(f"{row['n_customers']:.0e}" for row in measured)
    page = OPENING.format(
        machine=machine,
        command=f'make bench SIZES="{sizes.replace("e+0", "e")}"',
        memory_limit=builds["memory_limit"],
    )
    page += builds_table(measured) + PHASES + phases_table(measured)
    page += FITS.format(n_customers=fits["n_customers"]) + fits_table(fits["fits"])
    page += NOT_COUNTED.format(seconds=fits["fits"][0]["seconds_with_reading"])
    return page


def main() -> int:
    """Write the page and its chart."""
    builds = json.loads((BENCHMARKS / "results" / "builds.json").read_text())
    fits = json.loads((BENCHMARKS / "results" / "fits.json").read_text())
    PAGE.write_text(compose(builds, fits), encoding="utf-8")
    draw(builds["measured"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
