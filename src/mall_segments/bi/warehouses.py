"""Pushing a generation into other warehouses, by dlt: load everything, then switch.

Tables go to one of two data sets in turn, which nobody reads yet; then views in the
schema that people read are pointed to them. A push that fails while loading changes
nothing; what each view shows is always whole.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import duckdb

from mall_segments.bi.destinations import Warehouse
from mall_segments.bi.postgres import KEYS, RECORD
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE, Generation

_BATCH: Final = 100_000
_CREATE_VIEW: Final = {"mssql": "create or alter view"}
_TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "bool",
    "DATE": "date",
    "DOUBLE": "double",
    "INTEGER": "bigint",
    "VARCHAR": "text",
}


def push_with_dlt(
    generation: Generation,
    destination: Warehouse,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, int]:
    """Load the tables of a generation and point the views that people read to them.

    dlt finds how to sign in: ``DESTINATION__<NAME>__CREDENTIALS`` or its own files.
    """
    # It must be off before the package is imported.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    import dlt  # noqa: PLC0415 - optional, and takes a second

    database = generation.file(DATABASE)
    tables: dict[str, Any] = generation.manifest["tables"]
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(database), read_only=True) as source,
    ):
        try:
            pipeline = dlt.pipeline(
                f"push_{destination.schema}",
                destination=destination.destination,
                dataset_name=destination.schema,
                pipelines_dir=folder,
            )
            loaded = _other_dataset(pipeline, destination.schema)
            if progress:
                progress(f"loading {loaded}", 0)
            dlt.pipeline(
                f"push_{loaded}",
                destination=destination.destination,
                dataset_name=loaded,
                pipelines_dir=folder,
            ).run([
                *(_resource(dlt, source, name, tables[name]) for name in tables),
                dlt.resource(
                    [{"build_id": generation.build_id, "dataset": loaded}],
                    name=RECORD,
                    write_disposition="replace",
                ),
            ])  # fmt: skip
            if progress:
                progress("pointing the views to what was loaded", 0.9)
            _switch(pipeline, destination, loaded, [*tables, RECORD])
        except Exception as error:  # noqa: BLE001 - each warehouse has errors of its own
            # Their own messages may repeat an address.
            raise PublishError(
                f"{destination.destination} refused the push: "
                f"{type(_cause(error)).__name__}; see "
                "https://dlthub.com/docs/general-usage/credentials for how to sign in"
            ) from None
    return {name: tables[name]["n_rows"] for name in tables}


def _resource(dlt: Any, source: Any, name: str, table: dict[str, Any]) -> Any:
    def rows() -> Iterator[Any]:
        # Without it a table of no rows would not be made.
        yield dlt.mark.materialize_table_schema()
        if table["n_rows"]:
            yield from source.cursor().sql(f'from "{name}"').to_arrow_reader(_BATCH)

    comments = dict(
        source.execute(
            "select column_name, comment from duckdb_columns() where table_name = ?",
            [name],
        ).fetchall()
    )
    columns = {
        column["name"]: {
            "name": column["name"],
            "data_type": _TYPES[column["type"]],
            "description": comments.get(column["name"]) or "",
            "nullable": column["name"] not in KEYS.get(name, ()),
        }
        for column in table["columns"]
    }
    return dlt.resource(rows, name=name, columns=columns, write_disposition="replace")


def _other_dataset(pipeline: Any, schema: str) -> str:
    """Choose the one of the two data sets that the views do not show."""
    first, second = f"{schema}_a", f"{schema}_b"
    with pipeline.destination_client().sql_client as client:
        try:
            name = client.make_qualified_table_name(RECORD)
            ((shown,),) = client.execute_sql(f"select dataset from {name}")  # noqa: S608
        except Exception:  # noqa: BLE001 - each warehouse has errors of its own
            return first
    return second if shown == first else first


def _switch(
    pipeline: Any, destination: Warehouse, loaded: str, tables: list[str]
) -> None:
    create = _CREATE_VIEW.get(destination.destination, "create or replace view")
    with pipeline.destination_client().sql_client as client:
        if not client.has_dataset():
            client.create_dataset()
        targets = {name: client.make_qualified_table_name(name) for name in tables}
        with client.with_alternative_dataset_name(loaded):
            sources = {name: client.make_qualified_table_name(name) for name in tables}
        statements = [
            f"{create} {targets[name]} as select * from {sources[name]}"  # noqa: S608
            for name in tables
        ]
        if client.capabilities.supports_ddl_transactions:
            with client.begin_transaction():
                for statement in statements:
                    client.execute_sql(statement)
        else:
            for statement in statements:
                client.execute_sql(statement)


def _cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
