"""Open a customer file of any kind: what the engine reads, and how its cells read.

This is the one way in for the build and for ``score``. Whatever cannot be read is
refused by name before any model runs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    RecognisedColumns,
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
from mall_segments.intake.facts import read_facts, with_number_formats
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
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from mall_segments.intake.columns import ColumnSettings
    from mall_segments.intake.facts import Facts
    from mall_segments.settings import Numbers

_ROW_NAMES: Final = ("source_row", "rowid")
_OWN_PREFIX: Final = "mall_segments_"
_MOST_COLUMNS: Final = 10_000
_VIRTUAL_NAMES: Final = ("file_index", "file_row_number", "filename")
_SHOWN_ROWS: Final = 30


@dataclass(frozen=True, kw_only=True)
class OpenedColumn:
    """Where a canonical column is and how SQL reads it.

    Attributes
    ----------
    name : str
        Canonical name: ``customer_id`` or a column of the settings.
    column : str
        Its name in the relation; empty where ids are the numbers of the rows.
    kind : {"text", "number", "whole", "other", "row number"}
        What its cells are: text (all of CSV and Excel), numbers, whole numbers or
        anything else of Parquet, or no cells at all.
    numbers : NumberFormat
        How its text writes numbers.
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

    Attributes
    ----------
    source : str
        How errors and notes name the input.
    paths : tuple of Path
        The files as the user named them, in the order in which they are read.
    relation : str
        What follows ``from`` in a query. It has the columns ``column_names`` and, where
        rows may be too long, ``surplus_column``; all are text unless the file is
        Parquet. No column is ever named ``source_row`` or begins like ours.
    source_row : str
        SQL over ``relation``: the number of the row, counted from 1 over all files.
    header : tuple of str
        The columns as they stand in the file.
    column_names : tuple of str
        The same as the relation names them: unique (case ignored) and not blank.
    columns : mapping of str to OpenedColumn
        Canonical name to where it is. A column that the file does not have is absent.
    surplus_column : str or None
        The column of ``relation`` that holds what a row has beyond the last header.
    notes : tuple of str
        What a user should know about how the input is read.
    facts : Facts or None
        What the rows hold, counted.
    copies : tuple of Copy
        What ``relation`` reads instead of files that the engine would misread.
    """

    source: str
    paths: tuple[Path, ...]
    relation: str
    source_row: str
    header: tuple[str, ...]
    column_names: tuple[str, ...]
    columns: Mapping[str, OpenedColumn]
    surplus_column: str | None = None
    notes: tuple[str, ...] = ()
    facts: Facts | None = None
    copies: tuple[Copy, ...] = field(default=(), repr=False, compare=False)


def open_customers(
    connection: duckdb.DuckDBPyConnection,
    path_or_glob: str | Path,
    settings: ColumnSettings,
    *,
    required: Collection[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    numbers: Numbers | None = None,
    generate_ids: bool = False,
    is_sealed: bool = False,
) -> OpenedCustomers:
    """Open a file of customers, or all files that a glob names.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine that looks into the files; nothing is created in it.
    path_or_glob : str or Path
        CSV (compressed by gzip or not, of any delimiter and encoding), Parquet, Excel
        or OpenDocument, or a pattern such as ``data/*.csv``.
    settings : ColumnSettings
        ``Settings``, or `columns.KnownColumns` of a model.
    required : collection of str, optional
        Canonical names that must be there; see `columns.required_columns`.
    encoding, sheet : str, optional
        The encoding of text and the sheet of a workbook, where the user says so.
    numbers : Numbers, optional
        How numbers are written, where the user says so.
    generate_ids : bool
        Whether the rows are numbered where the file has no id.
    is_sealed : bool
        Whether the aliases are those of a model, so that advice about settings would
        not help.

    Returns
    -------
    OpenedCustomers
        The input, ready to be read by any connection of this process.

    Raises
    ------
    InputError
        If anything about the files keeps them from being read rightly.
    """
    if required is None:
        required = required_columns(settings)
    if generate_ids:
        required = [name for name in required if name != "customer_id"]
    paths = find_files(str(path_or_glob))
    context = _Context(
        connection, settings, tuple(required), encoding, sheet, numbers, is_sealed
    )
    try:
        of_parquet = [is_parquet(path) for path in paths]
        if any(of_parquet) and not all(of_parquet):
            parquet, other = (paths[of_parquet.index(kind)] for kind in (True, False))
            raise InputError(
                f"{file_name(other)} is CSV and {file_name(parquet)} is Parquet: the "
                "files of one input must be of one kind."
            )
        opened, delimiter = (
            (_open_parquet(context, paths), "")
            if of_parquet[0]
            else _open_texts(context, paths)
        )
    except OSError as error:
        raise InputError(system_error(error, paths[0])) from None
    except (EOFError, zlib.error):
        raise InputError(
            f"{source_name(paths)} is compressed and cut off or damaged: copy it again."
        ) from None
    if generate_ids and "customer_id" not in opened.columns:
        id_column = OpenedColumn(name="customer_id", column="", kind="row number")
        columns = {"customer_id": id_column, **opened.columns}
        note = "No id column: the rows are numbered from 1."
        opened = replace(opened, columns=columns, notes=(*opened.notes, note))
    try:
        return _checked(context, opened, numbers=numbers, delimiter=delimiter)
    except duckdb.Error as error:
        raise InputError(
            f"{opened.source} cannot be read: {first_lines(error)}"
        ) from None


@dataclass(frozen=True)
class _Context:
    """What opening needs at every step."""

    connection: duckdb.DuckDBPyConnection
    settings: ColumnSettings
    required: tuple[str, ...]
    encoding: str | None
    sheet: str | None
    numbers: Numbers | None
    is_sealed: bool

    def recognise(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], source: str
    ) -> RecognisedColumns:
        if len(header) > _MOST_COLUMNS:
            raise InputError(
                f"{source} has {len(header):,} columns; at most {_MOST_COLUMNS:,} are "
                "read. Keep those that are needed."
            )
        return recognise_columns(
            header,
            self.settings,
            source=source,
            required=self.required,
            rows=rows,
            is_sealed=self.is_sealed,
        )


def _checked(
    context: _Context,
    opened: OpenedCustomers,
    *,
    numbers: Numbers | None,
    delimiter: str,
) -> OpenedCustomers:
    """Find out how numbers are written, and refuse what no customers hold."""
    connection = context.connection
    columns = {column.name: column for column in context.settings.columns}
    features = {
        name: column
        for name, column in columns.items()
        if column.type == "number" and name in opened.columns
    }
    categories = {
        name: column
        for name, column in columns.items()
        if column.type == "category"
        and name in opened.columns
        and (name in context.required or not context.is_sealed)
    }
    facts = read_facts(connection, opened, features)
    if not facts.n_rows:
        raise InputError(f"{opened.source} has a header but no rows.")
    plain = opened
    opened = with_number_formats(
        connection, opened, features, facts, numbers=numbers, delimiter=delimiter
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
    check_values(opened, features, facts, is_sealed=context.is_sealed)
    notes = (
        *opened.notes,
        *number_notes(opened),
        *level_notes(connection, opened, categories, is_sealed=context.is_sealed),
    )
    return replace(opened, notes=notes, facts=facts)


def _open_texts(
    context: _Context, paths: Sequence[Path]
) -> tuple[OpenedCustomers, str]:
    """Open CSV files and workbooks; also returns what separates their cells."""
    files: list[CsvFile] = []
    copies: list[Copy] = []
    delimiters = set()
    for path in paths:
        file, delimiter, copy = _readable(context, path)
        files.append(file)
        delimiters.add(delimiter)
        copies += [copy] if copy else []
    headers = [file.rows[0] for file in files]
    refuse_different_headers(paths, headers)
    source = source_name(paths)
    found = context.recognise(headers[0], files[0].rows[1:], source)
    if not any(file.has_rows for file in files):
        raise InputError(f"{source} has a header but no rows.")
    names = _relation_names(headers[0])
    (surplus,) = unique_names(["surplus_cells"], [*_ROW_NAMES, *names])
    notes = [
        f"{file_name(path)}: {note}" if len(paths) > 1 else note
        for path, file in zip(paths, files, strict=True)
        for note in file.notes
    ]
    opened = OpenedCustomers(
        source=source,
        paths=tuple(paths),
        relation=csv_relation(files, [*names, surplus]),
        source_row=COUNTED_ROW,
        header=headers[0],
        column_names=names,
        columns={
            name: OpenedColumn(name=name, column=names[at])
            for name, at in found.positions.items()
        },
        surplus_column=surplus,
        notes=(*found.notes, *notes),
        copies=tuple(copies),
    )
    return opened, delimiters.pop() if len(delimiters) == 1 else ""


def _readable(context: _Context, path: Path) -> tuple[CsvFile, str, Copy | None]:
    """Return a file as the engine reads it, its delimiter, and its copy if any."""
    source = file_name(path)
    if is_workbook(path, source):
        rows, notes = read_sheet(
            path,
            context.settings,
            source=source,
            sheet=context.sheet,
            numbers=context.numbers,
        )
        file, copy = copy_plainly(rows[1:], len(rows[0]))
        shown = tuple(tuple(row) for row in rows[:_SHOWN_ROWS])
        return replace(file, rows=shown, has_rows=len(rows) > 1, notes=notes), "", copy
    file = inspect_csv(path, context.settings, source=source, encoding=context.encoding)
    if file.longest_line > LONGEST_LINE:
        raise InputError(
            f"{source} has a line of {file.longest_line:,} bytes; at most "
            f"{LONGEST_LINE:,} are read. Is a line break missing?"
        )
    if file.is_plain and not (
        file.has_quotes and has_odd_quotes(context.connection, file)
    ):
        return file, file.delimiter, None
    plain, copy = copy_plainly(read_rows(file, source=source), len(file.rows[0]))
    plain = replace(plain, rows=file.rows, has_rows=file.has_rows, notes=file.notes)
    return plain, file.delimiter, copy


def _open_parquet(context: _Context, paths: Sequence[Path]) -> OpenedCustomers:
    source = source_name(paths)
    headers: list[tuple[str, ...]] = []
    types: list[dict[str, str]] = []
    n_rows: list[int] = []
    for path in paths:
        call = parquet_call([path])
        try:
            described, counted = (
                context.connection.execute(query).fetchall()
                for query in (
                    f"describe select * from {call}",  # noqa: S608
                    f"select count(*) from {call}",  # noqa: S608
                )
            )
        except duckdb.Error as error:
            raise InputError(
                f"{file_name(path)} cannot be read as Parquet: {first_lines(error)}"
            ) from None
        headers.append(tuple(str(row[0]) for row in described))
        types.append({str(row[0]): str(row[1]) for row in described})
        n_rows.append(int(counted[0][0]))
    refuse_different_headers(paths, headers)
    found = context.recognise(headers[0], (), source)
    if not any(n_rows):
        raise InputError(f"{source} has columns but no rows.")
    header = headers[0]
    names = _relation_names(header)
    columns = _parquet_columns(
        context, found, names, list(zip(paths, types, strict=True))
    )
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
    return OpenedCustomers(
        source=source,
        paths=tuple(paths),
        relation=call,
        source_row=parquet_row(n_rows) if is_plain else COUNTED_ROW,
        header=header,
        column_names=names,
        columns=columns,
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
    context: _Context,
    found: RecognisedColumns,
    names: Sequence[str],
    files: Sequence[tuple[Path, Mapping[str, str]]],
) -> dict[str, OpenedColumn]:
    """Return where the columns are, of a kind that all files can be read as."""
    numbers = {
        column.name for column in context.settings.columns if column.type == "number"
    }
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
