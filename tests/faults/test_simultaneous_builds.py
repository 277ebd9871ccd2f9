"""Builds started together by the command: of one home, one wins; of two, both do.

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
    start_dbt,
)

from mall_segments.generations import list_generations, read_current

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0, 2])
def test_of_two_builds_of_a_home_the_second_is_refused_in_a_sentence(
    server: BuildServer, home: Path, delay: float
) -> None:
    before = list_generations(home)
    with start_dbt(home, server.settings) as first:
        time.sleep(delay)
        with start_dbt(home, server.settings) as second:
            outputs = {build: build.communicate()[0] for build in (first, second)}
    refused = [build for build in outputs if build.returncode != 0]
    for build in refused:
        assert_refused(outputs[build], home)
    assert len(refused) < 2
    check_complete(home, before[-1])
    assert len(set(list_generations(home)) - set(before)) == 2 - len(refused)


@pytest.mark.slow
def test_builds_of_two_homes_do_not_disturb_each_other(
    server: BuildServer, home: Path, tmp_path: Path
) -> None:
    homes = [home, copy_home(home, tmp_path / "other")]
    before = [read_current(one).build_id for one in homes]
    builds = [start_dbt(one, server.settings) for one in homes]
    for build in builds:
        output, _ = build.communicate()
        assert build.returncode == 0, output
    for one, build_id in zip(homes, before, strict=True):
        check_complete(one, build_id)
