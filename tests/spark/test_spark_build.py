"""The project on Spark, locally and by Spark Connect, against a build on DuckDB.

Run by ``make spark`` in an environment of its own; the three builds run at once.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyspark
import pyspark.sql
import pytest
from shared_project import DBT, PROJECT

from mall_segments.publishing.tables import portable_text

if TYPE_CHECKING:
    from collections.abc import Iterator

DUCKDB_DBT = PROJECT / ".venv" / "bin" / "dbt"
SPARK_HOME = Path(pyspark.__file__).parent
CONNECT_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"

# What only the build on DuckDB has: it publishes, and remembers what it published.
ONLY_ON_DUCKDB = {
    "model.mall_segments.fct_published_tables",
    "snapshot.mall_segments.customer_segment_history",
}

# What differs from one build to the next on any engine.
OF_THE_BUILD = {"seconds"}


@dataclass(frozen=True)
class Build:
    """What a build printed and made."""

    name: str
    home: Path
    warehouse: str
    returncode: int
    output: str

    def read(self, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Read a table: its columns, and its rows in the order of their keys."""
        with duckdb.connect() as engine:
            if self.name == "duckdb":
                # Its views name it, so it is attached by its own name.
                engine.execute(f"attach '{self.warehouse}' (read_only)")
                relation = f"{Path(self.warehouse).stem}.main.{table}"
            else:
                relation = f"read_parquet('{self.warehouse}/{table}/*.parquet')"
            result = engine.execute(f"select * from {relation}")
            columns = [column[0] for column in result.description]
            rows = sorted(result.fetchall(), key=_sorting_key)
        kept = [at for at, name in enumerate(columns) if name not in OF_THE_BUILD]
        return (
            [columns[at] for at in kept],
            [tuple(row[at] for at in kept) for row in rows],
        )

    def artefact(self, name: str) -> Any:
        return json.loads((self.home / "target" / name).read_text())


def _sorting_key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    numbers = [value for value in row if isinstance(value, float)]
    keys = [str(value) for value in row if not isinstance(value, float)]
    return (keys, [round(number, 6) for number in numbers])


def run_dbt(dbt: Path, home: Path, *arguments: str, **variables: str) -> Any:
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [dbt, "--no-use-colors", *arguments],
        cwd=PROJECT,
        env=os.environ
        | {
            "MALL_SEGMENTS_HOME": str(home),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(home / "target"),
            "DBT_LOG_PATH": str(home / "logs"),
            "SPARK_CONF_DIR": str(PROJECT / "tests" / "spark" / "conf"),
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def build_on_duckdb(home: Path) -> Build:
    """Build and publish, for the published ``model.sql`` is to run on Spark."""
    result = run_dbt(DUCKDB_DBT, home, "build")
    warehouse = home / "warehouse" / "mall_segments_working.duckdb"
    return Build("duckdb", home, str(warehouse), result.returncode, result.stdout)


def build_locally(home: Path) -> Build:
    result = run_dbt(DBT, home, "build", "--target", "spark")
    warehouse = home / "warehouse" / "spark" / "mall_segments.db"
    return Build("local", home, str(warehouse), result.returncode, result.stdout)


def build_remotely(home: Path, remote: str, warehouse: Path) -> Build:
    """Build by Spark Connect, from Parquet, where there is no Java."""
    files = {"customers_path": "Mall_Customers", "orders_path": "orders"}
    variables = {}
    with duckdb.connect() as engine:
        for setting, name in files.items():
            variables[setting] = str(home / f"{name}.parquet")
            seed = PROJECT / "seeds" / f"{name}.csv"
            engine.execute(f"copy (from '{seed}') to '{variables[setting]}'")
    result = run_dbt(
        DBT,
        home,
        *("build", "--target", "spark", "--vars", json.dumps(variables)),
        SPARK_REMOTE=remote,
        JAVA_HOME="/nowhere",
    )
    folder = warehouse / "mall_segments.db"
    return Build("remote", home, str(folder), result.returncode, result.stdout)


@contextmanager
def connect_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """Start a Spark Connect server; answer its address and its warehouse."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.master": "local[2]",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": 3,
        "spark.sql.warehouse.dir": folder / "warehouse",
    }
    options = [f"--conf={name}={value}" for name, value in settings.items()]
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                *(SPARK_HOME / "bin" / "spark-submit", *options),
                *("--class", CONNECT_SERVER, "spark-internal"),
            ],
            cwd=folder,
            env=os.environ
            | {
                "SPARK_HOME": str(SPARK_HOME),
                "SPARK_CONF_DIR": str(PROJECT / "tests" / "spark" / "conf"),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 180
        while server.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert server.poll() is None, log.read_text()
        yield f"sc://127.0.0.1:{port}", folder / "warehouse"
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with connect_server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module")
def session(server: tuple[str, Path]) -> Iterator[pyspark.sql.SparkSession]:
    """Connect to the server, and leave it before it stops: else Python waits for it."""
    session = pyspark.sql.SparkSession.builder.remote(server[0]).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def builds(
    server: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Build]:
    """The three builds by their names."""
    homes = {
        name: tmp_path_factory.mktemp(name) for name in ("duckdb", "local", "remote")
    }
    with ThreadPoolExecutor() as pool:
        running = [
            pool.submit(build_on_duckdb, homes["duckdb"]),
            pool.submit(build_locally, homes["local"]),
            pool.submit(build_remotely, homes["remote"], *server),
        ]
        return {build.name: build for build in (task.result() for task in running)}


def _name(unique_id: str) -> str:
    """Leave out the hash of a test, which the engine's quotes go into."""
    kind, *rest = unique_id.split(".")
    return ".".join([kind, *rest[:2]])


SPARK = pytest.mark.parametrize("engine", ["local", "remote"])


@SPARK
def test_every_model_is_built_and_every_test_passes(
    builds: dict[str, Build], engine: str
) -> None:
    build = builds[engine]
    assert build.returncode == 0, build.output
    assert builds["duckdb"].returncode == 0, builds["duckdb"].output

    statuses = {
        _name(result["unique_id"]): result["status"]
        for result in build.artefact("run_results.json")["results"]
        if not result["unique_id"].startswith("operation.")
    }
    assert set(statuses.values()) == {"success", "pass"}

    expected = {
        _name(name)
        for name, node in builds["duckdb"].artefact("manifest.json")["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot", "test")
        and not ONLY_ON_DUCKDB & {name, *node.get("depends_on", {}).get("nodes", [])}
    }
    if engine == "remote":
        # Customers and orders are read from Parquet, and not from the seeds.
        for seed in ("Mall_Customers", "orders"):
            expected -= {f"seed.mall_segments.{seed}"}
            statuses.pop(f"seed.mall_segments.{seed}", None)
    assert set(statuses) == expected


@SPARK
def test_every_customer_is_in_the_same_segment(
    builds: dict[str, Build], engine: str
) -> None:
    def assignments(name: str) -> set[tuple[Any, ...]]:
        columns, rows = builds[name].read("fct_customer_segments")
        places = [
            columns.index(column)
            for column in (
                *("segmentation", "customer_id", "segment_id", "segment_name"),
                *("second_segment_id", "is_outlier", "is_imputed"),
            )
        ]
        return {tuple(row[place] for place in places) for row in rows}

    assert len(assignments("duckdb")) == 600
    assert assignments(engine) == assignments("duckdb")


MARTS = [path.stem for path in (PROJECT / "analyses" / "marts").glob("*.sql")]
FITTED = [
    path.stem
    for path in (PROJECT / "python_models").glob("*/*.py")
    if path.parent.name != "publish"
]


@SPARK
@pytest.mark.parametrize("table", sorted([*MARTS, *FITTED]))
def test_tables_are_the_same(builds: dict[str, Build], engine: str, table: str) -> None:
    """Whole numbers and texts are equal, and fractions but for their last digits."""
    columns, rows = builds[engine].read(table)
    expected_columns, expected_rows = builds["duckdb"].read(table)
    assert columns == expected_columns
    assert len(rows) == len(expected_rows)
    for row, expected_row in zip(rows, expected_rows, strict=True):
        for value, expected in zip(row, expected_row, strict=True):
            if isinstance(expected, float) and isinstance(value, float):
                assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9), (
                    row,
                    expected_row,
                )
            else:
                assert value == expected, (row, expected_row)


