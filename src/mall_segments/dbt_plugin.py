"""The dbt-duckdb plugin: one build at a time, with the package's functions in SQL."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from mall_segments.errors import MallSegmentsError
from mall_segments.functions import register_functions

if TYPE_CHECKING:
    import duckdb
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

# dbt may open the database several times in one process; the lock is taken once, and
# the system releases it however the process ends.
_LOCKS: dict[Path, IO[str]] = {}


class Plugin(BasePlugin):
    """Locks the working database for this process and registers the functions."""

    def update_connection_config(
        self,
        creds: DuckDBCredentials,
        config: dict[str, Any],  # noqa: ARG002
    ) -> None:
        """Make the database's folder and take its lock.

        Raises
        ------
        DbtRuntimeError
            If another process builds in the same folder.
        """
        folder = Path(creds.path).absolute().parent
        if folder in _LOCKS:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("w")
        except OSError as error:
            raise DbtRuntimeError(
                f"The working folder {folder} cannot be written: {error.strerror}. "
                "MALL_SEGMENTS_HOME moves it."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DbtRuntimeError(
                f"Another build is working in {folder}; wait until it ends, or set "
                "MALL_SEGMENTS_HOME to build elsewhere."
            ) from None
        _LOCKS[folder] = lock

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions, and let refusals be read without a stack."""
        MallSegmentsError.hides_stack = True
        register_functions(conn)
