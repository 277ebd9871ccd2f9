"""Fault tests: real builds, killed, starved, doubled and fed with violations.

``make faults`` runs them. ``MALL_SEGMENTS_FAULT_TRIALS`` scales what is repeated: 200
by default, which tries 200 random moments and plants every violation.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from builds import BuildServer, check_published, copy_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def n_trials() -> int:
    return int(os.environ.get("MALL_SEGMENTS_FAULT_TRIALS", "200"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildServer]:
    server = BuildServer(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def built_home(server: BuildServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which everything was built twice; only to be read."""
    home = tmp_path_factory.mktemp("built") / "home"
    for _ in range(2):
        succeeded, output = server.build(home)
        assert succeeded, output
    check_published(home, "")
    return home


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A home with two published generations."""
    return copy_home(built_home, tmp_path / "home")
