"""K-means of few points: the runs of a search side by side, instead of one by one.

Of some hundred points a run of scikit-learn's K-means takes longer to be called than to
compute, and a search makes hundreds. More points go to :mod:`.kmeans` as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.kmeans import (
    KMeansFit,
    _settle_in_order,
    fit_kmeans_range,
)
from mall_segments.clustering.runs import _Draws, _run_lloyd
from mall_segments.clustering.search import (
    MAX_ROUNDS,
    N_FINISHED,
    N_MOVES,
    N_REFINED,
    N_SEARCHED,
    RELATIVE_TIE,
    _distinct,
    _exchange,
    _is_same,
    _relocate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mall_segments.clustering import FloatArray, IntArray

    Found = tuple[float, FloatArray]

FEW_POINTS = 1_000
"""Points up to which runs are computed side by side."""

N_STARTS = 200
"""k-means++ starts, ten times as many as one by one: they cost next to nothing."""


def fit_counts(
    points: FloatArray,
    weights: IntArray,
    *,
    n_segments: Iterable[int],
    random_seed: int,
) -> dict[int, KMeansFit]:
    """Fit several numbers of segments to sorted, merged points.

    The search is that of :func:`mall_segments.clustering.kmeans.fit_kmeans`, but for
    its random starts, and what it promises holds here as well.
    """
    numbers = list(n_segments)
    if len(points) > FEW_POINTS or max(numbers) > len(points):
        return fit_kmeans_range(
            points, weights, n_segments=numbers, random_seed=random_seed
        )
    center = np.average(points, axis=0, weights=weights)
    fitted = {}
    for number in numbers:
        tables = _find_centroids(points - center, weights, number, random_seed)
        fits = [_settle_in_order(points, weights, table + center) for table in tables]
        least = min(fit.inertia for fit in fits)
        tied = [fit for fit in fits if fit.inertia <= least * (1 + RELATIVE_TIE)]
        fitted[number] = min(tied, key=lambda fit: fit.centroids.tolist())
    return fitted


def _find_centroids(
    points: FloatArray, customers: IntArray, n_segments: int, random_seed: int
) -> list[FloatArray]:
    """Tables of least inertia: one, or more that differ."""
    weights = customers.astype(np.float64)
    if n_segments == 1:
        return [np.average(points, axis=0, weights=weights)[None]]
    if n_segments == len(points):
        return [points]
    pool = _search(points, weights, n_segments, random_seed)
    least = pool[0][0] * (1 + RELATIVE_TIE)
    tied = {
        np.round(table[np.lexsort(table.T[::-1])], 9).tobytes(): table
        for inertia, table in pool
        if inertia <= least
    }
    return list(tied.values())


def _search(
    points: FloatArray, weights: FloatArray, n_segments: int, random_seed: int
) -> list[Found]:
    """Relocate the best partitions and hand over single points, until none is new."""
    columns = np.ascontiguousarray(points.T)[None]

    def run(tables: FloatArray) -> list[Found]:
        found = _run_lloyd(columns, weights[None], tables)[:2]
        ended = zip(found[1].tolist(), found[0], strict=True)
        return sorted(ended, key=lambda each: each[0])

    def hand_over(best: list[Found]) -> list[Found]:
        return run(np.stack([_exchange(points, weights, table) for _, table in best]))

    generators = [np.random.default_rng([random_seed, row]) for row in range(N_STARTS)]
    draws = _Draws(columns, weights[None], generators)
    begun = run(draws.grow(np.zeros((N_STARTS, 0, points.shape[1])), n_segments))
    pool = begun + hand_over(begun[:N_REFINED])
    searched: list[float] = []
    for _ in range(MAX_ROUNDS):
        pool.sort(key=lambda each: each[0])
        fresh = [
            each
            for each in _distinct(pool)[:N_SEARCHED]
            if not any(_is_same(each[0], other) for other in searched)
        ]
        if not fresh:
            break
        inertia, table = fresh[0]
        searched.append(inertia)
        moved = run(np.stack(_relocate(points, weights, table, N_MOVES)))[:N_FINISHED]
        pool += moved + hand_over(moved)
    return pool
