"""What several test folders share: the project, and homes it was built in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from shared_project import PROJECT, Project, copy_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the shipped data was built twice; only to be read."""
    project = Project(PROJECT, tmp_path_factory.mktemp("published_home"))
    project.build()
    project.build()
    return project.home


@pytest.fixture
def project(tmp_path: Path, published_home: Path) -> Project:
    """A copy of the project that a test may change, with nothing built yet."""
    home = tmp_path / "home"
    # A parsed project saves each dbt command some seconds.
    shutil.copytree(published_home / "target", home / "target")
    return Project(copy_project(tmp_path / "project"), home)
