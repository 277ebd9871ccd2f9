"""Open a customer file of any kind: what the engine reads, and how its cells read.

This is the one way in for the build and for ``score``. Whatever cannot be read is
refused by name before any model runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    is_sealed,
    recognise_columns,
    required_columns,
)
from mall_segments.intake.csv_files import (
    Copy,
    CsvFile,
    copy_plainly,
    csv_relation,
    has_odd_quotes,
    inspect_csv,
    read_rows,
)
from mall_segments.intake.files import (
    begins_with,
    file_name,
    find_files,
    path_literals,
    refuse_different_headers,
    refusing_broken_files,
    source_name,
)
from mall_segments.intake.number_formats import (
    PLAIN,
    NumberFormat,
    id_sql,
    number_sql,
    text_sql,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.intake.values import (
    Facts,
    check_values,
    notes_of_values,
    read_facts,
    with_number_formats,
)
from mall_segments.intake.workbooks import is_workbook, read_sheet
from mall_segments.publishing.tables import quote_identifier
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from mall_segments.intake.columns import ColumnSettings

Kind = Literal["text", "number", "whole", "other", "row number"]

_ROW_NAMES: Final = ("source_row", "rowid")
_OWN_PREFIX: Final = "mall_segments_"
_VIRTUAL_NAMES: Final = frozenset({"file_index", "file_row_number", "filename"})
_COUNTED_ROW: Final = "row_number() over ()"
_WHOLE_TYPES: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_NUMBER_TYPES: Final = re.compile(r"DOUBLE|FLOAT|DECIMAL\(.*\)")
_NESTED_TYPES: Final = re.compile(r"\[|STRUCT|MAP|UNION|LIST", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class OpenedColumn:
    """Where a canonical column is and how SQL reads it.

    ``column`` is its name in the relation, empty where ids are the numbers of the rows.
    ``kind`` says what its cells are: all of CSV and Excel is text. ``numbers`` is how
    its text writes numbers.
    """

    name: str
    column: str
    kind: Kind = "text"
    numbers: NumberFormat = PLAIN

    @property
    def text_sql(self) -> str:
        """SQL of the cell as text: trimmed, null where it is blank or no value."""
        if self.kind == "row number":
            return "cast(source_row as varchar)"
        cell = quote_identifier(self.column)
        if self.kind == "whole":
            return f"cast({cell} as varchar)"
        if self.kind == "number":
            return f"nullif(cast({cell} as varchar), 'nan')"
        return text_sql(cell if self.kind == "text" else f"cast({cell} as varchar)")

    @property
    def number_sql(self) -> str:
        """SQL of the cell as a double; null where it is no number."""
        cell = quote_identifier(self.column)
        if self.kind == "text":
            return number_sql(cell, self.numbers)
        number = f"cast({cell} as double)"
        if self.kind == "whole":
            return number
        return f"case when isfinite({number}) then {number} end"

    @property
    def id_sql(self) -> str:
        """SQL of the cell as a customer id: see `number_formats.id_sql`."""
        if self.kind in ("row number", "whole"):
            return self.text_sql
        cell = quote_identifier(self.column)
        if self.kind == "number":
            # 1e16 would be written as such.
            cell = f"try_cast({cell} as decimal(38, 6))"
        return id_sql(cell)


@dataclass(frozen=True, kw_only=True)
class OpenedCustomers:
    """One or more files that hold customers, recognised and ready to be read.

    ``relation`` follows ``from`` in a query. It has the columns ``column_names``, which
    are those of ``header`` but unique, and, where rows may be too long,
    ``surplus_column``; all are text unless the file is Parquet. No column is ever named
    ``source_row`` or begins like ours. ``source_row`` is SQL over it: the number of the
    row, counted from 1 over all files. ``columns`` are those of the settings that the
    file has. ``delimiter`` separates the cells, if it is the same in all files.
    ``copies`` are what it reads instead of files the engine would misread.
    """

    source: str
    relation: str
    source_row: str
    header: tuple[str, ...]
    column_names: tuple[str, ...]
    columns: Mapping[str, OpenedColumn]
    surplus_column: str | None = None
    delimiter: str = ""
    notes: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)
    copies: tuple[Copy, ...] = field(default=(), repr=False, compare=False)


def open_customers(
    connection: duckdb.DuckDBPyConnection,
    path_or_glob: str | Path,
    settings: ColumnSettings,
) -> OpenedCustomers:
    """Open a file of customers, or all files that a glob names, in any connection.

    It is CSV (compressed by gzip or not, of any delimiter and encoding), Parquet, Excel
    or OpenDocument. Whatever keeps it from being read rightly is an `InputError`.
    """
    paths = find_files(str(path_or_glob))
    with refusing_broken_files(source_name(paths)):
        read = _open_parquet if are_parquet(paths) else _open_texts
        opened = read(connection, paths, settings)
        if settings.customer_id.generate and "customer_id" not in opened.columns:
            id_column = OpenedColumn(name="customer_id", column="", kind="row number")
            columns = {"customer_id": id_column, **opened.columns}
            note = "No id column: the rows are numbered from 1."
            opened = replace(opened, columns=columns, notes=(*opened.notes, note))
        return _checked(connection, opened, settings)


def are_parquet(paths: Sequence[Path]) -> bool:
    """Whether files are Parquet, refusing those of which only some are."""
    of_parquet = [begins_with(path, b"PAR1") for path in paths]
    if any(of_parquet) and not all(of_parquet):
        parquet, other = (paths[of_parquet.index(kind)] for kind in (True, False))
        raise InputError(
            f"{file_name(other)} is CSV and {file_name(parquet)} is Parquet: the "
            "files of one input must be of one kind."
        )
    return all(of_parquet)


def _checked(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    settings: ColumnSettings,
) -> OpenedCustomers:
    """Find out how numbers are written, and refuse what no customers hold."""
    found = [column for column in settings.columns if column.name in opened.columns]
    features = {column.name: column for column in found if column.type == "number"}
    sealed, required = is_sealed(settings), required_columns(settings)
    categories = [
        column
        for column in found
        if column.type == "category" and (column.name in required or not sealed)
    ]
    opened = replace(opened, facts=read_facts(connection, opened, features))
    if not opened.facts.n_rows:
        raise InputError(f"{opened.source} has a header but no rows.")
    columns = opened.columns
    opened = with_number_formats(connection, opened, features, numbers=settings.numbers)
    if opened.columns != columns:
        opened = replace(opened, facts=read_facts(connection, opened, features))
    check_values(opened, features, is_sealed=sealed)
    notes = notes_of_values(connection, opened, categories, is_sealed=sealed)
    return replace(opened, notes=(*opened.notes, *notes))


def _open_texts(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> OpenedCustomers:
    """Open CSV files and workbooks."""
    source, files = source_name(paths), read_texts(connection, paths, settings)
    header = files[0].rows[0]
    found = recognise_columns(header, settings, source=source, rows=files[0].rows[1:])
    if not any(file.has_rows for file in files):
        raise InputError(f"{source} has a header but no rows.")
    names = _relation_names(header)
    (surplus,) = unique_names(["surplus_cells"], [*_ROW_NAMES, *names])
    notes = [
        f"{file_name(path)}: {note}" if len(paths) > 1 else note
        for path, file in zip(paths, files, strict=True)
        for note in file.notes
    ]
    return OpenedCustomers(
        source=source,
        relation=csv_relation(files, [*names, surplus]),
        source_row=_COUNTED_ROW,
        header=header,
        column_names=names,
        columns={
            name: OpenedColumn(name=name, column=names[at])
            for name, at in found.positions.items()
        },
        surplus_column=surplus,
        delimiter=delimiter_of(files),
        notes=(*found.notes, *notes),
        copies=tuple(file.copy for file in files if file.copy),
    )


def delimiter_of(files: Sequence[CsvFile]) -> str:
    """Return what separates the cells, if it is the same in all files."""
    delimiters = {file.delimiter for file in files}
    return delimiters.pop() if len(delimiters) == 1 else ""


def read_texts(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> list[CsvFile]:
    """Return CSV files and workbooks of one header as the engine reads them."""
    files = []
    for path in paths:
        source = file_name(path)
        if is_workbook(path, source):
            rows, notes = read_sheet(path, settings, source=source)
            # Their text may have commas of any meaning, as where tabs separate cells.
            sheet = CsvFile(
                path="",
                delimiter="\t",
                rows=rows,
                has_rows=len(rows) > 1,
                notes=notes,
            )
            file = copy_plainly(rows[1:], sheet)
        else:
            file = inspect_csv(path, settings, source=source)
            if not file.is_plain or (
                file.has_quotes and has_odd_quotes(connection, file)
            ):
                file = copy_plainly(read_rows(file, source=source), file)
        files.append(file)
    refuse_different_headers(paths, [file.rows[0] for file in files])
    return files


def _open_parquet(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> OpenedCustomers:
    source, call = source_name(paths), parquet_call(paths)
    headers, n_rows = [], []
    for path in paths:
        one = parquet_call([path])
        with refusing_broken_files(file_name(path)):
            counted = connection.execute(f"select count(*) from {one}").fetchall()  # noqa: S608
            headers.append(list(_types(connection, one)))
        n_rows.append(int(counted[0][0]))
    refuse_different_headers(paths, headers)
    # Where files differ in the type of a column, these are what it is read as.
    types = _types(connection, call)
    header = tuple(types)
    found = recognise_columns(header, settings, source=source)
    if not any(n_rows):
        raise InputError(f"{source} has columns but no rows.")
    names = _relation_names(header)
    numbers = {column.name for column in settings.columns if column.type == "number"}
    columns = {
        name: OpenedColumn(
            name=name,
            column=names[at],
            kind=_kind(types, header[at], name, source, is_number=name in numbers),
        )
        for name, at in found.positions.items()
    }
    source_row = _COUNTED_ROW
    if names != header:
        listed = ", ".join(
            f"{quote_identifier(old)} as {quote_identifier(new)}"
            for old, new in zip(header, names, strict=True)
        )
        call = f"(select {listed} from {call})"  # noqa: S608
    elif _VIRTUAL_NAMES.isdisjoint(map(str.casefold, header)):
        # Any thread can tell the row's number over all files.
        firsts = ", ".join(map(str, accumulate(n_rows[:-1], initial=1)))
        source_row = f"[{firsts}][cast(file_index as bigint) + 1] + file_row_number"
    return OpenedCustomers(
        source=source,
        relation=call,
        source_row=source_row,
        header=header,
        column_names=names,
        columns=columns,
        notes=found.notes,
    )


def parquet_call(paths: Sequence[Path]) -> str:
    """Return the call that reads Parquet files in their order."""
    literals = path_literals([str(path.absolute()) for path in paths])
    return (
        f"read_parquet({literals}, union_by_name = true, hive_partitioning = false, "
        "binary_as_string = true)"
    )


def _types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = connection.execute(f"describe select * from {relation}").fetchall()  # noqa: S608
    return {str(row[0]): str(row[1]) for row in rows}


def _relation_names(header: Sequence[str]) -> tuple[str, ...]:
    """Name the columns so that none is one of those that ``sql/`` adds to them."""
    taken = [
        name
        for name in header
        if name.casefold() in _ROW_NAMES or name.casefold().startswith(_OWN_PREFIX)
    ]
    return unique_names(header, taken)


def _kind(
    types: Mapping[str, str], header: str, name: str, source: str, *, is_number: bool
) -> Kind:
    """Return what a column of Parquet holds, refusing what its use cannot be."""
    kind = types[header]
    if _WHOLE_TYPES.fullmatch(kind):
        return "whole"
    if _NUMBER_TYPES.fullmatch(kind):
        return "number"
    if kind == "VARCHAR":
        return "text"
    is_usable = not _NESTED_TYPES.search(kind) and not is_number
    is_odd_id = name == "customer_id" and kind == "BOOLEAN"
    if kind.startswith("ENUM") or (is_usable and not is_odd_id):
        return "other"
    raise InputError(
        f"{source}: the column {shorten(header)}, read as {name}, is of type "
        f"{shorten(kind)}; it must be a number or text."
    )
