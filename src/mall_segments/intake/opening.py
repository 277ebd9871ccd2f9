"""Open a customer file of any kind: what the engine reads, and how its cells read.

This is the one way in for the build and for ``score``. Whatever cannot be read is
refused by name before any model runs.
"""

from __future__ import annotations

import glob
import re
import zlib
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    RecognisedColumns,
    list_columns,
    recognise_columns,
    required_columns,
)
from mall_segments.intake.csv_files import (
    USUAL_LINE,
    CsvFile,
    copy_plainly,
    inspect_csv,
    read_rows,
)
from mall_segments.intake.number_formats import (
    PLAIN,
    NumberFormat,
    id_sql,
    number_sql,
    text_sql,
)
from mall_segments.intake.shapes import (
    Facts,
    check_values,
    level_notes,
    number_notes,
    read_facts,
    refuse_second_table,
    with_number_formats,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.intake.workbooks import is_workbook, read_sheet
from mall_segments.publishing.tables import quote_identifier, quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mall_segments.intake.columns import ColumnSettings
    from mall_segments.settings import Numbers

Kind = Literal["text", "number", "whole", "other", "row number"]

_PARQUET_MAGIC: Final = b"PAR1"
_ROW_NAMES: Final = ("source_row", "rowid")
_VIRTUAL_NAMES: Final = ("file_index", "file_row_number", "filename")
_COUNTED_ROW: Final = "row_number() over ()"
_SHOWN_PATH: Final = 200
_LONGEST_LINE: Final = 2**26
_WHOLE_TYPES: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_NUMBER_TYPES: Final = re.compile(r"DOUBLE|FLOAT|DECIMAL\(.*\)")
_NESTED_TYPES: Final = re.compile(r"\[|STRUCT|MAP|UNION|LIST", re.IGNORECASE)


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
        Parquet. No column is ever named ``source_row``.
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
    is_temporary : bool
        Whether ``relation`` reads a copy that lives as long as this object.
    notes : tuple of str
        What a user should know about how the input is read.
    facts : Facts or None
        What the rows hold, counted.
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
    copies: tuple[IO[bytes], ...] = field(default=(), repr=False, compare=False)

    @property
    def is_temporary(self) -> bool:
        """Whether the relation reads a copy that is gone with this object."""
        return bool(self.copies)


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
        connection, settings, tuple(required), encoding, sheet, is_sealed
    )
    try:
        is_parquet = [_is_parquet(path) for path in paths]
        if any(is_parquet) and not all(is_parquet):
            parquet, other = (paths[is_parquet.index(kind)] for kind in (True, False))
            raise InputError(
                f"{_name(other)} is CSV and {_name(parquet)} is Parquet: the files of "
                "one input must be of one kind."
            )
        opened, delimiter = (
            (_open_parquet(context, paths), "")
            if is_parquet[0]
            else _open_texts(context, paths)
        )
    except OSError as error:
        raise InputError(_system_error(error, paths[0])) from None
    except (EOFError, zlib.error):
        raise InputError(
            f"{_source(paths)} is compressed and cut off or damaged: copy it again."
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
            f"{opened.source} cannot be read: {_first_lines(error)}"
        ) from None


@dataclass(frozen=True)
class _Context:
    """What opening needs at every step."""

    connection: duckdb.DuckDBPyConnection
    settings: ColumnSettings
    required: tuple[str, ...]
    encoding: str | None
    sheet: str | None
    is_sealed: bool

    def recognise(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], source: str
    ) -> RecognisedColumns:
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
        facts = Facts(
            n_rows=facts.n_rows,
            n_long=facts.n_long,
            numbers={**facts.numbers, **again.numbers},
        )
    refuse_second_table(connection, opened, features, facts)
    check_values(opened, features, facts)
    categories = {
        name: column for name, column in columns.items() if column.type == "category"
    }
    notes = (
        *opened.notes,
        *number_notes(opened),
        *level_notes(connection, opened, categories),
    )
    return replace(opened, notes=notes, facts=facts)


def find_files(text: str) -> tuple[Path, ...]:
    """Return the files that a path or a pattern names, in the order of their names.

    Raises
    ------
    InputError
        If there is none, or it is no file on this machine.
    """
    shown = shorten(text, limit=_SHOWN_PATH)
    if "://" in text:
        raise InputError(
            f"{shown} is a remote address: only files on this machine are read. "
            "Download it, or mount it."
        )
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            raise InputError(
                f"{shown} is a folder. To read the files in it, name them by a "
                f"pattern: {shorten(str(path / '*.csv'), limit=_SHOWN_PATH)}."
            )
        if path.exists():
            paths = [path]
        else:
            # A pattern may be absolute, which the glob of pathlib cannot be.
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207
            paths = sorted(entry for entry in map(Path, names) if not entry.is_dir())
    except OSError as error:
        raise InputError(_system_error(error, path)) from None
    if path.is_symlink() and not path.exists():
        raise InputError(f"{shown} is a link to a file that does not exist.")
    if not paths:
        what = "no file fits the pattern" if glob.has_magic(text) else "no such file"
        raise InputError(f"{shown}: {what} (seen from {_name(Path.cwd())}).")
    for entry in paths:
        if not entry.is_file():
            raise InputError(f"{_name(entry)} is no regular file, or a broken link.")
    return tuple(paths)


