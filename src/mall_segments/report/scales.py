"""Axes of features: straight for measured values, transformed where the model does.

The map is drawn in the values that distances are taken of, so that the lines between
segments are straight; what is written at the ticks is in the feature's own unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mall_segments.report.svg import Axis, nice_axis, tick_text
from mall_segments.scoring.assignment import transform

if TYPE_CHECKING:
    from mall_segments.model import Coordinate
    from mall_segments.report.cells import Array

N_KNOTS: Final = 33
"""Values at which a page learns where a transformed axis has them."""

# Ticks of a transformed axis are at least this share of it apart.
_TICK_DISTANCE: Final = 0.11


@dataclass(frozen=True)
class Scale:
    """How the values of one feature become places on the map."""

    coordinate: Coordinate

    @property
    def is_straight(self) -> bool:
        """Whether places are the values themselves."""
        return self.coordinate.transform == "none"

    def place(self, values: Array) -> Array:
        """Cut values to the model's limits and transform them."""
        return transform(self.coordinate, values)

    def axis(self, minimum: float, maximum: float, *, padding: float) -> Axis:
        """Choose an axis around places, with ticks in the feature's unit."""
        plain = nice_axis(minimum, maximum, n_ticks=6, padding=padding, is_clipped=True)
        if self.is_straight:
            return plain
        ticks: list[tuple[float, float]] = []
        distance = _TICK_DISTANCE * (plain.maximum - plain.minimum)
        for value in sorted(_candidates(), key=lambda value: (abs(value), value)):
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

    def knots(self, axis: Axis, low: float, high: float) -> list[list[float]]:
        """Pair values from low to high with their places, as shares of the axis."""
        n_knots = 2 if self.is_straight else N_KNOTS
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


def _candidates() -> list[float]:
    steps = [factor * 10.0**power for power in range(-3, 13) for factor in (1, 2, 5)]
    return [0.0, *steps, *(-step for step in steps)]
