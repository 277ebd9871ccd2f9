"""An access log that holds no personal data: no address, no values, no query."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from typing import Any, Final

MOST_WAITING: Final = 20_000

_SECONDS_BETWEEN_WRITES: Final = 0.5

_logger = logging.getLogger("uvicorn.error")


class AccessLog:
    """Lines of JSON, written by a thread of their own, so that nobody waits for them.

    Lines that cannot be written, because the reader stands still or went away, are
    dropped; the log of the server says so once.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._lines: deque[dict[str, Any]] = deque()
        self._is_whole = True
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, line: dict[str, Any]) -> None:
        """Add the line of one request."""
        if len(self._lines) < MOST_WAITING:
            self._lines.append(line)
        else:
            self._drop("nobody reads it")

    def close(self, *, seconds: float = 1.0) -> None:
        """Write what waits, but do not wait longer than some seconds for its reader."""
        self._is_over.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._is_over.wait(_SECONDS_BETWEEN_WRITES):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        rest = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        try:
            # Not by `sys.stdout`, whose lock would keep the process from ending.
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self._drop(error.strerror or "it cannot be written")

    def _drop(self, reason: str) -> None:
        if self._is_whole:
            self._is_whole = False
            _logger.error("Lines of the access log are lost: %s", reason)
