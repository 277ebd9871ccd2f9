"""An access log that holds no personal data: no address, no values, no query."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class AccessLog:
    """Lines of JSON, kept for a moment and written together.

    Parameters
    ----------
    stream : text file, optional
        Where lines go; the standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lines: list[str] = []

    def add(
        self,
        *,
        method: str,
        route: str,
        status: int,
        seconds: float,
        n_customers: int,
        build_id: str | None,
    ) -> None:
        """Add the line of one request.

        Parameters
        ----------
        method, route : str
            What was asked for; the route is one of the service's own names.
        status : int
            The HTTP status.
        seconds : float
            How long it took.
        n_customers : int
            How many customers were assigned.
        build_id : str or None
            The generation that answered.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            "customers": n_customers,
            "build_id": build_id,
        }
        self._lines.append(json.dumps(line))

    def flush(self) -> None:
        """Write the lines added since the last time."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
