"""dbt's own documentation of a build, as one file in its generation.

This module alone reaches into dbt. ``dbt docs generate --static`` parses the project
and asks the database anew, and could only run once the generation is sealed; dbt has
written its manifest by the time it runs the first model, so the same page is made from
that, in the same way, within the build.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mall_segments.errors import PublishError
from mall_segments.home import HOME_VARIABLE, find_home

DOCS = "dbt_docs.html"

_MANIFEST_SLOT = '"MANIFEST.JSON INLINE DATA"'
_CATALOG_SLOT = '"CATALOG.JSON INLINE DATA"'
_ICON = re.compile('<link rel="shortcut icon"[^>]*>')
_CATALOG_SCHEMA = "https://schemas.getdbt.com/dbt/catalog/v1.json"


def write_docs(
    folder: Path,
    database: Path,  # noqa: ARG001 - artefact writers are given it
    *,
    connection: Any,
    target: Path | None = None,
    invocation: str | None = None,
) -> None:
    """Write dbt's documentation page with the build's models, lineage and columns.

    It describes the working database, which has those before the published ones, too.
    """
    from dbt.task.docs import DOCS_INDEX_FILE_PATH  # noqa: PLC0415

    manifest = _presentable(
        read_manifest(target, invocation), target or _target_folder()
    )
    page = Path(DOCS_INDEX_FILE_PATH).read_text("utf-8")
    # Its icon's address was never filled in, so that browsers ask for no such file.
    page = _ICON.sub('<link rel="icon" href="data:,">', page)
    catalog = _catalog(manifest, _describe_relations(connection.cursor()))
    for slot, content in ((_MANIFEST_SLOT, manifest), (_CATALOG_SLOT, catalog)):
        if slot not in page:
            raise PublishError(f"dbt's documentation page has no {slot} any more")
        page = page.replace(slot, _inline(content))
    (folder / DOCS).write_text(page, "utf-8")


def read_manifest(
    target: Path | None = None, invocation: str | None = None
) -> dict[str, Any]:
    """Read the manifest that dbt wrote before it ran the first model.

    The folder and the dbt command that must have written it are by default those of the
    command this runs in.
    """
    from dbt_common.invocation import get_invocation_id  # noqa: PLC0415

    path = (target or _target_folder()) / "manifest.json"
    remedy = "What is published is described by it, so run dbt without --no-write-json."
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        found = manifest["metadata"]["invocation_id"]
        if found == (invocation or get_invocation_id()):
            return manifest
        problem = "is that of another dbt command"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except ValueError:
        problem = "is being written by another dbt command"
    # A build that was refused because of this one has written its own there.
    known = None if target else _known_manifest()
    if known is None:
        raise PublishError(f"{path} {problem}. {remedy}")
    return known


def _known_manifest() -> dict[str, Any] | None:
    """Describe the manifest that the running dbt command holds, as it writes it."""
    from dbt.adapters.factory import FACTORY  # noqa: PLC0415
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415
    from dbt_common.clients.system import write_json  # noqa: PLC0415

    for adapter in FACTORY.adapters.values():
        manifest = adapter.get_macro_resolver()
        if isinstance(manifest, Manifest):
            with TemporaryDirectory() as folder:
                path = Path(folder, "manifest.json")
                write_json(str(path), manifest.writable_manifest().to_dict())
                known: dict[str, Any] = json.loads(path.read_text("utf-8"))
                return known
    return None


def _target_folder() -> Path:
    from dbt import flags as dbt_flags  # noqa: PLC0415

    get_flags: Callable[[], Any] = dbt_flags.get_flags
    flags = get_flags()
    return Path(flags.PROJECT_DIR) / (flags.TARGET_PATH or "target")


def _presentable(manifest: dict[str, Any], target: Path) -> dict[str, Any]:
    """Add the SQL compiled since the manifest was written; leave out what is not ours.

    That is the macros of other packages, a third of the file, and what says where and
    by whom it was built.
    """
    metadata = manifest["metadata"]
    metadata["user_id"] = None
    metadata["env"] = {}
    project = metadata["project_name"]
    written = datetime.fromisoformat(metadata["generated_at"]).timestamp()
    for node in manifest["nodes"].values():
        node.pop("root_path", None)
        file = target / "compiled" / project / node["original_file_path"]
        if file.is_file() and file.stat().st_mtime >= written:
            node["compiled_code"] = file.read_text("utf-8")
            node["compiled"] = True
    manifest["macros"] = {
        name: macro
        for name, macro in manifest["macros"].items()
        if macro["package_name"] == project
    }
    return manifest


def _describe_relations(connection: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Describe tables and views by schema and name, as a catalog does."""
    rows = connection.execute(
        """
        SELECT
            table_schema,
            table_name,
            {
                'type': table_type,
                'schema': table_schema,
                'name': table_name,
                'database': table_catalog,
                'comment': any_value(tables."TABLE_COMMENT"),
                'owner': NULL
            },
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
        GROUP BY table_catalog, table_schema, table_name, table_type
        """
    ).fetchall()
    return {
        (schema, name): {
            "metadata": metadata,
            "columns": {column["name"]: column for column in columns},
            "stats": {},
        }
        for schema, name, metadata, columns in rows
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
