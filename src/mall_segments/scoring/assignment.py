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
    """Assign customers given by their values per feature of the segmentation.

    Numbers are in the feature's own unit, None or NaN where missing; categories are
    canonical levels, None where unknown.
    """
    coordinates = to_coordinates(model, segmentation, customers)
    centroids = np.array([each.coordinates for each in segmentation.segments])
    placed = place(
        coordinates,
        centroids,
        shares=np.array([each.share for each in segmentation.segments]),
        fences=np.array([each.outlier_distance for each in segmentation.segments]),
        variance=segmentation.variance,
    )
    is_imputed = np.zeros(len(coordinates), dtype=np.bool_)
    for name in segmentation.features:
        if model.column(name).type == "number":
            is_imputed |= np.isnan(_numbers(customers[name]))
    return Assigned(
        **vars(placed),
        is_imputed=is_imputed,
        reason=_reasons(
            segmentation, coordinates, centroids, placed.segment, placed.second
        ),
    )


def place(
    coordinates: FloatArray,
    centroids: FloatArray,
    *,
    shares: FloatArray,
    fences: FloatArray,
    variance: float,
) -> Placed:
    """Find the nearest two segments of coordinates, of shape (n, n_coordinates).

    The segments' centroids, shares and outlier distances are in one order; the variance
    is that of the segmentation.
    """
    # One axis after the other, as the SQL adds them up, so that ties are the same.
    squared = np.zeros((len(coordinates), len(centroids)))
    for axis in range(coordinates.shape[1]):
        squared += (coordinates[:, axis, None] - centroids[None, :, axis]) ** 2
    rows = np.arange(len(coordinates))
    nearest = squared.argmin(axis=1)
    least = squared[rows, nearest]
    affinities = shares * np.exp(
        np.maximum(-700.0, (least[:, None] - squared) * precision_of(variance))
    )
    squared[rows, nearest] = np.inf
    second = squared.argmin(axis=1)
    distance = np.sqrt(least)
    return Placed(
        segment=nearest,
        distance=distance,
        second=second,
        second_distance=np.sqrt(squared[rows, second]),
        membership=shares[nearest] / affinities.sum(axis=1),
        is_outlier=distance > fences[nearest],
    )


def to_coordinates(
    model: Model,
    segmentation: ModelSegmentation,
    customers: Mapping[str, Sequence[Any]],
) -> FloatArray:
    """Return the coordinates of customers, of shape (n, number of coordinates)."""
    columns = []
    for axis in segmentation.coordinates:
        if axis.level is not None:
            levels = np.array(
                [level or "unknown" for level in customers[axis.feature]], dtype=object
            )
            values = (levels == axis.level).astype(np.float64)
        else:
            imputed = model.column(axis.feature).imputed
            values = _numbers(customers[axis.feature])
            values[np.isnan(values)] = np.nan if imputed is None else imputed
            values = transform(axis, values)
        columns.append((values - axis.center) / axis.scale * axis.weight)
    return np.column_stack(columns)


def transform(axis: Coordinate, values: FloatArray) -> FloatArray:
    """Clip and transform the values of a number, which none of them lacks."""
    if axis.low is not None and axis.high is not None:
        values = np.clip(values, axis.low, axis.high)
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


def _numbers(values: Sequence[Any]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def precision_of(variance: float) -> float:
    """Return 1 / (2 variance), bounded where segments have no inertia at all."""
    return min(1.0 / (2.0 * variance), _MOST_PRECISE) if variance else _MOST_PRECISE


def _reasons(
    segmentation: ModelSegmentation,
    coordinates: FloatArray,
    centroids: FloatArray,
    nearest: npt.NDArray[np.intp],
    second: npt.NDArray[np.intp],
) -> npt.NDArray[np.intp]:
    """Split d²(second) - d²(nearest) by feature and name the largest part."""
    to_second = (coordinates - centroids[second]) ** 2
    parts = to_second - (coordinates - centroids[nearest]) ** 2
    names = np.array([axis.feature for axis in segmentation.coordinates])
    by_feature = np.column_stack(
        [parts[:, names == name].sum(axis=1) for name in segmentation.features]
    )
    largest: npt.NDArray[np.intp] = by_feature.argmax(axis=1)
    return largest


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
