import csv
import hashlib
import json
import os
import resource
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mall_segments.errors import PublishError, SettingsError
from mall_segments.model import load_model
from mall_segments.publishing import tables
from mall_segments.publishing.generations import (
    current_generation,
    list_generations,
    read_current,
    verify_generation,
)
from mall_segments.publishing.previous import (
    previous_customer_segments,
    previous_feature_values,
    published_counts,
    published_model,
)
from mall_segments.publishing.publish import input_files, settings_sha256
from mall_segments.publishing.sealed_json import write_sealed
from mall_segments.publishing.switching import rollback
from mall_segments.publishing.tables import (
    describe_table,
    quote_identifier,
    quote_text,
)
from small_warehouse import (
    SETTINGS,
    TABLES,
    open_warehouse,
    publish,
    write_project,
)

CRASHES = Path(__file__).with_name("publishing_crashes.py")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_project(tmp_path / "home")


def published_rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    database = read_current(home).folder / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def published_csv(home: Path) -> list[list[str]]:
    path = read_current(home).file("segmented_mall_customers.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def with_customers_file(
    *columns: tuple[str, str],
) -> duckdb.DuckDBPyConnection:
    """Open a warehouse whose customer file has one row of the columns given."""
    connection = open_warehouse()
    names = ", ".join(
        '"' + name.replace('"', '""') + '" VARCHAR' for name, _ in columns
    )
    marks = ", ".join("?" for _ in columns)
    connection.execute(
        f"CREATE OR REPLACE TABLE int_customers_segmented (source_row BIGINT, {names})"
    )
    connection.execute(
        f"INSERT INTO int_customers_segmented VALUES (1, {marks})",
        [value for _, value in columns],
    )
    return connection


def test_publishes_every_table_in_the_file_and_as_parquet(home: Path) -> None:
    publish(home)

    folder = read_current(home).folder
    for table in TABLES:
        parquet = folder / "parquet" / f"{table}.parquet"
        assert published_rows(home, f"SELECT * FROM {table}") == published_rows(
            home, f"SELECT * FROM '{parquet}'"
        )
    assert sorted(path.name for path in folder.iterdir()) == [
        "mall_segments.duckdb",
        "manifest.json",
        "model.json",
        "model.sql",
        "parquet",
        "segmented_mall_customers.csv",
    ]


def test_sorts_tables_by_their_columns(home: Path) -> None:
    publish(home)

    assert published_rows(home, "SELECT segment_id FROM dim_segments") == [(1,), (2,)]
    assert published_rows(home, "SELECT customer_id FROM dim_customers LIMIT 2") == [
        ("0001",),
        ("0002",),
    ]


def test_publishes_views_as_tables(home: Path) -> None:
    publish(home)

    assert published_rows(
        home, "SELECT count(*) FROM duckdb_tables() WHERE NOT internal"
    ) == [(len(TABLES),)]


def test_publishes_the_descriptions_of_tables_and_columns(home: Path) -> None:
    publish(home)

    assert published_rows(
        home, "SELECT table_name, comment FROM duckdb_tables() ORDER BY ALL"
    ) == [
        ("dim_customers", None),
        ("dim_segments", "One row per segment; the customers' groups."),
        ("fct_customer_movements", None),
        ("fct_customer_segments", "One row per customer."),
    ]
    # Those of the features follow the settings; YAML has the others.
    columns = "SELECT column_name, comment FROM duckdb_columns() WHERE comment "
    assert published_rows(home, f"{columns} LIKE '% segment.'") == [
        ("segment_id", "Number of the segment.")
    ]
    assert published_rows(home, f"{columns} LIKE '% income.'") == [
        ("annual_income_kusd", "The customer's income.")
    ]


def test_older_clients_can_read_the_file(home: Path) -> None:
    publish(home)

    header = (read_current(home).folder / "mall_segments.duckdb").read_bytes()[:20]
    # After an 8-byte checksum: the magic word, then the storage version; 64 is the
    # one of DuckDB 0.9 to 1.1.
    assert header[8:12] == b"DUCK"
    assert struct.unpack("<Q", header[12:20]) == (64,)


