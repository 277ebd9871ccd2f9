"""What the columns of a file hold, counted by the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import KnownColumns
from mall_segments.intake.files import refusing_broken_files
from mall_segments.intake.number_formats import (
    PLAIN,
    detect_number_format,
    number_sql,
    text_sql,
)
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.publishing.tables import quote_identifier
from mall_segments.settings import CustomerIdColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

_ROWS: Final = 1_000_000
_LEAST_NUMBERS: Final = 0.9
_DATE: Final = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})([ T].*)?"
)
_TABLE: Final = "looked_at"
_FEW: Final = 2


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """What one column holds.

    ``n_far`` counts the numbers beyond three times the range of the middle half, as
    they are or as logarithms, whatever is less skewed.
    """

    header: str
    n_rows: int
    n_missing: int
    n_distinct: int
    levels: tuple[str, ...] = ()
    is_number: bool = False
    is_date: bool = False
    is_whole: bool = False
    minimum: float = 0.0
    maximum: float = 0.0
    skewness: float = 0.0
    n_far: int = 0
    problem: str = ""

    @property
    def n_values(self) -> int:
        """How many cells hold something."""
        return self.n_rows - self.n_missing


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a file holds: its columns in order, and which pairs of numbers correlate."""

    columns: tuple[ColumnFacts, ...]
    correlations: Mapping[tuple[str, str], float]


def look_at(connection: duckdb.DuckDBPyConnection, path: str) -> FileFacts:
    """Count what the columns of a file hold, in up to a million of its rows."""
    nothing = KnownColumns(customer_id=CustomerIdColumn(), columns=())
    opened = open_customers(connection, path, nothing)
    with refusing_broken_files(opened.source):
        return _look_at_all(connection, opened)


def _look_at_all(
    connection: duckdb.DuckDBPyConnection, opened: OpenedCustomers
) -> FileFacts:
    names = ", ".join(map(quote_identifier, opened.column_names))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS "  # noqa: S608 - quoted names
        f"SELECT {names} FROM {opened.relation} LIMIT {_ROWS}"
    )
    described = connection.execute(f"DESCRIBE {_TABLE}").fetchall()
    facts, numbers = [], {}
    for (name, type_, *_), header in zip(described, opened.header, strict=True):
        shown = header if header.strip() else name
        found, number = _look_at_column(connection, name, shown, type_)
        facts.append(found)
        if found.is_number:
            numbers[shown] = number if found.minimum < 0 else f"ln(1 + {number})"
    return FileFacts(
        columns=tuple(facts), correlations=_correlations(connection, numbers)
    )


def _look_at_column(
    connection: duckdb.DuckDBPyConnection, name: str, header: str, type_: str
) -> tuple[ColumnFacts, str]:
    """Count what a column holds; also return SQL for its values as numbers."""
    cell = quote_identifier(name)
    is_text, problem = type_ == "VARCHAR", ""
    text = text_sql(cell if is_text else f"CAST({cell} AS VARCHAR)")
    number = f"try_cast({text if is_text else cell} AS DOUBLE)"
    if is_text:
        try:
            form = detect_number_format(connection, _TABLE, cell, shown=header)
            number = number_sql(cell, form) if form != PLAIN else number
        except InputError as error:
            problem = str(error)
    number = f"CASE WHEN isfinite({number}) THEN {number} END"
    ((n_rows, n_values, n_distinct, n_numbers, n_fractions, n_dates, low, high),) = (
        connection.execute(
            f"""
            SELECT
                count(*), count(text), count(DISTINCT text), count(number),
                count(number) FILTER (WHERE number <> floor(number)),
                count(*) FILTER (WHERE regexp_full_match(text, '{_DATE}')),
                min(number), max(number)
            FROM (SELECT {text} AS text, {number} AS number FROM {_TABLE})
            """  # noqa: S608 - quoted names
        ).fetchall()
    )
    least = max(_LEAST_NUMBERS * n_values, 1)
    is_date = type_.startswith(("DATE", "TIMESTAMP")) or (is_text and n_dates >= least)
    is_number = n_numbers >= least and not is_date
    facts = ColumnFacts(
        header=header,
        n_rows=n_rows,
        n_missing=n_rows - n_values,
        n_distinct=n_distinct,
        levels=() if is_number and n_distinct > _FEW else _levels(connection, text),
        is_date=is_date,
        is_number=is_number,
        problem="" if is_number else problem,
    )
    if not is_number:
        return facts, number
    skewness, n_far = _shape(connection, number, low)
    return replace(
        facts,
        is_whole=not n_fractions,
        minimum=low,
        maximum=high,
        skewness=skewness,
        n_far=n_far,
    ), number


def _shape(
    connection: duckdb.DuckDBPyConnection, number: str, low: float
) -> tuple[float, int]:
    """Return how skewed numbers are, and how many lie far from all others."""
    logarithm = f"ln(1 + {number})" if low >= 0 else number
    ((skewness, n_far),) = connection.execute(
        f"""
        WITH shapes AS (
            SELECT skewness({number}) AS plain, skewness({logarithm}) AS logarithmic
            FROM {_TABLE}
        ),
        scaled AS (
            SELECT plain, if(abs(logarithmic) < abs(plain), {logarithm}, {number}) AS x
            FROM {_TABLE}, shapes
        ),
        limits AS (
            SELECT quantile_cont(x, 0.25) AS low, quantile_cont(x, 0.75) AS high
            FROM scaled
        )
        SELECT coalesce(any_value(plain), 0), count(*) FILTER (
            high > low AND greatest(x - high, low - x) > 3 * (high - low))
        FROM scaled, limits
        """  # noqa: S608
    ).fetchall()
    return skewness, n_far


def _levels(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[str, ...]:
    """Return the texts of a column, the most frequent first, up to 20."""
    rows = connection.execute(
        f"SELECT {text} AS text FROM {_TABLE} GROUP BY text HAVING text IS NOT NULL "  # noqa: S608
        "ORDER BY count(*) DESC, text LIMIT 20"
    ).fetchall()
    return tuple(row[0] for row in rows)


def _correlations(
    connection: duckdb.DuckDBPyConnection, numbers: Mapping[str, str]
) -> dict[tuple[str, str], float]:
    """Return those of pairs of headers, the earlier one first."""
    pairs = list(combinations(numbers, 2))
    if not pairs:
        return {}
    values = ", ".join(f"corr({numbers[one]}, {numbers[two]})" for one, two in pairs)
    (row,) = connection.execute(f"SELECT {values} FROM {_TABLE}").fetchall()  # noqa: S608
    correlations = zip(pairs, row, strict=True)
    return {pair: value for pair, value in correlations if value is not None}
