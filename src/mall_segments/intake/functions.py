"""SQL functions by which dbt asks this package about settings and the customer file.

Each takes one JSON text and returns one, and none raises: an engine wraps what a
function raises in its own words, so the answer carries the error instead, as
``{"error": "..."}``. dbt's macros raise it in the user's sight.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import yaml
from duckdb.func import SPECIAL

from mall_segments.errors import InputError, MallSegmentsError
from mall_segments.home import find_home
from mall_segments.intake.columns import recognise_columns
from mall_segments.intake.preflight import build_notes, check_disk, open_for_build
from mall_segments.orders.cells import check_cells_file
from mall_segments.orders.functions import describe_orders
from mall_segments.settings import Settings, check_project_vars, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mall_segments.intake.opening import OpenedCustomers

# What the last preflight opened: the models read the same, and its copies live on.
_OPENED: list[tuple[Settings, str, OpenedCustomers]] = []


def register_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function of this module on a connection."""
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
        ``seed_path`` (absolute path of the seed) and ``reads_files`` (false where the
        engine reads ``customers_path`` on machines of its own, so that the file cannot
        be inspected here).

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
    if settings.has_orders and request.get("project_path"):
        check_cells_file(Path(request["project_path"]) / "seeds" / "rfm_segments.csv")
    _OPENED.clear()
    is_elsewhere = settings.customers_path and not request.get("reads_files", True)
    if settings.customers_model or is_elsewhere or not settings.has_customers:
        return {"notes": []}
    return {"notes": list(build_notes(_open(request, settings), settings))}


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
        ``relation``, ``source_row``, ``surplus_column``, and ``columns``, which maps a
        canonical name to the fields of `OpenedColumn`.

    Raises
    ------
    MallSegmentsError
        If the file cannot be read.
    """
    opened = _open(request, _settings(request))
    return {
        "relation": opened.relation,
        "source_row": opened.source_row,
        "columns": {
            name: {
                "column": column.column,
                "kind": column.kind,
                "text_sql": column.text_sql,
                "number_sql": column.number_sql,
                "id_sql": column.id_sql,
            }
            for name, column in opened.columns.items()
        },
        "surplus_column": opened.surplus_column,
    }


def _answering(
    function: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Callable[[str | None], str]:
    """Answer JSON with JSON, an error within it: engines wrap what is raised."""

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
    "mall_segments_orders": _answering(describe_orders),
}
"""Every function by its name in SQL, from JSON text to JSON text."""


def _settings(request: Mapping[str, Any]) -> Settings:
    return parse_settings(_read_yaml(request.get("settings", {}))).of_customer_files()


def _read_yaml(value: Any) -> Any:
    return yaml.safe_load(value) if isinstance(value, str) else value


def _project_vars(project_path: str | None) -> Any:
    if project_path is None:
        return None
    text = (Path(project_path) / "dbt_project.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text).get("vars")


def _open(request: Mapping[str, Any], settings: Settings) -> OpenedCustomers:
    """Open the file once for all models of a build."""
    path = settings.customers_path
    if path is None:
        seed = Path(request["seed_path"])
        if not seed.exists():
            raise InputError(
                f"{str(seed)!r} does not exist: it is the seed with the customers."
            )
        path = str(seed)
    for known, name, opened in _OPENED:
        if (known, name) == (settings, path):
            return opened
    with duckdb.connect() as connection:
        opened = open_for_build(connection, settings, path)
    _OPENED[:] = [(settings, path, opened)]
    return opened
