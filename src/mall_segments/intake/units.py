"""What a header, a unit or the name of a feature says that numbers count."""

from __future__ import annotations

import re
from typing import Final

_CURRENCY: Final = r"[$€£¥₺₹₽]|usd|eur|gbp|chf|brl|inr|idr|jpy|cny|dollars?|euros?"
_THOUSANDS: Final = (
    rf"(?<![^\W\d])[kt]\s*({_CURRENCY})|\bk\b|\b(tsd|tausend|miles|milhares|migliaia|ribu|"
    r"thousands?|bin)\b|1[.,' ]?000|\b000s?\b|千|万"
)


def counts_thousands(text: str) -> bool:
    """Whether a header, a unit or a name says that thousands are counted.

    >>> counts_thousands("Annual Income (k$)"), counts_thousands("annual_income_kusd")
    (True, True)
    >>> counts_thousands("Annual Income ($)")
    False
    """
    return re.search(_THOUSANDS, text.replace("_", " "), re.IGNORECASE) is not None


def has_currency(text: str) -> bool:
    """Whether a header or a unit names a currency."""
    pattern = rf"(?<![^\W\d])({_CURRENCY})(?![^\W\d])"
    return re.search(pattern, text.replace("_", " "), re.IGNORECASE) is not None
