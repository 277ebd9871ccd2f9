"""A dbt project of nothing but the models of orders, for tests of them alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import yaml
from dbt.cli.main import dbtRunner
from shared_project import PROJECT, SHARED

if TYPE_CHECKING:
    from pathlib import Path

ONLINE_RETAIL = SHARED / "data" / "online_retail_2009_2010.parquet"

# What the rest of the project gives these models, as small as it can be.
_STUB_MODELS = {
    "stg_mall__customers": """
        select row_number() over () as source_row, "CustomerID" as customer_id
        from read_csv('{{ var("mall_customers") }}', all_varchar = true)
    """,
    "int_customers_assigned": """
        {{ config(enabled=has_orders()) }}
        select customer_id,
            1 + cast(coalesce(n_orders, 0) > 3 as integer) as rfm_segment_id
            {%- if has_customers() %}
            {%- for segmentation in var('segmentations') %},
            1 as {{ segmentation.name }}_segment_id
            {%- endfor %}{% endif %}
        from {{ ref('int_customers_with_orders') }}
    """,
}
_PLUGIN = """
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb.func import SPECIAL
from mall_segments.intake.functions import FUNCTIONS

class Plugin(BasePlugin):
    def configure_connection(self, conn):
        for name, function in FUNCTIONS.items():
            conn.create_function(name, function, ["VARCHAR"], "VARCHAR",
                null_handling=SPECIAL, side_effects=True)
"""


class BuildError(Exception):
    """What dbt said of a build that failed."""


@dataclass
class Project:
    """The project in a folder of its own; each build takes the place of the last."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Project:
        """Copy the models of orders and write what they need around them."""
        for part in ("models", "seeds", "tests"):
            (folder / part).mkdir(parents=True)
        shutil.copytree(
            PROJECT / "models/intermediate/orders", folder / "models/orders"
        )
        shutil.copytree(PROJECT / "macros", folder / "macros")
        shutil.copytree(
            PROJECT / "src" / "mall_segments" / "sql",
            folder / "macros" / "rendered",
        )
        for source, target in (
            ("models/staging/stg_mall__orders.sql", "models"),
            ("models/staging/_orders__models.yml", "models/staging.yml"),
            ("python_models/fitted/int_customer_lifetime.py", "models"),
            ("python_models/fitted/_orders__models.yml", "models/fitted.yml"),
            ("analyses/marts/_orders__models.yml", "models/marts.yml"),
            ("tests/data/generic/unique_combination.sql", "macros"),
            ("analyses/marts/fct_customer_rfm.sql", "models"),
            ("analyses/marts/fct_rejected_orders.sql", "models"),
            ("analyses/marts/fct_rfm_agreement.sql", "models"),
            ("seeds/orders.csv", "seeds"),
            ("seeds/rfm_segments.csv", "seeds"),
            *((f"tests/data/{file.name}", "tests") for file in _data_tests()),
        ):
            shutil.copy(PROJECT / source, folder / target)
        for name, sql in _STUB_MODELS.items():
            (folder / f"models/{name}.sql").write_text(sql)
        (folder / "orders_plugin.py").write_text(_PLUGIN)
        (folder / "dbt_project.yml").write_text(yaml.safe_dump(_dbt_project()))
        (folder / "profiles.yml").write_text(yaml.safe_dump(_profile(folder)))
        return cls(folder)

    def build(self, *only: str, **settings: Any) -> None:
        """Build everything, or these models and what they need, with these vars.

        Raises
        ------
        BuildError
            If a model or a test fails.
        """
        result = dbtRunner().invoke(
            [
                *("build", "--quiet", "--indirect-selection", "cautious"),
                *("--vars", json.dumps(settings)),
                *(f"--select=+{name}" for name in only),
                *("--project-dir", str(self.folder)),
                *("--profiles-dir", str(self.folder)),
            ]
        )
        if not result.success:
            said = [str(result.exception or "")]
            said += [
                f"{each.node.name}: {each.status} {each.message}"
                for each in getattr(result.result, "results", [])
                if str(each.status) not in ("success", "pass")
            ]
            raise BuildError("\n".join(said))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of what was built."""
        with duckdb.connect(str(self.folder / "built.duckdb")) as connection:
            return connection.execute(query).fetchall()


def _data_tests() -> list[Path]:
    return sorted((PROJECT / "tests/data").glob("assert_*order*.sql")) + sorted(
        (PROJECT / "tests/data").glob("assert_rfm*.sql")
    )


def _dbt_project() -> dict[str, Any]:
    return {
        "name": "mall_segments",
        "version": "1.0",
        "profile": "orders",
        "flags": {"send_anonymous_usage_stats": False},
        "models": {"mall_segments": {"+materialized": "table"}},
        "seeds": {"mall_segments": {"orders": {"+column_types": _texts()}}},
        "vars": {
            **yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"],
            "mall_customers": str(PROJECT / "seeds/Mall_Customers.csv"),
        },
    }


def _texts() -> dict[str, str]:
    names = ("order_id", "customer_id", "ordered_at", "quantity", "unit_price")
    return dict.fromkeys(names, "varchar")


def _profile(folder: Path) -> dict[str, Any]:
    output = {
        "type": "duckdb",
        "path": str(folder / "built.duckdb"),
        "threads": 1,
        "plugins": [{"module": "orders_plugin"}],
        "module_paths": [str(folder)],
    }
    return {"orders": {"target": "test", "outputs": {"test": output}}}
