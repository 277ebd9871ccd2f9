"""What several test folders share: the project, and homes it was built in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from shared_project import PROJECT, Project, copy_project, made_once

if TYPE_CHECKING:
    from pathlib import Path


# How long a slow test takes that does not say it.
SECONDS = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, dealt out to the processes that run tests.

    Each of them is given as many tests that follow each other, and who is done takes
    over the last ones of another: what is quick then lets all end at once.
    """
    n_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = sorted(filter(seconds, items), key=seconds, reverse=True)
    quick = [item for item in items if not seconds(item)]
    n_left = len(items)
    dealt: list[pytest.Item] = []
    for process in range(n_processes):
        given = slow[process::n_processes]
        n_given = n_left // (n_processes - process)
        n_quick = max(0, n_given - len(given))
        dealt += [*given, *quick[:n_quick]]
        quick = quick[n_quick:]
        n_left -= n_given
    items[:] = [*dealt, *quick]


def seconds(item: pytest.Item) -> int:
    """Estimate how long a test takes; what is not slow takes no time."""
    marker = item.get_closest_marker("slow")
    return 0 if marker is None else marker.kwargs.get("seconds", SECONDS)


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the shipped data was built twice; only to be read.

    All processes that run tests share it; who runs dbt in it does so alone, see
    `alone_with`.
    """

    def make(home: Path) -> None:
        home.mkdir()
        project = Project(PROJECT, home)
        project.build()
        project.build()

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return made_once(folder / "published_home", make)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the project that a test may change, with nothing built yet."""
    home = tmp_path / "home"
    home.mkdir()
    return Project(copy_project(tmp_path / "project"), home)
