"""The working database: locked, made whole, and refused in one sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from dbt_common.exceptions import DbtRuntimeError

from mall_segments.intake import dbt_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(dbt_plugin, "_LOCKS", {})
    yield tmp_path / "warehouse" / "working.duckdb"
    for lock in dbt_plugin._LOCKS.values():
        lock.close()


def prepare(database: Path) -> None:
    """Do what dbt does before it opens the database."""
    plugin: Any = dbt_plugin.Plugin(name="mall_segments", plugin_config={})
    plugin.update_connection_config(SimpleNamespace(path=str(database)), {})


def test_a_build_finds_its_database_made(database: Path) -> None:
    prepare(database)
    with duckdb.connect(database) as connection:
        assert connection.execute("show tables").fetchall() == []
    names = {path.name for path in database.parent.iterdir()}
    assert names == {"working.duckdb", ".lock"}


@pytest.mark.parametrize("limit", [0, 4_096, 8_192])
def test_a_database_is_made_whole_or_not_at_all(database: Path, limit: int) -> None:
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Files that may not grow beyond a size fail as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old_limit[1]))
    try:
        with pytest.raises(DbtRuntimeError, match="File too large"):
            prepare(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
    assert not database.exists()

    prepare(database)
    duckdb.connect(database).close()


def test_a_folder_without_locks_is_named(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(DbtRuntimeError, match="cannot be written: No locks available"):
        prepare(database)


def test_a_size_of_memory_that_is_none_is_refused(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_MEMORY", "-1GB")
    with pytest.raises(DbtRuntimeError, match="MALL_SEGMENTS_MEMORY is '-1GB'; it mus"):
        prepare(database)
    assert not database.parent.exists()


def test_what_the_last_build_left_is_kept(database: Path) -> None:
    database.parent.mkdir()
    with duckdb.connect(database) as connection:
        connection.execute("create table history as select 1 as customer_id")
    prepare(database)
    with duckdb.connect(database) as connection:
        assert connection.execute("from history").fetchall() == [(1,)]


KILLED = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("create table drafts (r double check (abs(r) <= 1))")
connection.execute("insert into drafts values (0.5)")
connection.execute("comment on column drafts.r is 'A correlation.'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_build_logged_is_taken_over(database: Path) -> None:
    database.parent.mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(database)], check=False)
    log = database.with_name("working.duckdb.wal")
    assert log.exists()

    prepare(database)

    assert not log.exists()
    with duckdb.connect(database) as connection:
        assert connection.execute("from drafts").fetchall() == [(0.5,)]


def test_a_damaged_database_is_named_with_what_to_do(database: Path) -> None:
    database.parent.mkdir()
    database.write_text("no database")
    with pytest.raises(DbtRuntimeError, match="a damaged one may be deleted"):
        prepare(database)
    database.unlink()
    prepare(database)


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_a_database_that_somebody_else_opened_is_refused(database: Path) -> None:
    database.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DbtRuntimeError, match="Conflicting lock") as refusal:
            prepare(database)
        holder.stdin.close()
    assert "\n" not in refusal.value.msg
    assert refusal.value.msg.endswith(
        "Close it there, or set MALL_SEGMENTS_HOME to build elsewhere."
    )
    prepare(database)
