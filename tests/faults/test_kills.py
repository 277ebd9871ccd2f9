"""Builds that die: at every node, at 200 random moments, and beside another build.

A build that is stopped at each node and statement, and at 160 random moments besides,
shows what a kill would leave there: every thread of it is frozen, so its files are what
they would be. They are checked each time: what is published whole, and but for further
statements of the same node the working database fit to be opened by the next build.
Builds started with copies of them show that.

At 40 more moments builds are killed in earnest, one after the other in the same home,
each starting with what the last one left and each beside a second build, which is
refused. A quarter of them build everything; the others build what differs from one
generation to the next, so most of their moments are those of publishing. After every
fourth kill a pair is left to end: one of the two publishes, unaided. The file
operations of publishing are taken one by one in test_publishing.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from builds import (
    FIRST_OF_GENERATION,
    PUBLISHING,
    WHOLE,
    BuildServer,
    Nodes,
    Part,
    Stop,
    WatchedBuild,
    assert_refused,
    check_complete,
    check_published,
    copy_home,
    nodes,
    output_file,
    part_after,
    published_files,
    spread,
    start_dbt,
)

from mall_segments.intake import dbt_plugin
from mall_segments.publishing.generations import list_generations, read_current
from mall_segments.home import warehouse_file

if TYPE_CHECKING:
    from pathlib import Path

# A watched build is looked at after at most so long.
LOOK_SECONDS = 0.06

# Of all trials, those that kill a build: of everything, and of what is newest.
KILLED_SHARES = {"everything": 0.05, "newest": 0.15}

# After so many kills, a pair of builds is left to end.
KILLS_TO_END = 4


def copied_warehouse_opens(home: Path, folder: Path) -> None:
    """Open what the working database would be after a kill, as the next build does."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home / "warehouse", folder)
    dbt_plugin._open_once(folder / warehouse_file(home).name)


