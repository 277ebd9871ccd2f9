"""Weighted K-means that ends in the same place for any order, seed and threads.

Points are sorted and merged first. scikit-learn draws k-means++ starts, a
deterministic search improves on them, and Lloyd's iteration with the one rule of
assignment (nearest centroid, ties to the lower segment) is then run to its fixed
point on all points in a fixed order. Only that last step decides what is returned;
scikit-learn's labels are never used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mall_segments.clustering import BoolArray, FloatArray, IntArray

N_STARTS = 5
"""k-means++ starts; the search after them needs one good start, not many."""

SEARCH_LIMIT = 1_000
"""Points on which segments are searched for; more are represented by a sample."""

N_PLACES = 200
"""Points to which the search considers moving a centroid, at most."""

N_RELOCATIONS = 100
"""Moves tried per round of the search, for up to 200 points; fewer for more."""

TRIAL_ITERATIONS = 5
"""Iterations after which a move is judged; few of them are worth finishing."""

N_FINISHED = 10
"""Best moves of a round that are iterated to their end."""

N_EXCHANGED = 3
"""Best moves of a round that are refined further by exchanging single points."""

MAX_ROUNDS = 100
"""Rounds after which a search or an iteration stops; never reached in practice."""

RELATIVE_TIE = 1e-9
"""Inertias closer than this, relative to the smaller, count as equal."""

LARGEST_VALUE = 1e100
"""Largest magnitude of a coordinate whose square is still a finite double."""

ROUNDING = 1e-9
"""Difference of two distances that rounding could hide, per unit of coordinates."""

CHUNK_RUN_POINTS = 30_000
"""Points times runs that are iterated side by side, likewise."""

BUDGET_MOVES = 4
"""Moves of the centroids, as far as the last, before all points are looked at."""

CHUNK_POINTS = 16_384
"""Points whose distances are computed at once, so that they stay in the cache."""


@dataclass(frozen=True)
class KMeansFit:
    """A fixed point of weighted K-means.

    Attributes
    ----------
    centroids : array of shape (n_segments, n_features)
        Means of the segments, in scaled units; by customers descending, then by
        coordinates ascending.
    labels : array of shape (n_points,)
        Row of ``centroids`` nearest to each point, ties to the lower row.
    sizes : array of shape (n_segments,)
        Customers per segment, at least 1.
    inertia : float
        Sum of the customers' squared distances to their centroid.
    """

    centroids: FloatArray
    labels: IntArray
    sizes: IntArray
    inertia: float


def fit_kmeans(
    points: FloatArray, weights: IntArray, *, n_segments: int, random_seed: int
) -> KMeansFit:
    """Partition weighted points into the segments of least inertia found.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Points in scaled units, in any order, repeated or not.
    weights : array of shape (n_points,)
        Customers per point; points without customers are labelled, not fitted.
    n_segments : int
        From 1 to the number of distinct points with customers.
    random_seed : int
        From 0 to 2**32 - 1. Decides where the search starts, not how it ends.

    Returns
    -------
    KMeansFit
        Bit-identical for any order of the points and any number of threads.

    Raises
    ------
    ValueError
        If a value is not finite or beyond 1e100, a weight is negative, or a setting
        is outside its range.

    Notes
    -----
    K-means has many local optima. Five k-means++ starts [1]_ are followed by rounds
    of relocation: each segment in turn is dissolved and its centroid moved to each
    of the places where it would help most, Lloyd's iteration [2]_ is run from all of
    these at once, and single points are exchanged between segments [3]_ where that
    lowers the inertia. With more than 1,000 points this happens on a systematic
    sample in which half of the chances go by customers and half by their squared
    distance from the mean, with weights to match [4]_, and the result is then
    iterated on all points.
    Partitions with equal inertia are told apart by their centroids: the table that
    comes first in ascending order wins.

    References
    ----------
    .. [1] Arthur and Vassilvitskii (2007), "k-means++", SODA, 1027-1035.
    .. [2] Lloyd (1982), "Least squares quantization in PCM", IEEE Trans. Inf.
       Theory 28, 129-137.
    .. [3] Hartigan and Wong (1979), "Algorithm AS 136", Applied Statistics 28.
    .. [4] Bachem, Lucic and Krause (2018), "Scalable k-means clustering via
       lightweight coresets", KDD, 1119-1127.

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
    """Fit several numbers of segments, sharing the preparation of the points.

    Each fit is the one :func:`fit_kmeans` returns for that number; the parameters
    and errors are the same.
    """
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
    sample, sample_weights = _represent(distinct, counts, limit=SEARCH_LIMIT)

    def fit(number: int) -> KMeansFit:
        fitted, is_certain = _fit(
            distinct, counts, sample, sample_weights, number, random_seed
        )
        if is_certain and points is distinct:
            return fitted
        return replace(fitted, labels=assign_points(points, fitted.centroids))

    return dict(zip(numbers, in_parallel(fit, numbers), strict=True))


