"""What is no table of customers although its name says so: a table of patterns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    count_recognised,
    list_columns,
    looks_like_data,
    name_blanks,
)
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.intake.columns import ColumnSettings

# How a file begins, and what it is; other binary files are known by their share of
# bytes that print nothing.
_BINARY: Final = (
    (rb"%PDF", "a PDF document"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "an image"),
    (rb"SQLite format 3", "an SQLite database"),
    (rb"\x28\xb5\x2f\xfd|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", "an archive, and not of gzip"),
    (rb"ARROW1|ORC|Obj\x01", "an Arrow, ORC or Avro file"),
    (rb"", "a binary file"),
)
# How a text begins, and the sentence about it; {line} is its first line.
_TEXTS: Final = (
    (
        r"version https://git-lfs",
        "is a Git LFS pointer, not the file it points to: run `git lfs pull`.",
    ),
    (
        r"(<{7}|={7}|>{7}|\|{7})(\s|$)",
        "begins with a merge-conflict marker ({line}): resolve the conflict first.",
    ),
    (
        r"<(!doctype|\?xml|!--|[a-z]+[\s>/])",
        "is a web page or XML, not CSV: it begins {line}. Download the file itself.",
    ),
    (
        r"[{\[]\s*[\"{\[\]}]",
        "is JSON, not CSV: a customer file is CSV, Parquet or a workbook.",
    ),
)
_CONTROL_BYTES: Final = bytes(
    byte for byte in (*range(32), 127) if byte not in b"\t\n\r\x0c\x1a"
)
_LARGEST_CONTROL_SHARE: Final = 0.01
LEAST_RECOGNISED: Final = 2


def refuse_binary(head: bytes, suffix: str, source: str) -> None:
    """Refuse a file whose first bytes are no text."""
    kind = next(kind for pattern, kind in _BINARY if re.match(pattern, head))
    n_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    is_text = n_controls <= _LARGEST_CONTROL_SHARE * len(head)
    if not (is_text and kind == _BINARY[-1][1]):
        raise InputError(
            f"{source} is {kind}, whatever its name ends in ({suffix or 'nothing'}): a "
            "customer file is CSV, Parquet or a workbook. Export it as one of them."
        )


def refuse_odd_tables(
    rows: Sequence[Sequence[str]],
    settings: ColumnSettings,
    *,
    source: str,
    text: str = "",
    n_lines_above: int = 0,
) -> None:
    """Refuse rows of which the first is no header of customers.

    ``text`` is what the rows were written as, if it was text.
    """
    header = rows[0] if rows else ()
    if count_recognised(header, settings) >= LEAST_RECOGNISED:
        return
    line = shorten(text[:200].partition("\n")[0].rstrip("\r"))
    for pattern, sentence in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE):
            raise InputError(f"{source} {sentence.format(line=line)}")
    if not rows:
        raise InputError(
            f"{source}: the header opens a quote that is never closed: {line}."
        )
    found = header_below(rows, settings)
    if found is not None:
        raise InputError(
            f"{source}: the header stands in line {n_lines_above + found + 1}, below "
            f"{shorten(','.join(header))}. Remove the lines above it."
        )
    if looks_like_data(header):
        raise InputError(
            f"{source} has no header: its first row looks like a customer's values, "
            f"{list_columns(header)}. Add a first row that names the columns."
        )
    if len(header) == 1:
        raise InputError(
            f"{source} is not CSV: its first line is one cell, {list_columns(header)}. "
            "Columns must be separated by one of: comma, semicolon, tab, bar, and no "
            "line may stand in quotes as a whole."
        )


def header_below(rows: Sequence[Sequence[str]], settings: ColumnSettings) -> int | None:
    """Return which of some rows names more columns than the first, if one does."""
    n_recognised = max(count_recognised(rows[0], settings), LEAST_RECOGNISED - 1)
    for at, row in enumerate(rows):
        if count_recognised(row, settings) > n_recognised:
            return at
    return None


def unique_names(header: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Name the columns as the engine can: none blank, none twice, case ignored."""
    used = {name.casefold() for name in taken}
    names = []
    for wanted in name_blanks(header):
        name, number = wanted, 2
        while name.casefold() in used:
            name, number = f"{wanted} ({number})", number + 1
        used.add(name.casefold())
        names.append(name)
    return tuple(names)
