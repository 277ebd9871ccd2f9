"""dbt's documentation page shows models, columns and lineage, without a network."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from mall_segments.errors import PublishError
from mall_segments.publishing.docs import DOCS, write_docs

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


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The target folder of a small dbt project."""
    return small_target(tmp_path)


def small_target(folder: Path, **node: Any) -> Path:
    target = folder / "target"
    (target / "compiled" / "shop" / "models").mkdir(parents=True)
    manifest = {
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
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def write(folder: Path, connection: duckdb.DuckDBPyConnection, target: Path) -> Path:
    write_docs(
        folder,
        folder / "unused",
        connection=connection,
        target=target,
        invocation=INVOCATION,
    )
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


def test_the_page_shows_the_sql_of_this_build_and_not_of_an_earlier_one(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, target: Path
) -> None:
    compiled = target / "compiled" / "shop" / "models" / "sales.sql"
    compiled.write_text("select 1")
    manifest, catalog = inlined(write(tmp_path, connection, target))
    assert manifest["nodes"]["model.shop.sales"]["compiled_code"] == "select 1"
    assert catalog["nodes"]["model.shop.sales"]["columns"]["price"] == {
        "type": "DOUBLE",
        "index": 1,
        "name": "price",
        "comment": "In euros.",
    }

    os.utime(compiled, (0, 0))
    manifest, _ = inlined(write(tmp_path, connection, target))
    assert "compiled_code" not in manifest["nodes"]["model.shop.sales"]


def test_leaves_out_where_and_by_whom_it_was_built_and_the_macros_of_dbt(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, target: Path
) -> None:
    page = write(tmp_path, connection, target)
    manifest, _ = inlined(page)
    assert list(manifest["macros"]) == ["macro.shop.age_band"]
    text = page.read_text("utf-8")
    assert "somebody" not in text
    assert "SECRET" not in text


def test_hostile_descriptions_end_no_script(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    page = write(tmp_path, connection, small_target(tmp_path, description=hostile))
    assert hostile not in page.read_text("utf-8")
    manifest, _ = inlined(page)
    assert manifest["nodes"]["model.shop.sales"]["description"] == hostile


def test_says_what_the_page_is_made_from(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, target: Path
) -> None:
    with pytest.raises(PublishError, match="without --no-write-json"):
        write(tmp_path, connection, tmp_path / "nowhere")
    with pytest.raises(PublishError, match="is that of another dbt command"):
        write_docs(
            tmp_path,
            tmp_path,
            connection=connection,
            target=target,
            invocation="another",
        )
    manifest = target / "manifest.json"
    text = manifest.read_text()
    for n_written in (0, len(text) // 2):
        manifest.write_text(text[:n_written])
        with pytest.raises(PublishError, match="is being written by another dbt"):
            write(tmp_path, connection, target)
