"""Another company's project that installs this one: see docs/package.md."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from shared_project import PROJECT, Ran, copy_project, run_dbt

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "mall_segments"
OWN = ("loyalty_cards", "segment_personas", "target_cards", "till_receipts")
# Files that dbt reads of a package and PROJECT_PARTS has no need of.
SQL = "src/mall_segments/sql"

pytestmark = pytest.mark.slow(seconds=50)


class CornerShop:
    """The company's project beside a copy of this one, with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.package = copy_project(folder / "package")
        shutil.copytree(PROJECT / SQL, self.package / SQL, dirs_exist_ok=True)
        self.path = self.package / "integration_tests"
        shutil.copytree(
            PROJECT / "integration_tests",
            self.path,
            ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"),
        )
        self.database = folder / "corner_shop.duckdb"
        self.target = folder / "shop"

    def dbt(self, *arguments: str, schema: str = "shop") -> Ran:
        return run_dbt(
            self.path,
            arguments,
            CORNER_SHOP_DATABASE=self.database,
            CORNER_SHOP_SCHEMA=schema,
            DBT_PROFILES_DIR=self.path,
            DBT_TARGET_PATH=self.target.with_name(schema),
            DBT_LOG_PATH=self.target,
            MALL_SEGMENTS_HOME=self.package / "home",
        )

    def artefact(self, name: str) -> Any:
        return json.loads((self.target / name).read_text())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.database, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def files(self) -> dict[str, str]:
        """What the package consists of, by the hashes of its files."""
        return {
            path.relative_to(self.package).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in sorted(self.package.rglob("*"))
            if path.is_file()
            and self.path not in path.parents
            and "__pycache__" not in path.parts
        }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> CornerShop:
    """The project after ``dbt deps`` and ``dbt build``."""
    shop = CornerShop(tmp_path_factory.mktemp("corner_shop"))
    before = shop.files()
    for command in ("deps", "build"):
        result = shop.dbt(command)
        assert result.returncode == 0, result.stdout
    assert shop.files() == before
    return shop


def test_the_marts_are_in_the_schema_that_the_company_chose(shop: CornerShop) -> None:
    tables = {
        name
        for (name,) in shop.query(
            "select table_name from information_schema.tables "
            "where table_schema = 'shop_segments'"
        )
    }
    marts = {path.stem for path in (PROJECT / "analyses" / "marts").glob("*.sql")}
    assert marts <= tables
    assert "fct_published_tables" not in tables
    assert shop.query(
        "select table_name from information_schema.tables where table_schema = 'shop' "
        "order by table_name"
    ) == [(name,) for name in OWN]


def test_the_segments_are_those_of_the_companys_customers(shop: CornerShop) -> None:
    assert shop.query(
        "select 'customers', min(n_customers), sum(n_customers) "
        "from shop_segments.dim_segments where segmentation = 'visits_basket' "
        "union all select 'orders', min(n_orders), sum(n_orders) "
        "from shop_segments.fct_customer_rfm"
    ) == [("customers", 60, 180), ("orders", 1, 1224)]
    assert shop.query(
        "select persona, count(*), count(distinct segment_name) "
        "from shop.target_cards group by persona order by persona"
    ) == [("Best of both", 60, 1), ("Rare guests", 60, 1), ("Small baskets", 60, 1)]
    columns = {
        name
        for (name,) in shop.query(
            "select column_name from information_schema.columns "
            "where table_name = 'dim_customers'"
        )
    }
    assert {"customer_id", "visits_per_year", "basket_eur"} <= columns
    assert not columns & {"gender", "age_years"}


def test_tests_of_the_data_ran_and_no_unit_test_of_the_package(
    shop: CornerShop,
) -> None:
    ran = [
        result["unique_id"] for result in shop.artefact("run_results.json")["results"]
    ]
    assert not [name for name in ran if name.startswith("unit_test.")]
    assert len([name for name in ran if name.startswith(f"test.{PACKAGE}.")]) > 15
    assert [name for name in ran if name.startswith("test.corner_shop.")]


def test_others_may_refer_to_marts_and_to_nothing_else(shop: CornerShop) -> None:
    access = {
        node["name"]: node["config"]["access"]
        for node in shop.artefact("manifest.json")["nodes"].values()
        if node["resource_type"] == "model" and node["package_name"] == PACKAGE
    }
    public = {name for name, kind in access.items() if kind == "public"}
    assert public == {name for name in access if name.startswith(("dim_", "fct_"))}


def test_a_column_that_the_model_lacks_is_named(shop: CornerShop) -> None:
    variables = {
        "customers_model": "loyalty_cards",
        "gender": None,
        "features": [{"name": "visits_per_year"}, {"name": "shoe_size"}],
        "segmentations": [
            {"name": "feet", "features": ["visits_per_year", "shoe_size"]}
        ],
    }
    result = shop.dbt(
        "build", "--select", "+int_customers_accepted", "--vars", json.dumps(variables)
    )
    assert result.returncode != 0
    assert "shoe_size" in result.stdout
    assert "loyalty_cards" in result.stdout
    assert "visits_per_year, basket_eur" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_dry_run_of_the_company_reads_the_segments_of_another_build(
    shop: CornerShop,
) -> None:
    state = shop.target.with_name("state")
    state.mkdir()
    shutil.copy(shop.target / "manifest.json", state)
    arguments = "--empty --exclude package:mall_segments --defer --state"
    passed = shop.dbt("build", *arguments.split(), str(state), schema="dry")
    assert passed.returncode == 0, passed.stdout
    assert shop.query("select count(*) from dry.target_cards") == [(0,)]


def test_a_dry_run_tries_the_package_too(shop: CornerShop) -> None:
    # The company's own test asks for groups, which nobody forms.
    arguments = ("build", "--empty", "--exclude", "assert_the_groups_are_found")
    passed = shop.dbt(*arguments, schema="dry_whole")
    assert passed.returncode == 0, passed.stdout
    assert "ERROR=0 SKIP=0" in passed.stdout
    assert shop.query("select count(*) from dry_whole.target_cards") == [(0,)]
