"""Running services for the tests, on ports of 127.0.0.1 that were free."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from running_service import RunningService
from served_model import model_content, publish_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the reference model is published."""
    home = tmp_path / "home"
    publish_model(home, model_content())
    return home


@pytest.fixture
def service(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    """A service of its own, for tests that publish or damage models."""
    # What it does at a look, not how long it waits for one, is tested.
    monkeypatch.setattr("mall_segments.service.app.SECONDS_BETWEEN_LOOKS", 0.1)
    with RunningService(home) as running:
        yield running


@pytest.fixture(scope="module")
def shared_service(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    """A service that serves the reference model to a whole module."""
    home = tmp_path_factory.mktemp("service") / "home"
    publish_model(home, model_content())
    with RunningService(home) as running:
        yield running


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
