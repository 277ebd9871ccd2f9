"""Features become coordinates: what is fitted to each feature before K-means is.

A number is imputed, clipped, transformed, centred, scaled and weighted; a category
becomes one indicator per level, as in factor analysis of mixed data. Parameters are
fitted to weighted values once and applied by one formula, see ``sql/assignment.sql``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from mall_segments.clustering.frames import typed_frame
from mall_segments.clustering.metrics import weighted_quantile
from mall_segments.model import Coordinate
from mall_segments.scoring.assignment import transform, yeo_johnson
from mall_segments.settings import Feature, Segmentation, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mall_segments.clustering import FloatArray

MOST_LEVELS: Final = 12
"""Levels of a category that are told apart where its settings list none."""

FEW_VALUES: Final = 1000
"""Distinct values up to which every value is a point of its own."""

FEW_CUSTOMERS: Final = 10_000
"""Customers up to whom none is moved, however many values they have."""

STEPS: Final = {1: 1 / 64, 2: 1 / 32, 3: 1 / 12, 4: 1 / 6}
"""Steps of a standard deviation, by how many numbers are clustered on."""

COARSEST_STEP: Final = 1 / 4

_DIGITS: Final = 12
_ROBUST: Final = (0.25, 0.75)


@dataclass(frozen=True)
class Values:
    """The distinct values of a number in ascending order and the customers with each.

    Values closer than five significant digits share a row, see the macro ``nearby``.
    """

    values: FloatArray
    counts: FloatArray

    def quantile(self, share: float) -> float:
        """Interpolate linearly between the two customers around, as numpy does."""
        return weighted_quantile(self.values, self.counts, share)

    def mean(self) -> float:
        """Return the mean over customers."""
        return float(np.average(self.values, weights=self.counts))

    def deviation(self) -> float:
        """Return the population standard deviation over customers."""
        squared = (self.values - self.mean()) ** 2
        return float(np.sqrt(np.average(squared, weights=self.counts)))


def fit_coordinates(
    feature_values: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Fit the parameters of every coordinate of every segmentation.

    ``feature_values`` are rows of ``int_feature_values``, in any order; missing numbers
    are left out. Returns one row per segmentation: ``<feature>_imputed`` and
    ``<feature>_minimum`` of every number, and what :class:`Coordinate` holds of each
    coordinate up to the most that a segmentation has, as ``c<n>_feature``, ...,
    ``c<n>_weight``, and its ``c<n>_step``; missing where there is nothing.

    A feature of more than :data:`FEW_VALUES` values, of more customers than
    :data:`FEW_CUSTOMERS`, is grouped in steps of its coordinate,
    :data:`STEPS` of its standard deviation wide. A point lies at the mean
    of its customers, so centroids lose nothing; the inertia of the customers exceeds
    that of their points by at most step² / 4 per feature and customer, and by about
    step² / 12.

    References
    ----------
    .. [1] Pagès (2004), "Analyse factorielle de données mixtes", Revue de statistique
       appliquée 52, 93-111: indicators divided by the square root of their share.
    .. [2] Yeo and Johnson (2000), "A new family of power transformations to improve
       normality or symmetry", Biometrika 87, 954-959.
    """
    read = read_settings(settings)
    numbers = {
        feature.name: _numbers_of(feature_values, feature.name)
        for feature in read.numeric_features
    }
    shared: dict[str, Any] = {}
    for name, values in numbers.items():
        shared[f"{name}_imputed"] = values.quantile(0.5) if values else 0.0
        shared[f"{name}_minimum"] = float(values.values[0]) if values else 0.0
    rows = []
    for segmentation in read.segmentations:
        n_numbers = sum(name in numbers for name in segmentation.features)
        row: dict[str, Any] = {"segmentation": segmentation.name, **shared}
        first = 1
        for name in segmentation.features:
            feature = read.feature(name)
            weight = segmentation.weights.get(name, 1.0)
            axes = (
                _category_axes(feature, feature_values, weight)
                if feature.type == "category"
                else _number_axis(
                    feature, numbers[name], segmentation, weight, n_numbers
                )
            )
            for number, (axis, step) in enumerate(axes, start=first):
                row |= {f"c{number}_{key}": getattr(axis, key) for key in _AXIS_KEYS}
                row[f"c{number}_step"] = step
            first += n_coordinates(feature)
        rows.append(row)
    types = {"segmentation": "text"} | dict.fromkeys(shared, "float64")
    for number in range(1, most_coordinates(read) + 1):
        types |= {f"c{number}_{key}": "text" for key in ("feature", "level")}
        types |= {f"c{number}_{key}": "float64" for key in (*_AXIS_KEYS[2:], "step")}
    return typed_frame(rows, types)


