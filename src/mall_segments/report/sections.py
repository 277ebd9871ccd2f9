"""What the sections of the report show, read from the marts of one generation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mall_segments.model import Model, ModelSegmentation, load_model
from mall_segments.publishing.data_tests import DataTests, read_data_tests
from mall_segments.publishing.generations import MODEL
from mall_segments.report import charts
from mall_segments.report.charts import Bin, Plot
from mall_segments.report.counts import Counts, read_counts
from mall_segments.report.features import (
    FeatureView,
    feature_views,
    segment_labels,
    segmentation_titles,
)
from mall_segments.report.marts import Marts, Row, Subject, open_marts
from mall_segments.report.places import Map, read_map, read_pairs
from mall_segments.report.profiles import Profiles, read_profiles, with_named_z_scores
from mall_segments.scoring.assignment import parameters_of

Progress = Callable[[str, float], None]

N_TRAITS = 4
"""What a card says of a segment, at most: the features in which it differs most."""

SPENDING = ("spend_share", "mean_spend")
"""Columns of segments that exist where there are orders."""

NO_SEGMENTS = "no segments"

# What the page needs of a column and of a segment to assign a customer.
_COLUMN = {"name", "type", "imputed", "minimum", "maximum"}
_SEGMENT = {"segment_id", "share", "outlier_distance", "coordinates", "centroid"}

_REASONS = (
    "(SELECT unnest(string_split(rejection_reasons, '; ')) AS reason "
    "FROM fct_rejected_customers)"
)


@dataclass(frozen=True)
class Card:
    """A segment: its row, what makes it different, and who came and went.

    ``money`` is its share of what all customers spend or earn, if that is a feature.
    """

    segment: Row
    label: str
    money: Row | None
    traits: Sequence[tuple[Row, float]]
    levels: Sequence[Row]
    movements: Mapping[str, Row]


@dataclass(frozen=True)
class Changes:
    """Where customers went since the generation before."""

    moves: Sequence[Row]
    totals: Mapping[str, Row]
    renamed: Sequence[Row]

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

    components: Sequence[Row]
    names: Sequence[str]
    loadings: Mapping[tuple[int, str], Row]


@dataclass(frozen=True)
class SegmentationView:
    """Everything that is shown of one segmentation; ``segments`` come best first."""

    name: str
    title: str
    features: Sequence[FeatureView]
    verdict: Row | None
    claims: bool
    segments: Sequence[Row]
    total: Row
    labels: Mapping[int, str]
    values: Sequence[str]
    cards: Sequence[Card]
    finder: Mapping[str, Any]
    map: Map | None
    profiles: Profiles
    counts: Counts
    differences: Sequence[Row]
    rules: Sequence[Row]
    algorithms: Sequence[Row]
    pairs: Sequence[Plot]
    components: Components | None
    changes: Changes


@dataclass(frozen=True)
class Histogram:
    """A feature of all customers: its statistics and its distribution."""

    feature: FeatureView
    summary: Row
    plot: Plot | None
    bins: Sequence[Row]


@dataclass(frozen=True)
class Overview:
    """What is shown of all customers, whatever the segmentation."""

    groups: Sequence[str]
    histograms: Sequence[Histogram]
    correlations: Mapping[tuple[str, str], Row]
    drift: Sequence[Row]
    counts: Mapping[tuple[str, str], Row]
    reasons: Sequence[Row]


@dataclass(frozen=True)
class Reading:
    """What the report of a generation shows; the audit comes later."""

    folder: Path
    model: Model
    features: dict[str, FeatureView]
    views: Sequence[SegmentationView]
    general: Overview
    data_tests: DataTests | None


def read_report(
    folder: Path, database: Path, *, progress: Progress | None = None
) -> Reading:
    """Read what a report shows: the tables, the model and, if kept, the data tests.

    ``progress`` is called with what is done next and the share done before.
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
    by_id = marts.rows("dim_segments", ["segment_id"], where=where)
    segments = best_first(by_id) if claims else in_line(by_id)
    labels = segment_labels([row.content for row in segments], claims=claims)
    subject = Subject(marts, segmentation, features, labels)
    rows = subject.rows("fct_segment_profiles", "segment_id", "feature")
    profiles = [row for row in rows if row["feature"] in features]
    read = read_profiles(subject, profiles)
    changes = _changes(subject)
    came = changes.moves if changes.are_same_customers else []
    money = _shares_of_money(subject)
    totals = {"n_customers": "sum(n_customers)", "n_segments": "count(*)"}
    return SegmentationView(
        name=segmentation.name,
        title=title,
        features=[features[name] for name in segmentation.features],
        verdict=next(iter(subject.rows("fct_segmentation_verdicts")), None),
        claims=claims,
        segments=segments,
        total=subject.rows("dim_segments", formulas=totals)[0],
        labels=labels,
        values=[name for name in SPENDING if name in by_id[0].content],
        cards=[
            _card(row, subject, profiles, read, money.get(row["segment_id"]), came)
            for row in segments
        ],
        finder=_finder(model, subject),
        map=read_map(subject),
        profiles=read,
        counts=read_counts(subject, segments),
        differences=subject.rows(
            "fct_segment_differences",
            "attribute",
            order="is_fitted DESC, effect_size DESC NULLS LAST",
        ),
        rules=subject.rows(
            "fct_segment_rules",
            "segment_id",
            "rule_id",
            order="segment_id, n_customers DESC",
        ),
        algorithms=subject.rows(
            "fct_algorithm_scores",
            "algorithm",
            order="noise_share > 0 NULLS LAST, silhouette DESC NULLS LAST",
        ),
        pairs=read_pairs(subject),
        components=_components(subject),
        changes=changes,
    )


