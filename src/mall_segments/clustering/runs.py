"""Runs of K-means side by side: of one set from many starts, or of many small sets.

Of a few hundred customers most of the time of one run after the other would go into
calling it, and a simulation fits hundreds of such sets. Nothing here knows a partition
that is being judged: each set is fitted from its own points alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.clustering import BoolArray, FloatArray, IntArray

N_STARTS = 4
"""Fresh k-means++ starts of each set, besides one grown from a segment fewer."""

MAX_ITERATIONS = 60
"""Iterations after which a run stops; few are still moving then, and by little."""

PART_CELLS = 400_000
"""Distances that one thread holds at once: 3 MB, which stay in the cache."""


@dataclass(frozen=True)
class SetFits:
    """The best partition found of each set into one number of segments.

    Centroids of shape (n_sets, n_segments, n_features), the inertia of each set and
    labels of shape (n_sets, n_points).
    """

    centroids: FloatArray
    inertias: FloatArray
    labels: IntArray


def fit_sets(
    points: FloatArray,
    weights: FloatArray,
    *,
    max_segments: int,
    random_seed: Sequence[int],
) -> list[SetFits]:
    """Fit 1 to ``max_segments`` segments to each of many sets.

    Points have the shape (n_sets, n_points, n_features) and weights (n_sets, n_points);
    either may have one set only, which all sets then share. Where a set has fewer
    distinct points, segments without customers are left over. Each set draws from its
    own stream, so results depend neither on the other sets nor on threads.

    Each number of segments is tried from four k-means++ starts, each place being the
    best of a few drawn, and from the partition into one segment fewer with a place
    drawn likewise. The partition of least inertia is kept.
    """
    n_sets = max(len(points), len(weights))
    cells = points.shape[1] * max_segments * (N_STARTS + 1)
    step = max(1, PART_CELLS // cells)
    parts = [range(low, min(low + step, n_sets)) for low in range(0, n_sets, step)]

    def fit(part: range) -> list[SetFits]:
        rows = slice(part.start, part.stop)
        generators = [np.random.default_rng([*random_seed, row]) for row in part]
        return _fit_part(
            points[rows] if len(points) > 1 else points,
            weights[rows] if len(weights) > 1 else weights,
            max_segments,
            generators,
        )

    found = in_parallel(fit, parts)
    return [
        SetFits(
            np.concatenate([fits[place].centroids for fits in found]),
            np.concatenate([fits[place].inertias for fits in found]),
            np.concatenate([fits[place].labels for fits in found]),
        )
        for place in range(max_segments)
    ]


def draw_starts(
    points: FloatArray,
    weights: FloatArray,
    n_segments: int,
    n_starts: int,
    random_seed: int,
) -> FloatArray:
    """Draw k-means++ starts for one set, (n_starts, n_segments, n_features)."""
    generators = [np.random.default_rng([random_seed, row]) for row in range(n_starts)]
    draws = _Draws(np.ascontiguousarray(points.T)[None], weights[None], generators)
    return draws.grow(np.zeros((n_starts, 0, points.shape[1])), n_segments)


def _fit_part(
    points: FloatArray,
    weights: FloatArray,
    max_segments: int,
    generators: Sequence[np.random.Generator],
) -> list[SetFits]:
    """Fit some sets, each number of segments starting from the one before."""
    n_sets, n_runs = len(generators), N_STARTS + 1
    columns = np.ascontiguousarray(points.transpose(0, 2, 1))
    draw = _Draws(columns, weights, generators)
    # Runs of the same set follow each other.
    if len(points) > 1:
        columns = np.repeat(columns, n_runs, axis=0)
    if len(weights) > 1:
        weights = np.repeat(weights, n_runs, axis=0)
    results: list[SetFits] = []
    centroids = np.zeros((n_sets, 0, points.shape[2]))
    for n_segments in range(1, max_segments + 1):
        starts = np.stack(
            [draw.grow(centroids, n_segments)]
            + [draw.grow(centroids[:, :0], n_segments) for _ in range(N_STARTS)],
            axis=1,
        ).reshape(n_sets * n_runs, n_segments, points.shape[2])
        tables, inertias, labels = run_lloyd(columns, weights, starts)
        best = inertias.reshape(n_sets, n_runs).argmin(axis=1)
        rows = best + n_runs * np.arange(n_sets)
        centroids = tables[rows]
        results.append(SetFits(centroids, inertias[rows], labels[rows]))
    return results


class _Draws:
    """k-means++ draws for many sets at once, each from its own generator.

    Columns of shape (n_sets, n_features, n_points) and weights of shape (n_sets,
    n_points) may have one set, which all generators share.
    """

    def __init__(
        self,
        columns: FloatArray,
        weights: FloatArray,
        generators: Sequence[np.random.Generator],
    ) -> None:
        self.columns = columns
        self.weights = weights
        self.generators = generators
        self.squares = (columns**2).sum(axis=1)

    def grow(self, centroids: FloatArray, n_segments: int) -> FloatArray:
        """Add places to the given ones, (n_sets, n_segments, n_features)."""
        n_sets, n_given, n_features = centroids.shape
        rows = np.arange(n_sets)
        sets = rows if len(self.columns) > 1 else np.zeros(n_sets, dtype=np.int64)
        table = np.empty((n_sets, n_segments, n_features))
        table[:, :n_given] = centroids
        nearest = np.ones((n_sets, self.columns.shape[2]))
        if n_given:
            nearest = self._distances(centroids).min(axis=1)
        for place in range(n_given, n_segments):
            n_tried = 2 + int(math.log(n_segments)) if place else 1
            drawn = self._draw(nearest, n_tried)
            targets = self.columns[sets[:, None], :, drawn]
            reach = self._distances(targets)
            if place:
                np.minimum(reach, nearest[:, None], out=reach)
            potentials = (reach * self.weights[:, None]).sum(axis=2)
            best = potentials.argmin(axis=1)
            nearest = reach[rows, best]
            table[:, place] = targets[rows, best]
        return table

    def _draw(self, nearest: FloatArray, n_tried: int) -> IntArray:
        """Points of each set by customers times squared distance, (n_sets, n_tried)."""
        ends = np.cumsum(self.weights * nearest, axis=1)
        drawn = [
            np.searchsorted(end, each.random(n_tried) * end[-1], side="right")
            for end, each in zip(ends, self.generators, strict=True)
        ]
        places: IntArray = np.minimum(np.stack(drawn), ends.shape[1] - 1)
        return places

    def _distances(self, targets: FloatArray) -> FloatArray:
        """Squared distances, (n_sets, n_targets, n_points)."""
        distances = _multiply(targets, self.columns)
        distances *= -2
        distances += self.squares[:, None]
        distances += (targets**2).sum(axis=2)[:, :, None]
        np.maximum(distances, 0, out=distances)
        return distances


def _multiply(tables: FloatArray, columns: FloatArray) -> FloatArray:
    """Products of rows and points, (n_runs, n_rows, n_points); one set is shared."""
    if len(columns) > 1:
        return tables @ columns
    n_runs, n_rows, n_features = tables.shape
    products: FloatArray = tables.reshape(-1, n_features) @ columns[0]
    return products.reshape(n_runs, n_rows, -1)


def run_lloyd(
    columns: FloatArray,
    weights: FloatArray,
    starts: FloatArray,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Iterate runs of K-means side by side.

    ``columns`` has the shape (n_runs, n_features, n_points), ``weights`` (n_runs,
    n_points), ``starts`` (n_runs, n_segments, n_features); all runs share the columns
    or weights of one. Returns centroids, their inertia and the nearest centroid of
    each point, ties to the lower row. A segment that loses its customers keeps its
    centroid.
    """
    centroids = starts.copy()
    squares = (columns**2).sum(axis=1)
    weighted = columns * weights[:, None]
    labels = np.full((len(starts), columns.shape[2]), -1)
    inertias = np.zeros(len(starts))
    active = np.arange(len(starts))
    for iteration in range(MAX_ITERATIONS):
        found, nearest = _label(_of(columns, active), centroids[active])
        inertias[active] = (
            (nearest + _of(squares, active)) * _of(weights, active)
        ).sum(axis=1)
        has_changed = (found != labels[active]).any(axis=1)
        labels[active] = found
        active = active[has_changed]
        if not len(active) or iteration == MAX_ITERATIONS - 1:
            break
        centroids[active] = _means_of(
            _of(weighted, active),
            _of(weights, active),
            found[has_changed],
            centroids[active],
        )
    return centroids, inertias, labels


