"""What readers of Postgres find: whole generations, with keys, types and comments."""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import psycopg
import pytest
import sqlalchemy
from click.testing import CliRunner, Result

from mall_segments.bi.destinations import Postgres, find_destination
from mall_segments.bi.postgres import KEYS, push_to_postgres
from mall_segments.cli import main
from mall_segments.errors import PublishError
from mall_segments.model import load_model
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    Generation,
    file_sha256,
    read_current,
)
from mall_segments.scoring.model_sql import render_model_sql

if TYPE_CHECKING:
    from pathlib import Path

# An issue asks for 100; so many are enough to see a mixture in every run.
PUSHES = int(os.environ.get("MALL_SEGMENTS_TEST_PUSHES", "20"))
READERS = 4


@pytest.fixture
def pushed(
    published_home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> Result:
    monkeypatch.setenv("MALL_SEGMENTS_PUSH_URL", database)
    return CliRunner().invoke(main, ["--home", str(published_home), "push"])


def destination(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Postgres:
    monkeypatch.setenv("MALL_SEGMENTS_PUSH_URL", url)
    found = find_destination(None, tmp_path / "push.yml")
    assert isinstance(found, Postgres)
    return found


def small_generation(folder: Path, number: int, *, copies: int = 1) -> Generation:
    """Make a generation in which every table says which one it is."""
    folder.mkdir()
    tables = {
        "dim_customers": "select cast(i as varchar) as customer_id, {n} as build",
        "dim_segments": "select 'a' as segmentation, i as segment_id, {n} as build",
        "fct_customer_segments": "select 'a' as segmentation, cast(i as varchar) as "
        "customer_id, i as segment_id, {n} as build",
    }
    listed: dict[str, Any] = {}
    with duckdb.connect(str(folder / DATABASE)) as connection:
        for name, query in tables.items():
            n = copies if name == "fct_customer_segments" else 1
            connection.execute(
                f"create table {name} as {query.format(n=number)} "
                f"from range(50) as r(i), range({n})"
            )
            described = connection.execute(f"describe {name}").fetchall()
            listed[name] = {
                "n_rows": 50 * n,
                "columns": [{"name": row[0], "type": row[1]} for row in described],
            }
    file = folder / DATABASE
    return Generation(
        f"20260101T00000{number}.000000Z-00000000",
        folder,
        {
            "build_id": f"build {number}",
            "created_at": "2026-01-01T00:00:00+00:00",
            "tables": listed,
            "files": {
                DATABASE: {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
            },
        },
    )


def test_every_row_of_every_table_arrives(
    published_home: Path, database: str, pushed: Result
) -> None:
    assert pushed.exit_code == 0, pushed.output
    generation = read_current(published_home)
    with (
        duckdb.connect(str(generation.folder / DATABASE), read_only=True) as source,
        psycopg.connect(database) as target,
    ):
        for table in generation.manifest["tables"]:
            published = source.execute(f"from {table}").fetchall()
            found = target.execute(f"select * from mall_segments.{table}").fetchall()
            assert sorted(map(repr, found)) == sorted(map(repr, published)), table
            for name, kind, *_ in source.execute(f"describe {table}").fetchall():
                if kind in {"BIGINT", "DOUBLE"}:
                    total = f"select sum({name}) from "
                    (one,) = source.execute(total + table).fetchall()[0]
                    (other,) = target.execute(
                        f"{total} mall_segments.{table}"
                    ).fetchall()[0]
                    assert (one is None) == (other is None)
                    assert one is None or math.isclose(one, other, rel_tol=1e-9)


def test_tools_find_keys_types_and_comments(
    published_home: Path, database: str, pushed: Result
) -> None:
    assert pushed.exit_code == 0, pushed.output
    engine = sqlalchemy.create_engine(database.replace("://", "+psycopg://"))
    inspector = sqlalchemy.inspect(engine)
    generation = read_current(published_home)
    tables = generation.manifest["tables"]
    published: dict[str, dict[str, str]] = {}
    with duckdb.connect(str(generation.folder / DATABASE), read_only=True) as source:
        for table, name, comment in source.execute(
            "select table_name, column_name, comment from duckdb_columns()"
        ).fetchall():
            published.setdefault(table, {})[name] = comment
    assert set(inspector.get_table_names("mall_segments")) == {
        *tables,
        "published_generation",
    }
    for table in tables:
        assert inspector.get_table_comment(table, "mall_segments")["text"], table
        assert {
            column["name"]: column["comment"]
            for column in inspector.get_columns(table, "mall_segments")
        } == published[table]
        key = inspector.get_pk_constraint(table, "mall_segments")
        assert tuple(key["constrained_columns"]) == KEYS.get(table, ())
    segments = sqlalchemy.Table(
        "fct_customer_segments",
        sqlalchemy.MetaData(),
        schema="mall_segments",
        autoload_with=engine,
    )
    assert {key.target_fullname for key in segments.foreign_keys} == {
        "mall_segments.dim_customers.customer_id",
        "mall_segments.dim_segments.segmentation",
        "mall_segments.dim_segments.segment_id",
    }
    frame = pd.read_sql(
        sqlalchemy.select(segments.c.segment_id, sqlalchemy.func.count().label("n"))
        .where(segments.c.segmentation == "income_spending")
        .group_by(segments.c.segment_id)
        .order_by(segments.c.segment_id),
        engine,
    )
    assert frame["n"].tolist() == [81, 39, 35, 23, 22]
    engine.dispose()


def test_model_sql_gives_the_same_segments_inside_postgres(
    published_home: Path, database: str
) -> None:
    model = load_model(read_current(published_home).folder / MODEL)
    columns = [
        f"case when random() < 0.05 then null else "
        f"(array['female', 'male', 'other'])[1 + floor(3 * random())::int] end "
        f"as {column.name}"
        if column.type == "category"
        else f"case when random() < 0.05 then null else "
        f"round({120 if column.maximum is None else column.maximum} * random()) "
        f"end as {column.name}"
        for column in model.columns
    ]
    with psycopg.connect(database) as target, duckdb.connect() as source:
        target.execute("select setseed(0.42)")
        target.execute(
            "create temp table your_customers as select i::text as customer_id, "
            f"{', '.join(columns)} from generate_series(1, 100000) as s(i)"
        )
        rows = target.execute("select * from your_customers")
        assert rows.description
        names = [column.name for column in rows.description]
        source.register(
            "your_customers",
            pd.DataFrame(rows.fetchall(), columns=names).convert_dtypes(),
        )
        order = "order by segmentation, customer_id"
        key = "segmentation, customer_id, segment_id, second_segment_id, persona"
        expected = source.execute(
            f"select {key} from ({render_model_sql(model)}) {order}"
        ).fetchall()
        found = target.execute(
            f"select {key} from ({render_model_sql(model, 'postgres')}) as told "
            f'order by segmentation collate "C", customer_id collate "C"'
        ).fetchall()
    assert len(found) == 100_000 * len(model.segmentations)
    assert found == expected


def test_readers_never_see_two_generations(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = [small_generation(tmp_path / f"{n}", n) for n in (0, 1)]
    target = destination(database, monkeypatch, tmp_path)
    push_to_postgres(generations[0], target)
    done = threading.Event()
    mixed: list[Any] = []
    errors: list[BaseException] = []
    n_reads = [0] * READERS

    def read(reader: int) -> None:
        try:
            with psycopg.connect(database) as connection:
                while not done.is_set():
                    with connection.transaction():
                        seen = {
                            row
                            for table in generations[0].manifest["tables"]
                            for row in connection.execute(
                                f"select build, count(*) from mall_segments.{table} "
                                "group by build"
                            )
                        }
                        (build_id,) = connection.execute(
                            "select build_id from mall_segments.published_generation"
                        ).fetchall()
                    n_reads[reader] += 1
                    ((build, n_rows),) = seen if len(seen) == 1 else ((None, 0),)
                    if n_rows != 50 or build_id != (f"build {build}",):
                        mixed.append((seen, build_id))
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(READERS)]
    for thread in threads:
        thread.start()
    for push in range(PUSHES):
        push_to_postgres(generations[(push + 1) % 2], target)
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert mixed == []
    assert min(n_reads) > 0


def test_a_push_that_fails_changes_nothing(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = destination(database, monkeypatch, tmp_path)
    push_to_postgres(small_generation(tmp_path / "0", 0), target)
    twice = small_generation(tmp_path / "1", 1, copies=2)
    with pytest.raises(PublishError, match=r"nothing was pushed .* duplicated"):
        push_to_postgres(twice, target)
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "select distinct build from mall_segments.fct_customer_segments"
        ).fetchall() == [(0,)]
        assert connection.execute(
            "select nspname from pg_namespace where nspname like 'mall%'"
        ).fetchall() == [("mall_segments",)]


def test_a_view_on_a_table_is_not_dropped_with_it(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = destination(database, monkeypatch, tmp_path)
    push_to_postgres(small_generation(tmp_path / "0", 0), target)
    with psycopg.connect(database) as connection:
        connection.execute(
            "create view mine as select * from mall_segments.dim_segments"
        )
    with pytest.raises(PublishError, match="view mine depends on table"):
        push_to_postgres(small_generation(tmp_path / "1", 1), target)
    with psycopg.connect(database) as connection:
        assert connection.execute("select min(build) from mine").fetchone() == (0,)


def test_a_table_that_no_push_made_is_kept(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create schema mall_segments")
        connection.execute("create table mall_segments.dim_segments (mine int)")
        connection.execute("create table mall_segments.notes (mine int)")
    target = destination(database, monkeypatch, tmp_path)
    with pytest.raises(PublishError, match="dim_segments that no push made"):
        push_to_postgres(small_generation(tmp_path / "0", 0), target)
    with psycopg.connect(database) as connection:
        connection.execute("drop table mall_segments.dim_segments")
    push_to_postgres(small_generation(tmp_path / "1", 1), target)
    with psycopg.connect(database) as connection:
        assert connection.execute("select * from mall_segments.notes").fetchall() == []


def test_who_may_read_a_table_may_read_it_after_the_next_push(
    server: Any, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = destination(database, monkeypatch, tmp_path)
    push_to_postgres(small_generation(tmp_path / "0", 0), target)
    with psycopg.connect(database) as connection:
        connection.execute(f"create role viewer login password '{server.password}'")
        connection.execute("grant usage on schema mall_segments to viewer")
        connection.execute("grant select on mall_segments.dim_segments to viewer")
    push_to_postgres(small_generation(tmp_path / "1", 1), target)
    with psycopg.connect(database.replace("//postgres:", "//viewer:")) as viewer:
        seen = viewer.execute("select min(build) from mall_segments.dim_segments")
        assert seen.fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            viewer.execute("select * from mall_segments.dim_customers")
    with psycopg.connect(database) as connection:
        connection.execute("drop owned by viewer")
        connection.execute("drop role viewer")


def test_a_reader_that_never_ends_is_waited_for_and_then_named(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = destination(database, monkeypatch, tmp_path)
    push_to_postgres(small_generation(tmp_path / "0", 0), target)
    following = small_generation(tmp_path / "1", 1)
    with psycopg.connect(database) as connection:
        connection.execute("select * from mall_segments.dim_segments")
        with pytest.raises(PublishError, match="kept reading the schema mall_segments"):
            push_to_postgres(following, target, patience=0.1)
        # It was not made to wait itself.
        connection.execute("select * from mall_segments.dim_customers")
        timer = threading.Timer(0.5, connection.rollback)
        timer.start()
        began = time.monotonic()
        push_to_postgres(following, target)
        assert time.monotonic() - began >= 0.4
        timer.join()


@pytest.mark.parametrize("user", ["postgres", "nobody"])
def test_passwords_are_never_told(
    user: str, server: Any, published_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "5ecret-w0rd"  # noqa: S105 - it opens nothing
    url = server.url("postgres", user).replace(server.password, password)
    monkeypatch.setenv("MALL_SEGMENTS_PUSH_URL", url)
    result = CliRunner().invoke(main, ["--home", str(published_home), "push"])
    assert result.exit_code == 1
    assert "nothing was pushed to 127.0.0.1/postgres" in result.output
    assert password not in result.output
    assert password not in repr(find_destination(None, published_home))


@pytest.mark.parametrize(
    "url",
    [
        "5ecret-w0rd",
        "postgresql://me:5ecret-w0rd/x@host/db",
        "postgresql://me:x@5ecret-w0rd@host/db",
        "postgresql://me:x@host:5ecret-w0rd/db",
        "mysql://me:5ecret-w0rd@host/db",
        "postgresql://me:x@[5ecret-w0rd/db",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_PUSH_URL", url)
    with pytest.raises(PublishError, match="is no address such as") as refusal:
        find_destination(None, tmp_path / "push.yml")
    assert "5ecret" not in str(refusal.value)


def test_destinations_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "push.yml"
    file.write_text(
        "reporting: {url_variable: REPORTING_URL, schema: segments}\n"
        "local: {url: postgresql://me@localhost/shop}\n"
        "open: {url: 'postgresql://me:5ecret-w0rd@localhost/shop'}\n"
        "both: {url: 'postgresql://localhost/x', dlt: snowflake}\n"
    )
    monkeypatch.setenv(
        "REPORTING_URL", "postgresql://me:p%40ss#?@h:1/shop?sslmode=require"
    )
    assert find_destination("reporting", file) == Postgres(
        "segments",
        {
            "host": "h",
            "port": "1",
            "user": "me",
            "password": "p@ss#?",
            "dbname": "shop",
            "sslmode": "require",
        },
    )
    local = find_destination("local", file, schema="other")
    assert (local.schema, "password" in repr(local)) == ("other", False)
    for name, refusal in {
        "report": "no destination 'report'; it has reporting",
        "open": "holds a password in the url of open",
        "both": "one of url, url_variable and dlt",
    }.items():
        with pytest.raises(PublishError, match=refusal) as told:
            find_destination(name, file)
        assert "5ecret" not in str(told.value)
    with pytest.raises(PublishError, match="the schema 'Mine; drop' is not a name"):
        find_destination("local", file, schema="Mine; drop")
    monkeypatch.delenv("REPORTING_URL")
    with pytest.raises(PublishError, match="variable REPORTING_URL is not set"):
        find_destination("reporting", file)
