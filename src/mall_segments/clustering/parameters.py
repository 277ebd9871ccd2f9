"""What was fitted, in the two shapes that assign customers: a row for SQL, a model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from mall_segments.clustering.coordinates import (
    coordinates_of,
    most_coordinates,
    to_new_scale,
)
from mall_segments.clustering.frames import typed_frame
from mall_segments.model import (
    Model,
    ModelColumn,
    ModelSegment,
    ModelSegmentation,
    RetiredSegment,
)
from mall_segments.scoring.assignment import precision_of
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.model import Coordinate
    from mall_segments.settings import Feature, Settings


def wide_parameters(
    coordinates: pd.DataFrame, segments: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Put coordinates and segments into the one row that ``sql/assignment.sql`` reads.

    Returns one row per segmentation: the columns of ``coordinates``, ``precision``, and
    for each slot ``s<n>_id``, ``s<n>_share``, ``s<n>_outlier_distance`` and
    ``s<n>_c<m>``; missing in slots that no segment has.
    """
    read = read_settings(settings)
    n_slots = max(each.most_segments for each in read.segmentations)
    n_most = most_coordinates(read)
    rows = []
    for row in coordinates.to_dict("records"):
        own = segments[segments["segmentation"] == row["segmentation"]]
        slots: dict[str, Any] = {"precision": precision_of(own["variance"].max())}
        ordered: list[dict[Any, Any]] = own.sort_values("segment_id").to_dict("records")
        empty: list[dict[Any, Any]] = [{}] * (n_slots - len(ordered))
        for slot, segment in enumerate([*ordered, *empty], start=1):
            slots[f"s{slot}_id"] = segment.get("segment_id")
            slots[f"s{slot}_share"] = segment.get("share")
            slots[f"s{slot}_outlier_distance"] = segment.get("outlier_distance")
            for number in range(1, n_most + 1):
                value = segment.get(f"coordinate_{number}")
                # A level that nobody has takes no part in any distance.
                if segment and pd.isna(value):
                    value = 0.0
                slots[f"s{slot}_c{number}"] = value
        rows.append(slots)
    types = {name: "Int64" if name.endswith("_id") else "float64" for name in rows[0]}
    # A coordinate that no level has is 0 for everybody.
    unused = {"center": 0.0, "scale": 1.0, "weight": 1.0}
    filled = coordinates.reset_index(drop=True).fillna(
        {
            f"c{number}_{key}": value
            for number in range(1, n_most + 1)
            for key, value in unused.items()
        }
    )
    return pd.concat([filled, typed_frame(rows, types)], axis=1)


def build_model(
    *,
    settings: Settings,
    coordinates: pd.DataFrame,
    segments: pd.DataFrame,
    sizes: pd.DataFrame,
    verdicts: pd.DataFrame,
    previous: Model | None,
    build_id: str,
    settings_sha256: str,
) -> Model:
    """Put together what is published as ``model.json``.

    ``sizes`` are rows of ``dim_segments``, ``verdicts`` of
    ``fct_segmentation_verdicts``; ``previous`` is the published model, whose ids are
    not used again.
    """
    fitted: dict[str, Any] = {
        row["segmentation"]: row for row in coordinates.to_dict("records")
    }
    verdict_of = dict(zip(verdicts["segmentation"], verdicts["verdict"], strict=True))
    rows = segments.merge(
        sizes[["segmentation", "segment_id", "n_customers", "customer_share"]],
        on=["segmentation", "segment_id"],
        validate="one_to_one",
    ).sort_values("segment_id")
    first = next(iter(fitted.values()))
    segmentations = []
    for segmentation in settings.segmentations:
        axes = coordinates_of(fitted[segmentation.name], segmentation, settings)
        own: list[Any] = rows[rows["segmentation"] == segmentation.name].to_dict(
            "records"
        )
        ids = {int(row["segment_id"]) for row in own}
        continued = previous if own[0]["is_continued"] else None
        segmentations.append(
            ModelSegmentation(
                name=segmentation.name,
                features=list(segmentation.features),
                scaler=segmentation.scaler,
                random_seed=segmentation.random_seed,
                verdict=verdict_of[segmentation.name],
                variance=float(own[0]["variance"]),
                coordinates=[axis for _, axis in axes],
                segments=[_segment(row, segmentation.features, axes) for row in own],
                retired_segments=_retired(continued, segmentation.name, ids, axes),
            )
        )
    return Model(
        build_id=build_id,
        created_at=datetime.now(UTC).isoformat(),
        settings_sha256=settings_sha256,
        missing_values=settings.missing_values,
        customer_id_aliases=list(settings.customer_id.aliases),
        columns=[_column(column, first) for column in settings.columns],
        segmentations=segmentations,
    )


def _column(column: Feature, fitted: Mapping[str, Any]) -> ModelColumn:
    is_number = column.type == "number"
    return ModelColumn(
        name=column.name,
        label=column.label,
        unit=column.unit,
        type=column.type,
        aliases=list(column.aliases),
        minimum=column.least,
        maximum=column.maximum,
        is_whole=column.is_whole,
        levels=None
        if column.levels is None
        else {level: list(texts) for level, texts in column.levels.items()},
        imputed=float(fitted[f"{column.name}_imputed"]) if is_number else None,
    )


def _segment(
    row: Mapping[str, Any],
    features: Sequence[str],
    axes: Sequence[tuple[int, Coordinate]],
) -> ModelSegment:
    def optional(name: str) -> float | None:
        return None if pd.isna(row[name]) else float(row[name])

    return ModelSegment(
        segment_id=int(row["segment_id"]),
        segment_name=row["segment_name"],
        persona=row["persona"],
        recommended_action=row["recommended_action"],
        n_customers=int(row["n_customers"]),
        customer_share=float(row["customer_share"]),
        share=float(row["share"]),
        mean_silhouette=optional("mean_silhouette"),
        stability_jaccard=optional("stability_jaccard"),
        inertia_share=float(row["inertia_share"]),
        outlier_distance=float(row["outlier_distance"]),
        centroid={name: row[f"centroid_{name}"] for name in features},
        coordinates=[float(row[f"coordinate_{number}"]) for number, _ in axes],
    )


def _retired(
    previous: Model | None,
    name: str,
    ids: set[int],
    axes: Sequence[tuple[int, Coordinate]],
) -> list[RetiredSegment]:
    """Keep where the segments lay that a published segmentation has or had."""
    for published in previous.segmentations if previous else ():
        if published.name == name:
            former: list[ModelSegment | RetiredSegment] = [*published.segments]
            former += published.retired_segments
            return [
                RetiredSegment(
                    segment_id=segment.segment_id,
                    coordinates=to_new_scale(
                        [axis for _, axis in axes],
                        published.coordinates,
                        segment.coordinates,
                    ),
                )
                for segment in former
                if segment.segment_id not in ids
            ]
    return []
