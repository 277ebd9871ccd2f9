"""Open files of orders: which columns they have, and how their dates are written.

DuckDB reads the files; nothing of a row comes to Python but a few samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import duckdb
import yaml

from mall_segments.errors import InputError
from mall_segments.intake.csv_files import csv_relation
from mall_segments.intake.files import find_files, refusing_broken_files, source_name
from mall_segments.intake.number_formats import (
    PLAIN,
    counts_thousands,
    detect_number_format,
    is_odd_sql,
    number_sql,
    text_sql,
)
from mall_segments.intake.opening import (
    are_parquet,
    delimiter_of,
    parquet_call,
    read_texts,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.orders.columns import known_columns, recognise_order_columns
from mall_segments.publishing.tables import quote_identifier
from mall_segments.scoring.assignment import render
from mall_segments.settings import parse_settings
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mall_segments.intake.csv_files import Copy
    from mall_segments.settings import Settings

ColumnType = Literal["text", "integer", "float", "moment"]
DateFormat = Literal["iso", "day_first", "month_first", "compact"]

_NUMBERS: Final = ("amount", "quantity", "unit_price")
_SAMPLED: Final = 20_000
_SHOWN: Final = 3
# The cells of rows that are too long.
_SURPLUS: Final = "surplus_cells"
_TIME: Final = r"\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?"
_SEPARATED: Final = rf"^\d{{1,2}}[/.-]\d{{1,2}}[/.-](\d{{4}}|\d{{2}})(\s+{_TIME})?$"
_COMPACT: Final = r"^(19|20)\d{6}$"
_DATE: Final = "trim(CAST(ordered_at AS varchar))"
_LAST_MONTH: Final = 12


# Copies of files that the engine cannot read exist as long as these do.
_OPENED: Final[list[OpenedOrders]] = []


@dataclass(frozen=True)
class OpenedOrders:
    """Orders as SQL can read them.

    ``relation`` is a selection of the canonical columns as they are, ``columns`` what
    the values of each are, ``headers`` their headers in the file. ``numbers`` is the
    SQL of each number that is text, ``date_format`` how a moment that is text is
    written. ``copies`` are what the relation reads in the place of files that the
    engine cannot; they are gone with this object.
    """

    source: str
    relation: str
    columns: Mapping[str, ColumnType]
    headers: Mapping[str, str]
    copies: tuple[Copy, ...]
    numbers: Mapping[str, str] = field(default_factory=dict)
    date_format: DateFormat = "iso"
    notes: tuple[str, ...] = ()


def describe_orders(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell SQL how to read the orders that ``orders_path`` names.

    The request has ``settings`` (the vars, as a mapping or as YAML); where the engine
    opens the files itself, also ``relation`` and ``header`` (column to type of value).
    """
    given = request.get("settings", {})
    settings = parse_settings(
        yaml.safe_load(given) if isinstance(given, str) else given
    )
    header = request.get("header")
    if header is not None:
        found = recognise_order_columns(list(header), settings.orders.columns)
        selected = ", ".join(
            f"`{column.replace('`', '``')}` as {name}" for name, column in found.items()
        )
        return {
            "relation": f"(select {selected} from {request['relation']})",  # noqa: S608
            "columns": {name: header[column] for name, column in found.items()},
            "numbers": {
                name: render("reading.sql", "plain_number", name, "spark")
                for name in _NUMBERS
            },
            "date_format": _format_of_setting(day_first=settings.orders.day_first),
            "notes": [],
        }
    # A connection of its own: the one that asks is within a query.
    with duckdb.connect() as connection:
        opened = open_orders(connection, str(settings.orders_path), settings)
    _OPENED.append(opened)
    fields = ("relation", "columns", "numbers", "date_format", "notes")
    return {name: getattr(opened, name) for name in fields}


