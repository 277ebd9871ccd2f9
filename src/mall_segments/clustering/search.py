"""Where K-means should start: a search that leaves poor local optima behind.

k-means++ starts are followed by relocation: each centroid in turn is moved to places
where one more would help most, which takes the partition across to another optimum
where no small step leads.
"""

from __future__ import annotations

import numpy as np
from typing import TYPE_CHECKING

from mall_segments.clustering.runs import Draws, run_lloyd

if TYPE_CHECKING:
    from mall_segments.clustering import FloatArray, IntArray

N_STARTS = 12
"""k-means++ starts; the search after them needs one good start, not many."""

N_PLACES = 200
"""Points to which the search considers moving a centroid, at most."""

N_RELOCATIONS = 100
"""Moves tried per round of the search."""

TRIAL_ITERATIONS = 5
"""Iterations after which a move is judged; few of them are worth finishing."""

N_FINISHED = 10
"""Best moves of a round that are iterated to their end."""

MAX_ROUNDS = 50
"""Rounds after which a search stops; never reached in practice."""

RELATIVE_TIE = 1e-9
"""Inertias closer than this, relative to the smaller, count as equal."""

PART_CELLS = 2_000_000


def represent(
    points: FloatArray, weights: IntArray, *, limit: int
) -> tuple[FloatArray, FloatArray]:
    """Sample points so that weighted inertias of the sample estimate those of all.

    Half of the chances go by customers and half by their squared distance from the
    mean, with weights to match, so that the few far ones are not lost.

    References
    ----------
    .. [1] Bachem, Lucic and Krause (2018), "Scalable k-means clustering via
       lightweight coresets", KDD, 1119-1127.
    """
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


def find_centroids(
    points: FloatArray,
    customers: FloatArray,
    n_segments: int,
    random_seed: int,
    n_best: int,
) -> FloatArray:
    """Best tables of centroids known, best first, (n_found, n_segments, n_features)."""
    if n_segments == 1:
        return np.average(points, axis=0, weights=customers)[None, None]
    if n_segments == len(points):
        return points[None]
    columns = np.ascontiguousarray(points.T)[None]
    weights = customers[None]
    generators = [np.random.default_rng([random_seed, row]) for row in range(N_STARTS)]
    starts = Draws(columns, weights, generators).grow(
        np.zeros((N_STARTS, 0, points.shape[1])), n_segments
    )
    tables, inertias = _iterate(columns, weights, starts)
    pool, inertias = _best(tables, inertias, n_best)
    step = max(1, PART_CELLS // (len(points) * n_segments))
    for _ in range(MAX_ROUNDS):
        least = inertias[0]
        moved = _relocate(points, customers, pool[0])
        tried, judged = [], []
        for low in range(0, len(moved), step):
            t, i = _iterate(columns, weights, moved[low : low + step], TRIAL_ITERATIONS)
            tried.append(t); judged.append(i)
        promising = np.argsort(np.concatenate(judged), kind="stable")[:N_FINISHED]
        found, found_inertias = _iterate(columns, weights, np.concatenate(tried)[promising])
        pool, inertias = _best(
            np.concatenate([pool, found]),
            np.concatenate([inertias, found_inertias]),
            n_best,
        )
        if inertias[0] >= least * (1 - RELATIVE_TIE):
            break
    return pool


def _iterate(columns, weights, starts, max_iterations=100):
    tables, inertias, _ = run_lloyd(columns, weights, starts, max_iterations=max_iterations)
    return tables, inertias


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
    losses = np.bincount(labels, customers * (distances.min(axis=1) - nearest), n_segments)
    step = -(-len(points) // N_PLACES)
    places = points[::step]
    reach = squared_distances(places, points)
    n_moves = max(n_segments, N_RELOCATIONS)
    n_places = min(len(places), max(n_segments, n_moves // n_segments))
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
    order = np.argsort(expected, kind="stable")[: max(n_moves, n_segments**2)]
    moved = np.repeat(centroids[None], len(order), axis=0)
    moved[np.arange(len(order)), rows[order]] = places[targets[order]]
    return moved


def squared_distances(points: FloatArray, centroids: FloatArray) -> FloatArray:
    """Squared distance of each point to each centroid, (n_points, n_segments)."""
    distances = -2 * (points @ centroids.T)
    distances += (centroids**2).sum(axis=1)
    distances += (points**2).sum(axis=1)[:, None]
    return np.maximum(distances, 0)
