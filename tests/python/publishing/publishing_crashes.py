"""Kill builds while they publish; run by test_publishing, in a process of its own.

Every trial forks a child that publishes and is killed with SIGKILL. Afterwards each
generation must be whole, the current one must be the one before or a new one, and,
asked of every few of them, the next child must be able to publish. Prints the number of
trials; fails otherwise.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mall_segments.publishing.generations import (
    generation_folder,
    list_generations,
    read_current,
    verify_generation,
)
from small_warehouse import publish

# What Python reports to audit hooks before it changes a file; os.fsync it does not.
EVENTS = {"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
EVENTS |= {"os.symlink", "shutil.rmtree"}


def in_child(act: Callable[[], Any]) -> int:
    """Run something in a forked child; return its exit code, -9 if killed."""
    process = os.fork()
    if not process:
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def publish_killed_at(home: Path, number: int) -> None:
    """Publish, but die just before the given number of operations on files."""
    n_operations = 0

    def count(*_: object) -> None:
        nonlocal n_operations
        n_operations += 1
        if n_operations == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and str(home) in str(arguments[0]):
            count()

    flush = os.fsync

    def count_and_flush(descriptor: int) -> None:
        count()
        flush(descriptor)

    vars(os)["fsync"] = count_and_flush
    sys.addaudithook(hook)
    publish(home, keep_generations=2)


def publish_killed_after(home: Path, seconds: float) -> None:
    """Publish again and again, but die after the given time."""
    killer = os.fork()
    if not killer:
        time.sleep(seconds)
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    while True:
        publish(home, keep_generations=2)


def check(home: Path, before: str) -> None:
    """Check that nothing published is damaged."""
    kept = list_generations(home)
    for build_id in kept:
        verify_generation(generation_folder(home, build_id))
    current = read_current(home).build_id
    if current != before and current not in kept[-1:]:
        raise AssertionError(f"{current} is current, neither {before} nor {kept[-1]}")
    folder = generation_folder(home, current)
    if in_child(lambda: verify_generation(folder, deep=True)) != 0:
        raise AssertionError(f"{current} is damaged")


def check_next(home: Path) -> None:
    """Check that the next build succeeds, and cleans up."""
    if in_child(lambda: publish(home, keep_generations=2)) != 0:
        raise AssertionError("the next build failed")
    hidden = list((home / "published" / "generations").glob(".*"))
    if hidden or len(list_generations(home)) > 2:
        raise AssertionError(f"left behind: {hidden} in {list_generations(home)}")


def main(home: Path, n_random: int) -> None:
    """Kill one build at each operation, then some at random moments."""
    in_child(lambda: publish(home, keep_generations=2))
    before = read_current(home).build_id
    n_trials, exit_code = 0, -signal.SIGKILL
    while exit_code == -signal.SIGKILL:
        n_trials += 1
        number, trial = n_trials, home.with_name(f"trial_{n_trials}")
        shutil.copytree(home, trial, symlinks=True)
        exit_code = in_child(lambda: publish_killed_at(trial, number))  # noqa: B023
        check(trial, before)
        if number % 4 == 0:
            check_next(trial)
        shutil.rmtree(trial)
    if exit_code != 0:
        raise AssertionError(f"a build failed at operation {n_trials}: {exit_code}")
    moments = random.Random(42)
    for _ in range(n_random):
        seconds = moments.uniform(0, 0.15)
        exit_code = in_child(lambda: publish_killed_after(home, seconds))  # noqa: B023
        if exit_code != -signal.SIGKILL:
            raise AssertionError(f"a build ended with {exit_code} before it was killed")
        # Any number of builds may have come through; the current one must be whole.
        check(home, read_current(home).build_id)
        check_next(home)
        n_trials += 1
    sys.stdout.write(f"{n_trials}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