def n_coordinates(feature: Feature) -> int:
    """Return how many coordinates a feature is given, known before it is fitted."""
    if feature.type == "number":
        return 1
    return len(feature.levels) + 1 if feature.levels else MOST_LEVELS


def most_coordinates(settings: Settings) -> int:
    """Return the most coordinates that a segmentation has."""
    return max(
        sum(n_coordinates(settings.feature(name)) for name in segmentation.features)
        for segmentation in settings.segmentations
    )


def coordinates_of(
    fitted: Mapping[str, Any], segmentation: Segmentation, settings: Settings
) -> list[tuple[int, Coordinate]]:
    """Read the numbers and coordinates of a segmentation; unused levels have none."""
    axes = []
    number = 0
    for name in segmentation.features:
        feature = settings.feature(name)
        for _ in range(n_coordinates(feature)):
            number += 1
            cells = {key: _present(fitted[f"c{number}_{key}"]) for key in _AXIS_KEYS}
            if cells["feature"] is None:
                continue
            axes.append((number, Coordinate(transform=feature.transform, **cells)))
    return axes


def each_segmentation(
    points: pd.DataFrame, coordinates: pd.DataFrame, settings: Settings
) -> Iterator[tuple[Segmentation, list[tuple[int, Coordinate]], pd.DataFrame]]:
    """Yield each segmentation with its coordinates and its points, by their ids.

    None where there are no points at all: ``dbt build --empty`` tries the models only.
    """
    fitted: dict[str, Any] = {
        row["segmentation"]: row for row in coordinates.to_dict("records")
    }
    for segmentation in settings.segmentations if len(points) else ():
        axes = coordinates_of(fitted[segmentation.name], segmentation, settings)
        own = points[points["segmentation"] == segmentation.name]
        columns = [f"coordinate_{number}" for number, _ in axes]
        rest = [name for name in own if not str(name).startswith("coordinate_")]
        own = own.sort_values("point_id")[[*rest, *columns]].reset_index(drop=True)
        yield segmentation, axes, own


def to_original(axis: Coordinate, value: float) -> float:
    """Return the value of a number whose coordinate this is, clipped values aside."""
    t = value / axis.weight * axis.scale + axis.center
    if axis.level is not None:
        return t
    if axis.transform == "log":
        return float(np.exp(t) - 1.0)
    if axis.transform == "yeo_johnson":
        return _inverse_yeo_johnson(t, axis.power or 0.0)
    return float(t)


def to_new_scale(
    axes: Sequence[Coordinate], old_axes: Sequence[Coordinate], place: Sequence[float]
) -> list[float]:
    """Return where a place in a former build's coordinates lies in these.

    A level that the former build did not know had a share of 0.
    """
    values = {
        (old.feature, old.level): to_original(old, value)
        for old, value in zip(old_axes, place, strict=True)
    }
    moved = []
    for axis in axes:
        value = values.get((axis.feature, axis.level), 0.0)
        if axis.level is None:
            value = float(transform(axis, np.array([value]))[0])
        moved.append((value - axis.center) / axis.scale * axis.weight)
    return moved


_AXIS_KEYS: Final = (
    "feature",
    "level",
    "low",
    "high",
    "power",
    "center",
    "scale",
    "weight",
)


def _present(cell: Any) -> Any:
    return None if pd.isna(cell) else cell


def _rounded(value: float) -> float:
    """Drop the digits that depend on the order in which an engine adds up."""
    return float(f"{value:.{_DIGITS}g}")


def _numbers_of(feature_values: pd.DataFrame, name: str) -> Values | None:
    own = feature_values[feature_values["feature"] == name]
    own = own[own["value"].notna()].sort_values("value")
    if own.empty:
        return None
    return Values(
        own["value"].to_numpy(np.float64), own["n_customers"].to_numpy(np.float64)
    )


