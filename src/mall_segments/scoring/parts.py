"""Write one file by several queries at a time."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from mall_segments.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

_BUFFER_SIZE: Final = 2**18
_PIECE: Final = 2**26
_SECONDS_BETWEEN_INTERRUPTS: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a query adds to a file.

    Attributes
    ----------
    query : str
        The SQL of the rows.
    options : str
        How the engine is to write them: its format, and whether with a header.
    """

    query: str
    options: str

    def write(self, connection: duckdb.DuckDBPyConnection, path: str) -> int:
        """Write it, in the order of the rows; answer how many there were."""
        copied = connection.execute(
            f"copy ({self.query}) to {quote_text(path)} "
            f"({self.options}, use_tmp_file false, preserve_order true)"
        ).fetchall()
        return int(copied[0][0])


def write_parts(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], path: Path
) -> int:
    """Write parts at the same time, and one after the other into one file.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection; the first part is written by it, so that it knows the progress.
    parts : sequence of Part
        The parts, at least one.
    path : Path
        The file to write.

    Returns
    -------
    int
        The rows written.

    Raises
    ------
    duckdb.Error
        If a query fails.
    OSError
        If a file cannot be written.
    """
    first, *others = parts
    with ExitStack() as stack:
        # They have no name, so that nothing is left of them whatever happens.
        files = [stack.enter_context(TemporaryFile(dir=path.parent)) for _ in others]
        cursors = [stack.enter_context(connection.cursor()) for _ in others]
        threads = stack.enter_context(ThreadPoolExecutor(len(parts)))
        writing = [
            threads.submit(part.write, cursor, f"/dev/fd/{file.fileno()}")
            for part, cursor, file in zip(others, cursors, files, strict=True)
        ]
        # Once one fails, the others need not go on.
        stack.callback(_end, writing, cursors)
        n_rows = first.write(connection, str(path))
        n_rows += sum(part.result() for part in writing)
        start = path.stat().st_size
        copying = []
        for file in files:
            size = os.fstat(file.fileno()).st_size
            copying += [
                threads.submit(_copy_piece, file.fileno(), at, path, start + at)
                for at in range(0, size, _PIECE)
            ]
            start += size
        for copied in copying:
            copied.result()
    return n_rows


def _end(
    writing: Sequence[Future[int]], cursors: Sequence[duckdb.DuckDBPyConnection]
) -> None:
    """End what is still written; a cursor cannot be told so before its query runs."""
    while wait(writing, timeout=0).not_done:
        for part, cursor in zip(writing, cursors, strict=True):
            if not part.cancel():
                cursor.interrupt()
        wait(writing, timeout=_SECONDS_BETWEEN_INTERRUPTS)


def _copy_piece(source: int, start: int, path: Path, place: int) -> None:
    """Copy up to `_PIECE` bytes from a place in a file to one in another."""
    with path.open("r+b") as target:
        target.seek(place)
        for at in range(start, start + _PIECE, _BUFFER_SIZE):
            target.write(os.pread(source, _BUFFER_SIZE, at))
