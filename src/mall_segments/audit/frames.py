"""Frames that no plain query gives: of files, of the schema, of what the model says.

Rows of customers never leave DuckDB; what is returned counts them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mall_segments.audit.contract import TYPES, published_tables
from mall_segments.audit.evidence import AUDITED
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import file_problems
from mall_segments.publishing.publish import CUSTOMERS_CSV, ROW_LEVEL_TABLES
from mall_segments.publishing.tables import quote_identifier, quote_text
from mall_segments.scoring.assignment import assignment_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.audit.contract import Column
    from mall_segments.audit.evidence import Evidence

_CELL_COUNTS: Final = tuple(
    f"{count}{kind}"
    for count in ("n_empty", "n_infinite", "n_outside", "n_strangers")
    for kind in ("", "_example")
)
_CLOSE: Final = 1e-6
_NOTHING: Final = "nothing"


def checks_frame(evidence: Evidence, checks: Mapping[str, str]) -> pd.DataFrame:
    """Run checks; one that cannot be run is a row that says so.

    Numbers that differ by less than a millionth of themselves are equal.
    """
    rows: list[tuple[str, ...]] = []
    for check, sql in checks.items():
        try:
            found = evidence.rows(sql)
        except PublishError as error:
            rows.append((check, "", f"cannot be checked: {error}", _NOTHING))
            continue
        names = [column[0] for column in evidence.connection.description or ()]
        for *values, left, right in found:
            subject = ", ".join(map(_subject, names, values))
            rows.append((check, subject, *_written_pair(left, right)))
    columns = ["check", "subject", "found", "expected"]
    return pd.DataFrame(rows, columns=columns, dtype="object")


def _subject(name: str, value: object) -> str:
    """Write what names a row: texts as they are, numbers with what they count."""
    return value if isinstance(value, str) else f"{name.removesuffix('_id')} {value}"


def _written_pair(found: Any, expected: Any) -> tuple[str, str]:
    numbers = (int, float)
    are_numbers = isinstance(found, numbers) and isinstance(expected, numbers)
    if are_numbers and math.isclose(found, expected, rel_tol=_CLOSE, abs_tol=_CLOSE):
        expected = found
    left, right = (
        _NOTHING if each is None else str(each) for each in (found, expected)
    )
    return left, right


def files_frame(evidence: Evidence) -> pd.DataFrame:
    """Say of each file what is wrong with it."""
    problems = {
        **file_problems(evidence.generation),
        "the seal of model.json": evidence.no_model or None,
    }
    return pd.DataFrame(problems.items(), columns=["file", "problem"], dtype="object")


def tables_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare the published tables with those that there must be."""
    manifest = evidence.generation.manifest
    is_exported = manifest["row_level_exported"]
    declared = set(published_tables(evidence.settings))
    published = evidence.tables()
    marts = {name for name in declared | published if name.startswith(("dim_", "fct_"))}
    if not is_exported:
        declared |= published - marts  # What the row-level views read.
    exported = declared if is_exported else declared & marts - {*ROW_LEVEL_TABLES}
    rows = [
        (
            table,
            table in published,
            table in declared,
            bool(manifest["tables"].get(table, {}).get("parquet")),
            table in exported,
        )
        for table in sorted(published | declared)
    ]
    # Too many customers are not exported, neither as Parquet nor as CSV.
    has_csv = CUSTOMERS_CSV in manifest["files"]
    rows.append((CUSTOMERS_CSV, has_csv, is_exported, False, False))
    names = ["table", "is_published", "is_declared", "has_parquet", "needs_parquet"]
    return pd.DataFrame(rows, columns=names)


