"""Builds that can be watched, stopped, killed and changed; and what must hold after."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from shared_project import DBT, PROJECT

from mall_segments.publishing.generations import (
    generation_folder,
    list_generations,
    read_current,
    verify_generation,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

SERVER = Path(__file__).with_name("build_server.py")

# One small segmentation: what can go wrong does not depend on how long models fit.
SETTINGS: dict[str, Any] = {
    "segmentations": [
        {
            "name": "income_spending",
            "features": ["annual_income_kusd", "spending_score"],
            "scaler": "standard",
            "n_segments": "auto",
            "min_segments": 2,
            "max_segments": 3,
            "random_seed": 42,
        }
    ]
}

# Every so many of the shipped customers are enough.
CUSTOMER_STEP = 4

# After them, one to reject and one to impute, so no table is empty.
MORE_CUSTOMERS = "201,Female,unknown age,50,50\n202,Male,,60,40\n"

REFUSAL = (
    "Another build is working in {folder}; wait until it ends, or set "
    "MALL_SEGMENTS_HOME to build elsewhere."
)

# What takes a build's time: not hooks, and not exposures, which are only named.
BUILT = ("model", "seed", "snapshot", "test")

PUBLISHING = "model.mall_segments.fct_published_tables"

# The first node of those that say which generation they are of.
FIRST_OF_GENERATION = "model.mall_segments.int_build_started"

# What a manifest says of each node, by unique id.
Nodes = dict[str, dict[str, Any]]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Part:
    """The nodes of a build, and the tests that it must not ask for."""

    arguments: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


WHOLE = Part()


def part_after(nodes: Nodes, *first: str) -> Part:
    """Choose nodes with all that follows them, and publishing in any case.

    Tests of other nodes alone are left out: on what is there already, they passed.
    """
    chosen = {*first, PUBLISHING}
    while more := {
        unique_id
        for unique_id, node in nodes.items()
        if chosen & _parents(node) and unique_id not in chosen
    }:
        chosen |= more
    names = [nodes[unique_id]["name"] for unique_id in first]
    return _part(nodes, [f"{name}+" for name in names], chosen)


def part_of(nodes: Nodes, node: str, *tests: str) -> Part:
    """Choose one node, some of its tests, and publishing, which waits for them."""
    names = [nodes[unique_id]["name"] for unique_id in (node, *tests)]
    # Of the tests, those that are named and no more.
    return _part(nodes, names, {*tests}, "--indirect-selection", "empty")


def _part(
    nodes: Nodes, selected: Sequence[str], tests: set[str], *options: str
) -> Part:
    return Part(
        arguments=(
            *("--select", *selected, nodes[PUBLISHING]["name"], *options),
            # Whoever selects leaves what the project selects by default.
            *("--exclude-resource-type", "unit_test"),
        ),
        without=tuple(
            unique_id
            for unique_id, node in nodes.items()
            if node["resource_type"] == "test" and unique_id not in tests
        ),
    )


def _parents(node: Mapping[str, Any]) -> Collection[str]:
    return set(node.get("depends_on", {}).get("nodes", []))


@dataclass(frozen=True)
class Stop:
    """Where a watched build stands: before, during or after a node."""

    moment: str
    node: str


class WatchedBuild:
    """A build that waits at every stop until it is told to go on."""

    def __init__(self, connection: socket.socket) -> None:
        self.succeeded: bool | None = None
        self._connection = connection
        self._received = b""
        self.pid: int = self._receive(within=60)

    def next_stop(self, *, within: float | None = None) -> Stop | None:
        """Wait for the next stop; None when the build has ended.

        Raises
        ------
        TimeoutError
            If the build is still on its way after ``within`` seconds.
        """
        message = self._receive(within)
        if isinstance(message, list):
            return Stop(*message)
        if isinstance(message, dict):
            self._wait()
            self.succeeded = message["succeeded"]
        return None

    def go_on(self) -> None:
        """Leave the stop."""
        self._connection.sendall(b"\n")

    def kill(self) -> None:
        """Kill the build with SIGKILL, wherever it is, and see it gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._wait()

    def _receive(self, within: float | None) -> Any:
        self._connection.settimeout(within)
        while b"\n" not in self._received:
            received = self._connection.recv(1024)
            if not received:
                self._wait()
                return None
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)

    def _wait(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.001)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every thread, so that files are as a kill would leave them now."""
        os.killpg(self.pid, signal.SIGSTOP)
        while not all(map(_is_stopped, Path(f"/proc/{self.pid}/task").iterdir())):
            time.sleep(0.0005)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)


def _is_stopped(task: Path) -> bool:
    try:
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # The thread has just ended.
        return True
    return state in "TZX"


def start_server(folder: Path, project: Path = PROJECT) -> subprocess.Popen[str]:
    """Start the process that parses the project, then starts builds, see its file."""
    customers = folder / "customers.csv"
    seed = project / "seeds" / "Mall_Customers.csv"
    header, *rows = seed.read_text().splitlines()
    lines = [header, *rows[::CUSTOMER_STEP]]
    customers.write_text("\n".join(lines) + "\n" + MORE_CUSTOMERS)
    settings = json.dumps(SETTINGS | {"customers_path": str(customers)})
    (folder / "settings.json").write_text(settings)
    with (folder / "server.txt").open("w") as log:
        return subprocess.Popen(
            [sys.executable, SERVER, folder / "socket", project, settings],
            cwd=project,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )


class BuildServer:
    """Has builds of the project started in homes given, without parsing it each time.

    Parameters
    ----------
    folder : Path
        Where `start_server` started it, for any number of processes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = (folder / "settings.json").read_text()
        deadline = time.monotonic() + 300
        while not (folder / "socket").exists():
            assert time.monotonic() < deadline, (folder / "server.txt").read_text()
            time.sleep(0.05)

    @contextmanager
    def started(
        self,
        home: Path,
        *,
        pauses: bool = False,
        output: Path | None = None,
        part: Part = WHOLE,
    ) -> Iterator[WatchedBuild]:
        """Start a build, which waits at every stop or not; killed at the end."""
        output = output or output_file(home)
        with self._request(
            home, ("--no-write-json",), {}, pauses=pauses, output=output, part=part
        ) as build:
            try:
                yield build
            finally:
                if build.succeeded is None:
                    build.kill()

    def build(
        self,
        home: Path,
        *arguments: str,
        changes: Mapping[str, Mapping[str, Any]] | None = None,
        customers: Path | None = None,
        part: Part = WHOLE,
    ) -> tuple[bool, str]:
        """Build; answer whether that succeeded, and what dbt printed.

        Only these builds write ``run_results.json`` and the like.
        """
        output = output_file(home)
        with self._request(
            home,
            arguments,
            changes or {},
            pauses=False,
            output=output,
            customers=customers,
            part=part,
        ) as build:
            assert build.next_stop() is None
        assert build.succeeded is not None, "the build ended by itself"
        return build.succeeded, output.read_text()

    @contextmanager
    def _request(
        self,
        home: Path,
        arguments: Sequence[str],
        changes: Mapping[str, Mapping[str, Any]],
        *,
        pauses: bool,
        output: Path,
        customers: Path | None = None,
        part: Part = WHOLE,
    ) -> Iterator[WatchedBuild]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "socket"))
            build = WatchedBuild(connection)
            request = {
                "home": str(home),
                "customers": str(customers) if customers else None,
                "artefacts": str(artefacts(home)),
                "arguments": [*part.arguments, *arguments],
                "without": part.without,
                "output": str(output),
                "pauses": pauses,
                "changes": changes,
            }
            connection.sendall(json.dumps(request).encode() + b"\n")
            yield build


