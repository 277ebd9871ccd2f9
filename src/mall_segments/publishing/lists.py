"""Lists of customers per segment, as files that people and campaign tools open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.errors import PublishError
from mall_segments.publishing.csv_cells import harmless
from mall_segments.publishing.generations import DATABASE, refuse_os_errors
from mall_segments.publishing.switching import replacing
from mall_segments.publishing.tables import quote_identifier, quote_text, reason
from mall_segments.wording import shorten, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from mall_segments.model import ModelSegmentation
    from mall_segments.publishing.generations import Generation

CHANGES: Final = ("joined", "left", "moved")
FORMATS: Final = ("csv", "parquet", "xlsx")

_MOST_EXCEL_ROWS: Final = 1_048_575
_ROWS_AT_ONCE: Final = 10_000
_LONGEST_SHEET_NAME: Final = 31
# Columns by which the rows are told into lists, and which no list shows.
_OF_SEGMENT: Final = "list_segment_id"
_LABEL: Final = "list_label"
_EVERYBODY: Final = f"SELECT * EXCLUDE ({_OF_SEGMENT}, {_LABEL}) FROM listed"  # noqa: S608


@dataclass(frozen=True)
class Wanted:
    """Which customers are listed: of all segments, or of one.

    With ``changes`` only who joined, left or moved since the last generation; who left
    is listed with the segment they were in. ``holdout`` percent, always the same
    customers, are left out as a control group.
    """

    segmentation: ModelSegmentation
    segment_id: int | None = None
    changes: tuple[str, ...] = ()
    holdout: int = 0


@dataclass(frozen=True)
class List:
    """The customers of a segment, or of one that was there before, in a list."""

    segment_id: int
    label: str
    n_customers: int

    @property
    def query(self) -> str:
        """The SQL that selects its rows."""
        return (
            f"{_EVERYBODY} WHERE {_OF_SEGMENT} = {self.segment_id} "
            f"AND {_LABEL} = {quote_text(self.label)}"
        )


def find_segment(segmentation: ModelSegmentation, text: str) -> int:
    """Find the id of a segment by its id, name or persona."""
    names: dict[str, int] = {}
    for segment in segmentation.segments:
        for name in (str(segment.segment_id), segment.segment_name, segment.persona):
            names[name.casefold()] = segment.segment_id
    found = names.get(text.strip().casefold())
    if found is None:
        known = ", ".join(
            f"{segment.segment_id} ({segment.persona})"
            for segment in segmentation.segments
        )
        raise PublishError(
            f"{segmentation.name} has no segment {shorten(text)}."
            f"{suggestion(text, names)} It has {known}"
        )
    return found


def write_lists(
    generation: Generation, wanted: Wanted, path: Path, kind: str
) -> list[List]:
    """Write the lists to a workbook, a file, or a folder of a file per segment.

    Who left is listed with the segment they were in, which may be there no more.
    """
    database = generation.file(DATABASE)
    refusal = f"{path} cannot be written"
    try:
        with (
            refuse_os_errors(refusal),
            duckdb.connect(str(database), read_only=True) as connection,
        ):
            connection.execute(f"CREATE TEMP VIEW listed AS {_listed(wanted)}")
            found = connection.execute(
                f"SELECT {_OF_SEGMENT}, {_LABEL}, count(*) FROM listed "  # noqa: S608
                "GROUP BY ALL ORDER BY ALL"
            )
            lists = [List(*row) for row in found.fetchall()]
            if not lists:
                raise PublishError(
                    f"nobody is in this list of {generation.build_id}, so nothing was "
                    "written"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "xlsx":
                _write_workbook(connection, lists, wanted, path, generation)
            else:
                _write_files(connection, lists, wanted, path, kind)
    except duckdb.Error as error:
        raise PublishError(f"{refusal}: {reason(error)}") from None
    return lists


def _listed(wanted: Wanted) -> str:
    """Return the SELECT of all customers wanted, in the order of their ids."""
    segmentation = quote_text(wanted.segmentation.name)
    where = "true"
    if wanted.segment_id is not None:
        where += f" AND {_OF_SEGMENT} = {wanted.segment_id}"
    if wanted.holdout:
        where += f" AND holdout_bucket >= {wanted.holdout}"
    assigned = f"""
        SELECT
            assigned.customer_id,
            assigned.segment_id,
            assigned.segment_name,
            assigned.persona,
            assigned.main_reason,
            assigned.holdout_bucket,
            -- Of a person, only whether anything is imputed is worth a column.
            customers.* NOT SIMILAR TO 'customer_id|is_.+_imputed'
        FROM fct_customer_segments AS assigned
        INNER JOIN dim_customers AS customers USING (customer_id)
        WHERE assigned.segmentation = {segmentation}
        """  # noqa: S608 - names and texts are quoted
    if not wanted.changes:
        return (
            f"SELECT *, segment_id AS {_OF_SEGMENT}, persona AS {_LABEL} "  # noqa: S608
            f"FROM ({assigned}) WHERE {where} ORDER BY customer_id"
        )
    changes = ", ".join(map(quote_text, wanted.changes))
    personas = " ".join(
        f"WHEN {quote_text(each.segment_name)} THEN {quote_text(each.persona)}"
        for each in wanted.segmentation.segments
    )
    return f"""
        SELECT
            movements.customer_id,
            movements.change,
            movements.from_segment_name,
            movements.to_segment_name,
            now.* EXCLUDE (customer_id),
            coalesce(movements.to_segment_id, movements.from_segment_id)
                AS {_OF_SEGMENT},
            coalesce(
                now.persona,
                CASE movements.from_segment_name {personas} END,
                movements.from_segment_name
            ) AS {_LABEL}
        FROM fct_customer_movements AS movements
        LEFT JOIN ({assigned}) AS now USING (customer_id)
        WHERE movements.segmentation = {segmentation}
            AND movements.change IN ({changes}) AND {where}
        ORDER BY movements.customer_id
        """  # noqa: S608 - names and texts are quoted


def _write_files(
    connection: duckdb.DuckDBPyConnection,
    lists: Sequence[List],
    wanted: Wanted,
    path: Path,
    kind: str,
) -> None:
    if path.suffix.lower() == f".{kind}":
        _copy(connection, _EVERYBODY, path, kind)
        return
    path.mkdir(exist_ok=True)
    for each in lists:
        words = re.sub(r"\W+", "_", each.label.lower()).strip("_")
        name = f"{wanted.segmentation.name}_{each.segment_id}_{words[:60]}.{kind}"
        _copy(connection, each.query, path / name, kind)


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, path: Path, kind: str
) -> None:
    if kind == "csv":
        columns = connection.execute(f"DESCRIBE {query}").fetchall()
        texts = [row[0] for row in columns if row[1] == "VARCHAR"]
        cells = ", ".join(
            f"{harmless(quote_identifier(name))} AS {quote_identifier(name)}"
            for name in texts
        )
        query = f"SELECT * REPLACE ({cells}) FROM ({query})"  # noqa: S608
    options = "FORMAT csv, HEADER" if kind == "csv" else "FORMAT parquet"
    with replacing(path) as draft:
        connection.execute(f"COPY ({query}) TO {quote_text(str(draft))} ({options})")


def _write_workbook(
    connection: duckdb.DuckDBPyConnection,
    lists: Sequence[List],
    wanted: Wanted,
    path: Path,
    generation: Generation,
) -> None:
    import xlsxwriter  # noqa: PLC0415 - heavy

    for each in lists:
        if each.n_customers > _MOST_EXCEL_ROWS:
            raise PublishError(
                f"segment {each.segment_id} has {each.n_customers:,} "
                f"customers, and a sheet of Excel holds {_MOST_EXCEL_ROWS:,}: write "
                "CSV or Parquet files, with --output FOLDER and --format csv"
            )
    options = {
        "constant_memory": True,
        "nan_inf_to_errors": True,
        **{f"strings_to_{each}": False for each in ("formulas", "numbers", "urls")},
    }
    with replacing(path) as draft:
        workbook = xlsxwriter.Workbook(str(draft), options)
        bold = workbook.add_format({"bold": True, "bottom": 1})
        sheet = workbook.add_worksheet("definitions")
        sheet.set_column(0, 6, 32)
        lines = _definitions(connection, lists, wanted, generation)
        for number, line in enumerate(lines):
            is_header = line[:1] in (("segment_id",), ("column",))
            sheet.write_row(number, 0, line, bold if is_header else None)
        for each in lists:
            sheet = workbook.add_worksheet(_sheet_name(each, workbook.sheetnames))
            _write_rows(sheet, bold, connection.execute(each.query))
        try:
            workbook.close()
        except xlsxwriter.exceptions.FileCreateError as error:
            cause = error.args[0] if error.args else error
            raise PublishError(f"{path} cannot be written: {cause}") from None


def _write_rows(sheet: Any, bold: Any, rows: duckdb.DuckDBPyConnection) -> None:
    """Write rows as they come, so that a million of them need no memory."""
    names = [column[0] for column in rows.description or ()]
    sheet.freeze_panes(1, 1)
    for place, name in enumerate(names):
        sheet.set_column(place, place, max(10, min(40, len(name) + 2)))
    sheet.write_row(0, 0, names, bold)
    number = 0
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        for row in some:
            number += 1
            sheet.write_row(number, 0, row)
    sheet.autofilter(0, 0, number, max(0, len(names) - 1))


def _definitions(
    connection: duckdb.DuckDBPyConnection,
    lists: Sequence[List],
    wanted: Wanted,
    generation: Generation,
) -> Iterator[Sequence[Any]]:
    """Say what each segment and column is, and of which generation."""
    yield "segmentation", wanted.segmentation.name
    yield "build", generation.build_id
    yield "left out as a control group", f"{wanted.holdout} %"
    yield ()
    yield (
        *("segment_id", "segment_name", "persona", "recommended_action"),
        *("customers in the segment", "customers in this list", "rule"),
    )
    rules: dict[int, str] = {}
    if "fct_segment_rules" in generation.manifest["tables"]:
        found = connection.execute(
            "SELECT segment_id, string_agg(rule_text, '; or ' ORDER BY rule_id) "
            "FROM fct_segment_rules WHERE segmentation = $1 GROUP BY segment_id",
            [wanted.segmentation.name],
        )
        rules = dict(found.fetchall())
    listed = {(each.segment_id, each.label): each.n_customers for each in lists}
    for segment in wanted.segmentation.segments:
        if wanted.segment_id in (None, segment.segment_id):
            yield (
                segment.segment_id,
                segment.segment_name,
                segment.persona,
                segment.recommended_action,
                segment.n_customers,
                listed.pop((segment.segment_id, segment.persona), 0),
                rules.get(segment.segment_id),
            )
    # Segments of before that are no more.
    for (segment_id, label), n_customers in listed.items():
        yield segment_id, label, None, None, None, n_customers
    yield ()
    yield "column", "meaning"
    yield from connection.execute(
        "SELECT column_name, any_value(comment) FROM duckdb_columns() "
        "WHERE table_name IN ('fct_customer_segments', 'dim_customers', "
        "'fct_customer_movements') AND comment IS NOT NULL "
        "GROUP BY column_name ORDER BY column_name"
    ).fetchall()


def _sheet_name(each: List, taken: Collection[str]) -> str:
    """Name a sheet by id and label, as Excel allows it."""
    allowed = re.sub(r"[\[\]:*?/\\']", " ", f"{each.segment_id} {each.label}")
    name = allowed[:_LONGEST_SHEET_NAME].strip()
    return (
        f"{name[: _LONGEST_SHEET_NAME - 4].strip()} ({len(taken)})"
        if name in taken
        else name
    )
