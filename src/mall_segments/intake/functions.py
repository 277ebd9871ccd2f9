"""SQL functions by which dbt asks this package about settings and the customer file.

Each takes one JSON text and returns one, and none raises: an engine wraps what a
function raises in its own words, so the answer carries the error instead, as
``{"error": "..."}``. dbt's macros raise it in the user's sight.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import yaml
from duckdb.func import SPECIAL

from mall_segments.errors import InputError, MallSegmentsError, PublishError
from mall_segments.home import find_home, published_folder, warehouse_file
from mall_segments.intake.columns import recognise_columns
from mall_segments.intake.files import refusing_broken_files
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.intake.values import refuse_orders
from mall_segments.orders.opening import describe_orders
from mall_segments.settings import Settings, check_project_vars, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# What a build of a few customers takes, twice over.
LEAST_FREE_MEGABYTES: Final = 32
_FEW_PER_SEGMENT: Final = 10

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
    """Check settings, disk and customer file before any model runs; answer ``notes``.

    The request has ``settings`` (the vars, as a mapping or as YAML, which can say more
    than JSON); optionally ``command_line_vars`` (likewise), ``project_path`` (folder of
    ``dbt_project.yml``, whose vars are checked for misspelt names), ``seed_path`` and
    ``reads_files`` (false where the engine reads ``customers_path`` on machines of its
    own, so that the file cannot be inspected here).
    """
    project = Path(request["project_path"]) if request.get("project_path") else None
    project_vars = None
    if project:
        text = (project / "dbt_project.yml").read_text(encoding="utf-8")
        project_vars = yaml.safe_load(text).get("vars")
    check_project_vars(project_vars, _read_yaml(request.get("command_line_vars")))
    settings = _settings(request)
    check_disk(find_home())
    _OPENED.clear()
    is_elsewhere = settings.customers_path and not request.get("reads_files", True)
    if settings.customers_model or is_elsewhere or not settings.has_customers:
        return {"notes": []}
    opened = _open(request, settings)
    return {"notes": [*opened.notes, *_notes_of_few_rows(opened, settings)]}


def check_disk(home: Path) -> None:
    """Refuse to build where the disk is all but full."""
    for folder in (warehouse_file(home).parent, published_folder(home)):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        megabytes = shutil.disk_usage(existing).free / 1e6
        if megabytes < LEAST_FREE_MEGABYTES:
            raise PublishError(
                f"The disk of {folder} has {megabytes:.1f} MB free, and a build needs "
                f"at least {LEAST_FREE_MEGABYTES} MB; free some, or set "
                "MALL_SEGMENTS_HOME to a folder on another disk."
            )


def _notes_of_few_rows(opened: OpenedCustomers, settings: Settings) -> Iterator[str]:
    n_rows = opened.facts.n_rows
    for segmentation in settings.segmentations:
        least = segmentation.least_segments
        if n_rows < _FEW_PER_SEGMENT * least:
            yield (
                f"{opened.source} has {n_rows:,} rows, fewer than {_FEW_PER_SEGMENT} "
                f"for each of the {least} segments of {segmentation.name}: they would "
                "say little about other customers."
            )


def recognise(request: Mapping[str, Any]) -> dict[str, Any]:
    """Map the canonical names to the ``header`` of a relation, by the ``settings``."""
    found = recognise_columns(request["header"], _settings(request))
    return {"columns": dict(found.columns), "extra": list(found.extra)}


def describe_input(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell SQL how to read the customer file that a request to `preflight` names."""
    opened = _open(request, _settings(request))
    fields = ("column", "kind", "text_sql", "number_sql", "id_sql")
    return {
        "relation": opened.relation,
        "source_row": opened.source_row,
        "columns": {
            name: {each: getattr(column, each) for each in fields}
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
"""Every function by its name in SQL, which Spark's macros call beside dbt."""


def _settings(request: Mapping[str, Any]) -> Settings:
    return parse_settings(_read_yaml(request.get("settings", {}))).of_customer_files()


def _read_yaml(value: Any) -> Any:
    return yaml.safe_load(value) if isinstance(value, str) else value


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
        opened = open_customers(connection, path, settings)
        with refusing_broken_files(opened.source):
            refuse_orders(connection, opened)
    _OPENED[:] = [(settings, path, opened)]
    return opened
