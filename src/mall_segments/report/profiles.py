"""What defines the segments: cards, z-scores, spreads, genders and ages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mall_segments.report import charts
from mall_segments.report.cells import bin_width
from mall_segments.report.charts import Bin
from mall_segments.report.features import FeatureView
from mall_segments.report.marts import Marts, Row
from mall_segments.report.plots import StripChart
from mall_segments.report.svg import Axis, nice_axis
from mall_segments.publishing.tables import quote_text

N_SPREAD_BINS: Final = 40
"""Bins of a segment's spread over a feature, at most."""


@dataclass(frozen=True)
class Card:
    """A segment: its row, what makes it different, and its rules."""

    segment: Row
    profiles: tuple[Row, ...]
    rules: tuple[Row, ...]


@dataclass(frozen=True)
class Profiles:
    """How segments differ: a table of z-scores, and how each feature spreads."""

    cells: Mapping[tuple[int, str], Row]
    spreads: tuple[StripChart, ...]
    genders: tuple[Row, ...]
    gender_mix: StripChart
    age_bands: tuple[Row, ...]
    age_mix: StripChart


def read_cards(
    marts: Marts,
    segments: Sequence[Row],
    profiles: Sequence[Row],
    used: Sequence[FeatureView],
    where: Mapping[str, Any],
) -> tuple[Card, ...]:
    """Find what makes each segment different: first what it was formed by."""
    names = {feature.name for feature in used}
    rules = marts.rows(
        "fct_segment_rules",
        ["segmentation", "segment_id", "rule_id"],
        where=where,
        order="n_customers DESC",
    )
    return tuple(
        Card(
            segment,
            tuple(
                sorted(
                    (row for row in profiles if _same_segment(row, segment)),
                    key=lambda row: (
                        row["feature"] not in names,
                        -abs(row["z_score"] or 0),
                    ),
                )
            ),
            tuple(row for row in rules if _same_segment(row, segment)),
        )
        for segment in segments
    )


def _same_segment(row: Row, segment: Row) -> bool:
    return bool(row["segment_id"] == segment["segment_id"])


def read_profiles(
    marts: Marts,
    segments: Sequence[Row],
    labels: Mapping[int, str],
    profiles: Sequence[Row],
    features: Mapping[str, FeatureView],
) -> Profiles:
    """Draw how the segments differ in every feature, in gender and in age."""
    segmentation = segments[0]["segmentation"]
    cells = {(row["segment_id"], row["feature"]): row for row in profiles}
    shown = [name for name in features if any(key[1] == name for key in cells)]
    genders, gender_mix = _mix(
        marts,
        segmentation,
        labels,
        column="gender",
        values=charts.GENDERS,
        classes=[f"gender-{number}" for number in (1, 2, 3)],
        title="Gender of each segment",
    )
    age_bands, age_mix = _mix(
        marts,
        segmentation,
        labels,
        column="age_band",
        values=charts.AGE_BANDS,
        classes=[
            *(f"band-{number}" for number in range(1, len(charts.AGE_BANDS))),
            "gender-3",
        ],
        title="Age of each segment",
    )
    return Profiles(
        cells,
        tuple(
            _spread(marts, segmentation, labels, cells, features[name])
            for name in shown
        ),
        genders,
        gender_mix,
        age_bands,
        age_mix,
    )


def _spread(
    marts: Marts,
    segmentation: str,
    labels: Mapping[int, str],
    cells: Mapping[tuple[int, str], Row],
    feature: FeatureView,
) -> StripChart:
    rows = [cells[segment_id, feature.name] for segment_id in labels]
    low = min(row["minimum"] for row in rows)
    high = max(row["maximum"] for row in rows)
    width = bin_width(low, high, feature.resolution, N_SPREAD_BINS)
    half = feature.resolution / 2
    axis = nice_axis(low - half, high + half, n_ticks=5, is_clipped=True)
    bins: dict[int, list[Bin]] = {}
    for row in marts.query(
        "SELECT segment_id, floor((value - $3) / $4 + 1e-9) AS number, "
        "sum(n_customers)::BIGINT AS n FROM fct_segment_feature_values "
        "WHERE segmentation = $1 AND feature = $2 GROUP BY 1, 2 ORDER BY 1, 2",
        [segmentation, feature.name, low, width],
    ):
        start = low + row["number"] * width - half
        bins.setdefault(row["segment_id"], []).append(
            Bin(
                row["segment_id"],
                max(start, axis.minimum),
                min(start + width, axis.maximum),
                row["n"],
            )
        )
    return StripChart(
        name=f"spread-{segmentation}-{feature.name}",
        title=f"{feature.title} by segment",
        x_title=feature.title,
        description="Means: "
        + "; ".join(
            f"{label} {cells[segment_id, feature.name]['mean']:.4g}"
            for segment_id, label in labels.items()
        )
        + f"; all customers {rows[0]['overall_mean']:.4g}.",
        strips=tuple(
            charts.profile_strip(
                segment_id,
                label,
                bins[segment_id],
                cells[segment_id, feature.name]["mean"],
                cells[segment_id, feature.name]["overall_mean"],
                axis,
            )
            for segment_id, label in labels.items()
        ),
        axis=axis,
    )


def _mix(
    marts: Marts,
    segmentation: str,
    labels: Mapping[int, str],
    *,
    column: str,
    values: Sequence[str],
    classes: Sequence[str],
    title: str,
) -> tuple[tuple[Row, ...], StripChart]:
    known = ", ".join(map(quote_text, values))
    rows = marts.totals(
        "fct_segment_demographics",
        ["segment_id", column],
        {
            "n_customers": "sum(n_customers)",
            "share_of_segment": "sum(share_of_segment)",
        },
        where={"segmentation": segmentation},
        order=f"segment_id, list_position([{known}], {column})",
    )
    style = dict(zip(values, classes, strict=True))
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
    n_customers = sum(row["n_customers"] for row in rows)
    everybody = [
        (
            style[value],
            sum(row["n_customers"] for row in rows if row[column] == value)
            / n_customers,
            value,
        )
        for value in values
    ]
    strips.append(
        charts.mix_strip(
            None, "All customers", [part for part in everybody if part[1] > 0]
        )
    )
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
    return tuple(rows), chart