def open_orders(
    connection: duckdb.DuckDBPyConnection, path: str, settings: Settings
) -> OpenedOrders:
    """Find out how to read files of orders, or why they are none."""
    files = find_files(path)
    source = source_name(files)
    with refusing_broken_files(source):
        reader, copies, delimiter = _reader(connection, files, settings)
        rows = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()  # noqa: S608
        types = {str(row[0]): str(row[1]) for row in rows}
        header = [name for name in types if not name.startswith(_SURPLUS)]
        found = recognise_order_columns(header, settings.orders.columns, source=source)
        selected = ", ".join(
            f"{_moment(column, types[column])} AS {name}"
            for name, column in found.items()
        )
        opened = OpenedOrders(
            source,
            relation=f"(SELECT {selected} FROM {reader})",  # noqa: S608
            columns={name: _kind(types[column]) for name, column in found.items()},
            headers=found,
            copies=copies,
        )
        if not _samples(connection, opened, "true"):
            raise InputError(
                f"{source} holds no order: there is no row below the header."
            )
        opened = _with_numbers(connection, opened, settings, delimiter)
        if opened.columns["ordered_at"] == "moment":
            return opened
        return _with_date_format(connection, opened, settings)


def _format_of_setting(*, day_first: bool | None) -> DateFormat:
    """Return the format of dates that nobody has looked at."""
    if day_first is None:
        return "iso"
    return "day_first" if day_first else "month_first"


def _reader(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], settings: Settings
) -> tuple[str, tuple[Copy, ...], str]:
    """Return the SQL that reads the files, the copies it reads, and the delimiter."""
    if are_parquet(paths):
        return parquet_call(paths), (), ""
    known = known_columns(settings.orders.columns, encoding=settings.encoding)
    files = read_texts(connection, paths, known)
    if not any(file.has_rows for file in files):
        raise InputError(f"{source_name(paths)} holds no order: it has only a header.")
    names = unique_names([*files[0].rows[0], _SURPLUS], ())
    copies = tuple(file.copy for file in files if file.copy)
    return csv_relation(files, names), copies, delimiter_of(files)


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
    return f"{quote_identifier(column)}{zone}"


def _with_numbers(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    settings: Settings,
    delimiter: str,
) -> OpenedOrders:
    """Find out how money and counts are written, as for the numbers of customers."""
    is_set = settings.numbers.decimal or settings.numbers.thousands
    numbers: dict[str, str] = {}
    notes: list[str] = []
    for name in _NUMBERS:
        if opened.columns.get(name) != "text":
            continue
        header, value = opened.headers[name], f"try_cast({name} AS double)"
        form = PLAIN
        # Only where a cast makes no number is the text looked at, which costs more.
        is_other = f"CASE WHEN {value} IS NULL THEN {text_sql(name)} IS NOT NULL END"
        ((n_values, n_odd),) = connection.execute(
            f"SELECT count({value}) + count(*) FILTER ({is_other}), "  # noqa: S608
            f"count(*) FILTER ({is_other} OR {is_odd_sql(name, value)}) "
            f"FROM {opened.relation}"
        ).fetchall()
        if is_set or n_odd:
            form = detect_number_format(
                connection,
                opened.relation,
                name,
                shown=f"{opened.source}: {shorten(header)}",
                numbers=settings.numbers,
                delimiter=delimiter,
                in_thousands=counts_thousands(header),
            )
        if form.is_noted:
            notes.append(
                f"{opened.source}: numbers of {shorten(header)} are read with {form}."
            )
        numbers[name] = number_sql(text_sql(name), form)
        is_number = f"{numbers[name]} IS NOT NULL"
        is_needed = name == "amount" or "amount" not in opened.columns
        if is_needed and n_values and not _samples(connection, opened, is_number):
            is_text = f"{text_sql(name)} IS NOT NULL"
            shown = _samples(connection, opened, is_text, column=name)
            raise InputError(
                f"{opened.source}: no value of the column {shorten(header)} is a "
                f"number: {shown}. Name another column in `orders.columns.{name}`, or "
                "say how numbers are written in `numbers`."
            )
    return replace(opened, numbers=numbers, notes=tuple(notes))


