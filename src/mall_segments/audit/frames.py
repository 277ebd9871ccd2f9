"""Frames that no plain query gives: of files, of the schema, of what the model says.

Rows of customers never leave DuckDB; what is returned counts them.
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pandas as pd

from mall_segments.audit.contract import TYPES, published_tables
from mall_segments.audit.evidence import AUDITED, MissingEvidenceError
from mall_segments.publishing.csv_cells import harmless, read_cells
from mall_segments.publishing.generations import file_problems
from mall_segments.publishing.publish import CUSTOMERS_CSV, ROW_LEVEL_TABLES
from mall_segments.publishing.tables import (
    describe_table,
    quote_identifier,
    quote_text,
    reason,
)
from mall_segments.scoring.assignment import assignment_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.audit.contract import Column
    from mall_segments.audit.evidence import Evidence
    from mall_segments.settings import Feature

_ADDED_COLUMNS: Final = ("Cluster", "Segment", "Persona")
_CSV_COUNTS: Final = (
    "n_misnamed",
    "n_rows",
    "n_ids",
    "n_strangers",
    "n_other_segments",
    "n_formulas",
)
"""What is counted in the exported customers, and is unknown where there are none."""

_CLOSE: Final = 1e-6
_NOTHING: Final = "nothing"


def checks_frame(evidence: Evidence, checks: Mapping[str, str]) -> pd.DataFrame:
    """Run checks; one that cannot be run is a row that says so.

    Numbers that differ by less than a millionth of themselves are equal.
    """
    rows: list[tuple[str, str, str, str]] = []
    for check, sql in checks.items():
        try:
            found = evidence.rows(sql)
        except MissingEvidenceError as error:
            rows.append((check, "", f"cannot be checked: {error}", _NOTHING))
            continue
        *names, _, _ = (column[0] for column in evidence.connection.description or ())
        rows += [
            (
                check,
                ", ".join(map(_subject, names, values)),
                *_written_pair(left, right),
            )
            for *values, left, right in found
        ]
    return pd.DataFrame(
        rows, columns=["check", "subject", "found", "expected"], dtype="object"
    )


def _subject(name: str, value: object) -> str:
    """Write what names a row: texts as they are, numbers with what they count."""
    return value if isinstance(value, str) else f"{name.removesuffix('_id')} {value}"


def _written_pair(found: object, expected: object) -> tuple[str, str]:
    numbers = (int, float)
    if (
        isinstance(found, numbers)
        and isinstance(expected, numbers)
        and math.isclose(found, expected, rel_tol=_CLOSE, abs_tol=_CLOSE)
    ):
        return str(found), str(found)
    written = [_NOTHING if value is None else str(value) for value in (found, expected)]
    return written[0], written[1]


def files_frame(evidence: Evidence) -> pd.DataFrame:
    """Say of each file what is wrong with it."""
    problems = {
        **file_problems(evidence.generation),
        "the seal of model.json": evidence.no_model or None,
    }
    return pd.DataFrame(problems.items(), columns=["file", "problem"], dtype="object")


def listed_tables_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare each table, in the database and as Parquet, with the manifest."""
    manifest = evidence.generation.manifest
    # Another version of DuckDB may hash differently.
    is_comparable = manifest["versions"]["duckdb"] == duckdb.__version__
    rows = []
    published = evidence.tables()
    for table in sorted({*manifest["tables"], *published}):
        listed = manifest["tables"].get(table)
        found = _described(
            evidence,
            f"{AUDITED}.main.{quote_identifier(table)}",
            as_view=published.get(table, False),
        )
        row: dict[str, object] = {
            "table": table,
            "found": _summary(found, is_comparable=is_comparable),
            "listed": _summary(listed, is_comparable=is_comparable)
            if listed
            else "no table of that name",
            "in_parquet": "",
            "in_database": "",
        }
        if listed and listed["parquet"]:
            path = evidence.generation.folder / listed["parquet"]
            exported = _described(evidence, f"read_parquet({quote_text(str(path))})")
            row["in_parquet"] = _summary(exported, is_comparable=True)
            row["in_database"] = _summary(found, is_comparable=True)
        rows.append(row)
    return pd.DataFrame(rows)


