"""An access log that holds no personal data: no address, no values, no query."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from typing import Any, Final

MOST_WAITING: Final = 10_000

_logger = logging.getLogger("uvicorn.error")


class AccessLog:
    """Lines of JSON, written by a thread of their own, so that nobody waits for them.

    Lines that cannot be written, because the reader stands still or went away, are
    dropped; the log of the server says so once.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST_WAITING)
        self._is_whole = True
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def add(self, line: dict[str, Any]) -> None:
        """Add the line of one request."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._drop("nobody reads it")

    def close(self, *, seconds: float = 1.0) -> None:
        """Write what waits, but do not wait longer than some seconds for its reader."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _write(self) -> None:
        # Not by `sys.stdout`, whose lock would keep the process from ending.
        while (line := self._waiting.get()) is not None:
            rest = json.dumps(line).encode() + b"\n"
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                self._drop(error.strerror or "it cannot be written")

    def _drop(self, reason: str) -> None:
        if self._is_whole:
            self._is_whole = False
            _logger.error("Lines of the access log are lost: %s", reason)
