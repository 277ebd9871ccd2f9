"""An audit as a table for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from mall_segments.audit.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mall_segments.audit.results import Audit, Result

_HEADER: Final = ("suite", "expectation", "column", "result", "observed")
_WIDEST: Final = (34, 44, 30)
_NARROWEST: Final = 30
_GAP: Final = 2


def render_table(audit: Audit, *, width: int, is_complete: bool = False) -> str:
    """Lay out the results, failures first."""
    shown = audit.worst_first if is_complete else audit.findings
    rows = [_HEADER, *map(_row, shown)]
    if not is_complete:
        rows += _passed_by_suite(audit)
    widths = [
        min(max(len(row[place]) for row in rows), widest)
        for place, widest in enumerate(_WIDEST)
    ]
    widths.append(max(len(row[3]) for row in rows))
    widths.append(max(width - sum(widths) - _GAP * 4, _NARROWEST))
    return "\n".join(line for row in rows for line in _lay_out(row, widths))


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.suite,
        result.meaning,
        result.column,
        result.outcome.value,
        result.observed,
    )


def _passed_by_suite(audit: Audit) -> Iterator[tuple[str, ...]]:
    for suite, results in audit.by_suite.items():
        n_passed = sum(result.outcome is Outcome.PASSED for result in results)
        if n_passed:
            plural = "s" if n_passed > 1 else ""
            yield suite, f"{n_passed} expectation{plural}", "", "passed", ""


def _lay_out(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    cells = [
        textwrap.wrap(_printable(cell), size, max_lines=12) or [""]
        for cell, size in zip(row, widths, strict=True)
    ]
    for number in range(max(map(len, cells))):
        yield (
            (" " * _GAP)
            .join(
                (cell[number] if number < len(cell) else "").ljust(size)
                for cell, size in zip(cells, widths, strict=True)
            )
            .rstrip()
        )


def _printable(text: str) -> str:
    """Keep control characters in data from controlling the terminal."""
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}"
        for character in text
    )