def _with_date_format(
    connection: duckdb.DuckDBPyConnection, opened: OpenedOrders, settings: Settings
) -> OpenedOrders:
    """Tell how dates are written from how most of the first thousands are."""
    ((iso, separated, compact),) = connection.execute(
        f"SELECT count(try_cast(t AS timestamp)), "  # noqa: S608
        f"count(*) FILTER (regexp_matches(t, '{_SEPARATED}')), "
        f"count(*) FILTER (regexp_matches(t, '{_COMPACT}')) FROM "
        f"(SELECT {_DATE} AS t FROM {opened.relation} LIMIT {_SAMPLED})"
    ).fetchall()
    if not iso + separated + compact:
        shown = _samples(connection, opened, f"{_DATE} <> ''", column="ordered_at")
        raise InputError(
            f"{opened.source}: no value of the column "
            f"{shorten(opened.headers['ordered_at'])} is a date that is "
            f"understood: {shown or 'all are blank'}. Allowed: 2010-12-09, "
            "2010-12-09 20:01:00, 20101209, 9/12/2010 and 12/9/2010."
        )
    if iso >= separated and iso >= compact:
        return opened
    if compact > separated:
        return replace(opened, date_format="compact")
    return _with_separated_format(connection, opened, settings)


def _with_separated_format(
    connection: duckdb.DuckDBPyConnection, opened: OpenedOrders, settings: Settings
) -> OpenedOrders:
    """Tell whether 3/4/2010 is in April or in March from all dates of the files."""
    largest = [
        f"coalesce(max(try_cast(regexp_extract({_DATE}, "
        rf"'^(\d{{1,2}})[/.-](\d{{1,2}})[/.-]', {at}) AS integer)), 0)"
        for at in (1, 2)
    ]
    ((first, second),) = connection.execute(
        f"SELECT {', '.join(largest)} FROM {opened.relation}"  # noqa: S608
    ).fetchall()
    source, column = opened.source, shorten(opened.headers["ordered_at"])
    day_first = settings.orders.day_first
    if first > _LAST_MONTH and second > _LAST_MONTH:
        raise InputError(
            f"{source}: some dates of the column {column} have the day first and some "
            f"the month: the largest first number is {first} and the largest second "
            f"one is {second}. Write them as 2010-12-09."
        )
    if max(first, second) > _LAST_MONTH:
        found = first > _LAST_MONTH
    elif day_first is not None:
        found = day_first
    else:
        shown = _samples(connection, opened, f"{_DATE} <> ''", column="ordered_at")
        raise InputError(
            f"{source}: the dates of the column {column} could have the day or the "
            f"month first: {shown}. Set `orders.day_first` to true if 03/04/2010 is "
            "3 April, or to false if it is 4 March."
        )
    if day_first is not None and found != day_first:
        which, number = ("first", first) if found else ("second", second)
        raise InputError(
            f"`orders.day_first` is {str(day_first).lower()}, but in the column "
            f"{column} of {source} the {which} number goes up to {number}, so it is "
            "the day. Remove the setting."
        )
    note = (
        f"{source}: dates of {column} are read with the "
        f"{'day' if found else 'month'} first."
    )
    return replace(
        opened,
        date_format=_format_of_setting(day_first=found),
        notes=opened.notes if day_first is not None else (*opened.notes, note),
    )


def _samples(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedOrders,
    condition: str,
    *,
    column: str = "1",
) -> str:
    rows = connection.execute(
        f"SELECT {column} FROM {opened.relation} WHERE {condition} LIMIT {_SHOWN}"  # noqa: S608
    ).fetchall()
    return ", ".join(shorten(row[0], 40) for row in rows)
