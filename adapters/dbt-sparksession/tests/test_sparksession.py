"""The adapter without a session, and with one in a small project of its own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from dbt.adapters.sparksession import session as sessions
from dbt.adapters.sparksession.connections import SparkSessionCredentials
from dbt.adapters.sparksession.session import SessionError, check_java
from dbt.cli.main import dbtRunner
from dbt_common.exceptions import DbtRuntimeError

if TYPE_CHECKING:
    from pathlib import Path

ANSI = "spark.sql.ansi.enabled"


def test_a_schema_is_all_that_a_target_must_say() -> None:
    credentials = SparkSessionCredentials.from_dict({"schema": "shop"})
    assert credentials.type == "sparksession"
    assert credentials.remote is None
    assert credentials.unique_field == "local"


def test_errors_stay_errors_unless_ansi_is_switched_off() -> None:
    assert SparkSessionCredentials(schema="shop").server_side_parameters == {
        ANSI: "true"
    }
    lenient = SparkSessionCredentials(
        schema="shop", server_side_parameters={ANSI: False}
    )
    assert lenient.server_side_parameters == {ANSI: "false"}


def test_refuses_the_other_methods_of_dbt_spark() -> None:
    with pytest.raises(DbtRuntimeError, match="has one method only"):
        SparkSessionCredentials.from_dict(
            {"schema": "shop", "host": "cluster", "method": "odbc"}
        )


def test_says_that_there_is_no_java(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SessionError, match=r"There is no Java on this machine\. Spark needs Java 17"
    ):
        check_java()


def test_says_that_java_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SessionError, match=r"is Java 11\. Spark needs Java 17"):
        check_java()


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with a seed, a SQL model and Python models, run on one session."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder, "dbt_project.yml", "{name: shop, profile: shop}")
    write(
        folder,
        "profiles.yml",
        f"""
        shop:
          target: spark
          outputs:
            spark:
              type: sparksession
              schema: shop
              functions: shop_functions
              local_parameters:
                spark.master: local[1]
                spark.driver.bindAddress: 127.0.0.1
                spark.driver.host: 127.0.0.1
                spark.sql.warehouse.dir: {folder}/warehouse
        """,
    )
    write(
        folder,
        "seeds/items.csv",
        """\
        id,name,price
        1,"tea, green",2.5
        2,,
        """,
    )
    write(
        folder,
        "models/prices.sql",
        "select id, name, price * 2 as price from {{ ref('items') }}",
    )
    write(
        folder,
        "models/as_pandas.py",
        """
        def model(dbt, session):
            return dbt.ref("prices").toPandas()[["id"]]
        """,
    )
    write(
        folder,
        "models/as_spark.py",
        """
        def model(dbt, session):
            return dbt.ref("as_pandas").selectExpr("id + 1 as id")
        """,
    )
    write(
        folder,
        "models/refused.py",
        """
        class Refusal(Exception):
            hides_stack = True

        def refuse():
            raise Refusal("There is no tea.")

        def model(dbt, session):
            return refuse()
        """,
    )
    write(
        folder,
        "models/broken.py",
        """
        def model(dbt, session):
            return 1 / 0
        """,
    )
    write(
        folder,
        "models/asked.sql",
        """
        select '{{ adapter.call_function("shout", "tea") if execute }}' as answer
        """,
    )
    write(folder, "models/unknown.sql", "{{ adapter.call_function('x', 'y') }}")
    write(folder, "shop_functions.py", "FUNCTIONS = {'shout': str.upper}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        result = dbtRunner().invoke(
            [
                *("build", "--quiet", "--no-send-anonymous-usage-stats"),
                *("--project-dir", str(folder), "--profiles-dir", str(folder)),
            ]
        )
    return {node.node.name: node for node in result.result.results}


def rows(table: str) -> list[tuple[Any, ...]]:
    (session,) = sessions._SESSIONS.values()
    return sorted(tuple(row) for row in session.table(f"shop.{table}").collect())


def test_loads_a_seed_in_the_types_dbt_finds(shop: dict[str, Any]) -> None:
    assert shop["items"].status == "success", shop["items"].message
    assert rows("items") == [(1, "tea, green", 2.5), (2, None, None)]


def test_runs_sql_and_python_models_on_one_session(shop: dict[str, Any]) -> None:
    for name in ("prices", "as_pandas", "as_spark"):
        assert shop[name].status == "success", shop[name].message
    assert rows("prices") == [(1, "tea, green", 5.0), (2, None, None)]
    assert rows("as_pandas") == [(1,), (2,)]
    assert rows("as_spark") == [(2,), (3,)]


def test_shows_a_refusal_as_it_is_and_an_error_with_its_stack(
    shop: dict[str, Any],
) -> None:
    assert "There is no tea." in shop["refused"].message
    assert "Traceback" not in shop["refused"].message
    assert "ZeroDivisionError: division by zero" in shop["broken"].message
    assert "models/broken.py" in shop["broken"].message


def test_macros_call_the_functions_of_the_profile(shop: dict[str, Any]) -> None:
    assert shop["asked"].status == "success", shop["asked"].message
    assert rows("asked") == [("TEA",)]
    assert "has no function x; it has shout" in shop["unknown"].message
