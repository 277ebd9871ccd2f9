"""Cells of CSV files: what a spreadsheet would run is made plain text."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final

from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from pathlib import Path

# What spreadsheets take for the start of a formula, in ASCII and in full width.
_SIGNS: Final = "=+\\-@＝＋－＠"  # noqa: RUF001
_SUSPECT: Final = f"[\\t\\r{_SIGNS}]"
_START: Final = f"^[\\t\\r\\n{_SIGNS}]"
# Where a cell ends for a spreadsheet that takes semicolons or tabs for separators.
_WITHIN: Final = f'([;\\t\\r\\n]"*)([{_SIGNS}])'
_LONGEST_LINE: Final = 2**26
_PLAIN_NUMBER: Final = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"


def may_run(expression: str) -> str:
    """Return the SQL of whether a text holds any sign that formulas begin with."""
    return f"regexp_matches({expression}, {quote_text(_SUSPECT)})"


def harmless(expression: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula.

    Takes and returns SQL of a text. Harmless text and plain numbers stay as they
    are, so doing it twice changes nothing more.
    """
    within = (
        f"regexp_replace({expression}, {quote_text(_WITHIN)}, "
        f"{quote_text(chr(92) + '1' + chr(39) + chr(92) + '2')}, 'g')"
    )
    # Few cells hold any of these signs, and the first look is the cheapest.
    return (
        f"case when not {may_run(expression)} "
        f"or regexp_full_match({expression}, {quote_text(_PLAIN_NUMBER)}) "
        f"then {expression} "
        f"when regexp_matches({expression}, {quote_text(_START)}) "
        f"then '''' || {within} else {within} end"
    )


def harmless_name(name: str) -> str:
    """Do the same to a name of a column.

    >>> harmless_name("=cmd()"), harmless_name("a;@b"), harmless_name("-5")
    ("'=cmd()", "a;'@b", '-5')
    """
    if re.fullmatch(_PLAIN_NUMBER, name):
        return name
    within = re.sub(_WITHIN, "\\1'\\2", name)
    return f"'{within}" if re.match(_START, name) else within


def read_cells(path: Path) -> tuple[list[str], str]:
    """Return the columns and the relation of a CSV file as we write them, all texts."""
    with path.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file), [])
    columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    return names, (
        f"read_csv({quote_text(str(path))}, auto_detect = false, header = true, "
        f"delim = ',', quote = '\"', escape = '\"', columns = {{{columns}}}, "
        f"allow_quoted_nulls = false, max_line_size = {_LONGEST_LINE}, "
        "parallel = false)"
    )
