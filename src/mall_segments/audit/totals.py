"""Suites over what the tables say together: schema, references and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mall_segments.audit.contract import ALGORITHMS, published_tables
from mall_segments.audit.evidence import (
    AUDITED,
    CUSTOMER_GROUPS,
    MODEL_SEGMENTS,
    SEGMENT_GROUPS,
)
from mall_segments.audit.expectations import (
    Suite,
    equal,
    n_rows,
    none,
)
from mall_segments.publishing.publish import VIEWED_TABLES
from mall_segments.publishing.tables import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mall_segments.audit.contract import Column
    from mall_segments.audit.evidence import Evidence

_NO_COLUMN: Final = "no column"

_REFERENCES: Final = (
    ("dim_segments", "segmentation", "segmentations"),
    ("fct_algorithm_scores", "segmentation", "segmentations"),
    ("fct_cluster_count_scores", "segmentation", "segmentations"),
    ("fct_customer_segments", "segment_id", "dim_segments"),
    ("fct_customer_segments", "second_segment_id", "dim_segments"),
    ("fct_feature_correlation", "feature", "features"),
    ("fct_feature_correlation", "other_feature", "features"),
    ("fct_feature_distribution", "feature", "features"),
    ("fct_feature_drift", "feature", "features"),
    ("fct_feature_pairs", "segment_id", "dim_segments"),
    ("fct_feature_pairs", "feature", "features"),
    ("fct_feature_pairs", "other_feature", "features"),
    ("fct_feature_summary", "feature", "features"),
    ("fct_principal_components", "segmentation", "segmentations"),
    ("fct_principal_components", "feature", "features"),
    ("fct_segment_demographics", "segment_id", "dim_segments"),
    ("fct_segment_feature_values", "segment_id", "dim_segments"),
    ("fct_segment_feature_values", "feature", "features"),
    ("fct_segment_migrations", "to_segment_id", "dim_segments"),
    ("fct_segment_points", "segment_id", "dim_segments"),
    ("fct_segment_points", "second_segment_id", "dim_segments"),
    ("fct_segment_profiles", "segment_id", "dim_segments"),
    ("fct_segment_profiles", "feature", "features"),
    ("fct_segment_rules", "segment_id", "dim_segments"),
)


def schema_suites(evidence: Evidence) -> Iterator[Suite]:
    """Yield the suites over tables, columns, types, empty cells and numbers of rows."""
    tables = published_tables(evidence.settings)
    n_columns = sum(map(len, tables.values()))
    yield Suite(
        name="tables",
        frame=_tables,
        keys=("table",),
        expectations=(
            n_rows(len(tables)),
            equal("is_published", "is_declared", "holds exactly the declared tables"),
        ),
    )
    yield Suite(
        name="columns",
        frame=_columns,
        keys=("table", "position"),
        expectations=(
            n_rows(n_columns),
            equal("column", "declared", "has its declared place, name and type"),
        ),
    )
    yield Suite(
        name="missing values",
        frame=_missing_values,
        keys=("table", "column"),
        expectations=(
            n_rows(1),
            none("n_missing", "is 0: no null or blank in a column that needs a value"),
            none("n_not_finite", "is 0: no NaN or infinity in any column"),
        ),
    )
    yield Suite(
        name="row counts",
        frame=_row_counts,
        keys=("table",),
        expectations=(
            n_rows(len(tables), len(tables)),
            equal("n_rows", "n_rows_allowed", "is as many as there must be"),
        ),
    )


def total_suites(evidence: Evidence) -> Iterator[Suite]:
    """Yield the suites over references between tables, and over sums."""
    names = [feature.name for feature in evidence.settings.features]
    n_segmentations = len(evidence.settings.segmentations)
    row_level = (CUSTOMER_GROUPS, SEGMENT_GROUPS)
    yield Suite(
        name="references",
        frame=lambda evidence: evidence.read("references", references=_REFERENCES),
        keys=("child", "child_column", "parent"),
        expectations=(
            n_rows(1),
            none("n_orphans", "is 0: every row refers to something that is there"),
        ),
        needs=row_level,
    )
    yield Suite(
        name="segment sizes",
        frame=lambda evidence: evidence.read("segment_sizes"),
        keys=("segmentation", "segment_id"),
        expectations=(
            n_rows(n_segmentations),
            *(
                equal(
                    f"n_in_{place}",
                    "n_in_dim_segments",
                    "is n_customers of dim_segments",
                )
                for place in (
                    "model",
                    "customers",
                    "points",
                    "demographics",
                    *(f"profiles_{name}" for name in names),
                    *(f"values_{name}" for name in names),
                )
            ),
        ),
        needs=(MODEL_SEGMENTS, *row_level),
    )
    yield Suite(
        name="segmentation totals",
        frame=lambda evidence: evidence.read("segmentation_totals"),
        keys=("segmentation",),
        expectations=(
            n_rows(n_segmentations, n_segmentations),
            equal("n_in_segments", "n_accepted", "is all accepted customers"),
            equal("n_in_rules", "n_accepted", "is all accepted customers"),
            equal("customer_shares", "expected", "add up to 1"),
            equal("inertia_shares", "expected", "add up to 1"),
            equal("n_chosen", "expected", "is 1: one number of segments is chosen"),
            equal("n_segments_chosen", "n_segments", "is the number of segments"),
            equal("n_segments_in_model", "n_segments", "is the number of segments"),
            equal(
                "inertia",
                "inertia_recomputed",
                "is the sum of squared distances of the fitted customers",
            ),
        ),
        needs=(MODEL_SEGMENTS, *row_level),
    )
    yield Suite(
        name="segment centres",
        frame=lambda evidence: evidence.read("segment_centres"),
        keys=("segmentation", "segment_id", "feature"),
        expectations=(
            n_rows(1),
            equal("centroid", "mean_of_fitted", "is the mean of the fitted customers"),
        ),
        needs=(MODEL_SEGMENTS, *row_level),
    )
    yield Suite(
        name="segment measures",
        frame=lambda evidence: evidence.read("segment_measures"),
        keys=("segmentation", "segment_id"),
        expectations=(
            n_rows(1),
            equal("n_outliers", "n_outliers_found", "is counted customer by customer"),
            *(
                equal(
                    column,
                    f"{column}_recomputed",
                    "is what the fitted customers give",
                )
                for column in ("outlier_distance", "inertia_share", "mean_silhouette")
            ),
        ),
        needs=(MODEL_SEGMENTS, *row_level),
    )


def _published(evidence: Evidence) -> set[str]:
    return {
        name
        for (name,) in evidence.rows(
            "SELECT table_name FROM duckdb_tables() "  # noqa: S608
            f"WHERE database_name = '{AUDITED}' "
            "UNION ALL SELECT view_name FROM duckdb_views() "
            f"WHERE database_name = '{AUDITED}' AND NOT internal"
        )
    }


def _tables(evidence: Evidence) -> pd.DataFrame:
    declared = {*published_tables(evidence.settings)}
    if not evidence.generation.manifest["row_level_exported"]:
        declared |= {*VIEWED_TABLES}
    published = _published(evidence)
    return pd.DataFrame(
        [
            {
                "table": table,
                "is_published": table in published,
                "is_declared": table in declared,
            }
            for table in sorted(published | declared)
        ]
    )


def _columns(evidence: Evidence) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for table, declared in published_tables(evidence.settings).items():
        found = [f"{name} {kind}" for name, kind in evidence.columns(table).items()]
        expected = [f"{column.name} {column.type}" for column in declared]
        rows.extend(
            {
                "table": table,
                "position": place + 1,
                "column": found[place] if place < len(found) else _NO_COLUMN,
                "declared": expected[place] if place < len(expected) else _NO_COLUMN,
            }
            for place in range(max(len(found), len(expected)))
        )
    return pd.DataFrame(rows)


def _missing_values(evidence: Evidence) -> pd.DataFrame:
    rows: list[tuple[str, str, int, int]] = []
    for table, declared in published_tables(evidence.settings).items():
        types = evidence.columns(table)
        columns = [column for column in declared if column.name in types]
        if not columns:
            continue
        counts = ", ".join(
            f"count(*) FILTER (WHERE {_is_missing(column, types)}), "
            f"count(*) FILTER (WHERE {_is_not_finite(column, types)})"
            for column in columns
        )
        (found,) = evidence.rows(f"SELECT {counts} FROM {AUDITED}.main.{table}")  # noqa: S608
        rows += [
            (table, column.name, n_missing, n_not_finite)
            for column, n_missing, n_not_finite in zip(
                columns, found[::2], found[1::2], strict=True
            )
        ]
    return pd.DataFrame(rows, columns=["table", "column", "n_missing", "n_not_finite"])


def _is_missing(column: Column, types: dict[str, str]) -> str:
    if column.is_optional:
        return "false"
    name = quote_identifier(column.name)
    blank = f" OR trim({name}) = ''" if types[column.name] == "VARCHAR" else ""
    return f"{name} IS NULL{blank}"


def _is_not_finite(column: Column, types: dict[str, str]) -> str:
    is_float = types[column.name] in ("DOUBLE", "FLOAT")
    return f"NOT isfinite({quote_identifier(column.name)})" if is_float else "false"


def _row_counts(evidence: Evidence) -> pd.DataFrame:
    published = _published(evidence)
    rows: list[dict[str, Any]] = []
    for table, (least, most) in _allowed_rows(evidence).items():
        found = 0
        if table in published:
            ((found,),) = evidence.rows(
                f"SELECT count(*) FROM {AUDITED}.main.{table}"  # noqa: S608
            )
        allowed = max(found, least)
        rows.append(
            {
                "table": table,
                "n_rows": found,
                "n_rows_allowed": allowed if most is None else min(allowed, most),
            }
        )
    return pd.DataFrame(rows)


def _allowed_rows(evidence: Evidence) -> dict[str, tuple[int, int | None]]:
    """Least and most rows of each table; None where the most is not known."""
    settings = evidence.settings
    counts = evidence.generation.manifest["input"]
    n_features = len(settings.features)
    n_segmentations = len(settings.segmentations)
    n_segments = sum(
        len(segmentation.segments)
        for segmentation in (evidence.model.segmentations if evidence.model else ())
    )
    n_components = sum(len(item.features) ** 2 for item in settings.segmentations)
    is_first = evidence.generation.manifest["previous_build_id"] is None
    exactly = {
        "dim_customers": counts["accepted"],
        "dim_segments": n_segments,
        "fct_algorithm_scores": n_segmentations * len(ALGORITHMS),
        "fct_customer_segments": n_segmentations * counts["accepted"],
        "fct_feature_correlation": n_features**2,
        "fct_feature_drift": n_features,
        "fct_feature_summary": n_features,
        "fct_input_counts": 5 + n_features + 2 * n_segmentations,
        "fct_principal_components": n_components,
        "fct_rejected_customers": counts["rejected"],
        "fct_segment_profiles": n_segments * n_features,
    }
    return {
        **{table: (number, number) for table, number in exactly.items()},
        "fct_cluster_count_scores": (2 * n_segmentations, None),
        "fct_feature_distribution": (n_features, None),
        "fct_feature_pairs": (
            n_segmentations * n_features * (n_features - 1) // 2,
            None,
        ),
        "fct_segment_demographics": (n_segments, n_segments * 24),
        "fct_segment_feature_values": (n_segments * n_features, None),
        "fct_segment_migrations": (0, 0) if is_first else (n_segments, None),
        "fct_segment_points": (n_segments, n_segmentations * counts["accepted"]),
        "fct_segment_rules": (n_segmentations, None),
    }
