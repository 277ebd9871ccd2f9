"""Cells of CSV files we write: what spreadsheets would run is made plain text."""

from typing import Final

from mall_segments.publishing.tables import quote_text

# What spreadsheets take for the start of a formula, in ASCII and in full width.
FORMULA_START: Final = "^[=+\\-@\\t\\r\\n＝＋－＠]"  # noqa: RUF001

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
    return (
        f"CASE WHEN regexp_matches({expression}, {quote_text(FORMULA_START)}) "
        f"AND NOT regexp_full_match({expression}, {quote_text(_PLAIN_NUMBER)}) "
        f"THEN '''' || {expression} ELSE {expression} END"
    )
