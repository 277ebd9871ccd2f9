"""Where K-means should start: a search that leaves poor local optima behind.

k-means++ starts are followed by relocation: each centroid in turn is moved to places
where one more would help most, which takes the partition across to another optimum
where no small step leads.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.runs import draw_starts, run_lloyd
from mall_segments.clustering.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.clustering import FloatArray, IntArray

    Found = tuple[float, FloatArray]

N_STARTS, N_QUICK_STARTS = 200, 12
"""k-means++ starts of a search among few points, and among many."""

N_TOGETHER = 2
"""Quick starts of which the better goes on: so many share the cost of a call."""

N_EVEN_PLACES, N_FAR_PLACES = 50, 50
"""Points to which the search considers moving a centroid: evenly taken, and far off."""

N_REFINED, N_SEARCHED = 6, 4
"""Among few points: best starts to refine, best partitions to relocate."""

N_MOVES, N_FINISHED = 50, 5
"""Among few points: moves to try of a partition, best of these to finish."""

N_QUICK_ITERATIONS = 3
"""Among many points: iterations after which moves are judged."""

MAX_ROUNDS = 50
"""Rounds after which a search stops; never reached in practice."""

RELATIVE_TIE = 1e-9
"""Inertias closer than this, relative to the smaller, count as equal."""

SAME_OPTIMUM = 1e-4
"""Relative difference of inertias below which unfinished runs end in one place."""

FEW_POINTS = 1_000
"""Points up to which the search is thorough."""

N_CORESET = 2_000
"""Points that stand for more of them at first."""

N_TURNS, N_EXCHANGES = 4, 6
"""Groups of points that are handed over in turn, and how often each has its turn."""

LOOSE_TOLERANCE = 1e-5
"""scikit-learn's ``tol`` while partitions of many points are compared."""

MOVES_PER_SEGMENT, N_BEST_MOVES = 3, 3
"""Among many points: moves to try on average of a segment, and moves to go on with."""


