"""Measure a build of the shipped file beside that of a small project of plain SQL.

    python benchmarks/overhead.py --rounds 3

The plain project has what dbt's own example of a shop has: three seeds, three staging
views, two marts and twenty data tests, 28 nodes. Both parse their project in full and
take turns, so that whatever else the machine does falls on both. Results go to
``benchmarks/results/overhead.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

BENCHMARKS = Path(__file__).resolve().parent
PROJECT = BENCHMARKS.parent
RESULTS = BENCHMARKS / "results" / "overhead.json"

SEEDS = {
    "raw_customers": ("id,first_name", "{i},name {i}"),
    "raw_orders": ("id,user_id,ordered_at", "{i},{i},2024-01-01"),
    "raw_payments": ("id,order_id,amount", "{i},{i},{i}00"),
}
MODELS = {
    "staging/stg_customers": (
        "select id as customer_id, first_name from {{ ref('raw_customers') }}"
    ),
    "staging/stg_orders": (
        "select id as order_id, user_id as customer_id, ordered_at"
        " from {{ ref('raw_orders') }}"
    ),
    "staging/stg_payments": (
        "select id as payment_id, order_id, amount / 100 as amount"
        " from {{ ref('raw_payments') }}"
    ),
    "orders": (
        "select orders.*, payments.payment_id, payments.amount"
        " from {{ ref('stg_orders') }} as orders"
        " left join {{ ref('stg_payments') }} as payments using (order_id)"
    ),
    "customers": (
        "select customers.customer_id, customers.first_name,"
        " min(orders.ordered_at) as first_order, count(*) as n_orders,"
        " sum(orders.amount) as amount from {{ ref('stg_customers') }} as customers"
        " left join {{ ref('orders') }} as orders using (customer_id) group by all"
    ),
}
TESTED = {
    "stg_customers": ["customer_id", "first_name"],
    "stg_orders": ["order_id", "customer_id"],
    "stg_payments": ["payment_id", "order_id"],
    "orders": ["order_id", "payment_id"],
    "customers": ["customer_id", "first_name"],
}


def write_plain_project(folder: Path) -> None:
    """Write the plain project, with its seeds of a hundred rows."""
    (folder / "models" / "staging").mkdir(parents=True)
    (folder / "seeds").mkdir()
    for name, (header, row) in SEEDS.items():
        rows = [header, *(row.format(i=i) for i in range(1, 101))]
        (folder / "seeds" / f"{name}.csv").write_text("\n".join(rows) + "\n")
    for name, sql in MODELS.items():
        materialized = "view" if "/" in name else "table"
        config = f"{{{{ config(materialized='{materialized}') }}}}\n"
        (folder / "models" / f"{name}.sql").write_text(config + sql + "\n")
    models = [
        {
            "name": name,
            "columns": [
                {"name": column, "data_tests": ["unique", "not_null"]}
                for column in columns
            ],
        }
        for name, columns in TESTED.items()
    ]
    # JSON is YAML, too.
    files = {
        "models/schema.yml": {"version": 2, "models": models},
        "dbt_project.yml": {"name": "plain", "version": "1.0", "profile": "plain"},
        "profiles.yml": {
            "plain": {
                "target": "dev",
                "outputs": {"dev": {"type": "duckdb", "path": "plain.duckdb"}},
            }
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def build(project: Path, target: Path) -> dict[str, float]:
    """Build a project anew; answer its wall and processor seconds and its nodes."""
    log = target / "log.txt"
    started = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "dbt", "build", "--no-partial-parse"],
            cwd=project,
            env=os.environ
            | {
                "MALL_SEGMENTS_HOME": str(target / "home"),
                "DBT_PROFILES_DIR": str(project),
                "DBT_TARGET_PATH": str(target),
                "DBT_LOG_PATH": str(target),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"dbt build in {project} failed:\n{log.read_text()[-3000:]}")
    results = json.loads((target / "run_results.json").read_text())["results"]
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "n_nodes": len(results),
    }


def main() -> None:
    """Measure both projects in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    measured: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory(prefix="mall_segments_") as name:
        folder = Path(name)
        plain = folder / "project"
        write_plain_project(plain)
        for number in range(rounds):
            for project, which in ((plain, "plain"), (PROJECT, "ours")):
                target = folder / f"{which}_{number}"
                target.mkdir()
                measured[which].append(build(project, target))
    medians = {
        which: {
            measure: statistics.median(run[measure] for run in runs)
            for measure in runs[0]
        }
        for which, runs in measured.items()
    }
    plain_build, ours = medians["plain"], medians["ours"]
    print(
        f"plain project, {plain_build['n_nodes']:.0f} nodes: "
        f"{plain_build['seconds']:.1f} s; shipped file, {ours['n_nodes']:.0f} nodes: "
        f"{ours['seconds']:.1f} s, {ours['seconds'] / plain_build['seconds']:.1f} "
        f"times by the clock, "
        f"{ours['cpu_seconds'] / plain_build['cpu_seconds']:.1f} by processor"
    )
    RESULTS.write_text(
        json.dumps({"machine": machine(), "medians": medians}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
