"""Violations to plant: changes of a model's rows that one of its tests notices."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Node = dict[str, Any]

# What stands for the rows before they are changed.
ROWS = "unchanged_rows"


@dataclass(frozen=True)
class Violation:
    """A change of one node's rows: a query of `ROWS`."""

    node: str
    query: str


def column_types(connection: duckdb.DuckDBPyConnection, node: Node) -> dict[str, str]:
    """Read the columns of what a node built, with their types."""
    described = connection.execute(f"describe {node['relation_name']}").fetchall()
    return {name: type_ for name, type_, *_ in described}


def changes(columns: Mapping[str, str]) -> Iterator[str]:
    """List changes of any table: each value in turn, and the number of rows."""
    yield f"select * from {ROWS} union all select * from {ROWS}"
    yield f"from {ROWS} offset 1"
    for name, type_ in columns.items():
        column = quote_identifier(name)
        others = ["null"]
        if type_ == "VARCHAR":
            others += [f"{column} || ' planted'"]
        elif type_ == "BOOLEAN":
            others += [f"not {column}"]
        elif type_ in {"BIGINT", "DOUBLE", "INTEGER", "HUGEINT"}:
            others += [f"{column} + 1", f"{column} * 2", "-1"]
        for other in others:
            yield f"select * replace (cast({other} as {type_}) as {column}) from {ROWS}"


def is_allowed(connection: duckdb.DuckDBPyConnection, node: Node, query: str) -> bool:
    """Whether changed rows satisfy the constraints of the node's contract."""
    conditions: list[str] = []
    for column in node["columns"].values():
        for constraint in column["constraints"]:
            if constraint["type"] == "not_null":
                conditions.append(f"{quote_identifier(column['name'])} is not null")
            elif constraint["type"] == "check":
                conditions.append(constraint["expression"])
    if not conditions:
        return True
    broken = " or ".join(f"not coalesce({condition}, true)" for condition in conditions)
    rows = query.replace(ROWS, node["relation_name"])
    return not connection.execute(f"select 1 from ({rows}) where {broken}").fetchall()


def find_violation(
    warehouse: Path,
    test: Node,
    test_query: str,
    nodes: Mapping[str, Node],
    order: Sequence[str],
) -> Violation | None:
    """Find a change that a test notices.

    Parameters
    ----------
    warehouse : Path
        The database of a complete build.
    test : dict
        The test, as in dbt's manifest.
    test_query : str
        Its query as compiled: whatever it returns is a violation.
    nodes : mapping
        The nodes of the manifest by unique id.
    order : sequence of str
        Unique ids in the order in which they were built. What is changed is changed
        as late as possible.
    """
    parents = sorted(test["depends_on"]["nodes"], key=order.index, reverse=True)
    with duckdb.connect(warehouse, read_only=True) as connection:
        for parent in parents:
            relation = nodes[parent]["relation_name"]
            for query in changes(column_types(connection, nodes[parent])):
                sql = test_query.replace(relation, f"({query.replace(ROWS, relation)})")
                with suppress(duckdb.ConversionException):
                    if connection.execute(sql).fetchall() and is_allowed(
                        connection, nodes[parent], query
                    ):
                        return Violation(parent, query)
    return None


def spoil(nodes: Mapping[str, Node], violation: Violation, folder: Path) -> Node:
    """Make the changes to the node by which a build violates one of its tests.

    Parameters
    ----------
    nodes : mapping
        The nodes of the manifest by unique id.
    violation : Violation
        What to plant.
    folder : Path
        Where to write a spoilt seed.
    """
    node = nodes[violation.node]
    if node["resource_type"] == "seed":
        source = Path(node["root_path"], node["original_file_path"])
        with duckdb.connect() as connection:
            connection.execute(
                f"create view {ROWS} as "
                f"from read_csv({quote_text(str(source))}, all_varchar = true)"
            )
            connection.execute(
                f"copy ({violation.query}) to {quote_text(str(folder / source.name))}"
            )
        return {"root_path": str(folder), "original_file_path": source.name}
    if node["language"] == "python":
        return {"raw_code": node["raw_code"] + SPOILT_MODEL.format(violation.query)}
    rows = f"(\n{node['raw_code']}\n)"
    return {"raw_code": violation.query.replace(ROWS, rows)}


SPOILT_MODEL = f'''


_unchanged = model


def model(dbt, session):
    {ROWS} = _unchanged(dbt, session)
    return session.sql("""{{}}""")
'''


def other_type(nodes: Mapping[str, Node], unique_id: str) -> Violation:
    """Change the type of a model's first column, against its contract."""
    column = next(iter(nodes[unique_id]["columns"].values()))
    is_text = column["data_type"].lower() in {"text", "varchar", "string"}
    name = quote_identifier(column["name"])
    type_ = "integer" if is_text else "varchar"
    return Violation(
        unique_id,
        f"select * replace (try_cast({name} as {type_}) as {name}) from {ROWS}",
    )
