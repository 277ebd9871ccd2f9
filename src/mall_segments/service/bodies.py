"""Parse JSON of one meaning, in pieces so small that others wait for none of them."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Never

from mall_segments.service.problems import ProblemError
from mall_segments.wording import shorten

MOST_CUSTOMERS: Final = 10_000
LONGEST_CUSTOMER: Final = 16 * 2**10

_BLANKS: Final = " \t\n\r"
_BEGINNING: Final = re.compile(rf"\[[{_BLANKS}]*")
_SEPARATOR: Final = re.compile(rf"[{_BLANKS}]*([,\]])[{_BLANKS}]*")


class _InvalidJsonError(Exception):
    """Why a text is not the JSON of one meaning that is asked for."""


def parse_json(body: bytes) -> Any:
    """Parse one customer or a list: in UTF-8, no NaN, no key twice, not too deep.

    Examples
    --------
    >>> parse_json(b'[{"Age": 30}, null]')
    [{'Age': 30}, None]
    """
    try:
        return _parse(body.decode("utf-8").strip(_BLANKS))
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not UTF-8"
    except _InvalidJsonError as error:
        detail = str(error)
    raise ProblemError(400, "invalid-json", "The body is not valid JSON", detail)


def _parse(text: str) -> Any:
    beginning = _BEGINNING.match(text)
    if beginning is None:
        content, end = _decode(text, 0)
        return _ended(text, end, content)
    at = beginning.end()
    if text[at:] == "]":
        return []
    customers: list[Any] = []
    while len(customers) < MOST_CUSTOMERS:
        customer, at = _decode(text, at)
        customers.append(customer)
        separator = _SEPARATOR.match(text, at)
        if separator is None:
            raise _InvalidJsonError(f"Expecting ',' delimiter: char {at}")
        at = separator.end()
        if separator[1] == "]":
            return _ended(text, at, customers)
    raise ProblemError(
        413,
        "too-many-customers",
        "The list is too long",
        f"it has more than {MOST_CUSTOMERS:,} customers, which are assigned at once",
    )


def _ended(text: str, end: int, content: Any) -> Any:
    if end < len(text):
        raise _InvalidJsonError(f"Extra data: char {end}")
    return content


def _decode(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at a character, and where it ends."""
    piece = text[at : at + LONGEST_CUSTOMER]
    try:
        value, length = _DECODER.raw_decode(piece)
    except json.JSONDecodeError as error:
        more = (
            f", within the {LONGEST_CUSTOMER:,} characters that a customer may have"
            if at + len(piece) < len(text)
            else ""
        )
        raise _InvalidJsonError(f"{error.msg}: char {at + error.pos}{more}") from None
    except RecursionError:
        raise _InvalidJsonError("it is nested too deeply") from None
    except ValueError:
        raise _InvalidJsonError("it holds a number of too many digits") from None
    return value, at + length


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _InvalidJsonError(f"it names the key {shorten(key)} twice")
            seen.add(key)
    return content


def _refuse_constant(constant: str) -> Never:
    raise _InvalidJsonError(f"it holds {constant}, which is not a number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_constant=_refuse_constant
)
