"""What the page needs to say which segment a customer belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mall_segments.scoring.assignment import parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.model import Model, ModelSegmentation
    from mall_segments.report.features import FeatureView


def finder_data(
    model: Model,
    segmentation: ModelSegmentation,
    features: Mapping[str, FeatureView],
    labels: Mapping[int, str],
) -> dict[str, Any]:
    """Write a segmentation for `assign` of ``report.js``, which computes the same.

    A number left empty takes the column's imputed value; a category left empty is of
    the level ``unknown``.
    """
    columns = []
    for name in segmentation.features:
        column, view = model.column(name), features[name]
        columns.append(
            {
                "name": name,
                "label": view.label,
                "title": view.title,
                "unit": view.unit,
                "isNumber": view.is_number,
                "imputed": column.imputed,
                "minimum": column.minimum,
                "maximum": column.maximum,
                "levels": sorted(
                    axis.level
                    for axis in segmentation.coordinates
                    if axis.feature == name and axis.level and axis.level != "unknown"
                ),
            }
        )
    return {
        "columns": columns,
        "precision": parameters_of(model, segmentation)["precision"],
        "coordinates": [
            axis.model_dump(mode="json") for axis in segmentation.coordinates
        ],
        "segments": [
            {
                "id": segment.segment_id,
                "label": labels[segment.segment_id],
                "share": segment.share,
                "fence": segment.outlier_distance,
                "coordinates": segment.coordinates,
                "centroid": segment.centroid,
            }
            for segment in segmentation.segments
        ],
    }
