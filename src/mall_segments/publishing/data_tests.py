"""Which data tests had passed when a generation was published.

dbt runs the publishing node only when every data test of the nodes before it has
passed, and a build that leaves tests out is refused. So those in dbt's manifest are
those that passed; tests that only warn are not among them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mall_segments.errors import PublishError

DATA_TESTS = "data_tests.json"
PUBLISHING_NODE = "fct_published_tables"

_FORMAT = 1
_SINGULAR_PREFIX = "assert_"


@dataclass(frozen=True)
class DataTests:
    """The data tests that passed: how many, and what those of a query of their own say.

    Such a claim is "Feature pairs count every customer"; the others check keys, ranges
    and references.
    """

    n_passed: int
    claims: tuple[str, ...]


def write_data_tests(folder: Path, *, manifest: Mapping[str, Any]) -> None:
    """Write ``data_tests.json``: the data tests that had to pass before."""
    tests = _tests_before(manifest, PUBLISHING_NODE)
    content = {
        "format": _FORMAT,
        "passed": [
            {
                "name": test["name"],
                "of": sorted(
                    parent.split(".")[-1] for parent in test["depends_on"]["nodes"]
                ),
            }
            for test in sorted(tests, key=lambda test: str(test["name"]))
        ],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / DATA_TESTS).write_text(text, encoding="utf-8")


def read_data_tests(folder: Path) -> DataTests | None:
    """Read what `write_data_tests` wrote; None if the folder has none."""
    path = folder / DATA_TESTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [str(test["name"]) for test in content["passed"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishError(f"{path} cannot be read: {error}") from None
    return DataTests(
        n_passed=len(names),
        claims=tuple(
            name.removeprefix(_SINGULAR_PREFIX).replace("_", " ").capitalize()
            for name in names
            if name.startswith(_SINGULAR_PREFIX)
        ),
    )


def _tests_before(manifest: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """List the tests whose nodes all come before a model: dbt runs them before it."""
    nodes = manifest["nodes"]
    before: set[str] = set()
    waiting = [key for key, node in nodes.items() if node["name"] == name]
    while waiting:
        for parent in nodes[waiting.pop()].get("depends_on", {}).get("nodes", []):
            if parent in nodes and parent not in before:
                before.add(parent)
                waiting.append(parent)
    return [
        node
        for node in nodes.values()
        if node["resource_type"] == "test"
        and node["config"]["severity"].lower() == "error"
        and before.issuperset(node["depends_on"]["nodes"])
    ]
