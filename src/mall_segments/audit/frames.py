"""Frames that no plain query gives: of files, of the schema, of what the model says.

Rows of customers never leave DuckDB; what is returned counts them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mall_segments.audit.contract import TYPES, published_tables
from mall_segments.audit.evidence import AUDITED, MissingEvidenceError
from mall_segments.publishing.generations import file_problems
from mall_segments.publishing.publish import CUSTOMERS_CSV, ROW_LEVEL_TABLES
from mall_segments.publishing.tables import (
    quote_identifier,
    quote_text,
)
from mall_segments.scoring.assignment import assignment_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mall_segments.audit.contract import Column
    from mall_segments.audit.evidence import Evidence
    from mall_segments.settings import Feature

_CELL_COUNTS: Final = tuple(
    f"{count}{kind}"
    for count in ("n_empty", "n_infinite", "n_outside")
    for kind in ("", "_example")
)
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


def tables_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare the published tables with those that there must be."""
    declared = set(published_tables(evidence.settings))
    published = set(evidence.tables())
    manifest = evidence.generation.manifest
    is_exported = manifest["row_level_exported"]
    if not is_exported:
        # What the row-level views read.
        declared |= {name for name in published if not _is_mart(name)}
    rows = [
        {
            "table": table,
            "is_published": table in published,
            "is_declared": table in declared,
            "has_parquet": bool(manifest["tables"].get(table, {}).get("parquet")),
            "needs_parquet": table in declared
            and (is_exported or (_is_mart(table) and table not in ROW_LEVEL_TABLES)),
        }
        for table in sorted(published | declared)
    ]
    # Too many customers are not exported, neither as Parquet nor as CSV.
    rows.append(
        {
            "table": CUSTOMERS_CSV,
            "is_published": CUSTOMERS_CSV in manifest["files"],
            "is_declared": is_exported,
            "has_parquet": False,
            "needs_parquet": False,
        }
    )
    return pd.DataFrame(rows)


def _is_mart(table: str) -> bool:
    return table.startswith(("dim_", "fct_"))


def columns_frame(evidence: Evidence) -> pd.DataFrame:
    """Compare columns with those that there must be, and count what cells must not be.

    These are empty where a value is needed, not finite, or outside of the range or the
    set of the contract.
    """
    rows: list[dict[str, Any]] = []
    for name, table in published_tables(evidence.settings).items():
        found = evidence.columns(name)
        declared = {column.name: column for column in table.columns}
        counts = _count_cells(evidence, name, found, declared)
        for column in [*declared, *(each for each in found if each not in declared)]:
            kind = TYPES.get(found.get(column, ""), found.get(column, "no column"))
            if column in declared:
                expected = declared[column].type
            else:
                expected = kind if table.is_open else "no column"
            rows.append(
                {
                    "table": name,
                    "column": column,
                    "type": kind,
                    "declared_type": expected,
                    **(counts.get(column) or dict.fromkeys(_CELL_COUNTS, 0)),
                }
            )
    return pd.DataFrame(rows)


def _count_cells(
    evidence: Evidence,
    table: str,
    found: Mapping[str, str],
    declared: Mapping[str, Column],
) -> dict[str, dict[str, Any]]:
    columns = [name for name in found if name in declared]
    if not columns:
        return {}
    counts = ", ".join(
        _counts(_cell_defects(declared[name], found[name]), quote_identifier(name))
        for name in columns
    )
    (row,) = evidence.rows(
        f"SELECT {counts} FROM {AUDITED}.main.{quote_identifier(table)}"  # noqa: S608
    )
    cells = iter(row)
    return {name: {count: next(cells) for count in _CELL_COUNTS} for name in columns}


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


def references_frame(evidence: Evidence) -> pd.DataFrame:
    """Count rows of segments that dim_segments does not have, or calls otherwise."""
    parts = []
    for table, declared in published_tables(evidence.settings).items():
        names = [column.name for column in declared.columns]
        for column in names:
            # Where customers came from is a segment of the generation before.
            is_reference = column.endswith("segment_id") and column != "from_segment_id"
            if not is_reference or table == "dim_segments":
                continue
            said = [f"dim_segments.segment_id = facts.{column}"]
            if column == "segment_id":
                said += [
                    f"dim_segments.{each} = facts.{each}"
                    for each in ("segment_name", "persona")
                    if each in names
                ]
            is_strange = (
                f"facts.{column} IS NOT NULL AND NOT EXISTS (FROM dim_segments WHERE "
                "dim_segments.segmentation = facts.segmentation "
                f"AND {' AND '.join(said)})"
            )
            parts.append(
                f"SELECT '{table}' AS \"table\", '{column}' AS \"column\", "  # noqa: S608
                "count(*) AS n_rows, "
                f"count(*) FILTER (WHERE {is_strange}) AS n_strangers "
                f"FROM {AUDITED}.main.{table} AS facts"
            )
    return evidence.select(" UNION ALL ".join(parts))


def customers_frame(evidence: Evidence) -> pd.DataFrame:
    """Count, per column of dim_customers, values that the settings do not allow."""
    parts = [
        f"SELECT {quote_text(feature.name)} AS feature, count(*) AS n_customers, "  # noqa: S608
        f"{_counts({'n_outside': _is_outside(feature)}, 'customer_id')} "
        f"FROM {AUDITED}.main.dim_customers"
        for feature in evidence.settings.columns
    ]
    return evidence.select(" UNION ALL ".join(parts))


def _counts(defects: Mapping[str, str], example: str) -> str:
    """Return SQL that counts the rows of each defect, with an example of one."""
    return ", ".join(
        f"count(*) FILTER (WHERE {condition}) AS {name}, "
        f"min({example}) FILTER (WHERE {condition}) AS {name}_example"
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
    "tables": tables_frame,
    "columns": columns_frame,
    "references": references_frame,
    "customers": customers_frame,
    "assignments": assignments_frame,
    "freshness": freshness_frame,
}
