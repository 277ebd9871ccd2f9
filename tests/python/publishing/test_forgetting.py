"""Who is forgotten is in no file any more, and all that is published stays usable."""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from mall_segments.cli import main
from mall_segments.errors import PublishError
from mall_segments.home import warehouse_file
from mall_segments.publishing.forgetting import files_with_any, is_searchable
from mall_segments.publishing.generations import (
    generation_folder,
    list_generations,
    read_current,
    verify_generation,
)
from mall_segments.publishing.rebuilding import REBUILT, write_database
from mall_segments.publishing.switching import publish_lock, rollback
from small_warehouse import open_warehouse, publish, write_project

N_CUSTOMERS = 12_000
FORGOTTEN = [f"SHOP-{number:05d}" for number in range(0, N_CUSTOMERS, 3)]


def customers(header: str = "CustomerID") -> duckdb.DuckDBPyConnection:
    """Open a warehouse of some thousand customers with ids one can search for."""
    connection = open_warehouse()
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE int_customers_assigned AS
            SELECT printf('SHOP-%05d', i) AS customer_id, 'male' AS gender,
                (i % 90)::DOUBLE AS annual_income_kusd, 50.0 AS spending_score,
                1 + i % 2 AS income_spending_segment_id,
                false AS is_annual_income_kusd_imputed
            FROM range({N_CUSTOMERS}) AS numbers (i);
        CREATE OR REPLACE TABLE dim_customers AS
            SELECT * EXCLUDE (income_spending_segment_id) FROM int_customers_assigned;
        CREATE OR REPLACE TABLE fct_customer_movements AS
            SELECT 'income_spending' AS segmentation, customer_id, NULL::BIGINT
                AS from_segment_id, 'joined' AS change FROM int_customers_assigned;
        CREATE OR REPLACE TABLE int_customers_segmented AS
            SELECT row_number() OVER () AS source_row, customer_id AS "{header}",
                '=note' AS note, annual_income_kusd::VARCHAR AS income,
                '' AS empty, NULL::VARCHAR AS nothing
            FROM int_customers_assigned;
        """
    )
    return connection


def forget(home: Path, *arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(
        main, ["--home", str(home), "forget", *map(str, arguments)], input=given
    )


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def files_that_name_anybody(home: Path) -> list[Path]:
    """Search as simply as can be."""
    names = {name.encode() for name in FORGOTTEN}
    return [
        path
        for path in home.rglob("*")
        if path.is_file()
        and path.parent.name != "seeds"
        and names.intersection(re.findall(rb"SHOP-\d{5}", path.read_bytes()))
    ]


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built_home, tmp_path / "home", symlinks=True)


@pytest.fixture(scope="module")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three generations, one with views, and a working database."""
    home = write_project(tmp_path_factory.mktemp("forgetting") / "home")
    publish(home, customers())
    publish(home, customers("Kundennummer"), export_rows_limit=10)
    publish(home, customers("Kundennummer"))
    working = warehouse_file(home)
    working.parent.mkdir()
    with duckdb.connect(str(working)) as connection:
        connection.execute(
            f"""
            CREATE TABLE kept AS SELECT 1 AS one;
            CREATE TABLE customers AS
                SELECT printf('SHOP-%05d', i) AS "CustomerID", i AS income
                FROM range({N_CUSTOMERS}) AS numbers (i);
            CREATE SCHEMA snapshots;
            CREATE TABLE snapshots.history AS
                SELECT "CustomerID" AS customer_id, now() AS dbt_valid_from
                FROM customers;
            CREATE VIEW incomes AS SELECT "CustomerID", income FROM main.customers;
            COMMENT ON TABLE customers IS 'The file.';
            """
        )
    return home


