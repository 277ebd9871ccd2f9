"""Where K-means should start: a search that leaves poor local optima behind.

k-means++ starts are followed by relocation: each centroid in turn is moved to places
where one more would help most, which takes the partition across to another optimum
where no small step leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.runs import Draws, means_of, multiply, run_lloyd
from mall_segments.clustering.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from mall_segments.clustering import FloatArray, IntArray

N_PLACES = 200
"""Points to which the search considers moving a centroid, at most."""

TRIAL_ITERATIONS = 8
"""Iterations after which a move is judged; few of them are worth finishing."""

MAX_ROUNDS = 50
"""Rounds after which a search stops; never reached in practice."""

RELATIVE_TIE = 1e-9
"""Inertias closer than this, relative to the smaller, count as equal."""

SMALL_POINTS = 2_000
"""Points up to which all are searched side by side."""

PROPOSING_POINTS = 600
"""Points that stand for more when places to move a centroid to are looked for."""

N_TURNS, N_EXCHANGES = 4, 6
"""Groups of points that are handed over in turn, and how often each has its turn."""

LARGE_STARTS = 3
"""k-means++ starts on all of many points."""

LARGE_MOVES = 6
"""Moves tried on all of many points, of each of the two best partitions."""

SAME_PARTITION = 1e-5
"""Relative difference of inertias below which two searches ended in one place."""


@dataclass(frozen=True)
class Effort:
    """How long to search side by side.

    Attributes
    ----------
    n_starts : int
        k-means++ starts.
    n_searched : int
        Best partitions whose centroids are relocated.
    n_moves : int
        Moves tried of each of these.
    n_finished : int
        Best moves that are iterated to their end.
    n_best : int
        Tables kept.
    """

    n_starts: int
    n_searched: int
    n_moves: int
    n_finished: int
    n_best: int


THOROUGH = Effort(n_starts=12, n_searched=3, n_moves=50, n_finished=5, n_best=3)
QUICK = Effort(n_starts=8, n_searched=1, n_moves=20, n_finished=3, n_best=2)


def find_centroids(
    points: FloatArray, customers: IntArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Find the tables of centroids from which the least inertia is reached.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Distinct points in scaled units, centred, in a stated order.
    customers : array of shape (n_points,)
        Customers per point, at least 1.
    n_segments : int
        From 1 to ``n_points``.
    random_seed : int
        Where the search starts.

    Returns
    -------
    array of shape (n_found, n_segments, n_features)
        One table or more, best first.

    Notes
    -----
    Up to 2,000 points, many runs go side by side: k-means++ starts, Lloyd's iteration,
    single points handed to another segment where that lowers the inertia [1]_, then
    relocations of the three best partitions, each treated likewise. More points are
    fitted in turn by scikit-learn: three k-means++ starts and the two best
    partitions of 600 representative points, then relocations of the two best, which
    these points propose.

    References
    ----------
    .. [1] Hartigan and Wong (1979), "Algorithm AS 136", Applied Statistics 28.
    """
    weights = customers.astype(np.float64)
    if n_segments == 1:
        return np.average(points, axis=0, weights=weights)[None, None]
    if n_segments == len(points):
        return points[None]
    if len(points) <= SMALL_POINTS:
        return _search_side_by_side(points, weights, n_segments, random_seed, THOROUGH)
    return _search_in_turn(points, weights, n_segments, random_seed)[None]


def _search_in_turn(
    points: FloatArray, customers: FloatArray, n_segments: int, random_seed: int
) -> FloatArray:
    """Search with one run of scikit-learn after the other, on all points."""
    few, few_customers = _represent(points, customers, limit=PROPOSING_POINTS)

    def run(init: int | FloatArray, most: int = 300) -> tuple[float, FloatArray]:
        return _run_on_all(points, customers, init, n_segments, most=most)

    starts: list[int | FloatArray] = [
        (random_seed + row) % 2**32 for row in range(LARGE_STARTS)
    ]
    starts += list(
        _search_side_by_side(few, few_customers, n_segments, random_seed, QUICK)
    )
    pool = sorted(in_parallel(run, starts), key=lambda each: each[0])
    searched: list[float] = []
    for _ in range(MAX_ROUNDS):
        # Starts often end in the same place, up to rounding.
        fresh = [each for each in pool[:2] if _is_new(each[0], searched)]
        if not fresh:
            break
        searched.append(fresh[0][0])
        moved = _relocate(few, few_customers, fresh[0][1])[:LARGE_MOVES]
        tried = in_parallel(
            lambda table: run(table, most=TRIAL_ITERATIONS), list(moved)
        )
        tried.sort(key=lambda each: each[0])
        pool += in_parallel(run, [table for _, table in tried[:2]])
        pool.sort(key=lambda each: each[0])
    return _run_on_all(points, customers, pool[0][1], n_segments, tolerance=0.0)[1]


