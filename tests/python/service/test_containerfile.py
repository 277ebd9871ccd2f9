"""The container file's instructions hold, as far as no container is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from running_service import CUSTOMER, is_ready, wait_until
from served_model import FIRST_BUILD
from shared_project import PROJECT

from mall_segments.home import HOME_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = "8000"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions, each with its lines joined."""
    text = (PROJECT / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (name, rest)
        for name, _, rest in (line.partition(" ") for line in joined.splitlines())
        if name
    ]


def of_last_stage(wanted: str) -> list[str]:
    stage: list[str] = []
    for name, rest in instructions():
        stage = [] if name == "FROM" else stage + [rest] * (name == wanted)
    return stage


def copied() -> list[str]:
    """Return the files and folders that come from the project."""
    return [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Install the package from nothing but what is copied, as the image does."""
    project, folder = tmp_path / "project", tmp_path / "installed"
    project.mkdir()
    for source in copied():
        path = PROJECT / source
        if path.is_dir():
            ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
            shutil.copytree(path, project / source, ignore=ignored)
        else:
            shutil.copy(path, project / source)
    (command,) = (
        rest.partition("pip ")[2]
        for name, rest in instructions()
        if name == "RUN" and rest.endswith(" .")
    )
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", *command.split()),
            *("--quiet", "--no-compile", "--target", folder),
        ],
        cwd=project,
        check=True,
    )
    return folder


@contextmanager
def container(installed: Path, home: Path, port: int) -> Iterator[dict[str, str]]:
    """Run the image's command with its environment; yield that environment."""
    variables = dict(
        part.split("=", 1) for rest in of_last_stage("ENV") for part in rest.split()
    )
    assert variables[HOME_VARIABLE] == "/data"
    environment = os.environ | variables
    environment |= {
        HOME_VARIABLE: str(home),
        "PATH": f"{installed / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(installed),
    }
    (command,) = map(json.loads, of_last_stage("CMD"))
    process = subprocess.Popen(
        [part.replace(PORT, str(port)) for part in command],
        cwd=installed,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield environment
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def is_healthy(environment: dict[str, str], port: int) -> bool:
    """Run the image's health check."""
    (check,) = of_last_stage("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[0] == "python"
    finished = subprocess.run(
        [sys.executable, *(part.replace(PORT, str(port)) for part in command[1:])],
        check=False,
        env=environment,
        capture_output=True,
    )
    return finished.returncode == 0


def test_what_is_copied_is_there() -> None:
    assert copied()
    for source in copied():
        assert (PROJECT / source).exists(), source


def test_packages_are_installed_by_their_hashes_and_nobody_is_root() -> None:
    installs = [rest for name, rest in instructions() if "pip install" in rest]
    assert len(installs) == 2
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install
    (user,) = of_last_stage("USER")
    assert int(user) > 0


@pytest.mark.slow  # about 10 s: the package is installed
def test_the_command_answers_and_the_health_check_notices(
    installed: Path, home: Path, free_port: int
) -> None:
    writable = [path for path in home.rglob("*") if not path.is_symlink()]
    for path in (*writable, home):
        path.chmod(path.stat().st_mode & 0o555)
    try:
        with container(installed, home, free_port) as environment:
            url = f"http://127.0.0.1:{free_port}"
            wait_until(lambda: is_ready(url), seconds=120)
            assert is_healthy(environment, free_port)
            answer = httpx.post(f"{url}/predict_cluster", json=CUSTOMER).json()
            assert (answer["segment_id"], answer["build_id"]) == (4, FIRST_BUILD)
        assert not is_healthy(environment, free_port)
    finally:
        for path in (home, *writable):
            path.chmod(path.stat().st_mode | 0o700)
