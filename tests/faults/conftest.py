"""Fault tests: real builds, killed, starved, doubled and fed with violations.

``make faults`` runs them and nothing else. ``MALL_SEGMENTS_FAULT_TRIALS`` scales what
is repeated: 200 by default, which tries 200 random moments and plants every violation.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from builds import (
    BuildServer,
    Nodes,
    artefacts,
    check_published,
    copy_home,
    start_server,
)
from shared_project import made_once

if TYPE_CHECKING:
    from collections.abc import Generator

# Where the one server of all processes that run tests is.
SERVER_FOLDER = "MALL_SEGMENTS_BUILD_SERVER"


@pytest.fixture(scope="session")
def n_trials() -> int:
    return int(os.environ.get("MALL_SEGMENTS_FAULT_TRIALS", "200"))


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Start the server once, before the processes that run tests, and end it last."""
    if config.option.collectonly or SERVER_FOLDER in os.environ:
        return (yield)
    with TemporaryDirectory() as folder:
        server = start_server(Path(folder))
        os.environ[SERVER_FOLDER] = folder
        try:
            return (yield)
        finally:
            server.terminate()
            server.wait()


@pytest.fixture(scope="session")
def server() -> BuildServer:
    return BuildServer(Path(os.environ[SERVER_FOLDER]))


@pytest.fixture(scope="session")
def built_home(server: BuildServer) -> Path:
    """A home in which everything was built twice; only to be read."""

    def make(home: Path) -> None:
        for _ in range(2):
            succeeded, output = server.build(home)
            assert succeeded, output
        check_published(home, "")

    return made_once(server.folder / "built", make)


@pytest.fixture(scope="session")
def manifest(built_home: Path) -> Nodes:
    path = artefacts(built_home) / "manifest.json"
    found: Nodes = json.loads(path.read_text())["nodes"]
    return found


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A home with two published generations."""
    return copy_home(built_home, tmp_path / "home")
