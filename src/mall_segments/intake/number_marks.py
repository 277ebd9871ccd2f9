"""What is said of numbers beside their digits: currencies, percent signs, thousands."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INVISIBLE: Final = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad"
_CURRENCIES: Final = {
    "$": "us$ usd dollar dollars mxn cop clp ars a$ aud ca$ c$ cad hk$ hkd s$ sgd nt$",
    "€": "eur euro euros",
    "£": "gbp pound pounds",
    "¥": "jpy yen cny rmb yuan 円 元 ￥",
    "₺": "try tl ytl",
    "₹": "inr rs rs. rupees",
    "R$": "brl reais",
    "Rp": "idr rp rp. rupiah",
    "Fr.": "chf fr fr. sfr",
    "kr": "sek nok dkk kr kr.",
    "zł": "pln",
    "₽": "rub",
    "R": "zar",
}
_CURRENCY: Final = r"[$€£¥₺₹₽]|usd|eur|gbp|chf|brl|inr|idr|jpy|cny|dollars?|euros?"
_THOUSANDS: Final = (
    rf"(?<![^\W\d])[kt]\s*({_CURRENCY})|\bk\b|\b(tsd|tausend|miles|milhares|migliaia|ribu|"
    r"thousands?|bin)\b|1[.,' ]?000|\b000s?\b|千|万"
)
_SCALES: Final = {"k": 1e3, "tsd": 1e3, "mio": 1e6, "M": 1e6}


@dataclass(frozen=True)
class Shape:
    """Values that differ in their digits only.

    An example, how many there are, and of how many of them a cast makes a number.
    """

    text: str
    example: str
    n: int
    n_cast: int


@cache
def _currency_of() -> dict[str, str]:
    """Every sign and code, in lower case, by the currency it is one of."""
    known = {
        spelling: sign
        for sign, codes in _CURRENCIES.items()
        for spelling in (sign.lower(), *codes.split())
    }
    signs = (chr(code) for code in range(0x20, 0x10000))
    for sign in signs:
        if unicodedata.category(sign) == "Sc":
            known.setdefault(sign, sign)
    return known


def visible(text: str) -> str:
    """Return a text without the characters that print nothing."""
    return re.sub(f"[{INVISIBLE}]", "", text)


def find_affixes(
    shapes: Sequence[Shape], *, in_thousands: bool, shown: str
) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    """Return what stands beside the digits of a column, refusing what cannot mix."""
    currencies: dict[str, dict[str, Shape]] = {}
    with_mark: dict[str, list[Shape]] = {"%": [], "k": []}
    bare: list[Shape] = []
    scales: dict[str, float] = {}
    for shape in shapes:
        marks = list(_marks(shape))
        for mark in marks:
            if mark in _currency_of():
                currencies.setdefault(_currency_of()[mark], {})[mark] = shape
            elif mark == "%":
                with_mark["%"].append(shape)
            else:
                scales[mark] = _SCALES[mark]
                with_mark["k"].append(shape)
        if not {"%", *_SCALES} & set(marks) and _is_number_like(shape):
            bare.append(shape)
    if len(currencies) > 1:
        first, second = [next(iter(found.values())) for found in currencies.values()][
            :2
        ]
        raise InputError(
            f"{shown} is in more than one currency: {shorten(first.example)} and "
            f"{shorten(second.example)}. Convert it to one."
        )
    for mark, is_strict in (("%", True), ("k", in_thousands)):
        if is_strict and with_mark[mark] and bare:
            raise InputError(
                f"{shown} holds {shorten(with_mark[mark][0].example)} and, without "
                f"{mark}, {shorten(bare[0].example)}: whether both count the same is "
                f"unclear. Write all of its numbers with {mark} or none."
            )
    affixes = [mark for found in currencies.values() for mark in found]
    affixes += ["%"] if with_mark["%"] else []
    factor = 1e-3 if in_thousands else 1
    return tuple(sorted(affixes)), tuple(
        (mark, value * factor) for mark, value in sorted(scales.items())
    )


def _marks(shape: Shape) -> Iterator[str]:
    """Yield the currency, the scale and the percent sign beside one number."""
    parts = re.fullmatch(
        r"[(]?\s*[-+\u2212]?\s*(?P<before>(?:rp|rs|fr|kr)[.]|[^\d\s(+\u2212-]*(?<![,.'\d]))\s*[-+\u2212]?"
        r"\s*[.,]?\d(?:[\d.,'\u2019\s]*\d)?[.,]?(?:[eE][-+]?\d+)?"
        r"\s*(?P<after>[^\d\s)-]*?)\s*(?P<last>[^\d\s)-]*)\s*-?\s*[)]?",
        visible(shape.text),
        re.IGNORECASE,
    )
    if parts is None:
        return
    found = [part for part in parts.group("before", "after", "last") if part]
    marks = [
        mark
        for part in found
        for mark in (
            [part.lower()]
            if part.lower() in _currency_of() or part == "%"
            else [part if part in _SCALES else part.lower()]
            if part in _SCALES or part.lower() in _SCALES
            else _split(part)
        )
    ]
    if len(marks) >= len(found) and "" not in marks:
        yield from marks


def _split(part: str) -> list[str]:
    """Split ``k€`` into its scale and its currency; [""] if it is something else."""
    scale, rest = part[0], part[1:].lower()
    scale = scale if scale in _SCALES else scale.lower()
    return [scale, rest] if scale in _SCALES and rest in _currency_of() else [""]


def _is_number_like(shape: Shape) -> bool:
    return re.fullmatch(r"[-+]?[\d.,]*[1-9][\d.,]*", visible(shape.example)) is not None


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