def test_publishes_the_customer_file_with_its_segments(home: Path) -> None:
    publish(home)

    assert published_csv(home) == [
        [
            "CustomerID",
            "Gender",
            "Annual Income (k$)",
            "Spending Score (1-100)",
            "Cluster",
            "Segment",
            "Persona",
        ],
        ["0001", "Male", "20", "30", "1", "low income and low spending", "sensible"],
        ["0002", "Female", "22", "34", "1", "low income and low spending", "sensible"],
        ["0003", "Female", "24", "32", "1", "low income and low spending", "sensible"],
        ["0004", "Male", "80", "90", "2", "high income and high spending", "target"],
        ["0005", "Female", "84", "94", "2", "high income and high spending", "target"],
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("@A1", "'@A1"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("-", "'-"),
        ("+", "'+"),
        ("-5", "-5"),
        ("+5.25", "+5.25"),
        ("-.5e-3", "-.5e-3"),
        ("-5\n=1", "'-5\n'=1"),
        # Where lists are separated by semicolons, a spreadsheet splits cells there.
        ("a;=1+1", "a;'=1+1"),
        ("a\t-1+1;@b", "a\t'-1+1;'@b"),
        ("a,=1", "a,=1"),
        ("5-3", "5-3"),
        ("a=b", "a=b"),
        ("'=1", "'=1"),
        ('=HYPERLINK("x","y")', '\'=HYPERLINK("x","y")'),
        ("Zoë; DROP TABLE dim_segments", "Zoë; DROP TABLE dim_segments"),
        ("", ""),
    ],
)
def test_neutralises_formulas_in_cells_and_headers(
    home: Path, value: str, written: str
) -> None:
    header = value or "empty"
    publish(home, with_customers_file(("note", value), (header, "x")))

    assert published_csv(home) == [["note", written or "empty"], [written, "x"]]


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "a;b",
        "'; DROP TABLE dim_segments; --",
        '"; DROP TABLE dim_segments; --',
        "{{ 1 }}",
        "<script>alert(1)</script>",
        "a\nb",
        "select",
        "$1",
        "?",
        "café ☕",
        " ",
        "x" * 10_000,
    ],
)
def test_a_hostile_column_name_is_only_a_name(home: Path, name: str) -> None:
    connection = with_customers_file((name, "1"))
    column = quote_identifier(name)
    connection.execute(f"ALTER TABLE dim_customers ADD COLUMN {column} VARCHAR")
    connection.execute(
        f"COMMENT ON COLUMN dim_customers.{column} IS {quote_text(name)}"
    )

    publish(home, connection)

    assert published_csv(home) == [[name], ["1"]]
    assert published_rows(
        home,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'dim_customers' "
        f"AND column_name = {quote_text(name)}",
    ) == [(name,)]
    verify_generation(read_current(home).folder, deep=True)


def test_column_names_that_become_equal_stay_apart(home: Path) -> None:
    publish(home, with_customers_file(("=a", "1"), ("'=a", "2")))

    header, row = published_csv(home)
    assert len(set(header)) == 2
    assert row == ["1", "2"]


