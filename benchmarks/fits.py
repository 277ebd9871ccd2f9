"""Measure a fit of five segments beside those who cluster the rows themselves.

    python benchmarks/fits.py 1e7

Every competitor gets the same standardised income and spending of the same customers,
as an array in memory, and ten k-means++ starts. Ours gets the same customers as a
Parquet file, which it also has to read and group. Each runs in a process of its own.
The results go to ``benchmarks/results/fits.json``.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from builds import machine
from customers import write_customers

RESULTS = Path(__file__).resolve().parent / "results" / "fits.json"
N_SEGMENTS = 5
N_STARTS = 10
SEED = 42

# With its default of 1,024 rows MiniBatchKMeans takes several times as long.
BATCH_SIZE = 2**14

GROUPED = """
    SELECT "Annual Income (k$)" AS income, "Spending Score (1-100)" AS score, count(*)
    FROM '{path}' GROUP BY ALL
"""

Row = dict[str, Any]


def standardised_rows(path: Path) -> np.ndarray:
    """Read all customers as rows of two standardised features."""
    with duckdb.connect() as connection:
        columns = connection.execute(
            'SELECT "Annual Income (k$)" AS income, "Spending Score (1-100)" AS score '
            f"FROM '{path}'"
        ).fetchnumpy()
    rows = np.column_stack([columns["income"], columns["score"]]).astype(np.float64)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def inertia(rows: np.ndarray, centroids: np.ndarray) -> float:
    """Sum of squared distances to the nearest centroid, the same for all."""
    total = 0.0
    for first in range(0, len(rows), 1_000_000):
        chunk = rows[first : first + 1_000_000]
        distances = ((chunk[:, None] - centroids[None]) ** 2).sum(axis=2)
        total += float(distances.min(axis=1).sum())
    return total


def ours(path: Path) -> Row:
    """Group the rows to points and fit those, as a build does."""
    from mall_segments.clustering.kmeans import fit_kmeans  # noqa: PLC0415
    from mall_segments.clustering.threads import use_one_thread  # noqa: PLC0415

    use_one_thread()  # Loads scikit-learn, as the competitors have loaded it.
    started = time.perf_counter()
    with duckdb.connect() as connection:
        columns = list(
            connection.execute(GROUPED.format(path=path)).fetchnumpy().values()
        )
    grouped = time.perf_counter()
    points = np.column_stack(columns[:2]).astype(np.float64)
    weights = np.asarray(columns[2], dtype=np.int64)
    mean = np.average(points, axis=0, weights=weights)
    spread = np.sqrt(np.average((points - mean) ** 2, axis=0, weights=weights))
    fit = fit_kmeans(
        (points - mean) / spread, weights, n_segments=N_SEGMENTS, random_seed=SEED
    )
    ended = time.perf_counter()
    rows = standardised_rows(path)
    return {
        "what": "mall-segments",
        "seconds": ended - grouped,
        "seconds_with_reading": ended - started,
        "inertia": inertia(rows, fit.centroids),
    }


def scikit_learn(path: Path) -> Row:
    """Fit scikit-learn's KMeans to the rows."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    model = KMeans(N_SEGMENTS, n_init=N_STARTS, random_state=SEED)
    return _fit_rows("scikit-learn KMeans", path, lambda rows: _centers(model, rows))


def mini_batch(path: Path) -> Row:
    """Fit scikit-learn's MiniBatchKMeans to the rows."""
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415

    model = MiniBatchKMeans(
        N_SEGMENTS, n_init=N_STARTS, batch_size=BATCH_SIZE, random_state=SEED
    )
    return _fit_rows(
        "scikit-learn MiniBatchKMeans", path, lambda rows: _centers(model, rows)
    )


def intelex(path: Path) -> Row:
    """Fit KMeans of scikit-learn-intelex to the rows."""
    from sklearnex.cluster import KMeans  # noqa: PLC0415

    model = KMeans(N_SEGMENTS, n_init=N_STARTS, random_state=SEED)
    return _fit_rows(
        f"scikit-learn-intelex {version('scikit-learn-intelex')}",
        path,
        lambda rows: _centers(model, rows),
    )


def faiss(path: Path) -> Row:
    """Fit the K-means of faiss to the rows, all of them, in its single precision."""
    import faiss  # noqa: PLC0415

    def fit(rows: np.ndarray) -> np.ndarray:
        model = faiss.Kmeans(
            rows.shape[1],
            N_SEGMENTS,
            nredo=N_STARTS,
            niter=100,
            seed=SEED,
            max_points_per_centroid=len(rows),
        )
        model.train(rows.astype(np.float32))
        return np.asarray(model.centroids, dtype=np.float64)

    return _fit_rows(f"faiss {version('faiss-cpu')}", path, fit)


def _centers(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model.fit(rows).cluster_centers_)


def _fit_rows(what: str, path: Path, fit: Callable[[np.ndarray], np.ndarray]) -> Row:
    rows = standardised_rows(path)
    started = time.perf_counter()
    centroids = fit(rows)
    seconds = time.perf_counter() - started
    return {"what": what, "seconds": seconds, "inertia": inertia(rows, centroids)}


COMPETITORS = (ours, scikit_learn, mini_batch, intelex, faiss)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all on as many customers as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_customers", type=lambda text: int(float(text)))
    n_customers = parser.parse_args(arguments).n_customers
    results = []
    with tempfile.TemporaryDirectory() as folder:
        path = write_customers(Path(folder) / "customers.parquet", n_customers)[0]
        context = multiprocessing.get_context("spawn")
        for competitor in COMPETITORS:
            with context.Pool(1) as processes:
                result = processes.apply(competitor, [path])
            results.append(result)
            print(
                f"{result['what']}: {result['seconds']:.2f} s, "
                f"inertia {result['inertia']:.6f}",
                flush=True,
            )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {"machine": machine(), "n_customers": n_customers, "fits": results},
            indent=2,
        )
        + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
