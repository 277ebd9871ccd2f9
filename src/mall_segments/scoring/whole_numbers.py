"""Read the whole numbers of a CSV file as numbers, if that loses nothing.

Numbers take a fraction of the time of texts to load, to count, to join and to write.
But a cell goes out as it came in, and the engine reads 7 from 007, 7.0 or 0x7, too. So
the lengths decide: written anew, all cells must have as many bytes together as the
file has for them. Each other way to write a number is longer than the engine's own,
but for exponents and hexadecimal digits, and those have letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from mall_segments.intake.inputs import CustomerInput

CUSTOMERS: Final = "customers"

_LETTERS: Final = "eExX"
_MARKS: Final = b"eExX\n"
# Larger ones take memory from the system each time.
_CHUNK_SIZE: Final = 2**18
_SAMPLED_ROWS: Final = 1000
_SAMPLED_CELLS: Final = 2048
_FEW_CELLS: Final = 64
_FEW_TO_COMPARE: Final = 6


def find_whole_numbers(
    connection: duckdb.DuckDBPyConnection, customers: CustomerInput
) -> dict[str, str]:
    """Return the type of each column that may be read as whole numbers.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Any connection.
    customers : CustomerInput
        The input, of which the first rows are looked at.

    Returns
    -------
    dict
        Column to type: the customer id and features, where those rows have nothing
        but whole numbers or empty cells under them. Empty for Parquet.
    """
    if not customers.csv_files:
        return {}
    recognised = customers.columns.columns
    candidates = {
        column: ("BIGINT", 17) if name == "customer_id" else ("INTEGER", 8)
        for name, column in recognised.items()
        if name != "gender"
    }
    tests = ", ".join(
        f"bool_and({quote_identifier(column)} is null or regexp_full_match("
        f"{quote_identifier(column)}, '0|-?[1-9][0-9]{{0,{n_digits}}}'))"
        for column, (_, n_digits) in candidates.items()
    )
    found = connection.execute(
        f"select {tests} "  # noqa: S608
        f"from (select * from {customers.relation} limit {_SAMPLED_ROWS})"
    ).fetchall()[0]
    return {
        column: candidates[column][0]
        for column, is_whole in zip(candidates, found, strict=True)
        if is_whole
    }


def measure_files(customers: CustomerInput) -> list[Body]:
    """Measure what follows the header in each file."""
    return [
        Body.of(file.path, file.n_lines_before_header + 1)
        for file in customers.csv_files
    ]


def is_read_exactly(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    bodies: Sequence[Body],
    numbers: Collection[str],
    counted: Mapping[str, str],
) -> bool:
    """Compare the table ``customers`` with the bytes of the files it was loaded from.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection; its table was loaded by `CustomerInput.exact_relation`.
    names : sequence of str
        The columns of the files.
    bodies : sequence of Body
        The bytes of each file, as :func:`measure_files` returned them.
    numbers : collection of str
        The columns read as numbers.
    counted : mapping of str to str
        Column to a query for its distinct cells and the number of rows of each, for
        those columns for which it is known.

    Returns
    -------
    bool
        Whether every cell, written as text, is what stands in the file.
    """
    found = connection.execute(f"select count(*) from {CUSTOMERS}").fetchall()  # noqa: S608
    n_rows = int(found[0][0])
    n_returns = sum(body.n_returns for body in bodies)
    n_bytes = n_rows * len(names) + n_returns
    n_marks = n_rows
    for name in names:
        is_text = name not in numbers
        length, letters = _measure(connection, name, counted.get(name), is_text=is_text)
        n_bytes += length
        n_marks += letters
    return (
        not any(body.has_mixed_ends for body in bodies)
        and n_returns in (0, n_rows)
        and n_bytes == sum(body.n_bytes for body in bodies)
        and n_marks == sum(body.n_marks for body in bodies)
    )


def count_texts(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str]
) -> dict[str, str]:
    """Count the cells of those columns of ``customers`` that have few distinct ones.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection.
    names : sequence of str
        The columns.

    Returns
    -------
    dict
        Column to a query for its distinct cells and the number of rows of each.
    """
    counted = {}
    for position, name in enumerate(names):
        cells = _first_cells(connection, CUSTOMERS, name)
        if len(cells) <= _FEW_CELLS:
            table = f"counted_texts_{position}"
            connection.execute(f"create table {table} (cell varchar, n_rows bigint)")
            if not _count_known(connection, table, name, cells):
                connection.execute(
                    f"insert into {table} select {quote_identifier(name)}, count(*) "  # noqa: S608
                    f"from {CUSTOMERS} group by all"
                )
            counted[name] = f"select cell, n_rows from {table}"  # noqa: S608
    return counted


def _count_known(
    connection: duckdb.DuckDBPyConnection, table: str, name: str, cells: list[str]
) -> bool:
    """Count the rows of each of a few cells, if there are no others; say so.

    To compare takes the engine less than to group by texts.
    """
    if len(cells) > _FEW_TO_COMPARE:
        return False
    column = quote_identifier(name)
    counts = [f"count_if({column} = {quote_text(cell)})" for cell in cells]
    n_rows, n_filled, *n_each = connection.execute(
        f"select {', '.join(['count(*)', f'count({column})', *counts])} "  # noqa: S608
        f"from {CUSTOMERS}"
    ).fetchall()[0]
    if n_filled != sum(n or 0 for n in n_each):
        return False
    rows = [(None, n_rows - n_filled), *zip(cells, n_each, strict=True)]
    connection.executemany(f"insert into {table} values ($1, $2)", rows)  # noqa: S608
    return True


def has_few_cells(connection: duckdb.DuckDBPyConnection, rows: str, name: str) -> bool:
    """Whether the first rows after ``from`` have few distinct cells under a column."""
    return len(_first_cells(connection, rows, name)) <= _FEW_CELLS


def _first_cells(
    connection: duckdb.DuckDBPyConnection, rows: str, name: str
) -> list[str]:
    """Return the distinct cells under a column in the first rows, null left out."""
    column = quote_identifier(name)
    found = connection.execute(
        f"select distinct {column} "  # noqa: S608
        f"from (select {column} from {rows} limit {_SAMPLED_CELLS}) "
        f"where {column} is not null order by all"
    ).fetchall()
    return [cell for (cell,) in found]


def _measure(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    counted: str | None,
    *,
    is_text: bool,
) -> tuple[int, int]:
    """Return the bytes of the cells of a column, and the letters if it is text."""
    column = quote_identifier(name)
    if counted is None and not is_text:
        length = length_of_numbers(connection, name)
        found = connection.execute(f"select {length} from {CUSTOMERS}").fetchall()  # noqa: S608
        return int(found[0][0]), 0
    if counted is None:
        counted = f"select {column}, 1 from {CUSTOMERS}"  # noqa: S608
    letters = (
        f"strlen(cell) - strlen(translate(cell, {quote_text(_LETTERS)}, ''))"
        if is_text
        else "0"
    )
    found = connection.execute(f"""
        select
            coalesce(sum(n_rows * strlen(cell)), 0),
            coalesce(sum(n_rows * ({letters})), 0)
        from (
            select cast(cell as varchar) as cell, n_rows
            from ({counted}) as cells (cell, n_rows)
        )
    """).fetchall()  # noqa: S608
    return int(found[0][0]), int(found[0][1])


def length_of_numbers(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return the SQL of the bytes of whole numbers as texts, without writing one.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection.
    name : str
        A column of ``customers``.

    Returns
    -------
    str
        The SQL of an aggregate; null has no bytes.
    """
    column = f"{CUSTOMERS}.{quote_identifier(name)}"
    lowest, highest = connection.execute(
        f"select coalesce(min({column}), 0), coalesce(max({column}), 0) "  # noqa: S608
        f"from {CUSTOMERS}"
    ).fetchall()[0]
    longer = [f"{column} < 0"] if lowest < 0 else []
    longer += [f"{column} >= {10**n}" for n in range(1, len(str(highest)))]
    longer += [f"{column} <= -{10**n}" for n in range(1, len(str(abs(lowest))))]
    counts = [f"coalesce(count_if({each}), 0)" for each in longer]
    return " + ".join([f"count({column})", *counts])


