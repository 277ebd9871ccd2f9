"""SQL functions by which dbt asks this package about settings and the customer file.

Each takes one JSON text and returns one, and none raises: an engine wraps what a
function raises in its own words, so the answer carries the error instead, as
``{"error": "..."}``. dbt's macros raise it in the user's sight.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from duckdb.func import SPECIAL

from mall_segments.errors import MallSegmentsError
from mall_segments.home import find_home, warehouse_file
from mall_segments.intake.columns import recognise_columns
from mall_segments.intake.inputs import (
    SURPLUS_COLUMN,
    CustomerInput,
    inspect_input,
    inspect_seed,
)
from mall_segments.intake.preflight import check_disk, check_points
from mall_segments.settings import Settings, check_project_vars, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb


def register_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function of this module on a connection.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection; its cursors have the functions, too.
    """
    for name, function in FUNCTIONS.items():
        connection.create_function(
            name,
            function,
            ["VARCHAR"],
            "VARCHAR",
            null_handling=SPECIAL,
            side_effects=True,
        )


def preflight(request: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings, the disk and the customer file before any model runs.

    Parameters
    ----------
    request : mapping
        ``settings`` (the vars, as a mapping or as YAML, which can say more than
        JSON); optionally ``command_line_vars`` (likewise), ``project_path``
        (folder of ``dbt_project.yml``, whose vars are checked for misspelt names),
        ``seed_path`` (absolute path of the seed), ``copies`` (folder for copies) and
        ``reads_files`` (false where the engine reads ``customers_path`` on machines
        of its own, so that the file cannot be inspected here).

    Returns
    -------
    dict
        ``notes``: list of sentences for the user.

    Raises
    ------
    MallSegmentsError
        If the build must not start.
    """
    check_project_vars(
        _project_vars(request.get("project_path")),
        _read_yaml(request.get("command_line_vars")),
    )
    settings = _settings(request)
    check_disk(find_home())
    if settings.customers_path is not None and not request.get("reads_files", True):
        return {"notes": []}
    customers = _inspect(request, settings)
    check_points(customers, settings)
    return {"notes": list(customers.notes)}


def recognise(request: Mapping[str, Any]) -> dict[str, Any]:
    """Map the canonical names to the columns of a relation.

    Parameters
    ----------
    request : mapping
        ``header`` (list of column names) and ``settings``.

    Returns
    -------
    dict
        ``columns``: canonical name to column, ``extra``: list of the other columns.

    Raises
    ------
    MallSegmentsError
        If a required column is missing or ambiguous.
    """
    found = recognise_columns(request["header"], _settings(request))
    return {"columns": dict(found.columns), "extra": list(found.extra)}


def describe_input(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell SQL how to read the customer file.

    Parameters
    ----------
    request : mapping
        As for :func:`preflight`.

    Returns
    -------
    dict
        ``relation`` (what follows ``from``), ``source_row`` (the expression that
        numbers its rows), ``header`` (its columns, without the surplus one),
        ``columns`` and ``extra`` as :func:`recognise`, ``surplus_column`` (name or
        null), ``paths`` and ``notes``.

    Raises
    ------
    MallSegmentsError
        If the file cannot be read.
    """
    customers = _inspect(request, _settings(request))
    return {
        "relation": customers.relation,
        "source_row": customers.source_row,
        "header": list(customers.column_names),
        "columns": dict(customers.columns.columns),
        "extra": list(customers.columns.extra),
        "surplus_column": SURPLUS_COLUMN if customers.has_surplus_column else None,
        "paths": [str(path.absolute()) for path in customers.paths],
        "notes": list(customers.notes),
    }


def _answering(
    function: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Callable[[str | None], str]:
    def answer(text: str | None) -> str:
        try:
            request = json.loads(text or "{}")
            return json.dumps({"error": None, **function(request)})
        except MallSegmentsError as error:
            return json.dumps({"error": str(error)})
        except Exception as error:  # noqa: BLE001 - the answer carries it
            kind = type(error).__name__
            return json.dumps(
                {"error": f"{function.__name__} failed unexpectedly: {kind}: {error}"}
            )

    return answer


FUNCTIONS: Final[dict[str, Callable[[str | None], str]]] = {
    "mall_segments_preflight": _answering(preflight),
    "mall_segments_recognise": _answering(recognise),
    "mall_segments_input": _answering(describe_input),
}
"""Every function by its name in SQL, from JSON text to JSON text."""


def _settings(request: Mapping[str, Any]) -> Settings:
    return parse_settings(_read_yaml(request.get("settings", {})))


def _read_yaml(value: Any) -> Any:
    return yaml.safe_load(value) if isinstance(value, str) else value


def _project_vars(project_path: str | None) -> Any:
    if project_path is None:
        return None
    text = (Path(project_path) / "dbt_project.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text).get("vars")


def _inspect(request: Mapping[str, Any], settings: Settings) -> CustomerInput:
    copies = request.get("copies")
    folder = Path(copies) if copies else warehouse_file(find_home()).parent / "copies"
    if settings.customers_path is not None:
        return inspect_input(settings.customers_path, settings, copies=folder)
    return inspect_seed(request["seed_path"], settings, copies=folder)
