"""The wheel, installed where nothing else is, does what the commands promise."""

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from example_model import write_example_model

PROJECT = Path(__file__).parents[2]
SEED = PROJECT / "seeds" / "Mall_Customers.csv"
UV = Path(sys.executable).with_name("uv")


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, where no project is and nothing is set."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "MALL_SEGMENTS", "VIRTUAL_ENV"))
    }
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, for building leaves files beside the source."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        PROJECT / "src",
        source / "src",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    run(
        *(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable),
        *("--out-dir", folder, source),
        cwd=folder,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def commands(wheel: Path) -> Path:
    """Install the wheel with its extras into an empty environment."""
    environment = wheel.parent / "environment"
    run(UV, "venv", "--python", sys.executable, environment, cwd=wheel.parent)
    run(
        *(UV, "pip", "install", "--python", environment / "bin" / "python"),
        *("--constraint", PROJECT / "requirements.txt"),
        f"{wheel}[audit,push,report,serve]",
        cwd=wheel.parent,
    )
    return environment / "bin"


def test_the_wheel_holds_every_file_that_is_no_code(wheel: Path) -> None:
    package = PROJECT / "src"
    files = {
        path.relative_to(package).as_posix()
        for path in (package / "mall_segments").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    with zipfile.ZipFile(wheel) as archive:
        missing = files - set(archive.namelist())

    assert files
    assert missing == set()


@pytest.mark.slow(seconds=30)  # It installs some 80 packages.
def test_every_command_answers(commands: Path, tmp_path: Path) -> None:
    for command in ("score", "serve", "audit", "export", "init", "build"):
        result = run(commands / "mall-segments", command, "--help", cwd=tmp_path)
        assert f"Usage: mall-segments {command}" in result.stdout


def test_customers_are_scored_by_a_model_alone(commands: Path, tmp_path: Path) -> None:
    write_example_model(tmp_path / "model.json")

    run(
        *(commands / "mall-segments", "score", SEED, "--output", "scored.csv"),
        *("--model", "model.json"),
        cwd=tmp_path,
    )

    with (tmp_path / "scored.csv").open(encoding="utf-8", newline="") as file:
        sizes = Counter(row["segment_name"] for row in csv.DictReader(file))
    assert sorted(sizes.values()) == [22, 23, 35, 39, 81]


def test_what_is_imported_is_declared(commands: Path, tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, sys
import mall_segments
failed = []
for module in pkgutil.walk_packages(mall_segments.__path__, "mall_segments."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        # dbt runs the package and not the reverse, as does Spark.
        if error.name.partition(".")[0] not in ("dbt", "dbt_common", "pyspark"):
            failed.append(f"{module.name}: {error}")
print(*failed, sep="\\n")
"""
    result = run(commands / "python", "-c", code, cwd=tmp_path)

    assert result.stdout.strip() == ""
