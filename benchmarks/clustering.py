"""Measure the clustering of a finished build once more, with nothing beside it.

    python benchmarks/clustering.py WORKING_DATABASE MANIFEST

Runs the models that fit, score every number of segments and compute silhouettes on the
points of the working database, keeps nothing of what they answer, and prints the
seconds by model as JSON. What they import is imported before.
"""

import json
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import duckdb

from mall_segments.clustering.threads import use_one_thread

MODELS = ("int_cluster_counts_scored", "segments", "int_point_silhouettes")


def measure(database: str, manifest: str) -> dict[str, float]:
    """Run the models as dbt does; answer the seconds of each."""
    project = Path(__file__).resolve().parents[1]
    nodes = json.loads(Path(manifest).read_text(encoding="utf-8"))["nodes"]
    seconds = {}
    use_one_thread()  # Loads the libraries.
    with duckdb.connect(database, read_only=True) as connection:
        for name in MODELS:
            node = nodes[f"model.mall_segments.{name}"]
            model = runpy.run_path(str(project / node["original_file_path"]))["model"]
            dbt = SimpleNamespace(ref=connection.table, config=node["config"])
            started = time.perf_counter()
            model(dbt, connection)
            seconds[name] = time.perf_counter() - started
    return seconds


def main(arguments: Sequence[str]) -> int:
    """Measure what the command line names."""
    print(json.dumps(measure(*arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
