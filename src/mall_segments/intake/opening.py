"""Open a customer file of any kind: what the engine reads, and how its cells read.

This is the one way in for the build and for ``score``. Whatever cannot be read is
refused by name before any model runs.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    RecognisedColumns,
    is_sealed,
    recognise_columns,
    required_columns,
)
from mall_segments.intake.csv_files import (
    Copy,
    CsvFile,
    copy_plainly,
    inspect_csv,
    read_rows,
)
from mall_segments.intake.facts import Facts, read_facts, with_number_formats
from mall_segments.intake.number_formats import (
    PLAIN,
    NumberFormat,
    id_sql,
    number_sql,
    text_sql,
)
from mall_segments.intake.relations import (
    COUNTED_ROW,
    LONGEST_LINE,
    Kind,
    csv_relation,
    file_name,
    find_files,
    first_lines,
    has_odd_quotes,
    is_parquet,
    parquet_call,
    parquet_kind,
    parquet_row,
    refuse_different_headers,
    source_name,
    system_error,
)
from mall_segments.intake.shapes import (
    check_values,
    level_notes,
    number_notes,
    refuse_second_table,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.intake.workbooks import is_workbook, read_sheet
from mall_segments.publishing.tables import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mall_segments.intake.columns import ColumnSettings

_ROW_NAMES: Final = ("source_row", "rowid")
_OWN_PREFIX: Final = "mall_segments_"
_MOST_COLUMNS: Final = 10_000
_VIRTUAL_NAMES: Final = ("file_index", "file_row_number", "filename")
_SHOWN_ROWS: Final = 30


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
    file has. ``copies`` are what it reads instead of files the engine would misread.
    """

    source: str
    relation: str
    source_row: str
    header: tuple[str, ...]
    column_names: tuple[str, ...]
    columns: Mapping[str, OpenedColumn]
    surplus_column: str | None = None
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
        if are_parquet(paths):
            opened, delimiter = _open_parquet(connection, paths, settings), ""
        else:
            opened, delimiter = _open_texts(connection, paths, settings)
        if settings.customer_id.generate and "customer_id" not in opened.columns:
            id_column = OpenedColumn(name="customer_id", column="", kind="row number")
            columns = {"customer_id": id_column, **opened.columns}
            note = "No id column: the rows are numbered from 1."
            opened = replace(opened, columns=columns, notes=(*opened.notes, note))
        return _checked(connection, opened, settings, delimiter)


@contextmanager
def refusing_broken_files(source: str) -> Iterator[None]:
    """Say by name what the system, a decompressor or the engine complains of."""
    try:
        yield
    except OSError as error:
        raise InputError(system_error(error, source)) from None
    except (EOFError, zlib.error):
        raise InputError(
            f"{source} is compressed and cut off or damaged: copy it again."
        ) from None
    except duckdb.Error as error:
        raise InputError(f"{source} cannot be read: {first_lines(error)}") from None


def are_parquet(paths: Sequence[Path]) -> bool:
    """Whether files are Parquet, refusing those of which only some are."""
    of_parquet = [is_parquet(path) for path in paths]
    if any(of_parquet) and not all(of_parquet):
        parquet, other = (paths[of_parquet.index(kind)] for kind in (True, False))
        raise InputError(
            f"{file_name(other)} is CSV and {file_name(parquet)} is Parquet: the "
            "files of one input must be of one kind."
        )
    return all(of_parquet)


def _recognise(
    header: Sequence[str],
    settings: ColumnSettings,
    source: str,
    rows: Sequence[Sequence[str]] = (),
) -> RecognisedColumns:
    if len(header) > _MOST_COLUMNS:
        raise InputError(
            f"{source} has {len(header):,} columns; at most {_MOST_COLUMNS:,} are "
            "read. Keep those that are needed."
        )
    return recognise_columns(header, settings, source=source, rows=rows)


