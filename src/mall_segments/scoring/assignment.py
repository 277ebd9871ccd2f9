"""Assign customers by the published model: as SQL for many rows, as arrays for few.

Both follow the one rule of ``sql/assignment.sql``: the nearest centroid in coordinates,
of equally near ones the lower id.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.publishing.tables import portable_text, quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from mall_segments.model import Coordinate, Model, ModelSegmentation

    FloatArray = npt.NDArray[np.float64]

_LIMIT: Final = 1e-12
"""Below it a power of Yeo-Johnson is taken for its limit, a logarithm."""

_MOST_PRECISE: Final = 1e12
"""Precision of memberships where segments have no inertia at all."""


@dataclass(frozen=True)
class Placed:
    """Where ``n`` customers lie among the segments, an array of ``n`` each.

    ``segment`` and ``second`` are positions of segments, the nearest two, of equally
    near ones the lower. Distances are in scaled units.
    """

    segment: npt.NDArray[np.intp]
    distance: FloatArray
    second: npt.NDArray[np.intp]
    second_distance: FloatArray
    membership: FloatArray
    is_outlier: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Assigned(Placed):
    """What is known of ``n`` customers in one segmentation, an array of ``n`` each.

    ``reason`` is the position, in ``segmentation.features``, of the feature that most
    separates the nearest segment from the second.
    """

    is_imputed: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.intp]


def assign(
    model: Model,
    segmentation: ModelSegmentation,
    customers: Mapping[str, Sequence[Any]],
) -> Assigned:
    """Assign customers once; an `Assigner` is faster for more than that."""
    return Assigner(model, segmentation).assign(customers)


class Assigner:
    """Assigns customers to the segments of one segmentation.

    Customers are given by their values per feature of the segmentation. Numbers are in
    the feature's own unit, None or NaN where missing; categories are canonical levels,
    None where unknown.
    """

    def __init__(self, model: Model, segmentation: ModelSegmentation) -> None:
        self._axes = segmentation.coordinates
        self._center, self._scale, self._weight = (
            np.array([getattr(axis, name) for axis in self._axes])
            for name in ("center", "scale", "weight")
        )
        self._imputed = np.array(
            [
                0.0 if axis.level is not None else model.column(axis.feature).imputed
                for axis in self._axes
            ],
            dtype=np.float64,
        )
        # Coordinates of one feature follow each other.
        names = [axis.feature for axis in self._axes]
        self._first_axes = [names.index(name) for name in segmentation.features]
        segments = segmentation.segments
        self._centroids = np.array([each.coordinates for each in segments]).T
        self._shares = np.array([each.share for each in segments])
        self._fences = np.array([each.outlier_distance for each in segments])
        self._variance = segmentation.variance

    def assign(self, customers: Mapping[str, Sequence[Any]]) -> Assigned:
        """Return the nearest segments, and what is known of them."""
        values = self._values(customers)
        missing = np.isnan(values)
        axes = self._coordinates(values, missing)
        # By axis, customer and segment. The axes are added up one after the other, as
        # the SQL does it, so that ties are the same.
        parts = (axes[:, :, None] - self._centroids[:, None, :]) ** 2
        placed = place(
            parts.sum(axis=0),
            shares=self._shares,
            fences=self._fences,
            variance=self._variance,
        )
        rows = np.arange(len(placed.segment))
        # d²(second) - d²(nearest) by feature, of which the largest is the reason.
        separations: FloatArray = np.add.reduceat(
            parts[:, rows, placed.second] - parts[:, rows, placed.segment],
            self._first_axes,
        )
        return Assigned(
            **vars(placed),
            is_imputed=np.logical_or.reduce(missing, axis=0),
            reason=separations.argmax(axis=0),
        )

    def coordinates(self, customers: Mapping[str, Sequence[Any]]) -> FloatArray:
        """Return the coordinates of customers, of shape (n, number of coordinates)."""
        values = self._values(customers)
        coordinates: FloatArray = self._coordinates(values, np.isnan(values)).T
        return coordinates

    def _values(self, customers: Mapping[str, Sequence[Any]]) -> FloatArray:
        """Return a row per coordinate; of a level, whether customers have it."""
        return np.array(
            [
                customers[axis.feature]
                if axis.level is None
                else [
                    (each or "unknown") == axis.level
                    for each in customers[axis.feature]
                ]
                for axis in self._axes
            ],
            dtype=np.float64,
        )

    def _coordinates(
        self, values: FloatArray, missing: npt.NDArray[np.bool_]
    ) -> FloatArray:
        known = np.where(missing, self._imputed[:, None], values)
        scaled = [
            transform(axis, row) for axis, row in zip(self._axes, known, strict=True)
        ]
        coordinates: FloatArray = np.array(scaled) - self._center[:, None]
        coordinates /= self._scale[:, None]
        coordinates *= self._weight[:, None]
        return coordinates


def place(
    squared: FloatArray, *, shares: FloatArray, fences: FloatArray, variance: float
) -> Placed:
    """Find the nearest two segments by the squared distances to all of them.

    These have the shape (n, number of segments); the segments' shares and outlier
    distances are in the same order, and the variance is that of the segmentation.
    """
    rows = np.arange(len(squared))
    nearest = squared.argmin(axis=1)
    least = squared[rows, nearest]
    others = squared.copy()
    others[rows, nearest] = np.inf
    second = others.argmin(axis=1)
    exponents = np.maximum(-700.0, (least[:, None] - squared) * precision_of(variance))
    affinities = shares * np.exp(exponents)
    distance = np.sqrt(least)
    return Placed(
        segment=nearest,
        distance=distance,
        second=second,
        second_distance=np.sqrt(squared[rows, second]),
        membership=shares[nearest] / affinities.sum(axis=1),
        is_outlier=distance > fences[nearest],
    )


def transform(axis: Coordinate, values: FloatArray) -> FloatArray:
    """Clip and transform the values of a number, which none of them lacks."""
    if axis.low is not None and axis.high is not None:
        values = np.minimum(np.maximum(values, axis.low), axis.high)
    if axis.transform == "log":
        return np.log(1.0 + values)
    if axis.transform == "yeo_johnson":
        return yeo_johnson(values, axis.power or 0.0)
    return values


def yeo_johnson(values: FloatArray, power: float) -> FloatArray:
    """Transform values as Yeo and Johnson (2000) do, Biometrika 87, 954-959.

    >>> yeo_johnson(np.array([-1.0, 0.0, 3.0]), 0.5).round(4).tolist()
    [-1.219, 0.0, 2.0]
    """
    above, below = np.maximum(values, 0.0), np.minimum(values, 0.0)
    positive = (
        np.log(1.0 + above)
        if abs(power) < _LIMIT
        else ((1.0 + above) ** power - 1.0) / power
    )
    negative = (
        -np.log(1.0 - below)
        if abs(power - 2.0) < _LIMIT
        else -((1.0 - below) ** (2.0 - power) - 1.0) / (2.0 - power)
    )
    return np.where(values >= 0, positive, negative)


def precision_of(variance: float) -> float:
    """Return 1 / (2 variance), bounded where segments have no inertia at all."""
    return min(1.0 / (2.0 * variance), _MOST_PRECISE) if variance else _MOST_PRECISE


def layout_of(segmentation: ModelSegmentation) -> dict[str, Any]:
    """Describe a published segmentation as ``sql/assignment.sql`` wants it."""
    features: list[dict[str, Any]] = []
    for number, axis in enumerate(segmentation.coordinates, start=1):
        if features and features[-1]["name"] == axis.feature:
            features[-1]["n_coordinates"] += 1
            continue
        features.append(
            {
                "name": axis.feature,
                "type": "number" if axis.level is None else "category",
                "transform": axis.transform,
                "is_clipped": axis.low is not None,
                "first": number,
                "n_coordinates": 1,
            }
        )
    return {
        "name": segmentation.name,
        "n_slots": segmentation.n_segments,
        "features": features,
    }


def parameters_of(model: Model, segmentation: ModelSegmentation) -> dict[str, Any]:
    """Return the one row of parameters that ``sql/assignment.sql`` reads."""
    row: dict[str, Any] = {"precision": precision_of(segmentation.variance)}
    for name in segmentation.features:
        column = model.column(name)
        if column.type == "number":
            row[f"{name}_imputed"] = column.imputed
    for number, axis in enumerate(segmentation.coordinates, start=1):
        for key in ("low", "high", "power", "level", "center", "scale", "weight"):
            value = getattr(axis, key)
            if value is not None:
                row[f"c{number}_{key}"] = value
    for slot, segment in enumerate(segmentation.segments, start=1):
        row[f"s{slot}_id"] = segment.segment_id
        row[f"s{slot}_share"] = segment.share
        row[f"s{slot}_outlier_distance"] = segment.outlier_distance
        for number, value in enumerate(segment.coordinates, start=1):
            row[f"s{slot}_c{number}"] = value
    return row


def assignment_sql(
    model: Model,
    segmentation: ModelSegmentation,
    customers: str,
    *,
    double: str = "double",
) -> str:
    """Return a self-contained SELECT that assigns the rows of a quoted relation.

    The relation has a column per feature: numbers, and canonical levels of categories.
    ``double`` is the engine's name of the type of 8-byte floating-point numbers.
    """
    literals = ", ".join(
        f"{_literal(value, double)} as {name}"
        for name, value in parameters_of(model, segmentation).items()
    )
    layout = layout_of(segmentation)
    body = render(
        "assignment.sql", "assignment", layout, customers, "parameters", double
    )
    return f"with parameters as (select {literals})\n{body}"


def _literal(value: Any, double: str) -> str:
    if isinstance(value, str):
        return portable_text(value)
    if isinstance(value, int):
        return str(value)
    return f"cast({quote_text(repr(float(value)))} as {double})"


def told(segmentation: ModelSegmentation, assigned: str) -> str:
    """Return a SELECT of what `assignment_sql` gave, with what people read of it.

    It adds ``segment_name``, ``persona`` and ``main_reason``: the feature that most
    separates the nearest segment from the second, d²(second) - d²(nearest) by feature.
    """
    names = segmentation.features
    separations = ",\n    ".join(
        f"{_separation(segmentation, name)} as separation_{number}"
        for number, name in enumerate(names, start=1)
    )
    # Of equal parts, the first feature's counts.
    whens = [
        f"when {' and '.join(_at_least(number, len(names)))} then {quote_text(name)}"
        for number, name in enumerate(names[:-1], start=1)
    ]
    last = quote_text(names[-1])
    main_reason = f"case {' '.join(whens)} else {last} end" if whens else last
    return f"""select
    explained.*,
    {_by_slot(segmentation, "segment_name")} as segment_name,
    {_by_slot(segmentation, "persona")} as persona,
    {main_reason} as main_reason
