"""How much memory the engine may take before it works on disk."""

from __future__ import annotations

import os
import re
from typing import Final

from mall_segments.errors import InputError
from mall_segments.wording import shorten

MEMORY_VARIABLE: Final = "MALL_SEGMENTS_MEMORY"

# What the engine reads, but neither nothing nor less, which it takes for no limit.
_SIZE: Final = re.compile(
    r"\s*(?=.*[1-9])(\d{1,6}(\.\d{1,6})?\s*[kmgt](i?b)?|(100|\d{1,2})\s*%)\s*",
    re.IGNORECASE | re.ASCII,
)


def memory_limit() -> str | None:
    """Return what the environment allows; None where it says nothing.

    Raises
    ------
    InputError
        If it is not a size.
    """
    limit = os.environ.get(MEMORY_VARIABLE)
    if not limit:
        return None
    if not _SIZE.fullmatch(limit):
        raise InputError(
            f"{MEMORY_VARIABLE} is {shorten(limit)}; it must be a size such as 4GB or "
            "500MB, or a share of this machine's memory such as 50%."
        )
    return limit
