"""What defines the segments: means, levels of categories, and who they are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from mall_segments.model import ModelSegmentation
from mall_segments.report.charts import StripChart, mix_marks, snake_marks
from mall_segments.report.features import FeatureView
from mall_segments.report.marts import Row, Subject
from mall_segments.report.svg import Axis, box, element, line, nice_axis

Level = tuple[FeatureView, str, Mapping[int, Row]]

N_LEVEL_COLOURS: Final = 7
"""Levels of a category that have a colour of their own; the others share grey."""


def read_profiles(subject: Subject, profiles: Sequence[Row]) -> dict[str, Any]:
    """Draw how the segments differ in every feature, and who they are."""
    order = list(subject.labels), list(subject.features)
    cells = {
        (row["segment_id"], row["feature"]): row
        for row in sorted(
            profiles,
            key=lambda row: (
                order[0].index(row["segment_id"]),
                order[1].index(row["feature"]),
            ),
        )
    }
    known = {name for _, name in cells}
    numbers = [view for name, view in subject.features.items() if name in known]
    z_scores = {key: cell["z_score"] for key, cell in cells.items()}
    lines = [
        (key, label, [z_scores.get((key, view.name)) for view in numbers])
        for key, label in subject.labels.items()
    ]
    # Every column that the table of demographics has.
    fixed = {"segmentation", "segment_id", "n_customers", "share_of_segment"}
    columns = subject.marts.columns("fct_segment_demographics")
    mixes = [_mix(subject, column) for column in columns if column not in fixed]
    return {
        "numbers": numbers,
        "cells": cells,
        "axes": {name: _axis(profiles, name) for name in known},
        "snake": snake_marks(lines, [view.label for view in numbers])
        if len(numbers) > 1
        else None,
        "levels": read_levels(subject),
        "mixes": [mix for mix in mixes if mix],
    }


def _axis(profiles: Sequence[Row], feature: str) -> Axis:
    cells = [row for row in profiles if row["feature"] == feature]
    return nice_axis(
        min(cell["minimum"] for cell in cells),
        max(cell["maximum"] for cell in cells),
        is_clipped=True,
    )


def spread(cell: Row, axis: Axis) -> Markup:
    """Draw where the middle customers of a segment lie among all customers."""
    start, middle, end = (axis.percent(cell[at]) for at in ("p10", "median", "p90"))
    return element(
        "svg",
        line(0, 50, 100, 50, "error"),
        box(start, 25, end - start, 50, "neutral", "the middle eight tenths"),
        line(middle, 0, middle, 100, "curve"),
        class_="inline-bar spread",
        height=16,
        aria_hidden="true",
    )


def with_named_z_scores(
    segmentation: ModelSegmentation, profiles: Sequence[Row]
) -> list[tuple[Row, float]]:
    """Pair profiles with z-scores in the scale that names are made in.

    Of a transformed feature, a few huge values make every other segment average in its
    own unit, though its name rightly says low.
    """
    named = {
        (segment.segment_id, axis.feature): place / axis.weight
        for segment in segmentation.segments
        for axis, place in zip(
            segmentation.coordinates, segment.coordinates, strict=True
        )
        if axis.transform != "none" and segmentation.scaler == "standard"
    }
    traits = []
    for row in profiles:
        plain = row["z_score"] or 0.0
        z_score = named.get((row["segment_id"], row["feature"]), plain)
        # No word may contradict the two means beside it.
        traits.append((row, z_score if z_score * plain >= 0 else 0.0))
    return traits


def read_levels(subject: Subject) -> list[Level]:
    """List the levels of each category, the most frequent among all customers first.

    Each has its feature, its name, and the row of each segment that has it.
    """
    found: dict[tuple[str, str], dict[int, Row]] = {}
    for row in subject.rows("fct_segment_categories", "segment_id", "feature", "level"):
        found.setdefault((row["feature"], row["level"]), {})[row["segment_id"]] = row
    order = list(subject.features)

    def rank(level: Level) -> tuple[int, float, str]:
        feature, name, cells = level
        overall = next(iter(cells.values()))["overall_share"] or 0
        return order.index(feature.name), -overall, name

    levels = [
        (subject.features[name], level, cells) for (name, level), cells in found.items()
    ]
    return sorted(levels, key=rank)


def _mix(subject: Subject, column: str) -> dict[str, Any] | None:
    """Show what segments are made of by gender or bands: a chart and its numbers."""
    rows = subject.totals(
        "fct_segment_demographics",
        "segment_id",
        column,
        n_customers="sum(n_customers)",
        share_of_segment="sum(share_of_segment)",
    )
    if not rows:
        return None
    values = sorted({row[column] for row in rows}, key=_level_order)
    named = [value for value in values if value != "unknown"][:N_LEVEL_COLOURS]
    # From light to dark, with the same distance between neighbours.
    step = (N_LEVEL_COLOURS - 1) / max(len(named) - 1, 1)
    style = dict.fromkeys(values, "band-other")
    style |= {value: f"band-{1 + round(n * step)}" for n, value in enumerate(named)}
    order = list(subject.labels)
    rows.sort(
        key=lambda row: (order.index(row["segment_id"]), values.index(row[column]))
    )
    strips: list[tuple[int | None, str, Markup]] = []
    for segment_id, label in subject.labels.items():
        parts = [
            (style[row[column]], row["share_of_segment"], row[column])
            for row in rows
            if row["segment_id"] == segment_id
        ]
        strips.append((segment_id, label, mix_marks(parts)))
    total = sum(row["n_customers"] for row in rows)
    everybody = [
        (
            style[value],
            sum(row["n_customers"] for row in rows if row[column] == value) / total,
            value,
        )
        for value in values
    ]
    strips.append((None, "All customers", mix_marks(everybody)))
    chart = StripChart(
        name=f"{column}-{subject.name}",
        title=column.replace("_", " ").capitalize(),
        x_title="share of the segment",
        description="The numbers are in the table below.",
        strips=strips,
        axis=Axis(0, 100, (0, 25, 50, 75, 100)),
        unit=" %",
        height=30,
    )
    return {"column": column, "rows": rows, "chart": chart}


def _level_order(value: str) -> tuple[int, float, str]:
    """Sort bands by where they begin, names by the alphabet, and unknown last."""
    if value == "unknown":
        return 2, 0.0, ""
    if value.startswith("under "):
        return 0, float("-inf"), value
    start = re.match(r"-?\d+(\.\d+)?", value)
    return (0, float(start[0]), value) if start else (1, 0.0, value)
