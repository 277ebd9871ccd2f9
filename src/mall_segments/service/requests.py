"""Take a request apart, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from mall_segments.scoring.records import FieldError, InvalidJsonError, parse_json
from mall_segments.service.problems import ProblemError, describe_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mall_segments.service.answers import Answers
    from mall_segments.service.store import LoadedModel

MOST_BODY_BYTES: Final = 2 * 2**20
MOST_CUSTOMERS: Final = 10_000
MOST_BODY_SECONDS: Final = 10.0

# What is still read of a body that is too large, so that its sender reads the answer.
_MOST_DRAINED_BYTES: Final = 8 * MOST_BODY_BYTES
_CLOSE: Final = {"connection": "close"}


def chosen_answers(request: Request, loaded: LoadedModel) -> Answers:
    """Return the answers of the segmentation that the query names.

    Raises
    ------
    ProblemError
        If the query names another parameter, two segmentations, or an unknown one.
    """
    query = request.scope["query_string"]
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


async def read_customers(request: Request) -> tuple[dict[str, Any] | list[Any], bytes]:
    """Read the body: one customer, or a list of them.

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
    """
    _check_type(request.headers)
    body = await _read_body(request)
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


def _check_type(headers: Mapping[str, str]) -> None:
    essence, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").lower()
    if essence.strip().lower() != "application/json" or charset not in (
        "",
        "charset=utf-8",
        'charset="utf-8"',
    ):
        raise ProblemError(
            415,
            "unsupported-type",
            "The body is of another type",
            "send application/json in UTF-8",
            headers={"accept": "application/json", **_CLOSE},
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(
            415,
            "unsupported-encoding",
            "The body is compressed",
            "send it as it is",
            headers={"accept-encoding": "identity", **_CLOSE},
        )


async def _read_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(MOST_BODY_SECONDS):
            async for chunk in request.stream():
                n_bytes += len(chunk)
                if n_bytes > _MOST_DRAINED_BYTES:
                    break
                if n_bytes <= MOST_BODY_BYTES:
                    chunks.append(chunk)
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