def _described(
    evidence: Evidence, relation: str, *, as_view: bool = False
) -> Mapping[str, Any]:
    try:
        return describe_table(evidence.connection, relation, as_view=as_view)
    except duckdb.Error as error:
        return {"problem": reason(error)}


def _summary(description: Mapping[str, Any], *, is_comparable: bool) -> str:
    if "problem" in description:
        return f"cannot be read: {description['problem']}"
    columns = ", ".join(
        f"{column['name']} {column['type']}" for column in description["columns"]
    )
    text = f"{description['n_rows']} rows of {columns}"
    # A view has no checksum: its rows are those of tables that have one.
    if is_comparable and description["checksum"] is not None:
        text += f", checksum {description['checksum']}"
    return text


def tables_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare the published tables with those that there must be."""
    declared = set(published_tables(evidence.settings))
    published = set(evidence.tables())
    manifest = evidence.generation.manifest
    is_exported = manifest["row_level_exported"]
    if not is_exported:
        # What the row-level views read.
        declared |= {name for name in published if not _is_mart(name)}
    return pd.DataFrame(
        [
            {
                "table": table,
                "is_published": table in published,
                "is_declared": table in declared,
                "has_parquet": bool(manifest["tables"].get(table, {}).get("parquet")),
                "needs_parquet": table in declared
                and (
                    is_exported or (_is_mart(table) and table not in ROW_LEVEL_TABLES)
                ),
            }
            for table in sorted(published | declared)
        ]
    )


def _is_mart(table: str) -> bool:
    return table.startswith(("dim_", "fct_"))


def columns_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare columns and types with those that there must be; count empty cells."""
    rows: list[dict[str, Any]] = []
    for name, table in published_tables(evidence.settings).items():
        found = evidence.columns(name)
        declared = {column.name: column for column in table.columns}
        counts = _empty_cells(evidence, name, found, declared)
        for column in [*declared, *(each for each in found if each not in declared)]:
            kind = TYPES.get(found.get(column, ""), found.get(column, "no column"))
            if column in declared:
                expected = declared[column].type
            else:
                expected = kind if table.is_open else "no column"
            n_empty, n_infinite = counts.get(column, (0, 0))
            rows.append(
                {
                    "table": name,
                    "column": column,
                    "type": kind,
                    "declared_type": expected,
                    "n_empty": n_empty,
                    "n_infinite": n_infinite,
                }
            )
    return pd.DataFrame(rows)


def _empty_cells(
    evidence: Evidence,
    table: str,
    found: Mapping[str, str],
    declared: Mapping[str, Column],
) -> dict[str, tuple[int, int]]:
    """Count cells that are empty but must not be, and numbers that are not finite."""
    columns = [name for name in found if name in declared]
    if not columns:
        return {}
    counts = ", ".join(
        f"count(*) FILTER (WHERE {_is_empty(declared[name], found[name])}), "
        f"count(*) FILTER (WHERE {_is_infinite(name, found[name])})"
        for name in columns
    )
    (row,) = evidence.rows(
        f"SELECT {counts} FROM {AUDITED}.main.{quote_identifier(table)}"  # noqa: S608
    )
    return dict(zip(columns, zip(row[::2], row[1::2], strict=True), strict=True))


def _is_empty(column: Column, kind: str) -> str:
    if column.is_optional:
        return "false"
    name = quote_identifier(column.name)
    return f"{name} IS NULL" + (f" OR trim({name}) = ''" if kind == "VARCHAR" else "")


def _is_infinite(name: str, kind: str) -> str:
    is_float = kind in ("DOUBLE", "FLOAT")
    return f"NOT isfinite({quote_identifier(name)})" if is_float else "false"


