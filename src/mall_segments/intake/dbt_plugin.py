"""The dbt-duckdb plugin: one build at a time, with the package's functions in SQL."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from mall_segments.errors import InputError
from mall_segments.intake.functions import register_functions
from mall_segments.memory import memory_limit
from mall_segments.publishing.tables import quote_identifier, quote_text, reason

if TYPE_CHECKING:
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
        """Make the database's folder, take its lock and see that the database opens."""
        database = Path(creds.path).absolute()
        folder = database.parent
        if folder in _LOCKS:
            return
        try:
            memory_limit()
        except InputError as error:
            raise DbtRuntimeError(str(error)) from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                raise
        except BlockingIOError:
            raise DbtRuntimeError(
                f"Another build is working in {folder}; wait until it ends, or set "
                "MALL_SEGMENTS_HOME to build elsewhere."
            ) from None
        except OSError as error:
            raise DbtRuntimeError(
                f"The working folder {folder} cannot be written: {error.strerror}. "
                "MALL_SEGMENTS_HOME moves it."
            ) from None
        try:
            _open_once(database)
        except (OSError, duckdb.Error) as error:
            lock.close()
            raise DbtRuntimeError(
                f"The working database {database} cannot be opened: {reason(error)}. "
                f"{_remedy(error)}"
            ) from None
        _LOCKS[folder] = lock

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions that macros ask."""
        register_functions(conn)


def _remedy(error: Exception) -> str:
    if "Conflicting lock" in str(error):
        return "Close it there, or set MALL_SEGMENTS_HOME to build elsewhere."
    return (
        "MALL_SEGMENTS_HOME moves it; a damaged one may be deleted, for it holds "
        "nothing that is published."
    )


def _open_once(database: Path) -> None:
    """Open a database, made under another name first if there is none.

    DuckDB cannot open a file that a kill or a full disk left without its headers. And
    what a killed build logged but did not store yet, an engine takes over only once
    its functions are loaded: not while it starts with that database.
    """
    with duckdb.connect() as engine:
        if not database.exists():
            draft = database.with_name(f".{database.name}")
            draft.unlink(missing_ok=True)
            _attach_once(engine, draft, database.stem)
            draft.replace(database)
        _attach_once(engine, database, database.stem)


def _attach_once(engine: duckdb.DuckDBPyConnection, database: Path, name: str) -> None:
    alias = quote_identifier(name)
    engine.execute(f"ATTACH {quote_text(str(database))} AS {alias}")
    engine.execute(f"CHECKPOINT {alias}")
    engine.execute(f"DETACH {alias}")
