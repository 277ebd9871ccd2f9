"""Write lines of text by several queries at a time, in their order.

The engine writes what it joins, in order, on one processor only. So the rows are cut
into parts, each written by a query of its own through a pipe to its place in the file:
how many bytes come before it is known, since lengths are summed up sooner than texts
are put together.
"""

from __future__ import annotations

import fcntl
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PIPE_SIZE: Final = 2**20
_PIECE: Final = 2**18
_SECONDS_BETWEEN_INTERRUPTS: Final = 0.1


def copy_rows(
    connection: duckdb.DuckDBPyConnection, query: str, path: str, options: str
) -> int:
    """Write the rows of a query, in their order; answer how many there were.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection.
    query : str
        The SQL of the rows.
    path : str
        The file to write.
    options : str
        How the engine is to write them, its format first.

    Returns
    -------
    int
        The rows written.

    Raises
    ------
    duckdb.Error
        If the query fails, or the file cannot be written.
    """
    # The engine would keep back what is left of few rows, and let others pass.
    connection.execute("set enable_caching_operators = false")
    copied = connection.execute(
        f"copy ({query}) to {quote_text(path)} "
        f"({options}, use_tmp_file false, preserve_order true)"
    ).fetchall()
    return int(copied[0][0])


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines of a file.

    Attributes
    ----------
    text : str
        The SQL that spells a row as a line, without its end; never null, never empty.
    n_bytes : str
        The SQL of the bytes of these texts together: an aggregate, 0 without rows.
        Not looked at if there is one part.
    parts : sequence of str
        The SQL that follows ``from`` for each part of the rows, at least one.
    order : str
        What follows to have the rows of a part in their order.
    header : str
        The first line of the file; none if empty.
    """

    text: str
    n_bytes: str
    parts: Sequence[str]
    order: str = ""
    header: str = ""

    def write(self, connection: duckdb.DuckDBPyConnection, path: Path) -> int:
        """Write the file.

        Parameters
        ----------
        connection : duckdb.DuckDBPyConnection
            The connection; the first part is written by it, so that it knows the
            progress.
        path : Path
            The file, which exists. If there is one part, anything that can be written.

        Returns
        -------
        int
            The rows written.

        Raises
        ------
        duckdb.Error
            If a query fails.
        OSError
            If the file cannot be written.
        """
        if len(self.parts) == 1:
            return self._copy(connection, 0, str(path))
        starts = self._starts(connection)
        pumps: list[Future[int]] = []
        try:
            with ExitStack() as stack:
                target = stack.enter_context(path.open("r+b", buffering=0))
                threads = stack.enter_context(ThreadPoolExecutor(2 * len(starts)))
                pipes = []
                for start in starts:
                    reading, writing = _pipe()
                    pipes.append(stack.enter_context(os.fdopen(writing, "wb", 0)))
                    pumps.append(threads.submit(_pump, reading, target.fileno(), start))
                cursors = [stack.enter_context(connection.cursor()) for _ in starts[1:]]

                def write(cursor: duckdb.DuckDBPyConnection, part: int) -> int:
                    with pipes[part] as pipe:
                        return self._copy(cursor, part, f"/dev/fd/{pipe.fileno()}")

                others = [
                    threads.submit(write, cursor, part)
                    for part, cursor in enumerate(cursors, start=1)
                ]
                # Once one fails, the others need not go on.
                stack.callback(_end, others, cursors)
                n_rows = write(connection, 0) + sum(each.result() for each in others)
        except duckdb.Error:
            # It may know no more than that nobody reads its pipe.
            for pump in pumps:
                pump.result()
            raise
        ends = [pump.result() for pump in pumps]
        if ends[:-1] != starts[1:]:
            raise AssertionError(
                f"parts end at {ends}, not where others start: {starts}"
            )
        return n_rows

    def _copy(self, connection: duckdb.DuckDBPyConnection, part: int, path: str) -> int:
        name = quote_identifier(self.header or "line")
        return copy_rows(
            connection,
            f"select {self.text} as {name} from {self.parts[part]} {self.order}",  # noqa: S608
            path,
            "format csv, quote '', escape '', "
            f"header {bool(self.header) and part == 0}",
        )

    def _starts(self, connection: duckdb.DuckDBPyConnection) -> list[int]:
        """Return where in the file each part starts."""
        n_bytes = [
            int(
                connection.execute(
                    f"select {self.n_bytes} + count(*) from {part}"  # noqa: S608
                ).fetchall()[0][0]
            )
            for part in self.parts[:-1]
        ]
        if self.header:
            n_bytes[0] += len(f"{self.header}\n".encode())
        return list(accumulate(n_bytes, initial=0))


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe that holds as much as it may."""
    reading, writing = os.pipe()
    if sys.platform == "linux":
        # A user with very many pipes gets small ones, which are only slower.
        with suppress(PermissionError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return reading, writing


def _pump(source: int, target: int, place: int) -> int:
    """Write what comes through a pipe to a place in a file; return where it ends."""
    piece = memoryview(bytearray(_PIECE))
    with os.fdopen(source, "rb", 0) as pipe:
        while n_read := pipe.readinto(piece):
            n_written = 0
            while n_written < n_read:
                n_written += os.pwrite(
                    target, piece[n_written:n_read], place + n_written
                )
            place += n_read
    return place


def _end(
    writing: Sequence[Future[int]], cursors: Sequence[duckdb.DuckDBPyConnection]
) -> None:
    """End what is still written; a cursor cannot be told so before its query runs."""
    while wait(writing, timeout=0).not_done:
        for part, cursor in zip(writing, cursors, strict=True):
            if not part.cancel():
                cursor.interrupt()
        wait(writing, timeout=_SECONDS_BETWEEN_INTERRUPTS)
