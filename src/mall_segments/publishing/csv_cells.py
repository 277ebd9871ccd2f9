"""Cells of CSV files we write: what spreadsheets would run is made plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

# What spreadsheets take for the start of a formula, in ASCII and in full width.
_STARTS: Final = "[=+\\-@\\t\\r\\n＝＋－＠]"  # noqa: RUF001

# Some spreadsheets also begin a cell at these, whatever separates the file's own.
_SEPARATORS: Final = "[;\\t\\r\\n]"

_PLAIN_NUMBER: Final = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"


def neutralised(expression: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    Parameters
    ----------
    expression : str
        An SQL expression of the type VARCHAR.

    Returns
    -------
    str
        The SQL expression of the harmless text; plain numbers stay as they are.
    """
    dangerous = quote_text(f"^{_STARTS}|{_SEPARATORS}{_STARTS}")
    harmless = (
        f"regexp_replace(regexp_replace({expression}, "
        f"{quote_text(f'({_SEPARATORS})({_STARTS})')}, '\\1''\\2', 'g'), "
        f"{quote_text(f'^({_STARTS})')}, '''\\1')"
    )
    return (
        f"CASE WHEN regexp_matches({expression}, {dangerous}) "
        f"AND NOT regexp_full_match({expression}, {quote_text(_PLAIN_NUMBER)}) "
        f"THEN {harmless} ELSE {expression} END"
    )


def neutralised_names(cursor: Any, names: Sequence[str]) -> list[str]:
    """Return column names that no spreadsheet takes for formulas, in their order."""
    harmless = neutralised("name")
    rows = cursor.execute(
        f"SELECT {harmless} FROM (SELECT unnest($1::VARCHAR[]) AS name, "  # noqa: S608
        "generate_subscripts($1::VARCHAR[], 1) AS place) ORDER BY place",
        [list(names)],
    ).fetchall()
    return [str(row[0]) for row in rows]
