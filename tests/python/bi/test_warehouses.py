"""Other warehouses are loaded by dlt; DuckDB stands for all of them here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.bi import warehouses
from mall_segments.bi.destinations import Warehouse, find_destination
from mall_segments.bi.warehouses import push_with_dlt
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE, Generation, read_current
from small_warehouse import open_warehouse, publish, write_project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    # dlt's, on how it reads Arrow and what SQLAlchemy calls things.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """A few tables, one of them empty, with columns of every type."""
    home = write_project(tmp_path / "home")
    with open_warehouse() as connection:
        connection.execute(
            """
            alter table dim_segments add column built_on date default '2026-11-21';
            alter table dim_segments add column rank integer default 3;
            delete from fct_customer_movements;
            """
        )
        publish(home, connection)
    found = read_current(home)
    assert types_of(found) == set(warehouses._TYPES)
    return found


def types_of(generation: Generation) -> set[str]:
    tables = generation.manifest["tables"].values()
    return {column["type"] for table in tables for column in table["columns"]}


def test_every_type_that_a_build_publishes_is_known(published_home: Path) -> None:
    assert types_of(read_current(published_home)) <= set(warehouses._TYPES)


def test_tables_are_loaded_and_then_shown(
    generation: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(target))
    monkeypatch.chdir(tmp_path)
    shown = []
    for _ in range(2):
        counts = push_with_dlt(generation, Warehouse("segments", "duckdb"))
        with duckdb.connect(str(target), read_only=True) as connection:
            shown += connection.execute(
                "select dataset from segments.published_generation"
            ).fetchall()
    assert shown == [("segments_a",), ("segments_b",)]
    tables = generation.manifest["tables"]
    assert counts == {name: tables[name]["n_rows"] for name in tables}
    with (
        duckdb.connect(str(target), read_only=True) as found,
        duckdb.connect(str(generation.folder / DATABASE), read_only=True) as source,
    ):
        for name in tables:
            names = ", ".join(f'"{each["name"]}"' for each in tables[name]["columns"])
            rows = found.execute(f"select {names} from segments.{name}").fetchall()
            published = source.execute(f"from {name}").fetchall()
            assert sorted(map(repr, rows)) == sorted(map(repr, published)), name


def test_what_is_wrong_is_told_without_the_address(
    generation: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "push.yml").write_text("lake: {dlt: duckdb, schema: shop}\n")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "/5ecret/none.duckdb")
    found = find_destination("lake", tmp_path / "push.yml")
    assert found == Warehouse("shop", "duckdb")
    with pytest.raises(PublishError, match="duckdb refused the push") as refusal:
        push_with_dlt(generation, found)
    assert "5ecret" not in str(refusal.value)
