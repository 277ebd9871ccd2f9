"""What the sections of the report show, read from the marts of one generation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mall_segments.model_file import Segmentation
from mall_segments.report import charts
from mall_segments.report.charts import Bin
from mall_segments.report.counts import Counts, read_counts
from mall_segments.report.features import FeatureView
from mall_segments.report.marts import Marts, Row
from mall_segments.report.places import (
    Components,
    Map,
    read_components,
    read_gender_pairs,
    read_map,
    read_segment_pairs,
)
from mall_segments.report.plots import Plot
from mall_segments.report.profiles import Card, Profiles, read_cards, read_profiles


@dataclass(frozen=True)
class Changes:
    """Where customers went since the generation before."""

    moves: tuple[Row, ...]
    totals: Mapping[str, Row]

    @property
    def sources(self) -> list[tuple[int | None, str | None]]:
        """The segments customers were in, by id; (None, None) if they are new."""
        return _ends(self.moves, "from")

    @property
    def targets(self) -> list[tuple[int | None, str | None]]:
        """The segments customers are in, by id; (None, None) if they are gone."""
        return _ends(self.moves, "to")

    @property
    def cells(self) -> Mapping[tuple[Any, Any], Row]:
        """The move from each source to each target."""
        return {(_end(row, "from"), _end(row, "to")): row for row in self.moves}


@dataclass(frozen=True)
class SegmentationView:
    """Everything that is shown of one segmentation."""

    name: str
    title: str
    features: tuple[FeatureView, ...]
    segments: tuple[Row, ...]
    total: Row
    labels: Mapping[int, str]
    cards: tuple[Card, ...]
    map: Map
    profiles: Profiles
    counts: Counts
    algorithms: tuple[Row, ...]
    pairs: tuple[Plot, ...]
    components: Components | None
    changes: Changes


@dataclass(frozen=True)
class Histogram:
    """A feature of all customers: its statistics and its distribution."""

    feature: FeatureView
    summary: Row
    plot: Plot
    bins: tuple[Row, ...]


@dataclass(frozen=True)
class Quality:
    """What was read, and what became of it."""

    counts: Mapping[tuple[str, str], Row]
    reasons: tuple[Row, ...]


@dataclass(frozen=True)
class Overview:
    """What is shown of all customers, whatever the segmentation."""

    histograms: tuple[Histogram, ...]
    pairs: tuple[Plot, ...]
    correlations: Mapping[tuple[str, str], Row]
    drift: tuple[Row, ...]
    quality: Quality


def overview(
    marts: Marts, features: Mapping[str, FeatureView], segmentation: str
) -> Overview:
    """Read what concerns all customers; any segmentation will do."""
    return Overview(
        histograms=tuple(
            _histogram(marts, features[row["feature"]], row)
            for row in _in_order(
                marts.rows("fct_feature_summary", ["feature"]), features
            )
        ),
        pairs=read_gender_pairs(marts, segmentation, features),
        correlations={
            (row["feature"], row["other_feature"]): row
            for row in marts.rows(
                "fct_feature_correlation", ["feature", "other_feature"]
            )
        },
        drift=tuple(_in_order(marts.rows("fct_feature_drift", ["feature"]), features)),
        quality=_quality(marts),
    )


def segmentation_view(
    marts: Marts,
    segmentation: Segmentation,
    features: Mapping[str, FeatureView],
    title: str,
) -> SegmentationView:
    """Read what concerns one segmentation."""
    where = {"segmentation": segmentation.name}
    used = tuple(features[feature.name] for feature in segmentation.features)
    segments = tuple(
        marts.rows("dim_segments", ["segmentation", "segment_id"], where=where)
    )
    labels = charts.distinct_labels(
        {row["segment_id"]: row["persona"] for row in segments},
        {row["segment_id"]: row["segment_name"] for row in segments},
    )
    profiles = marts.rows(
        "fct_segment_profiles", ["segmentation", "segment_id", "feature"], where=where
    )
    return SegmentationView(
        name=segmentation.name,
        title=title,
        features=used,
        segments=segments,
        total=marts.totals(
            "dim_segments",
            [],
            {"n_customers": "sum(n_customers)", "n_segments": "count(*)"},
            where=where,
        )[0],
        labels=labels,
        cards=read_cards(marts, segments, profiles, used, where),
        map=read_map(marts, segmentation, used, labels, profiles),
        profiles=read_profiles(marts, segments, labels, profiles, features),
        counts=read_counts(marts, segmentation.name, segments, labels),
        algorithms=tuple(
            marts.rows(
                "fct_algorithm_scores",
                ["segmentation", "algorithm"],
                where=where,
                order="silhouette DESC NULLS LAST",
            )
        ),
        pairs=read_segment_pairs(marts, segmentation.name, features),
        components=read_components(marts, segmentation, used),
        changes=_changes(marts, where),
    )


def _in_order(rows: Iterable[Row], features: Mapping[str, FeatureView]) -> list[Row]:
    by_name = {row["feature"]: row for row in rows}
    return [by_name[name] for name in features if name in by_name]


def _changes(marts: Marts, where: Mapping[str, Any]) -> Changes:
    moves = marts.rows(
        "fct_segment_migrations",
        ["segmentation", "from_segment_id", "to_segment_id"],
        where=where,
    )
    totals = marts.totals(
        "fct_segment_migrations",
        ["movement"],
        {"n_customers": "sum(n_customers)"},
        where=where,
    )
    return Changes(
        tuple(moves),
        {row["movement"]: row for row in totals},
    )


def _end(row: Row, side: str) -> tuple[int | None, str | None]:
    return row[f"{side}_segment_id"], row[f"{side}_segment_name"]


def _ends(rows: Sequence[Row], side: str) -> list[tuple[int | None, str | None]]:
    return sorted(
        {_end(row, side) for row in rows}, key=lambda end: (end[0] is None, end[0] or 0)
    )


def _histogram(marts: Marts, feature: FeatureView, summary: Row) -> Histogram:
    rows = marts.rows(
        "fct_feature_distribution",
        ["feature", "gender", "bin_from"],
        where={"feature": feature.name},
    )
    return Histogram(
        feature,
        summary,
        charts.histogram(
            [
                Bin(
                    charts.GENDERS.index(row["gender"]),
                    row["bin_from"],
                    row["bin_to"],
                    row["n_customers"],
                )
                for row in rows
            ],
            name=f"histogram-{feature.name}",
            title=feature.title,
            x_title=feature.title,
            description="Customers in bins, by gender. "
            f"Mean {summary['mean']:.4g}, from {summary['minimum']:.4g} to "
            f"{summary['maximum']:.4g}.",
        ),
        tuple(rows),
    )


def _quality(marts: Marts) -> Quality:
    reasons = marts.totals(
        """(
            SELECT unnest(string_split(rejection_reasons, '; ')) AS reason, n_rows
            FROM (
                SELECT rejection_reasons, count(*) AS n_rows
                FROM fct_rejected_customers GROUP BY rejection_reasons
            )
        )""",
        ["reason"],
        {"n_rows": "sum(n_rows)"},
        order="n_rows DESC",
    )
    return Quality(
        {
            (row["measure"], row["subject"]): row
            for row in marts.rows("fct_input_counts", ["measure", "subject"])
        },
        tuple(reasons),
    )
