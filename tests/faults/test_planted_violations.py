"""Whatever a data test or a contract refuses is not published.

A build with a violation is of the node that has it, of the test that notices it, and of
publishing: everything else is there already, as an intact build made it.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from builds import (
    FIRST_OF_GENERATION,
    PUBLISHING,
    WHOLE,
    BuildServer,
    Nodes,
    Part,
    artefacts,
    check_complete,
    nodes,
    part_after,
    part_of,
    published_files,
    run_results,
    spread,
)
from violations import Violation, find_violation, other_type, spoil

from mall_segments.publishing.generations import read_current
from mall_segments.home import warehouse_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def data_tests(manifest: Nodes) -> list[str]:
    return sorted(
        unique_id
        for unique_id, node in manifest.items()
        if node["resource_type"] == "test"
    )


@pytest.fixture(scope="module")
def violations(
    built_home: Path, manifest: Nodes, data_tests: list[str]
) -> dict[str, Violation | None]:
    """For each data test, a change of one table that it notices."""
    queries = {
        result["unique_id"]: result["compiled_code"]
        for result in run_results(built_home)
        if result["unique_id"].startswith("test.")
    }
    return {
        test: find_violation(
            warehouse_file(built_home),
            manifest[test],
            queries[test],
            manifest,
            nodes(built_home),
        )
        for test in data_tests
    }


def test_every_data_test_notices_a_violation(
    violations: dict[str, Violation | None],
) -> None:
    assert len(violations) >= 40
    assert [test for test, found in violations.items() if found is None] == []


def test_publishing_waits_for_every_data_test(
    built_home: Path, data_tests: list[str], manifest: Nodes
) -> None:
    """dbt runs a node after all it depends on passed: by its own graph, this one."""
    path = artefacts(built_home) / "graph_summary.json"
    graph = json.loads(path.read_text())["with_test_edges"]
    number = next(key for key, node in graph.items() if node["name"] == PUBLISHING)
    required: set[str] = set()
    while True:
        names = {
            key
            for key, node in graph.items()
            if {number, *required} & {str(child) for child in node.get("succ", [])}
        }
        if names <= required:
            break
        required |= names
    assert {graph[key]["name"] for key in required} >= set(data_tests)
    for test in data_tests:
        config = manifest[test]["config"]
        assert (config["severity"].lower(), config["error_if"]) == ("error", "!= 0")
        assert (config["where"], config["limit"]) == (None, None)


@pytest.mark.slow(seconds=70)
def test_a_violated_data_test_keeps_the_old_generation(
    server: BuildServer,
    built_home: Path,
    home: Path,
    n_trials: int,
    violations: dict[str, Violation | None],
    manifest: Nodes,
    tmp_path: Path,
) -> None:
    before = published_files(home)
    for test in spread(sorted(violations), len(violations) * n_trials // 200):
        planted = violations[test]
        assert planted is not None
        changes = {planted.node: spoil(manifest, planted, tmp_path)}
        start_with_intact_tables(home, built_home)
        part = part_of(manifest, planted.node, test)
        succeeded, output = server.build(home, changes=changes, part=part)
        assert not succeeded
        status = {result["unique_id"]: result["status"] for result in run_results(home)}
        assert status[test] == "fail", output
        assert status[PUBLISHING] == "skipped"
        assert published_files(home) == before
    assert_builds_again(server, home)


@pytest.mark.slow(seconds=30)
def test_a_violated_contract_keeps_the_old_generation(
    server: BuildServer,
    built_home: Path,
    home: Path,
    n_trials: int,
    manifest: Nodes,
    tmp_path: Path,
) -> None:
    before = published_files(home)
    contracts = sorted(
        unique_id
        for unique_id, node in manifest.items()
        if node["config"].get("contract", {}).get("enforced")
    )
    assert len(contracts) >= 15
    for model in spread(contracts, len(contracts) * n_trials // 200):
        changes = {model: spoil(manifest, other_type(manifest, model), tmp_path)}
        start_with_intact_tables(home, built_home)
        part = part_of(manifest, model)
        succeeded, output = server.build(home, changes=changes, part=part)
        assert not succeeded
        assert "This model has an enforced contract that failed." in output
        status = {result["unique_id"]: result["status"] for result in run_results(home)}
        assert status[PUBLISHING] == "skipped"
        assert published_files(home) == before
    again = part_after(manifest, FIRST_OF_GENERATION, contracts[-1])
    assert_builds_again(server, home, again)


def start_with_intact_tables(home: Path, built_home: Path) -> None:
    shutil.rmtree(home / "warehouse")
    shutil.copytree(built_home / "warehouse", home / "warehouse")


def assert_builds_again(server: BuildServer, home: Path, part: Part = WHOLE) -> None:
    current = read_current(home).build_id
    succeeded, output = server.build(home, part=part)
    assert succeeded, output
    check_complete(home, current)