@pytest.fixture(scope="module")
def mended_home(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after a third of the customers were forgotten."""
    folder = tmp_path_factory.mktemp("mended")
    home = shutil.copytree(built_home, folder / "home", symlinks=True)
    list_of_ids = folder / "ids.txt"
    list_of_ids.write_text("\n".join([*FORGOTTEN, "SHOP-99999", ""]))

    result = forget(home, "--file", list_of_ids)

    assert result.exit_code == 0, result.output
    assert f"{len(FORGOTTEN):,} of {len(FORGOTTEN) + 1:,} customers" in result.output
    return home


def test_who_is_forgotten_is_in_no_file_any_more(
    built_home: Path, mended_home: Path
) -> None:
    assert files_that_name_anybody(built_home)
    assert files_that_name_anybody(mended_home) == []
    log = (mended_home / "published" / "forgotten.log").read_text()
    assert f" {len(FORGOTTEN)} customers removed from 4 databases" in log


def test_everybody_else_and_every_promise_stays(
    built_home: Path, mended_home: Path
) -> None:
    before = read_current(built_home).manifest
    build_ids = list_generations(built_home)
    n_left = N_CUSTOMERS - len(FORGOTTEN)
    assert list_generations(mended_home) == build_ids
    for build_id in build_ids:
        generation = verify_generation(
            generation_folder(mended_home, build_id), deep=True
        )
        database = generation.folder / "mall_segments.duckdb"
        for table in ("dim_customers", "fct_customer_segments"):
            assert rows(database, f"SELECT count(*) FROM {table}") == [(n_left,)]
        assert rows(database, "SELECT sum(n_customers) FROM dim_segments") == [(5,)]
        assert generation.manifest["forgotten"] == len(FORGOTTEN)
    current = read_current(mended_home)
    parquet = current.file("parquet/dim_customers.parquet")
    lines = current.file("segmented_mall_customers.csv").read_text().splitlines()
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT count(*) FROM '{parquet}'").fetchall()
    assert found == [(n_left,)]
    assert len(lines) == 1 + n_left
    assert lines[:2] == [
        "Kundennummer,note,income,empty,nothing",
        'SHOP-00001,\'=note,1.0,"",',
    ]
    assert current.manifest["created_at"] == before["created_at"]
    assert (
        current.manifest["tables"]["dim_segments"] == before["tables"]["dim_segments"]
    )
    assert rollback(mended_home) == build_ids[-2]


def test_the_working_database_keeps_the_rest(mended_home: Path) -> None:
    working = warehouse_file(mended_home)
    n_left = N_CUSTOMERS - len(FORGOTTEN)
    for table in ("customers", "snapshots.history", "incomes"):
        assert rows(working, f"SELECT count(*) FROM {table}") == [(n_left,)]
    assert rows(working, "FROM kept") == [(1,)]
    assert rows(
        working, "SELECT comment FROM duckdb_tables() WHERE table_name = 'customers'"
    ) == [("The file.",)]
    assert [path.name for path in working.parent.iterdir()] == [working.name]


def test_a_view_that_finds_no_longer_what_it_reads_is_left_to_the_next_build(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "customers.parquet"
    working = warehouse_file(home)
    with duckdb.connect(str(working)) as connection:
        connection.execute(
            f"""
            COPY customers TO '{file}' (FORMAT parquet);
            CREATE TABLE earlier AS SELECT 1 AS one;
            CREATE VIEW of_a_file AS FROM read_parquet('{file}');
            CREATE VIEW of_a_view AS FROM main.of_a_file;
            CREATE VIEW of_a_table AS FROM main.earlier;
            COMMENT ON VIEW incomes IS 'What they earn.';
            DROP TABLE earlier;
            """
        )
    # Who is to be forgotten was erased there first.
    file.unlink()

    result = forget(home, FORGOTTEN[0])

    assert result.exit_code == 0, result.output
    views = "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
    assert rows(working, views) == [("incomes", "What they earn.")]


def test_says_why_a_database_cannot_be_written_anew(tmp_path: Path) -> None:
    table = f"CREATE TABLE {REBUILT}.t AS FROM nowhere"

    with pytest.raises(PublishError) as refusal:
        write_database(tmp_path / "new.duckdb", [table], [], [])

    assert str(refusal.value).startswith(
        f"{tmp_path / 'new.duckdb'} cannot be written: Catalog Error: Table with name "
        "nowhere does not exist!"
    )


def test_short_ids_are_removed_where_ids_stand_and_nowhere_else(tmp_path: Path) -> None:
    home = write_project(tmp_path / "home")
    connection = open_warehouse()
    for table, column in (
        ("int_customers_assigned", "customer_id"),
        ("dim_customers", "customer_id"),
        ("int_customers_segmented", '"CustomerID"'),
    ):
        connection.execute(f"UPDATE {table} SET {column} = right({column}, 1) || '0'")
    publish(home, connection)

    # Somebody else has the income 20.
    result = forget(home, "20")

    assert "1 ids are too short to be told from other numbers" in result.output
    current = read_current(home)
    lines = current.file("segmented_mall_customers.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["10", "Male", "20"],
        ["30", "Female", "24"],
        ["40", "Male", "80"],
        ["50", "Female", "84"],
    ]
    assert verify_generation(current.folder, deep=True)


def test_nobody_to_forget_changes_nothing(home: Path) -> None:
    inode = generation_folder(home, list_generations(home)[0]).stat().st_ino

    result = forget(home, "--file", "-", given="SHOP-99999\n")

    assert result.exit_code == 0
    assert result.output == "none of the 1 customers is held here\n"
    assert generation_folder(home, list_generations(home)[0]).stat().st_ino == inode
    assert not (home / "published" / "forgotten.log").exists()


def test_an_audit_that_names_somebody_is_removed(home: Path) -> None:
    audit = home / "published" / "audits" / list_generations(home)[0]
    audit.mkdir(parents=True)
    (audit / "audit.json").write_text(f"unexpected: {FORGOTTEN[3]}")
    (audit / "audit.html").write_text("passed")

    forget(home, FORGOTTEN[3])

    assert [path.name for path in audit.iterdir()] == ["audit.html"]


def test_names_a_file_that_it_cannot_mend(home: Path) -> None:
    notes = home / "warehouse" / "notes.txt"
    notes.write_text(f"{FORGOTTEN[3]} called")

    result = forget(home, FORGOTTEN[3])

    assert result.exit_code == 1
    assert f"1 files still hold ids that were to be forgotten: {notes}" in result.stderr
    assert FORGOTTEN[3] not in result.stderr


def test_refuses_while_others_write(home: Path) -> None:
    with publish_lock(home):
        assert "another build is publishing" in forget(home, "SHOP-00007").stderr


def test_refuses_a_damaged_generation_before_it_changes_anything(home: Path) -> None:
    folder = generation_folder(home, list_generations(home)[0])
    (folder / "model.json").unlink()

    result = forget(home, "SHOP-00007")

    assert result.exit_code == 1
    assert "model.json" in result.stderr
    assert rows(
        warehouse_file(home), "FROM customers WHERE \"CustomerID\" = 'SHOP-00007'"
    )


def test_wants_somebody_to_forget(home: Path) -> None:
    assert forget(home).exit_code == 2
    assert forget(home, "--file", "-", given="\n \n").exit_code == 2


def test_a_text_is_found_wherever_it_lies(tmp_path: Path) -> None:
    texts = ["C-1234", "CUSTOMER-12345", "Zoë-77", "0123456789"]
    for number, text in enumerate(texts):
        for name, data in (
            (f"{number}-start", text.encode() + b"x" * 50),
            (f"{number}-end", b"\x00" * 50 + text.encode()),
            (f"{number}-far", b"." * (1 << 23) + text.encode() + b"."),
        ):
            (tmp_path / name).write_bytes(data)
    for name, data in (
        ("other-1", b"C-123 C-12345"[:5]),
        ("other-2", b"CUSTOMER-12344 XUSTOMER-12345"),
        ("other-3", b""),
    ):
        (tmp_path / name).write_bytes(data)

    found = files_with_any([tmp_path], texts)

    assert len(found) == 12
    assert not [path for path in found if path.name.startswith("other")]
    assert [text for text in texts if not is_searchable(text)] == []


@pytest.mark.parametrize(
    ("views", "comments"),
    [
        (["CREATE VIEW shown AS FROM nothing"], []),
        ([], ["COMMENT ON TABLE nothing IS 'a comment'"]),
    ],
)
def test_a_view_or_comment_that_cannot_be_copied_is_refused(
    views: list[str], comments: list[str], tmp_path: Path
) -> None:
    with pytest.raises(PublishError, match="nothing"):
        write_database(tmp_path / "rebuilt.duckdb", [], views, comments)


def test_views_may_read_views_that_are_made_later(tmp_path: Path) -> None:
    path = tmp_path / "rebuilt.duckdb"
    views = ["CREATE VIEW first AS FROM second", "CREATE VIEW second AS SELECT 1 AS n"]
    write_database(path, [], views, ["COMMENT ON VIEW first IS 'read'"])
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute("FROM first").fetchall() == [(1,)]
