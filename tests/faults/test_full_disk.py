"""Builds on a disk that is full, or fills up while they run."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

import pytest
from builds import (
    FIRST_OF_GENERATION,
    PUBLISHING,
    WHOLE,
    BuildServer,
    Nodes,
    WatchedBuild,
    check_complete,
    copy_home,
    nodes,
    output_file,
    part_after,
    published_files,
    spread,
)

from mall_segments.publishing.generations import read_current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Disk(Protocol):
    """Where a home is, and how it is made too small for a build."""

    home: Path
    reason: str

    def fill(self, build: WatchedBuild, n_free: int) -> None:
        """Leave so many bytes to what the build writes into its home."""

    def empty(self) -> None:
        """Let builds write what they like."""


class SmallDisk:
    """A disk in memory, filled by a file of any size."""

    reason = "No space left on device"

    def __init__(self, home: Path) -> None:
        self.home = home

    def fill(self, build: WatchedBuild, n_free: int) -> None:  # noqa: ARG002
        self.empty()
        status = os.statvfs(self.home)
        n_surplus = status.f_bavail * status.f_bsize - n_free
        with (self.home / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, n_surplus)

    def empty(self) -> None:
        (self.home / "ballast").unlink(missing_ok=True)


class LimitedBuild:
    """Where no disk may be mounted: files of the build that grow no further."""

    reason = "File too large"

    def __init__(self, home: Path) -> None:
        self.home = home

    def fill(self, build: WatchedBuild, n_free: int) -> None:
        resource.prlimit(build.pid, resource.RLIMIT_FSIZE, (n_free, n_free))

    def empty(self) -> None:
        """Leave it: the next build has no limit."""


@pytest.fixture
def disk(built_home: Path, tmp_path: Path) -> Iterator[Disk]:
    home = tmp_path / "home"
    home.mkdir()
    size = "size=128m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", home], check=False
    )
    copy_home(built_home, home)
    if mounted.returncode == 0:
        yield SmallDisk(home)
        subprocess.run(["umount", "--lazy", home], check=True)
    else:
        yield LimitedBuild(home)


def n_bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow(seconds=75)
def test_a_full_disk_changes_nothing_and_the_next_build_succeeds(
    server: BuildServer, built_home: Path, manifest: Nodes, disk: Disk
) -> None:
    current = read_current(disk.home).build_id
    order = nodes(built_home)
    n_published = n_bytes_of(read_current(disk.home).folder)
    # What is free when a build comes to a node: nothing, then more and more.
    trials = [
        *((PUBLISHING, int(n_published * share)) for share in (0, 0.1, 0.4, 0.7, 0.9)),
        *((node, 0) for node in spread(order[: order.index(PUBLISHING)], 3)),
        *((node, 300_000) for node in spread(order[: order.index(PUBLISHING)], 2)),
    ]
    for number, (node, n_free) in enumerate(trials):
        if node == order[0]:
            part = WHOLE
        elif node == PUBLISHING:
            part = part_after(manifest, FIRST_OF_GENERATION)
        else:
            part = part_after(manifest, FIRST_OF_GENERATION, node)
        # Where a part is built, what comes before it is as another build made it.
        if part == WHOLE and number % 2:
            shutil.rmtree(disk.home / "warehouse")
        before = published_files(disk.home)
        with server.started(disk.home, pauses=True, part=part) as build:
            while stop := build.next_stop():
                if stop.node == node and stop.moment == "before":
                    disk.fill(build, n_free)
                build.go_on()
        output = output_file(disk.home).read_text()
        assert build.succeeded is False
        assert disk.reason in output
        assert published_files(disk.home) == before

        disk.empty()
        succeeded, output = server.build(disk.home, part=part)
        assert succeeded, output
        current = check_complete(disk.home, current)
