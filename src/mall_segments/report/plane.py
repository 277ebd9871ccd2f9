"""The plane of two features: its axes, where customers are, and where segments meet.

It is drawn in the values that distances are taken of, so that the lines between
segments are straight; what is written at the ticks is in the feature's own unit.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from mall_segments.model import Coordinate, ModelSegmentation
from mall_segments.report.svg import Axis, nice_axis, tick_text
from mall_segments.scoring.assignment import transform

Array = npt.NDArray[np.float64]
Line = tuple[float, float, float, float]

MAX_POINTS: Final = 2_500
"""Points up to which each is drawn; above, they are counted in the bins of a grid."""

GRID: Final = (48, 36)
"""Bins of a grid across and up."""

N_KNOTS: Final = 33
"""Values at which a page learns where a transformed axis has them."""

# Ticks of a transformed axis are at least this share of it apart.
_TICK_DISTANCE: Final = 0.11

_SHORTEST: Final = 1e-9

# The plane, drawn from 0 to 1, as half-planes.
_FRAME = np.array([[-1.0, 0, 0], [1, 0, -1], [0, -1, 0], [0, 1, -1]])


@dataclass(frozen=True)
class Cell:
    """Customers drawn as one mark: those on a point, or in a bin of a grid.

    ``counts`` are segment ids and their customers, most customers first.
    """

    x: float
    y: float
    counts: tuple[tuple[int, int], ...]

    @property
    def n_customers(self) -> int:
        """Count all customers of the cell."""
        return sum(n for _, n in self.counts)


@dataclass(frozen=True)
class Cells:
    """All cells of a chart; only those of a grid have a width and a height."""

    cells: tuple[Cell, ...]
    width: float | None = None
    height: float | None = None


def count_cells(x: Array, y: Array, group: Array, n: Array) -> Cells:
    """Place customers as points, or in a grid when there are too many to draw.

    Of each point it takes where it lies, its segment's id and its customers.
    """
    rows = np.column_stack([x, y, group])
    places, inverse = np.unique(rows, axis=0, return_inverse=True)
    counts = np.bincount(np.ravel(inverse), weights=n)
    if len(places) <= MAX_POINTS:
        found = zip(places.tolist(), counts.tolist(), strict=True)
        return Cells(
            tuple(Cell(px, py, ((int(g), int(total)),)) for (px, py, g), total in found)
        )
    starts = rows[:, :2].min(axis=0)
    spans = rows[:, :2].max(axis=0) - starts
    widths = np.where(spans > 0, spans, 1.0) / GRID
    bins = np.minimum((rows[:, :2] - starts) // widths, np.array(GRID) - 1)
    middles = starts + (bins + 0.5) * widths
    in_bins = zip(*middles.T.tolist(), group.tolist(), n.tolist(), strict=True)
    return gather(in_bins, float(widths[0]), float(widths[1]))


def gather(
    rows: Iterable[tuple[float, float, float, float]],
    width: float | None = None,
    height: float | None = None,
) -> Cells:
    """Make one cell of all rows (x, y, group, customers) at the same place."""
    counts: defaultdict[tuple[float, float], Counter[int]] = defaultdict(Counter)
    for x, y, group, n in rows:
        counts[x, y][int(group)] += int(n)
    cells = [
        Cell(x, y, tuple(sorted(found.items(), key=lambda item: (-item[1], item[0]))))
        for (x, y), found in sorted(counts.items())
    ]
    return Cells(tuple(cells), width, height)


@dataclass(frozen=True)
class Scale:
    """How the values of one feature become places on the plane."""

    coordinate: Coordinate

    def place(self, values: Array) -> Array:
        """Cut values to the model's limits and transform them."""
        return transform(self.coordinate, values)

    def axis(self, minimum: float, maximum: float, *, padding: float) -> Axis:
        """Choose an axis around places, with ticks in the feature's unit."""
        plain = nice_axis(minimum, maximum, n_ticks=6, padding=padding, is_clipped=True)
        if self.coordinate.transform == "none":
            return plain
        ticks: list[tuple[float, float]] = []
        distance = _TICK_DISTANCE * (plain.maximum - plain.minimum)
        steps = [step * 10.0**power for power in range(-3, 13) for step in (1, 2, 5)]
        for value in (0.0, *(sign * step for step in steps for sign in (-1, 1))):
            if not self._has(value):
                continue
            place = float(self.place(np.array([value]))[0])
            is_near = any(abs(place - other) < distance for other, _ in ticks)
            if plain.minimum <= place <= plain.maximum and not is_near:
                ticks.append((place, value))
        places, values = zip(*sorted(ticks), strict=True) if ticks else ((), ())
        return Axis(plain.minimum, plain.maximum, places, tuple(map(tick_text, values)))

    def knots(self, axis: Axis, low: float, high: float) -> list[list[float]]:
        """Pair values from low to high with their places, as shares of the axis."""
        n_knots = 2 if self.coordinate.transform == "none" else N_KNOTS
        if self.coordinate.transform == "log":
            values = np.expm1(np.linspace(math.log1p(low), math.log1p(high), n_knots))
        else:
            values = np.linspace(low, high, n_knots)
        places = [axis.percent(place) / 100 for place in self.place(values).tolist()]
        return [list(pair) for pair in zip(values.tolist(), places, strict=True)]

    def _has(self, value: float) -> bool:
        if self.coordinate.transform == "log" and value < 0:
            return False
        low, high = self.coordinate.low, self.coordinate.high
        return (low is None or low <= value) and (high is None or value <= high)


