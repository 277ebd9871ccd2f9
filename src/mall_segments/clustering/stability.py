"""How well segments come back when the customers are drawn anew.

A segment that is there is found again in other customers of the same kind. Customers
are drawn with replacement, K-means is fitted to them from scratch, and both partitions
assign all customers. Nothing of the answer enters the refit, as that would find again
whatever was put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.kmeans import (
    assign_points,
    sample_customers,
)
from mall_segments.clustering.references import SIMULATED_CUSTOMERS
from mall_segments.clustering.runs import SetFits, fit_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.clustering import FloatArray, IntArray

N_RESAMPLES = 30
"""Bootstrap resamples."""

STABLE = 0.75
"""Mean Jaccard index from which a segment counts as stable, after Hennig."""

_STREAM = 2


def stabilities(
    points: FloatArray,
    weights: IntArray,
    tables: Sequence[FloatArray],
    *,
    random_seed: int,
) -> list[tuple[FloatArray, float]]:
    """Judge partitions of sorted, merged points on the same resamples.

    Returns, per partition, the mean over resamples of each segment's Jaccard index with
    the most similar segment there [1]_, and of the adjusted Rand index of the whole.
    Valid, stable segments reach 0.75 or more; below 0.6 a segment should not be
    trusted, below 0.5 it is dissolved. NaN for a segment that no customer is in.

    As many customers as there are, or 1,000 sampled evenly of more, are drawn with
    replacement 30 times. That many customers waver more than all of a large shop would,
    so the result is then on the careful side.

    References
    ----------
    .. [1] Hennig (2007), "Cluster-wise assessment of cluster stability", Comput.
       Stat. Data Anal. 52, 258-271.
    """
    points, weights = sample_customers(points, weights, SIMULATED_CUSTOMERS)
    n_drawn = int(weights.sum())
    generator = np.random.default_rng([random_seed, _STREAM])
    drawn = generator.multinomial(n_drawn, weights / n_drawn, size=N_RESAMPLES)
    fits = fit_sets(
        points[None],
        drawn.astype(np.float64),
        max_segments=max(len(table) for table in tables),
        random_seed=[random_seed, _STREAM, 1],
    )
    return [
        _compare(
            assign_points(points, table), fits[len(table) - 1], weights, len(table)
        )
        for table in tables
    ]


def _compare(
    labels: IntArray, fits: SetFits, weights: IntArray, n_segments: int
) -> tuple[FloatArray, float]:
    n_sets = len(fits.labels)
    cells = (
        np.arange(n_sets)[:, None] * n_segments + labels
    ) * n_segments + fits.labels
    together = np.bincount(
        cells.ravel(),
        weights=np.tile(weights, n_sets),
        minlength=n_sets * n_segments**2,
    ).astype(np.float64)
    together = together.reshape(n_sets, n_segments, n_segments)
    own = together.sum(axis=2, keepdims=True)
    union = own + together.sum(axis=1, keepdims=True) - together
    overlap = together / np.where(union > 0, union, 1)
    jaccard = overlap.max(axis=2).mean(axis=0)
    jaccard[own[0, :, 0] == 0] = np.nan
    return jaccard, float(_adjusted_rand(together).mean())


def _adjusted_rand(together: FloatArray) -> FloatArray:
    """Return the adjusted Rand index of each table of customers in two partitions."""

    def pairs(counts: FloatArray) -> FloatArray:
        found: FloatArray = (counts * (counts - 1) / 2).sum(axis=1)
        return found

    n_customers = together[0].sum()
    same = pairs(together.reshape(len(together), -1))
    rows, columns = pairs(together.sum(axis=2)), pairs(together.sum(axis=1))
    expected = rows * columns / (n_customers * (n_customers - 1) / 2)
    room = (rows + columns) / 2 - expected
    return np.where(room > 0, (same - expected) / np.where(room > 0, room, 1), 1.0)
