"""dbt's documentation page shows models, columns and lineage, without a network."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from dbt.adapters.factory import FACTORY
from dbt.contracts.graph.manifest import Manifest, ManifestMetadata
from dbt_common.invocation import get_invocation_id

from mall_segments.errors import PublishError
from mall_segments.publishing.docs import DOCS, read_manifest, write_docs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from report_pages import Opened

INVOCATION = "00d9fd64-daf4-492b-a26b-bc4d7b8fb506"


def inlined(page: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read manifest and catalog back from the page."""
    text = page.read_text("utf-8")
    decoder = json.JSONDecoder()
    start = text.index("{manifest:") + len("{manifest:")
    manifest, end = decoder.raw_decode(text, start)
    catalog, _ = decoder.raw_decode(text, end + len(",catalog:"))
    return manifest, catalog


@pytest.fixture(scope="module")
def published(published_home: Path) -> Path:
    return published_home / "published" / "current"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE sales (price DOUBLE)")
    connection.execute("COMMENT ON COLUMN sales.price IS 'In euros.'")
    return connection


def small_manifest(**node: Any) -> dict[str, Any]:
    """The manifest of a small dbt project."""
    return {
        "metadata": {
            "project_name": "shop",
            "dbt_version": "1.11.0",
            "invocation_id": INVOCATION,
            "generated_at": "2026-01-01T00:00:00Z",
            "user_id": "somebody",
            "env": {"SECRET": "1"},
        },
        "nodes": {
            "model.shop.sales": {
                "schema": "main",
                "alias": "sales",
                "original_file_path": "models/sales.sql",
                "root_path": "/home/somebody/shop",
                **node,
            }
        },
        "macros": {
            "macro.dbt.is_incremental": {"package_name": "dbt"},
            "macro.shop.age_band": {"package_name": "shop"},
        },
    }


def write(folder: Path, connection: duckdb.DuckDBPyConnection, **node: Any) -> Path:
    write_docs(folder, connection=connection, manifest=small_manifest(**node))
    return folder / DOCS


def test_the_build_publishes_every_model_with_the_types_of_its_columns(
    published: Path,
) -> None:
    manifest, catalog = inlined(published / DOCS)
    built = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed", "snapshot"}
    }
    assert set(catalog["nodes"]) == built
    segments = catalog["nodes"]["model.mall_segments.dim_segments"]
    assert segments["columns"]["customer_share"]["type"] == "DOUBLE"
    assert segments["metadata"]["type"] == "BASE TABLE"
    assert segments["metadata"]["comment"].startswith("One row per segmentation")
    customers = catalog["nodes"]["model.mall_segments.stg_mall__customers"]
    assert customers["metadata"]["type"] == "VIEW"
    sealed = json.loads((published / "manifest.json").read_text("utf-8"))
    assert DOCS in sealed["files"]


def test_the_page_knows_exposures_metrics_and_questions_and_compiled_code(
    published: Path,
) -> None:
    manifest, _ = inlined(published / DOCS)
    assert "exposure.mall_segments.segment_dashboard" in manifest["exposures"]
    assert "metric.mall_segments.customers" in manifest["metrics"]
    assert "analysis.mall_segments.who_is_worth_most" in manifest["nodes"]
    segments = manifest["nodes"]["model.mall_segments.dim_segments"]
    assert "join" in segments["compiled_code"]
    assert "{{" not in segments["compiled_code"]


def test_a_browser_without_a_network_draws_a_model(
    open_file: Callable[..., Opened], published: Path
) -> None:
    opened = open_file(published / DOCS)
    page = opened.page
    page.get_by_text("From a customer file to named").wait_for()
    page.goto(f"{(published / DOCS).as_uri()}#!/model/model.mall_segments.dim_segments")
    page.get_by_role("heading", name="dim_segments").wait_for()
    page.locator("td", has_text="customer_share").first.wait_for()
    assert "DOUBLE" in page.locator("body").inner_text()
    # dbt's templates ask for icons by names that are not filled in yet.
    home = published.as_uri()
    assert [url for url in opened.requests if not url.startswith(home)] == []


def test_the_page_shows_the_types_of_columns(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _, catalog = inlined(write(tmp_path, connection))
    assert catalog["nodes"]["model.shop.sales"]["columns"]["price"] == {
        "type": "DOUBLE",
        "index": 1,
        "name": "price",
        "comment": "In euros.",
    }


def test_it_is_of_the_running_command_and_not_of_what_lies_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another build of the project writes there, too, and need not be refused."""
    flags = SimpleNamespace(SEND_ANONYMOUS_USAGE_STATS=False)
    monkeypatch.setattr("dbt.flags.GLOBAL_FLAGS", flags)
    held = Manifest(metadata=ManifestMetadata(project_name="shop"))
    adapter = SimpleNamespace(get_macro_resolver=lambda: held)
    monkeypatch.setattr(FACTORY, "adapters", {"duckdb": adapter})
    (tmp_path / "target").mkdir()
    other = {"metadata": {"invocation_id": get_invocation_id()}, "nodes": {}}
    (tmp_path / "target" / "manifest.json").write_text(json.dumps(other))
    monkeypatch.chdir(tmp_path)

    assert read_manifest()["metadata"]["project_name"] == "shop"

    monkeypatch.setattr(FACTORY, "adapters", {})
    with pytest.raises(PublishError, match="is not held"):
        read_manifest()


def test_leaves_out_where_and_by_whom_it_was_built_and_the_macros_of_dbt(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    page = write(tmp_path, connection)
    manifest, _ = inlined(page)
    assert list(manifest["macros"]) == ["macro.shop.age_band"]
    text = page.read_text("utf-8")
    assert "somebody" not in text
    assert "SECRET" not in text


def test_hostile_descriptions_end_no_script(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    page = write(tmp_path, connection, description=hostile)
    assert hostile not in page.read_text("utf-8")
    manifest, _ = inlined(page)
    assert manifest["nodes"]["model.shop.sales"]["description"] == hostile
