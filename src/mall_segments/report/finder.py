"""What the page needs to say which segment a customer belongs to."""

from typing import Any

from mall_segments.model import Model
from mall_segments.report.marts import Subject
from mall_segments.scoring.assignment import parameters_of

_COLUMN = {"name", "type", "imputed", "minimum", "maximum"}
_SEGMENT = {"segment_id", "share", "outlier_distance", "coordinates", "centroid"}


def finder_data(model: Model, subject: Subject) -> dict[str, Any]:
    """Write a segmentation for `assign` of ``report.js``, which computes the same.

    A number left empty takes the column's imputed value; a category left empty is of
    the level ``unknown``.
    """
    segmentation = subject.segmentation
    columns = []
    for name in segmentation.features:
        column, view = model.column(name), subject.features[name]
        levels = sorted(
            axis.level
            for axis in segmentation.coordinates
            if axis.feature == name and axis.level and axis.level != "unknown"
        )
        columns.append(
            column.model_dump(include=_COLUMN)
            | {"label": view.label, "title": view.title, "levels": levels}
        )
    return {
        "columns": columns,
        "precision": parameters_of(model, segmentation)["precision"],
        "coordinates": [
            axis.model_dump(mode="json") for axis in segmentation.coordinates
        ],
        "segments": [
            segment.model_dump(include=_SEGMENT)
            | {"label": subject.labels[segment.segment_id]}
            for segment in segmentation.segments
        ],
    }
