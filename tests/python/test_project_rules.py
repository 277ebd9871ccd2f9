"""The graph of the dbt project and the lay of the code keep to the house's rules.

The rules of the graph are those of dbt-labs/dbt-project-evaluator, asked of what
`dbt parse` writes. What does not hold is in `EXCEPTIONS` with its reason, and an
exception that nothing needs any more fails, too.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from shared_project import PROJECT, Project

SRC = PROJECT / "src"
PUBLISHING = "fct_published_tables"

MOST_LINES_OF_A_MODULE = 500
MOST_LINES_OF_A_COMPILED_MODEL = 150
MOST_LINES_OF_A_FUNCTION = 60
LONGEST_LINE_OF_SQL = 80

MOST_PARENTS = 6
MOST_LEAVES = 3
MOST_VIEWS_IN_A_ROW = 4

# What is true of the shipped project, whose build reads customers and orders, and of
# one without orders; and what would be better still.
MOST = {
    "models": 57,
    "models without orders": 45,
    "nodes": 88,
    "nodes without orders": 70,
    "path": 21,
}
AIMS = {"models without orders": 45, "nodes without orders": 80, "path": 14}

FOLDERS = {
    "models/staging": ("base_", "stg_"),
    "models/intermediate": ("int_",),
    "models/semantic": ("metric_",),
    "python_models": ("int_", "fct_"),
    "analyses/marts": ("dim_", "fct_"),
}

_LOOK_UP = "a list of the project's own, which has nothing to rename or cast"
_GROUPED = "its one GROUP BY is by its key"
_FOLLOWS_SETTINGS = "its columns follow the settings, and a contract lists them"
_PREVIOUS = "reads the last published generation, which is no node"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "reads an input past staging": {
        "int_rfm_cells": _LOOK_UP,
        "segments": _LOOK_UP,
    },
    "joins an input": {"segments": _LOOK_UP},
    "has no parent": {
        "int_build_started": "the clock and the settings are no nodes",
        "int_customer_segments_published": _PREVIOUS,
    },
    "has many parents": {
        PUBLISHING: "it is the last node: it refers to all that is published",
    },
    "has many leaves": {
        "int_points": "what is fitted is fitted to points; each fit is a table",
        "int_segment_values": "one long table for all that is counted of values",
        "segments": "what is said of segments is said in tables of several grains",
    },
    "ends many views in a row": {
        "int_customers_segmented": "read once, to write the file of customers",
    },
    "is public without contract": {
        "dim_customers": _FOLLOWS_SETTINGS,
        "dim_segments": _FOLLOWS_SETTINGS,
        "fct_feature_distribution": _FOLLOWS_SETTINGS,
        "fct_rejected_customers": _FOLLOWS_SETTINGS,
        "fct_segment_demographics": _FOLLOWS_SETTINGS,
        "fct_segment_points": _FOLLOWS_SETTINGS,
    },
    "has a name of another folder": {
        "segments": "what everything is about; its rows are segments, fitted",
    },
    "has no key that is tested": {
        "dim_customers": "a view of int_customers_accepted, whose key is tested",
        "fct_customer_segments": "a view of the same customers per segmentation",
        "fct_customer_movements": "a part of the same customers per segmentation",
        "fct_feature_distribution": _GROUPED,
        "fct_feature_pairs": _GROUPED,
        "fct_feature_summary": _GROUPED,
        "fct_rejected_customers": "rejected rows may have anything in common",
        "fct_rejected_orders": _GROUPED,
        "fct_rfm_agreement": _GROUPED,
        "fct_segment_demographics": _GROUPED,
        "fct_segment_feature_values": "int_segment_values is grouped by this key",
        "fct_segment_migrations": _GROUPED,
    },
    "is shown from a view": {
        "dim_customers": "a view of a table; what is published is a table",
        "fct_customer_segments": "a view of a table; what is published is a table",
    },
    "is shown but not public": {
        PUBLISHING: "the service reads the files that this node writes, not its table",
    },
}


@dataclass(frozen=True)
class Graph:
    """What `dbt parse` says of the project."""

    manifest: dict[str, Any]

    @cached_property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """Every model, seed, snapshot, data test and analysis by its name."""
        return {node["name"]: node for node in self.manifest["nodes"].values()}

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        return self.of("model")

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: node
            for name, node in self.nodes.items()
            if node["resource_type"] == kind
        }

    @cached_property
    def parents(self) -> dict[str, list[str]]:
        names = {key: node["name"] for key, node in self.manifest["nodes"].items()}
        return {
            name: [
                names[key]
                for key in node["depends_on"].get("nodes", [])
                if key in names
            ]
            for name, node in self.nodes.items()
        }

    @cached_property
    def shown(self) -> set[str]:
        """What exposures depend on."""
        return {
            parent.rpartition(".")[2]
            for exposure in self.manifest["exposures"].values()
            for parent in exposure["depends_on"]["nodes"]
        }

    def children(self, name: str) -> list[str]:
        """Return the models that read a node, but for the one that publishes all."""
        return [
            child
            for child in self.models
            if name in self.parents[child] and child != PUBLISHING
        ]

    def is_input(self, name: str) -> bool:
        return self.nodes[name]["resource_type"] == "seed"

    def is_staging(self, name: str) -> bool:
        return self.nodes[name]["path"].startswith("staging/")

    def is_mart(self, name: str) -> bool:
        return name.startswith(("dim_", "fct_")) and name != PUBLISHING

    def is_sql(self, name: str) -> bool:
        return bool(self.nodes[name]["language"] == "sql")

    def is_tested(self, name: str) -> bool:
        """Whether a data test of the key hangs from a model."""
        return any(
            test.get("test_metadata", {}).get("name")
            in ("unique_combination", "unique")
            and self.parents[key] == [name]
            for key, test in self.of("test").items()
        )

    def depth(self, name: str, is_counted: Any = lambda _: True) -> int:
        """Count the nodes of the longest path that ends at a node."""
        counted = [parent for parent in self.parents[name] if is_counted(parent)]
        return 1 + max((self.depth(each, is_counted) for each in counted), default=0)


def reads_an_input_past_staging(graph: Graph, name: str) -> bool:
    return not graph.is_staging(name) and any(map(graph.is_input, graph.parents[name]))


def joins_an_input(graph: Graph, name: str) -> bool:
    parents = graph.parents[name]
    return any(map(graph.is_input, parents)) and len(parents) > 1


def reads_an_input_that_another_reads(graph: Graph, name: str) -> bool:
    inputs = filter(graph.is_input, graph.parents[name])
    return any(graph.children(each) != [name] for each in inputs)


def is_staging_that_reads_no_input(graph: Graph, name: str) -> bool:
    return graph.is_staging(name) and not all(
        graph.is_input(parent) or parent.startswith("base_")
        for parent in graph.parents[name]
    )


def is_a_mart_of_staging(graph: Graph, name: str) -> bool:
    return graph.is_mart(name) and any(map(graph.is_staging, graph.parents[name]))


def has_no_parent(graph: Graph, name: str) -> bool:
    return not graph.parents[name]


def has_many_parents(graph: Graph, name: str) -> bool:
    return len(graph.parents[name]) > MOST_PARENTS


def has_many_leaves(graph: Graph, name: str) -> bool:
    leaves = [each for each in graph.children(name) if not graph.children(each)]
    return len(leaves) > MOST_LEAVES


def rejoins_what_it_came_from(graph: Graph, name: str) -> bool:
    """A model and its parent's only child are read together: one is in vain."""
    parents = graph.parents[name]
    return any(
        graph.children(middle) == [name]
        and middle in graph.models
        and set(graph.parents[middle]) <= set(parents)
        and graph.parents[middle]
        and graph.is_sql(middle)
        and graph.nodes[middle]["config"]["materialized"] == "view"
        for middle in parents
    )


