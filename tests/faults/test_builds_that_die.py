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


def build(project: Project) -> str:
    """Build to the end and answer the name of what is published then."""
    process = start_build(project)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return check_published(project.home)


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
    build(project)
    return project


@pytest.mark.slow(seconds=120)
def test_a_killed_build_changes_nothing_or_everything(built: Project) -> None:
    generator = random.Random(SEED)
    before = check_published(built.home)
    for trial in range(5):
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
    assert build(built) > before
    # What the killed builds left half-written is gone.
    assert not is_publishing(built)
    assert len(list_generations(built.home)) <= 3


@pytest.mark.slow(seconds=40)
def test_a_full_disk_fails_the_build_and_nothing_else(built: Project) -> None:
    before = check_published(built.home)

    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    process = start_build(built, preexec_fn=starve)
    output, _ = process.communicate()
    assert process.returncode != 0, output
    assert check_published(built.home) == before


@pytest.mark.slow(seconds=60)
def test_of_two_builds_at_once_one_is_refused_in_a_sentence(built: Project) -> None:
    before = check_published(built.home)
    pair = [start_build(built) for _ in range(2)]
    outputs = [process.communicate()[0] for process in pair]
    codes = sorted(process.returncode for process in pair)
    assert codes[0] == 0, outputs
    assert codes[1] != 0, outputs
    refused = next(
        text for process, text in zip(pair, outputs, strict=True) if process.returncode
    )
    assert "Another build is working in" in refused
    assert "Traceback" not in refused
    assert check_published(built.home) > before


@pytest.mark.slow(seconds=40)
def test_a_failing_data_test_keeps_everything_unpublished(built: Project) -> None:
    before = check_published(built.home)
    planted = built.path / "tests" / "data" / "assert_the_impossible.sql"
    planted.write_text(
        "select segmentation from {{ ref('dim_segments') }} where n_customers > 0\n"
    )
    try:
        process = start_build(built)
        output, _ = process.communicate()
    finally:
        planted.unlink()
    assert process.returncode != 0
    assert "assert_the_impossible" in output
    assert check_published(built.home) == before


@pytest.mark.slow(seconds=40)
def test_a_retry_after_other_settings_publishes_nothing(built: Project) -> None:
    before = check_published(built.home)
    planted = built.path / "tests" / "data" / "assert_the_impossible.sql"
    planted.write_text(
        "select segmentation from {{ ref('dim_segments') }} where n_customers > 0\n"
    )
    process = start_build(built)
    process.communicate()
    assert process.returncode != 0
    planted.write_text("select 1 as one where 1 = 0\n")
    settings = built.path / "dbt_project.yml"
    original = settings.read_text()
    settings.write_text(original.replace("keep_generations: 3", "keep_generations: 4"))
    try:
        retried = built.run("retry")
    finally:
        settings.write_text(original)
        planted.unlink()
    assert retried.returncode != 0
    assert "settings were changed since these tables were built" in retried.stdout
    assert check_published(built.home) == before