def _number_axis(
    feature: Feature,
    values: Values | None,
    segmentation: Segmentation,
    weight: float,
    n_numbers: int,
) -> list[tuple[Coordinate, float]]:
    """Fit one number and its step; one that nobody has is refused once counted."""
    if values is None:
        return [(Coordinate(feature=feature.name, center=0.0, scale=1.0), 0.0)]
    low = high = power = None
    if feature.clip:
        low, high = (_rounded(values.quantile(share)) for share in feature.clip)
    clipped = values.values if low is None else np.clip(values.values, low, high)
    if feature.transform == "yeo_johnson":
        power = _rounded(fit_yeo_johnson(clipped, values.counts))
    draft = Coordinate(
        feature=feature.name,
        low=low,
        high=high,
        transform=feature.transform,
        power=power,
        center=0.0,
        scale=1.0,
        weight=weight,
    )
    moved = Values(transform(draft, values.values), values.counts)
    center, scale = _scaler(segmentation.scaler, moved)
    deviation = moved.deviation() / scale * weight
    step = 0.0
    if len(values.values) > FEW_VALUES and values.counts.sum() > FEW_CUSTOMERS:
        step = STEPS.get(n_numbers, COARSEST_STEP) * deviation
    axis = draft.model_copy(
        update={"center": _rounded(center), "scale": _rounded(scale)}
    )
    return [(axis, _rounded(step))]


def _scaler(scaler: str, moved: Values) -> tuple[float, float]:
    """Return the center and the scale; the scale is 1 where values do not differ."""
    center, scale = 0.0, 1.0
    if scaler == "standard":
        center, scale = moved.mean(), moved.deviation()
    elif scaler == "minmax":
        center = float(moved.values.min())
        scale = float(moved.values.max()) - center
    elif scaler == "robust":
        first, third = (moved.quantile(share) for share in _ROBUST)
        center, scale = moved.quantile(0.5), third - first
    negligible = 1e-12 * max(1.0, abs(center))
    return center, scale if scale > negligible else 1.0


def _category_axes(
    feature: Feature, feature_values: pd.DataFrame, weight: float
) -> list[tuple[Coordinate, float]]:
    """One indicator per level, the most frequent levels first."""
    own = feature_values[feature_values["feature"] == feature.name]
    counts = sorted(
        (
            (-int(count), str(level))
            for level, count in zip(own["level"], own["n_customers"], strict=True)
        ),
    )[: n_coordinates(feature)]
    total = int(own["n_customers"].sum())
    return [
        (
            Coordinate(
                feature=feature.name,
                level=level,
                center=-count / total,
                scale=float(np.sqrt(-count / total)),
                weight=weight,
            ),
            0.0,
        )
        for count, level in counts
    ]


def fit_yeo_johnson(values: FloatArray, counts: FloatArray) -> float:
    """Find the power that makes weighted values most nearly normal.

    The maximum likelihood estimate, as scikit-learn's ``PowerTransformer`` finds it
    with each value repeated; 1, which changes nothing, where all are the same.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - heavy

    if np.ptp(values) == 0:
        return 1.0
    total = counts.sum()
    logarithms = (counts * np.sign(values) * np.log1p(np.abs(values))).sum()

    def negative_log_likelihood(power: float) -> float:
        moved = yeo_johnson(values, power)
        mean = (counts * moved).sum() / total
        variance = (counts * (moved - mean) ** 2).sum() / total
        if not 0 < variance < np.inf:
            return float("inf")
        return float(total / 2 * np.log(variance) - (power - 1) * logarithms)

    found = minimize_scalar(negative_log_likelihood, bracket=(-2, 2), tol=1e-10)
    return float(found.x)


def _inverse_yeo_johnson(t: float, power: float) -> float:
    if t >= 0:
        if abs(power) < 1e-12:  # noqa: PLR2004
            return float(np.expm1(t))
        return float((t * power + 1) ** (1 / power) - 1)
    if abs(power - 2) < 1e-12:  # noqa: PLR2004
        return float(-np.expm1(-t))
    return float(1 - (1 - (2 - power) * t) ** (1 / (2 - power)))
