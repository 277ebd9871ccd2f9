"""Suites over the files of a generation: they must agree with its tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pandas as pd

from mall_segments.audit.contract import published_tables
from mall_segments.audit.evidence import (
    AUDITED,
    CUSTOMER_GROUPS,
    MissingEvidenceError,
)
from mall_segments.audit.expectations import (
    Suite,
    equal,
    matches,
    missing,
    n_rows,
    none,
)
from mall_segments.intake.columns import recognise_columns
from mall_segments.intake.csv_cells import FORMULA_START
from mall_segments.intake.csv_files import split_record
from mall_segments.errors import InputError, PublishError
from mall_segments.publishing.generations import MANIFEST, MODEL
from mall_segments.publishing.publish import (
    CUSTOMERS_CSV,
    PARQUET,
    ROW_LEVEL_TABLES,
    VIEWED_TABLES,
)
from mall_segments.publishing.tables import describe_table, quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mall_segments.audit.evidence import Evidence

# The columns that publishing adds; where the file has one of that name, with a suffix.
_ADDED_COLUMNS: Final = r"^Cluster( \(mall_segments\))?, Segment( \(mall_segments\))?\Z"
_LONGEST_LINE: Final = 2**26


def file_suites(evidence: Evidence) -> Iterator[Suite]:
    """Yield the suites over the manifest and the exported files."""
    manifest = evidence.generation.manifest
    n_tables = len(manifest["tables"])
    yield Suite(
        name=MANIFEST,
        frame=_files,
        keys=("file",),
        expectations=(
            n_rows(len(manifest["files"])),
            missing("problem", "is nothing: each file is the one published"),
        ),
    )
    yield Suite(
        name=f"{MANIFEST}, tables",
        frame=_described_tables,
        keys=("table",),
        expectations=(
            n_rows(n_tables),
            equal("n_rows", "n_rows_listed", "is the number listed"),
            equal("columns", "columns_listed", "are those listed"),
            equal("checksum", "checksum_listed", "is the one listed"),
        ),
    )
    yield Suite(
        name=f"{MANIFEST}, facts",
        frame=_facts,
        keys=("fact",),
        expectations=(
            n_rows(1),
            equal("found", "listed", "is what the manifest says"),
        ),
    )
    yield Suite(
        name=PARQUET,
        frame=_parquet,
        keys=("table",),
        expectations=(
            n_rows(
                len(published_tables(evidence.settings))
                - (0 if manifest["row_level_exported"] else len(ROW_LEVEL_TABLES))
            ),
            equal("in_parquet", "in_database", "are those of the table"),
        ),
    )
    if manifest["row_level_exported"]:
        yield Suite(
            name=CUSTOMERS_CSV,
            frame=_customers_csv,
            keys=(),
            expectations=(
                n_rows(1, 1, meaning="is reduced to one row of counts"),
                matches(
                    "added_columns",
                    _ADDED_COLUMNS,
                    "are Cluster and Segment, after those of the input",
                ),
                equal("n_rows", "n_accepted", "is the number of accepted customers"),
                equal("n_distinct_ids", "n_rows", "is n_rows: no customer twice"),
                none("n_strangers", "is 0: every customer is in dim_customers"),
                none("n_other_segments", "is 0: each has its segment"),
                none("n_other_names", "is 0: each has its segment's name"),
                none("n_formulas", "is 0: no cell begins like a formula"),
                *(
                    none(
                        f"n_other_{feature.name}",
                        f"is 0: each has the {feature.name} of dim_customers",
                    )
                    for feature in evidence.settings.features
                ),
            ),
            needs=(CUSTOMER_GROUPS,),
        )


def _files(evidence: Evidence) -> pd.DataFrame:
    generation = evidence.generation
    listed = set(generation.manifest["files"]) | {MANIFEST}
    found = {
        path.relative_to(generation.folder).as_posix()
        for path in generation.folder.rglob("*")
        if not path.is_dir()
    }
    visible = {
        name for name in found if not any(part[0] == "." for part in name.split("/"))
    }
    rows: list[dict[str, str | None]] = []
    for name in sorted(listed | visible):
        problem = None
        if name not in listed:
            problem = "was not published"
        elif name != MANIFEST:
            try:
                generation.file(name)
            except PublishError as error:
                problem = str(error)
        rows.append({"file": name, "problem": problem})
    return pd.DataFrame(rows, dtype="object")


def _described_tables(evidence: Evidence) -> pd.DataFrame:
    manifest = evidence.generation.manifest
    # Another version of DuckDB may hash differently.
    is_comparable = manifest["versions"]["duckdb"] == duckdb.__version__
    rows = []
    for table, listed in manifest["tables"].items():
        found = _described(evidence, f"{AUDITED}.main.{quote_identifier(table)}")
        rows.append(
            {
                "table": table,
                "n_rows": found["n_rows"],
                "n_rows_listed": listed["n_rows"],
                "columns": _column_text(found),
                "columns_listed": _column_text(listed),
                "checksum": found["checksum"] if is_comparable else "",
                "checksum_listed": listed["checksum"] if is_comparable else "",
            }
        )
    return pd.DataFrame(rows)


def _described(evidence: Evidence, relation: str) -> Mapping[str, Any]:
    try:
        return describe_table(evidence.connection, relation)
    except duckdb.Error:
        return {"n_rows": -1, "columns": [], "checksum": "unreadable"}


def _column_text(description: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{column['name']} {column['type']}" for column in description["columns"]
    )


def _facts(evidence: Evidence) -> pd.DataFrame:
    manifest = evidence.generation.manifest
    counts = manifest["input"]
    limit = manifest["settings"]["export_rows_limit"]
    facts: list[tuple[str, object, object]] = [
        (
            "accepted and rejected rows",
            counts["accepted"] + counts["rejected"],
            counts["rows"],
        ),
        (
            "row-level files are exported",
            manifest["row_level_exported"],
            counts["accepted"] <= limit,
        ),
        (
            f"{CUSTOMERS_CSV} is published",
            CUSTOMERS_CSV in manifest["files"],
            manifest["row_level_exported"],
        ),
    ]
    for measure, key in (
        ("input rows", "rows"),
        ("accepted customers", "accepted"),
        ("rejected rows", "rejected"),
        ("imputed customers", "imputed"),
    ):
        found = evidence.rows(
            f"SELECT n FROM {AUDITED}.main.fct_input_counts "  # noqa: S608
            f"WHERE measure = '{measure}'"
        )
        facts.append((measure, ", ".join(str(n) for (n,) in found), counts[key]))
    facts += [
        (f"{table} has a Parquet file", listed["parquet"], _parquet_name(table))
        for table, listed in manifest["tables"].items()
        if manifest["row_level_exported"]
        or table not in (*ROW_LEVEL_TABLES, *VIEWED_TABLES)
    ]
    if evidence.model:
        facts.append(
            (f"build id of {MODEL}", evidence.model.build_id, manifest["build_id"])
        )
    return pd.DataFrame(
        [
            {"fact": fact, "found": str(found), "listed": str(listed)}
            for fact, found, listed in facts
        ]
    )


def _parquet_name(table: str) -> str:
    return f"{PARQUET}/{table}.parquet"


def _parquet(evidence: Evidence) -> pd.DataFrame:
    generation = evidence.generation
    rows = []
    for table in published_tables(evidence.settings):
        if table in ROW_LEVEL_TABLES and not generation.manifest["row_level_exported"]:
            continue
        path = generation.folder / _parquet_name(table)
        in_database = _described(evidence, f"{AUDITED}.main.{quote_identifier(table)}")
        in_parquet = _described(evidence, f"read_parquet({quote_text(str(path))})")
        rows.append(
            {
                "table": table,
                "in_parquet": _summary(in_parquet),
                "in_database": _summary(in_database),
            }
        )
    return pd.DataFrame(rows)


def _summary(description: Mapping[str, Any]) -> str:
    return (
        f"{description['n_rows']} rows of {_column_text(description)} with checksum "
        f"{description['checksum']}"
    )


def _customers_csv(evidence: Evidence) -> pd.DataFrame:
    path = evidence.generation.folder / CUSTOMERS_CSV
    header = _read_header(path)
    try:
        found = recognise_columns(header[:-2], evidence.settings).columns
    except InputError as error:
        raise MissingEvidenceError(str(error)) from None
    places = {name: header.index(column) for name, column in found.items()}
    return evidence.read(
        "customers_csv",
        path=str(path),
        longest_line=_LONGEST_LINE,
        columns=[f"column_{place}" for place in range(len(header))],
        added_columns=", ".join(header[-2:]),
        id_column=f"column_{places['customer_id']}",
        feature_columns={
            feature.name: f"column_{places[feature.name]}"
            for feature in evidence.settings.features
        },
        segmentation=evidence.settings.segmentations[0].name,
    )


def _read_header(path: Path) -> list[str]:
    """Read the header of a published CSV file as it was before it was neutralised."""
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST_LINE).decode("utf-8", "replace")
    except OSError as error:
        raise MissingEvidenceError(f"{path.name}: {error.strerror}") from None
    cells, _ = split_record(head, 0, ",")
    return [
        cell[1:] if re.match(f"'{FORMULA_START[1:]}", cell) else cell for cell in cells
    ]