def columns_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare columns with those that there must be, and count what cells must not be.

    These are empty where a value is needed, not finite, outside of the range or the set
    of the contract, or segments that dim_segments does not have by that name.
    """
    rows = []
    for name, table in published_tables(evidence.settings).items():
        found = evidence.columns(name)
        declared = {column.name: column for column in table.columns}
        counts = _count_cells(evidence, name, found, declared)
        for column in dict.fromkeys([*declared, *found]):
            kind = TYPES.get(found.get(column, ""), found.get(column, "no column"))
            expected = kind if table.is_open else "no column"
            if column in declared:
                expected = declared[column].type
            cells = counts.get(column) or [0] * len(_CELL_COUNTS)
            rows.append((name, column, kind, expected, *cells))
    names = ["table", "column", "type", "declared_type", *_CELL_COUNTS]
    return pd.DataFrame(rows, columns=names)


def _count_cells(
    evidence: Evidence,
    table: str,
    found: Mapping[str, str],
    declared: Mapping[str, Column],
) -> dict[str, Sequence[Any]]:
    columns = [
        column
        for name, column in declared.items()
        if name in found and (column.imputed or name) in found
    ]
    if not columns:
        return {}
    known = evidence.columns("dim_segments")
    counts = ", ".join(
        _counts(
            {
                **_cell_defects(column, found[column.name]),
                "n_strangers": _is_stranger(table, column.name, found, known),
            },
            "customer_id" if "customer_id" in found else quote_identifier(column.name),
        )
        for column in columns
    )
    (row,) = evidence.rows(f"SELECT {counts} FROM {AUDITED}.main.{table} AS facts")  # noqa: S608
    n = len(_CELL_COUNTS)
    return {
        column.name: row[place * n : (place + 1) * n]
        for place, column in enumerate(columns)
    }


def _cell_defects(column: Column, kind: str) -> dict[str, str]:
    name = quote_identifier(column.name)
    is_empty = f"{name} IS NULL"
    if kind == "VARCHAR":
        is_empty += f" OR trim({name}) = ''"
    is_float = kind in ("DOUBLE", "FLOAT")
    has_type = TYPES.get(kind) == column.type
    return {
        "n_empty": "false" if column.is_optional else is_empty,
        "n_infinite": f"NOT isfinite({name})" if is_float else "false",
        "n_outside": column.is_outside() if has_type else "false",
    }


def _is_stranger(
    table: str, column: str, found: Mapping[str, str], known: Mapping[str, str]
) -> str:
    """Return SQL of whether a segment is none of dim_segments, or called otherwise."""
    names = ("segmentation", "segment_id", "segment_name", "persona")
    shared = [name for name in names if name in found and name in known]
    # Where customers came from is a segment of the generation before.
    is_reference = column.endswith("segment_id") and column != "from_segment_id"
    if table == "dim_segments" or not is_reference or "segmentation" not in shared:
        return "false"
    if column != "segment_id":
        shared = ["segmentation"]
    said = [f"segments.{name} = facts.{name}" for name in shared]
    return (
        f"facts.{column} IS NOT NULL AND NOT EXISTS (FROM {AUDITED}.main.dim_segments "
        f"AS segments WHERE segments.segment_id = facts.{column} "
        f"AND {' AND '.join(said)})"
    )


def _counts(defects: Mapping[str, str], example: str) -> str:
    """Return SQL that counts the rows of each defect, with an example of one."""
    return ", ".join(
        f"count(*) FILTER (WHERE {condition}) AS {name}, "
        f"min({example}) FILTER (WHERE {condition}) AS {name}_example"
        for name, condition in defects.items()
    )


def assignments_frame(evidence: Evidence) -> pd.DataFrame:
    """Count customers whom the published model assigns otherwise than the tables do."""
    if evidence.model is None:
        raise PublishError(evidence.no_model)
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


def freshness_frame(evidence: Evidence) -> pd.DataFrame:
    """Say how old the generation is, and whether its parts are of one age."""
    manifest, model = evidence.generation.manifest, evidence.model
    previous = evidence.previous.manifest if evidence.previous else manifest
    created, before = (
        datetime.fromisoformat(each["created_at"]) for each in (manifest, previous)
    )
    row = {
        "build_id": evidence.generation.build_id,
        "model_build_id": model.build_id if model else "",
        "model_settings": model.settings_sha256 if model else "",
        "settings": manifest["settings_sha256"],
        "age_days": (datetime.now(UTC) - created) / timedelta(days=1),
        "days_after_previous": (created - before) / timedelta(days=1),
    }
    return pd.DataFrame([row])


FRAMES: Final[dict[str, Callable[[Evidence], pd.DataFrame]]] = {
    "files": files_frame,
    "tables": tables_frame,
    "columns": columns_frame,
    "assignments": assignments_frame,
    "freshness": freshness_frame,
}
