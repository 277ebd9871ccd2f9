"""What defines the segments: means, levels of categories, and who they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mall_segments.report import charts
from mall_segments.report.plots import StripChart, ticks_below
from mall_segments.report.svg import Axis, box, element, line, nice_axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from markupsafe import Markup

    from mall_segments.model import ModelSegmentation
    from mall_segments.report.features import FeatureView
    from mall_segments.report.marts import Marts, Row

SNAKE_ROWS: Final = (34, 60)
"""Pixels of a feature's row in the snake plot: of many features, and of a few."""

N_FEW: Final = 7

N_LEVEL_COLOURS: Final = 7
"""Levels of a category that have a colour of their own; the others share grey."""


@dataclass(frozen=True)
class Snake:
    """The snake plot: a line down the features for each segment."""

    features: tuple[FeatureView, ...]
    ticks: Markup
    content: Markup
    n_marks: int
    row_height: int


@dataclass(frozen=True)
class Level:
    """A level of a category: its share of all, and of each segment."""

    feature: FeatureView
    level: str
    overall: Row
    cells: Mapping[int, Row]


@dataclass(frozen=True)
class Mix:
    """What a segment is made of by gender, bands or levels: a chart and its numbers."""

    column: str
    rows: tuple[Row, ...]
    chart: StripChart


@dataclass(frozen=True)
class Profiles:
    """How segments differ, by number and by category."""

    numbers: tuple[FeatureView, ...]
    cells: Mapping[tuple[int, str], Row]
    snake: Snake | None
    levels: tuple[Level, ...]
    mixes: tuple[Mix, ...]

    def spread(self, cell: Row) -> Markup:
        """Draw where the middle customers of a segment lie among all customers."""
        cells = [
            other for key, other in self.cells.items() if key[1] == cell["feature"]
        ]
        axis = nice_axis(
            min(other["minimum"] for other in cells),
            max(other["maximum"] for other in cells),
            is_clipped=True,
        )
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


def read_profiles(
    marts: Marts,
    segmentation: str,
    labels: Mapping[int, str],
    profiles: Sequence[Row],
    features: Mapping[str, FeatureView],
) -> Profiles:
    """Draw how the segments differ in every feature, and who they are."""
    cells = {(row["segment_id"], row["feature"]): row for row in profiles}
    shown = tuple(
        feature
        for feature in features.values()
        if any(name == feature.name for _, name in cells)
    )
    return Profiles(
        shown,
        cells,
        _snake(labels, cells, shown) if len(shown) > 1 else None,
        tuple(_levels(marts, segmentation, features)),
        tuple(_mixes(marts, segmentation, labels)),
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


def _snake(
    labels: Mapping[int, str],
    cells: Mapping[tuple[int, str], Row],
    features: Sequence[FeatureView],
) -> Snake:
    lines = [
        (
            segment_id,
            label,
            [
                cell["z_score"]
                if (cell := cells.get((segment_id, feature.name)))
                else None
                for feature in features
            ],
        )
        for segment_id, label in labels.items()
    ]
    row_height = SNAKE_ROWS[len(features) <= N_FEW]
    axis, content, n_marks = charts.snake_chart(
        lines, [feature.label for feature in features]
    )
    return Snake(tuple(features), ticks_below(axis), content, n_marks, row_height)


def _levels(
    marts: Marts, segmentation: str, features: Mapping[str, FeatureView]
) -> Iterable[Level]:
    found: dict[tuple[str, str], dict[int, Row]] = {}
    for row in marts.rows(
        "fct_segment_categories",
        ["segmentation", "segment_id", "feature", "level"],
        where={"segmentation": segmentation},
    ):
        found.setdefault((row["feature"], row["level"]), {})[row["segment_id"]] = row
    order = list(features)
    first = {key: next(iter(cells.values())) for key, cells in found.items()}
    for name, level in sorted(
        found,
        key=lambda key: (
            order.index(key[0]),
            -(first[key]["overall_share"] or 0),
            key[1],
        ),
    ):
        key = name, level
        yield Level(features[name], level, first[key], found[key])


def _mixes(marts: Marts, segmentation: str, labels: Mapping[int, str]) -> Iterable[Mix]:
    """Draw every column that the table of demographics has."""
    known = {"segmentation", "segment_id", "n_customers", "share_of_segment"}
    for column in marts.columns("fct_segment_demographics"):
        if column not in known:
            mix = _mix(marts, segmentation, labels, column)
            if mix:
                yield mix


def _mix(
    marts: Marts, segmentation: str, labels: Mapping[int, str], column: str
) -> Mix | None:
    rows = marts.totals(
        "fct_segment_demographics",
        ["segment_id", column],
        {
            "n_customers": "sum(n_customers)",
            "share_of_segment": "sum(share_of_segment)",
        },
        where={"segmentation": segmentation},
    )
    if not rows:
        return None
    values = sorted({row[column] for row in rows}, key=_level_order)
    named = [value for value in values if value != "unknown"][:N_LEVEL_COLOURS]
    # From light to dark, with the same distance between neighbours.
    step = (N_LEVEL_COLOURS - 1) / max(len(named) - 1, 1)
    style = dict.fromkeys(values, "band-other")
    style |= {value: f"band-{1 + round(n * step)}" for n, value in enumerate(named)}
    order = list(labels)
    rows.sort(
        key=lambda row: (order.index(row["segment_id"]), values.index(row[column]))
    )
    total = sum(row["n_customers"] for row in rows)
    strips = [
        charts.mix_strip(
            segment_id,
            label,
            [
                (style[row[column]], row["share_of_segment"], row[column])
                for row in rows
                if row["segment_id"] == segment_id
            ],
        )
        for segment_id, label in labels.items()
    ]
    counts = {
        value: sum(row["n_customers"] for row in rows if row[column] == value)
        for value in values
    }
    everybody = [(style[value], n / total, value) for value, n in counts.items()]
    strips.append(charts.mix_strip(None, "All customers", everybody))
    title = column.replace("_", " ").capitalize()
    chart = StripChart(
        name=f"{column}-{segmentation}",
        title=title,
        x_title="share of the segment",
        description="The numbers are in the table below.",
        strips=tuple(strips),
        axis=Axis(0, 100, (0, 25, 50, 75, 100)),
        unit=" %",
        height=30,
    )
    return Mix(column, tuple(rows), chart)


def _level_order(value: str) -> tuple[int, float, str]:
    """Sort bands by where they begin, names by the alphabet, and unknown last."""
    if value == "unknown":
        return 2, 0.0, ""
    if value.startswith("under "):
        return 0, float("-inf"), value
    start = re.match(r"-?\d+(\.\d+)?", value)
    return (0, float(start[0]), value) if start else (1, 0.0, value)