def test_the_manifest_says_what_was_built_from_what(home: Path) -> None:
    publish(home)

    manifest = read_current(home).manifest
    data = (home / "seeds" / "Mall_Customers.csv").read_bytes()
    assert manifest["input"] == {
        "files": [
            {
                "path": (home / "seeds" / "Mall_Customers.csv").as_posix(),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        ],
        "rows": 6,
        "accepted": 5,
        "rejected": 1,
        "imputed": 0,
    }
    assert manifest["versions"]["duckdb"] == duckdb.__version__
    assert set(manifest["versions"]) >= {"mall-segments", "dbt-core", "scikit-learn"}
    assert manifest["settings"]["segmentations"][0]["random_seed"] == 42
    assert manifest["row_level_exported"] is True
    customers = manifest["tables"]["dim_customers"]
    assert customers["n_rows"] == 5
    assert customers["columns"][:2] == [
        {"name": "customer_id", "type": "VARCHAR"},
        {"name": "gender", "type": "VARCHAR"},
    ]
    assert customers["parquet"] == "parquet/dim_customers.parquet"
    assert "home" not in manifest["settings"]


def test_returns_one_row_per_table(home: Path) -> None:
    frame = publish(home)

    assert frame["table_name"].tolist() == list(TABLES)
    assert frame["n_rows"].tolist() == [2, 5, 5, 3]
    assert frame["n_columns"].tolist() == [7, 6, 8, 7]
    assert set(frame["build_id"]) == {read_current(home).build_id}
    tables = read_current(home).manifest["tables"]
    assert frame["checksum"].tolist() == [tables[name]["checksum"] for name in TABLES]
    files = read_current(home).manifest["files"]
    assert frame["bytes_parquet"].tolist() == [
        files[f"parquet/{name}.parquet"]["bytes"] for name in TABLES
    ]
    assert frame["published_at"].notna().all()


def test_checksums_ignore_the_order_of_rows_and_the_number_of_threads(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SORTED_ROWS_LIMIT", 1_000)
    checksums = set()
    for order, threads in (("ASC", 1), ("DESC", 2), ("DESC", 4)):
        connection = open_warehouse()
        connection.execute(f"SET threads = {threads}")
        connection.execute(
            "CREATE OR REPLACE TABLE dim_customers AS "
            "SELECT i::VARCHAR AS customer_id, i / 7 AS income "
            f"FROM range(300_000) AS numbers (i) ORDER BY i {order}"
        )
        frame = publish(home, connection)
        checksums.add(frame.set_index("table_name")["checksum"]["dim_customers"])
    assert len(checksums) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE dim_customers SET gender = 'male' WHERE customer_id = '0002'",
        "UPDATE dim_customers SET gender = NULL WHERE customer_id = '0002'",
        "INSERT INTO dim_customers FROM dim_customers LIMIT 1",
        "DELETE FROM dim_customers WHERE customer_id = '0005'",
        """
        UPDATE dim_customers SET
            annual_income_kusd = spending_score, spending_score = annual_income_kusd
        """,
        """
        UPDATE dim_customers
        SET annual_income_kusd = nextafter(annual_income_kusd, 0::DOUBLE)
        WHERE customer_id = '0001'
        """,
    ],
)
def test_checksums_tell_any_change_of_content(home: Path, change: str) -> None:
    before = publish(home).set_index("table_name")["checksum"]
    connection = open_warehouse()
    connection.execute(change)

    after = publish(home, connection).set_index("table_name")["checksum"]

    assert before["dim_customers"] != after["dim_customers"]
    assert before["dim_segments"] == after["dim_segments"]


def test_leaves_out_row_level_files_above_the_limit(home: Path) -> None:
    frame = publish(home, export_rows_limit=4).set_index("table_name")

    generation = read_current(home)
    assert generation.manifest["row_level_exported"] is False
    assert sorted(generation.manifest["files"]) == [
        "mall_segments.duckdb",
        "model.json",
        "model.sql",
        "parquet/dim_segments.parquet",
    ]
    assert generation.manifest["tables"]["dim_customers"]["parquet"] is None
    assert frame["bytes_parquet"].dropna().index.tolist() == ["dim_segments"]
    # Only what the views read is written to the database.
    views = "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
    assert published_rows(home, views) == [
        ("fct_customer_segments", "One row per customer.")
    ]
    tables = generation.manifest["tables"]
    assert [name for name, table in tables.items() if table["checksum"] is None] == [
        "fct_customer_segments"
    ]
    assert published_rows(
        home, "SELECT customer_id, segment_id FROM fct_customer_segments ORDER BY ALL"
    ) == [("0001", 1), ("0002", 1), ("0003", 1), ("0004", 2), ("0005", 2)]
    verify_generation(generation.folder, deep=True)


def test_writes_row_level_files_up_to_the_limit(home: Path) -> None:
    publish(home, export_rows_limit=5)

    assert read_current(home).manifest["row_level_exported"] is True