def find_centroids(
    points: FloatArray, customers: IntArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Find the tables of centroids from which the least inertia is reached.

    The points are distinct, in scaled units, centred, in a stated order. The result has
    the shape (n_found, n_segments, n_features): one table, or more of equal inertia.
    """
    weights = customers.astype(np.float64)
    if n_segments == 1:
        return np.average(points, axis=0, weights=weights)[None, None]
    if n_segments == len(points):
        return points[None]
    use_one_thread()
    search = _search_few if len(points) <= FEW_POINTS else _search_many
    pool = search(points, weights, n_segments, random_seed)
    least = min(pool, key=_inertia)[0] * (1 + RELATIVE_TIE)
    tied = {
        np.round(table[np.lexsort(table.T[::-1])], 9).tobytes(): table
        for inertia, table in pool
        if inertia <= least
    }
    return np.stack([_run(points, weights, table)[1] for table in tied.values()])


def _search_few(
    points: FloatArray, weights: FloatArray, n_segments: int, random_seed: int
) -> list[Found]:
    """Relocate the best partitions and hand over single points, until none is new.

    A point changes its segment where that lowers the inertia [1]_, which Lloyd's
    iteration overlooks. The runs of a step are computed side by side, for one of few
    points takes longer to be called than to compute.

    References
    ----------
    .. [1] Hartigan and Wong (1979), "Algorithm AS 136", Applied Statistics 28.
    """
    columns = np.ascontiguousarray(points.T)[None]

    def run(tables: FloatArray) -> list[Found]:
        centroids, inertias, _ = run_lloyd(columns, weights[None], tables)
        return sorted(zip(inertias.tolist(), centroids, strict=True), key=_inertia)

    def hand_over(best: list[Found]) -> list[Found]:
        return run(np.stack([_exchange(points, weights, table) for _, table in best]))

    begun = run(draw_starts(points, weights, n_segments, N_STARTS, random_seed))
    pool = begun + hand_over(begun[:N_REFINED])
    searched: list[float] = []
    for _ in range(MAX_ROUNDS):
        pool.sort(key=_inertia)
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


def _search_many(
    points: FloatArray, weights: FloatArray, n_segments: int, random_seed: int
) -> list[Found]:
    """Start on a coreset, go on from all ends on all points, relocate the best."""
    few = _coreset(points, weights, max(N_CORESET, 20 * n_segments))
    starts = draw_starts(*few, n_segments, N_QUICK_STARTS, random_seed)
    begin = partial(_run, *few, tolerance=LOOSE_TOLERANCE)
    run = partial(_run, points, weights, tolerance=LOOSE_TOLERANCE)
    together = np.split(starts, N_QUICK_STARTS // N_TOGETHER)
    begun = sorted(in_parallel(begin, together), key=_inertia)
    best = run([table for _, table in _distinct(begun)])
    n_moves = min(MOVES_PER_SEGMENT * n_segments, N_MOVES)
    for _ in range(MAX_ROUNDS):
        moved = _relocate(*few, best[1], n_moves)
        parts = [moved[row::N_BEST_MOVES] for row in range(N_BEST_MOVES)]
        tried = in_parallel(partial(run, most=N_QUICK_ITERATIONS), parts)
        found = run([table for _, table in tried])
        if found[0] >= best[0] * (1 - SAME_OPTIMUM / 10):
            break
        best = found
    return [best]


def _coreset(
    points: FloatArray, weights: FloatArray, most: int
) -> tuple[FloatArray, FloatArray]:
    """Take points that stand for all, with weights: a lightweight coreset [1]_.

    A third is drawn by customers, a third by their squared distance from the mean, as
    few far points decide much, and a third evenly, which leaves enough distinct points
    where one has nearly all customers. Nothing is random.

    References
    ----------
    .. [1] Bachem, Lucic and Krause (2018), "Scalable k-means clustering via
       lightweight coresets", KDD.
    """
    if len(points) <= most:
        return points, weights
    spread = weights * (points**2).sum(axis=1)
    shares = weights / weights.sum() + 1 / len(points)
    shares += spread / (spread.sum() or 1)
    ends = np.cumsum(shares)
    places = (np.arange(most) + 0.5) * (ends[-1] / most)
    chosen, times = np.unique(np.searchsorted(ends, places), return_counts=True)
    drawn = most * shares[chosen] / ends[-1]
    return points[chosen], weights[chosen] * times / drawn


def _inertia(found: Found) -> float:
    return found[0]


def _distinct(pool: list[Found]) -> list[Found]:
    """Leave out what ended where a better one did; the pool is sorted."""
    return [
        each
        for place, each in enumerate(pool)
        if not place or not _is_same(each[0], pool[place - 1][0])
    ]


def _is_same(inertia: float, other: float) -> bool:
    return abs(inertia - other) <= SAME_OPTIMUM * other


def _run(
    points: FloatArray,
    weights: FloatArray,
    start: FloatArray | Sequence[FloatArray],
    *,
    most: int = 300,
    tolerance: float = 0.0,
) -> Found:
    """Run scikit-learn's K-means from a table, or from several for the best of them."""
    from sklearn import config_context  # noqa: PLC0415  Loads in seconds.
    from sklearn.cluster import KMeans  # noqa: PLC0415

    tables = np.reshape(start, (-1, *np.shape(start)[-2:]))
    # By the time it asks for a table, scikit-learn has moved the points to their mean.
    left = iter(tables - points.mean(axis=0))
    model = KMeans(
        tables.shape[1],
        init=lambda *_, **__: next(left),
        n_init=len(tables),
        max_iter=most,
        tol=tolerance,
    )
    with config_context(assume_finite=True, skip_parameter_validation=True):
        model.fit(points, sample_weight=weights)
    return float(model.inertia_), model.cluster_centers_


def _exchange(points: FloatArray, weights: FloatArray, table: FloatArray) -> FloatArray:
    """Hand points to segments whose inertia grows by less than their own's falls."""
    labels = squared_distances(points, table).argmin(axis=1)
    for step in range(N_EXCHANGES * N_TURNS):
        sizes, table = _means(points, weights, labels, table)
        turn = slice(step % N_TURNS, None, N_TURNS)
        own, given = labels[turn], weights[turn]
        rows = np.arange(len(own))
        distances = squared_distances(points[turn], table)
        costs = distances * sizes / (sizes + given[:, None])
        rest = sizes[own] - given
        saved = distances[rows, own] * sizes[own] / np.where(rest > 0, rest, 1)
        costs[rows, own] = np.where(rest > 0, saved, 0)
        labels[turn] = costs.argmin(axis=1)
    return _means(points, weights, labels, table)[1]


def _means(
    points: FloatArray, weights: FloatArray, labels: IntArray, table: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sizes and means of the segments; the centroid itself where one is empty."""
    sizes: FloatArray = np.bincount(labels, weights, len(table)).astype(np.float64)
    sums = [np.bincount(labels, weights * column, len(table)) for column in points.T]
    means = np.stack(sums, axis=1) / np.where(sizes > 0, sizes, 1)[:, None]
    return sizes, np.where(sizes[:, None] > 0, means, table)


def _relocate(
    points: FloatArray, weights: FloatArray, table: FloatArray, n_moves: int
) -> list[FloatArray]:
    """Move each centroid to places where one more would help most, best first."""
    distances = squared_distances(points, table)
    labels, nearest = distances.argmin(axis=1), distances.min(axis=1)
    distances[np.arange(len(points)), labels] = np.inf
    losses = np.bincount(
        labels, weights * (distances.min(axis=1) - nearest), len(table)
    )
    # Spread out, and far off: one lone customer can be worth a segment.
    evenly = np.arange(0, len(points), -(-len(points) // N_EVEN_PLACES))
    far = np.argsort(-weights * nearest, kind="stable")[:N_FAR_PLACES]
    places = points[np.union1d(evenly, far)]
    reach = squared_distances(places, points)
    chosen, gains = [], []
    for _ in range(max(len(table), n_moves // len(table))):
        # Each place is judged with the ones before it already taken.
        saved = np.maximum(0, nearest - reach) @ weights
        chosen.append(int(saved.argmax()))
        gains.append(saved.max())
        nearest = np.minimum(nearest, reach[chosen[-1]])
    expected = np.subtract.outer(losses, gains)
    moved: list[FloatArray] = []
    for cell in np.argsort(expected, axis=None, kind="stable")[:n_moves]:
        row, place = divmod(int(cell), len(chosen))
        moved.append(table.copy())
        moved[-1][row] = places[chosen[place]]
    return moved


def squared_distances(points: FloatArray, centroids: FloatArray) -> FloatArray:
    """Squared distance of each point to each centroid, (n_points, n_segments)."""
    distances = -2 * (points @ centroids.T)
    distances += (centroids**2).sum(axis=1)
    distances += (points**2).sum(axis=1)[:, None]
    return np.maximum(distances, 0)
