"""Where the nearest centroid changes: the lines between segments, exactly.

Segments are the cells of the Voronoi diagram of their centroids in scaled coordinates.
A coordinate is a straight function of a transformed value, so the straight lines
between cells stay straight where transformed values are drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mall_segments.model import ModelSegmentation
    from mall_segments.report.cells import Array

_SHORTEST = 1e-9

# The frame, drawn from 0 to 1, as half-planes.
_FRAME = np.array([[-1.0, 0, 0], [1, 0, -1], [0, -1, 0], [0, 1, -1]])


@dataclass(frozen=True)
class Frame:
    """The part of the plane that is drawn, in transformed values."""

    x_minimum: float
    x_maximum: float
    y_minimum: float
    y_maximum: float


@dataclass(frozen=True)
class Line:
    """A straight line between two neighbouring segments, in transformed values."""

    x1: float
    y1: float
    x2: float
    y2: float


def boundary_lines(
    segmentation: ModelSegmentation, x: int, y: int, frame: Frame
) -> list[Line]:
    """Find the lines at which the nearest centroid changes.

    Parameters
    ----------
    segmentation : ModelSegmentation
        Its coordinates and segments.
    x, y : int
        The positions of the coordinates drawn. The lines are those of customers who
        are average in every other one.
    frame : Frame
        Where the lines end.

    Returns
    -------
    list of Line
        One per pair of neighbours, in the order of the segments.
    """
    average = np.array(average_coordinates(segmentation))
    centroids = np.array([each.coordinates for each in segmentation.segments])
    origin, across, up = average.copy(), np.zeros_like(average), np.zeros_like(average)
    for number, low, high, direction in (
        (x, frame.x_minimum, frame.x_maximum, across),
        (y, frame.y_minimum, frame.y_maximum, up),
    ):
        axis = segmentation.coordinates[number]
        factor = axis.weight / axis.scale
        origin[number] = (low - axis.center) * factor
        direction[number] = (high - low) * factor
    # The squared distance to a centroid, less what all share, is linear in the plane.
    planes = -2 * centroids @ np.column_stack([across, up, origin])
    planes[:, 2] += (centroids**2).sum(axis=1)
    lines = []
    for first, second in combinations(range(len(planes)), 2):
        others = planes[first] - np.delete(planes, [first, second], axis=0)
        edge = _edge(planes[first] - planes[second], np.vstack([_FRAME, others]))
        if edge:
            lines.append(_unscaled(edge, frame))
    return lines


def average_coordinates(segmentation: ModelSegmentation) -> list[float]:
    """Return the coordinates of the average customer: centroids, by their shares."""
    return [
        sum(each.share * each.coordinates[axis] for each in segmentation.segments)
        for axis in range(len(segmentation.coordinates))
    ]


def _edge(boundary: Array, limits: Array) -> tuple[float, float, float, float] | None:
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


def _unscaled(edge: tuple[float, float, float, float], frame: Frame) -> Line:
    width = frame.x_maximum - frame.x_minimum
    height = frame.y_maximum - frame.y_minimum
    return Line(
        frame.x_minimum + edge[0] * width,
        frame.y_minimum + edge[1] * height,
        frame.x_minimum + edge[2] * width,
        frame.y_minimum + edge[3] * height,
    )
