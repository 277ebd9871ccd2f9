"""A Postgres of the tests' own, in a temporary folder and on a free local port."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Postgres refuses to run as root, so root hands over to the user its packages make.
_AS_SERVER = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()


@dataclass(frozen=True)
class Server:
    """A running server, whose superuser signs in with a password."""

    port: int
    password: str

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="mall_segments_postgres_"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = Server(free.getsockname()[1], secrets.token_hex(8))
    (folder / "password").write_text(found.password)
    if _AS_SERVER:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    run("initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--no-sync",
        "--auth=scram-sha-256", f"--pwfile={folder / 'password'}")  # fmt: skip
    options = (
        f"-p {found.port} -c listen_addresses=127.0.0.1 -c fsync=off "
        f"-c unix_socket_directories={folder}"
    )
    run("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", options,
        "start")  # fmt: skip
    yield found
    run("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The address of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def run(program: str, *arguments: object) -> None:
    """Run a program of the newest Postgres there is."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2])
    )
    found = shutil.which(program, path=str(folders[-1]) if folders else None)
    assert found, f"{program} is missing: install the package postgresql"
    subprocess.run(
        [*_AS_SERVER, found, *map(str, arguments)],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