def _run_on_all(
    points: FloatArray,
    customers: FloatArray,
    init: int | FloatArray,
    n_segments: int,
    *,
    most: int = 300,
    tolerance: float = 5e-4,
) -> tuple[float, FloatArray]:
    """Run scikit-learn's K-means from a seed or a table; inertia and centroids."""
    from sklearn import config_context  # noqa: PLC0415  Loads in seconds.
    from sklearn.cluster import KMeans  # noqa: PLC0415

    use_one_thread()
    is_seed = isinstance(init, int)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        model = KMeans(
            n_segments,
            init="k-means++" if is_seed else init,
            n_init=1,
            tol=tolerance,
            max_iter=most,
            random_state=init if is_seed else None,
        ).fit(points, sample_weight=customers)
    return float(model.inertia_), model.cluster_centers_


def _is_new(inertia: float, searched: list[float]) -> bool:
    return all(abs(inertia - other) > SAME_PARTITION * other for other in searched)


def _represent(
    points: FloatArray, customers: FloatArray, *, limit: int
) -> tuple[FloatArray, FloatArray]:
    """Sample points so that weighted inertias of the sample estimate those of all.

    Half of the chances go by customers and half by their squared distance from the
    mean, with weights to match, so that the few far ones are not lost.

    References
    ----------
    .. [1] Bachem, Lucic and Krause (2018), "Scalable k-means clustering via
       lightweight coresets", KDD, 1119-1127.
    """
    spread = customers * (points**2).sum(axis=1)
    chances = (customers / customers.sum() + spread / spread.sum()) / 2
    ends = np.cumsum(chances)
    places = (np.arange(limit) + 0.5) * (ends[-1] / limit)
    chosen, counts = np.unique(np.searchsorted(ends, places), return_counts=True)
    return points[chosen], customers[chosen] * counts / (limit * chances[chosen])


def _search_side_by_side(
    points: FloatArray,
    customers: FloatArray,
    n_segments: int,
    random_seed: int,
    effort: Effort,
) -> FloatArray:
    """Search with many runs at once; the best tables found, best first."""
    columns = np.ascontiguousarray(points.T)[None]
    weights = customers[None]
    generators = [
        np.random.default_rng([random_seed, row]) for row in range(effort.n_starts)
    ]
    starts = Draws(columns, weights, generators).grow(
        np.zeros((effort.n_starts, 0, points.shape[1])), n_segments
    )
    pool, inertias = _best(*_refine(columns, weights, starts), effort.n_best)
    searched: set[bytes] = set()
    for _ in range(MAX_ROUNDS):
        fresh = [t for t in pool[: effort.n_searched] if t.tobytes() not in searched]
        if not fresh:
            break
        searched.add(fresh[0].tobytes())
        moved = _relocate(points, customers, fresh[0])[: effort.n_moves]
        tried, judged = _iterate(columns, weights, moved, TRIAL_ITERATIONS)
        promising = np.argsort(judged, kind="stable")[: effort.n_finished]
        found, found_inertias = _refine(columns, weights, tried[promising])
        pool, inertias = _best(
            np.concatenate([pool, found]),
            np.concatenate([inertias, found_inertias]),
            effort.n_best,
        )
    return pool


def _iterate(
    columns: FloatArray,
    weights: FloatArray,
    starts: FloatArray,
    max_iterations: int = 100,
) -> tuple[FloatArray, FloatArray]:
    tables, inertias, _ = run_lloyd(
        columns, weights, starts, max_iterations=max_iterations
    )
    return tables, inertias