def best_first(segments: Iterable[Row]) -> list[Row]:
    """Order segments as a marketer looks at them.

    By what a customer spends where there are orders; else those first whose persona
    calls them targets, then the larger ones.
    """

    def rank(row: Row) -> tuple[bool, float, float]:
        spend = row.content.get("mean_spend")
        is_target = "target" in str(row["persona"]).casefold()
        return spend is None and not is_target, -(spend or 0.0), -row["n_customers"]

    return sorted(segments, key=rank)


def in_line(parts: Iterable[Row]) -> list[Row]:
    """Order the parts of one crowd by their names, which count them."""
    return sorted(
        parts, key=lambda row: (len(row["segment_name"]), row["segment_name"])
    )


def _card(
    segment: Row,
    subject: Subject,
    profiles: Sequence[Row],
    read: Profiles,
    money: Row | None,
    moves: Sequence[Row],
) -> Card:
    segment_id, used = segment["segment_id"], subject.segmentation.features
    own = with_named_z_scores(
        subject.segmentation,
        [row for row in profiles if row["segment_id"] == segment_id],
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
        subject.labels[segment_id],
        money,
        own[:N_TRAITS],
        [row for row in levels if first[row["feature"]] is row][:2],
        movements,
    )


def _finder(model: Model, subject: Subject) -> dict[str, Any]:
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


def _shares_of_money(subject: Subject) -> dict[int, Row]:
    """Count which share of all money each segment spends or earns, if that is known."""
    money = [name for name, view in subject.features.items() if view.is_money]
    if not money:
        return {}
    rows = subject.marts.rows(
        "(SELECT segmentation, segment_id, feature, n_customers * mean / "
        "sum(n_customers * mean) OVER (PARTITION BY segmentation, feature) AS share "
        "FROM fct_segment_profiles)",
        ["segment_id"],
        formulas={"share": "any_value(share)"},
        where={"segmentation": subject.name, "feature": money[0]},
    )
    return {row["segment_id"]: row for row in rows if row["share"] is not None}


def _components(subject: Subject) -> Components | None:
    """Read the principal components, which of two coordinates say nothing."""
    rows = subject.rows("fct_principal_components", "component", "feature")
    names = list(dict.fromkeys(row["feature"] for row in rows))
    if len(names) <= 2:  # noqa: PLR2004 - see above
        return None
    first = {row["component"]: row for row in reversed(rows)}
    return Components(
        [first[number] for number in sorted(first)],
        names,
        {(row["component"], row["feature"]): row for row in rows},
    )