class Looks:
    """Looks at a frozen build: all files are then as a kill would leave them."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.before = read_current(home).build_id
        self.seen: list[str] = []
        self._home = home
        self._folder = folder
        self._published: object = None
        self._warehouse: object = None

    def look(self) -> None:
        """Check what is published and the working database, where they changed."""
        self.look_at_published()
        warehouse = [
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted((self._home / "warehouse").iterdir())
        ]
        if warehouse != self._warehouse:
            copied_warehouse_opens(self._home, self._folder)
        self._warehouse = warehouse

    def look_at_published(self) -> None:
        """Check what is published, where it changed."""
        published = published_files(self._home)
        if published != self._published:
            self.seen.append(check_published(self._home, self.before))
        self._published = published


@pytest.mark.slow(seconds=65)
def test_at_no_moment_would_a_kill_leave_anything_broken(
    server: BuildServer, built_home: Path, home: Path, n_trials: int, tmp_path: Path
) -> None:
    chosen = spread(nodes(built_home), max(2, n_trials // 100))
    chosen += [] if PUBLISHING in chosen else [PUBLISHING]
    looks = Looks(home, tmp_path / "warehouse")
    moments = random.Random(42)  # noqa: S311 - any moments will do
    stops: list[Stop] = []
    killed: list[Path] = []
    n_random = 0
    while not stops or n_random < n_trials * (1 - sum(KILLED_SHARES.values())):
        is_first = not stops
        looks.before = read_current(home).build_id
        with server.started(home, pauses=True) as build:
            while True:
                try:
                    stop = build.next_stop(within=moments.uniform(1e-3, LOOK_SECONDS))
                except TimeoutError:
                    n_random += 1
                    with build.frozen():
                        looks.look()
                    continue
                if stop is None:
                    break
                # Other builds have no other stops.
                if is_first:
                    with build.frozen():
                        if stop in stops:
                            looks.look_at_published()
                        else:
                            looks.look()
                        if stop.node in chosen and stop.moment == "during":
                            chosen.remove(stop.node)
                            copy = tmp_path / f"killed {len(killed)}"
                            killed.append(copy_home(home, copy))
                    stops.append(stop)
                build.go_on()
        assert build.succeeded
        check_complete(home, looks.before)
        if is_first:
            assert set(looks.seen) == {looks.before, read_current(home).build_id}

    stopped = {(stop.moment, stop.node) for stop in stops}
    assert stopped >= set(
        itertools.product(("before", "during", "after"), nodes(built_home))
    )
    assert chosen == []
    for copy in killed:
        before = check_published(copy, "")
        succeeded, output = server.build(copy)
        assert succeeded, output
        check_complete(copy, before)
        shutil.rmtree(copy)


@pytest.mark.slow
def test_a_build_killed_at_the_publishing_node_published_all_or_nothing(
    server: BuildServer, home: Path, manifest: Nodes
) -> None:
    current = read_current(home).build_id
    part = part_after(manifest, FIRST_OF_GENERATION)
    for moment in ("before", "during", "after"):
        with server.started(home, pauses=True, part=part) as build:
            while build.next_stop() != Stop(moment, PUBLISHING):
                build.go_on()
            build.kill()
        old, current = current, check_published(home, current)
        # During it, dbt's statements may come after the switch.
        assert moment == "during" or (current > old) == (moment == "after")


class RandomKills:
    """Builds of one home, started together and killed at random moments."""

    def __init__(self, server: BuildServer, home: Path, seed: int) -> None:
        self.current = read_current(home).build_id
        self.n_killed = 0
        self.n_pairs = 0
        self._server = server
        self._home = home
        self._moments = random.Random(seed)  # noqa: S311 - any moments will do
        self._seconds: dict[Part, float] = {}
        self._published: object = None

    def kill_one_of_two(self, part: Part) -> None:
        """Kill a build at a random moment; one that was faster does not count."""
        moment = self._moments.uniform(0, self._seconds[part])
        with self._server.started(self._home, part=part) as build:
            started = time.monotonic()
            n_more = self._start_second(part, within=moment)
            if not has_ended(build, within=moment + started - time.monotonic()):
                build.kill()
                self.n_killed += 1
        self._check_refusals(build, n_more)
        published = published_files(self._home)
        if published != self._published:
            self.current = check_published(self._home, self.current)
        self._published = published

    def complete_one_of_two(self, part: Part) -> None:
        """Start two builds and let them end: at least one of them publishes."""
        before = list_generations(self._home)
        started = time.monotonic()
        with self._server.started(self._home, part=part) as build:
            n_more = self._start_second(part, within=self._seconds.get(part, 0))
            assert has_ended(build)
        self._check_refusals(build, n_more)
        self._seconds[part] = time.monotonic() - started
        self.current = check_complete(self._home, self.current)
        n_new = len(set(list_generations(self._home)) - set(before))
        assert n_new == n_more + int(bool(build.succeeded)) >= 1

    def _start_second(self, part: Part, *, within: float) -> int:
        """Start another build at a random moment; answer how many it published."""
        time.sleep(self._moments.uniform(0, 0.8 * within))
        output = self._home.with_name("second.txt")
        with self._server.started(self._home, output=output, part=part) as second:
            assert has_ended(second)
        self.n_pairs += 1
        if not second.succeeded:
            assert_refused(output.read_text(), self._home)
        return int(bool(second.succeeded))

    def _check_refusals(self, build: WatchedBuild, n_more: int) -> None:
        """Of two builds that start at once, the second may be the first to work."""
        if build.succeeded is False:
            assert_refused(output_file(self._home).read_text(), self._home)
            assert n_more == 1


def has_ended(build: WatchedBuild, *, within: float | None = None) -> bool:
    try:
        return build.next_stop(within=within and max(within, 1e-3)) is None
    except TimeoutError:
        return False


@pytest.mark.slow(seconds=100)
@pytest.mark.parametrize("killed", KILLED_SHARES)
def test_builds_killed_at_random_moments_change_nothing_or_everything(
    server: BuildServer, home: Path, manifest: Nodes, n_trials: int, killed: str
) -> None:
    kills = RandomKills(server, home, seed=len(killed))
    newest = part_after(manifest, FIRST_OF_GENERATION)
    part = newest if killed == "newest" else WHOLE
    kills.complete_one_of_two(part)
    n_to_kill = math.ceil(n_trials * KILLED_SHARES[killed])
    for trial in itertools.count(1):
        kills.kill_one_of_two(part)
        if kills.n_killed == n_to_kill:
            break
        if trial % KILLS_TO_END == 0:
            kills.complete_one_of_two(newest)
    kills.complete_one_of_two(part)
    assert kills.n_pairs >= n_to_kill * (1 + 1 / KILLS_TO_END)


@pytest.mark.slow(seconds=55)
def test_the_command_survives_kills_from_its_first_import_to_its_last_word(
    server: BuildServer, home: Path, n_trials: int
) -> None:
    """While dbt starts and parses, too, and writes what it keeps of that."""
    moments = random.Random(42)  # noqa: S311 - any moments will do
    current = read_current(home).build_id
    for _ in range(max(2, n_trials // 40)):
        with start_dbt(home, server.settings) as build:
            try:
                build.communicate(timeout=moments.uniform(0, 10))
            except subprocess.TimeoutExpired:
                os.killpg(build.pid, signal.SIGKILL)
                build.communicate()
        current = check_published(home, current)
    with start_dbt(home, server.settings) as build:
        output, _ = build.communicate()
    assert build.returncode == 0, output
    check_complete(home, current)
