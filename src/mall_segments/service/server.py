"""Run the service on uvicorn, with limits on what a connection may take."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final, NoReturn

import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mall_segments.home import HOME_VARIABLE
from mall_segments.service.app import ACCESS_LOG_VARIABLE, app_of_environment
from mall_segments.service.metrics import MULTIPROCESS_VARIABLE

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

MOST_HEADER_BYTES: Final = 64 * 2**10
MOST_HEADER_SECONDS: Final = 10.0

_SECONDS_KEPT_ALIVE: Final = 15
_SECONDS_TO_FINISH: Final = 15


class PatientProtocol(HttpToolsProtocol):
    """Waits for a request's headers, but not for ever, and not for any number."""

    _waiting: asyncio.TimerHandle | None = None
    _n_bytes: int = 0
    _is_in_body: bool = False

    def connection_made(  # type: ignore[override]  # as in the class it extends
        self, transport: asyncio.Transport
    ) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes, and wait for the rest if they end within headers.

        A request may be answered before its body has come; what still comes of it is
        no header.
        """
        if not self._is_answering() and not self._is_in_body:
            self._n_bytes += len(data)
        super().data_received(data)
        if self._is_answering() or self.transport.is_closing():
            self._stop_waiting()
        elif self._n_bytes > MOST_HEADER_BYTES:
            self._stop_waiting()
            self.send_400_response("The request's headers are too long.")
        elif self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begin the body."""
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body."""
        self._is_in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(MOST_HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        self._n_bytes = 0
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def run_service(
    home: Path, *, host: str, port: int, n_workers: int, has_access_log: bool
) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    host, port : str, int
        Where to listen.
    n_workers : int
        How many processes answer. Each holds its own copy of the model.
    has_access_log : bool
        Whether requests are logged to the standard output.
    """
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[ACCESS_LOG_VARIABLE] = "yes" if has_access_log else ""
    # uvicorn ends what it has begun and raises the signal again.
    signal.signal(signal.SIGTERM, _exit)
    with tempfile.TemporaryDirectory(prefix="mall-segments-metrics-") as folder:
        if n_workers > 1:
            os.environ[MULTIPROCESS_VARIABLE] = folder
        uvicorn.run(
            f"{app_of_environment.__module__}:{app_of_environment.__name__}",
            factory=True,
            host=host,
            port=port,
            workers=n_workers,
            http=PatientProtocol,
            ws="none",
            log_config=_log_config(),
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_SECONDS_KEPT_ALIVE,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )


def _exit(*_: object) -> NoReturn:
    sys.exit(0)


def _log_config() -> dict[str, Any]:
    config = dict(LOGGING_CONFIG)
    # uvicorn's own access log names the address and the query of whoever asks.
    config["loggers"] = {
        name: logger
        for name, logger in LOGGING_CONFIG["loggers"].items()
        if name != "uvicorn.access"
    }
    return config