from (
select
    assigned.*,
    {separations}
from (
{assigned}
) as assigned
) as explained"""  # noqa: S608


def _at_least(number: int, n_features: int) -> list[str]:
    return [
        f"separation_{number} >= separation_{other}"
        for other in range(number + 1, n_features + 1)
    ]


def _by_slot(segmentation: ModelSegmentation, attribute: str) -> str:
    whens = " ".join(
        f"when {slot} then {portable_text(getattr(segment, attribute))}"
        for slot, segment in enumerate(segmentation.segments, start=1)
    )
    return f"case nearest_slot {whens} end"


def _separation(segmentation: ModelSegmentation, feature: str) -> str:
    parts = []
    for at, axis in enumerate(segmentation.coordinates):
        if axis.feature != feature:
            continue
        squares = []
        for slot, segment in enumerate(segmentation.segments, start=1):
            difference = f"(coordinate_{at + 1} - {segment.coordinates[at]!r})"
            squares.append(f"when {slot} then {difference} * {difference}")
        whens = " ".join(squares)
        parts.append(f"case second_slot {whens} end - case nearest_slot {whens} end")
    return " + ".join(parts)


def render(file: str, macro: str, *arguments: Any, **options: Any) -> str:
    """Return the SQL of one macro of a file under ``sql/``, as dbt renders it."""
    return str(getattr(_template(file), macro)(*arguments, **options)).strip()


@cache
def _template(file: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(  # noqa: S701 - SQL, whose literals are quoted there.
        loader=PackageLoader("mall_segments", "sql"), undefined=StrictUndefined
    )
    return environment.get_template(file).module
