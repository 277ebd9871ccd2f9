"""What grouping continuous values to a resolution may cost is bounded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mall_segments.clustering.kmeans import fit_kmeans
from mall_segments.clustering.search import squared_distances

N_CUSTOMERS = 20_000


@pytest.mark.parametrize("resolution", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("n_segments", [2, 5, 9])
def test_grouping_raises_the_inertia_by_no_more_than_the_bound(
    resolution: float, n_segments: int
) -> None:
    """The bound of docs/scaling.md: no customer moves by more than half a step."""
    generator = np.random.default_rng(7)
    middles = generator.uniform(0, 100, size=(6, 2))
    values = middles[generator.integers(6, size=N_CUSTOMERS)]
    values = values + generator.normal(scale=6, size=values.shape)
    scale = values.std(axis=0)
    exact = values / scale
    grouped = np.floor(values / resolution + 0.5) * resolution / scale
    furthest = math.sqrt(((resolution / 2 / scale) ** 2).sum())
    bound = furthest * math.sqrt(N_CUSTOMERS)
    points, counts = np.unique(grouped, axis=0, return_counts=True)

    fit = fit_kmeans(points, counts, n_segments=n_segments, random_seed=42)
    inertia = squared_distances(exact, fit.centroids).min(axis=1).sum()
    best = fit_kmeans(
        exact,
        np.ones(N_CUSTOMERS, dtype=np.int64),
        n_segments=n_segments,
        random_seed=42,
    )

    assert len(points) < N_CUSTOMERS
    assert abs(math.sqrt(inertia) - math.sqrt(fit.inertia)) <= bound
    assert math.sqrt(inertia) <= math.sqrt(best.inertia) + 2 * bound
