"""What the sections of the report show, read from the marts of one generation.

What a function returns as a dictionary, templates know by the names in it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mall_segments.model import Model, ModelSegmentation, load_model
from mall_segments.publishing.data_tests import read_data_tests
from mall_segments.publishing.generations import MODEL
from mall_segments.report.charts import Plot, histogram_marks
from mall_segments.report.counts import read_counts
from mall_segments.report.features import (
    FeatureView,
    feature_views,
    segment_labels,
    segmentation_titles,
)
from mall_segments.report.markers import N_COLOURS
from mall_segments.report.marts import Marts, Row, Subject, open_marts
from mall_segments.report.places import read_map, read_pairs
from mall_segments.report.profiles import Level, read_profiles, with_named_z_scores
from mall_segments.scoring.assignment import parameters_of

Progress = Callable[[str, float], None]
View = dict[str, Any]
End = tuple[int | None, str | None]

N_TRAITS = 4
"""What a card says of a segment, at most: the features in which it differs most."""

SPENDING = ("spend_share", "mean_spend")
"""Columns of segments that exist where there are orders."""

NO_SEGMENTS = "no segments"

# What the page needs of a column to assign a customer.
_COLUMN = {"name", "type", "imputed", "minimum", "maximum"}


def read_report(
    folder: Path, database: Path, *, progress: Progress | None = None
) -> View:
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
    return {
        "folder": folder,
        "model": model,
        "features": features,
        "views": views,
        "general": general,
        "data_tests": read_data_tests(folder),
    }


def _view(
    marts: Marts,
    model: Model,
    segmentation: ModelSegmentation,
    features: Mapping[str, FeatureView],
    title: str,
) -> View:
    """Read everything that is shown of one segmentation; segments come best first."""
    claims = segmentation.verdict != NO_SEGMENTS
    where = {"segmentation": segmentation.name}
    by_id = marts.rows("dim_segments", "segment_id", where=where)
    segments = best_first(by_id) if claims else in_line(by_id)
    labels = segment_labels([row.content for row in segments], claims=claims)
    subject = Subject(marts, segmentation, features, labels)
    rows = subject.rows("fct_segment_profiles", "segment_id", "feature")
    profiles = [row for row in rows if row["feature"] in features]
    read = read_profiles(subject, profiles)
    changes = _changes(subject)
    (total,) = subject.totals(
        "dim_segments", n_customers="sum(n_customers)", n_segments="count(*)"
    )
    return {
        "name": segmentation.name,
        "title": title,
        "features": [features[name] for name in segmentation.features],
        "verdict": next(iter(subject.rows("fct_segmentation_verdicts")), None),
        "claims": claims,
        "segments": segments,
        "total": total,
        "labels": labels,
        "spending": [name for name in SPENDING if name in by_id[0].content],
        "cards": _cards(subject, segments, profiles, read["levels"], changes),
        "finder": _finder(model, subject),
        "map": read_map(subject),
        "profiles": read,
        "counts": read_counts(subject, segments),
        "differences": subject.rows(
            "fct_segment_differences",
            "attribute",
            order="is_fitted DESC, effect_size DESC NULLS LAST",
        ),
        "rules": subject.rows(
            "fct_segment_rules", "rule_id", order="segment_id, n_customers DESC"
        ),
        "algorithms": subject.rows(
            "fct_algorithm_scores",
            "algorithm",
            order="noise_share > 0 NULLS LAST, silhouette DESC NULLS LAST",
        ),
        "pairs": read_pairs(subject),
        "components": _components(subject),
        "changes": changes,
    }


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


def _cards(
    subject: Subject,
    segments: Sequence[Row],
    profiles: Sequence[Row],
    levels: Sequence[Level],
    changes: View,
) -> list[View]:
    """Describe each segment: what makes it different, and who came and went."""
    came = changes["moves"] if changes["are_same_customers"] else []
    return [
        {
            "segment": row,
            "label": subject.labels[row["segment_id"]],
            "traits": _traits(row, subject, profiles),
            "levels": _telling_levels(row, subject, levels),
            "movements": _movements(row, came),
        }
        for row in segments
    ]


def _traits(
    segment: Row, subject: Subject, profiles: Sequence[Row]
) -> list[tuple[Row, float]]:
    """Choose the features in which a segment differs most, and how far."""
    used = subject.segmentation.features
    own = with_named_z_scores(
        subject.segmentation,
        [row for row in profiles if row["segment_id"] == segment["segment_id"]],
    )
    own.sort(key=lambda trait: (trait[0]["feature"] not in used, -abs(trait[1])))
    return own[:N_TRAITS]


def _telling_levels(
    segment: Row, subject: Subject, levels: Sequence[Level]
) -> list[Row]:
    """Choose the level that differs most, which says enough of a category, of two."""
    rows = [
        cells[segment["segment_id"]]
        for feature, _, cells in levels
        if segment["segment_id"] in cells
        and feature.name in subject.segmentation.features
    ]
    rows.sort(key=lambda row: abs(row["share_of_segment"] - row["overall_share"]))
    most = {row["feature"]: row for row in rows}
    return [row for row in reversed(rows) if most[row["feature"]] is row][:2]


def _movements(segment: Row, moves: Sequence[Row]) -> dict[str, Row]:
    """Find who joined a segment and who left it, of the shop's customers."""
    sides = {"joined": "to_segment_id", "left": "from_segment_id"}
    return {
        movement: row
        for movement, side in sides.items()
        for row in moves
        if row["movement"] == movement and row[side] == segment["segment_id"]
    }


