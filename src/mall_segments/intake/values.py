"""Count what the columns of a file hold, and see by it whether it is what they say.

What no customer file holds is refused in a sentence before any model runs: dollars
where thousands are meant, shares where scores are, no numbers at all, orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.number_formats import (
    counts_thousands,
    detect_number_format,
    has_currency,
    is_odd_sql,
)
from mall_segments.intake.strange_files import unique_names
from mall_segments.publishing.tables import quote_identifier, quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from mall_segments.intake.opening import OpenedColumn, OpenedCustomers
    from mall_segments.settings import Feature, Numbers

_MOST: Final = 0.5
# Half of the values that somebody standardised are negative.
_MANY_OUTSIDE: Final = 0.4
# Different ids are counted roughly first.
_MOST_ROUGHLY: Final = 0.6
_FEW_ROWS: Final = 10
_SHOWN_LEVELS: Final = 5
_LARGEST_PLAIN: Final = 1e3


@dataclass(frozen=True, kw_only=True)
class NumberFacts:
    """What a column of numbers holds.

    ``example`` is a text that is no number, or one outside the feature's limits.
    ``n_odd`` counts what a cast misreads, or reads in one of two ways.
    """

    n_values: int
    n_numbers: int
    n_fractions: int
    n_outside: int
    n_odd: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    example: str | None


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
    """Count in one pass what the rows hold."""
    surplus = opened.surplus_column
    wanted = [f"value_{at}" for at in range(len(features))]
    values = [*map(quote_identifier, unique_names(wanted, opened.column_names))]
    columns = [opened.columns[name] for name in features]
    numbers = [
        f"{column.number_sql} as {value}"
        for column, value in zip(columns, values, strict=True)
    ]
    facts = [
        _facts_sql(column, value, feature)
        for column, value, feature in zip(
            columns, values, features.values(), strict=True
        )
    ]
    # Columns that are only copied are decoded, too: damaged files are found here.
    others = [
        f"max({quote_identifier(column.column)})"
        for name, column in opened.columns.items()
        if name not in features and column.column
    ]
    n_long = f"count({quote_identifier(surplus)})" if surplus else "0"
    row = connection.execute(
        f"select {', '.join(['count(*)', n_long, *facts, *others])} "  # noqa: S608
        f"from (select {', '.join([*numbers, '*'])} from {opened.relation})"
    ).fetchall()[0]
    found = zip(features, row[2:], strict=False)
    return Facts(
        n_rows=row[0],
        n_long=row[1],
        numbers={name: NumberFacts(**each) for name, each in found},
    )


def _facts_sql(column: OpenedColumn, value: str, feature: Feature) -> str:
    """Return the aggregates that make `NumberFacts`."""
    cell = quote_identifier(column.column)
    limits = [
        f"{value} {sign} {limit!r}"
        for sign, limit in (("<", feature.minimum), (">", feature.maximum))
        if limit is not None
    ]
    is_outside = " or ".join(limits) or "false"
    is_odd = is_odd_sql(cell, value)
    aggregates = {
        # Only where there is no number is the text looked at, which costs more.
        "n_values": f"count(case when {value} is not null then '' "
        f"else {column.text_sql} end)",
        "n_numbers": f"count({value})",
        "n_fractions": f"count(*) filter (where {value} <> trunc({value}))",
        "n_outside": f"count(*) filter (where {is_outside})",
        "n_odd": f"count(*) filter (where {is_odd})" if column.kind == "text" else "0",
        "minimum": f"min({value})",
        "maximum": f"max({value})",
        "mean": f"avg({value})",
        "example": f"min(case when {value} is null or {is_outside} "
        f"then {column.text_sql} end)",
    }
    listed = ", ".join(f"'{name}': {sql}" for name, sql in aggregates.items())
    return f"{{{listed}}}"


def with_number_formats(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
    *,
    numbers: Numbers | None,
) -> OpenedCustomers:
    """Find out how each column writes numbers, where a cast would not do."""
    is_set = numbers is not None and (numbers.decimal or numbers.thousands)
    columns = dict(opened.columns)
    for name, feature in features.items():
        column, found = columns[name], opened.facts.numbers[name]
        is_odd = found.n_odd or found.n_numbers < found.n_values
        if column.kind == "text" and (is_odd or is_set):
            form = detect_number_format(
                connection,
                opened.relation,
                quote_identifier(column.column),
                shown=f"{opened.source}: {shorten(column.column)}",
                numbers=numbers,
                delimiter=opened.delimiter,
                in_thousands=counts_thousands(feature.unit or feature.name),
            )
            columns[name] = replace(column, numbers=form)
    return replace(opened, columns=columns)


def check_values(
    opened: OpenedCustomers, features: Mapping[str, Feature], *, is_sealed: bool
) -> None:
    """Refuse columns whose values are not what the feature counts."""
    facts = opened.facts
    if facts.n_long > _MOST * facts.n_rows:
        raise InputError(
            f"{opened.source}: {facts.n_long:,} of {facts.n_rows:,} rows have more "
            f"cells than the header has columns ({len(opened.header)}), so their "
            "values stand under the wrong names. Write one header cell per column."
        )
    for name, feature in features.items():
        column, found = opened.columns[name].column, facts.numbers[name]
        problem = _problem(column, feature, found)
        if not (found.n_values or is_sealed) and facts.n_rows >= _FEW_ROWS:
            problem = (
                f"holds no value in {facts.n_rows:,} rows. Name the right column, or "
                "leave the feature out of `features`."
            )
        if problem:
            raise InputError(
                f"{opened.source}: the column {shorten(column)}, read as {name}, "
                f"{problem}"
            )


def _problem(header: str, feature: Feature, found: NumberFacts) -> str:
    """Say what is wrong with a column of numbers; nothing if it is as it should be."""
    if found.n_values and not found.n_numbers:
        return (
            f"holds no number in {found.n_values:,} values, for example "
            f"{shorten(found.example)}. Name the right column, or say how numbers are "
            "written by the setting `numbers`."
        )
    unit = feature.unit or feature.name
    many = _MOST if found.n_numbers < _FEW_ROWS else _MANY_OUTSIDE
    is_outside = found.n_outside > many * found.n_numbers
    least, most = feature.minimum, feature.maximum
    is_large = (found.mean or 0) > _LARGEST_PLAIN
    if most is not None:
        is_large = is_outside and (found.maximum or 0) > most
    says_thousands = has_currency(header) and counts_thousands(header)
    if is_large and counts_thousands(unit):
        is_other = has_currency(header) and not counts_thousands(header)
        return (
            f"{'says another unit' if is_other else 'is too large'}: {feature.name} "
            f"counts {feature.unit or 'thousands'}, and the values go up to "
            f"{found.maximum:,.15g}. Divide them by 1,000, or name a feature of that "
            "unit in `features`."
        )
    if says_thousands and has_currency(unit) and not counts_thousands(unit):
        return (
            f"counts thousands, and {feature.name} counts {feature.unit}: multiply the "
            "values by 1,000, or change the `unit`."
        )
    if is_outside:
        limits = [f"from {least:g}"] if least is not None else []
        limits += (
            [f"{'to' if limits else 'up to'} {most:g}"] if most is not None else []
        )
        return (
            f"has {found.n_outside:,} of {found.n_numbers:,} numbers that are not "
            f"{' '.join(limits)}, for example {shorten(found.example)}: check the "
            f"column and its unit, or `features[{feature.name}]`."
        )
    return ""


def notes_of_values(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    categories: Sequence[Feature],
    *,
    is_sealed: bool,
) -> Iterator[str]:
    """Yield how numbers are read, and what values of categories no settings hold."""
    for column in opened.columns.values():
        if column.numbers.is_noted:
            yield f"Numbers of {shorten(column.column)} are read with {column.numbers}."
    for category in categories:
        column = opened.columns[category.name]
        if not category.levels:
            continue
        # A repeated header is no level.
        spellings = {column.column.strip().lower()}
        for level, listed in category.levels.items():
            spellings |= {each.strip().lower() for each in (level, *listed)}
        known = ", ".join(map(quote_text, sorted(spellings)))
        cell = quote_identifier(column.column)
        rows = connection.execute(
            f"with named as (select {column.text_sql} as value, "  # noqa: S608
            f"sum(mall_segments_n) as n from (select {cell}, count(*) from "
            f"{opened.relation} group by all) as counted({cell}, mall_segments_n) "
            "group by value having value is not null) "
            "select value, (select sum(n) from named), sum(n) over () from named "
            f"where lower(value) not in ({known}) "
            f"order by n desc, value limit {_SHOWN_LEVELS}"
        ).fetchall()
        if rows:
            places = f"features[{category.name}].levels"
            if category.name == "gender":
                places = " and ".join(f"gender.{level}" for level in category.levels)
            shown = ", ".join(shorten(row[0], limit=30) for row in rows)
            yield (
                f"{rows[0][2]:,} of {rows[0][1]:,} values of "
                f"{shorten(column.column)} are unknown ({shown}): declare them in "
                f"{places}{' and build again' if is_sealed else ''}."
            )


def refuse_orders(
    connection: duckdb.DuckDBPyConnection, opened: OpenedCustomers
) -> None:
    """Refuse a file in which most ids stand more than once."""
    column = opened.columns.get("customer_id")
    if column is None or column.kind == "row number":
        return
    values = ", ".join(each.text_sql for each in opened.columns.values())
    ids = (
        f"(select {column.id_sql} as id, row({values}) as value "  # noqa: S608
        f"from {opened.relation}) where id is not null"
    )
    ((n_rows, n_ids),) = connection.execute(
        f"select count(*), approx_count_distinct(id) from {ids}"  # noqa: S608
    ).fetchall()
    if n_ids > _MOST_ROUGHLY * n_rows:
        return
    ((n_ids, n_different),) = connection.execute(
        f"select count(distinct id), count(distinct (id, value)) from {ids}"  # noqa: S608
    ).fetchall()
    if n_ids > _MOST * n_rows:
        return
    repeated = f"{n_rows:,} rows have {n_ids:,} ids in {shorten(column.column)}"
    if n_different > 1.2 * n_ids:
        raise InputError(
            f"{opened.source} looks like orders: {repeated}, with different values. "
            "One row per customer is needed; `orders_path` reads orders."
        )
    raise InputError(
        f"{opened.source} repeats its rows: {repeated}, with the same values. Keep one "
        "row per customer."
    )
