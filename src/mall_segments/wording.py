"""How errors and notes show values, names and near misses."""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def shorten(value: object, limit: int = 60) -> str:
    r"""Return a value as an error shows it: quoted if text, one line, not too long.

    >>> shorten("income\nspending")
    "'income\\nspending'"
    >>> shorten(float("nan")), shorten(True), shorten(None)
    ('nan', 'true', 'null')
    >>> shorten("x" * 1_000_000, limit=12)
    "'xxxxxxx...' (1,000,000 characters)"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if len(value) + 2 <= limit:
            return repr(value)
        kept = value[: max(limit - 5, 1)]
        return f"{kept + '...'!r} ({len(value):,} characters)"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def plain(name: object, limit: int = 60) -> str:
    """Return a name without quotes, on one line and not too long."""
    text = repr(name)[1:-1] if isinstance(name, str) else repr(name)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def suggestion(name: str, allowed: Collection[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed name, or nothing.

    >>> suggestion("segmentation", ["segmentations", "features"])
    " Did you mean 'segmentations'?"
    >>> suggestion("qwerty", ["segmentations"])
    ''
    """
    close = difflib.get_close_matches(name[:200].lower(), list(allowed), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def is_storable(text: str) -> bool:
    r"""Whether files and databases can hold a text: no NUL, no half a character.

    >>> is_storable("Größe"), is_storable("a\x00b"), is_storable("\ud800")
    (True, False, False)
    """
    return re.search("[\x00\ud800-\udfff]", text) is None


def compact(text: str) -> str:
    """Return text as headers are compared: letters and digits only, no accents or case.

    >>> compact("Annual Income (k$)"), compact("GÉNERO ")
    ('annualincomek', 'genero')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())