def test_the_published_sql_gives_every_customer_the_published_segment(
    builds: dict[str, Build], session: pyspark.sql.SparkSession
) -> None:
    published = builds["duckdb"].home / "published" / "current"
    columns, rows = builds["duckdb"].read("int_customers_accepted")
    with duckdb.connect(published / "mall_segments.duckdb", read_only=True) as engine:
        expected = engine.execute(
            "select segmentation, customer_id, segment_id, segment_name, persona, "
            "second_segment_id, distance, membership from fct_customer_segments "
            "order by all"
        ).fetchall()

    customers = pd.DataFrame(rows, columns=columns)
    session.createDataFrame(customers).createOrReplaceTempView("your_customers")
    found = session.sql((published / "model.sql").read_text()).select(
        *("segmentation", "customer_id", "segment_id", "segment_name", "persona"),
        *("second_segment_id", "distance", "membership"),
    )
    answers = sorted(tuple(row) for row in found.collect())

    assert len(answers) == len(expected) == 600
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer[:6] == wanted[:6]
        assert answer[6:] == pytest.approx(wanted[6:], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("text", ["Tom's", "'", "\\", "C:\\new 'deal'", "plain"])
def test_texts_of_the_published_sql_are_read_alike(
    session: pyspark.sql.SparkSession, text: str
) -> None:
    query = f"select {portable_text(text)} as text"
    assert session.sql(query).collect()[0][0] == text
    assert duckdb.sql(query).fetchall() == [(text,)]


def test_refuses_a_csv_file_by_what_spark_read_of_it(
    builds: dict[str, Build], server: tuple[str, Path], tmp_path: Path
) -> None:
    remote, warehouse = server
    assert builds["remote"].returncode == 0
    (tmp_path / "customers.csv").write_text(
        'who,Age,Annual Income (k$),Spending Score (1-100)\n"0042, Ann",19,"1,024",39\n'
    )
    result = run_dbt(
        DBT,
        tmp_path / "home",
        *("run", "--target", "spark", "--select", "base_mall__customers"),
        "stg_mall__customers",
        *("--vars", json.dumps({"customers_path": str(tmp_path / "customers.csv")})),
        SPARK_REMOTE=remote,
    )
    assert result.returncode == 1
    assert "no column is recognised as customer_id" in result.stdout
    assert "Columns found (4): 'who', 'Age'" in result.stdout
    assert "Traceback" not in result.stdout
    base = Build("remote", tmp_path, str(warehouse / "mall_segments.db"), 1, "")
    _, rows = base.read("base_mall__customers")
    assert rows == [(1, "0042, Ann", "19", "1,024", "39")]
