"""Builds that are killed, starved, doubled or spoiled; what is published stays."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from shared_project import DBT, Project, copy_project

from mall_segments.publishing.generations import (
    list_generations,
    read_current,
    verify_generation,
)

if TYPE_CHECKING:
    from pathlib import Path

# One small segmentation: what can go wrong does not depend on how long models fit.
SETTINGS = (
    "{customers_path: seeds/Mall_Customers.csv, segmentations: [{name: income_spending,"
    " features: [annual_income_kusd, spending_score], n_segments: 3,"
    " max_segments: 4}]}"
)
SEED = 20

pytestmark = pytest.mark.slow(seconds=90)


def start_build(project: Project, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [DBT, "--no-use-colors", "build", "--vars", SETTINGS],
        cwd=project.path,
        env=os.environ
        | {
            "MALL_SEGMENTS_HOME": str(project.home),
            "DBT_TARGET_PATH": str(project.home / "target"),
            "DBT_LOG_PATH": str(project.home / "logs"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    )


def check_published(home: Path) -> str:
    """Verify what readers see, and answer its name."""
    return verify_generation(read_current(home).folder, deep=True).build_id


def is_publishing(project: Project) -> bool:
    folder = project.home / "published" / "generations"
    return any(folder.glob(".tmp-*"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A home with one generation, in which builds may die."""
    folder = tmp_path_factory.mktemp("dying")
    (folder / "home").mkdir()
    project = Project(copy_project(folder / "project"), folder / "home")
    project.build("--vars", SETTINGS)
    return project


def test_after_killed_builds_one_of_two_at_once_publishes(built: Project) -> None:
    generator = random.Random(SEED)
    before = check_published(built.home)
    for trial in range(3):
        process = start_build(built)
        if trial % 2:
            # Any moment from the first import to the last word.
            time.sleep(generator.uniform(2, 12))
        else:
            while process.poll() is None and not is_publishing(built):
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.4))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        after = check_published(built.home)
        assert after >= before
        before = after

    pair = [start_build(built) for _ in range(2)]
    outputs = [process.communicate()[0] for process in pair]
    refused, published = sorted(
        zip(pair, outputs, strict=True), key=lambda each: each[0].returncode == 0
    )
    assert published[0].returncode == 0, outputs
    assert refused[0].returncode != 0, outputs
    assert "Another build is working in" in refused[1]
    assert "Traceback" not in refused[1]
    assert check_published(built.home) > before
    # What the killed builds left half-written is gone.
    assert not is_publishing(built)
    assert len(list_generations(built.home)) <= 3


def test_a_full_disk_fails_the_build_and_nothing_else(built: Project) -> None:
    before = check_published(built.home)

    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    process = start_build(built, preexec_fn=starve)
    output, _ = process.communicate()
    assert process.returncode != 0, output
    assert check_published(built.home) == before


def test_neither_a_failing_data_test_nor_a_retry_with_other_settings_publishes(
    built: Project,
) -> None:
    before = check_published(built.home)
    planted = built.path / "tests" / "data" / "assert_the_impossible.sql"
    settings = built.path / "dbt_project.yml"
    original = settings.read_text()
    planted.write_text(
        "select segmentation from {{ ref('dim_segments') }} where n_customers > 0\n"
    )
    try:
        failed = built.run("build", "--vars", SETTINGS)
        planted.write_text("select 1 as one where 1 = 0\n")
        settings.write_text(
            original.replace("keep_generations: 3", "keep_generations: 4")
        )
        retried = built.run("retry")
    finally:
        settings.write_text(original)
        planted.unlink()
    assert failed.returncode != 0
    assert "assert_the_impossible" in failed.stdout
    assert retried.returncode != 0
    assert "settings were changed since these tables were built" in retried.stdout
    assert check_published(built.home) == before
