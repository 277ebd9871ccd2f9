"""Count in one pass what the columns of a file hold, and how they write numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from mall_segments.intake.number_formats import (
    choose_format,
    is_grouped_sql,
    odd_counts_sql,
    read_shapes,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.intake.units import counts_thousands
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
    """What the rows of a file hold; ``n_ids`` counts different ids, roughly."""

    n_rows: int
    n_long: int
    n_ids: int
    numbers: Mapping[str, NumberFacts]


def read_facts(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
) -> Facts:
    """Count what the rows hold, in one pass where nothing looks odd."""
    surplus = opened.surplus_column
    id_column = opened.columns.get("customer_id")
    id_name = id_column.column if id_column else ""
    # Columns that are only copied are decoded, too: damaged files are found here.
    others = [
        f"count({quote_identifier(column.column)})"
        for name, column in opened.columns.items()
        if name not in features and column.column
    ]
    parts = [
        "count(*)",
        f"count({quote_identifier(surplus)})" if surplus else "0",
        f"approx_count_distinct({quote_identifier(id_name)})" if id_name else "0",
    ]
    columns = [(opened.columns[name], feature) for name, feature in features.items()]
    row = _aggregate(connection, opened, columns, _first_counts, [*parts, *others])
    quick = dict(
        zip(features, _parted(row[len(parts) + len(others) :], 5), strict=True)
    )
    odd = [name for name in features if _looks_odd(features[name], *quick[name])]
    numbers = {name: NumberFacts(*quick[name][:4]) for name in features}
    if odd:
        found = _aggregate(
            connection,
            opened,
            [(opened.columns[name], features[name]) for name in odd],
            _all_counts,
            [],
        )
        size = len(NumberFacts.__dataclass_fields__)
        for name, each in zip(odd, _parted(found, size), strict=True):
            numbers[name] = NumberFacts(*each)
    return Facts(n_rows=row[0], n_long=row[1], n_ids=row[2], numbers=numbers)


def _aggregate(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    columns: Sequence[tuple[OpenedColumn, Feature]],
    counts: Callable[[OpenedColumn, str, Feature], list[str]],
    others: Sequence[str],
) -> Sequence[Any]:
    """Return aggregates over the rows, the others first."""
    wanted = [f"value_{at}" for at in range(len(columns))]
    names = map(quote_identifier, unique_names(wanted, opened.column_names))
    values, parts = [], [*others]
    for name, (column, feature) in zip(names, columns, strict=True):
        values.append(f"{column.number_sql} as {name}")
        parts += counts(column, name, feature)
    row: Sequence[Any] = connection.execute(
        f"select {', '.join(parts)} "  # noqa: S608
        f"from (select {', '.join([*values, '*'])} from {opened.relation})"
    ).fetchall()[0]
    return row


def _parted(row: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [row[start : start + size] for start in range(0, len(row), size)]


def _first_counts(column: OpenedColumn, value: str, _feature: Feature) -> list[str]:
    """Return what a clean column needs: values, numbers, limits, oddities."""
    cell = quote_identifier(column.column)
    may_be_grouped = f"contains({cell}, '.') and {is_grouped_sql(cell)}"
    suspects = f"({may_be_grouped}) or contains({cell}, '_')"
    return [
        f"count({value}) + count({_text_without_number(column, value)})",
        f"count({value})",
        f"min({value})",
        f"max({value})",
        f"count(*) filter (where {suspects})" if column.kind == "text" else "0",
    ]


def _text_without_number(column: OpenedColumn, value: str) -> str:
    # Only where there is no number is the text looked at, which costs more.
    return f"case when {value} is null then {column.text_sql} end"


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
    is_set = numbers is not None and bool(numbers.decimal or numbers.thousands)
    for name, feature in features.items():
        column, found = columns[name], facts.numbers[name]
        if column.kind != "text" or not (found.n_odd or found.n_miscast or is_set):
            continue
        shapes = read_shapes(
            connection, opened.relation, quote_identifier(column.column)
        )
        form = choose_format(
            shapes,
            numbers=numbers,
            delimiter=delimiter,
            in_thousands=counts_thousands(feature.unit or feature.name),
            shown=f"{opened.source}: {shorten(column.column)}",
        )
        if found.n_miscast:
            form = replace(form, is_plain=False)
        columns[name] = replace(column, numbers=form)
    return replace(opened, columns=columns)
