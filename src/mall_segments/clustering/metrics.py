"""Measures of a partition of weighted points: one row stands for its customers.

Every measure is what scikit-learn returns for rows repeated once per customer, without
repeating anything; ``None`` for one segment or one segment per customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.clustering import FloatArray, IntArray

CHUNK_DISTANCES = 2_000_000
"""Distances that a thread holds in memory at once: 16 MB of doubles."""

FENCE = 1.5
"""Interquartile ranges above the third quartile at which Tukey puts the fence."""

LEAST_INSIDE = 0.9
"""Share of the customers that the fence leaves inside, whatever the quartiles."""

ROUNDING = 1e-9
"""How far beyond the fence a distance is still inside, relative and absolute."""

MAX_ROUNDS, SETTLED = 1_000, 1e-12
"""Rounds of an estimate at most, and the relative change at which it has settled."""

NEGLIGIBLE = 1e-12
"""Share of the spread of all customers below which a spread is rounding."""


def silhouettes(
    points: FloatArray, weights: IntArray, labelings: Sequence[IntArray]
) -> list[FloatArray | None]:
    """Silhouette [1]_ of a customer on each point, for many labelings in one pass.

    0 for the only customer of a segment. Each chunk of distances is computed once and
    multiplied with the weighted one-hot labelings side by side.

    References
    ----------
    .. [1] Rousseeuw (1987), "Silhouettes", J. Comput. Appl. Math. 20, 53-65.

    Examples
    --------
    >>> values = silhouettes(
    ...     np.array([[0.0], [4.0]]), np.array([2, 1]), [np.array([0, 1])]
    ... )[0]
    >>> values.tolist()
    [1.0, 0.0]
    """
    n_customers = int(weights.sum())
    coded = [np.unique(labels, return_inverse=True)[1] for labels in labelings]
    members = [_one_hot(codes) * weights[:, None] for codes in coded]
    defined = [
        place for place, own in enumerate(members) if 1 < own.shape[1] < n_customers
    ]
    results: list[FloatArray | None] = [None] * len(coded)
    if not defined:
        return results
    side_by_side = np.concatenate([members[place] for place in defined], axis=1)
    rows = max(1, CHUNK_DISTANCES // len(points))
    chunks = [slice(first, first + rows) for first in range(0, len(points), rows)]
    sums = np.concatenate(
        in_parallel(lambda chunk: cdist(points[chunk], points) @ side_by_side, chunks)
    )
    ends = np.cumsum([members[place].shape[1] for place in defined])
    for place, own in zip(defined, np.split(sums, ends[:-1], axis=1), strict=True):
        sizes = members[place].sum(axis=0)
        results[place] = _silhouettes_from_sums(own, sizes, coded[place])
    return results


def _one_hot(codes: IntArray) -> FloatArray:
    hot: FloatArray = np.equal.outer(codes, np.arange(codes.max() + 1)).astype(float)
    return hot


def _silhouettes_from_sums(
    sums: FloatArray, sizes: FloatArray, codes: IntArray
) -> FloatArray:
    """Silhouettes from each point's summed distances to every segment."""
    rows = np.arange(len(sums))
    alone = sizes[codes] == 1
    own = sums[rows, codes] / np.where(alone, 1, sizes[codes] - 1)
    means = sums / sizes
    means[rows, codes] = np.inf
    nearest = means.min(axis=1)
    scale = np.maximum(own, nearest)
    values: FloatArray = (nearest - own) / np.where(scale == 0, 1, scale)
    values[alone] = 0
    return values


def compactness(
    points: FloatArray, weights: IntArray, labels: IntArray
) -> tuple[float | None, float | None]:
    """Calinski-Harabasz and Davies-Bouldin of a partition.

    The first is the ratio of the spread between segments to that within them [1]_,
    higher is better; ``None`` where there is none within, where scikit-learn returns 1.
    The second averages, over segments, the worst ratio of spread to separation [2]_,
    lower is better; ``None`` for two segments with the same mean.

    References
    ----------
    .. [1] Calinski and Harabasz (1974), "A dendrite method for cluster analysis",
       Communications in Statistics 3, 1-27.
    .. [2] Davies and Bouldin (1979), "A cluster separation measure", IEEE Trans.
       Pattern Anal. Mach. Intell. 1, 224-227.
    """
    codes, sizes, means = _segments(points, weights, labels)
    n_segments, n_customers = len(sizes), int(weights.sum())
    if not 1 < n_segments < n_customers:
        return None, None
    squared = ((points - means[codes]) ** 2).sum(axis=1)
    within = float(weights @ squared)
    between = float(sizes @ ((means - sizes @ means / n_customers) ** 2).sum(axis=1))
    ratio = None
    if within > NEGLIGIBLE * between:
        ratio = between * (n_customers - n_segments) / (within * (n_segments - 1))
    separations = cdist(means, means)
    np.fill_diagonal(separations, np.inf)
    if separations.min() <= NEGLIGIBLE * np.ptp(points):
        return ratio, None
    spreads = np.bincount(codes, weights * np.sqrt(squared)) / sizes
    ratios = np.add.outer(spreads, spreads) / separations
    return ratio, float(ratios.max(axis=1).mean())


