"""What runs outside of the project's own commands: selectors, CI, hooks, containers."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from shared_project import DBT, PROJECT, PROJECT_PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from shared_project import Project

PUBLISHING = {"fct_published_tables", "customer_segment_history"}
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def listed(project: Project, *arguments: str) -> set[str]:
    result = project.run("ls", "--quiet", "--output", "name", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return set(result.stdout.split())


@pytest.mark.slow(seconds=30)
def test_slim_is_what_changed_and_what_reads_it_without_publishing(
    project: Project,
) -> None:
    assert project.run("parse").returncode == 0
    state = project.home / "state"
    state.mkdir()
    shutil.copy(project.home / "target" / "manifest.json", state)
    path = project.path / "analyses" / "marts" / "dim_segments.sql"
    path.write_text(path.read_text() + "\n-- Changed.\n")

    slim = listed(
        project,
        *("--selector", "slim", "--state", str(state), "--resource-type", "model"),
    )

    assert {"dim_segments", "fct_segment_migrations", "metric_features"} <= slim
    assert not slim & PUBLISHING
    assert not slim & {"dim_customers", "segments"}


@pytest.mark.slow(seconds=15)
def test_unpublished_is_all_but_publishing(project: Project) -> None:
    kinds = ("--resource-type", "model", "--resource-type", "snapshot")
    everything = listed(project, "--select", "*", *kinds)
    unpublished = listed(project, "--selector", "unpublished", *kinds)
    assert everything - unpublished == PUBLISHING


def test_the_image_that_builds_has_what_dbt_reads() -> None:
    text = (PROJECT / "Containerfile.build").read_text(encoding="utf-8")
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert {*PROJECT_PARTS, "src/mall_segments/sql"} <= copied
    assert all((PROJECT / source).exists() for source in copied)


def test_compose_builds_before_it_serves_and_shows_nothing_to_the_network() -> None:
    services = read(PROJECT / "compose.yaml")["services"]
    assert services["serve"]["depends_on"] == {
        "build": {"condition": "service_completed_successfully"}
    }
    for service in services.values():
        assert (PROJECT / service.get("build", {}).get("dockerfile", "")).exists()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    password = services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${POSTGRES_PASSWORD:?")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_exists_with_no_more_rights_than_they_need(
    path: Path,
) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert re.search(r"@v\d+$", step.get("uses", "@v1"))
            for target in re.findall(r"\bmake (\w+)", step.get("run", "")):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            # Inputs are put into the environment, never into the text of a script.
            assert "${{" not in step.get("run", "")
    assert (PROJECT / ".ci" / "run").exists()


def test_hooks_are_of_this_environment() -> None:
    config = read(PROJECT / ".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        (command,) = re.findall(r"\.venv/bin/(\S+)", hook["entry"])
        assert DBT.with_name(command).exists(), command


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
