"""What docs/bi.md promises to tools that connect to what is published."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from shared_project import PROJECT
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.pool import NullPool

from mall_segments.publishing.generations import list_generations
from mall_segments.publishing.switching import rollback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = "mall_segments.duckdb"
N_SEGMENTS = 12  # Five and three by the customer file, four by orders.
# The first build has none, so what it is tells the generations apart.
BUILD = "select max(current_build_id) from fct_segment_migrations"


@pytest.fixture(scope="module")
def current(published_home: Path) -> Path:
    return published_home / "published" / "current"


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    """At least two generations, the last one current."""
    shutil.copytree(
        published_home / "published", tmp_path / "home" / "published", symlinks=True
    )
    return tmp_path / "home"


def newest(home: Path) -> str:
    return list_generations(home)[-1]


def switch_generation(home: Path) -> None:
    """Switch the link, as publishing does, to another generation."""
    rollback(home, list_generations(home)[-2])


def connect(file: Path, **options: Any) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        f"duckdb:///{file}", connect_args={"read_only": True}, **options
    )


@pytest.fixture
def engine(current: Path) -> Iterator[sqlalchemy.Engine]:
    engine = connect(current / DATABASE)
    yield engine
    engine.dispose()


def build_seen(engine: sqlalchemy.Engine) -> str | None:
    with engine.connect() as connection:
        build: str | None = connection.execute(sqlalchemy.text(BUILD)).scalar_one()
        return build


def test_sqlalchemy_lists_the_tables(engine: sqlalchemy.Engine, current: Path) -> None:
    names = sqlalchemy.inspect(engine).get_table_names(schema="main")
    assert sorted(names) == sorted(
        file.stem for file in (current / "parquet").glob("*.parquet")
    )


def test_pandas_reads_a_query_through_sqlalchemy(engine: sqlalchemy.Engine) -> None:
    query = sqlalchemy.text(
        "select persona, n_customers from dim_segments "
        "where segmentation = :segmentation order by segment_id"
    )
    frame = pd.read_sql(query, engine, params={"segmentation": "income_spending"})
    assert frame["n_customers"].tolist() == [81, 39, 35, 23, 22]


def test_sqlalchemy_expressions_need_their_columns_named(
    engine: sqlalchemy.Engine,
) -> None:
    segments = sqlalchemy.table(
        "dim_segments", sqlalchemy.column("persona"), sqlalchemy.column("n_customers")
    )
    with engine.connect() as connection:
        largest = connection.execute(
            sqlalchemy.select(segments.c.persona).order_by(
                segments.c.n_customers.desc()
            )
        ).first()
    assert largest == ("Deliberate shoppers",)
    with pytest.raises(ProgrammingError, match="pg_collation"):
        sqlalchemy.Table("dim_segments", sqlalchemy.MetaData(), autoload_with=engine)


def test_nothing_published_can_be_changed(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError, match="read-only"):
        connection.execute(sqlalchemy.text("delete from dim_segments"))


def test_tools_see_what_tables_and_columns_mean(current: Path) -> None:
    with duckdb.connect(str(current / DATABASE), read_only=True) as connection:
        undescribed = connection.execute(
            "select table_name, null from duckdb_tables() where comment is null "
            "union all select table_name, column_name from duckdb_columns() "
            "where comment is null and not internal"
        ).fetchall()
    assert undescribed == []


def test_an_open_connection_keeps_its_generation(home: Path) -> None:
    file = home / "published" / "current" / DATABASE
    seen = [(newest(home),)]
    with duckdb.connect(str(file), read_only=True) as before:
        switch_generation(home)
        assert before.execute(BUILD).fetchall() == seen
        shutil.rmtree(home / "published" / "generations" / newest(home))
        assert before.execute(BUILD).fetchall() == seen


def test_a_new_connection_sees_the_new_generation(home: Path) -> None:
    file = home / "published" / "current" / DATABASE
    seen = [(newest(home),)]
    with duckdb.connect(str(file), read_only=True) as before:
        switch_generation(home)
        with duckdb.connect(str(file), read_only=True) as after:
            assert after.execute(BUILD).fetchall() != seen
        assert before.execute(BUILD).fetchall() == seen


def test_a_pool_keeps_its_generation_until_it_is_disposed_of(home: Path) -> None:
    engine = connect(home / "published" / "current" / DATABASE)
    assert build_seen(engine) == newest(home)
    switch_generation(home)
    assert build_seen(engine) == newest(home)
    engine.dispose()
    assert build_seen(engine) != newest(home)
    engine.dispose()


def test_an_engine_without_a_pool_follows_the_generations(home: Path) -> None:
    engine = connect(home / "published" / "current" / DATABASE, poolclass=NullPool)
    assert build_seen(engine) == newest(home)
    switch_generation(home)
    assert build_seen(engine) != newest(home)


def test_the_file_is_stored_as_duckdb_1_0_stores_it(current: Path) -> None:
    # The storage version, after a checksum of 8 bytes and "DUCK": 64 is what DuckDB
    # reads and writes since 0.9; 1.2 refuses what came later.
    with (current / DATABASE).open("rb") as file:
        header = file.read(20)
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64
    with duckdb.connect(str(current / DATABASE), read_only=True) as connection:
        tags = connection.execute(
            "select tags from duckdb_databases() where not internal"
        ).fetchall()
    assert tags == [({"storage_version": "v1.0.0+"},)]


def test_parquet_files_hold_the_tables(current: Path) -> None:
    with duckdb.connect(str(current / DATABASE), read_only=True) as connection:
        for file in (current / "parquet").glob("*.parquet"):
            table = pq.read_table(file)
            described = connection.execute(
                f"select count(*) from {file.stem}"
            ).fetchall()
            columns = connection.execute(
                "select column_name from duckdb_columns() where table_name = ? "
                "order by column_index",
                [file.stem],
            ).fetchall()
            assert [(table.num_rows,)] == described
            assert [(name,) for name in table.column_names] == columns


def test_the_examples_of_the_page_run(
    published_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "published").symlink_to(published_home / "published")
    monkeypatch.chdir(tmp_path)
    page = (PROJECT / "docs" / "bi.md").read_text("utf-8")
    blocks = re.findall(r"```(python|sql)\n(.*?)```", page, flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "sql", "sql"]
    names: dict[str, Any] = {}
    exec(blocks[0][1], names)  # noqa: S102 - a file of this project
    assert len(names["segments"]) == N_SEGMENTS
    with duckdb.connect() as connection:
        found = connection.execute(blocks[1][1]).fetchall()
        connection.execute(blocks[2][1])
    assert found[1][:2] == ("Target customers", 39)
    assert (
        len((tmp_path / "dim_segments.csv").read_text("utf-8").splitlines())
        == N_SEGMENTS + 1
    )