def test_artefacts_are_part_of_the_generation(home: Path) -> None:
    def write_report(folder: Path) -> None:
        database = folder / "mall_segments.duckdb"
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute("SELECT count(*) FROM dim_segments").fetchone()
        assert row is not None
        (folder / "report.html").write_text(f"<p>{row[0]} segments</p>")

    publish(home, artefacts=[write_report])

    report = read_current(home).file("report.html")
    assert report.read_text() == "<p>2 segments</p>"


def test_an_artefact_that_fails_keeps_the_old_generation(home: Path) -> None:
    publish(home)
    before = current_generation(home)

    def fail(folder: Path) -> None:
        raise ZeroDivisionError(str(folder))

    with pytest.raises(ZeroDivisionError):
        publish(home, artefacts=[fail])

    assert current_generation(home) == before
    assert len(list_generations(home)) == 1


def test_sees_what_the_session_committed_and_leaves_its_transaction_alone(
    home: Path, tmp_path: Path
) -> None:
    connection = open_warehouse(tmp_path / "working.duckdb")
    connection.begin()
    connection.execute("CREATE TABLE fct_published_tables AS SELECT 1 AS one")

    publish(home, connection)

    connection.commit()
    assert connection.execute("FROM fct_published_tables").fetchall() == [(1,)]
    databases = connection.execute("SELECT database_name FROM duckdb_databases()")
    assert {row[0] for row in databases.fetchall()} == {"working", "system", "temp"}


def test_a_working_database_named_like_its_schema_is_no_trouble(
    home: Path, tmp_path: Path
) -> None:
    publish(home, open_warehouse(tmp_path / "main.duckdb"))

    assert published_rows(home, "SELECT count(*) FROM dim_customers") == [(5,)]


def test_refuses_settings_that_are_wrong(home: Path) -> None:
    with pytest.raises(SettingsError, match="keep_generations"):
        publish(home, keep_generations=0)
    assert current_generation(home) is None


def test_names_a_customer_file_that_is_gone(home: Path) -> None:
    with pytest.raises(PublishError, match=r"customers_path='gone-\*\.csv' is not"):
        publish(home, customers_path="gone-*.csv")
    (home / "seeds" / "Mall_Customers.csv").unlink()
    with pytest.raises(PublishError, match=r"Mall_Customers\.csv cannot be read"):
        publish(home)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.json").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: folder.rename(folder.parent / "elsewhere"),
    ],
    ids=["no model", "no manifest", "no generation"],
)
def test_a_damaged_model_stops_the_build_and_says_what_to_do(
    home: Path, damage: Callable[[Path], None]
) -> None:
    publish(home)
    publish(home)
    damage(read_current(home).folder)

    with pytest.raises(PublishError, match=r"mall-segments rollback"):
        published_model(str(home))
    with pytest.raises(PublishError, match=r"mall-segments rollback"):
        published_counts(str(home))

    rollback(home)
    publish(home)


@pytest.mark.parametrize("name", ["model.json", "mall_segments.duckdb"])
def test_a_deep_check_notices_what_a_forged_manifest_hides(
    home: Path, name: str
) -> None:
    publish(home)
    folder = read_current(home).folder
    other = folder.parent / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        for table in TABLES:
            connection.execute(
                f"CREATE TABLE {table} AS FROM '{folder / 'parquet' / table}.parquet'"
            )
        connection.execute("UPDATE dim_customers SET gender = 'male'")
    manifest = dict(read_current(home).manifest)
    if name == "mall_segments.duckdb":
        other.replace(folder / name)
        data = (folder / name).read_bytes()
        listing = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest["files"] = {**manifest["files"], name: listing}
        complaint = "table dim_customers in .* is not the one published: checksum is"
    else:
        manifest["tables"] = {"dim_segments": manifest["tables"]["dim_segments"]}
        complaint = "other tables than were published: dim_customers, fct_customer"
    (folder / "manifest.json").unlink()
    write_sealed(folder / "manifest.json", manifest)

    verify_generation(folder)
    with pytest.raises(PublishError, match=complaint):
        verify_generation(folder, deep=True)


