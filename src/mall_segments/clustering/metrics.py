"""Measures of a partition, computed from distinct points and customer counts.

Customers with equal feature values share one point, so a point carries a weight:
the number of its customers. Every function here returns what scikit-learn returns
when each point is repeated once per customer, without repeating anything. Where a
measure is undefined (one segment, or one segment per customer) it is ``None``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mall_segments.clustering import FloatArray, IntArray

TABLE_DIMENSIONS = 2

CHUNK_DISTANCES = 2_000_000
"""Distances that a thread holds in memory at once: 16 MB of doubles."""

FENCE = 1.5
"""Interquartile ranges above the third quartile at which Tukey puts the fence."""

LEAST_INSIDE = 0.9
"""Share of the customers that the fence leaves inside, whatever the quartiles."""

ROUNDING = 1e-9
"""How far beyond the fence a distance is still inside, relative and absolute."""


def inertia(points: FloatArray, weights: IntArray, labels: IntArray) -> float:
    """Sum of the customers' squared distances to the mean of their segment.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Distinct or repeated points, in scaled units.
    weights : array of shape (n_points,)
        Customers per point, at least 1.
    labels : array of shape (n_points,)
        Segment of each point, any integers.

    Returns
    -------
    float
        In squared scaled units.

    Raises
    ------
    ValueError
        If the shapes disagree or a weight is below 1.

    Examples
    --------
    >>> inertia(np.array([[0.0], [3.0]]), np.array([2, 1]), np.array([0, 0]))
    6.0
    """
    _check(points, weights, labels)
    members = _Members(points, weights, labels)
    return float(members.within.sum())


def silhouettes(
    points: FloatArray,
    weights: IntArray,
    labelings: Sequence[IntArray],
    *,
    distances: FloatArray | None = None,
) -> list[FloatArray | None]:
    """Silhouette of a customer on each point, for many labelings in one pass.

    All customers on a point have the same silhouette. Each chunk of distances is
    computed once and multiplied with the one-hot, weighted labelings side by side.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Points, in scaled units.
    weights : array of shape (n_points,)
        Customers per point, at least 1.
    labelings : sequence of arrays of shape (n_points,)
        Partitions to judge, any integers.
    distances : array of shape (n_points, n_points), optional
        Euclidean distances between the points, if they are known already.

    Returns
    -------
    list of (array of shape (n_points,) or None)
        From -1 (misplaced) to 1 (well separated); 0 for the only customer of a
        segment. ``None`` where a labeling has one segment or one per customer.

    Raises
    ------
    ValueError
        If the shapes disagree or a weight is below 1.

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
    for labels in labelings:
        _check(points, weights, labels)
    coded = [_codes(labels) for labels in labelings]
    codes, counts = [code for code, _ in coded], [count for _, count in coded]
    n_customers = int(weights.sum())
    defined = [place for place, count in enumerate(counts) if 1 < count < n_customers]
    results: list[FloatArray | None] = [None] * len(labelings)
    if not defined:
        return results

    n_points = len(points)
    memberships = np.zeros((n_points, sum(counts[place] for place in defined)))
    starts = {}
    start = 0
    for place in defined:
        memberships[np.arange(n_points), start + codes[place]] = weights
        starts[place] = start
        start += counts[place]

    if distances is None:
        sums = _summed_distances(points, memberships)
    else:
        sums = distances @ memberships
    sizes = memberships.sum(axis=0)
    for place in defined:
        columns = slice(starts[place], starts[place] + counts[place])
        results[place] = _silhouettes_from_sums(
            sums[:, columns], sizes[columns], codes[place]
        )
    return results


def mean_silhouette(
    points: FloatArray,
    weights: IntArray,
    labels: IntArray,
    *,
    distances: FloatArray | None = None,
) -> float | None:
    """Average silhouette over customers, or ``None`` where it is undefined.

    Parameters and errors are those of :func:`silhouettes`, for one labeling.

    Examples
    --------
    >>> mean_silhouette(np.array([[0.0], [4.0]]), np.array([3, 1]), np.array([0, 1]))
    0.75
    """
    (values,) = silhouettes(points, weights, [labels], distances=distances)
    return None if values is None else weighted_mean(values, weights)


def weighted_mean(values: FloatArray, weights: IntArray) -> float:
    """Mean of ``values`` over customers; both arrays of shape (n_points,)."""
    return float((values * weights).sum() / weights.sum())


def _calinski_harabasz(
    members: _Members, points: FloatArray, weights: IntArray
) -> float | None:
    n_customers = int(weights.sum())
    within = float(members.within.sum())
    if not 1 < members.n_segments < n_customers or within == 0:
        return None
    overall = (points * weights[:, None]).sum(axis=0) / n_customers
    between = float(
        (members.sizes * ((members.means - overall) ** 2).sum(axis=1)).sum()
    )
    return (
        between
        * (n_customers - members.n_segments)
        / (within * (members.n_segments - 1))
    )


