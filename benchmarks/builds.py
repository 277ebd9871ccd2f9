"""Measure whole builds beside the limit: DuckDB copying the same file into a table.

    python benchmarks/builds.py 1e5 1e6 1e7

For each number of customers a Parquet file is generated, copied and built from, each by
a process of its own that finds the file in memory. The results go to
``benchmarks/results/builds.json``, from which ``report.py`` makes a page.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from customers import write_customers

BENCHMARKS = Path(__file__).resolve().parent
PROJECT = BENCHMARKS.parent
RESULTS = BENCHMARKS / "results" / "builds.json"
CLUSTERING = BENCHMARKS / "clustering.py"
CUSTOMERS_PER_FILE = 100_000_000

COPY = """
import sys, duckdb
database, files, limit = sys.argv[1:]
with duckdb.connect(database, config={"memory_limit": limit}) as connection:
    connection.execute(f"CREATE TABLE customers AS FROM '{files}'")
"""

# Nodes by what their time is spent on; the rest is SQL on points, and marts.
PHASES = {
    "read, check and group the rows": (
        "base_mall__customers",
        "stg_mall__customers",
        "int_duplicate_customer_ids",
        "int_customers_checked",
        "int_customers_rejected",
        "int_combinations",
    ),
    "cluster: fit, score every number of segments, silhouettes": (
        "int_cluster_counts_scored",
        "segments",
        "int_point_silhouettes",
    ),
    "other algorithms, components, rules": (
        "int_algorithms_scored",
        "int_principal_components",
        "int_segment_rules",
    ),
    "write and count the customers": (
        "int_customer_combinations",
        "dim_customers",
        "fct_customer_segments",
        "int_customers_counted_by_segment",
    ),
    "publish": ("fct_published_tables",),
}


def run(
    command: Sequence[object],
    *,
    output: Path,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run a command; answer its wall and processor seconds and its peak memory."""
    started_at = datetime.now(UTC).isoformat()
    started = time.perf_counter()
    with output.open("w") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=PROJECT,
            env=os.environ | dict(variables or {}),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed:\n{output.read_text()[-3000:]}")
    return {
        "started_at": started_at,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def measure(n_customers: int, folder: Path, memory_limit: str) -> dict[str, Any]:
    """Generate, copy and build one number of customers."""
    n_files = -(-n_customers // CUSTOMERS_PER_FILE)
    target = folder / ("customers.parquet" if n_files == 1 else "customers")
    if not target.exists():
        write_customers(target, n_customers, n_files=n_files)
    files = [target] if n_files == 1 else sorted(target.iterdir())
    path = target if n_files == 1 else target / "*.parquet"
    for file in files:
        file.read_bytes()  # So that both find it in memory.

    database = folder / "copy.duckdb"
    copy = run(
        [sys.executable, "-c", COPY, database, path, memory_limit],
        output=folder / "copy.txt",
    )
    copy["bytes_on_disk"] = database.stat().st_size
    database.unlink()

    home, target_path = folder / "home", folder / "target"
    shutil.rmtree(home, ignore_errors=True)
    build = run(
        [
            *(Path(sys.executable).parent / "dbt", "build"),
            *("--vars", json.dumps({"customers_path": str(path)})),
        ],
        output=folder / "build.txt",
        variables={
            "MALL_SEGMENTS_HOME": str(home),
            "MALL_SEGMENTS_MEMORY": memory_limit,
            "DBT_TARGET_PATH": str(target_path),
            "DBT_LOG_PATH": str(target_path),
            "DBT_PROFILES_DIR": str(PROJECT),
        },
    )
    database = home / "warehouse" / "mall_segments_working.duckdb"
    alone = folder / "clustering.json"
    run(
        [sys.executable, CLUSTERING, database, target_path / "manifest.json"],
        output=alone,
    )
    return {
        "n_customers": n_customers,
        "input_bytes": sum(file.stat().st_size for file in files),
        "copy": copy,
        "build": build
        | {
            "warehouse_bytes": n_bytes(home / "warehouse"),
            "published_bytes": n_bytes(home / "published"),
            "n_points": points_by_segmentation(home),
            "seconds_before_nodes": seconds_before_nodes(target_path, build),
            "phases": phases(target_path),
            "clustering_alone": json.loads(alone.read_text()),
        },
    }


def n_bytes(folder: Path) -> int:
    """Count the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def points_by_segmentation(home: Path) -> dict[str, int]:
    """Count the distinct points that were published."""
    import duckdb  # noqa: PLC0415

    database = home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return dict(
            connection.execute(
                "SELECT segmentation, count(*) FROM fct_segment_points GROUP BY ALL"
            ).fetchall()
        )


def node_results(target_path: Path) -> list[dict[str, Any]]:
    """Read what dbt says about each node of a build."""
    text = (target_path / "run_results.json").read_text()
    results: list[dict[str, Any]] = json.loads(text)["results"]
    return results


def seconds_before_nodes(target_path: Path, build: Mapping[str, Any]) -> float:
    """Return how long dbt took to start and to parse the project."""
    first = min(
        datetime.fromisoformat(timing["started_at"])
        for result in node_results(target_path)
        for timing in result["timing"]
    )
    return (first - datetime.fromisoformat(build["started_at"])).total_seconds()


def phases(target_path: Path) -> dict[str, float]:
    """Add up the seconds of the build's nodes by phase."""
    known = {node: phase for phase, nodes in PHASES.items() for node in nodes}
    seconds = dict.fromkeys([*PHASES, "data tests", "points and marts"], 0.0)
    for result in node_results(target_path):
        kind, _, node, *_ = result["unique_id"].split(".")
        other = "data tests" if kind == "test" else "points and marts"
        seconds[known.get(node, other)] += result["execution_time"]
    return seconds


def machine() -> dict[str, str]:
    """Describe what the numbers were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = ("duckdb", "dbt-core", "dbt-duckdb", "numpy", "scikit-learn")
    return {
        "processors": f"{os.cpu_count()} x {model}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the numbers of customers that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "sizes", nargs="+", type=lambda text: int(float(text)), help="customers"
    )
    parser.add_argument("--memory-limit", default="4GB", help="of the engine")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where files are made and kept; customers of a former run are used again",
    )
    options = parser.parse_args(arguments)
    measured = []
    for n_customers in options.sizes:
        print(f"{n_customers:,} customers ...", flush=True)
        root = options.folder or Path(tempfile.mkdtemp(prefix="mall_segments_"))
        folder = root / str(n_customers)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            result = measure(n_customers, folder, options.memory_limit)
        finally:
            if not options.folder:
                shutil.rmtree(root)
        ratio = result["build"]["seconds"] / result["copy"]["seconds"]
        print(
            f"  copy {result['copy']['seconds']:.1f} s, "
            f"build {result['build']['seconds']:.1f} s ({ratio:.1f} times), peak "
            f"{result['build']['peak_memory_bytes'] / 2**30:.2f} GiB",
            flush=True,
        )
        measured.append(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {
                "machine": machine(),
                "memory_limit": options.memory_limit,
                "measured": measured,
            },
            indent=2,
        )
        + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