def test_checksums_of_another_duckdb_are_not_compared(home: Path) -> None:
    publish(home)
    folder = read_current(home).folder
    manifest = json.loads(json.dumps(read_current(home).manifest))
    manifest["versions"]["duckdb"] = "1.9.9"
    manifest["tables"]["dim_segments"]["checksum"] = "1"
    (folder / "manifest.json").unlink()
    write_sealed(folder / "manifest.json", manifest)

    verify_generation(folder, deep=True)
    manifest["tables"]["dim_segments"]["n_rows"] = 3
    (folder / "manifest.json").unlink()
    write_sealed(folder / "manifest.json", manifest)
    with pytest.raises(PublishError, match="n_rows is 2, published was 3"):
        verify_generation(folder, deep=True)


def test_a_build_that_comes_second_is_refused(home: Path) -> None:
    publishing, refused = threading.Event(), threading.Event()

    def wait(_folder: Path) -> None:
        publishing.set()
        refused.wait(10)

    winner = threading.Thread(target=lambda: publish(home, artefacts=[wait]))
    winner.start()
    publishing.wait(10)
    with pytest.raises(PublishError, match="another build is publishing"):
        publish(home)
    assert list_generations(home) == []
    refused.set()
    winner.join()

    assert list_generations(home) == [read_current(home).build_id]


READER = """
import sys, time, duckdb
n_reads = 0
while True:
    time.sleep(0.15)  # The builds shall get most of the processors.
    # What a BI tool does: open by the link, query, close, again.
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        seen = connection.execute(
            "SELECT DISTINCT number FROM (SELECT number FROM dim_customers "
            "UNION ALL SELECT number FROM dim_segments)"
        ).fetchall()
    assert len(seen) == 1, seen
    n_reads += 1
    if seen[0][0] == int(sys.argv[2]):
        print(n_reads)
        break
"""


@pytest.mark.slow  # 15 builds while three processes read.
def test_readers_that_hold_or_reopen_never_notice_15_builds(home: Path) -> None:
    def publish_number(number: int) -> None:
        connection = open_warehouse()
        for table in ("dim_customers", "dim_segments"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN number INTEGER")
            connection.execute(f"UPDATE {table} SET number = {number}")
        publish(home, connection)
        connection.close()

    publish_number(0)
    held = read_current(home).build_id
    database = home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as holder:
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, str(database), "15"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for number in range(1, 16):
            publish_number(number)
            seen = holder.execute("SELECT DISTINCT number FROM dim_customers")
            assert seen.fetchall() == [(0,)]
        assert held not in list_generations(home)
    for reader in readers:
        output, errors = reader.communicate(timeout=60)
        assert errors == ""
        assert int(output) > 2


@pytest.mark.parametrize(
    "limit", [0, 4_096, 10_000, 300_000, 900_000, 1_050_000, 1_060_000]
)
def test_a_full_disk_changes_nothing(home: Path, limit: int) -> None:
    publish(home)
    before = current_generation(home)
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    # Files that may not grow beyond a size fail as on a full disk.
    connection = open_warehouse()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old_limit[1]))
    try:
        with pytest.raises(PublishError, match=r"cannot be written: .*File too large"):
            publish(home, connection)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)

    assert current_generation(home) == before
    assert len(list_generations(home)) == 1
    assert list((home / "published" / "generations").glob(".*")) == []
    publish(home, connection)
    verify_generation(read_current(home).folder, deep=True)


