"""Measure whole builds beside the limit: DuckDB copying the same file into a table.

    python benchmarks/builds.py 1e6 1e7 --kinds whole real orders

`whole` are customers like the shipped ones, in whole numbers; `real` have recency,
orders and spend, log-normal, with `transform: log`; of `orders` the number is that of
order lines, five to an order, of a twentieth as many customers. Each is copied and
built by a process of its own that finds the file in memory. Results go to
``benchmarks/results/builds.json``, where those of other sizes stay.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from customers import write_customers
from machine import machine

if TYPE_CHECKING:
    from collections.abc import Sequence

BENCHMARKS = Path(__file__).resolve().parent
PROJECT = BENCHMARKS.parent
RESULTS = BENCHMARKS / "results" / "builds.json"
MEMORY = "3500MB"

COPY = """
import sys, duckdb
database, file, limit = sys.argv[1:]
with duckdb.connect(database, config={"memory_limit": limit}) as connection:
    connection.execute(f"CREATE TABLE customers AS FROM '{file}'")
"""
NORMAL = "sqrt(-2 * ln(random() + 1e-12)) * cos(2 * pi() * random())"
REAL = f"""
    select i as customer_id, floor(exp(3 + 1.1 * {NORMAL})) as recency_days,
        1 + floor(exp(1 + 0.9 * {NORMAL})) as n_orders,
        round(exp(5 + 1.2 * {NORMAL}), 2) as total_spend
    from range({{n}}) as rows(i)
"""
ORDERS = f"""
    select hash(i // 5) % ({{n}} // 20) as customer_id, i // 5 as order_id,
        timestamp '2024-01-01' + to_seconds(hash(i // 5, 1) % 47000000) as ordered_at,
        round(exp(3 + {NORMAL}), 2) as amount
    from range({{n}}) as rows(i)
"""
REAL_SETTINGS: dict[str, Any] = {
    "gender": None,
    "features": [
        {"name": name, "transform": "log"}
        for name in ("recency_days", "n_orders", "total_spend")
    ],
    "segmentations": [
        {"name": "rfm", "features": ["recency_days", "n_orders", "total_spend"]}
    ],
}


def write(kind: str, n: int, file: Path) -> dict[str, Any]:
    """Write a file of so many rows; answer the settings that build it."""
    if kind == "whole":
        write_customers(file, n)
        return {"customers_path": str(file)}
    with duckdb.connect() as connection:
        connection.execute("select setseed(0.5)")
        connection.execute("set threads = 1")
        rows = {"real": REAL, "orders": ORDERS}[kind].format(n=n)
        connection.execute(f"copy ({rows}) to '{file}' (format parquet)")
    if kind == "real":
        return {"customers_path": str(file), **REAL_SETTINGS}
    return {"orders_path": str(file)}


def run(command: Sequence[object], log: Path, **variables: str) -> dict[str, float]:
    """Run a command; answer its wall and processor seconds and its peak memory."""
    started = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=PROJECT,
            env=os.environ | variables,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed:\n{log.read_text()[-3000:]}")
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def phases(target: Path) -> dict[str, float]:
    """Add up the seconds of the build's nodes by the room that they are in."""
    results = json.loads((target / "run_results.json").read_text())["results"]
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    seconds: defaultdict[str, float] = defaultdict(float)
    for result in results:
        node = nodes.get(result["unique_id"])
        if node is None:
            continue
        folder = str(Path(node["original_file_path"]).parent)
        is_test = node["resource_type"] == "test"
        seconds["data tests" if is_test else folder] += result["execution_time"]
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def measure(kind: str, n: int, folder: Path) -> dict[str, Any]:
    """Generate, copy and build one number of rows."""
    file = folder / f"{kind}.parquet"
    settings = write(kind, n, file)
    file.read_bytes()  # So that both find it in memory.
    copy = run(
        [sys.executable, "-c", COPY, folder / "copy.duckdb", file, MEMORY],
        folder / "copy.txt",
    )
    target = folder / "target"
    build = run(
        [Path(sys.executable).parent / "dbt", "build", "--vars", json.dumps(settings)],
        folder / "build.txt",
        MALL_SEGMENTS_HOME=str(folder / "home"),
        MALL_SEGMENTS_MEMORY=MEMORY,
        DBT_TARGET_PATH=str(target),
        DBT_LOG_PATH=str(target),
        DBT_PROFILES_DIR=str(PROJECT),
    )
    return {
        "kind": kind,
        "n_rows": n,
        "input_bytes": file.stat().st_size,
        "copy": copy,
        "build": build | {"phases": phases(target)},
        "times_the_copy": build["seconds"] / copy["seconds"],
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="+", type=lambda text: int(float(text)))
    parser.add_argument(
        "--kinds", nargs="+", choices=["whole", "real", "orders"], default=["whole"]
    )
    options = parser.parse_args()
    measured = {
        (result["kind"], result["n_rows"]): result
        for result in json.loads(RESULTS.read_text())["measured"]
    }
    for kind in options.kinds:
        for n in options.sizes:
            with tempfile.TemporaryDirectory(prefix="mall_segments_") as folder:
                result = measure(kind, n, Path(folder))
                shutil.rmtree(folder, ignore_errors=True)
            print(
                f"{kind} {n:,}: copy {result['copy']['seconds']:.1f} s, build "
                f"{result['build']['seconds']:.1f} s "
                f"({result['times_the_copy']:.1f} times), peak "
                f"{result['build']['peak_memory_bytes'] / 2**30:.2f} GiB",
                flush=True,
            )
            measured[kind, n] = result
            results = {"machine": machine(), "measured": [*measured.values()]}
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