def customers_frame(evidence: Evidence) -> pd.DataFrame:
    """Count, per column of dim_customers, values that the settings do not allow."""
    parts = []
    for feature in evidence.settings.columns:
        broken = {
            "n_outside": _is_outside(feature),
            "n_not_imputed_value": _is_not_imputed_value(evidence, feature),
            "n_other_band": "band <> usual_band",
        }
        counts = _counts(broken, "customer_id")
        band, limits = "''", "0"
        if feature.bands:
            band = quote_identifier(feature.bands.name)
            value = quote_identifier(feature.name)
            limits = " + ".join(
                f"({value} >= {start!r})::INTEGER" for start in feature.bands.starts
            )
            # The band of a value that was missing says so.
            flag = quote_identifier(f"is_{feature.name}_imputed")
            limits = f"CASE WHEN {flag} THEN -1 ELSE {limits} END"
        parts.append(
            f"SELECT {quote_text(feature.name)} AS feature, "  # noqa: S608
            f"count(*) AS n_customers, {counts} FROM ("
            f"SELECT *, {band} AS band, mode({band}) OVER (PARTITION BY {limits}) "
            f"AS usual_band FROM {AUDITED}.main.dim_customers)"
        )
    return evidence.select(" UNION ALL ".join(parts))


def _counts(defects: Mapping[str, str], customer: str) -> str:
    """Return SQL that counts the rows of each defect, with a customer as an example."""
    return ", ".join(
        f"count(*) FILTER (WHERE {condition}) AS {name}, "
        f"min({customer}) FILTER (WHERE {condition}) AS {name}_example"
        for name, condition in defects.items()
    )


def _is_outside(feature: Feature) -> str:
    name = quote_identifier(feature.name)
    if feature.type == "category":
        levels = ", ".join(map(quote_text, [*(feature.levels or ()), "unknown"]))
        return f"{name} NOT IN ({levels})" if feature.levels else "false"
    bounds = [
        f"{name} {sign} {bound!r}"
        for sign, bound in (("<", feature.least), (">", feature.maximum))
        if bound is not None
    ]
    if feature.is_whole:
        bounds.append(f"{name} <> round({name})")
    # A median may lie between two whole numbers.
    flag = quote_identifier(f"is_{feature.name}_imputed")
    return f"NOT {flag} AND ({' OR '.join(bounds) or 'false'})"


def _is_not_imputed_value(evidence: Evidence, feature: Feature) -> str:
    columns = evidence.model.columns if evidence.model else ()
    imputed = {column.name: column.imputed for column in columns}.get(feature.name)
    if imputed is None:
        return "false"
    flag = quote_identifier(f"is_{feature.name}_imputed")
    return f"{flag} AND abs({quote_identifier(feature.name)} - {imputed!r}) > {_CLOSE}"


def assignments_frame(evidence: Evidence) -> pd.DataFrame:
    """Count customers whom the published model assigns otherwise than the tables do."""
    if evidence.model is None:
        raise MissingEvidenceError(evidence.no_model)
    parts = []
    for segmentation in evidence.model.segmentations:
        columns = ", ".join(map(quote_identifier, segmentation.features))
        assigned = assignment_sql(
            evidence.model,
            segmentation,
            f"(SELECT customer_id, {columns} FROM {AUDITED}.main.dim_customers)",  # noqa: S608
        )
        # Of two segments equally near either will do for the last digit.
        broken = {
            "n_other_segment": "facts.segment_id <> assigned.segment_id "
            "AND assigned.second_distance - assigned.distance > 1e-9",
            "n_other_distance": "abs(facts.distance - assigned.distance) > 1e-6",
            "n_other_membership": "abs(facts.membership - assigned.membership) > 1e-6",
            "n_other_outlier": "NOT facts.is_imputed "
            "AND facts.is_outlier <> assigned.is_outlier "
            "AND abs(facts.distance - assigned.distance) > 1e-12",
        }
        counts = _counts(broken, "facts.customer_id")
        name = quote_text(segmentation.name)
        parts.append(
            f"SELECT {name} AS segmentation, count(*) AS n_customers, {counts} "  # noqa: S608
            f"FROM {AUDITED}.main.fct_customer_segments AS facts "
            f"INNER JOIN ({assigned}) AS assigned USING (customer_id) "
            f"WHERE facts.segmentation = {name}"
        )
    return evidence.select(" UNION ALL ".join(parts))


