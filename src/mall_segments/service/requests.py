"""Take a request apart, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from mall_segments.scoring.records import FieldError, InvalidJsonError, parse_json
from mall_segments.service.problems import ProblemError, describe_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Receive

    from mall_segments.service.answers import Answers
    from mall_segments.service.store import LoadedModel

MOST_BODY_BYTES: Final = 2 * 2**20
MOST_CUSTOMERS: Final = 10_000
MOST_BODY_SECONDS: Final = 10.0

# What is still read of a body that is too large, so that its sender reads the answer.
_MOST_DRAINED_BYTES: Final = 8 * MOST_BODY_BYTES
_CLOSE: Final = {"connection": "close"}
_JSON: Final = b"application/json"


def chosen_answers(query: bytes, loaded: LoadedModel) -> Answers:
    """Return the answers of the segmentation that a query names.

    Parameters
    ----------
    query : bytes
        What follows the question mark.
    loaded : LoadedModel
        The model in use.

    Raises
    ------
    ProblemError
        If the query names another parameter, two segmentations, or an unknown one.
    """
    if not query:
        return loaded.answers[None]
    pairs = parse_qsl(
        query.decode("ascii", "replace"), keep_blank_values=True, errors="replace"
    )
    for name, _ in pairs:
        if name != "segmentation":
            raise _invalid_query(name, "the only parameter is segmentation")
    if len(pairs) != 1:
        raise _invalid_query("segmentation", "it is to be given once")
    answers = loaded.answers.get(pairs[0][1])
    if answers is None:
        known = ", ".join(name for name in loaded.answers if name)
        raise _invalid_query("segmentation", f"there is none of that name, but {known}")
    return answers


async def read_customers(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive
) -> tuple[dict[str, Any] | list[Any], bytes]:
    """Read the body: one customer, or a list of them.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        The request's headers, names in lower case.
    receive : callable
        The ASGI channel of the request.

    Returns
    -------
    content : dict or list
        What the JSON says.
    body : bytes
        The JSON itself.

    Raises
    ------
    ProblemError
        If the body is too large, too slow, of another type, no JSON, or no customer.
    ClientDisconnect
        If the client hangs up.
    """
    _check_type(headers)
    body = await _read_body(receive)
    try:
        content = parse_json(body)
    except InvalidJsonError as error:
        raise ProblemError(
            400, "invalid-json", "The body is not valid JSON", f"{error}"
        ) from None
    if isinstance(content, list):
        if len(content) > MOST_CUSTOMERS:
            raise ProblemError(
                413,
                "too-many-customers",
                "The list is too long",
                f"it has {len(content):,} customers; at most {MOST_CUSTOMERS:,} are "
                "assigned at once",
            )
        return content, body
    if not isinstance(content, dict):
        wrong = FieldError(field=None, detail="it must be an object or a list of them")
        raise invalid_customers([(None, wrong)], 1)
    return content, body


def invalid_customers(
    errors: list[tuple[int | None, FieldError]], n_invalid: int
) -> ProblemError:
    """Return the refusal of customers, with what is wrong with each field."""
    described = [describe_error(error, position) for position, error in errors]
    more = f" ({n_invalid:,} customers in all)" if n_invalid > 1 else ""
    return ProblemError(
        422,
        "invalid-customer",
        "A customer cannot be assigned",
        f"{_name(described[0])}{described[0]['detail']}{more}; nothing was assigned",
        errors=described,
    )


def _name(described: Mapping[str, Any]) -> str:
    return f"{described['field']}: " if "field" in described else ""


def _invalid_query(name: str, detail: str) -> ProblemError:
    shown = name[:100]
    return ProblemError(
        422,
        "invalid-query",
        "The query cannot be understood",
        f"{shown}: {detail}",
        errors=[{"detail": detail, "field": shown, "pointer": "#"}],
    )


def _check_type(headers: Iterable[tuple[bytes, bytes]]) -> None:
    content_type, encoding = b"", b"identity"
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-encoding":
            encoding = value
    if content_type != _JSON and not _is_json(content_type.decode("latin-1")):
        raise ProblemError(
            415,
            "unsupported-type",
            "The body is of another type",
            "send application/json in UTF-8",
            headers={"accept": "application/json", **_CLOSE},
        )
    if encoding.lower() != b"identity":
        raise ProblemError(
            415,
            "unsupported-encoding",
            "The body is compressed",
            "send it as it is",
            headers={"accept-encoding": "identity", **_CLOSE},
        )


def _is_json(content_type: str) -> bool:
    essence, _, parameters = content_type.lower().partition(";")
    charset = parameters.replace(" ", "")
    return essence.strip() == "application/json" and charset in (
        "",
        "charset=utf-8",
        'charset="utf-8"',
    )


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    n_bytes = 0
    is_whole = False
    try:
        async with asyncio.timeout(MOST_BODY_SECONDS):
            while not is_whole and n_bytes <= _MOST_DRAINED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                n_bytes += len(chunk)
                if n_bytes <= MOST_BODY_BYTES:
                    chunks.append(chunk)
                is_whole = not message.get("more_body", False)
    except TimeoutError:
        raise ProblemError(
            408,
            "slow-body",
            "The body came too slowly",
            f"all of it must be there within {MOST_BODY_SECONDS:g} seconds",
            headers=_CLOSE,
        ) from None
    if n_bytes > MOST_BODY_BYTES:
        raise ProblemError(
            413,
            "large-body",
            "The body is too large",
            f"at most {MOST_BODY_BYTES:,} bytes are read",
            headers=_CLOSE,
        )
    return b"".join(chunks)
