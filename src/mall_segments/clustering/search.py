"""Where K-means should start: a search that leaves poor local optima behind.

k-means++ starts of scikit-learn are followed by relocation: each centroid in turn is
moved to places where one more would help most, which takes the partition across to
another optimum where no small step leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from mall_segments.clustering import FloatArray, IntArray

N_PLACES = 100
"""Points to which the search considers moving a centroid, at most."""

JUDGED_POINTS = 2_000
"""Points, evenly spread, by which moves are ranked before any is tried."""

TRIAL_ITERATIONS = 8
"""Iterations after which a move is judged; few of them are worth finishing."""

MAX_ROUNDS = 50
"""Rounds after which a search stops; never reached in practice."""

RELATIVE_TIE = 1e-9
"""Inertias closer than this, relative to the smaller, count as equal."""

SAME_OPTIMUM = 1e-4
"""Relative difference of inertias below which unfinished runs end in one place."""

SMALL_POINTS = 2_000
"""Points up to which the search is thorough."""

N_TURNS, N_EXCHANGES = 4, 6
"""Groups of points that are handed over in turn, and how often each has its turn."""


@dataclass(frozen=True)
class Effort:
    """How long to search.

    The starts, of which only the first are made if they agree; the best starts whose
    single points are handed over; the best partitions that are relocated, the moves
    tried of each and the best of these that are finished; scikit-learn's ``tol``; what
    a move may seem to lose, in shares of the mean inertia of a segment.
    """

    n_first: int
    n_starts: int
    n_refined: int
    n_searched: int
    n_moves: int
    n_finished: int
    tolerance: float
    most_lost: float


THOROUGH = Effort(20, 20, 6, 3, 50, 5, 0.0, 1e9)
QUICK = Effort(3, 6, 0, 2, 6, 2, 3e-4, 1.0)


def find_centroids(
    points: FloatArray, customers: IntArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Find the tables of centroids from which the least inertia is reached.

    The points are distinct, in scaled units, centred, in a stated order. The result has
    the shape (n_found, n_segments, n_features): one table, or more of equal inertia. Up
    to 2,000 points, single points are also handed to another segment where that lowers
    the inertia [1]_, which Lloyd's iteration overlooks; among more it changes next to
    nothing.

    References
    ----------
    .. [1] Hartigan and Wong (1979), "Algorithm AS 136", Applied Statistics 28.
    """
    weights = customers.astype(np.float64)
    if n_segments == 1:
        return np.average(points, axis=0, weights=weights)[None, None]
    if n_segments == len(points):
        return points[None]
    use_one_thread()
    is_small = len(points) <= SMALL_POINTS
    effort = THOROUGH if is_small else QUICK
    run = partial(_run, points, weights, n_segments, tolerance=effort.tolerance)

    def finish(table: FloatArray) -> tuple[float, FloatArray]:
        found = run(table)
        if is_small:
            again = run(_exchange(points, weights, found[1]))
            found = min(found, again, key=_inertia)
        return found

    seeds = [(random_seed + row) % 2**32 for row in range(effort.n_starts)]
    pool = sorted(in_parallel(run, seeds[: effort.n_first]), key=_inertia)
    if not _is_same(pool[0][0], pool[-1][0]):
        pool += in_parallel(run, seeds[effort.n_first :])
        pool.sort(key=_inertia)
    pool += in_parallel(finish, [table for _, table in pool[: effort.n_refined]])
    pool.sort(key=_inertia)
    searched: list[float] = []
    for _ in range(MAX_ROUNDS):
        fresh = next(
            each
            for each in [*_distinct(pool)[: effort.n_searched], None]
            if each is None or not any(_is_same(each[0], other) for other in searched)
        )
        if fresh is None:
            break
        searched.append(fresh[0])
        moved = _relocate(points, weights, fresh[1], effort)
        tried = in_parallel(partial(run, most=TRIAL_ITERATIONS), moved)
        tried.sort(key=_inertia)
        pool += in_parallel(finish, [table for _, table in tried[: effort.n_finished]])
        pool.sort(key=_inertia)
    least = pool[0][0] * (1 + RELATIVE_TIE)
    tied = {
        np.round(table[np.lexsort(table.T[::-1])], 9).tobytes(): table
        for inertia, table in pool
        if inertia <= least
    }
    return np.stack([_run(points, weights, n_segments, t)[1] for t in tied.values()])


def _inertia(found: tuple[float, FloatArray]) -> float:
    return found[0]


def _distinct(pool: list[tuple[float, FloatArray]]) -> list[tuple[float, FloatArray]]:
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
    n_segments: int,
    init: int | FloatArray,
    *,
    most: int = 300,
    tolerance: float = 0.0,
) -> tuple[float, FloatArray]:
    """Run scikit-learn's K-means from a seed or a table; inertia and centroids."""
    from sklearn import config_context  # noqa: PLC0415  Loads in seconds.
    from sklearn.cluster import KMeans  # noqa: PLC0415

    is_seed = isinstance(init, int)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        model = KMeans(
            n_segments,
            init="k-means++" if is_seed else init,
            n_init=1,
            tol=tolerance,
            max_iter=most,
            random_state=init if is_seed else None,
        ).fit(points, sample_weight=weights)
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
    points: FloatArray, weights: FloatArray, table: FloatArray, effort: Effort
) -> list[FloatArray]:
    """Move each centroid to places where one more would help most, best first."""
    step = -(-len(points) // JUDGED_POINTS)
    points, weights = points[::step], weights[::step]
    distances = squared_distances(points, table)
    labels, nearest = distances.argmin(axis=1), distances.min(axis=1)
    distances[np.arange(len(points)), labels] = np.inf
    losses = np.bincount(
        labels, weights * (distances.min(axis=1) - nearest), len(table)
    )
    places = points[:: -(-len(points) // N_PLACES)]
    reach = squared_distances(places, points)
    most = effort.most_lost * (weights @ nearest) / len(table)
    chosen, gains = [], []
    for _ in range(max(len(table), N_PLACES // 2 // len(table))):
        # Each place is judged with the ones before it already taken.
        saved = np.maximum(0, nearest - reach) @ weights
        chosen.append(int(saved.argmax()))
        gains.append(saved.max())
        nearest = np.minimum(nearest, reach[chosen[-1]])
    expected = np.subtract.outer(losses, gains)
    moved: list[FloatArray] = []
    for cell in np.argsort(expected, axis=None, kind="stable"):
        row, place = divmod(int(cell), len(chosen))
        if expected[row, place] > most or len(moved) == effort.n_moves:
            break
        moved.append(table.copy())
        moved[-1][row] = places[chosen[place]]
    return moved


def squared_distances(points: FloatArray, centroids: FloatArray) -> FloatArray:
    """Squared distance of each point to each centroid, (n_points, n_segments)."""
    distances = -2 * (points @ centroids.T)
    distances += (centroids**2).sum(axis=1)
    distances += (points**2).sum(axis=1)[:, None]
    return np.maximum(distances, 0)