def _changes(subject: Subject) -> Changes:
    table = "fct_segment_migrations"
    moves = subject.rows(table, "from_segment_id", "to_segment_id", "movement")
    counted = {"n_customers": "sum(n_customers)"}
    totals = subject.rows(table, "movement", formulas=counted)
    renamed = [
        row
        for row in moves
        if row["from_segment_id"] == row["to_segment_id"]
        and row["from_segment_name"] != row["to_segment_name"]
    ]
    return Changes(moves, {row["movement"]: row for row in totals}, renamed)


def _end(row: Row, side: str) -> tuple[int | None, str | None]:
    return row[f"{side}_segment_id"], row[f"{side}_segment_name"]


def _ends(rows: Sequence[Row], side: str) -> list[tuple[int | None, str | None]]:
    return sorted(
        {_end(row, side) for row in rows},
        key=lambda end: (end[0] is None, end[0] or 0, end[1] or ""),
    )


def _overview(marts: Marts, features: Mapping[str, FeatureView]) -> Overview:
    groups: list[str] = []
    if "gender" in marts.columns("fct_feature_distribution"):
        found = marts.query(
            "SELECT DISTINCT gender FROM fct_feature_distribution "
            "ORDER BY gender = 'unknown', gender"
        )
        groups = [row["gender"] for row in found]
    correlations = marts.rows("fct_feature_correlation", ["feature", "other_feature"])
    counts = marts.rows("fct_input_counts", ["measure", "subject"])
    drift = _of_features(marts, "fct_feature_drift", features)
    return Overview(
        groups=groups,
        histograms=[
            _histogram(marts, features[row["feature"]], row, groups)
            for row in _of_features(marts, "fct_feature_summary", features)
        ],
        correlations={
            (row["feature"], row["other_feature"]): row for row in correlations
        },
        drift=[row for row in drift if row["reading"] is not None],
        counts={(row["measure"], row["subject"]): row for row in counts},
        reasons=marts.rows(
            _REASONS,
            ["reason"],
            formulas={"n_rows": "count(*)"},
            order="n_rows DESC",
        ),
    )


def _of_features(marts: Marts, mart: str, features: Iterable[str]) -> list[Row]:
    """Read a row per feature, in the order of the settings."""
    by_name = {row["feature"]: row for row in marts.rows(mart, ["feature"])}
    return [by_name[name] for name in features if name in by_name]


def _histogram(
    marts: Marts, feature: FeatureView, summary: Row, groups: Sequence[str]
) -> Histogram:
    """Read the distribution of a feature, by gender where that is known."""
    rows = marts.rows(
        "fct_feature_distribution",
        [*(["gender"] if groups else []), "bin_from"],
        where={"feature": feature.name},
    )
    bins = [
        Bin(
            groups.index(row["gender"]) if groups else 0,
            row["bin_from"],
            row["bin_to"],
            row["n_customers"],
            f"{row['bin_from']:.4g} to {row['bin_to']:.4g} {feature.unit}".strip()
            + (f", {row['gender']}" if groups else "")
            + f": {row['n_customers']:,} customers",
        )
        for row in rows
    ]
    if not bins:
        return Histogram(feature, summary, None, rows)
    classes = [f"group-{number % 8 + 1}" for number in range(len(groups))]
    mean, minimum, maximum = (
        feature.with_unit(summary[of] or 0) for of in ("mean", "minimum", "maximum")
    )
    plot = Plot(
        name=f"histogram-{feature.name}",
        title=feature.title,
        x_title=feature.title,
        y_title="customers",
        description=f"Customers in bins. Mean {mean}, from {minimum} to {maximum}.",
        content=charts.histogram_marks(bins, classes or ["neutral"]),
        n_marks=len(bins),
        height=170,
    )
    return Histogram(feature, summary, plot, rows)
