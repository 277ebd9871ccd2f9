"""Open files of orders: which columns they have, and how their dates are written.

DuckDB reads the files; nothing of a row comes to Python but a few samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import KnownColumns
from mall_segments.intake.csv_files import (
    Copy,
    CsvFile,
    copy_plainly,
    inspect_csv,
    read_rows,
)
from mall_segments.intake.relations import (
    csv_relation,
    file_name,
    find_files,
    first_lines,
    has_odd_quotes,
    is_parquet,
    parquet_call,
    refuse_different_headers,
    source_name,
    system_error,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.orders.columns import SPELLINGS, recognise_order_columns
from mall_segments.settings import CustomerIdColumn, Feature
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mall_segments.settings import Settings

ColumnType = Literal["text", "integer", "float", "moment"]
DateFormat = Literal["iso", "day_first", "month_first", "compact"]

_SAMPLED: Final = 20_000
_SHOWN: Final = 3
# The cells of rows that are too long.
_SURPLUS: Final = "surplus_cells"
_TIME: Final = r"\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?"
_SEPARATED: Final = rf"^\d{{1,2}}[/.-]\d{{1,2}}[/.-](\d{{4}}|\d{{2}})(\s+{_TIME})?$"
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
    copies : tuple of Copy
        What the relation reads in the place of files that the engine cannot; gone with
        this object.
    """

    relation: str
    columns: Mapping[str, ColumnType]
    date_format: DateFormat
    headers: Mapping[str, str]
    notes: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()


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
    files = find_files(path)
    source = source_name(files)
    try:
        reader, copies = _reader(connection, files, settings)
    except OSError as error:
        raise InputError(system_error(error, files[0])) from None
    types = _columns(connection, reader, source)
    header = [name for name in types if not name.startswith(_SURPLUS)]
    found = recognise_order_columns(header, settings.orders.columns, source=source)
    columns = {name: _kind(types[column]) for name, column in found.items()}
    selected = ", ".join(
        f"{_moment(column, types[column])} AS {name}" for name, column in found.items()
    )
    relation = f"(SELECT {selected} FROM {reader})"  # noqa: S608
    opened = OpenedOrders(relation, columns, "iso", found, copies=copies)
    _refuse_empty(connection, opened, source)
    _refuse_wordy_numbers(connection, opened, settings, source)
    if columns["ordered_at"] == "moment":
        return opened
    date_format, notes = _date_format(connection, opened, settings, source)
    return replace(opened, date_format=date_format, notes=notes)


def date_format_of_setting(day_first: bool | None) -> DateFormat:  # noqa: FBT001
    """Return the format of dates that nobody has looked at."""
    if day_first is None:
        return "iso"
    return "day_first" if day_first else "month_first"


def _reader(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], settings: Settings
) -> tuple[str, tuple[Copy, ...]]:
    """Return the SQL that reads the files, and the copies it reads instead of them."""
    kinds = {is_parquet(file) for file in files}
    if len(kinds) > 1:
        raise InputError(
            f"The orders are CSV and Parquet files ({files[0].name}, …, "
            f"{files[-1].name}); a pattern names files of one format."
        )
    if kinds == {True}:
        return parquet_call(files), ()
    known = KnownColumns(
        customer_id=CustomerIdColumn(aliases=SPELLINGS["customer_id"]),
        columns=[
            Feature.model_construct(
                name=name,
                aliases=(*settings.orders.columns.get(name, ()), *spellings),
            )
            for name, spellings in SPELLINGS.items()
            if name != "customer_id"
        ],
    )
    opened = [_open_csv(connection, file, known, settings) for file in files]
    headers = [file.rows[0] for file, _ in opened]
    refuse_different_headers(files, headers)
    if not any(file.has_rows for file, _ in opened):
        raise InputError(f"{source_name(files)} holds no order: it has only a header.")
    names = unique_names([*headers[0], _SURPLUS], ())
    reader = csv_relation([file for file, _ in opened], names)
    return reader, tuple(copy for _, copy in opened if copy)


def _open_csv(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    known: KnownColumns,
    settings: Settings,
) -> tuple[CsvFile, Copy | None]:
    """Return a file as the engine reads it, and its copy where it cannot read it."""
    source = file_name(path)
    file = inspect_csv(path, known, source=source, encoding=settings.encoding)
    if file.is_plain and not (file.has_quotes and has_odd_quotes(connection, file)):
        return file, None
    plain, copy = copy_plainly(read_rows(file, source=source), len(file.rows[0]))
    return replace(plain, rows=file.rows, has_rows=file.has_rows), copy


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
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise _unreadable(source, error) from None
    return tuple(rows[0])


def _unreadable(source: str, error: duckdb.Error) -> InputError:
    return InputError(f"{source} cannot be read: {first_lines(error)}")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