def _finder(model: Model, subject: Subject) -> View:
    """Write a segmentation for `assign` of ``report.js``, which computes the same.

    A number left empty takes the column's imputed value; a category left empty is of
    the level ``unknown``.
    """
    segmentation = subject.segmentation
    axes = [axis.model_dump() for axis in segmentation.coordinates]
    views = [subject.features[name] for name in segmentation.features]
    return {
        "columns": [
            model.column(view.name).model_dump(include=_COLUMN)
            | {
                "label": view.label,
                "title": view.title,
                "levels": [
                    axis["level"]
                    for axis in axes
                    if axis["feature"] == view.name and axis["level"] != "unknown"
                ],
            }
            for view in views
        ],
        "precision": parameters_of(model, segmentation)["precision"],
        "coordinates": axes,
        "segments": [
            segment.model_dump() | {"label": subject.labels[segment.segment_id]}
            for segment in segmentation.segments
        ],
    }


def _components(subject: Subject) -> View | None:
    """Read the principal components, which of two coordinates say nothing."""
    rows = subject.rows("fct_principal_components", "component", "feature")
    names = list(dict.fromkeys(row["feature"] for row in rows))
    if len(names) <= 2:  # noqa: PLR2004 - see above
        return None
    first = {row["component"]: row for row in reversed(rows)}
    return {
        "components": [first[number] for number in sorted(first)],
        "names": names,
        "loadings": {(row["component"], row["feature"]): row for row in rows},
    }


def _changes(subject: Subject) -> View:
    """Read where customers went since the generation before."""
    table = "fct_segment_migrations"
    moves = subject.rows(table, "from_segment_id", "to_segment_id", "movement")
    totals = subject.totals(table, "movement", n_customers="sum(n_customers)")
    return {
        "moves": moves,
        "totals": {row["movement"]: row for row in totals},
        "are_same_customers": any(
            row["movement"] in ("stayed", "moved", "renamed") for row in totals
        ),
        "renamed": [
            row
            for row in moves
            if row["from_segment_id"] == row["to_segment_id"]
            and row["from_segment_name"] != row["to_segment_name"]
        ],
        "sources": ends(moves, "from"),
        "targets": ends(moves, "to"),
        "cells": {(_end(row, "from"), _end(row, "to")): row for row in moves},
    }


def _end(row: Row, side: str) -> End:
    return row[f"{side}_segment_id"], row[f"{side}_segment_name"]


def ends(moves: Iterable[Row], side: str) -> list[End]:
    """List the segments that customers were or are in, by id; nowhere comes last."""
    return sorted(
        {_end(row, side) for row in moves},
        key=lambda end: (end[0] is None, end[0] or 0, end[1] or ""),
    )


def _overview(marts: Marts, features: Mapping[str, FeatureView]) -> View:
    """Read what is shown of all customers, whatever the segmentation."""
    groups: list[str] = []
    if "gender" in marts.columns("fct_feature_distribution"):
        found = marts.query("SELECT DISTINCT gender FROM fct_feature_distribution")
        groups = sorted(row["gender"] for row in found)
    colours = {
        group: "band-other" if group == "unknown" else f"c{1 + number % N_COLOURS}"
        for number, group in enumerate(groups)
    }
    correlations = marts.rows("fct_feature_correlation", "feature", "other_feature")
    counts = marts.rows("fct_input_counts", "measure", "subject")
    drift = _of_features(marts, "fct_feature_drift", features)
    return {
        "groups": colours,
        "histograms": [
            _histogram(marts, features[row["feature"]], row, colours)
            for row in _of_features(marts, "fct_feature_summary", features)
        ],
        "correlations": {
            (row["feature"], row["other_feature"]): row for row in correlations
        },
        "drift": [row for row in drift if row["reading"] is not None],
        "counts": {row["measure"]: row for row in counts if not row["subject"]},
        "made_of": [row for row in counts if row["subject"]],
        "reasons": marts.rows(
            "(SELECT reason, count(*) AS n_rows FROM fct_rejected_customers, "
            "unnest(string_split(rejection_reasons, '; ')) AS reasons(reason) "
            "GROUP BY reason)",
            "reason",
            order="n_rows DESC",
        ),
    }


def _of_features(marts: Marts, mart: str, features: Iterable[str]) -> list[Row]:
    """Read a row per feature, in the order of the settings."""
    by_name = {row["feature"]: row for row in marts.rows(mart, "feature")}
    return [by_name[name] for name in features if name in by_name]


def _histogram(
    marts: Marts, feature: FeatureView, summary: Row, colours: Mapping[str, str]
) -> View:
    """Read the distribution of a feature, by gender where that is known."""
    where = {"feature": feature.name}
    key = ("gender", "bin_from") if colours else ("bin_from",)
    rows = marts.rows("fct_feature_distribution", *key, where=where)
    bins = []
    for row in rows:
        group = row.content.get("gender", "")
        between = f"{row['bin_from']:.4g} to {row['bin_to']:.4g} {feature.unit}".strip()
        says = f"{between}, {group}" if colours else between
        bins.append(
            (
                colours.get(group, "neutral"),
                row["bin_from"],
                row["bin_to"],
                row["n_customers"],
                f"{says}: {row['n_customers']:,} customers",
            )
        )
    view: View = {"feature": feature, "summary": summary, "bins": rows, "plot": None}
    if bins:
        mean, minimum, maximum = (
            feature.with_unit(summary[of] or 0) for of in ("mean", "minimum", "maximum")
        )
        view["plot"] = Plot(
            name=f"histogram-{feature.name}",
            title=feature.title,
            x_title=feature.title,
            y_title="customers",
            description=f"Customers in bins. Mean {mean}, from {minimum} to {maximum}.",
            content=histogram_marks(bins),
            height=170,
        )
    return view
