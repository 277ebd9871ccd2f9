"""An access log that holds no personal data: no address, no values, no query."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

_logger = logging.getLogger("uvicorn.error")


class AccessLog:
    """Lines of JSON; what cannot be written at once is dropped, so nobody waits.

    The log of the server says once that lines are lost.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._is_whole = True
        os.set_blocking(descriptor, False)

    def add(self, line: dict[str, Any]) -> None:
        """Write the line of one request."""
        try:
            os.write(self._descriptor, json.dumps(line).encode() + b"\n")
        except OSError as error:
            if self._is_whole:
                self._is_whole = False
                _logger.warning("Lines of the access log are lost: %s", error.strerror)

    def close(self) -> None:
        """Leave the descriptor as others expect it."""
        os.set_blocking(self._descriptor, True)
