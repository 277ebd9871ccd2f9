"""What runs outside of the project's own commands: selectors, CI, hooks, containers."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from shared_project import DBT, PROJECT, PROJECT_PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from shared_project import Project

PUBLISHING = {"fct_published_tables", "customer_segment_history"}
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def listed(project: Project, *arguments: str) -> set[str]:
    kinds = ("--resource-type", "model", "--resource-type", "snapshot")
    ran = project.run("ls", "--quiet", "--output", "name", *kinds, *arguments)
    assert ran.returncode == 0, ran.stdout
    return set(ran.stdout.split())


@pytest.mark.slow
def test_selectors_leave_out_publishing_and_what_did_not_change(
    project: Project, published_home: Path
) -> None:
    """As in a pull request, beside the artefacts of a build elsewhere."""
    path = project.path / "analyses" / "marts" / "dim_segments.sql"
    path.write_text(path.read_text() + "\n-- Changed.\n")

    slim = listed(
        project, "--selector", "slim", "--state", str(published_home / "target")
    )
    assert {"dim_segments", "fct_segment_migrations", "metric_features"} <= slim
    assert not slim & PUBLISHING
    assert not slim & {"dim_customers", "segments"}

    unpublished = listed(project, "--selector", "unpublished")
    assert listed(project, "--select", "*") - unpublished == PUBLISHING


@pytest.mark.slow(seconds=15)
def test_a_dry_run_tries_every_model_and_loses_nothing(
    project: Project, published_home: Path
) -> None:
    shutil.copytree(published_home, project.home, symlinks=True, dirs_exist_ok=True)
    published, database = project.published.readlink(), working_database(project)
    history = "select count(*) from customer_segment_history where dbt_valid_to is null"
    assert rows(database, history) == [(600,)]

    said = project.build("--empty")
    assert "ERROR=0 SKIP=0" in said
    assert rows(database, "select count(*) from dim_customers") == [(0,)]
    assert rows(database, history) == [(600,)]
    assert project.published.readlink() == published

    # What is empty now cannot be published after it.
    refused = project.run("build", "--select", "fct_published_tables+")
    assert refused.returncode != 0
    assert "would publish without" in refused.stdout


def working_database(project: Project) -> Path:
    (database,) = (project.home / "warehouse").glob("*.duckdb")
    return database


def rows(database: Path, query: str) -> list[tuple[int]]:
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(query).fetchall()


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