def compactness(
    points: FloatArray, weights: IntArray, labels: IntArray
) -> tuple[float | None, float | None]:
    """Spread within segments against that between them, in two ways.

    Parameters
    ----------
    points, weights, labels
        As for :func:`inertia`.

    Returns
    -------
    tuple of (float or None)
        Calinski and Harabasz's ratio of the spread between segments to the spread
        within them [1]_, higher is better; ``None`` where there is none within, where
        scikit-learn returns 1. Davies and Bouldin's average, over segments, of the
        worst spread-to-separation ratio [2]_, lower is better; ``None`` for two
        segments with the same mean. Both are ``None`` for one segment and for one
        segment per customer.

    Raises
    ------
    ValueError
        If the shapes disagree or a weight is below 1.

    References
    ----------
    .. [1] Calinski and Harabasz (1974), "A dendrite method for cluster analysis",
       Communications in Statistics 3, 1-27.
    .. [2] Davies and Bouldin (1979), "A cluster separation measure", IEEE Trans.
       Pattern Anal. Mach. Intell. 1, 224-227.
    """
    _check(points, weights, labels)
    members = _Members(points, weights, labels)
    return (
        _calinski_harabasz(members, points, weights),
        _davies_bouldin(members, weights),
    )


def _davies_bouldin(members: _Members, weights: IntArray) -> float | None:
    if not 1 < members.n_segments < int(weights.sum()):
        return None
    separations = cdist(members.means, members.means)
    np.fill_diagonal(separations, np.inf)
    if (separations == 0).any():
        return None
    spreads = (
        np.bincount(members.codes, weights=weights * np.sqrt(members.squared))
        / members.sizes
    )
    ratios = (spreads[:, None] + spreads[None, :]) / separations
    return float(ratios.max(axis=1).mean())


def separation(points: FloatArray, weights: IntArray, labels: IntArray) -> float | None:
    """How far apart the two closest segments are, seen along the line between them.

    Parameters
    ----------
    points, weights, labels
        As for :func:`inertia`.

    Returns
    -------
    float or None
        The least, over pairs of segments, of the distance between their means divided
        by the root of the mean of their variances along that line [1]_. The halves of
        an even spread have 3.46 and those of a normal cloud 2.65, so higher is better.
        ``None`` for one segment, or where no segment has any spread.

    Raises
    ------
    ValueError
        If the shapes disagree or a weight is below 1.

    References
    ----------
    .. [1] Ashman, Bird and Zepf (1994), "Detecting bimodality in astronomical
       datasets", Astronomical Journal 108, 2348-2361.

    Examples
    --------
    >>> separation(
    ...     np.array([[-1.0], [1.0], [5.0], [7.0]]),
    ...     np.array([1, 1, 1, 1]),
    ...     np.array([0, 0, 1, 1]),
    ... )
    6.0
    """
    _check(points, weights, labels)
    members = _Members(points, weights, labels)
    shares = weights / members.sizes[members.codes]
    offsets = points - members.means[members.codes]
    spreads = np.stack(
        [
            (offsets[own] * shares[own][:, None]).T @ offsets[own]
            for own in (members.codes == row for row in range(members.n_segments))
        ]
    )
    lowest = np.inf
    for row in range(1, members.n_segments):
        lines = members.means[row] - members.means[:row]
        squared = (lines**2).sum(axis=1)
        along = np.einsum("ij,ijk,ik->i", lines, spreads[:row] + spreads[row], lines)
        known = along > 0
        ratios = squared[known] ** 2 / (along[known] / 2)
        lowest = min(lowest, ratios.min(initial=np.inf))
    return float(lowest**0.5) if np.isfinite(lowest) else None


