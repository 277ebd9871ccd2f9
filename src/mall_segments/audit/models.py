"""Suites over the model file: it must be that of the tables and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mall_segments.audit.evidence import AUDITED, MODEL_SEGMENTS, MissingEvidenceError
from mall_segments.audit.expectations import Suite, equal, n_rows
from mall_segments.publishing.generations import MODEL
from mall_segments.model_file import SEGMENT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mall_segments.audit.evidence import Evidence
    from mall_segments.model_file import Model, Segment

_STATISTICS = ("mean", "std", "minimum", "p25", "median", "p75", "maximum")


def model_suites() -> Iterator[Suite]:
    """Yield the suites over ``model.json``."""
    yield Suite(
        name=MODEL,
        frame=_model_segments,
        keys=("segmentation", "segment_id", "field"),
        expectations=(
            n_rows(1),
            equal("in_model", "in_table", "is that of dim_segments"),
        ),
        needs=(MODEL_SEGMENTS,),
    )
    yield Suite(
        name=f"{MODEL}, settings",
        frame=_model_settings,
        keys=("setting",),
        expectations=(
            n_rows(1),
            equal("in_model", "in_settings", "is that of the settings and tables"),
        ),
        needs=(MODEL_SEGMENTS,),
    )


def _model(evidence: Evidence) -> Model:
    if evidence.model is None:
        raise MissingEvidenceError(str(evidence.lacks(MODEL_SEGMENTS)))
    return evidence.model


def _model_segments(evidence: Evidence) -> pd.DataFrame:
    names = [feature.name for feature in evidence.settings.features]
    modelled = {
        (segmentation.name, segment.segment_id): _values(segment, names)
        for segmentation in _model(evidence).segmentations
        for segment in segmentation.segments
    }
    fields = list(_values(_model(evidence).segmentations[0].segments[0], names))
    published = {
        (segmentation, segment_id): dict(zip(fields, values, strict=True))
        for segmentation, segment_id, *values in evidence.rows(
            f"SELECT segmentation, segment_id, {', '.join(fields)} "  # noqa: S608
            f"FROM {AUDITED}.main.dim_segments"
        )
    }
    return pd.DataFrame(
        [
            {
                "segmentation": key[0],
                "segment_id": key[1],
                "field": field,
                "in_model": _text(modelled.get(key, {}).get(field)),
                "in_table": _text(published.get(key, {}).get(field)),
            }
            for key in sorted({*modelled, *published}, key=str)
            for field in fields
        ]
    )


def _values(segment: Segment, names: Sequence[str]) -> dict[str, object]:
    """Name the values of a segment as the columns of ``dim_segments``."""
    return {
        **{field: getattr(segment, field) for field in SEGMENT_FIELDS},
        **{f"centroid_{name}": segment.centroid.get(name) for name in names},
        **{
            f"scaled_centroid_{name}": segment.scaled_centroid.get(name)
            for name in names
        },
    }


def _text(value: object) -> str:
    """Write a value so that equal ones read the same."""
    return repr(float(value)) if isinstance(value, int | float) else str(value)


def _model_settings(evidence: Evidence) -> pd.DataFrame:
    model, settings = _model(evidence), evidence.settings
    statistics = ", ".join(f"CAST({name} AS DOUBLE)" for name in _STATISTICS)
    summaries = {
        feature: dict(zip(_STATISTICS, values, strict=True))
        for feature, *values in evidence.rows(
            f"SELECT feature, {statistics} FROM {AUDITED}.main.fct_feature_summary"  # noqa: S608
        )
    }
    pairs: list[tuple[str, object, object]] = [
        ("missing_values", model.missing_values, settings.missing_values),
        (
            "customer_id.aliases",
            model.customer_id_aliases,
            settings.customer_id.aliases,
        ),
        *(
            (
                f"gender.{part}",
                getattr(model.gender, part),
                getattr(settings.gender, part),
            )
            for part in ("aliases", "female", "male")
        ),
        (
            "features",
            [feature.name for feature in model.features],
            [feature.name for feature in settings.features],
        ),
        (
            "segmentations",
            [segmentation.name for segmentation in model.segmentations],
            [segmentation.name for segmentation in settings.segmentations],
        ),
    ]
    for feature, configured in zip(model.features, settings.features, strict=False):
        pairs += [
            (
                f"features.{configured.name}.{part}",
                getattr(feature, part),
                getattr(configured, part),
            )
            for part in (
                "label",
                "aliases",
                "minimum",
                "maximum",
                "resolution",
                "is_whole",
            )
        ]
        pairs.append(
            (
                f"features.{configured.name}.median",
                feature.median,
                summaries.get(feature.name, {}).get("median"),
            )
        )
    for segmentation, chosen in zip(
        model.segmentations, settings.segmentations, strict=False
    ):
        place = f"segmentations.{chosen.name}"
        scales = [
            (feature.name, feature.center, feature.scale)
            for feature in segmentation.features
        ]
        expected = [
            (name, *_scaling(chosen.scaler, summaries.get(name)))
            for name in chosen.features
        ]
        pairs += [
            (f"{place}.scaler", segmentation.scaler, chosen.scaler),
            (f"{place}.random_seed", segmentation.random_seed, chosen.random_seed),
            (f"{place}.features", scales, expected),
        ]
    return pd.DataFrame(
        [
            {"setting": setting, "in_model": str(left), "in_settings": str(right)}
            for setting, left, right in pairs
        ]
    )


def _scaling(
    scaler: str, summary: Mapping[str, float] | None
) -> tuple[float | None, float | None]:
    """Center and scale of a feature by its published summary."""
    if summary is None or None in summary.values():
        return None, None
    center, scale = {
        "standard": (summary["mean"], summary["std"]),
        "minmax": (summary["minimum"], summary["maximum"] - summary["minimum"]),
        "robust": (summary["median"], summary["p75"] - summary["p25"]),
        "none": (0.0, 1.0),
    }[scaler]
    return center, scale or 1.0
