"""Where each point lies among the segments, for maps and for rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from mall_segments.clustering.coordinates import each_segmentation
from mall_segments.clustering.frames import coordinate_values, typed_frame
from mall_segments.clustering.metrics import silhouettes
from mall_segments.scoring.assignment import place
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.clustering import FloatArray

MAX_SILHOUETTE_POINTS: Final = 20_000
"""Points up to which silhouettes are computed: they need all pairs of points."""

_TYPES: Final = {
    "segmentation": "string",
    "point_id": "int64",
    "segment_id": "int64",
    "distance": "float64",
    "second_segment_id": "int64",
    "second_distance": "float64",
    "membership": "float64",
    "silhouette": "float64",
    "is_outlier": "bool",
}


def place_points(
    points: pd.DataFrame,
    coordinates: pd.DataFrame,
    segments: pd.DataFrame,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Assign each point to its nearest segment, as ``sql/assignment.sql`` does.

    ``points``, ``coordinates`` and ``segments`` are rows of the models of these names.
    Returns one row per segmentation and point. ``silhouette``, from -1 (misplaced) to 1
    (well separated), is missing on points without a fitted customer and beyond
    :data:`MAX_SILHOUETTE_POINTS`.
    """
    tables = []
    for segmentation, axes, own in each_segmentation(
        points, coordinates, read_settings(settings)
    ):
        rows = segments[segments["segmentation"] == segmentation.name]
        rows = rows.sort_values("segment_id")
        columns = [f"coordinate_{number}" for number, _ in axes]
        values = coordinate_values(own)
        placed = nearest_segments(values, rows[columns].to_numpy(np.float64), rows)
        placed.insert(0, "segmentation", segmentation.name)
        placed.insert(1, "point_id", own["point_id"].to_numpy())
        placed["silhouette"] = _silhouettes(own, values, placed["segment_id"])
        tables.append(placed)
    if not tables:
        return typed_frame([], _TYPES)
    return pd.concat(tables, ignore_index=True)[list(_TYPES)].astype(_TYPES)


def nearest_segments(
    values: FloatArray, centroids: FloatArray, rows: pd.DataFrame
) -> pd.DataFrame:
    """Assign points to centroids; ``rows`` are those of ``segments``, in that order."""
    ids = rows["segment_id"].to_numpy(np.int64)
    # One axis after the other, as the SQL adds them up, so that ties are the same.
    squared = np.zeros((len(values), len(centroids)))
    for axis in range(values.shape[1]):
        squared += (values[:, axis, None] - centroids[None, :, axis]) ** 2
    placed = place(
        squared,
        shares=rows["share"].to_numpy(np.float64),
        fences=rows["outlier_distance"].to_numpy(np.float64),
        variance=float(rows["variance"].iloc[0]),
    )
    return pd.DataFrame(
        {
            "segment_id": ids[placed.segment],
            "distance": placed.distance,
            "second_segment_id": ids[placed.second],
            "second_distance": placed.second_distance,
            "membership": placed.membership,
            "is_outlier": placed.is_outlier,
        }
    )


def _silhouettes(
    own: pd.DataFrame, values: FloatArray, segment_ids: pd.Series[int]
) -> FloatArray:
    found = np.full(len(own), np.nan)
    is_fitted = own["n_fitted"].to_numpy() > 0
    if 0 < is_fitted.sum() <= MAX_SILHOUETTE_POINTS:
        codes = np.unique(segment_ids.to_numpy()[is_fitted], return_inverse=True)[1]
        (measured,) = silhouettes(
            values[is_fitted], own["n_fitted"].to_numpy(np.int64)[is_fitted], [codes]
        )
        if measured is not None:
            found[is_fitted] = measured
    return found
