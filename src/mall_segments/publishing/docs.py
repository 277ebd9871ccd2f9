"""dbt's own documentation of a build, as one file in its generation.

This module alone reaches into dbt. ``dbt docs generate --static`` parses the project
and asks the database anew, and could only run once the generation is sealed; dbt holds
its manifest while it runs, so the same page is made from that, in the same way, within
the build. What lies in dbt's target folder may be of another build of the project.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mall_segments.errors import PublishError
from mall_segments.home import HOME_VARIABLE, find_home

DOCS = "dbt_docs.html"

_MANIFEST_SLOT = '"MANIFEST.JSON INLINE DATA"'
_CATALOG_SLOT = '"CATALOG.JSON INLINE DATA"'
_ICON = re.compile('<link rel="shortcut icon"[^>]*>')
_CATALOG_SCHEMA = "https://schemas.getdbt.com/dbt/catalog/v1.json"


def write_docs(folder: Path, *, connection: Any, manifest: Mapping[str, Any]) -> None:
    """Write dbt's documentation page with the build's models, lineage and columns.

    It describes the working database, which has those before the published ones, too.
    """
    from dbt.task.docs import DOCS_INDEX_FILE_PATH  # noqa: PLC0415

    presented = _presentable(manifest)
    page = Path(DOCS_INDEX_FILE_PATH).read_text("utf-8")
    # Its icon's address was never filled in, so that browsers ask for no such file.
    page = _ICON.sub('<link rel="icon" href="data:,">', page)
    catalog = _catalog(presented, _describe_relations(connection.cursor()))
    for slot, content in ((_MANIFEST_SLOT, presented), (_CATALOG_SLOT, catalog)):
        if slot not in page:
            raise PublishError(f"dbt's documentation page has no {slot} any more")
        page = page.replace(slot, _inline(content))
    (folder / DOCS).write_text(page, "utf-8")


def read_manifest() -> dict[str, Any]:
    """Return the manifest that the running dbt command holds, as dbt would write it."""
    from dbt.adapters.factory import FACTORY  # noqa: PLC0415
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415
    from dbt_common.utils.encoding import JSONEncoder  # noqa: PLC0415

    for adapter in FACTORY.adapters.values():
        manifest = adapter.get_macro_resolver()
        if isinstance(manifest, Manifest):
            content = manifest.writable_manifest().to_dict()
            known: dict[str, Any] = json.loads(json.dumps(content, cls=JSONEncoder))
            return known
    raise PublishError("dbt's manifest, which describes what is published, is not held")


def _presentable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not ours, and what says where and by whom it was built.

    Not ours are the macros of other packages, a third of the file.
    """
    metadata = {**manifest["metadata"], "user_id": None, "env": {}}
    nodes = {
        name: {key: value for key, value in node.items() if key != "root_path"}
        for name, node in manifest["nodes"].items()
    }
    macros = {
        name: macro
        for name, macro in manifest["macros"].items()
        if macro["package_name"] == metadata["project_name"]
    }
    return {**manifest, "metadata": metadata, "nodes": nodes, "macros": macros}


def _describe_relations(connection: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Describe tables and views by schema and name, as a catalog does."""
    rows = connection.execute(
        """
        SELECT
            table_schema, table_name, table_type, tables."TABLE_COMMENT",
            list({
                'type': data_type,
                'index': ordinal_position,
                'name': column_name,
                'comment': columns."COLUMN_COMMENT"
            } ORDER BY ordinal_position)
        FROM information_schema.tables AS tables
        INNER JOIN information_schema.columns AS columns
            USING (table_catalog, table_schema, table_name)
        WHERE table_catalog = current_database()
        GROUP BY ALL
        """
    ).fetchall()
    return {
        (schema, name): {
            "metadata": {
                "type": kind,
                "schema": schema,
                "name": name,
                "comment": comment,
                "database": None,
                "owner": None,
            },
            "columns": {column["name"]: column for column in columns},
            "stats": {},
        }
        for schema, name, kind, comment, columns in rows
    }


def _catalog(
    manifest: Mapping[str, Any],
    relations: Mapping[tuple[str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "metadata": {
            "dbt_schema_version": _CATALOG_SCHEMA,
            "dbt_version": manifest["metadata"]["dbt_version"],
            "generated_at": datetime.now(UTC).isoformat(),
            "invocation_id": manifest["metadata"]["invocation_id"],
            "env": {},
        },
        "nodes": {
            unique_id: {
                **relations[node["schema"], node["alias"]],
                "unique_id": unique_id,
            }
            for unique_id, node in manifest["nodes"].items()
            if (node["schema"], node["alias"]) in relations
        },
        "sources": {},
        "errors": None,
    }


def _inline(content: Mapping[str, Any]) -> str:
    """Write JSON that no text in it can make the end of a script, and names no home."""
    text = json.dumps(content, separators=(",", ":"))
    for home in {str(find_home()), os.environ.get(HOME_VARIABLE, "")} - {"", ".", "/"}:
        text = text.replace(json.dumps(home)[1:-1], ".")
    return text.replace("<", "\\u003c")
