"""Weighted K-means that ends in the same place for any order, seed and threads.

Points are sorted and merged first. A deterministic search finds where to start, and
Lloyd's iteration with the one rule of assignment (nearest centroid, ties to the lower
segment) is then run to its fixed point on all points in a fixed order. Only that last
step decides what is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.search import (
    FEW_POINTS,
    RELATIVE_TIE,
    find_centroids,
)
from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mall_segments.clustering import FloatArray, IntArray

MAX_ROUNDS = 100
"""Rounds after which an iteration stops; never reached in practice."""

LARGEST_VALUE = 1e100
"""Largest magnitude of a coordinate whose square is still a finite double."""

CHUNK_POINTS = 16_384
"""Points whose distances are computed at once, so that they stay in the cache."""


@dataclass(frozen=True)
class KMeansFit:
    """A fixed point of weighted K-means.

    ``centroids`` are the means of the segments in scaled units, by customers
    descending, then by coordinates ascending; ``labels`` is the nearest row of these
    for each point, ties to the lower row; ``sizes`` the customers of each segment, at
    least 1; ``inertia`` the sum of the customers' squared distances.
    """

    centroids: FloatArray
    labels: IntArray
    sizes: IntArray
    inertia: float


def fit_kmeans(
    points: FloatArray, weights: IntArray, *, n_segments: int, random_seed: int
) -> KMeansFit:
    """Partition weighted points into the segments of least inertia found.

    The points are in scaled units, in any order, repeated or not; those without
    customers are labelled, not fitted. The result is bit-identical for any order of the
    points and any number of threads; the seed decides where the search starts, not how
    it ends. Of partitions with equal inertia, the table of centroids that comes first
    in ascending order wins.

    Raises
    ------
    ValueError
        If a value is not finite or beyond 1e100, a weight is negative, or a setting
        is outside its range.

    Examples
    --------
    >>> fit = fit_kmeans(
    ...     np.array([[0.0], [1.0], [9.0]]),
    ...     np.array([1, 1, 3]),
    ...     n_segments=2,
    ...     random_seed=0,
    ... )
    >>> fit.centroids.tolist(), fit.sizes.tolist(), fit.inertia
    ([[9.0], [0.5]], [3, 2], 0.5)
    """
    return fit_kmeans_range(
        points, weights, n_segments=[n_segments], random_seed=random_seed
    )[n_segments]


def fit_kmeans_range(
    points: FloatArray,
    weights: IntArray,
    *,
    n_segments: Iterable[int],
    random_seed: int,
) -> dict[int, KMeansFit]:
    """Fit several numbers of segments, each as :func:`fit_kmeans` does."""
    numbers = list(n_segments)
    _check_points(points, weights)
    distinct, counts = merge_points(points, weights)
    for number in numbers:
        if not 1 <= number <= len(distinct):
            raise ValueError(
                f"n_segments={number} is outside 1 to {len(distinct)}, the number of "
                "distinct points with customers"
            )
    if not 0 <= random_seed < 2**32:
        raise ValueError(f"random_seed={random_seed} is outside 0 to 2**32 - 1")
    # Sums of squares lose digits far from 0.
    center = np.average(distinct, axis=0, weights=counts)

    def fit(number: int) -> KMeansFit:
        tables = find_centroids(distinct - center, counts, number, random_seed)
        fits = [_settle_in_order(distinct, counts, table + center) for table in tables]
        least = min(fit.inertia for fit in fits)
        tied = [fit for fit in fits if fit.inertia <= least * (1 + RELATIVE_TIE)]
        fitted = min(tied, key=lambda fit: fit.centroids.tolist())
        labels = assign_points(points, fitted.centroids)
        return KMeansFit(fitted.centroids, labels, fitted.sizes, fitted.inertia)

    # Among few points a search is many short calls, which threads would only delay.
    are_few = len(distinct) <= FEW_POINTS
    found = [*map(fit, numbers)] if are_few else in_parallel(fit, numbers)
    return dict(zip(numbers, found, strict=True))


def assign_points(points: FloatArray, centroids: FloatArray) -> IntArray:
    """Label each point with its nearest centroid, ties to the lower row.

    Squared distances are summed feature by feature in column order, as the SQL of
    the project does, so both agree to the last bit.

    Examples
    --------
    >>> assign_points(np.array([[1.0], [4.0]]), np.array([[0.0], [2.0]])).tolist()
    [0, 1]
    """
    labels = np.zeros(len(points), dtype=np.int64)
    for first in range(0, len(points), CHUNK_POINTS):
        chunk = slice(first, first + CHUNK_POINTS)
        columns = np.ascontiguousarray(points[chunk].T)
        nearest = np.full(columns.shape[1], np.inf)
        for row, targets in enumerate(centroids):
            distances = (columns[0] - targets[0]) ** 2
            for column, target in zip(columns[1:], targets[1:], strict=True):
                distances += (column - target) ** 2
            is_nearer = distances < nearest
            labels[chunk][is_nearer] = row
            np.minimum(nearest, distances, out=nearest)
    return labels


def merge_points(points: FloatArray, weights: IntArray) -> tuple[FloatArray, IntArray]:
    """Sort points, merge equal ones and drop those without customers."""
    used = weights > 0
    kept, counts = points[used] + 0.0, weights[used].astype(np.int64)
    order = np.lexsort(kept.T[::-1])
    kept, counts = kept[order], counts[order]
    if not len(kept):
        return kept, counts
    first = np.concatenate([[True], (kept[1:] != kept[:-1]).any(axis=1)])
    return kept[first], np.add.reduceat(counts, np.flatnonzero(first))


def sample_customers(
    points: FloatArray, weights: IntArray, most: int
) -> tuple[FloatArray, IntArray]:
    """Take every so many-th customer along the sorted points, or all if few [1]_.

    Nothing is random, and a point with many customers is drawn in proportion.

    References
    ----------
    .. [1] Madow and Madow (1944), "On the theory of systematic sampling", Annals of
       Mathematical Statistics 15, 1-24.
    """
    ends = np.cumsum(weights)
    if not len(ends) or ends[-1] <= most:
        return points, weights
    places = (2 * np.arange(most, dtype=np.int64) + 1) * int(ends[-1]) // (2 * most)
    chosen, counts = np.unique(
        np.searchsorted(ends, places, side="right"), return_counts=True
    )
    return points[chosen], counts.astype(np.int64)


def settle_centroids(
    points: FloatArray, weights: IntArray, centroids: FloatArray
) -> KMeansFit:
    """Iterate assignment and means from the given centroids to a fixed point.

    The points are sorted and merged. The order of the centroids is kept: a tie goes to
    the lower row. A segment that loses all its customers on the way restarts at the
    point that is farthest from its centroid, so none is empty.
    """
    customers = weights.astype(np.float64)
    columns = np.ascontiguousarray(points.T)
    totals = np.stack([customers, *(columns * customers)])
    labels = np.full(len(points), -1)
    for _ in range(MAX_ROUNDS):
        found = assign_points(points, centroids)
        if np.array_equal(found, labels):
            break
        labels, sums = _fill_empty(points, centroids, found, totals)
        centroids = (sums[1:] / sums[0]).T
    distances = np.zeros(len(points))
    for column, targets in zip(columns, centroids.T, strict=True):
        distances += (column - targets[labels]) ** 2
    return KMeansFit(
        centroids=centroids,
        labels=labels,
        sizes=sums[0].astype(np.int64),
        inertia=float(np.cumsum(customers * distances)[-1]),
    )


def _settle_in_order(
    points: FloatArray, weights: IntArray, centroids: FloatArray
) -> KMeansFit:
    """Settle, renumbering until numbers and ties agree."""
    fit = settle_centroids(points, weights, centroids)
    for _ in range(MAX_ROUNDS):
        order = np.lexsort((*fit.centroids.T[::-1], -fit.sizes))
        if np.array_equal(order, np.arange(len(order))):
            break
        fit = settle_centroids(points, weights, fit.centroids[order])
    return fit


def _fill_empty(
    points: FloatArray, centroids: FloatArray, labels: IntArray, totals: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Give each empty segment the point that is farthest from its centroid."""
    n_segments = len(centroids)
    counts = np.bincount(labels, minlength=n_segments)
    if not counts.all():
        labels = labels.copy()
        distances = ((points - centroids[labels]) ** 2).sum(axis=1)
        for segment in np.flatnonzero(counts == 0):
            place = int(np.where(counts[labels] > 1, distances, -1).argmax())
            counts[labels[place]] -= 1
            counts[segment] = 1
            labels[place] = segment
            distances[place] = 0
    sums = [
        np.bincount(labels, weights=total, minlength=n_segments) for total in totals
    ]
    return labels, np.stack(sums)


def _check_points(points: FloatArray, weights: IntArray) -> None:
    if points.ndim != np.ndim([[]]) or not points.shape[1]:
        raise ValueError(
            f"points has shape {points.shape}; a table of one or more columns is needed"
        )
    if weights.shape != (len(points),):
        raise ValueError(
            f"weights has shape {weights.shape}; it must be ({len(points)},), one "
            "value per point"
        )
    if len(weights) and weights.min() < 0:
        raise ValueError(f"weights holds {weights.min()}; 0 is the least allowed")
    if not (np.abs(points) <= LARGEST_VALUE).all():
        raise ValueError(
            f"points holds a value that is not finite or beyond {LARGEST_VALUE:g}"
        )