def assign_points(points: FloatArray, centroids: FloatArray) -> IntArray:
    """Label each point with its nearest centroid, ties to the lower row.

    Squared distances are summed feature by feature in column order, as the SQL of
    the project does, so both agree to the last bit.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Points in scaled units.
    centroids : array of shape (n_segments, n_features)
        Centroids in the same units.

    Returns
    -------
    array of shape (n_points,)
        Rows of ``centroids``.

    Examples
    --------
    >>> assign_points(np.array([[1.0], [4.0]]), np.array([[0.0], [2.0]])).tolist()
    [0, 1]
    """
    return _nearest_two(points, centroids)[0]


def squared_distances(points: FloatArray, centroids: FloatArray) -> FloatArray:
    """Squared distance of each point to each centroid, (n_points, n_segments)."""
    total = np.zeros((len(points), len(centroids)))
    for column, targets in zip(points.T, centroids.T, strict=True):
        total += (column[:, None] - targets) ** 2
    return total


def merge_points(points: FloatArray, weights: IntArray) -> tuple[FloatArray, IntArray]:
    """Sort points, merge equal ones and drop those without customers.

    Returns
    -------
    tuple of arrays of shape (n_distinct, n_features) and (n_distinct,)
        Points in ascending order, first feature first, and their customers, row
        after row in memory; the arrays given, where nothing had to be done.
    """
    if weights.dtype == np.int64 and weights.all() and _is_ascending(points):
        return np.ascontiguousarray(points), weights
    used = weights > 0
    kept, counts = points[used] + 0.0, weights[used].astype(np.int64)
    order = np.lexsort(kept.T[::-1])
    kept, counts = kept[order], counts[order]
    if not len(kept):
        return kept, counts
    first = np.concatenate([[True], (kept[1:] != kept[:-1]).any(axis=1)])
    return kept[first], np.add.reduceat(counts, np.flatnonzero(first))


def _is_ascending(points: FloatArray) -> bool:
    """Whether each row comes after the one before, and no zero has a sign."""
    later = np.zeros(max(len(points) - 1, 0), dtype=bool)
    tied = ~later
    for column in points.T:
        later |= tied & (column[1:] > column[:-1])
        tied &= column[1:] == column[:-1]
    return bool(later.all()) and not np.signbit(points[points == 0]).any()


def sample_customers(
    points: FloatArray, weights: IntArray, *, limit: int, n_customers: int
) -> tuple[FloatArray, IntArray]:
    """Take every so many-th customer along the sorted points.

    Parameters
    ----------
    points, weights
        Sorted, merged points and their customers.
    limit : int
        Points that are few enough to be taken all.
    n_customers : int
        Customers to take of more points.

    Returns
    -------
    tuple of arrays of shape (n_sampled, n_features) and (n_sampled,)
        The points themselves when they are few enough; otherwise those of the
        customers taken, with how many of these each has. Nothing is random.
    """
    if len(points) <= limit:
        return points, weights
    ends = np.cumsum(weights)
    steps = 2 * np.arange(n_customers, dtype=np.int64) + 1
    places = steps * int(ends[-1]) // (2 * n_customers)
    chosen, counts = np.unique(
        np.searchsorted(ends, places, side="right"), return_counts=True
    )
    return points[chosen], counts.astype(np.int64)