def start_dbt(
    home: Path, settings: str, target: Path | None = None
) -> subprocess.Popen[str]:
    """Start ``dbt build`` as the command line does, in a session of its own."""
    return subprocess.Popen(
        [DBT, "--no-use-colors", "build", "--vars", settings],
        cwd=PROJECT,
        env=os.environ
        | {
            "MALL_SEGMENTS_HOME": str(home),
            "DBT_TARGET_PATH": str(target or artefacts(home)),
            "DBT_LOG_PATH": str(target or artefacts(home)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def artefacts(home: Path) -> Path:
    """Name the folder for what dbt writes about builds of a home; not part of it."""
    return home.with_name(f"{home.name}.dbt")


def output_file(home: Path) -> Path:
    """Name the file that holds what the last build of a home printed."""
    return home.with_name(f"{home.name}.txt")


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home, as it is."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    return target


def run_results(home: Path) -> list[dict[str, Any]]:
    """Read what dbt says about the last build of a home: a mapping for each node."""
    path = artefacts(home) / "run_results.json"
    results: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    return [row for row in results if row["unique_id"].partition(".")[0] in BUILT]


def nodes(home: Path) -> list[str]:
    """List every node of the DAG in the order in which dbt built them."""
    return [result["unique_id"] for result in run_results(home)]


def check_published(home: Path, before: str) -> str:
    """Check that readers find one whole generation: the one before, or the newest.

    Returns
    -------
    str
        The build id of the generation that is current.
    """
    current = verify_generation(read_current(home).folder, deep=True).build_id
    kept = list_generations(home)
    assert current in {before, kept[-1]}
    assert current >= before
    for build_id in kept:
        verify_generation(generation_folder(home, build_id))
    return current


def published_files(home: Path) -> dict[str, tuple[object, ...]]:
    """Tell every published file from any other: its identity, size and times."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted((home / "published").rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            found[str(path)] = (path.readlink(),)
        elif path.is_file():
            found[str(path)] = (
                *(status.st_ino, status.st_size, status.st_mode),
                *(status.st_mtime_ns, status.st_ctime_ns),
            )
    return found


def check_complete(home: Path, before: str) -> str:
    """Check that a build went through, and left nothing behind."""
    current = check_published(home, before)
    assert current > before
    generations = home / "published" / "generations"
    assert [path.name for path in generations.iterdir() if path.name[0] == "."] == []
    assert len(list_generations(home)) <= 3
    return current


def assert_refused(output: str, home: Path) -> None:
    """Check that a build says nothing but that another one is at work."""
    _, _, error = output.partition("Encountered an error:\n")
    assert error.split("\n") == [
        "Database Error",
        "  Runtime Error",
        f"    {REFUSAL.format(folder=home / 'warehouse')}",
        "",
    ]
    assert "START" not in output


def spread(items: Sequence[Item], n: int) -> list[Item]:
    """Choose n items at equal distances, the first and the last among them."""
    if n >= len(items):
        return list(items)
    step = (len(items) - 1) / max(1, n - 1)
    return [items[round(position * step)] for position in range(n)]
