"""Take requests of one meaning: their headers, bodies of a bounded size, and JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Never

from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations.

from mall_segments.service.problems import CLOSE, ProblemError
from mall_segments.wording import shorten

JSON: Final = "application/json"
MOST_BODY_BYTES: Final = 2 * 2**20
MOST_BODY_SECONDS: Final = 10.0
MOST_CUSTOMERS: Final = 10_000

# Servers and proxies would not agree on which of two values counts.
_GIVEN_ONCE: Final = (b"host", b"content-type", b"content-encoding", b"content-length")

# What is still read of a body that is too large, so that its sender reads the answer.
_MOST_DRAINED_BYTES: Final = 8 * MOST_BODY_BYTES


async def refuse_ambiguous_headers(request: Request) -> None:
    """Refuse a request without a host, or with two values where one is to count."""
    names = [name for name, _ in request.scope["headers"]]
    is_missing = b"host" not in names and request.scope["http_version"] != "1.0"
    wrong = ["host is missing"] if is_missing else []
    wrong += [
        f"{name.decode()} is given twice"
        for name in _GIVEN_ONCE
        if names.count(name) > 1
    ]
    if wrong:
        raise ProblemError(
            400,
            "invalid-headers",
            "The headers are ambiguous",
            wrong[0],
            headers=CLOSE,
        )


async def read_json(request: Request) -> bytes:
    """Return a body that is JSON in UTF-8, as it is, and not too large."""
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() != JSON or charset not in ("", "charset=utf-8"):
        raise _unsupported("type", "of another type", "send application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("encoding", "compressed", "send it as it is")
    body, n_bytes = bytearray(), 0
    try:
        async with asyncio.timeout(MOST_BODY_SECONDS):
            async for chunk in request.stream():
                n_bytes += len(chunk)
                if n_bytes <= MOST_BODY_BYTES:
                    body += chunk
                elif n_bytes > _MOST_DRAINED_BYTES:
                    break
    except TimeoutError:
        raise ProblemError(
            408,
            "slow-body",
            "The body came too slowly",
            f"all of it must be there within {MOST_BODY_SECONDS:g} seconds",
            headers=CLOSE,
        ) from None
    if n_bytes > MOST_BODY_BYTES:
        raise ProblemError(
            413,
            "large-body",
            "The body is too large",
            f"at most {MOST_BODY_BYTES:,} bytes are read",
            headers=CLOSE,
        )
    return bytes(body)


def _unsupported(kind: str, what: str, advice: str) -> ProblemError:
    return ProblemError(
        415, f"unsupported-{kind}", f"The body is {what}", advice, headers=CLOSE
    )


def parse_json(body: bytes) -> Any:
    """Parse one customer or a list: no NaN, no key twice, not too deep.

    Examples
    --------
    >>> parse_json(b'[{"Age": 30}, null]')
    [{'Age': 30}, None]
    """
    try:
        content = json.loads(
            body.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise _invalid(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _invalid(f"{error.msg}: char {error.pos}") from None
    except RecursionError:
        raise _invalid("it is nested too deeply") from None
    except ValueError:
        raise _invalid("it holds a number of too many digits") from None
    if isinstance(content, list) and len(content) > MOST_CUSTOMERS:
        raise ProblemError(
            413,
            "too-many-customers",
            "The list is too long",
            f"it has more than {MOST_CUSTOMERS:,} customers, "
            "which are assigned at once",
        )
    return content


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise _invalid(f"it names the key {shorten(twice)} twice")
    return content


def _refuse_constant(constant: str) -> Never:
    raise _invalid(f"it holds {constant}, which is not a number")


def _invalid(detail: str) -> ProblemError:
    return ProblemError(400, "invalid-json", "The body is not valid JSON", detail)
