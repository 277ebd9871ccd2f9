"""Count in one pass what the columns of a file hold, and how they write numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mall_segments.intake.number_formats import (
    detect_number_format,
    is_grouped_sql,
    odd_counts_sql,
)
from mall_segments.intake.number_marks import counts_thousands
from mall_segments.intake.strange_files import unique_names
from mall_segments.publishing.tables import quote_identifier
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from mall_segments.intake.opening import OpenedColumn, OpenedCustomers
    from mall_segments.settings import Feature, Numbers

LARGEST_PLAIN: Final = 1e3


@dataclass(frozen=True)
class NumberFacts:
    """What a column of numbers holds: counts, and what they spread over.

    What comes after the largest number is counted only where something looks odd.
    """

    n_values: int
    n_numbers: int
    minimum: float | None
    maximum: float | None
    n_outside: int = 0
    n_fractions: int = 0
    mean: float | None = None
    deviation: float | None = None
    example: str | None = None
    n_odd: int = 0
    n_miscast: int = 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """How many rows a file has, how many too long ones, and what its numbers are."""

    n_rows: int = 0
    n_long: int = 0
    numbers: Mapping[str, NumberFacts] = field(default_factory=dict)


def read_facts(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
) -> Facts:
    """Count what the rows hold, in one pass where nothing looks odd."""
    surplus = opened.surplus_column
    # Columns that are only copied are decoded, too: damaged files are found here.
    others = [
        f"max({quote_identifier(column.column)})"
        for name, column in opened.columns.items()
        if name not in features and column.column
    ]
    rows = ["count(*)", f"count({quote_identifier(surplus)})" if surplus else "0"]
    (n_rows, n_long, *_), quick = _aggregate(
        connection, opened, features, _first_counts, [*rows, *others]
    )
    odd = {
        name: feature
        for name, feature in features.items()
        if _looks_odd(feature, *quick[name])
    }
    numbers = {name: NumberFacts(*counts[:4]) for name, counts in quick.items()}
    if odd:
        _, found = _aggregate(connection, opened, odd, _all_counts, [])
        numbers |= {name: NumberFacts(*counts) for name, counts in found.items()}
    return Facts(n_rows=n_rows, n_long=n_long, numbers=numbers)


def _aggregate(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
    counts: Callable[[OpenedColumn, str, Feature], list[str]],
    others: Sequence[str],
) -> tuple[Sequence[Any], dict[str, Sequence[Any]]]:
    """Return the values of other aggregates over the rows, and those by feature."""
    wanted = [f"value_{at}" for at in range(len(features))]
    names = map(quote_identifier, unique_names(wanted, opened.column_names))
    values, parts, places = [], [*others], {}
    for value, (name, feature) in zip(names, features.items(), strict=True):
        column = opened.columns[name]
        values.append(f"{column.number_sql} as {value}")
        start = len(parts)
        parts += counts(column, value, feature)
        places[name] = slice(start, len(parts))
    row = connection.execute(
        f"select {', '.join(parts)} "  # noqa: S608
        f"from (select {', '.join([*values, '*'])} from {opened.relation})"
    ).fetchall()[0]
    return row[: len(others)], {name: row[place] for name, place in places.items()}


def _first_counts(column: OpenedColumn, value: str, _feature: Feature) -> list[str]:
    """Return what a clean column needs: values, numbers, limits, oddities."""
    cell = quote_identifier(column.column)
    may_be_grouped = f"contains({cell}, '.') and {is_grouped_sql(cell)}"
    suspects = f"({may_be_grouped}) or contains({cell}, '_')"
    return [
        # Only where there is no number is the text looked at, which costs more.
        f"count({value}) + count(case when {value} is null then {column.text_sql} end)",
        f"count({value})",
        f"min({value})",
        f"max({value})",
        f"count(*) filter (where {suspects})" if column.kind == "text" else "0",
    ]


def _looks_odd(
    feature: Feature,
    n_values: int,
    n_numbers: int,
    minimum: float | None,
    maximum: float | None,
    n_suspects: int,
) -> bool:
    if n_values != n_numbers or n_suspects or minimum is None or maximum is None:
        return True
    least = 0 if feature.minimum is None else max(feature.minimum, 0)
    most = LARGEST_PLAIN if feature.maximum is None else feature.maximum
    return not (least <= minimum and 1 < maximum <= most)


def _all_counts(column: OpenedColumn, value: str, feature: Feature) -> list[str]:
    """Return the aggregates that make `NumberFacts`, in their order."""
    limits = [
        f"{value} {sign} {limit!r}"
        for sign, limit in (("<", feature.minimum), (">", feature.maximum))
        if limit is not None
    ]
    is_outside = " or ".join(limits) or "false"
    # One huge value must not overflow the sum of squares.
    moderate = f"case when abs({value}) < 1e100 then {value} end"
    odd = odd_counts_sql(quote_identifier(column.column), value)
    return [
        *_first_counts(column, value, feature)[:4],
        f"count(*) filter (where {is_outside})",
        f"count(*) filter (where {value} <> trunc({value}))",
        f"avg({moderate})",
        f"stddev_pop({moderate})",
        f"min(case when {value} is null or {is_outside} then {column.text_sql} end)",
        *(odd if column.kind == "text" else ("0", "0")),
    ]


def with_number_formats(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
    facts: Facts,
    *,
    numbers: Numbers | None,
    delimiter: str,
) -> OpenedCustomers:
    """Find out how each column writes numbers, where a cast would not do."""
    columns = dict(opened.columns)
    for name, feature in features.items():
        column, found = columns[name], facts.numbers[name]
        if column.kind == "text":
            form = detect_number_format(
                connection,
                opened.relation,
                quote_identifier(column.column),
                shown=f"{opened.source}: {shorten(column.column)}",
                odd_counts=(found.n_odd, found.n_miscast),
                numbers=numbers,
                delimiter=delimiter,
                in_thousands=counts_thousands(feature.unit or feature.name),
            )
            columns[name] = replace(column, numbers=form)
    return replace(opened, columns=columns)