@pytest.mark.slow(seconds=20)  # Some 70 builds killed.
def test_builds_killed_at_any_moment_leave_whole_generations(home: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(CRASHES), str(home), "8"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert result.stderr == ""
    assert result.returncode == 0
    assert int(result.stdout) > 60


def test_rows_of_a_view_are_counted_whatever_they_hold() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE VIEW few AS SELECT * FROM (VALUES (NULL), (1)) t(x)")

        assert describe_table(connection, "few", as_view=True)["n_rows"] == 2


def test_refuses_to_publish_a_table_that_is_not_there(home: Path) -> None:
    with pytest.raises(PublishError, match="fct_nothing does not exist"):
        publish(home, tables=[*TABLES, "fct_nothing"])
    assert current_generation(home) is None


def test_refuses_tables_built_with_other_settings(home: Path) -> None:
    before = settings_sha256({**SETTINGS, "missing_values": "reject"})

    with pytest.raises(PublishError, match="run `dbt build` instead of `dbt retry`"):
        publish(home, built_with=before)

    assert current_generation(home) is None
    publish(home)
    manifest = read_current(home).manifest
    assert manifest["settings_sha256"] == settings_sha256(SETTINGS)


def test_settings_that_mean_the_same_have_one_hash() -> None:
    spelled_out = {**SETTINGS, "keep_generations": 3, "not_a_setting": 1}
    reordered = dict(reversed(SETTINGS.items()))

    assert settings_sha256(spelled_out) == settings_sha256(SETTINGS)
    assert settings_sha256(reordered) == settings_sha256(SETTINGS)
    assert settings_sha256({**SETTINGS, "keep_generations": 4}) != settings_sha256(
        SETTINGS
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            "DELETE FROM int_input_counts WHERE measure = 'input rows'",
            "fct_input_counts has no measure input rows",
        ),
        (
            "UPDATE int_input_counts SET n = 7 WHERE measure = 'input rows'",
            "5 accepted customers and 1 rejected rows do not add up to 7 input rows",
        ),
    ],
)
def test_refuses_counts_that_do_not_add_up(
    home: Path, change: str, complaint: str
) -> None:
    connection = open_warehouse()
    connection.execute(change)

    with pytest.raises(PublishError, match=complaint):
        publish(home, connection)

    assert current_generation(home) is None


def test_a_hostile_table_name_is_only_a_name(home: Path) -> None:
    connection = open_warehouse()
    name = 'fct "x"; drop'
    connection.execute("""CREATE TABLE "fct ""x""; drop" AS SELECT 1 AS one""")

    publish(home, connection, tables=[*TABLES, name])

    folder = verify_generation(read_current(home).folder, deep=True).folder
    assert (folder / "parquet" / f"{name}.parquet").is_file()


def test_finds_the_files_a_path_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "x[1].csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.csv").mkdir()

    assert input_files("?.csv", tmp_path) == [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert input_files("x[1].csv", tmp_path) == [tmp_path / "x[1].csv"]
    assert input_files(str(tmp_path / "a.csv"), Path("elsewhere")) == [
        tmp_path / "a.csv"
    ]


def test_the_manifest_names_orders_and_no_seed_that_was_not_read(home: Path) -> None:
    (home / "orders.csv").write_text("order_id\n1\n")

    publish(home, orders_path="orders.csv")
    orders = read_current(home).manifest["input"]["files"]
    publish(home, customers_model="crm_customers")
    model = read_current(home).manifest["input"]["files"]

    assert [Path(file["path"]).name for file in orders] == ["orders.csv"]
    assert model == []


def test_the_model_is_named_like_its_generation(home: Path) -> None:
    publish(home)

    generation = read_current(home)
    model = load_model(generation.file("model.json"))
    assert model.build_id == generation.build_id
    assert "select" in generation.file("model.sql").read_text().lower()
    assert published_counts(str(home)) == {"income_spending": 2}


def test_the_next_build_sees_customers_and_values_of_the_last(home: Path) -> None:
    with duckdb.connect() as session:
        assert len(previous_customer_segments(session, str(home))) == 0
    assert published_model(str(home)) is None
    assert len(previous_feature_values(str(home))) == 0
    publish(home)
    with duckdb.connect() as session:
        customers = previous_customer_segments(session, str(home)).fetchall()
    values = previous_feature_values(str(home))

    assert (
        "income_spending",
        "0004",
        2,
        "high income and high spending",
        read_current(home).build_id,
    ) in customers
    assert sorted(values.to_numpy().tolist())[:5] == [
        ["annual_income_kusd", value, 1] for value in (20, 22, 24, 80, 84)
    ]
