"""See by the values of a file whether it is what its columns say.

What no customer file holds is refused in a sentence before any model runs: dollars
where thousands are meant, shares where scores are, standardised values, a second table
below the first, orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.facts import LARGEST_PLAIN
from mall_segments.intake.number_formats import PLAIN
from mall_segments.intake.number_marks import counts_thousands, has_currency
from mall_segments.intake.strange_files import unique_names
from mall_segments.publishing.tables import quote_identifier, quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from mall_segments.intake.facts import Facts, NumberFacts
    from mall_segments.intake.opening import OpenedColumn, OpenedCustomers
    from mall_segments.settings import Feature

_MOST: Final = 0.5
# Different ids are counted roughly first.
_MANY: Final = 0.6
_FEW_ROWS: Final = 10
_SHOWN_LEVELS: Final = 5
_LARGEST_SHARE_SCALE: Final = 10
_STANDARDISED: Final = 0.05


def _known(category: Feature, header: str) -> str:
    """Return the spellings of a category, and the header, which may be repeated."""
    spellings = {
        spelling.strip().lower()
        for level, listed in (category.levels or {}).items()
        for spelling in (level, *listed)
    }
    listed = sorted({*spellings, header.strip().lower()})
    return ", ".join(map(quote_text, listed))


def number_notes(opened: OpenedCustomers) -> Iterator[str]:
    """Yield how the columns write numbers, where it is not the plain way."""
    for column in opened.columns.values():
        form = column.numbers
        if form != PLAIN and (form.decimal != "." or form.thousands or form.scales):
            yield f"Numbers of {shorten(column.column)} are read with {form}."


def check_values(
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
    facts: Facts,
    *,
    is_sealed: bool,
) -> None:
    """Refuse columns whose values are not what the feature counts."""
    n_columns = len(opened.header)
    if facts.n_long > _MOST * facts.n_rows:
        raise InputError(
            f"{opened.source}: {facts.n_long:,} of {facts.n_rows:,} rows have more "
            f"cells than the header has columns ({n_columns}), so their values stand "
            "under the wrong names. Write one header cell per column."
        )
    for name, feature in features.items():
        found = facts.numbers[name]
        problem = _problem(opened.columns[name], feature, found)
        if not (found.n_values or is_sealed) and facts.n_rows >= _FEW_ROWS:
            problem = (
                f"holds no value in {facts.n_rows:,} rows. Name the right column, or "
                "leave the feature out of `features`."
            )
        if problem:
            raise InputError(
                f"{opened.source}: the column {shorten(opened.columns[name].column)}, "
                f"read as {name}, {problem}"
            )


def _problem(column: OpenedColumn, feature: Feature, found: NumberFacts) -> str:
    if found.n_values and not found.n_numbers:
        return (
            f"holds no number in {found.n_values:,} values, for example "
            f"{shorten(found.example)}. Name the right column, or say how numbers are "
            "written by the setting `numbers`."
        )
    if not found.n_numbers or found.minimum is None or found.maximum is None:
        return ""
    is_outside = found.n_outside > _MOST * found.n_numbers
    problem = _scale_problem(feature, found) or _unit_problem(
        column.column, feature, found, is_outside=is_outside
    )
    if is_outside and not problem:
        return (
            f"has {found.n_outside:,} of {found.n_numbers:,} numbers that are not "
            f"{_limits(feature)}, for example {shorten(found.example)}: check the "
            f"column and its unit, or `features[{feature.name}]`."
        )
    return problem


def _scale_problem(feature: Feature, found: NumberFacts) -> str:
    """Say that values are standardised or shares, where the feature has a scale."""
    if (
        found.n_numbers < _FEW_ROWS
        or found.n_fractions <= _MOST * found.n_numbers
        or found.minimum is None
        or found.maximum is None
    ):
        return ""
    limits = _limits(feature)
    is_standardised = (
        found.mean is not None
        and found.deviation is not None
        and abs(found.mean) < _STANDARDISED
        and abs(found.deviation - 1) < 2 * _STANDARDISED
    )
    if is_standardised and feature.minimum is not None and feature.minimum >= 0:
        return (
            f"is standardised (mean {found.mean:.2f}, standard deviation "
            f"{found.deviation:.2f}), and {feature.name} lies {limits}: give the "
            "values as they were measured."
        )
    if (
        found.minimum >= 0
        and found.maximum <= 1
        and feature.maximum is not None
        and feature.maximum >= _LARGEST_SHARE_SCALE
    ):
        remedy = "give the values as they were measured"
        if feature.maximum == 100:  # noqa: PLR2004
            remedy = f"multiply them by 100, or {remedy}"
        return (
            f"holds values from {found.minimum:g} to {found.maximum:g}, as shares do, "
            f"and {feature.name} lies {limits}: {remedy}."
        )
    return ""


def _limits(feature: Feature) -> str:
    if feature.minimum is None or feature.maximum is None:
        least = f"from {feature.minimum:g}" if feature.minimum is not None else ""
        most = f"up to {feature.maximum:g}" if feature.maximum is not None else ""
        return least or most or "anywhere"
    return f"from {feature.minimum:g} to {feature.maximum:g}"


def _unit_problem(
    header: str, feature: Feature, found: NumberFacts, *, is_outside: bool
) -> str:
    unit = feature.unit or feature.name
    wanted = feature.unit or "thousands"
    if counts_thousands(unit):
        says = has_currency(header) and not counts_thousands(header)
        is_large = feature.maximum is None and (found.mean or 0) > LARGEST_PLAIN
        if is_large or is_outside:
            what = "says another unit" if says else "is too large"
            return (
                f"{what}: {feature.name} counts {wanted}, and the values go up to "
                f"{found.maximum:,.15g}. Divide them by 1,000, or name a feature of "
                "that unit in `features`."
            )
    elif (
        feature.unit
        and has_currency(feature.unit)
        and has_currency(header)
        and counts_thousands(header)
    ):
        return (
            f"counts thousands, and {feature.name} counts {feature.unit}: multiply the "
            "values by 1,000, or change the `unit`."
        )
    return ""


def level_notes(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    categories: Sequence[Feature],
    *,
    is_sealed: bool,
) -> Iterator[str]:
    """Yield what values of categories no list of the settings holds."""
    remedy = " and build again." if is_sealed else "."
    for category in categories:
        if not category.levels:
            continue
        column = opened.columns[category.name]
        cell = quote_identifier(column.column)
        n = quote_identifier(*unique_names(["n"], [column.column]))
        rows = connection.execute(
            f"with counted as (select {cell}, count(*) as {n} "  # noqa: S608
            f"from {opened.relation} group by all), "
            f"named as (select {column.text_sql} as value, sum({n}) as n from counted "
            "group by value having value is not null) "
            "select value, (select sum(n) from named), sum(n) over () from named "
            f"where lower(value) not in ({_known(category, column.column)}) "
            f"order by n desc, value limit {_SHOWN_LEVELS}"
        ).fetchall()
        if not rows:
            continue
        shown = ", ".join(shorten(row[0], limit=30) for row in rows)
        places = (
            " and ".join(f"gender.{level}" for level in category.levels)
            if category.name == "gender"
            else f"features[{category.name}].levels"
        )
        yield (
            f"{rows[0][2]:,} of {rows[0][1]:,} values of "
            f"{shorten(column.column)} are unknown ({shown}): declare them in "
            f"{places}{remedy}"
        )


def refuse_second_table(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    features: Mapping[str, Feature],
    facts: Facts,
) -> None:
    """Refuse a file in which another table begins below the customers."""
    columns = [opened.columns[name] for name in features]
    if not columns or any(
        facts.numbers[name].n_values == facts.numbers[name].n_numbers
        for name in features
    ):
        return
    is_title = " and ".join(
        f"{column.text_sql} is not null and {column.number_sql} is null"
        for column in columns
    )
    is_header = " and ".join(
        f"lower({column.text_sql}) = {quote_text(column.column.strip().lower())}"
        for column in columns
    )
    is_usable = " and ".join(f"{column.number_sql} is not null" for column in columns)
    place, n_after, n_usable = connection.execute(
        f"with numbered as (select {opened.source_row} as source_row, * "  # noqa: S608
        f"from {opened.relation}), judged as (select source_row, "
        f"{is_title} and not coalesce({is_header}, false) as is_title, "
        f"{is_usable} as is_usable from numbered), "
        "title as (select min(source_row) as place from judged where is_title) "
        "select any_value(place), count(*), count(*) filter (where is_usable) "
        "from judged, title where source_row > place"
    ).fetchall()[0]
    if place is not None and n_after >= 2 and n_usable < _MOST * n_after:  # noqa: PLR2004
        raise InputError(
            f"{opened.source}: row {place:,} below the header looks like the header of "
            f"a second table, for of {n_after:,} rows below it {n_usable:,} are "
            "customers. Keep one table in the file."
        )


def refuse_orders(
    connection: duckdb.DuckDBPyConnection, opened: OpenedCustomers
) -> None:
    """Refuse a file in which most ids stand more than once."""
    column = opened.columns.get("customer_id")
    if column is None or column.kind == "row number":
        return
    n_rows, n_ids = connection.execute(
        f"select count(id), approx_count_distinct(id) from "  # noqa: S608
        f"(select {column.id_sql} as id from {opened.relation})"
    ).fetchall()[0]
    if n_ids > _MANY * n_rows:
        return
    others = [
        other.text_sql
        for name, other in opened.columns.items()
        if name != "customer_id"
    ]
    values = ", ".join([column.id_sql, *others])
    n_rows, n_ids, n_different = connection.execute(
        f"select count(*), count(distinct id), count(distinct (id, value)) from "  # noqa: S608
        f"(select {column.id_sql} as id, row({values}) as value "
        f"from {opened.relation}) where id is not null"
    ).fetchall()[0]
    if n_ids > _MOST * n_rows:
        return
    shown = shorten(column.column)
    if n_different > 1.2 * n_ids:
        raise InputError(
            f"{opened.source} looks like orders: {n_rows:,} rows have {n_ids:,} ids in "
            f"{shown}, with different values. One row per customer is needed; "
            "`orders_path` reads orders."
        )
    raise InputError(
        f"{opened.source} repeats its rows: {n_rows:,} rows have {n_ids:,} ids in "
        f"{shown}, with the same values. Keep one row per customer."
    )