def _name(path: Path) -> str:
    return shorten(str(path), limit=_SHOWN_PATH)


def _source(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return _name(paths[0])
    return f"{_name(paths[0])} and {len(paths) - 1:,} more"


def _system_error(error: OSError, path: Path) -> str:
    place = _name(Path(error.filename)) if error.filename else _name(path)
    if isinstance(error, PermissionError):
        return f"{place} may not be read by this user: its permissions forbid it."
    return f"{place} cannot be read: {error.strerror or error}."


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shorten(" ".join(lines[:3]), limit=300)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def _open_texts(
    context: _Context, paths: Sequence[Path]
) -> tuple[OpenedCustomers, str]:
    """Open CSV files and workbooks; also returns what separates their cells."""
    files: list[CsvFile] = []
    copies: list[IO[bytes]] = []
    for path in paths:
        file, copy = _readable(context, path)
        files.append(file)
        copies += [copy] if copy else []
    headers = [file.rows[0] for file in files]
    _refuse_different_headers(paths, headers)
    source = _source(paths)
    found = context.recognise(headers[0], files[0].rows[1:], source)
    if not any(file.has_rows for file in files):
        raise InputError(f"{source} has a header but no rows.")
    names = unique_names(headers[0], _ROW_NAMES)
    (surplus,) = unique_names(["surplus_cells"], [*_ROW_NAMES, *names])
    notes = [
        f"{_name(path)}: {note}" if len(paths) > 1 else note
        for path, file in zip(paths, files, strict=True)
        for note in file.notes
    ]
    opened = OpenedCustomers(
        source=source,
        paths=tuple(paths),
        relation=_csv_relation(files, [*names, surplus]),
        source_row=_COUNTED_ROW,
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
    return opened, files[0].delimiter if not copies or files[0].rows else ""


def _readable(context: _Context, path: Path) -> tuple[CsvFile, IO[bytes] | None]:
    """Return a file as the engine reads it, which may be a copy."""
    source = _name(path)
    if is_workbook(path, source):
        rows, notes = read_sheet(
            path, context.settings, source=source, sheet=context.sheet
        )
        file, copy = copy_plainly(rows[1:], len(rows[0]))
        shown = tuple(tuple(row) for row in rows[:30])
        has_rows = len(rows) > 1
        return replace(
            file, rows=shown, has_rows=has_rows, notes=notes, delimiter=","
        ), copy
    file = inspect_csv(path, context.settings, source=source, encoding=context.encoding)
    if file.longest_line > _LONGEST_LINE:
        raise InputError(
            f"{source} has a line of {file.longest_line:,} bytes; at most "
            f"{_LONGEST_LINE:,} are read. Is a line break missing?"
        )
    if file.is_plain and not (
        file.has_quotes and _has_odd_quotes(context.connection, file)
    ):
        return file, None
    plain, copy = copy_plainly(read_rows(file, source=source), len(file.rows[0]))
    return replace(
        plain, rows=file.rows, has_rows=file.has_rows, notes=file.notes
    ), copy


def _has_odd_quotes(connection: duckdb.DuckDBPyConnection, file: CsvFile) -> bool:
    """Whether the engine's strict reader refuses a row for more than its length."""
    names = [f"c{place}" for place in range(len(file.rows[0]) + 1)]
    changes = {"strict_mode": "true", "null_padding": "true"}
    call = _csv_call([file], names, changes)
    try:
        connection.execute(f"select count(*) from {call}").fetchall()  # noqa: S608
    except duckdb.Error:
        return True
    return False


def _refuse_different_headers(
    paths: Sequence[Path], headers: Sequence[tuple[str, ...]]
) -> None:
    first = tuple(cell.strip() for cell in headers[0])
    for path, header in zip(paths, headers, strict=True):
        cells = tuple(cell.strip() for cell in header)
        if cells != first:
            only = [cell for cell in cells if cell not in first]
            lacking = [cell for cell in first if cell not in cells]
            differences = [
                f"only the {place} has {list_columns(cells)}"
                for place, cells in (("former", lacking), ("latter", only))
                if cells
            ] or ["the same columns stand in another order"]
            raise InputError(
                f"{_name(paths[0])} and {_name(path)} have different headers: "
                f"{'; '.join(differences)}. The files of one input must share one."
            )


def _csv_relation(files: Sequence[CsvFile], names: Sequence[str]) -> str:
    def form(file: CsvFile) -> tuple[object, ...]:
        return (
            file.delimiter,
            file.has_header,
            file.is_gzip,
            file.n_lines_before_header,
            file.has_quotes,
            file.longest_line > USUAL_LINE,
        )

    calls = [_csv_call(list(group), names) for _, group in groupby(files, key=form)]
    if len(calls) == 1:
        return calls[0]
    parts = [f"select * from {call}" for call in calls]  # noqa: S608
    return f"({' union all '.join(parts)})"


def _csv_call(
    files: Sequence[CsvFile],
    names: Sequence[str],
    changes: Mapping[str, str] | None = None,
) -> str:
    """Return the call that reads files of one form, with some options changed."""
    form = files[0]
    types = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    options = {
        "auto_detect": "false",
        "header": str(form.has_header).lower(),
        "skip": str(form.n_lines_before_header),
        "delim": quote_text(form.delimiter),
        "quote": "'\"'",
        "escape": "'\"'",
        "compression": "'gzip'" if form.is_gzip else "'none'",
        # A short row is padded, a long one is cut: both stay rows.
        "null_padding": "true",
        "strict_mode": "false",
        "columns": f"{{{types}}}",
        # The parallel reader refuses line breaks within quotes.
        "parallel": "false" if form.has_quotes else "true",
    }
    if any(file.longest_line > USUAL_LINE for file in files):
        options["max_line_size"] = str(_LONGEST_LINE)
    options.update(changes or {})
    paths = ", ".join(_path_literal(file.path) for file in files)
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv([{paths}], {listed})"


def _path_literal(path: str) -> str:
    """Return a path as the engine reads it, where brackets and stars are patterns."""
    return quote_text(re.sub(r"([*?\[{])", r"[\1]", path))


def _open_parquet(context: _Context, paths: Sequence[Path]) -> OpenedCustomers:
    source = _source(paths)
    headers: list[tuple[str, ...]] = []
    types: list[dict[str, str]] = []
    n_rows: list[int] = []
    for path in paths:
        call = _parquet_call([path])
        try:
            described = _ask(context, f"describe select * from {call}")
            counted = _ask(context, f"select count(*) from {call}")
        except duckdb.Error as error:
            raise InputError(
                f"{_name(path)} cannot be read as Parquet: {_first_lines(error)}"
            ) from None
        headers.append(tuple(str(row[0]) for row in described))
        types.append({str(row[0]): str(row[1]) for row in described})
        n_rows.append(int(counted[0][0]))
    _refuse_different_headers(paths, headers)
    found = context.recognise(headers[0], (), source)
    if not any(n_rows):
        raise InputError(f"{source} has columns but no rows.")
    header = headers[0]
    names = unique_names(header, _ROW_NAMES)
    columns = {}
    for name, at in found.positions.items():
        kinds = {
            _kind(context, name, header[at], each[header[at]], _name(path))
            for path, each in zip(paths, types, strict=True)
        }
        kind = (
            kinds.pop() if len(kinds) == 1 else "text" if "text" in kinds else "number"
        )
        columns[name] = OpenedColumn(name=name, column=names[at], kind=kind)
    call = _parquet_call(paths)
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
        source_row=_parquet_row(n_rows) if is_plain else _COUNTED_ROW,
        header=header,
        column_names=names,
        columns=columns,
        notes=found.notes,
    )


def _ask(context: _Context, query: str) -> list[tuple[Any, ...]]:
    return context.connection.execute(query).fetchall()


def _kind(context: _Context, name: str, header: str, kind: str, source: str) -> Kind:
    """Return what a column of Parquet holds, refusing what its use cannot be."""
    is_number = any(
        column.name == name and column.type == "number"
        for column in context.settings.columns
    )
    if _WHOLE_TYPES.fullmatch(kind):
        return "whole"
    if _NUMBER_TYPES.fullmatch(kind):
        return "number"
    if kind == "VARCHAR":
        return "text"
    is_label = kind.startswith("ENUM")
    is_usable = not _NESTED_TYPES.search(kind) and not is_number
    if is_label or (is_usable and not (name == "customer_id" and kind == "BOOLEAN")):
        return "other"
    raise InputError(
        f"{source}: the column {shorten(header)}, read as {name}, is of type "
        f"{shorten(kind)}; it must be a number or text."
    )


def _parquet_row(n_rows: Sequence[int]) -> str:
    """Return the row's number over all files, which any thread can tell."""
    firsts = ", ".join(map(str, accumulate(n_rows[:-1], initial=1)))
    return f"[{firsts}][cast(file_index as bigint) + 1] + file_row_number"


def _parquet_call(paths: Sequence[Path]) -> str:
    literals = ", ".join(_path_literal(str(path.absolute())) for path in paths)
    return (
        f"read_parquet([{literals}], union_by_name = true, hive_partitioning = false, "
        "binary_as_string = true)"
    )
