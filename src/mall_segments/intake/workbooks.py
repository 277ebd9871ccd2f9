"""Read a sheet of an Excel or OpenDocument workbook as rows of text."""

from __future__ import annotations

import datetime as dt
import zipfile
from typing import TYPE_CHECKING, Any, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import list_columns
from mall_segments.intake.files import begins_with
from mall_segments.intake.strange_files import header_below, refuse_odd_tables
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.intake.columns import ColumnSettings

_PARTS: Final = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
_ROWS_LOOKED_AT: Final = 30
_LARGEST_WHOLE: Final = 1e15


def is_workbook(path: Path, source: str) -> bool:
    """Whether a file is a workbook, whatever its name."""
    if not begins_with(path, b"PK\x03\x04"):
        return begins_with(path, b"\xd0\xcf\x11\xe0")
    try:
        with zipfile.ZipFile(path) as archive:
            if set(_PARTS) & set(archive.namelist()):
                return True
    except zipfile.BadZipFile:
        raise InputError(
            f"{source} is a zip archive or a workbook that is cut off or damaged: copy "
            "it again."
        ) from None
    raise InputError(
        f"{source} is a zip archive, not a customer file: unpack it, and name the file "
        "in it."
    )


def read_sheet(
    path: Path, settings: ColumnSettings, *, source: str
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return the header of a sheet with the rows below it, and notes."""
    import python_calamine as calamine  # noqa: PLC0415 - only for workbooks

    # Numbers have no separators; they are written as the text beside them is.
    numbers = settings.numbers
    has_comma = numbers and (numbers.decimal == "," or numbers.thousands == ".")
    try:
        book = calamine.load_workbook(str(path))
        names = list(book.sheet_names)
        sheet = settings.sheet or names[0]
        if sheet not in names:
            raise InputError(
                f"{source} has no sheet {shorten(sheet)}; it has {list_columns(names)}."
            )
        found = book.get_sheet_by_name(sheet).to_python(skip_empty_area=True)
    except (calamine.CalamineError, IndexError, OSError, ValueError) as error:
        raise InputError(
            f"{source} cannot be read as a workbook: {shorten(str(error), limit=200)}."
        ) from None
    cells = (
        tuple(_text(cell, "," if has_comma else ".") for cell in row) for row in found
    )
    rows = tuple(row for row in cells if any(cell.strip() for cell in row))
    if not rows:
        others = f"; `sheet` names another of {list_columns(names)}" * (len(names) > 1)
        raise InputError(f"{source}: the sheet {shorten(sheet)} is empty{others}.")
    at = header_below(rows[:_ROWS_LOOKED_AT], settings) or 0
    notes = []
    if len(names) > 1 and settings.sheet is None:
        notes.append(
            f"Read the first of {len(names)} sheets, {shorten(sheet)}; `sheet` names "
            "another."
        )
    try:
        refuse_odd_tables(rows[at : at + _ROWS_LOOKED_AT], settings, source=source)
    except InputError as error:
        raise InputError(" ".join([str(error), *notes])) from None
    if at:
        notes.append(f"Skipped {at} rows above the header.")
    return rows[at:], tuple(notes)


def _text(cell: Any, decimal: str) -> str:
    """Return a cell as CSV would have it: whole numbers without a fraction."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        is_whole = cell.is_integer() and abs(cell) < _LARGEST_WHOLE
        return str(int(cell)) if is_whole else repr(cell).replace(".", decimal)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)