def separation(points: FloatArray, weights: IntArray, labels: IntArray) -> float | None:
    """How far apart the two closest segments are, along the line between them [1]_.

    The least, over pairs of segments, of the distance between their means divided by
    the root of the mean of their variances along that line. The halves of an even
    spread have 3.46 and those of a normal cloud 2.65, so higher is better. ``None`` for
    one segment, or where no segment has any spread.

    References
    ----------
    .. [1] Ashman, Bird and Zepf (1994), "Detecting bimodality in astronomical
       datasets", Astronomical Journal 108, 2348-2361.

    Examples
    --------
    >>> points = np.array([[-1.0], [1.0], [5.0], [7.0]])
    >>> separation(points, np.array([1, 1, 1, 1]), np.array([0, 0, 1, 1]))
    6.0
    """
    codes, sizes, means = _segments(points, weights, labels)
    spreads = np.stack(
        [
            np.cov(points[own].T, fweights=weights[own], ddof=0).reshape(
                points.shape[1], -1
            )
            for own in (codes == row for row in range(len(sizes)))
        ]
    )
    lowest = np.inf
    for row in range(1, len(sizes)):
        lines = means[row] - means[:row]
        squared = (lines**2).sum(axis=1)
        along = np.einsum("ij,ijk,ik->i", lines, spreads[:row] + spreads[row], lines)
        known = along > 0
        ratios = squared[known] ** 2 / (along[known] / 2)
        lowest = min(lowest, ratios.min(initial=np.inf))
    return float(lowest**0.5) if np.isfinite(lowest) else None


def _segments(
    points: FloatArray, weights: IntArray, labels: IntArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Codes from 0 of the labels, and the customers and mean of each segment."""
    codes = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(codes, weights).astype(np.float64)
    sums = [np.bincount(codes, weights * column) for column in points.T]
    return codes.astype(np.int64), sizes, np.stack(sums, axis=1) / sizes[:, None]


def outlier_fence(distances: FloatArray, weights: IntArray) -> float:
    """Distance from the centroid beyond which a segment's customer is an outlier.

    Tukey's fence [1]_, the third quartile and 1.5 interquartile ranges more, but at
    least the distance within which nine of ten customers are: where most are alike, the
    quartiles agree and would make outliers of all others. A billionth is added, so that
    customers at the same distance are treated alike whichever way it was rounded.

    References
    ----------
    .. [1] Tukey (1977), "Exploratory Data Analysis", Addison-Wesley.

    Examples
    --------
    >>> round(outlier_fence(np.array([1.0, 2.0, 9.0]), np.array([5, 5, 1])), 6)
    3.5
    """
    first, third, inside = (
        weighted_quantile(distances, weights, share)
        for share in (0.25, 0.75, LEAST_INSIDE)
    )
    return max(third + FENCE * (third - first), inside) * (1 + ROUNDING) + ROUNDING


def cloud_variance(
    points: FloatArray, weights: IntArray, centroids: FloatArray, shares: FloatArray
) -> float:
    """Variance along a coordinate of the equal round clouds that segments are cut from.

    The most likely one, by expectation and maximisation [1]_, of normal clouds that lie
    at the centroids, (n_segments, n_features), and have these shares: a customer counts
    in each as far as it belongs there. Where they do not overlap that is
    ``inertia / ((n - k) p)``; where they do, segments are narrower than their clouds.

    References
    ----------
    .. [1] Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data
       via the EM algorithm", J. R. Statist. Soc. B 39, 1-38.

    Examples
    --------
    >>> points, centroids = np.array([[0.0], [2.0], [8.0]]), np.array([[1.0], [8.0]])
    >>> found = cloud_variance(
    ...     points, np.array([5, 5, 10]), centroids, np.array([0.5, 0.5])
    ... )
    >>> round(found, 6)
    0.555556
    """
    squared = np.zeros((len(points), len(centroids)))
    for column, targets in zip(points.T, centroids.T, strict=True):
        squared += (column[:, None] - targets) ** 2
    least = squared.min(axis=1)
    n_free = max(int(weights.sum()) - len(centroids), 1) * points.shape[1]
    variance: float = float(weights @ least) / n_free
    for _ in range(MAX_ROUNDS):
        if variance == 0:
            break
        belonging = shares * np.exp((least[:, None] - squared) / (2 * variance))
        belonging /= belonging.sum(axis=1, keepdims=True)
        before = variance
        variance = float(weights @ (belonging * squared).sum(axis=1)) / n_free
        if abs(variance - before) <= SETTLED * before:
            break
    return variance


def weighted_quantile(
    values: FloatArray, weights: FloatArray | IntArray, share: float
) -> float:
    """Quantile over customers by linear interpolation, as numpy's default.

    Examples
    --------
    >>> weighted_quantile(np.array([4.0, 1.0]), np.array([1, 2]), 0.75)
    2.5
    """
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    place = (int(ends[-1]) - 1) * share
    low, high = (
        float(values[order[np.searchsorted(ends, rank, side="right")]])
        for rank in (np.floor(place), np.ceil(place))
    )
    return low + (high - low) * (place - int(place))
