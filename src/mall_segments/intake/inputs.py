"""Inspect the customer file before it is read: can it be, and how.

The inspection serves every way in: the seed, the CSV and Parquet files that
``customers_path`` names, and the file that is scored. Its result holds the relation
that the engine reads, every cell as text where the file is CSV. Whatever cannot be
read is refused by name.
"""

from __future__ import annotations

import csv
import glob
import re
import zlib
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.intake.columns import RecognisedColumns, list_columns, recognise_columns
from mall_segments.intake.csv_files import (
    DELIMITERS,
    ENGINE_ENCODINGS,
    CsvFile,
    copy_as_utf_8,
    inspect_csv,
)
from mall_segments.errors import InputError
from mall_segments.settings import shorten
from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.intake.columns import ColumnSettings

SURPLUS_COLUMN: Final = "surplus_cells"

_RESERVED_NAMES: Final = frozenset({SURPLUS_COLUMN, "source_row", "rowid"})
_PARQUET_MAGIC: Final = b"PAR1"
_SAMPLED_ROWS: Final = 1000
_SHOWN_PATH: Final = 200
_LONGEST_LINE: Final = 2**26
_USUAL_LINE: Final = 2**20
_LARGEST_CHECKED_SIZE: Final = 2**28
_COMPARED_COLUMNS: Final = 100
# By one thread, so only where the file does not say.
_COUNTED_ROW: Final = "row_number() over ()"
_NESTED_TYPES: Final = re.compile(r"\[|STRUCT|MAP|UNION|LIST", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CustomerInput:
    """One or more files that hold customers, recognised and ready to be read.

    Attributes
    ----------
    source : str
        How errors and notes name the input.
    paths : tuple of Path
        The files, in the order in which they are read.
    header : tuple of str
        The columns as they stand in the file.
    column_names : tuple of str
        The columns as the relation names them: as in the header where that is unique
        (case ignored) and not blank.
    columns : RecognisedColumns
        Which of ``column_names`` holds what.
    relation : str
        What follows ``from`` in a query. Of CSV files every column is text, and one
        more, ``SURPLUS_COLUMN``, holds what a row has beyond its last column.
    source_row : str
        An expression over ``relation``: the number of the row, counted from 1 over
        all files in their order.
    has_surplus_column : bool
        Whether the relation has ``SURPLUS_COLUMN``.
    csv_files : tuple of CsvFile
        How the files are written that the relation reads; empty if they are Parquet.
    notes : tuple of str
        What a user should know about how the input is read.
    """

    source: str
    paths: tuple[Path, ...]
    header: tuple[str, ...]
    column_names: tuple[str, ...]
    columns: RecognisedColumns
    relation: str
    source_row: str
    has_surplus_column: bool
    csv_files: tuple[CsvFile, ...]
    notes: tuple[str, ...]

    @property
    def is_numbered_in_place(self) -> bool:
        """Whether any thread knows ``source_row`` of any row, however often read."""
        return self.source_row != _COUNTED_ROW

    def exact_relation(self, types: Mapping[str, str]) -> str | None:
        """Return a relation that takes a file for nothing but its bytes.

        Parameters
        ----------
        types : mapping of str to str
            Column to the type to read it as; the others are text.

        Returns
        -------
        str or None
            It has the columns ``column_names``, and fails at a row that has another
            number of cells or a cell of another type. None where the bytes of a file
            are not those of its cells: compressed, in another encoding than UTF-8, or
            with quotation marks; or where it needs a reader of its own.
        """
        form = self.csv_files[0] if self.csv_files else None
        if form is None or any(
            file.is_gzip
            or file.encoding != "utf-8"
            or file.n_quotes
            or file.longest_line > _USUAL_LINE
            or file.delimiter != form.delimiter
            or file.n_lines_before_header != form.n_lines_before_header
            for file in self.csv_files
        ):
            return None
        listed = ", ".join(
            f"{quote_text(name)}: {quote_text(types.get(name, 'VARCHAR'))}"
            for name in self.column_names
        )
        changes = {
            "columns": f"{{{listed}}}",
            "null_padding": "false",
            "strict_mode": "true",
        }
        return _csv_call(self.csv_files, self.column_names, changes)


def inspect_input(
    path_or_glob: str | Path, settings: ColumnSettings, *, copies: Path
) -> CustomerInput:
    """Inspect a CSV or Parquet file, or all files that a glob names.

    Parameters
    ----------
    path_or_glob : str or Path
        The file, or a pattern such as ``data/*.csv`` or ``data/**/*.parquet``.
    settings : ColumnSettings
        The aliases of the customer id, the gender and the features.
    copies : Path
        Folder for the UTF-8 copies of files in an encoding that the engine does not
        read, such as UTF-16. It is created when it is needed.

    Returns
    -------
    CustomerInput
        The input, ready to be read.

    Raises
    ------
    InputError
        If anything about the files keeps them from being read.
    """
    paths = _find_files(str(path_or_glob))
    is_parquet = [_is_parquet(path) for path in paths]
    if any(is_parquet) and not all(is_parquet):
        csv_path, parquet_path = (
            paths[is_parquet.index(kind)] for kind in (False, True)
        )
        raise InputError(
            f"{_name(csv_path)} is CSV and {_name(parquet_path)} is Parquet: the files "
            "of one input must be of one kind."
        )
    try:
        if is_parquet[0]:
            return _inspect_parquet_files(paths, settings)
        return _inspect_csv_files(paths, settings, copies)
    except OSError as error:
        raise InputError(_system_error(error, paths[0])) from None
    except (EOFError, zlib.error):
        raise InputError(
            f"{_source(paths)} is compressed and cut off or damaged: copy it again."
        ) from None


def inspect_seed(
    path: str | Path, settings: ColumnSettings, *, copies: Path
) -> CustomerInput:
    """Inspect the seed, which dbt's own loader reads, and that reader takes less.

    Parameters
    ----------
    path : str or Path
        The CSV file of the seed.
    settings : ColumnSettings
        The aliases of the customer id, the gender and the features.
    copies : Path
        As for :func:`inspect_input`.

    Returns
    -------
    CustomerInput
        The input, ready to be read.

    Raises
    ------
    InputError
        If the file cannot be read at all, or by dbt's loader; in the latter case it
        says that ``customers_path`` can name the same file.
    """
    path = Path(path)
    source = _name(path)
    if not path.exists():
        raise InputError(f"{source} does not exist: it is the seed with the customers.")
    seed = inspect_input(glob.escape(str(path)), settings, copies=copies)
    try:
        reason = _reason_against_seed(path, settings)
    except OSError as error:
        raise InputError(_system_error(error, path)) from None
    if reason:
        raise InputError(
            f"{source}: {reason}, which dbt's loader of seeds does not take. Set "
            f"customers_path to this file, for example with "
            f"--vars '{{customers_path: {path}}}': that way it can be read."
        )
    return seed


def _name(path: Path) -> str:
    return shorten(str(path), limit=_SHOWN_PATH)


def _system_error(error: OSError, path: Path) -> str:
    place = _name(Path(error.filename)) if error.filename else _name(path)
    if isinstance(error, PermissionError):
        return f"{place} may not be read by this user: its permissions forbid it."
    return f"{place} cannot be read: {error.strerror or error}."


def _find_files(text: str) -> tuple[Path, ...]:
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


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError as error:
        raise InputError(_system_error(error, path)) from None


def _inspect_csv_files(
    paths: Sequence[Path], settings: ColumnSettings, copies: Path
) -> CustomerInput:
    files = [inspect_csv(path, settings, source=_name(path)) for path in paths]
    _refuse_different_headers(paths, [file.header for file in files])
    source = _source(paths)
    # The header itself is recognised first: made unique, its twins would differ.
    found = recognise_columns(files[0].header, settings, source=source)
    if not any(file.has_rows for file in files):
        raise InputError(f"{source} has a header but no rows.")
    names = _unique_names(files[0].header)
    columns = recognise_columns(names, settings, source=source)
    readable = [_readable(file, settings, copies) for file in files]
    for original, file in zip(files, readable, strict=True):
        _refuse_unreadable_cells(file, names, source=_name(original.path))
    notes = (
        [note for file in files for note in file.notes]
        if len(files) == 1
        else [f"{_name(file.path)}: {note}" for file in files for note in file.notes]
    )
    return CustomerInput(
        source=source,
        paths=tuple(paths),
        header=files[0].header,
        column_names=names,
        columns=columns,
        relation=_csv_relation(readable, names),
        source_row=_COUNTED_ROW,
        has_surplus_column=True,
        csv_files=tuple(readable),
        notes=(*found.notes, *notes),
    )


def _source(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return _name(paths[0])
    return f"{_name(paths[0])} and {len(paths) - 1:,} more"


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


def _unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """Name the columns as the engine can: none blank, none twice, case ignored."""
    taken = {name.casefold() for name in _RESERVED_NAMES}
    names = []
    for position, text in enumerate(header, start=1):
        wanted = text if text.strip() else f"column_{position}"
        name, number = wanted, 2
        while name.casefold() in taken:
            name, number = f"{wanted} ({number})", number + 1
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _readable(file: CsvFile, settings: ColumnSettings, copies: Path) -> CsvFile:
    if file.encoding in ENGINE_ENCODINGS:
        return file
    source = _name(file.path)
    copy = copy_as_utf_8(file, copies, source=source)
    return inspect_csv(copy, settings, source=source)


def _csv_relation(files: Sequence[CsvFile], names: Sequence[str]) -> str:
    def form(file: CsvFile) -> tuple[object, ...]:
        return (
            file.delimiter,
            file.encoding,
            file.is_gzip,
            file.n_lines_before_header,
            file.n_quotes > 0,
            file.longest_line > _USUAL_LINE,
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
    paths = ", ".join(_path_literal(file.path) for file in files)
    options = {
        "auto_detect": "false",
        "header": "true",
        "skip": str(form.n_lines_before_header),
        "delim": quote_text(form.delimiter),
        "quote": "'\"'",
        "escape": "'\"'",
        "encoding": quote_text(form.encoding),
        "compression": "'gzip'" if form.is_gzip else "'none'",
        # A short row is padded, a long one is cut: both stay rows.
        "null_padding": "true",
        "strict_mode": "false",
        "columns": _text_columns((*names, SURPLUS_COLUMN)),
        # The parallel reader refuses line breaks within quotes.
        "parallel": "false" if form.n_quotes else "true",
    }
    if form.longest_line > _USUAL_LINE:
        options["max_line_size"] = str(_LONGEST_LINE)
    options.update(changes or {})
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv([{paths}], {listed})"


def _text_columns(names: Sequence[str]) -> str:
    types = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    return f"{{{types}}}"


def _path_literal(path: Path) -> str:
    """Return a path as the engine reads it, where brackets and stars are patterns."""
    escaped = re.sub(r"([*?\[{])", r"[\1]", str(path.absolute()))
    return quote_text(escaped)


def _refuse_unreadable_cells(
    file: CsvFile, names: Sequence[str], *, source: str
) -> None:
    if file.longest_line > _LONGEST_LINE:
        raise InputError(
            f"{source} has a line of {file.longest_line:,} bytes; at most "
            f"{_LONGEST_LINE:,} are read. Is a line break missing?"
        )
    with duckdb.connect() as connection:
        _refuse_broken_quotes(connection, file, names, source)
        call = _csv_call([file], names)
        try:
            n_rows, n_long = connection.execute(
                f"select count(*), count({SURPLUS_COLUMN}) "  # noqa: S608
                f"from (select * from {call} limit {_SAMPLED_ROWS})"
            ).fetchall()[0]
        except duckdb.Error as error:
            raise InputError(
                f"{source} cannot be read: {_first_lines(error)}"
            ) from None
    if n_long and 2 * n_long > n_rows:
        raise InputError(
            f"{source}: {n_long:,} of the first {n_rows:,} rows have more cells than "
            f"the header has columns ({len(names)}), so their values stand under the "
            "wrong names. Write one header cell per column."
        )


def _refuse_broken_quotes(
    connection: duckdb.DuckDBPyConnection,
    file: CsvFile,
    names: Sequence[str],
    source: str,
) -> None:
    """Refuse a quote that is not closed: the rows after it would end in one cell."""
    is_odd = file.n_quotes % 2 == 1
    is_small = file.path.stat().st_size <= _LARGEST_CHECKED_SIZE
    if not file.n_quotes or not (is_small or is_odd):
        return
    # Only the parallel reader finds a quote left open at the end of the file. It takes
    # either short rows or line breaks within quotes; where it takes neither, the rows
    # that break the rules are listed, and an odd number of quotes decides.
    strict = {"strict_mode": "true", "parallel": "true"}
    line: int | None = None
    for changes in (
        strict,
        {**strict, "null_padding": "false", "columns": _text_columns(names)},
    ):
        call = _csv_call([file], names, changes)
        try:
            connection.execute(f"select count(*) from {call}").fetchall()  # noqa: S608
        except duckdb.Error as error:
            found = re.search(r"Line: (\d+)", str(error))
            if found and "unterminated quote" in str(error):
                line = int(found.group(1))
                break
        else:
            return
    line = line or _first_rejected_quote(connection, file, names)
    if line or is_odd:
        place = f" in line {line:,}" if line else ""
        raise InputError(
            f"{source}: a quote{place} is opened and not properly closed, so the file "
            "may be cut off, and where its rows end is unclear. Close it, or double a "
            "quote that belongs to a value."
        )


def _first_rejected_quote(
    connection: duckdb.DuckDBPyConnection, file: CsvFile, names: Sequence[str]
) -> int | None:
    changes = {"strict_mode": "true", "ignore_errors": "true", "store_rejects": "true"}
    call = _csv_call([file], names, changes)
    try:
        connection.execute(f"select count(*) from {call}").fetchall()  # noqa: S608
        lines = connection.execute(
            "select min(line) from reject_errors where error_type = 'UNQUOTED VALUE'"
        ).fetchall()
    except duckdb.Error:
        # Mixed line ends, too, are more than the strict reader takes.
        return None
    return None if lines[0][0] is None else int(lines[0][0])


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shorten(" ".join(lines[:3]), limit=300)


def _inspect_parquet_files(
    paths: Sequence[Path], settings: ColumnSettings
) -> CustomerInput:
    source = _source(paths)
    headers: list[tuple[str, ...]] = []
    types: list[dict[str, str]] = []
    n_rows: list[int] = []
    with duckdb.connect() as connection:
        for path in paths:
            call = _parquet_call([path])
            try:
                described = connection.execute(
                    f"describe select * from {call}"  # noqa: S608
                )
                kinds = {str(row[0]): str(row[1]) for row in described.fetchall()}
                counted = connection.execute(
                    f"select count(*) from {call}"  # noqa: S608
                ).fetchall()
            except duckdb.Error as error:
                raise InputError(
                    f"{_name(path)} cannot be read as Parquet: {_first_lines(error)}"
                ) from None
            headers.append(tuple(kinds))
            types.append(kinds)
            n_rows.append(int(counted[0][0]))
    _refuse_different_headers(paths, headers)
    columns = recognise_columns(headers[0], settings, source=source)
    for path, kinds in zip(paths, types, strict=True):
        for name, column in columns.columns.items():
            if _NESTED_TYPES.search(kinds[column]):
                raise InputError(
                    f"{_name(path)}: the column {shorten(column)}, read as {name}, is "
                    f"of type {shorten(kinds[column])}; it must be a number or text."
                )
    if not any(n_rows):
        raise InputError(f"{source} has columns but no rows.")
    return CustomerInput(
        source=source,
        paths=tuple(paths),
        header=headers[0],
        column_names=headers[0],
        columns=columns,
        relation=_parquet_call(paths),
        source_row=_parquet_row(headers[0], n_rows),
        has_surplus_column=False,
        csv_files=(),
        notes=columns.notes,
    )


def _parquet_row(header: Sequence[str], n_rows: Sequence[int]) -> str:
    """Return the row's number over all files, which any thread can tell."""
    if {"file_index", "file_row_number"} & {name.casefold() for name in header}:
        return _COUNTED_ROW
    firsts = ", ".join(map(str, accumulate(n_rows[:-1], initial=1)))
    return f"[{firsts}][cast(file_index as bigint) + 1] + file_row_number"


def _parquet_call(paths: Sequence[Path]) -> str:
    literals = ", ".join(map(_path_literal, paths))
    return (
        f"read_parquet([{literals}], union_by_name = true, hive_partitioning = false)"
    )


def _reason_against_seed(path: Path, settings: ColumnSettings) -> str:
    """Return what dbt's loader would stumble over, or an empty text."""
    if _is_parquet(path):
        return "it is Parquet"
    file = inspect_csv(path, settings, source=_name(path))
    repeated = _repeated([name.casefold() for name in file.header if name.strip()])
    reasons = [
        (file.is_gzip, "it is compressed"),
        (file.encoding != "utf-8", f"it is written in {file.encoding}"),
        (
            file.delimiter != ",",
            f"its columns are separated by a {DELIMITERS[file.delimiter]}",
        ),
        (
            file.n_lines_before_header > 0,
            f"{file.n_lines_before_header} lines stand above its header",
        ),
        (bool(repeated), f"it has the column {shorten(repeated)} twice"),
    ]
    for holds, reason in reasons:
        if holds:
            return reason
    return _row_against_seed(path, file)


def _repeated(names: Sequence[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "")


def _row_against_seed(path: Path, file: CsvFile) -> str:
    # dbt parses a seed with Python's reader before the engine loads it, so what stops
    # that reader is found with it.
    n_columns = len(file.header)
    with path.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        try:
            for row in rows:
                if row and len(row) != n_columns:
                    return (
                        f"line {rows.line_num:,} has {len(row)} cells and the header "
                        f"has {n_columns} columns"
                    )
        except csv.Error as error:
            return f"line {rows.line_num + 1:,} cannot be parsed ({error})"
    names = [f"c{position}" for position in range(n_columns)]
    columns = ", ".join(f"{name} varchar" for name in names)
    compared = names[:_COMPARED_COLUMNS]
    cells = ", ".join(f"coalesce({name}, '')" for name in compared)
    checksum = f"select count(*), sum(hash({cells}))"
    call = _csv_call([file], names)
    with duckdb.connect() as connection:
        connection.execute(f"create table loaded ({columns})")
        try:
            connection.execute(
                f"copy loaded from {quote_text(str(path.absolute()))} "
                "(format csv, header true, delimiter ',')"
            )
        except duckdb.Error:
            return "its line ends are mixed, or its quotes ambiguous"
        loaded = connection.execute(f"{checksum} from loaded").fetchall()
        read = connection.execute(f"{checksum} from {call}").fetchall()
    return "" if loaded == read else "its quotes are ambiguous"
