"""Builds that run at the same time: of one home, one wins; of two, both do.

Pairs among builds that are killed are in test_kills.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from builds import (
    BuildServer,
    assert_refused,
    check_complete,
    copy_home,
    output_file,
    start_dbt,
)

from mall_segments.publishing.generations import list_generations, read_current

if TYPE_CHECKING:
    from pathlib import Path

# After so long another command is started: at once, and while the first two parse.
DELAYS = (0, 0, 2)


@pytest.mark.slow(seconds=50)
def test_commands_that_build_a_home_at_once_win_or_are_refused_in_a_sentence(
    server: BuildServer, home: Path
) -> None:
    before = list_generations(home)
    builds = []
    for delay in DELAYS:
        time.sleep(delay)
        builds.append(start_dbt(home, server.settings))
    outputs = [build.communicate()[0] for build in builds]
    refused = [
        output
        for build, output in zip(builds, outputs, strict=True)
        if build.returncode != 0
    ]
    for output in refused:
        assert_refused(output, home)
    assert len(refused) < len(builds)
    check_complete(home, before[-1])
    n_new = len(set(list_generations(home)) - set(before))
    assert n_new == len(builds) - len(refused)


@pytest.mark.slow(seconds=20)
def test_builds_of_two_homes_do_not_disturb_each_other(
    server: BuildServer, home: Path, tmp_path: Path
) -> None:
    homes = [home, copy_home(home, tmp_path / "other")]
    before = [read_current(one).build_id for one in homes]
    with server.started(homes[0]) as first, server.started(homes[1]) as second:
        for build in (first, second):
            assert build.next_stop() is None
    for one, build, build_id in zip(homes, (first, second), before, strict=True):
        assert build.succeeded, output_file(one).read_text()
        check_complete(one, build_id)
