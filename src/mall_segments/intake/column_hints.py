"""Say which required columns a header lacks, and which of its columns may be meant."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mall_segments.intake.columns import (
    MARKER,
    alias_setting,
    header_words,
    is_sealed,
    known_aliases,
    list_columns,
    name_blanks,
    normalise,
)
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.intake.columns import ColumnSettings

_SHOWN_ALIASES: Final = 4
_LONGEST_SUGGESTED: Final = 40
_MOST_SUGGESTED_WORDS: Final = 6
_MOST_COMPARED: Final = 200
_SHORTEST_SHARED: Final = 5
_LEAST_LIKENESS: Final = 0.75
_LEAST_NUMBERS: Final = 0.5
_INDEX: Final = re.compile(
    r"(unnamed\W.*|index|row ?names?|row|x|_c0|\.+1|no\.?|nr\.?|#)?"
)


@dataclass(frozen=True)
class Unrecognised:
    """A header in which required columns are missing, and how to say so."""

    header: Sequence[str]
    settings: ColumnSettings
    found: Mapping[str, int]
    missing: Sequence[str]
    rows: Sequence[Sequence[str]]

    def message(self, source: str) -> str:
        """Return the refusal: what was found, what is missing, and what to do."""
        recognised = ", ".join(
            f"{name} = {shorten(self.header[at], limit=40)}"
            for name, at in self.found.items()
        )
        lines = [
            f"{source}: no column is recognised as {', '.join(self.missing)}.",
            f"  Columns found ({len(self.header):,}): {list_columns(self.header)}.",
            f"  Recognised: {recognised or 'none'}.",
        ]
        for name in self.missing:
            known = list_columns(known_aliases(self.settings)[name][1:], _SHOWN_ALIASES)
            lines.append(f"  Missing: {name}, also known as {known or 'nothing else'}.")
            likely = self._likely_columns(name)
            if likely:
                options = " or ".join(shorten(text) for text in likely)
                lines.append(f"    Is it {options}?")
        settings = ", ".join(map(alias_setting, self.missing))
        if len(self.header) > len(self.found) and is_sealed(self.settings):
            lines.append(
                "  The model knows the aliases it was built with: rename the column in "
                f"the file, or add its header to {settings} in dbt_project.yml and "
                "build again."
            )
        elif len(self.header) > len(self.found):
            lines.append(
                "  To read a column, add its header as it stands in the file to "
                f"{settings} in dbt_project.yml."
            )
        if "customer_id" in self.missing and not is_sealed(self.settings):
            lines.append(
                "  Without ids, `customer_id: {generate: true}` numbers the rows."
            )
        return "\n".join(lines)

    def _likely_columns(self, name: str) -> list[str]:
        """Return up to two unread columns that resemble a missing one in name and kind.

        What data frames write for their index may be the id.
        """
        wanted = [
            normalise(spelling) for spelling in known_aliases(self.settings)[name]
        ]
        is_number = any(
            column.name == name and column.type == "number"
            for column in self.settings.columns
        )
        likely = []
        for at, text in list(enumerate(name_blanks(self.header)))[:_MOST_COMPARED]:
            is_index = name == "customer_id" and _INDEX.fullmatch(
                self.header[at].strip().lower()
            )
            if (
                at not in self.found.values()
                and (is_index or _resembles(text, wanted))
                and _is_name(text)
                and (not is_number or self._holds_numbers(at))
            ):
                likely.append(text)
        return likely[:2]

    def _holds_numbers(self, at: int) -> bool:
        cells = [row[at].strip() for row in self.rows if at < len(row)]
        values = [cell for cell in cells if cell]
        n_numbers = sum(any(map(str.isdigit, value)) for value in values)
        return not values or n_numbers >= _LEAST_NUMBERS * len(values)


def _is_name(text: str) -> bool:
    """Whether a header reads like a name: no marker, no sentence."""
    return (
        len(text) <= _LONGEST_SUGGESTED
        and len(text.split()) <= _MOST_SUGGESTED_WORDS
        and not MARKER.match(text)
    )


def _resembles(text: str, wanted: Sequence[str]) -> bool:
    name, words = normalise(text), header_words(text)
    return bool(name) and (
        any(
            word in words or (len(word) >= _SHORTEST_SHARED and word in name)
            for word in wanted
        )
        or bool(difflib.get_close_matches(name, wanted, n=1, cutoff=_LEAST_LIKENESS))
    )
