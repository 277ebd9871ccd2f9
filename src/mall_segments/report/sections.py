"""What the sections of the report show, read from the marts of one generation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mall_segments.model import load_model
from mall_segments.publishing.data_tests import DataTests, read_data_tests
from mall_segments.publishing.generations import MODEL
from mall_segments.report import charts
from mall_segments.report.charts import Bin
from mall_segments.report.counts import Counts, read_counts
from mall_segments.report.features import (
    FeatureView,
    feature_views,
    segment_labels,
    segmentation_titles,
)
from mall_segments.report.finder import finder_data
from mall_segments.report.marts import Marts, Row, open_marts
from mall_segments.report.places import Map, read_map, read_pairs
from mall_segments.report.profiles import Profiles, read_profiles, with_named_z_scores

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model import Model, ModelSegmentation
    from mall_segments.report.plots import Plot

Progress = Callable[[str, float], None]

N_TRAITS = 4
"""What a card says of a segment, at most: the features in which it differs most."""

SPENDING = ("spend_share", "mean_spend")
"""Columns of segments that exist where there are orders."""

NO_SEGMENTS = "no segments"


@dataclass(frozen=True)
class Card:
    """A segment: its row, what makes it different, and who came and went.

    ``money`` is its share of what all customers spend or earn, if that is a feature.
    """

    segment: Row
    label: str
    money: Row | None
    traits: tuple[tuple[Row, float], ...]
    levels: tuple[Row, ...]
    movements: Mapping[str, Row]


@dataclass(frozen=True)
class Changes:
    """Where customers went since the generation before."""

    moves: tuple[Row, ...]
    totals: Mapping[str, Row]
    renamed: tuple[Row, ...]

    @property
    def are_same_customers(self) -> bool:
        """Whether anybody was there before."""
        return bool(self.totals.keys() & {"stayed", "moved", "renamed"})

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
class Components:
    """Principal components: their rows, and a loading per component and coordinate."""

    components: tuple[Row, ...]
    names: tuple[str, ...]
    loadings: Mapping[tuple[int, str], Row]


@dataclass(frozen=True)
class SegmentationView:
    """Everything that is shown of one segmentation; ``segments`` come best first."""

    name: str
    title: str
    features: tuple[FeatureView, ...]
    verdict: Row | None
    claims: bool
    segments: tuple[Row, ...]
    total: Row
    labels: Mapping[int, str]
    values: tuple[str, ...]
    cards: tuple[Card, ...]
    finder: Mapping[str, Any]
    map: Map | None
    profiles: Profiles
    counts: Counts
    differences: tuple[Row, ...]
    rules: tuple[Row, ...]
    algorithms: tuple[Row, ...]
    pairs: tuple[Plot, ...]
    components: Components | None
    changes: Changes


@dataclass(frozen=True)
class Histogram:
    """A feature of all customers: its statistics and its distribution."""

    feature: FeatureView
    summary: Row
    plot: Plot | None
    bins: tuple[Row, ...]


@dataclass(frozen=True)
class Overview:
    """What is shown of all customers, whatever the segmentation."""

    group: str | None
    groups: tuple[str, ...]
    histograms: tuple[Histogram, ...]
    correlations: Mapping[tuple[str, str], Row]
    drift: tuple[Row, ...]
    counts: Mapping[tuple[str, str], Row]
    reasons: tuple[Row, ...]


@dataclass(frozen=True)
class Reading:
    """What the report of a generation shows; the audit comes later."""

    folder: Path
    model: Model
    features: dict[str, FeatureView]
    views: tuple[SegmentationView, ...]
    general: Overview
    data_tests: DataTests | None


def read_report(
    folder: Path, database: Path, *, progress: Progress | None = None
) -> Reading:
    """Read what a report shows.

    Parameters
    ----------
    folder : Path
        Holds ``model.json`` and, if a build wrote it, ``data_tests.json``.
    database : Path
        The DuckDB file of the generation.
    progress : callable, optional
        Called with what is done next and the share done before.
    """
    model = load_model(folder / MODEL)
    features = feature_views(model)
    titles = segmentation_titles(model)
    views = []
    with open_marts(database) as marts:
        for number, segmentation in enumerate(model.segmentations):
            title = titles[segmentation.name]
            if progress:
                progress(title, number / len(model.segmentations))
            views.append(_view(marts, model, segmentation, features, title))
        general = _overview(marts, features)
    return Reading(
        folder, model, features, tuple(views), general, read_data_tests(folder)
    )


def _view(
    marts: Marts,
    model: Model,
    segmentation: ModelSegmentation,
    features: Mapping[str, FeatureView],
    title: str,
) -> SegmentationView:
    where = {"segmentation": segmentation.name}
    claims = segmentation.verdict != NO_SEGMENTS
    by_id = marts.rows("dim_segments", ["segmentation", "segment_id"], where=where)
    segments = best_first(by_id) if claims else in_line(by_id)
    labels = segment_labels([row.content for row in segments], claims=claims)
    profiles = [row for row in _by_feature(marts, where) if row["feature"] in features]
    read = read_profiles(marts, segmentation.name, labels, profiles, features)
    moves = marts.rows(
        "fct_segment_migrations",
        ["segmentation", "from_segment_id", "to_segment_id", "movement"],
        where=where,
    )
    changes = _changes(marts, moves, where)
    came = changes.moves if changes.are_same_customers else ()
    money = _shares_of_money(marts, segmentation.name, features)
    counted = {"n_customers": "sum(n_customers)"}
    return SegmentationView(
        name=segmentation.name,
        title=title,
        features=tuple(features[name] for name in segmentation.features),
        claims=claims,
        segments=segments,
        total=marts.totals(
            "dim_segments", [], {**counted, "n_segments": "count(*)"}, where=where
        )[0],
        labels=labels,
        values=tuple(name for name in SPENDING if name in by_id[0].content),
        cards=tuple(
            _card(row, labels, profiles, read, money, came, segmentation)
            for row in segments
        ),
        finder=finder_data(model, segmentation, features, labels),
        map=read_map(marts, segmentation, features, labels),
        profiles=read,
        counts=read_counts(marts, segmentation.name, segments, labels),
        pairs=read_pairs(marts, segmentation, features, labels),
        components=_components(marts, segmentation),
        changes=changes,
        **_tables(marts, where),
    )


def _by_feature(marts: Marts, where: Mapping[str, Any]) -> Sequence[Row]:
    """Read the profiles of one segmentation."""
    keys = ["segmentation", "segment_id", "feature"]
    return marts.rows("fct_segment_profiles", keys, where=where)


def _tables(marts: Marts, where: Mapping[str, Any]) -> dict[str, Any]:
    """Read what is shown as it is published."""

    def rows(mart: str, key: str = "segment_id", order: str = "") -> tuple[Row, ...]:
        keys = ["segmentation", *key.split()]
        return tuple(marts.rows(mart, keys, where=where, order=order))

    verdicts = marts.rows("fct_segmentation_verdicts", ["segmentation"], where=where)
    return {
        "verdict": next(iter(verdicts), None),
        "differences": rows(
            "fct_segment_differences",
            "attribute",
            "is_fitted DESC, effect_size DESC NULLS LAST",
        ),
        "rules": rows(
            "fct_segment_rules", "segment_id rule_id", "segment_id, n_customers DESC"
        ),
        "algorithms": rows(
            "fct_algorithm_scores",
            "algorithm",
            "noise_share > 0 NULLS LAST, silhouette DESC NULLS LAST",
        ),
    }


def best_first(segments: Sequence[Row]) -> tuple[Row, ...]:
    """Order segments as a marketer looks at them.

    By what a customer spends where there are orders; else those first whose persona
    calls them targets, then the larger ones.
    """

    def rank(row: Row) -> tuple[bool, float, float]:
        spend = row.content.get("mean_spend")
        is_target = "target" in str(row["persona"]).casefold()
        return spend is None and not is_target, -(spend or 0.0), -row["n_customers"]

    return tuple(sorted(segments, key=rank))


def in_line(parts: Sequence[Row]) -> tuple[Row, ...]:
    """Order the parts of one crowd by their names, which count them."""
    return tuple(
        sorted(parts, key=lambda row: (len(row["segment_name"]), row["segment_name"]))
    )


def _card(
    segment: Row,
    labels: Mapping[int, str],
    profiles: Sequence[Row],
    read: Profiles,
    money: Mapping[int, Row],
    moves: Sequence[Row],
    segmentation: ModelSegmentation,
) -> Card:
    segment_id, used = segment["segment_id"], segmentation.features
    own = with_named_z_scores(
        segmentation, [row for row in profiles if row["segment_id"] == segment_id]
    )
    own.sort(key=lambda trait: (trait[0]["feature"] not in used, -abs(trait[1])))
    levels = [
        level.cells[segment_id]
        for level in read.levels
        if segment_id in level.cells and level.feature.name in used
    ]
    levels.sort(key=lambda row: -abs(row["share_of_segment"] - row["overall_share"]))
    # The level that differs most says enough of a category.
    first = {row["feature"]: row for row in reversed(levels)}
    movements = {}
    for row in moves:
        if row["movement"] == "joined" and row["to_segment_id"] == segment_id:
            movements["joined"] = row
        if row["movement"] == "left" and row["from_segment_id"] == segment_id:
            movements["left"] = row
    return Card(
        segment,
        labels[segment_id],
        money.get(segment_id),
        tuple(own[:N_TRAITS]),
        tuple(row for row in levels if first[row["feature"]] is row)[:2],
        movements,
    )


def _shares_of_money(
    marts: Marts, segmentation: str, features: Mapping[str, FeatureView]
) -> dict[int, Row]:
    """Count which share of all money each segment spends or earns, if that is known."""
    name = next((name for name, feature in features.items() if feature.is_money), None)
    if name is None:
        return {}
    rows = marts.totals(
        "(SELECT segmentation, segment_id, feature, n_customers * mean / "
        "sum(n_customers * mean) OVER (PARTITION BY segmentation, feature) AS share "
        "FROM fct_segment_profiles)",
        ["segment_id", "feature"],
        {"share": "any_value(share)"},
        where={"segmentation": segmentation, "feature": name},
    )
    return {row["segment_id"]: row for row in rows if row["share"] is not None}


def _components(marts: Marts, segmentation: ModelSegmentation) -> Components | None:
    """Read the principal components, which of two coordinates say nothing."""
    rows = marts.rows(
        "fct_principal_components",
        ["segmentation", "component", "feature"],
        where={"segmentation": segmentation.name},
    )
    names = tuple(dict.fromkeys(row["feature"] for row in rows))
    if len(names) <= 2:  # noqa: PLR2004 - see above
        return None
    first = {row["component"]: row for row in reversed(rows)}
    return Components(
        tuple(first[number] for number in sorted(first)),
        names,
        {(row["component"], row["feature"]): row for row in rows},
    )


def _changes(marts: Marts, moves: Sequence[Row], where: Mapping[str, Any]) -> Changes:
    totals = marts.totals(
        "fct_segment_migrations",
        ["movement"],
        {"n_customers": "sum(n_customers)"},
        where=where,
    )
    return Changes(
        tuple(moves),
        {row["movement"]: row for row in totals},
        tuple(
            row
            for row in moves
            if row["from_segment_id"] == row["to_segment_id"]
            and row["from_segment_name"] != row["to_segment_name"]
        ),
    )


def _end(row: Row, side: str) -> tuple[int | None, str | None]:
    return row[f"{side}_segment_id"], row[f"{side}_segment_name"]


def _ends(rows: Sequence[Row], side: str) -> list[tuple[int | None, str | None]]:
    return sorted(
        {_end(row, side) for row in rows}, key=lambda end: (end[0] is None, end[0] or 0)
    )


def _overview(marts: Marts, features: Mapping[str, FeatureView]) -> Overview:
    group = "gender" if "gender" in marts.columns("fct_feature_distribution") else None
    groups = (
        tuple(
            row[group]
            for row in marts.query(
                "SELECT DISTINCT gender FROM fct_feature_distribution "
                "ORDER BY gender = 'unknown', gender"
            )
        )
        if group
        else ()
    )
    summaries = _in_order(marts.rows("fct_feature_summary", ["feature"]), features)
    return Overview(
        group=group,
        groups=groups,
        histograms=tuple(
            _histogram(marts, features[row["feature"]], row, group, groups)
            for row in summaries
        ),
        correlations={
            (row["feature"], row["other_feature"]): row
            for row in marts.rows(
                "fct_feature_correlation", ["feature", "other_feature"]
            )
        },
        drift=tuple(
            row
            for row in _in_order(marts.rows("fct_feature_drift", ["feature"]), features)
            if row["reading"] is not None
        ),
        counts={
            (row["measure"], row["subject"]): row
            for row in marts.rows("fct_input_counts", ["measure", "subject"])
        },
        reasons=tuple(_reasons(marts)),
    )


def _in_order(rows: Iterable[Row], features: Mapping[str, FeatureView]) -> list[Row]:
    by_name = {row["feature"]: row for row in rows}
    return [by_name[name] for name in features if name in by_name]


def _histogram(
    marts: Marts,
    feature: FeatureView,
    summary: Row,
    group: str | None,
    groups: Sequence[str],
) -> Histogram:
    rows = marts.rows(
        "fct_feature_distribution",
        ["feature", *([group] if group else []), "bin_from"],
        where={"feature": feature.name},
    )
    bins = [
        Bin(
            groups.index(row[group]) if group else 0,
            row["bin_from"],
            row["bin_to"],
            row["n_customers"],
            f"{row['bin_from']:.4g} to {row['bin_to']:.4g} {feature.unit}".strip()
            + (f", {row[group]}" if group else "")
            + f": {row['n_customers']:,} customers",
        )
        for row in rows
    ]
    plot = None
    if bins:
        plot = charts.histogram(
            bins,
            [f"group-{number % 8 + 1}" for number in range(len(groups))] or ["neutral"],
            name=f"histogram-{feature.name}",
            title=feature.title,
            x_title=feature.title,
            description="Customers in bins. "
            f"Mean {feature.with_unit(summary['mean'] or 0)}, from "
            f"{feature.with_unit(summary['minimum'] or 0)} to "
            f"{feature.with_unit(summary['maximum'] or 0)}.",
        )
    return Histogram(feature, summary, plot, tuple(rows))


def _reasons(marts: Marts) -> list[Row]:
    return marts.totals(
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
