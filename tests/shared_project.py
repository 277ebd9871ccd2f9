"""The dbt project as tests run it: where it stands or copied, in a home of its own."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PROJECT = Path(__file__).parents[1]
DBT = Path(sys.executable).with_name("dbt")
MALL_SEGMENTS = Path(sys.executable).with_name("mall-segments")

# Data that is not the project's own stands beside it; tests of it need it there.
SHARED = next(
    (each / "shared" for each in PROJECT.parents if (each / "shared").is_dir()),
    PROJECT.parent / "shared",
)

# Each run of dbt is a process of its own, forked from one that has already imported
# what dbt and the models take seconds to import.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "dbt.cli.main",
        "dbt.adapters.duckdb.impl",
        "mall_segments.clustering.algorithms",
        "mall_segments.intake.dbt_plugin",
        "pyarrow",
    ]
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

    def run(self, *arguments: str) -> Ran:
        """Run dbt and answer what it printed, whether or not it succeeded."""
        return run_dbt(
            self.path,
            arguments,
            MALL_SEGMENTS_HOME=self.home,
            DBT_TARGET_PATH=self.home / "target",
            DBT_LOG_PATH=self.home / "logs",
        )

    def build(self, *arguments: str) -> str:
        """Run ``dbt build``, which must succeed; answer what it printed."""
        ran = self.run("build", *arguments)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout


@dataclass(frozen=True)
class Ran:
    """How a run of dbt ended, and all that it printed."""

    returncode: int | None
    stdout: str


def run_dbt(folder: Path, arguments: Iterable[str], **variables: object) -> Ran:
    """Run dbt in a folder, with these variables in its environment."""
    environment = os.environ | {name: str(each) for name, each in variables.items()}
    with tempfile.NamedTemporaryFile() as output:
        process = _FORKS.Process(
            target=_dbt, args=(folder, [*arguments], environment, output.name)
        )
        process.start()
        process.join()
        return Ran(process.exitcode, output.read().decode())


def _dbt(
    folder: Path, arguments: list[str], environment: dict[str, str], output: str
) -> None:
    """Be the process of dbt."""
    from dbt.cli.main import cli  # noqa: PLC0415 - heavy, and imported already

    with Path(output).open("wb") as file:
        os.dup2(file.fileno(), sys.__stdout__.fileno())
        os.dup2(file.fileno(), sys.__stderr__.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    cli(["--no-use-colors", *arguments], prog_name="dbt")


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
