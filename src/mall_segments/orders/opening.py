"""Open files of orders: which columns they have, and how their dates are written.

DuckDB reads the files; nothing of a row comes to Python but a few samples.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import duckdb

from mall_segments.errors import InputError
from mall_segments.orders.columns import recognise_order_columns
from mall_segments.wording import plain, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.settings import Settings

ColumnType = Literal["text", "integer", "float", "moment"]
DateFormat = Literal["iso", "day_first", "month_first", "compact"]

_FORMATS: Final = {".csv": "csv", ".gz": "csv", ".txt": "csv", ".tsv": "csv"}
_PARQUET: Final = frozenset({".parquet", ".pq"})
_SAMPLED: Final = 20_000
_SHOWN: Final = 3
_SEPARATED: Final = r"^\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2})(\s.*)?$"
_COMPACT: Final = r"^(19|20)\d{6}$"
_LAST_MONTH: Final = 12


@dataclass(frozen=True)
class OpenedOrders:
    """Orders as SQL can read them.

    Attributes
    ----------
    relation : str
        What follows ``from``: a selection of the canonical columns, as they are.
    columns : mapping of str to str
        Canonical column to what its values are: text, integer, float or moment.
    date_format : str
        How a moment that is text is written: ``iso``, ``day_first``, ``month_first``
        or ``compact`` (20101209).
    headers : mapping of str to str
        Canonical column to its header in the file.
    notes : tuple of str
        Sentences for the user.
    """

    relation: str
    columns: Mapping[str, ColumnType]
    date_format: DateFormat
    headers: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())


def open_orders(
    connection: duckdb.DuckDBPyConnection, path: str, settings: Settings
) -> OpenedOrders:
    """Find out how to read files of orders.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where they are looked at.
    path : str
        A CSV or Parquet file, or a glob of several with the same columns.
    settings : Settings
        Of which ``orders`` (headers and ``day_first``) and ``encoding`` are used.

    Returns
    -------
    OpenedOrders
        The relation, its columns and the format of the dates.

    Raises
    ------
    InputError
        If there is no file, it cannot be read or is empty, a column is missing or
        ambiguous, or it cannot be told how its dates or amounts are written.
    """
    files = _files(path)
    source = files[0].name if len(files) == 1 else f"{path} ({len(files)} files)"
    reader = _reader(connection, files, settings)
    types = _columns(connection, reader, source)
    found = recognise_order_columns(list(types), settings.orders.columns, source=source)
    columns = {name: _kind(types[column]) for name, column in found.items()}
    selected = ", ".join(
        f"{_moment(column, types[column])} AS {name}" for name, column in found.items()
    )
    relation = f"(SELECT {selected} FROM {reader})"  # noqa: S608
    opened = OpenedOrders(relation, columns, "iso", found)
    _refuse_empty(connection, opened, source)
    _refuse_wordy_numbers(connection, opened, settings, source)
    if columns["ordered_at"] == "moment":
        return opened
    date_format, notes = _date_format(connection, opened, settings, source)
    return OpenedOrders(relation, columns, date_format, found, notes)


def date_format_of_setting(day_first: bool | None) -> DateFormat:  # noqa: FBT001
    """Return the format of dates that nobody has looked at."""
    if day_first is None:
        return "iso"
    return "day_first" if day_first else "month_first"


def _files(path: str) -> list[Path]:
    if Path(path).is_file():
        return [Path(path)]
    if Path(path).is_dir():
        raise InputError(
            f"orders_path {shorten(path)} is a folder; name the files in it by a "
            f"pattern such as {path.rstrip('/')}/*.csv."
        )
    files = sorted(Path(name) for name in glob.glob(path, recursive=True))  # noqa: PTH207
    files = [file for file in files if file.is_file()]
    if not files:
        raise InputError(f"orders_path {shorten(path)}: there is no such file.")
    return files


def _format(file: Path) -> str:
    suffix = file.suffix.casefold()
    if suffix in _PARQUET:
        return "parquet"
    if suffix in _FORMATS:
        return _FORMATS[suffix]
    raise InputError(
        f"{file.name} is neither CSV nor Parquet; orders are read from .csv, .csv.gz, "
        ".tsv, .txt, .parquet and .pq."
    )


def _reader(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], settings: Settings
) -> str:
    formats = {_format(file) for file in files}
    if len(formats) > 1:
        raise InputError(
            f"The orders are CSV and Parquet files ({files[0].name}, …, "
            f"{files[-1].name}); a pattern names files of one format."
        )
    if formats == {"parquet"}:
        return f"read_parquet([{', '.join(_literal(file) for file in files)}])"
    _refuse_other_headers(connection, files, settings)
    listed = ", ".join(_literal(file) for file in files)
    return f"read_csv([{listed}], {_csv_options(connection, files[0], settings)})"


def _csv_options(
    connection: duckdb.DuckDBPyConnection, file: Path, settings: Settings
) -> str:
    """Return the dialect of a file, every cell as text."""
    encoding = f", encoding={_text(settings.encoding)}" if settings.encoding else ""
    try:
        sniffed = connection.execute(
            f"SELECT Delimiter, Quote, Escape FROM sniff_csv({_literal(file)}, "  # noqa: S608
            f"all_varchar=true, header=true, sample_size={_SAMPLED}{encoding})"
        ).fetchone()
    except duckdb.Error as error:
        raise _unreadable(file.name, error) from None
    delimiter, quote, escape = sniffed or (",", '"', '"')
    # Where no cell of the sample is quoted, a later one may be.
    marks = {
        "delim": delimiter,
        "quote": quote if len(quote) == 1 and quote != "\0" else '"',
        "escape": escape if len(escape) == 1 and escape != "\0" else '"',
    }
    dialect = ", ".join(f"{name}={_text(mark)}" for name, mark in marks.items())
    # What has too few or too many cells has no customer, date or amount, either.
    return (
        f"header=true, all_varchar=true, {dialect}, null_padding=true, "
        f"strict_mode=false{encoding}"
    )


def _refuse_other_headers(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], settings: Settings
) -> None:
    first: list[str] = []
    for file in files:
        options = _csv_options(connection, file, settings)
        reader = f"read_csv([{_literal(file)}], {options})"
        header = list(_columns(connection, reader, file.name))
        if not first:
            first = header
        elif header != first:
            raise InputError(
                f"{file.name} has the columns {', '.join(map(shorten, header))} where "
                f"{files[0].name} has {', '.join(map(shorten, first))}; files of one "
                "pattern have the same columns in the same order."
            )


def _columns(
    connection: duckdb.DuckDBPyConnection, reader: str, source: str
) -> dict[str, str]:
    try:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise _unreadable(source, error) from None
    return {str(row[0]): str(row[1]) for row in rows}


def _kind(engine_type: str) -> ColumnType:
    name = engine_type.upper()
    if name.startswith(("TIMESTAMP", "DATE")):
        return "moment"
    if name in ("FLOAT", "DOUBLE") or name.startswith("DECIMAL"):
        return "float"
    return "integer" if name.endswith(("INT", "INTEGER")) else "text"


def _moment(column: str, engine_type: str) -> str:
    # Without a zone of its own, a moment would depend on where the build runs.
    zone = " AT TIME ZONE 'UTC'" if "TIME ZONE" in engine_type.upper() else ""
    return f"{_identifier(column)}{zone}"


def _refuse_empty(
    connection: duckdb.DuckDBPyConnection, opened: OpenedOrders, source: str
) -> None:
    if not _samples(connection, opened, "customer_id IS NOT NULL OR true", limit=1):
        raise InputError(f"{source} holds no order: there is no row below the header.")


def _refuse_wordy_numbers(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    settings: Settings,
    source: str,
) -> None:
    """Refuse a column of money or counts in which no cell is a number."""
    decimal = settings.numbers.decimal or "."
    needed = ("amount",) if "amount" in opened.columns else ("quantity", "unit_price")
    for name in needed:
        if opened.columns[name] != "text":
            continue
        number = f"try_cast(translate({name}, ', ''', '') AS double)"
        if decimal == ",":
            number = f"try_cast(translate({name}, ',. ''', '.') AS double)"
        parsed, filled = _one(
            connection,
            f"SELECT count({number}), count(nullif(trim({name}), '')) FROM "  # noqa: S608
            f"(SELECT * FROM {opened.relation} LIMIT {_SAMPLED})",
            source,
        )
        if filled and not parsed:
            shown = _samples(connection, opened, f"trim({name}) <> ''", column=name)
            raise InputError(
                f"{source}: no value of the column {shorten(opened.headers[name])} is "
                f"a number: {shown}. Name another column in `orders.columns.{name}`, "
                "or say how numbers are written in `numbers`."
            )


def _date_format(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    settings: Settings,
    source: str,
) -> tuple[DateFormat, tuple[str, ...]]:
    """Tell how dates are written from how most of the first thousands are."""
    text = "trim(CAST(ordered_at AS varchar))"
    iso, separated, compact = _one(
        connection,
        f"SELECT count(try_cast(t AS timestamp)), "  # noqa: S608
        f"count(*) FILTER (regexp_matches(t, '{_SEPARATED}')), "
        f"count(*) FILTER (regexp_matches(t, '{_COMPACT}')) FROM "
        f"(SELECT {text} AS t FROM {opened.relation} LIMIT {_SAMPLED})",
        source,
    )
    column = opened.headers["ordered_at"]
    if not iso + separated + compact:
        shown = _samples(connection, opened, f"{text} <> ''", column="ordered_at")
        raise InputError(
            f"{source}: no value of the column {shorten(column)} is a date that is "
            f"understood: {shown or 'all are blank'}. Allowed: 2010-12-09, "
            "2010-12-09 20:01:00, 20101209, 9/12/2010 and 12/9/2010."
        )
    if iso >= separated and iso >= compact:
        return "iso", ()
    if compact > separated:
        return "compact", ()
    return _separated_format(connection, opened, settings, source)


def _separated_format(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    settings: Settings,
    source: str,
) -> tuple[DateFormat, tuple[str, ...]]:
    """Tell whether 3/4/2010 is in April or in March from all dates of the files."""
    text = "trim(CAST(ordered_at AS varchar))"
    parts = [
        f"try_cast(regexp_extract({text}, "
        r"'^(\d{1,2})[/.-](\d{1,2})[/.-]', "
        f"{at}) AS integer)"
        for at in (1, 2)
    ]
    first, second = _one(
        connection,
        f"SELECT coalesce(max({parts[0]}), 0), coalesce(max({parts[1]}), 0) "  # noqa: S608
        f"FROM {opened.relation}",
        source,
    )
    column = shorten(opened.headers["ordered_at"])
    shown = _samples(connection, opened, f"{text} <> ''", column="ordered_at")
    day_first = settings.orders.day_first
    if first > _LAST_MONTH and second > _LAST_MONTH:
        raise InputError(
            f"{source}: some dates of the column {column} have the day first and some "
            f"the month: the largest first number is {first} and the largest second "
            f"one is {second}. Write them as 2010-12-09."
        )
    if day_first is None and max(first, second) <= _LAST_MONTH:
        raise InputError(
            f"{source}: the dates of the column {column} could have the day or the "
            f"month first: {shown}. Set `orders.day_first` to true if 03/04/2010 is "
            "3 April, or to false if it is 4 March."
        )
    found = first > _LAST_MONTH if max(first, second) > _LAST_MONTH else day_first
    if day_first is not None and found != day_first:
        which, largest = ("first", first) if found else ("second", second)
        raise InputError(
            f"`orders.day_first` is {str(day_first).lower()}, but in the column "
            f"{column} of {source} the {which} number goes up to {largest}, so it is "
            "the day. Remove the setting."
        )
    word = "day" if found else "month"
    notes = (
        (f"{source}: dates of {column} are read with the {word} first.",)
        if day_first is None
        else ()
    )
    return date_format_of_setting(bool(found)), notes


def _samples(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    condition: str,
    *,
    column: str = "1",
    limit: int = _SHOWN,
) -> str:
    rows = connection.execute(
        f"SELECT {column} FROM {opened.relation} WHERE {condition} LIMIT {limit}"  # noqa: S608
    ).fetchall()
    return ", ".join(shorten(row[0], 40) for row in rows)


def _one(
    connection: duckdb.DuckDBPyConnection, query: str, source: str
) -> tuple[int, ...]:
    try:
        row = connection.execute(query).fetchone()
    except duckdb.Error as error:
        raise _unreadable(source, error) from None
    return tuple(row or ())


def _unreadable(source: str, error: duckdb.Error) -> InputError:
    first = str(error).strip().splitlines()[0]
    return InputError(f"{source} cannot be read: {plain(first, 200)}.")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(file: Path) -> str:
    """Return a path as a pattern that fits this file alone."""
    escaped = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(file))
    return _text(escaped)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