def settle_centroids(
    points: FloatArray, weights: IntArray, centroids: FloatArray
) -> KMeansFit:
    """Iterate assignment and means from the given centroids to a fixed point.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Sorted, merged points in scaled units.
    weights : array of shape (n_points,)
        Customers per point, at least 1.
    centroids : array of shape (n_segments, n_features)
        Where to start, at most one per point. Their order is kept: a tie goes to
        the lower row.

    Returns
    -------
    KMeansFit
        A segment that loses all its customers on the way restarts at the point
        that is farthest from its centroid, so none is empty.
    """
    return _settle(points, weights, centroids)[0]


def run_lloyd(
    points: FloatArray,
    weights: FloatArray,
    centroids: FloatArray,
    *,
    max_iterations: int = MAX_ROUNDS,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Iterate many starts of K-means side by side.

    Parameters
    ----------
    points : array of shape (n_features, n_sets, n_points)
        Points in scaled units; the runs take the sets in turn.
    weights : array of shape (n_sets, n_points)
        Customers per point, 0 or more. Either ``n_sets`` may be 1: the runs share it.
    centroids : array of shape (n_runs, n_segments, n_features)
        Where each run starts.
    max_iterations : int
        Iterations after which a run stops although it still moves.

    Returns
    -------
    tuple of arrays of shape (n_runs, n_segments, n_features), (n_runs,) and
    (n_runs, n_points)
        Final centroids, inertia and nearest centroid per point of each run.
        A segment that loses its customers keeps its centroid.
    """
    slack = ROUNDING * float(np.abs(points).max())
    step = max(1, CHUNK_RUN_POINTS // points.shape[2])
    parts = []
    for first in range(0, len(centroids), step):
        runs = np.arange(first, min(first + step, len(centroids)))
        part = _Runs(
            points[:, runs % points.shape[1]],
            weights[runs % len(weights)],
            centroids[runs],
            slack,
        )
        parts.append(part.iterate(max_iterations))
    finished, inertias, labels = (
        np.concatenate(results) for results in zip(*parts, strict=True)
    )
    return finished, inertias, labels


def draw_starts(
    points: FloatArray,
    weights: FloatArray,
    *,
    given: FloatArray,
    n_segments: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Draw k-means++ starts for many runs side by side.

    Parameters
    ----------
    points, weights
        As for :func:`run_lloyd`.
    given : array of shape (n_runs, n_given, n_features)
        Centroids each run already has, possibly none.
    n_segments : int
        Centroids per run, at least ``n_given``.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    array of shape (n_runs, n_segments, n_features)
        The given centroids, then points drawn with a chance proportional to their
        customers times the squared distance to the nearest centroid so far [1]_.

    References
    ----------
    .. [1] Arthur and Vassilvitskii (2007), "k-means++", SODA, 1027-1035.
    """
    n_runs, n_given, n_features = given.shape
    n_points = points.shape[2]
    runs = np.arange(n_runs) if points.shape[1] > 1 else np.zeros(n_runs, dtype=int)
    starts = np.empty((n_runs, n_segments, n_features))
    starts[:, :n_given] = given
    distances = np.full((n_runs, n_points), np.inf)
    for place in range(n_segments):
        if place >= n_given:
            chances = weights * (distances if place else np.ones((n_runs, 1)))
            ends = np.cumsum(chances, axis=1)
            draws = generator.random(n_runs) * ends[:, -1]
            drawn = np.minimum((ends <= draws[:, None]).sum(axis=1), n_points - 1)
            starts[:, place] = points[:, runs, drawn].T
        nearest = np.zeros((n_runs, n_points))
        for feature in range(n_features):
            nearest += (points[feature] - starts[:, place, feature, None]) ** 2
        distances = np.minimum(distances, nearest)
    return starts


def _fit(
    points: FloatArray,
    weights: IntArray,
    sample: FloatArray,
    sample_weights: FloatArray,
    n_segments: int,
    random_seed: int,
) -> tuple[KMeansFit, bool]:
    """Search on the sample, settle on all points, number by the stated order."""
    if len(sample) < n_segments:
        sample, sample_weights = points, weights.astype(np.float64)
    candidates = _search(sample, sample_weights, n_segments, random_seed)
    fits = [_settle_in_order(points, weights, start) for start in candidates]
    least = min(fit.inertia for fit, _ in fits)
    tied = [entry for entry in fits if entry[0].inertia <= least * (1 + RELATIVE_TIE)]
    return min(tied, key=lambda entry: entry[0].centroids.tolist())


def _settle_in_order(
    points: FloatArray, weights: IntArray, centroids: FloatArray
) -> tuple[KMeansFit, bool]:
    """Settle, renumbering until numbers and ties agree."""
    fit, is_certain = _settle(points, weights, centroids)
    for _ in range(MAX_ROUNDS):
        order = np.lexsort((*fit.centroids.T[::-1], -fit.sizes))
        if np.array_equal(order, np.arange(len(order))):
            break
        if is_certain:
            fit = KMeansFit(
                centroids=fit.centroids[order],
                labels=np.argsort(order)[fit.labels],
                sizes=fit.sizes[order],
                inertia=fit.inertia,
            )
            break
        fit, is_certain = _settle(points, weights, fit.centroids[order])
    return fit, is_certain


def _settle(
    points: FloatArray, weights: IntArray, centroids: FloatArray
) -> tuple[KMeansFit, bool]:
    """Settle; also whether no point is as near to a second centroid."""
    n_segments = len(centroids)
    customers = weights.astype(np.float64)
    columns = np.ascontiguousarray(points.T)
    totals = np.stack([customers, *(columns * customers)])
    slack = ROUNDING * float(np.abs(columns).max())
    labels, margins = _nearest_two(points, centroids)
    labels, sums = _fill_empty(points, centroids, labels, totals)
    is_exact = True
    # Only points whose margin is within the budget are looked at, until the
    # centroids have moved by more than that.
    near = np.arange(0)
    budget, drifts = 0.0, np.zeros(n_segments)
    for _ in range(MAX_ROUNDS**2):
        means = (sums[1:] / sums[0]).T
        shifts = np.sqrt(((means - centroids) ** 2).sum(axis=1))
        centroids = means
        # A point can only change hands once the centroids have moved by more than
        # the difference of its two smallest distances.
        reach = shifts + shifts.max()
        drifts += reach
        closer = margins[near] - reach[labels[near]]
        if drifts.max() > budget:
            margins -= drifts[labels]
            margins[near] = closer
            budget, drifts = BUDGET_MOVES * reach.max(), np.zeros(n_segments)
            near = np.flatnonzero(margins <= budget + slack)
        else:
            margins[near] = closer
        doubtful = near[margins[near] <= slack]
        found, margins[doubtful] = _nearest_two(points[doubtful], centroids)
        has_moved = found != labels[doubtful]
        moved, found = doubtful[has_moved], found[has_moved]
        if len(moved):
            sums -= _sums(totals[:, moved], labels[moved], n_segments)
            sums += _sums(totals[:, moved], found, n_segments)
            labels[moved] = found
            is_exact = False
            if not sums[0].all():
                labels, sums = _fill_empty(points, centroids, labels, totals)
                margins[:] = -np.inf
        elif is_exact:
            break
        else:
            # The last digits depend on the way here, so add up once more.
            sums = _sums(totals, labels, n_segments)
            is_exact = True
    distances = np.zeros(len(points))
    for column, targets in zip(columns, centroids.T, strict=True):
        distances += (column - targets[labels]) ** 2
    fit = KMeansFit(
        centroids=centroids,
        labels=labels,
        sizes=sums[0].astype(np.int64),
        inertia=float(np.cumsum(customers * distances)[-1]),
    )
    return fit, bool((margins[near] > slack).all())


def _represent(
    points: FloatArray, weights: IntArray, *, limit: int
) -> tuple[FloatArray, FloatArray]:
    """Sample points so that weighted inertias of the sample estimate those of all."""
    customers = weights.astype(np.float64)
    if len(points) <= limit:
        return points, customers
    mean = np.average(points, axis=0, weights=customers)
    spread = customers * ((points - mean) ** 2).sum(axis=1)
    chances = (customers / customers.sum() + spread / spread.sum()) / 2
    ends = np.cumsum(chances)
    places = (np.arange(limit) + 0.5) * (ends[-1] / limit)
    chosen, counts = np.unique(np.searchsorted(ends, places), return_counts=True)
    return points[chosen], customers[chosen] * counts / (limit * chances[chosen])


def _search(
    points: FloatArray, customers: FloatArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Find the best centroids known: one table, or several of equal inertia."""
    if n_segments == 1:
        return np.average(points, axis=0, weights=customers)[None, None]
    if n_segments == len(points):
        return points[None]
    columns = np.ascontiguousarray(points.T)[:, None]
    starts = _draw_best_start(points, customers, n_segments, random_seed)
    best, inertias, _ = run_lloyd(columns, customers[None], starts[None])
    least = inertias[0]
    for _ in range(MAX_ROUNDS):
        moved = _relocate(points, customers, best[0])
        tried, inertias, _ = run_lloyd(
            columns, customers[None], moved, max_iterations=TRIAL_ITERATIONS
        )
        promising = np.argsort(inertias, kind="stable")[:N_FINISHED]
        found, inertias, labels = run_lloyd(columns, customers[None], tried[promising])
        leaders = np.argsort(inertias, kind="stable")[:N_EXCHANGED]
        exchanged = np.stack(
            [_exchange(points, customers, labels[run], n_segments) for run in leaders]
        )
        refined, refined_inertias, _ = run_lloyd(columns, customers[None], exchanged)
        found = np.concatenate([best[:1], found, refined])
        inertias = np.concatenate([[least], inertias, refined_inertias])
        improved = inertias.min() < least * (1 - RELATIVE_TIE)
        least = inertias.min()
        order = np.argsort(inertias, kind="stable")
        tied = order[inertias[order] <= least * (1 + RELATIVE_TIE)]
        best = _distinct(found[tied])
        if not improved:
            break
    return best


def _draw_best_start(
    points: FloatArray, customers: FloatArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Take the best of a few k-means++ starts of scikit-learn."""
    from sklearn.cluster import KMeans  # noqa: PLC0415  Loads in seconds.

    use_one_thread()
    model = KMeans(n_segments, n_init=N_STARTS, tol=0, random_state=random_seed).fit(
        points, sample_weight=customers
    )
    centroids: FloatArray = model.cluster_centers_
    return centroids


def _relocate(
    points: FloatArray, customers: FloatArray, centroids: FloatArray
) -> FloatArray:
    """Move each centroid in turn to places where one more would help most."""
    n_segments = len(centroids)
    distances = squared_distances(points, centroids)
    nearest = distances.min(axis=1)
    labels = distances.argmin(axis=1)
    distances[np.arange(len(points)), labels] = np.inf
    losses = _count(labels, customers * (distances.min(axis=1) - nearest), n_segments)
    step = -(-len(points) // N_PLACES)
    places = points[::step]
    reach = squared_distances(places, points)
    n_moves = max(n_segments, N_RELOCATIONS * min(1, N_PLACES / len(points)))
    n_places = min(len(places), max(n_segments, int(n_moves) // n_segments))
    chosen, gains = [], []
    for _ in range(n_places):
        # Greedy: each place is judged with the ones before it already taken.
        saved = (np.maximum(0, nearest - reach) * customers).sum(axis=1)
        place = int(saved.argmax())
        chosen.append(place)
        gains.append(saved[place])
        nearest = np.minimum(nearest, reach[place])
    rows = np.repeat(np.arange(n_segments), n_places)
    targets = np.tile(np.array(chosen), n_segments)
    expected = losses[rows] - np.tile(np.array(gains), n_segments)
    order = np.argsort(expected, kind="stable")[: int(max(n_moves, n_segments**2))]
    moved = np.repeat(centroids[None], len(order), axis=0)
    moved[np.arange(len(order)), rows[order]] = places[targets[order]]
    return moved


def _exchange(
    points: FloatArray, customers: FloatArray, labels: IntArray, n_segments: int
) -> FloatArray:
    """Hand single points to other segments while that lowers the inertia."""
    rows = np.arange(len(points))
    labels = labels.copy()
    columns = [customers * column for column in points.T]
    for _ in range(MAX_ROUNDS):
        sizes = _count(labels, customers, n_segments)
        centroids = _means(columns, customers, labels, n_segments)
        costs = squared_distances(points, centroids) * customers[:, None]
        rest = sizes[labels] - customers
        saved = np.where(rest > 0, sizes[labels] / np.where(rest > 0, rest, 1), 0)
        saved *= costs[rows, labels]
        costs *= sizes / (sizes + customers[:, None])
        costs[rows, labels] = np.inf
        targets = costs.argmin(axis=1)
        gains = saved - costs[rows, targets]
        point = int(gains.argmax())
        if gains[point] <= RELATIVE_TIE * saved.sum():
            break
        labels[point] = targets[point]
    return _means(columns, customers, labels, n_segments)


def _distinct(centroids: FloatArray) -> FloatArray:
    """Drop tables of centroids that repeat, whatever the order of their rows."""
    tables: dict[bytes, FloatArray] = {}
    for table in centroids:
        ordered = table[np.lexsort(table.T[::-1])]
        tables.setdefault(np.round(ordered, 9).tobytes(), ordered)
    return np.stack(list(tables.values()))


def _count(labels: IntArray, values: FloatArray, n_segments: int) -> FloatArray:
    """Add up values by label, in their order."""
    return np.bincount(labels, weights=values, minlength=n_segments).astype(np.float64)


def _means(
    columns: list[FloatArray], customers: FloatArray, labels: IntArray, n_segments: int
) -> FloatArray:
    """Means of the labelled points, added up in their order; 0 where empty."""
    sizes = _count(labels, customers, n_segments)
    sums = [_count(labels, column, n_segments) for column in columns]
    return np.column_stack(sums) / np.where(sizes > 0, sizes, 1)[:, None]


def _sums(totals: FloatArray, labels: IntArray, n_segments: int) -> FloatArray:
    """Add up rows by label, (n_rows, n_segments)."""
    return np.stack([_count(labels, total, n_segments) for total in totals])


def _fill_empty(
    points: FloatArray, centroids: FloatArray, labels: IntArray, totals: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Give each empty segment the point that is farthest from its centroid."""
    sums = _sums(totals, labels, len(centroids))
    if sums[0].all():
        return labels, sums
    counts = np.bincount(labels, minlength=len(centroids))
    labels = labels.copy()
    distances = ((points - centroids[labels]) ** 2).sum(axis=1)
    for segment in np.flatnonzero(counts == 0):
        place = int(np.where(counts[labels] > 1, distances, -1).argmax())
        counts[labels[place]] -= 1
        counts[segment] = 1
        labels[place] = segment
        distances[place] = 0
    return labels, _sums(totals, labels, len(centroids))


def _nearest_two(
    points: FloatArray, centroids: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Nearest centroid and how much farther the second is, in scaled units."""
    labels = np.zeros(len(points), dtype=np.int64)
    margins = np.empty(len(points))

    def compare(chunk: slice) -> None:
        columns = np.ascontiguousarray(points[chunk].T)
        labels[chunk], margins[chunk] = _compare(columns, centroids)

    starts = range(0, len(points), CHUNK_POINTS)
    chunks = [slice(start, start + CHUNK_POINTS) for start in starts]
    if len(chunks) == 1:
        compare(chunks[0])
    else:
        in_parallel(compare, chunks)
    return labels, margins


class _Runs:
    """Runs of K-means side by side, of which those that end are dropped.

    Parameters
    ----------
    columns : array of shape (n_features, n_runs, n_points)
    customers : array of shape (n_runs, n_points)
    centroids : array of shape (n_runs, n_segments, n_features)
    slack : float
        Difference of two distances that rounding could hide.
    """

    def __init__(
        self,
        columns: FloatArray,
        customers: FloatArray,
        centroids: FloatArray,
        slack: float,
    ) -> None:
        self.columns = columns
        self.totals = np.stack([customers, *(columns * customers)])
        self.centroids = centroids
        self.slack = slack
        self.labels, self.margins = self._nearest_to_all()

    def iterate(self, max_iterations: int) -> tuple[FloatArray, FloatArray, IntArray]:
        """Centroids, inertias and labels of all runs; see :func:`run_lloyd`."""
        centroids = np.empty_like(self.centroids)
        inertias = np.empty(len(centroids))
        labels = np.empty_like(self.labels)
        active = np.arange(len(centroids))
        has_changed = np.ones(len(centroids), dtype=bool)
        for iteration in range(1, max_iterations + 1):
            ended = ~has_changed | (iteration == max_iterations)
            if ended.any():
                rows = active[ended]
                centroids[rows] = self.centroids[ended]
                labels[rows] = self.labels[ended]
                inertias[rows] = self._inertias(ended)
                self._keep(has_changed)
                active = active[has_changed]
            if not len(active):
                break
            shifts = self._move()
            if iteration == max_iterations:
                centroids[active] = self.centroids
            else:
                has_changed = self._reassign(shifts)
        return centroids, inertias, labels

    def _keep(self, rows: BoolArray) -> None:
        self.columns = self.columns[:, rows]
        self.totals = self.totals[:, rows]
        self.centroids = self.centroids[rows]
        self.labels = self.labels[rows]
        self.margins = self.margins[rows]

    def _cells(self) -> IntArray:
        """Labels that differ between runs, too."""
        n_runs, n_segments, _ = self.centroids.shape
        cells: IntArray = self.labels + n_segments * np.arange(n_runs)[:, None]
        return cells

    def _inertias(self, rows: BoolArray) -> FloatArray:
        distances: FloatArray = np.zeros(1)
        for column, targets in zip(
            self.columns[:, rows], self.centroids[rows].T, strict=True
        ):
            own = np.take_along_axis(targets.T, self.labels[rows], axis=1)
            distances = distances + (column - own) ** 2
        inertias: FloatArray = (distances * self.totals[0, rows]).sum(axis=1)
        return inertias

    def _move(self) -> FloatArray:
        """Move centroids to their means; how far, of shape (n_runs, n_segments)."""
        shape = self.centroids.shape[:2]
        cells = self._cells().ravel()
        sizes, *sums = (
            _count(cells, total.ravel(), shape[0] * shape[1]).reshape(shape)
            for total in self.totals
        )
        means = np.stack(sums, axis=-1) / np.where(sizes > 0, sizes, 1)[..., None]
        previous = self.centroids
        self.centroids = np.where(sizes[..., None] > 0, means, previous)
        shifts: FloatArray = np.sqrt(((self.centroids - previous) ** 2).sum(axis=2))
        return shifts

    def _reassign(self, shifts: FloatArray) -> BoolArray:
        """Label again after a move; which runs have changed, of shape (n_runs,)."""
        # A point can only change hands once the centroids have moved by more than
        # the difference of its two smallest distances.
        reach = shifts + shifts.max(axis=1, keepdims=True)
        self.margins -= np.take(reach.ravel(), self._cells())
        doubtful = np.flatnonzero(self.margins.ravel() <= self.slack)
        if 2 * len(doubtful) > self.margins.size:
            previous = self.labels
            self.labels, self.margins = self._nearest_to_all()
            changed: BoolArray = (self.labels != previous).any(axis=1)
            return changed
        runs = doubtful // self.labels.shape[1]
        found, margins = _compare(
            self.columns.reshape(len(self.columns), -1)[:, doubtful],
            self.centroids.transpose(1, 2, 0)[:, :, runs],
        )
        flat = self.labels.reshape(-1)
        changed = np.zeros(len(self.labels), dtype=bool)
        changed[runs[flat[doubtful] != found]] = True
        flat[doubtful] = found
        self.margins.reshape(-1)[doubtful] = margins
        return changed

    def _nearest_to_all(self) -> tuple[IntArray, FloatArray]:
        return _compare(self.columns, self.centroids.transpose(1, 2, 0)[..., None])


def _compare(columns: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
    """Nearest centroid and how much farther the second is, in scaled units.

    Parameters
    ----------
    columns : array of shape (n_features, ...)
    centroids : array of shape (n_segments, n_features, ...)
        What each value of a column is compared with.
    """
    shape = columns.shape[1:]
    labels = np.zeros(shape, dtype=np.int64)
    nearest, second = np.full(shape, np.inf), np.full(shape, np.inf)
    for row, targets in enumerate(centroids):
        distances = (columns[0] - targets[0]) ** 2
        for feature in range(1, len(columns)):
            distances += (columns[feature] - targets[feature]) ** 2
        np.copyto(labels, row, where=distances < nearest)
        np.minimum(second, np.maximum(nearest, distances), out=second)
        np.minimum(nearest, distances, out=nearest)
    return labels, np.sqrt(second) - np.sqrt(nearest)


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
