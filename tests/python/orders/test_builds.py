"""Orders without a file of customers, built in whole at two dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner
from shared_project import PROJECT

from mall_segments.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = PROJECT / "seeds" / "orders.csv"

pytestmark = pytest.mark.slow(seconds=60)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published after the last of the two builds, which is audited."""
    home = tmp_path_factory.mktemp("orders_alone")
    (home / "then.yml").write_text("orders: {as_of: 2025-01-01}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PROJECT_DIR", str(PROJECT))
        patch.setenv("DBT_TARGET_PATH", str(home / "target"))
        patch.setenv("DBT_LOG_PATH", str(home / "target"))
        for settings in (["--no-audit", "--settings", str(home / "then.yml")], []):
            result = CliRunner().invoke(
                main,
                ["--home", str(home), "build", "--orders", str(ORDERS), *settings],
            )
            assert result.exit_code == 0, result.output
    return home / "published" / "current"


@pytest.fixture(scope="module")
def query(published: Path) -> Any:
    with duckdb.connect(
        str(published / "mall_segments.duckdb"), read_only=True
    ) as connection:
        yield lambda sql: connection.execute(sql).fetchall()


def test_the_file_of_segments_has_the_customers_of_the_orders(
    published: Path, query: Any
) -> None:
    file = f"'{published / 'segmented_mall_customers.csv'}'"

    assert query(
        f"SELECT count(*), count(rfm.customer_id) FROM {file} AS file "
        "LEFT JOIN fct_customer_rfm AS rfm ON file.customer_id = rfm.customer_id "
        "AND file.n_orders = rfm.n_orders AND file.recency_days = rfm.recency_days"
    ) == [(191, 191)]
    assert query("SELECT count(*) FROM dim_customers") == [(191,)]


def test_two_dates_are_compared(query: Any) -> None:
    """Who came in between has joined; the others stayed or moved."""
    came = query(
        f"SELECT count(*) FROM (SELECT customer_id FROM read_csv('{ORDERS}', "
        "all_varchar = true) WHERE customer_id NOT IN ('', 'unknown') AND "
        "try_cast(quantity AS double) > 0 AND try_cast(unit_price AS double) > 0 AND "
        "try_cast(ordered_at AS timestamp) < '2026-01-01' GROUP BY 1 "
        "HAVING min(try_cast(ordered_at AS timestamp)) >= '2025-01-02')"
    )
    joined = query(
        "SELECT sum(n_customers) FROM fct_segment_migrations WHERE movement = 'joined'"
    )
    assert joined == came
    assert came[0][0] > 10
    assert query("SELECT sum(n_customers) FROM fct_segment_migrations") == [(191,)]
    assert query(
        "SELECT count(*), count(reading), min(current_n_customers), "
        "min(current_n_customers - previous_n_customers) FROM fct_feature_drift"
    ) == [(3, 3, 191, came[0][0])]


def test_lines_orders_and_their_customers_are_counted(query: Any) -> None:
    counts = dict(query("SELECT measure, n FROM fct_input_counts WHERE subject = ''"))
    assert counts["order lines"] == 3584
    assert counts["rejected order lines"] == 12
    assert counts["customers with orders"] == counts["accepted customers"] == 191
    assert query("SELECT sum(n_orders) FROM fct_customer_rfm") == [(counts["orders"],)]
    assert query(
        "SELECT sum(n) FROM fct_input_counts "
        "WHERE measure = 'order lines rejected because'"
    ) == [(12,)]


def test_segments_are_worth_what_their_customers_are(query: Any) -> None:
    """Segments have spent, and are expected to order and spend, what customers do."""
    assert query(
        "SELECT max(abs(a.orders - b.orders) + abs(a.value - b.value) "
        "+ abs(a.spend - b.spend) + abs(a.n_orders - b.n_orders) + abs(a.share - 1)) "
        "< 1e-6 FROM "
        "(SELECT sum(expected_orders_12m) AS orders, sum(expected_value_12m) AS value, "
        "sum(total_spend) AS spend, sum(n_orders) AS n_orders, "
        "sum(spend_share) AS share FROM dim_segments "
        "GROUP BY segmentation) AS a, "
        "(SELECT sum(expected_orders_12m) AS orders, sum(expected_value_12m) AS value, "
        "sum(total_spend) AS spend, sum(n_orders) AS n_orders "
        "FROM fct_customer_rfm) AS b"
    ) == [(True,)]