def _refine(
    columns: FloatArray, weights: FloatArray, starts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Iterate to the end, hand over single points while that helps, iterate again."""
    tables, inertias, labels = run_lloyd(columns, weights, starts)
    exchanged = _exchange(columns[0], weights[0], tables, labels)
    again, lower = _iterate(columns, weights, exchanged)
    is_better = lower < inertias
    tables[is_better] = again[is_better]
    return tables, np.minimum(inertias, lower)


def _exchange(
    columns: FloatArray, weights: FloatArray, tables: FloatArray, labels: IntArray
) -> FloatArray:
    """Hand points to segments whose inertia grows by less than their own's falls."""
    n_runs, n_segments, _ = tables.shape
    runs, points = np.arange(n_runs)[:, None], np.arange(len(weights))
    squares = (columns**2).sum(axis=0)
    weighted = (columns * weights)[None]
    labels = labels.copy()
    for step in range(N_EXCHANGES * N_TURNS):
        turn = points[step % N_TURNS :: N_TURNS]
        own = labels[:, turn]
        costs = multiply(tables, columns[None, :, turn])
        costs *= -2
        costs += (tables**2).sum(axis=2)[:, :, None]
        costs += squares[turn]
        cells = (labels + n_segments * runs).ravel()
        sizes = np.bincount(
            cells, np.broadcast_to(weights, labels.shape).ravel(), n_runs * n_segments
        ).reshape(n_runs, n_segments)
        given = weights[turn]
        rest = sizes[runs, own] - given
        saved = costs[runs, own, np.arange(len(turn))]
        saved *= np.where(rest > 0, sizes[runs, own] / np.where(rest > 0, rest, 1), 0)
        costs *= sizes[:, :, None] / (sizes[:, :, None] + given)
        costs[runs, own, np.arange(len(turn))] = saved
        labels[:, turn] = costs.argmin(axis=1)
        tables = means_of(weighted, weights[None], labels, tables)
    return tables


def _best(
    tables: FloatArray, inertias: FloatArray, n_best: int
) -> tuple[FloatArray, FloatArray]:
    """Drop tables that repeat, whatever the order of their rows; keep the best."""
    order = np.argsort(inertias, kind="stable")
    kept: dict[bytes, int] = {}
    ordered = tables.copy()
    for row in order:
        table = tables[row]
        ordered[row] = table[np.lexsort(table.T[::-1])]
        kept.setdefault((np.round(ordered[row], 9) + 0.0).tobytes(), row)
        if len(kept) == n_best:
            break
    rows = list(kept.values())
    return ordered[rows], inertias[rows]


def _relocate(
    points: FloatArray, customers: FloatArray, centroids: FloatArray
) -> FloatArray:
    """Move each centroid in turn to places where one more would help most."""
    n_segments = len(centroids)
    distances = squared_distances(points, centroids)
    nearest = distances.min(axis=1)
    labels = distances.argmin(axis=1)
    distances[np.arange(len(points)), labels] = np.inf
    losses = np.bincount(
        labels, customers * (distances.min(axis=1) - nearest), n_segments
    )
    step = -(-len(points) // N_PLACES)
    places = points[::step]
    reach = squared_distances(places, points)
    n_places = min(len(places), max(n_segments, N_PLACES // 2 // n_segments))
    chosen, gains = [], []
    for _ in range(n_places):
        # Greedy: each place is judged with the ones before it already taken.
        saved = np.maximum(0, nearest - reach) @ customers
        place = int(saved.argmax())
        chosen.append(place)
        gains.append(saved[place])
        nearest = np.minimum(nearest, reach[place])
    rows = np.repeat(np.arange(n_segments), n_places)
    targets = np.tile(np.array(chosen), n_segments)
    expected = losses[rows] - np.tile(np.array(gains), n_segments)
    order = np.argsort(expected, kind="stable")
    moved = np.repeat(centroids[None], len(order), axis=0)
    moved[np.arange(len(order)), rows[order]] = places[targets[order]]
    return moved


def squared_distances(points: FloatArray, centroids: FloatArray) -> FloatArray:
    """Squared distance of each point to each centroid, (n_points, n_segments)."""
    distances = -2 * (points @ centroids.T)
    distances += (centroids**2).sum(axis=1)
    distances += (points**2).sum(axis=1)[:, None]
    return np.maximum(distances, 0)