def _checked(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    settings: ColumnSettings,
    delimiter: str,
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
    facts = read_facts(connection, opened, features)
    if not facts.n_rows:
        raise InputError(f"{opened.source} has a header but no rows.")
    plain = opened
    opened = with_number_formats(
        connection,
        opened,
        features,
        facts,
        numbers=settings.numbers,
        delimiter=delimiter,
    )
    changed = {
        name: feature
        for name, feature in features.items()
        if opened.columns[name] != plain.columns[name]
    }
    if changed:
        again = read_facts(connection, opened, changed)
        facts = replace(facts, numbers={**facts.numbers, **again.numbers})
    refuse_second_table(connection, opened, features, facts)
    check_values(opened, features, facts, is_sealed=sealed)
    notes = (
        *opened.notes,
        *number_notes(opened),
        *level_notes(connection, opened, categories, is_sealed=sealed),
    )
    return replace(opened, notes=notes, facts=facts)


def _open_texts(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> tuple[OpenedCustomers, str]:
    """Open CSV files and workbooks; also returns what separates their cells."""
    source, files = source_name(paths), read_texts(connection, paths, settings)
    header = files[0].rows[0]
    found = _recognise(header, settings, source, files[0].rows[1:])
    if not any(file.has_rows for file in files):
        raise InputError(f"{source} has a header but no rows.")
    names = _relation_names(header)
    (surplus,) = unique_names(["surplus_cells"], [*_ROW_NAMES, *names])
    notes = [
        f"{file_name(path)}: {note}" if len(paths) > 1 else note
        for path, file in zip(paths, files, strict=True)
        for note in file.notes
    ]
    opened = OpenedCustomers(
        source=source,
        relation=csv_relation(files, [*names, surplus]),
        source_row=COUNTED_ROW,
        header=header,
        column_names=names,
        columns={
            name: OpenedColumn(name=name, column=names[at])
            for name, at in found.positions.items()
        },
        surplus_column=surplus,
        notes=(*found.notes, *notes),
        copies=tuple(file.copy for file in files if file.copy),
    )
    delimiters = {file.original_delimiter for file in files}
    return opened, delimiters.pop() if len(delimiters) == 1 else ""


def read_texts(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> list[CsvFile]:
    """Return CSV files and workbooks of one header as the engine reads them."""
    files = [_readable(connection, path, settings) for path in paths]
    refuse_different_headers(paths, [file.rows[0] for file in files])
    return files


def _readable(
    connection: duckdb.DuckDBPyConnection, path: Path, settings: ColumnSettings
) -> CsvFile:
    source = file_name(path)
    if is_workbook(path, source):
        rows, notes = read_sheet(path, settings, source=source)
        shown = tuple(tuple(row) for row in rows[:_SHOWN_ROWS])
        sheet = CsvFile(path="", rows=shown, has_rows=len(rows) > 1, notes=notes)
        return copy_plainly(rows[1:], sheet)
    file = inspect_csv(path, settings, source=source)
    if file.longest_line > LONGEST_LINE:
        raise InputError(
            f"{source} has a line of {file.longest_line:,} bytes; at most "
            f"{LONGEST_LINE:,} are read. Is a line break missing?"
        )
    if file.is_plain and not (file.has_quotes and has_odd_quotes(connection, file)):
        return file
    return copy_plainly(read_rows(file, source=source), file)


def _open_parquet(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    settings: ColumnSettings,
) -> OpenedCustomers:
    source = source_name(paths)
    types: list[dict[str, str]] = []
    n_rows: list[int] = []
    for path in paths:
        call = parquet_call([path])
        try:
            described, ((counted,),) = (
                connection.execute(query).fetchall()
                for query in (
                    f"describe select * from {call}",  # noqa: S608
                    f"select count(*) from {call}",  # noqa: S608
                )
            )
        except duckdb.Error as error:
            raise InputError(
                f"{file_name(path)} cannot be read as Parquet: {first_lines(error)}"
            ) from None
        types.append({str(row[0]): str(row[1]) for row in described})
        n_rows.append(int(counted))
    headers = [tuple(each) for each in types]
    refuse_different_headers(paths, headers)
    header = headers[0]
    found = _recognise(header, settings, source)
    if not any(n_rows):
        raise InputError(f"{source} has columns but no rows.")
    names = _relation_names(header)
    call = parquet_call(paths)
    is_plain = names == header and not {name.casefold() for name in header} & {
        *_VIRTUAL_NAMES
    }
    if names != header:
        listed = ", ".join(
            f"{quote_identifier(old)} as {quote_identifier(new)}"
            for old, new in zip(header, names, strict=True)
        )
        call = f"(select {listed} from {call})"  # noqa: S608
    files = list(zip(paths, types, strict=True))
    return OpenedCustomers(
        source=source,
        relation=call,
        source_row=parquet_row(n_rows) if is_plain else COUNTED_ROW,
        header=header,
        column_names=names,
        columns=_parquet_columns(settings, found, names, files),
        notes=found.notes,
    )


def _relation_names(header: Sequence[str]) -> tuple[str, ...]:
    """Name the columns so that none is one of those that ``sql/`` adds to them."""
    taken = [
        name
        for name in header
        if name.casefold() in _ROW_NAMES or name.casefold().startswith(_OWN_PREFIX)
    ]
    return unique_names(header, taken)


def _parquet_columns(
    settings: ColumnSettings,
    found: RecognisedColumns,
    names: Sequence[str],
    files: Sequence[tuple[Path, Mapping[str, str]]],
) -> dict[str, OpenedColumn]:
    """Return where the columns are, of a kind that all files can be read as."""
    numbers = {column.name for column in settings.columns if column.type == "number"}
    columns = {}
    for name, at in found.positions.items():
        kinds = {
            parquet_kind(
                each[found.columns[name]],
                name=name,
                header=found.columns[name],
                is_number=name in numbers,
                source=file_name(path),
            )
            for path, each in files
        }
        kind: Kind = "text" if "text" in kinds else "number"
        kind = kinds.pop() if len(kinds) == 1 else kind
        columns[name] = OpenedColumn(name=name, column=names[at], kind=kind)
    return columns
