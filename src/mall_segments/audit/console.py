"""An audit as lines for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mall_segments.audit.results import Outcome

if TYPE_CHECKING:
    from mall_segments.audit.results import Audit


def render_text(audit: Audit, *, width: int, is_complete: bool = False) -> str:
    """List the results, failures first; what holds has a line per suite."""
    lines = [
        (each.outcome, f"{each.suite}: {each.column} {each.meaning}; {each.observed}")
        for each in (audit.worst_first if is_complete else audit.findings)
    ]
    if not is_complete:
        for suite, results in audit.by_suite.items():
            n = sum(result.outcome is Outcome.PASSED for result in results)
            if n:
                said = f"{suite}: {n} expectation{'s' * (n > 1)}"
                lines.append((Outcome.PASSED, said))
    return "\n".join(
        textwrap.fill(
            f"{outcome:<9}{' '.join(_printable(said).split())}",
            width,
            subsequent_indent=" " * 9,
            max_lines=12,
        )
        for outcome, said in lines
    )


def _printable(text: str) -> str:
    """Keep control characters in data from controlling the terminal."""
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}"
        for character in text
    )
