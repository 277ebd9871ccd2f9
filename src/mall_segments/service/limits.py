"""Bound what a request may hold, before anything reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from mall_segments.service.problems import CLOSE, ProblemError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_BODY_BYTES: Final = 2 * 2**20

# What is still read of a body that is too large, so that its sender reads the answer.
_MOST_DRAINED_BYTES: Final = 8 * MOST_BODY_BYTES

# Servers and proxies would not agree on which of two values counts.
_GIVEN_ONCE: Final = frozenset(
    {b"host", b"content-type", b"content-encoding", b"content-length"}
)


class LimitsMiddleware:
    """Refuses ambiguous headers and bodies that are too large.

    It reads the whole body, which is ``request.state.body`` from then on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose headers and body are within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_headers(scope)
            scope["state"]["body"] = await _read(receive)
        except ProblemError as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    n_bytes, is_whole = 0, False
    while not is_whole and n_bytes <= _MOST_DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        n_bytes += len(message["body"])
        is_whole = not message["more_body"]
        if n_bytes <= MOST_BODY_BYTES:
            body += message["body"]
    if n_bytes > MOST_BODY_BYTES:
        raise ProblemError(
            413,
            "large-body",
            "The body is too large",
            f"at most {MOST_BODY_BYTES:,} bytes are read",
            headers=CLOSE,
        )
    return bytes(body)


def _check_headers(scope: Scope) -> None:
    seen = set()
    for name, _ in scope["headers"]:
        if name in _GIVEN_ONCE and name in seen:
            raise _ambiguous(f"{name.decode()} is given twice")
        seen.add(name)
    if b"host" not in seen and scope["http_version"] != "1.0":
        raise _ambiguous("host is missing")


def _ambiguous(detail: str) -> ProblemError:
    return ProblemError(
        400, "invalid-headers", "The headers are ambiguous", detail, headers=CLOSE
    )
