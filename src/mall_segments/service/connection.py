"""Connections of uvicorn that end where nobody sends or reads.

uvicorn times idle connections only: it waits for ever for the rest of a request's
headers, takes any number of them, and holds answers that nobody reads. Nor does its
parser go on after an offer of HTTP/2 (``Upgrade: h2c``), which a server may ignore and
Java's client makes by default. No setting changes that, so this class does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mall_segments.service.problems import CLOSE, ProblemError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

MOST_HEADER_BYTES: Final = 64 * 2**10
MOST_HEADER_SECONDS: Final = 10.0
MOST_BODY_SECONDS: Final = 10.0
MOST_UNREAD_SECONDS: Final = 30.0

_SLOW_BODY: Final = ProblemError(
    408,
    "slow-body",
    "The body came too slowly",
    f"all of it must be there within {MOST_BODY_SECONDS:g} seconds",
    headers=CLOSE,
)


class PatientProtocol(HttpToolsProtocol):
    """Waits for requests, and for their answers to be read, but not for ever."""

    _receiving: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _n_bytes: int = 0

    def connection_made(  # type: ignore[override]  # as in the class it extends
        self, transport: asyncio.Transport
    ) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._receive_within(MOST_HEADER_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; those of headers, trailers and chunk sizes are counted."""
        self._unset_keepalive_if_required()
        if self._receiving is None:
            self._receive_within(MOST_HEADER_SECONDS, self.transport.abort)
        self._n_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._begin_again(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
        if self._n_bytes > MOST_HEADER_BYTES:
            self._refuse("The request's headers are too long.")

    def on_headers_complete(self) -> None:
        """Begin the body, unless the request is to be read again."""
        if not self.parser.should_upgrade():
            self._receive_within(MOST_BODY_SECONDS, self._refuse_slow_body)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which has a limit of its own."""
        self._n_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if not self.parser.should_upgrade():
            self._stop_receiving()
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._read_within(MOST_UNREAD_SECONDS)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on, as the client has read."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Let a connection that is closed have some time for its last bytes."""
        super().on_response_complete()
        if self.transport.is_closing() and self._sending is None:
            self._read_within(MOST_UNREAD_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, even one that has not read the last answer."""
        self._read_within(MOST_UNREAD_SECONDS)
        super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_receiving()
        super().connection_lost(exc)
        if self._sending is not None:
            self._sending.cancel()

    def _begin_again(self, rest: bytes) -> None:
        """Read a request again without its offer to speak another protocol."""
        method = self.parser.get_method()
        self.parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self._refuse("CONNECT is not supported.")
            return
        kept = [
            each for each in self.headers if each[0] not in (b"upgrade", b"connection")
        ]
        lines = [method + b" " + self.url + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in kept]
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _refuse(self, reason: str) -> None:
        if not self.transport.is_closing():
            self.send_400_response(reason)
            self._read_within(MOST_UNREAD_SECONDS)

    def _refuse_slow_body(self) -> None:
        if self.cycle.response_started:
            self.transport.abort()
            return
        response = _SLOW_BODY.response()
        lines = [name + b": " + value for name, value in response.raw_headers]
        head = STATUS_LINE[response.status_code] + b"\r\n".join(lines)
        self.transport.write(head + b"\r\n\r\n" + response.body)
        self.transport.close()
        self._read_within(MOST_UNREAD_SECONDS)

    def _receive_within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
        self._receiving = self.loop.call_later(seconds, otherwise)

    def _stop_receiving(self) -> None:
        self._n_bytes = 0
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _read_within(self, seconds: float) -> None:
        if self._sending is None:
            self._sending = self.loop.call_later(seconds, self.transport.abort)
