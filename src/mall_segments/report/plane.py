"""The plane of two features: its axes, where customers are, and where segments meet.

It is drawn in the values that distances are taken of, so that the lines between
segments are straight; what is written at the ticks is in the feature's own unit.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from mall_segments.model import Coordinate, ModelSegmentation
from mall_segments.report.svg import Axis, nice_axis, tick_text
from mall_segments.scoring.assignment import transform

Array = npt.NDArray[np.float64]
Axes = tuple[Axis, Axis]
Line = tuple[float, float, float, float]

MAX_POINTS: Final = 2_500
"""Points up to which each is drawn; above, they are counted in the bins of a grid."""

GRID: Final = (48, 36)
"""Bins of a grid across and up."""

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


def count_cells(x: Array, y: Array, segment: Array, n: Array) -> list[Cell]:
    """Place customers as points, or in a grid when there are too many to draw.

    Of each point it takes where it lies, its segment's id and its customers.
    """
    places = np.column_stack([x, y])
    if len(np.unique(places, axis=0)) > MAX_POINTS:
        start = places.min(axis=0)
        width = np.maximum(np.ptp(places, axis=0) / GRID, _SHORTEST)
        bins = np.minimum((places - start) // width, np.array(GRID) - 1)
        places = start + (bins + 0.5) * width
    counts: defaultdict[tuple[float, float], Counter[int]] = defaultdict(Counter)
    for (at_x, at_y), segment_id, customers in zip(
        places.tolist(), segment.tolist(), n.tolist(), strict=True
    ):
        counts[at_x, at_y][int(segment_id)] += int(customers)
    return [
        Cell(*place, tuple(sorted(found.items(), key=lambda item: (-item[1], item[0]))))
        for place, found in sorted(counts.items())
    ]


@dataclass(frozen=True)
class Scale:
    """How the values of one feature become places on the plane."""

    coordinate: Coordinate

    def place(self, values: Array) -> Array:
        """Cut values to the model's limits and transform them."""
        return transform(self.coordinate, values)

    def axis(self, places: Sequence[float], *, padding: float) -> Axis:
        """Choose an axis around places, with ticks in the feature's unit."""
        plain = nice_axis(
            min(places), max(places), n_ticks=6, padding=padding, is_clipped=True
        )
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
        ticks.sort()
        return Axis(
            plain.minimum,
            plain.maximum,
            tuple(place for place, _ in ticks),
            tuple(tick_text(value) for _, value in ticks),
        )

    def _has(self, value: float) -> bool:
        if self.coordinate.transform == "log" and value < 0:
            return False
        low, high = self.coordinate.low, self.coordinate.high
        return (low is None or low <= value) and (high is None or value <= high)


def boundary_lines(
    segmentation: ModelSegmentation, positions: tuple[int, int], axes: Axes
) -> list[Line]:
    """Find where the nearest centroid changes: x1, y1, x2, y2 as shares of the axes.

    The lines, one per pair of neighbours, are the edges of Voronoi cells in the plane
    of two coordinates, for customers who are average in every other one.
    """
    average = np.array(average_coordinates(segmentation))
    centroids = np.array([each.coordinates for each in segmentation.segments])
    origin, across, up = average.copy(), np.zeros_like(average), np.zeros_like(average)
    for number, axis, direction in zip(positions, axes, (across, up), strict=True):
        coordinate = segmentation.coordinates[number]
        factor = coordinate.weight / coordinate.scale
        origin[number] = (axis.minimum - coordinate.center) * factor
        direction[number] = (axis.maximum - axis.minimum) * factor
    # The squared distance to a centroid, less what all share, is linear in the plane.
    planes = -2 * centroids @ np.column_stack([across, up, origin])
    planes[:, 2] += (centroids**2).sum(axis=1)
    edges = (
        _edge(
            planes[first] - planes[second],
            np.vstack([_FRAME, planes[first] - np.delete(planes, [first, second], 0)]),
        )
        for first, second in combinations(range(len(planes)), 2)
    )
    return [edge for edge in edges if edge]


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
    at_start, growth = limits[:, :2] @ start + limits[:, 2], limits[:, :2] @ along
    parallel = abs(growth) <= _SHORTEST * np.hypot(limits[:, 0], limits[:, 1])
    if (at_start[parallel] > 0).any():
        return None
    growth[parallel] = math.nan
    ends = -at_start / growth
    first, last = ends[growth < 0].max(), ends[growth > 0].min()
    if last - first <= _SHORTEST:
        return None
    (u1, v1), (u2, v2) = (start + at * along for at in (first, last))
    return float(u1), float(v1), float(u2), float(v2)