def csv_frame(evidence: Evidence) -> pd.DataFrame:
    """Count in the exported customers what disagrees with the tables."""
    path = evidence.generation.folder / CUSTOMERS_CSV
    if not evidence.generation.manifest["row_level_exported"]:
        is_there = CUSTOMERS_CSV in evidence.generation.manifest["files"]
        uncounted = dict.fromkeys(_CSV_COUNTS)
        return pd.DataFrame(
            [{"file": CUSTOMERS_CSV, "n_surplus": int(is_there), **uncounted}]
        )
    try:
        header, exported = read_cells(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MissingEvidenceError(f"{path.name} cannot be read: {error}") from None
    cells = [quote_identifier(name) for name in header]
    n_added = len(_ADDED_COLUMNS) * len(evidence.settings.segmentations)
    cluster, segment, persona = cells[-n_added:][:3]
    id_column = _id_column(evidence, exported, cells[:-n_added])
    defects = {
        "n_strangers": "facts.written_id IS NULL",
        "n_other_segments": (
            f"{cluster} IS DISTINCT FROM segment_id::VARCHAR "
            f"OR {segment} IS DISTINCT FROM written_name "
            f"OR {persona} IS DISTINCT FROM written_persona"
        ),
        "n_formulas": " OR ".join(
            f"coalesce({harmless(cell)} <> {cell}, false)" for cell in cells
        ),
    }
    return evidence.select(
        f"""
        WITH facts AS (
            SELECT {harmless("customer_id")} AS written_id,
                {harmless("segment_name")} AS written_name,
                {harmless("persona")} AS written_persona, segment_id
            FROM {AUDITED}.main.fct_customer_segments
            WHERE segmentation = {quote_text(evidence.settings.segmentations[0].name)}
        )
        SELECT
            {quote_text(CUSTOMERS_CSV)} AS file,
            0 AS n_surplus,
            {_misnamed(evidence, header[-n_added:])} AS n_misnamed,
            count(*) AS n_rows,
            count(DISTINCT {id_column}) AS n_ids,
            {_counts(defects, id_column)}
        FROM {exported}
        LEFT JOIN facts ON trim({id_column}) = facts.written_id
        """  # noqa: S608
    )


def _misnamed(evidence: Evidence, added: Sequence[str]) -> int:
    """Count the added columns that are not called as they should be."""
    endings = ["", *(f" ({each.name})" for each in evidence.settings.segmentations[1:])]
    expected = [f"{name}{ending}" for ending in endings for name in _ADDED_COLUMNS]
    return sum(
        found not in (name, f"{name} (mall_segments)")
        for name, found in zip(expected, added, strict=True)
    )


def _id_column(evidence: Evidence, exported: str, cells: Sequence[str]) -> str:
    """Find the column of ids, which a customer file may name in words of its own."""
    if not cells:
        raise MissingEvidenceError(f"{CUSTOMERS_CSV} has no columns of the input")
    counts = ", ".join(
        f"count(*) FILTER (WHERE trim({cell}) IN "  # noqa: S608
        f"(SELECT {harmless('customer_id')} FROM {AUDITED}.main.dim_customers))"
        for cell in cells
    )
    (found,) = evidence.rows(f"SELECT {counts} FROM {exported}")  # noqa: S608
    return cells[found.index(max(found))]


def freshness_frame(evidence: Evidence) -> pd.DataFrame:
    """Say how old the generation is, and whether its parts are of one age."""
    created = [evidence.generation.manifest["created_at"]]
    if evidence.previous:
        created.append(evidence.previous.manifest["created_at"])
    moments = [datetime.fromisoformat(text) for text in created]
    moments = [
        moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments
    ]
    age = datetime.now(UTC) - moments[0]
    model = evidence.model
    return pd.DataFrame(
        [
            {
                "build_id": evidence.generation.build_id,
                "model_build_id": model.build_id if model else "",
                "model_settings": model.settings_sha256 if model else "",
                "settings": evidence.generation.manifest["settings_sha256"],
                "age_days": age.total_seconds() / 86_400,
                "days_after_previous": (moments[0] - moments[-1]).total_seconds()
                / 86_400,
            }
        ]
    )


FRAMES: Final[dict[str, Callable[[Evidence], pd.DataFrame]]] = {
    "files": files_frame,
    "listed tables": listed_tables_frame,
    "tables": tables_frame,
    "columns": columns_frame,
    "customers": customers_frame,
    "assignments": assignments_frame,
    "csv": csv_frame,
    "freshness": freshness_frame,
}
