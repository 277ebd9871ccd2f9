"""What several test folders share: the project, and homes it was built in."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from shared_project import PROJECT, Project, copy_project, made_once

# How long a test of a file that does not say it takes, in seconds.
QUICK = 0.2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the quick ones then let all end at once.

    A process that runs tests takes a file in whole, so that what the tests of a file
    share is made once, and the next one when it is done.
    """
    quick, slow = Counter[Path](), Counter[Path]()
    for item in items:
        quick[item.path] += QUICK
        for marker in item.iter_markers("slow"):
            slow[item.path] = max(slow[item.path], marker.kwargs.get("seconds", 10))
    items.sort(key=lambda item: -(quick[item.path] + slow[item.path]))


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