def ends_many_views_in_a_row(graph: Graph, name: str) -> bool:
    def is_view(node: str) -> bool:
        return bool(graph.nodes[node]["config"]["materialized"] == "view")

    return is_view(name) and graph.depth(name, is_view) > MOST_VIEWS_IN_A_ROW


def has_a_name_of_another_folder(graph: Graph, name: str) -> bool:
    path = graph.nodes[name]["original_file_path"]
    return not any(
        path.startswith(folder) and name.startswith(prefixes)
        for folder, prefixes in FOLDERS.items()
    )


def has_its_yaml_elsewhere(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    own = PurePosixPath(node["original_file_path"]).parent
    described = PurePosixPath((node["patch_path"] or "").partition("://")[2]).parent
    # The folders of Python models have one file together, with the settings they share.
    return described not in ((own,) if graph.is_sql(name) else (own, own.parent))


def is_not_described(graph: Graph, name: str) -> bool:
    return not graph.nodes[name]["description"].strip().endswith(".")


def is_public_without_contract(graph: Graph, name: str) -> bool:
    # dbt has no contracts of Python models.
    return (
        graph.nodes[name]["access"] == "public"
        and graph.is_sql(name)
        and not graph.nodes[name]["config"]["contract"]["enforced"]
    )


def is_a_mart_but_not_public(graph: Graph, name: str) -> bool:
    return graph.is_mart(name) and graph.nodes[name]["access"] != "public"


def is_public_with_columns_that_nobody_describes(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    described = [column["description"] for column in node["columns"].values()]
    return node["access"] == "public" and not (described and all(described))


def has_no_key_that_is_tested(graph: Graph, name: str) -> bool:
    return graph.is_mart(name) and graph.is_sql(name) and not graph.is_tested(name)


def is_shown_but_not_public(graph: Graph, name: str) -> bool:
    return name in graph.shown and graph.nodes[name]["access"] != "public"


def is_shown_from_a_view(graph: Graph, name: str) -> bool:
    return name in graph.shown and graph.nodes[name]["config"]["materialized"] == "view"


def names_a_relation_without_ref(graph: Graph, name: str) -> bool:
    code = re.sub(r"\{[{%#].*?[}%#]\}", "", graph.nodes[name]["raw_code"], flags=re.S)
    return bool(re.search(r"\b(from|join)\s+\w+\.\w+", code)) and graph.is_sql(name)


RULES = [
    reads_an_input_past_staging,
    joins_an_input,
    reads_an_input_that_another_reads,
    is_staging_that_reads_no_input,
    is_a_mart_of_staging,
    has_no_parent,
    has_many_parents,
    has_many_leaves,
    rejoins_what_it_came_from,
    ends_many_views_in_a_row,
    has_a_name_of_another_folder,
    has_its_yaml_elsewhere,
    is_not_described,
    is_public_without_contract,
    is_a_mart_but_not_public,
    is_public_with_columns_that_nobody_describes,
    has_no_key_that_is_tested,
    is_shown_but_not_public,
    is_shown_from_a_view,
    names_a_relation_without_ref,
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    project = Project(PROJECT, tmp_path_factory.mktemp("parsed"))
    result = project.run("parse")
    assert result.returncode == 0, result.stdout
    manifest = project.home / "target" / "manifest.json"
    return Graph(json.loads(manifest.read_text("utf-8")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_model_breaks_a_rule_without_a_reason(graph: Graph, rule: Any) -> None:
    excepted = EXCEPTIONS.get(rule.__name__.replace("_", " "), {})
    assert {name for name in graph.models if rule(graph, name)} == set(excepted)


def test_the_graph_does_not_grow(graph: Graph) -> None:
    of_orders = [
        name
        for name, model in graph.models.items()
        if model["patch_path"].endswith("_orders__models.yml")
    ]
    kinds = ("model", "test", "seed", "snapshot")
    nodes = [name for kind in kinds for name in graph.of(kind)]
    tests_of_orders = [
        name for name in graph.of("test") if set(of_orders) & set(graph.parents[name])
    ]
    counts = {
        "models": len(graph.models),
        "models without orders": len(graph.models) - len(of_orders),
        "nodes": len(nodes),
        "nodes without orders": len(nodes) - len(of_orders) - len(tests_of_orders),
        "path": max(graph.depth(name) for name in graph.nodes),
    }
    for name, n in counts.items():
        print(f"{n} {name}, aim {AIMS.get(name, 'none')}, at most {MOST[name]}")
    assert {name: n for name, n in counts.items() if n > MOST[name]} == {}


def test_compiled_models_can_be_read_for_ten_features(tmp_path: Path) -> None:
    names = [f"feature_{number}" for number in range(1, 11)]
    customers = tmp_path / "customers.csv"
    rows = [[n, *(n * number % 97 for number in range(2, 12))] for n in range(1, 60)]
    lines = [["customer_id", *names], *rows]
    customers.write_text("\n".join(",".join(map(str, line)) for line in lines))
    settings = {
        "customers_path": str(customers),
        "gender": None,
        "features": [{"name": name} for name in names],
        "segmentations": [
            {"name": "by_all", "features": names},
            {"name": "by_three", "features": names[:3], "n_segments": 3},
        ],
    }
    project = Project(PROJECT, tmp_path / "home")
    result = project.run("compile", "--vars", json.dumps(settings))
    assert result.returncode == 0, result.stdout

    folder = project.home / "target" / "compiled" / "mall_segments"
    models = [
        path
        for part in ("models", "analyses/marts")
        for path in (folder / part).rglob("*.sql")
    ]
    assert len(models) > 20
    assert {
        path.name: n
        for path in models
        if (n := path.read_text("utf-8").count("\n")) > MOST_LINES_OF_A_COMPILED_MODEL
    } == {}


MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): (
        path,
        ast.parse(path.read_text("utf-8")),
    )
    for path in sorted(SRC.rglob("*.py"))
}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    first = function.body[0]
    documented = (first.end_lineno or 0) - first.lineno + 1
    lines = (function.end_lineno or 0) - function.lineno + 1
    return lines - (documented if ast.get_docstring(function) else 0)


def test_no_module_and_no_function_is_long() -> None:
    modules = {
        str(path.relative_to(SRC)): n
        for path, _ in MODULES.values()
        if (n := path.read_text("utf-8").count("\n")) > MOST_LINES_OF_A_MODULE
    }
    functions = {
        f"{name}.{node.name}": length(node)
        for name, (_, tree) in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length(node) > MOST_LINES_OF_A_FUNCTION
    }
    assert (modules, functions) == ({}, {})


def imported(tree: ast.Module) -> set[str]:
    """Name the modules of the package that are imported whenever this one is."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & set(MODULES) or {node.module} & set(MODULES)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & set(MODULES)
    return found


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    left = {name: imported(tree) - {name} for name, (_, tree) in MODULES.items()}
    # Who imports nothing that is left is in no circle.
    while free := {name for name, needed in left.items() if not needed & set(left)}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert left == {}


def test_nothing_but_the_settings_names_a_feature_of_the_shipped_file() -> None:
    shipped = re.compile("age_years|annual_income_kusd|spending_score")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # superset/ is what `mall-segments superset` wrote of the shipped file.
    apart = ("seeds/", "tests/", "docs/", "benchmarks/", "superset/")
    found = []
    for name in listed:
        path = PROJECT / name
        if name in ("dbt_project.yml", "README.md") or name.startswith(apart):
            continue
        if path.is_file() and path.suffix in (
            ".py",
            ".sql",
            ".yml",
            ".md",
            ".j2",
            ".js",
        ):
            lines = path.read_text("utf-8").splitlines()
            found += [
                f"{name}:{number}"
                for number, line in enumerate(lines, start=1)
                if shipped.search(line) and not line.lstrip().startswith(">>>")
            ]
    assert found == []


def _only_lines(block: re.Match[str]) -> str:
    """Leave of Jinja over several lines the lines, and of other Jinja all."""
    return "\n" * block[0].count("\n") or block[0]


def test_lines_of_sql_are_short_where_nothing_is_rendered() -> None:
    folders = ("models", "analyses", "tests/data", "macros", "snapshots")
    # A loop that stands on one line is rendered to one, for short compiled models.
    blocks = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.S)
    long = [
        f"{path.relative_to(PROJECT)}:{number}"
        for folder in folders
        for path in sorted((PROJECT / folder).rglob("*.sql"))
        for number, line in enumerate(
            blocks.sub(_only_lines, path.read_text("utf-8")).splitlines(), start=1
        )
        if len(line) > LONGEST_LINE_OF_SQL and not re.search(r"\{[{%#]", line)
    ]
    assert long == []
