"""The dbt project as tests run it: where it stands or copied, in a home of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[1]
DBT = Path(sys.executable).with_name("dbt")
MALL_SEGMENTS = Path(sys.executable).with_name("mall-segments")

# Data that is not the project's own stands beside it; tests of it need it there.
SHARED = next(
    (each / "shared" for each in PROJECT.parents if (each / "shared").is_dir()),
    PROJECT.parent / "shared",
)

# What dbt reads; the Python package is installed and needs no copy.
PROJECT_PARTS = (
    "dbt_project.yml",
    "selectors.yml",
    "profiles.yml",
    "analyses",
    "macros",
    "models",
    "python_models",
    "seeds",
    "snapshots",
    "src/mall_segments/sql",
    "tests/data",
)


@dataclass(frozen=True)
class Project:
    """A dbt project, with a home of its own to build in."""

    path: Path
    home: Path

    @property
    def published(self) -> Path:
        """The folder BI tools read."""
        return self.home / "published" / "current"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt and answer what it printed, whether or not it succeeded."""
        return subprocess.run(
            [DBT, "--no-use-colors", *arguments],
            cwd=self.path,
            env=os.environ
            | {
                "MALL_SEGMENTS_HOME": str(self.home),
                "DBT_TARGET_PATH": str(self.home / "target"),
                "DBT_LOG_PATH": str(self.home / "logs"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, *arguments: str) -> str:
        """Run ``dbt build``, which must succeed; answer what it printed."""
        result = self.run("build", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder once for all processes that run tests; who comes later waits."""
    made = folder.with_suffix(".made")
    with alone_with(folder):
        if not made.exists():
            make(folder)
            made.touch()
    return folder


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """Keep other processes that run tests, and ask for the same, waiting."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_project(folder: Path) -> Path:
    """Copy what dbt reads, so that a test may change it."""
    for part in PROJECT_PARTS:
        source, target = PROJECT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(source, target)
    return folder