@dataclass(frozen=True, kw_only=True)
class Body:
    """What follows the header of a file, its last line with an end in any case.

    `n_marks` counts line feeds and letters together. A row cannot have less than one
    line feed, and a text not less than its letters: where the sum is what the loaded
    cells need, so is each of them, and one look at the bytes is enough.
    """

    n_bytes: int
    n_marks: int
    n_returns: int
    has_mixed_ends: bool

    @classmethod
    def of(cls, path: Path, n_lines_of_header: int) -> Body:
        """Read a file, and measure what follows so many lines."""
        n_bytes = n_marks = n_returns = n_pairs = 0
        last = b""
        with path.open("rb") as file:
            for _ in range(n_lines_of_header):
                header = file.readline()
            while chunk := file.read(_CHUNK_SIZE):
                n_bytes += len(chunk)
                n_marks += len(chunk) - len(chunk.translate(None, _MARKS))
                if b"\r" in chunk:
                    n_returns += chunk.count(b"\r")
                    n_pairs += chunk.count(b"\r\n")
                n_pairs += last == b"\r" and chunk.startswith(b"\n")
                last = chunk[-1:]
        if last not in (b"", b"\n"):
            end = 2 if header.endswith(b"\r\n") else 1
            n_bytes, n_marks = n_bytes + end, n_marks + 1
            n_returns, n_pairs = n_returns + end - 1, n_pairs + end - 1
        return cls(
            n_bytes=n_bytes,
            n_marks=n_marks,
            n_returns=n_returns,
            has_mixed_ends=n_returns != n_pairs,
        )
