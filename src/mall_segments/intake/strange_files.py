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
    from collections.abc import Callable, Sequence

    from mall_segments.intake.columns import ColumnSettings

# The first bytes of a file, and what begins so.
_MAGIC: Final = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
)
# The first text of a file, and the sentence about it; {line} is the first line.
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
    (r"\{\\rtf", "is a rich-text document (RTF), not CSV: save it as plain text."),
    (
        r"[{\[]\s*[\"{\[\]}]",
        "is JSON, not CSV: a customer file is CSV, Parquet or a workbook.",
    ),
    (
        r"(MIME-Version|From|Received|Return-Path): ",
        "is an e-mail, not CSV: it begins {line}. Save the file attached to it.",
    ),
    (r"(diff --git|--- a/|Index: )", "is a patch, not CSV: it begins {line}."),
)
_CONTROL_BYTES: Final = bytes(
    byte for byte in (*range(32), 127) if byte not in b"\t\n\r\x0c\x1a"
)
_LARGEST_CONTROL_SHARE: Final = 0.01
LEAST_RECOGNISED: Final = 2


def refuse_binary(head: bytes, suffix: str, source: str) -> None:
    """Refuse a file whose first bytes are no text."""
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
    n_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if kind or n_controls > _LARGEST_CONTROL_SHARE * len(head):
        raise InputError(
            f"{source} is {kind or 'a binary file'}, whatever its name ends in "
            f"({suffix or 'nothing'}): a customer file is CSV, Parquet or a workbook. "
            "Export it as one of them."
        )


def refuse_other_text(text: str, source: str) -> None:
    """Refuse a text that is something else than a table."""
    line = shorten(text[:200].splitlines()[0] if text.strip() else "")
    for pattern, sentence in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE):
            raise InputError(f"{source} {sentence.format(line=line)}")


def refuse_odd_tables(
    rows: Sequence[Sequence[str]],
    settings: ColumnSettings,
    *,
    source: str,
    line_of: Callable[[int], int] = lambda at: at + 1,
) -> None:
    """Refuse rows of which the first is no header of customers."""
    header = rows[0]
    n_recognised = count_recognised(header, settings)
    if n_recognised >= LEAST_RECOGNISED:
        return
    found = header_below(rows, settings)
    if found is not None:
        raise InputError(
            f"{source}: the header stands in line {line_of(found)}, below "
            f"{shorten(','.join(header))}. Remove the lines above it."
        )
    first_column = [row[0] for row in rows if row]
    if (
        len(header) > 1
        and count_recognised(first_column, settings) >= LEAST_RECOGNISED
        and count_recognised(first_column, settings) > n_recognised
    ):
        raise InputError(
            f"{source}: the table is transposed: its first column holds the names "
            f"{list_columns(first_column)}. Write one customer per row."
        )
    if len(header) == 1 and _is_quoted_row(header[0], settings):
        raise InputError(
            f"{source}: every line stands in quotes as a whole, so it has one column, "
            f"{list_columns(header)}. Remove the quotes around the lines."
        )
    if looks_like_data(header):
        raise InputError(
            f"{source} has no header: its first row looks like a customer's values, "
            f"{list_columns(header)}. Add a first row that names the columns."
        )
    if len(header) == 1:
        raise InputError(
            f"{source} is not CSV: its first line is one cell, {list_columns(header)}. "
            "Columns must be separated by one of: comma, semicolon, tab, bar."
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


def _is_quoted_row(cell: str, settings: ColumnSettings) -> bool:
    return any(
        count_recognised(cell.split(delimiter), settings) >= LEAST_RECOGNISED
        for delimiter in ",;\t|"
    )
