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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.model import ModelSegment, ModelSegmentation

_SHORTEST = 1e-9


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
    plane = _Plane(segmentation, x, y, frame, average_coordinates(segmentation))
    segments = segmentation.segments
    lines = []
    for first, second in combinations(segments, 2):
        others = [segment for segment in segments if segment not in (first, second)]
        line = _edge(
            plane.closer(first, second),
            [plane.closer(first, other) for other in others],
        )
        if line:
            lines.append(plane.unscaled(line))
    return lines


def average_coordinates(segmentation: ModelSegmentation) -> list[float]:
    """Return the coordinates of the average customer: centroids, by their shares."""
    return [
        sum(each.share * each.coordinates[axis] for each in segmentation.segments)
        for axis in range(len(segmentation.coordinates))
    ]


@dataclass(frozen=True)
class _HalfPlane:
    """Where ``u * x + v * y + constant`` is at most 0, both from 0 to 1."""

    u: float
    v: float
    constant: float


_FRAME = (
    _HalfPlane(-1, 0, 0),
    _HalfPlane(1, 0, -1),
    _HalfPlane(0, -1, 0),
    _HalfPlane(0, 1, -1),
)


@dataclass(frozen=True)
class _Plane:
    segmentation: ModelSegmentation
    x: int
    y: int
    frame: Frame
    average: Sequence[float]

    def closer(self, segment: ModelSegment, other: ModelSegment) -> _HalfPlane:
        """Where the squared distance to a segment is at most that to another.

        The difference of the two squared distances is linear in the coordinates, as
        the squares of the customer's own cancel.
        """
        u = v = constant = 0.0
        frame = self.frame
        for number, axis in enumerate(self.segmentation.coordinates):
            here, there = segment.coordinates[number], other.coordinates[number]
            slope = 2 * (there - here)
            constant += here**2 - there**2
            if number in (self.x, self.y):
                slope *= axis.weight / axis.scale
                constant -= slope * axis.center
            if number == self.x:
                constant += slope * frame.x_minimum
                u = slope * (frame.x_maximum - frame.x_minimum)
            elif number == self.y:
                constant += slope * frame.y_minimum
                v = slope * (frame.y_maximum - frame.y_minimum)
            else:
                constant += slope * self.average[number]
        return _HalfPlane(u, v, constant)

    def unscaled(self, line: tuple[float, float, float, float]) -> Line:
        frame = self.frame
        x_span = frame.x_maximum - frame.x_minimum
        y_span = frame.y_maximum - frame.y_minimum
        return Line(
            frame.x_minimum + line[0] * x_span,
            frame.y_minimum + line[1] * y_span,
            frame.x_minimum + line[2] * x_span,
            frame.y_minimum + line[3] * y_span,
        )


def _edge(
    boundary: _HalfPlane, others: Sequence[_HalfPlane]
) -> tuple[float, float, float, float] | None:
    """Clip the edge of a half-plane to the frame and to the other half-planes."""
    length = math.hypot(boundary.u, boundary.v)
    if not length:
        return None
    along_u, along_v = -boundary.v / length, boundary.u / length
    start_u = -boundary.constant * boundary.u / length**2
    start_v = -boundary.constant * boundary.v / length**2
    first, last = -math.inf, math.inf
    for limit in (*_FRAME, *others):
        at_start = limit.u * start_u + limit.v * start_v + limit.constant
        growth = limit.u * along_u + limit.v * along_v
        if abs(growth) <= _SHORTEST * math.hypot(limit.u, limit.v):
            if at_start > 0:
                return None
        elif growth > 0:
            last = min(last, -at_start / growth)
        else:
            first = max(first, -at_start / growth)
    if last - first <= _SHORTEST:
        return None
    return (
        start_u + first * along_u,
        start_v + first * along_v,
        start_u + last * along_u,
        start_v + last * along_v,
    )