def outlier_fence(distances: FloatArray, weights: IntArray) -> float:
    """Distance from the centroid beyond which a segment's customer is an outlier.

    Parameters
    ----------
    distances : array of shape (n_points,)
        Distances of one segment's points to its centroid.
    weights : array of shape (n_points,)
        Customers per point, at least 1.

    Returns
    -------
    float
        Tukey's fence [1]_, the third quartile and 1.5 interquartile ranges more, but at
        least the distance within which nine of ten customers are: where most customers
        are alike, the quartiles agree and would make outliers of all others. A
        billionth is added, so that customers at the same distance are treated alike
        whichever way it was rounded.

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


def weighted_quantile(values: FloatArray, weights: IntArray, share: float) -> float:
    """Quantile over customers by linear interpolation, as numpy's default.

    Examples
    --------
    >>> weighted_quantile(np.array([4.0, 1.0]), np.array([1, 2]), 0.75)
    2.5
    """
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    place = (int(ends[-1]) - 1) * share
    below = int(np.floor(place))
    low, high = (
        float(values[order[np.searchsorted(ends, rank, side="right")]])
        for rank in (below, min(below + 1, int(ends[-1]) - 1))
    )
    return low + (high - low) * (place - below)


def adjusted_rand(labels: IntArray, others: IntArray, weights: IntArray) -> float:
    """Agreement of two partitions of the customers, corrected for chance.

    Parameters
    ----------
    labels, others : arrays of shape (n_points,)
        Two partitions of the same points, any integers.
    weights : array of shape (n_points,)
        Customers per point, at least 1.

    Returns
    -------
    float
        1 for equal partitions, around 0 for unrelated ones.

    Raises
    ------
    ValueError
        If the shapes disagree or a weight is below 1.

    References
    ----------
    .. [1] Hubert and Arabie (1985), "Comparing partitions", J. Classification 2.

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1]), np.array([5, 5, 2]), np.array([2, 1, 4]))
    1.0
    """
    _check_counts(len(labels), weights, labels)
    _check_counts(len(labels), weights, others)
    rows, _ = _codes(labels)
    columns, n_columns = _codes(others)
    customers = weights.astype(np.float64)
    cells = np.bincount(rows * n_columns + columns, weights=customers)
    # Python integers: squares of 100 million customers overflow 64 bits when
    # multiplied, and doubles would lose the last digits.
    together = _sum_of_squares(cells)
    in_rows = _sum_of_squares(np.bincount(rows, weights=customers))
    in_columns = _sum_of_squares(np.bincount(columns, weights=customers))
    n_customers = int(weights.sum())
    both = together - n_customers
    only_rows = in_rows - together
    only_columns = in_columns - together
    neither = n_customers**2 - n_customers - both - only_rows - only_columns
    if only_rows == 0 and only_columns == 0:
        return 1.0
    return (
        2
        * (both * neither - only_rows * only_columns)
        / (
            (both + only_rows) * (only_rows + neither)
            + (both + only_columns) * (only_columns + neither)
        )
    )


class _Members:
    """Sizes, means and spreads of the segments of one labeling."""

    def __init__(self, points: FloatArray, weights: IntArray, labels: IntArray) -> None:
        self.codes, self.n_segments = _codes(labels)
        self.sizes = np.bincount(self.codes, weights=weights)
        first = [
            int((self.codes == segment).argmax()) for segment in range(self.n_segments)
        ]
        means, within = [], []
        self.squared = np.zeros(len(points))
        for column in points.T:
            # Offsets from a member keep the mean of equal points exactly on them.
            anchors = column[first]
            offsets = (column - anchors[self.codes]) * weights
            means.append(anchors + np.bincount(self.codes, offsets) / self.sizes)
            squared = (column - means[-1][self.codes]) ** 2
            within.append(np.bincount(self.codes, weights * squared))
            self.squared += squared
        self.means = np.column_stack(means)
        self.within = np.column_stack(within).sum(axis=1)


def _codes(labels: IntArray) -> tuple[IntArray, int]:
    """Labels as numbers from 0 in ascending order, and how many there are."""
    low, high = int(labels.min()), int(labels.max())
    if high - low >= len(labels):
        values, codes = np.unique(labels, return_inverse=True)
        return codes, len(values)
    codes = labels - low
    is_used = np.bincount(codes) > 0
    if not is_used.all():
        codes = (np.cumsum(is_used) - 1)[codes]
    return codes, int(is_used.sum())


def _summed_distances(points: FloatArray, memberships: FloatArray) -> FloatArray:
    """Distances of each point to all members of each column, added up."""
    rows = max(1, CHUNK_DISTANCES // len(points))
    chunks = [slice(first, first + rows) for first in range(0, len(points), rows)]
    return np.concatenate(
        in_parallel(lambda chunk: cdist(points[chunk], points) @ memberships, chunks)
    )


def _silhouettes_from_sums(
    sums: FloatArray, sizes: FloatArray, codes: IntArray
) -> FloatArray:
    """Silhouettes from each point's summed distances to every segment."""
    rows = np.arange(len(sums))
    own_sizes = sizes[codes]
    alone = own_sizes == 1
    own = sums[rows, codes] / np.where(alone, 1, own_sizes - 1)
    means = sums / sizes
    means[rows, codes] = np.inf
    nearest = means.min(axis=1)
    scale = np.maximum(own, nearest)
    values: FloatArray = (nearest - own) / np.where(scale == 0, 1, scale)
    values[alone] = 0
    return values


def _sum_of_squares(counts: Iterable[float]) -> int:
    return sum(int(count) ** 2 for count in counts)


def _check(points: FloatArray, weights: IntArray, labels: IntArray) -> None:
    if points.ndim != TABLE_DIMENSIONS or not len(points):
        raise ValueError(
            f"points has shape {points.shape}; a table of one or more rows is needed"
        )
    _check_counts(len(points), weights, labels)


def _check_counts(n_points: int, weights: IntArray, labels: IntArray) -> None:
    if weights.shape != (n_points,) or labels.shape != (n_points,):
        raise ValueError(
            f"weights has shape {weights.shape} and labels {labels.shape}; "
            f"both must be ({n_points},), one value per point"
        )
    if weights.min() < 1:
        raise ValueError(
            f"weights holds {weights.min()}; every point needs at least 1 customer"
        )