def boundary_lines(
    segmentation: ModelSegmentation, x: int, y: int, axes: tuple[Axis, Axis]
) -> list[Line]:
    """Find where the nearest centroid changes: x1, y1, x2, y2 as shares of the axes.

    The lines, one per pair of neighbours, are the edges of Voronoi cells in the plane
    of two coordinates, for customers who are average in every other one.
    """
    average = np.array(average_coordinates(segmentation))
    centroids = np.array([each.coordinates for each in segmentation.segments])
    origin, across, up = average.copy(), np.zeros_like(average), np.zeros_like(average)
    for number, axis, direction in ((x, axes[0], across), (y, axes[1], up)):
        coordinate = segmentation.coordinates[number]
        factor = coordinate.weight / coordinate.scale
        origin[number] = (axis.minimum - coordinate.center) * factor
        direction[number] = (axis.maximum - axis.minimum) * factor
    # The squared distance to a centroid, less what all share, is linear in the plane.
    planes = -2 * centroids @ np.column_stack([across, up, origin])
    planes[:, 2] += (centroids**2).sum(axis=1)
    lines = []
    for first, second in combinations(range(len(planes)), 2):
        others = planes[first] - np.delete(planes, [first, second], axis=0)
        edge = _edge(planes[first] - planes[second], np.vstack([_FRAME, others]))
        if edge:
            lines.append(edge)
    return lines


def average_coordinates(segmentation: ModelSegmentation) -> list[float]:
    """Return the coordinates of the average customer: centroids, by their shares."""
    return [
        sum(each.share * each.coordinates[axis] for each in segmentation.segments)
        for axis in range(len(segmentation.coordinates))
    ]


def _edge(boundary: Array, limits: Array) -> Line | None:
    """Clip the edge of a half-plane to others, each where ux + vy + c is at most 0."""
    length = float(np.hypot(*boundary[:2]))
    if not length:
        return None
    along = np.array([-boundary[1], boundary[0]]) / length
    start = -boundary[2] * boundary[:2] / length**2
    first, last = -math.inf, math.inf
    for limit in limits:
        at_start, growth = float(limit[:2] @ start + limit[2]), float(limit[:2] @ along)
        if abs(growth) <= _SHORTEST * float(np.hypot(*limit[:2])):
            if at_start > 0:
                return None
        elif growth > 0:
            last = min(last, -at_start / growth)
        else:
            first = max(first, -at_start / growth)
    if last - first <= _SHORTEST:
        return None
    (u1, v1), (u2, v2) = (start + at * along for at in (first, last))
    return float(u1), float(v1), float(u2), float(v2)
