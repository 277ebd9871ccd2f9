"""Look up by its number what a row is given, where rows must keep their order.

The engine writes rows in their order on several processors, but on one as soon as a
join comes between reading and writing. A list is no join: it is one value, and which
element a row takes, each processor finds for the rows it has at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

# The engine copies the lists for every couple of thousand rows: longer ones cost more
# than a join does.
LONGEST_LIST: Final = 2**15
# The engine counts bits by 32-bit numbers.
LARGEST_SET: Final = 2**31 - 1


def create_lists(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    values: str,
    columns: Iterable[str],
    n_numbers: int,
) -> None:
    """Create a table of one row, with a list for each column.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection.
    table : str
        The table to create.
    values : str
        What follows ``from``: rows with the columns and their ``number``, which is at
        least 0, below `n_numbers` and there once.
    columns : iterable of str
        The columns, and the names of the lists.
    n_numbers : int
        The length of the lists; where there is no row, the element is null.
    """
    lists = [f"list(found.{name} order by places.number) as {name}" for name in columns]
    connection.execute(f"""
        create table {table} as
        select {", ".join(lists)}
        from range({n_numbers}) as places (number)
        left join {values} as found on places.number = found.number
    """)  # noqa: S608


def element(table: str, column: str, number: str) -> str:
    """Return the SQL of the element of a list that has a number."""
    return f"(select {column} from {table})[{number} + 1]"  # noqa: S608


def create_set(
    connection: duckdb.DuckDBPyConnection, table: str, members: str, largest: int
) -> None:
    """Create a table of one row, with a set of numbers.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection.
    table : str
        The table to create.
    members : str
        A query for numbers, at least one, and each from 0 to `largest`.
    largest : int
        The largest number that can be asked for, at most `LARGEST_SET`.
    """
    connection.execute(f"""
        create table {table} as
        select bitstring_agg(member, 0, {largest}) as bits
        from ({members}) as members (member)
    """)  # noqa: S608


def is_member(table: str, number: str) -> str:
    """Return the SQL of whether a set has a number."""
    bits = f"(select bits from {table})"  # noqa: S608
    return f"get_bit({bits}, cast({number} as integer)) = 1"