def _of(values: FloatArray, runs: IntArray) -> FloatArray:
    """Rows of some runs; the one that all share, where there is one."""
    return values if len(values) == 1 else values[runs]


def _label(columns: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
    """Nearest centroid and squared distance less the point's own square."""
    products = _multiply(centroids, columns)
    products *= -2
    products += (centroids**2).sum(axis=2)[:, :, None]
    nearest = products[:, 0].copy()
    labels = np.zeros(nearest.shape, dtype=np.int64)
    for row in range(1, products.shape[1]):
        is_nearer: BoolArray = products[:, row] < nearest
        labels[is_nearer] = row
        np.minimum(nearest, products[:, row], out=nearest)
    return labels, nearest


def _means_of(
    weighted: FloatArray,
    weights: FloatArray,
    labels: IntArray,
    centroids: FloatArray,
) -> FloatArray:
    """Means of the labelled points; the centroid itself where it has none."""
    n_runs, n_segments, n_features = centroids.shape
    cells = (labels + n_segments * np.arange(n_runs)[:, None]).ravel()

    def add(values: FloatArray) -> FloatArray:
        total = np.bincount(
            cells,
            weights=np.broadcast_to(values, labels.shape).ravel(),
            minlength=n_runs * n_segments,
        ).astype(np.float64)
        return total.reshape(n_runs, n_segments)

    sizes = add(weights)
    sums = np.stack([add(weighted[:, row]) for row in range(n_features)], axis=2)
    means = sums / np.where(sizes > 0, sizes, 1)[:, :, None]
    return np.where(sizes[:, :, None] > 0, means, centroids)
