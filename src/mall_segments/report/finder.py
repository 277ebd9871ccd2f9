"""What the page needs to say which segment a customer belongs to."""

from typing import Any

from mall_segments.model import Model
from mall_segments.report.marts import Subject
from mall_segments.scoring.assignment import parameters_of


def finder_data(model: Model, subject: Subject) -> dict[str, Any]:
    """Write a segmentation for `assign` of ``report.js``, which computes the same.

    A number left empty takes the column's imputed value; a category left empty is of
    the level ``unknown``.
    """
    segmentation = subject.segmentation
    columns = []
    for name in segmentation.features:
        column, view = model.column(name), subject.features[name]
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
                "label": subject.labels[segment.segment_id],
                "share": segment.share,
                "fence": segment.outlier_distance,
                "coordinates": segment.coordinates,
                "centroid": segment.centroid,
            }
            for segment in segmentation.segments
        ],
    }
