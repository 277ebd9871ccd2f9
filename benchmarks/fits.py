"""Measure the fit to points beside scikit-learn's fit to the rows they stand for.

    python benchmarks/fits.py 1e7

Customers have recency, orders and spend, log-normal and scaled; the points are those of
equal steps, as `int_points` groups them. Inertia is computed from the rows for both.
Results go to ``benchmarks/results/fits.json``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from sklearn.cluster import KMeans

from mall_segments.clustering.coordinates import STEPS
from mall_segments.clustering.kmeans import fit_kmeans, merge_points

RESULTS = Path(__file__).resolve().parent / "results" / "fits.json"
N_SEGMENTS = 5


def group(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group rows to the means of equal steps, with their counts."""
    keys = np.round(rows / STEPS[rows.shape[1]]).astype(np.int64)
    _, place, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    sums = np.column_stack(
        [np.bincount(place.ravel(), weights=column) for column in rows.T]
    )
    return merge_points(sums / counts[:, None], counts)


def inertia(rows: np.ndarray, centroids: np.ndarray) -> float:
    """Sum the squared distances of rows to their nearest centroids, in parts."""
    return float(
        sum(
            ((part[:, None, :] - centroids[None]) ** 2).sum(axis=2).min(axis=1).sum()
            for part in np.array_split(rows, max(1, len(rows) // 200_000))
        )
    )


def timed(name: str, fit: Any, rows: np.ndarray) -> dict[str, Any]:
    """Time a fit that answers centroids."""
    started = time.perf_counter()
    centroids = fit()
    seconds = time.perf_counter() - started
    return {"name": name, "seconds": seconds, "inertia": inertia(rows, centroids)}


def main() -> None:
    """Measure one number of customers."""
    n = int(float(sys.argv[1]))
    generator = np.random.default_rng(5)
    rows = generator.standard_normal((n, 3))
    rows[:, 2] += 0.6 * rows[:, 1]
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    started = time.perf_counter()
    points, counts = group(rows)
    grouping = time.perf_counter() - started

    def fit_points() -> np.ndarray:
        return fit_kmeans(
            points, counts, n_segments=N_SEGMENTS, random_seed=42
        ).centroids

    def fit_rows() -> np.ndarray:
        model = KMeans(N_SEGMENTS, n_init=10, random_state=42)
        return model.fit(rows).cluster_centers_

    fits = [
        timed("mall-segments, on points", fit_points, rows),
        timed("scikit-learn, on rows", fit_rows, rows),
    ]
    result = {
        "machine": machine(),
        "n_customers": n,
        "n_points": len(points),
        "grouping_seconds": grouping,
        "fits": fits,
        "times_faster": fits[1]["seconds"] / fits[0]["seconds"],
        "relative_inertia": fits[0]["inertia"] / fits[1]["inertia"] - 1,
    }
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
