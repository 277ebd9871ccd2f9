import duckdb
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from mall_segments.clustering.kmeans import fit_kmeans

from .project import ONLINE_RETAIL, BuildError, Project

# dbt leaves the log file of each invocation for Python to close.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)

LINES = """Customer ID,Invoice,InvoiceDate,Quantity,Price
A,1,2024-01-01 10:00:00,2,10
A,2,2024-01-11 09:00:00,1,30
A,C2,2024-01-15 12:00:00,-1,30
B,3,2024-01-21 12:00:00,1,5
B,3,2024-01-21 12:00:00,1,0
17850.0,4,2024-01-31 23:00:00,1,7.5
Z,5,2024-01-09 10:00:00,1,0
"""
FAULTY = """,6,2024-01-09 10:00:00,1,1
X,7,,1,1
X,8,2024-02-30,1,1
X,9,2999-01-01,1,1
X,10,2024-01-09,one,
X,11,2024-01-09,1,free
X,12,2024-01-09,1e12,1e12
X,13,0024-01-09,1,1
X,14,-infinity,1,1
"""
MEASURES = (
    "customer_id, recency_days, n_orders, total_spend, average_order_value, "
    "tenure_days, days_between_orders, n_returns, return_share"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.create(tmp_path_factory.mktemp("orders") / "project")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "orders.csv"
    path.write_text(LINES + FAULTY)
    return str(path)


def customers(project, where="has_orders"):
    return project.rows(
        f"SELECT {MEASURES} FROM int_customer_orders WHERE {where} ORDER BY 1"
    )


def test_the_seeds_make_every_model(project):
    project.build()

    assert project.rows("SELECT count(*) FROM fct_customer_rfm") == [(191,)]
    assert project.rows("SELECT sum(n_lines) FROM fct_rejected_orders") == [(12,)]
    # Who never ordered stays, without features of orders.
    assert project.rows(
        "SELECT count(*), count(recency_days), "
        "count(*) FILTER (n_orders_is_missing) FROM int_customers_with_orders"
    ) == [(200, 191, 9)]
    # Equal values have equal scores, and a better value never a lower one.
    for measure, score, order in (
        ("recency_days", "r_score", ">"),
        ("n_orders", "f_score", "<"),
        ("total_spend", "m_score", "<"),
    ):
        assert project.rows(
            "SELECT count(*) FROM fct_customer_rfm AS a, fct_customer_rfm AS b "
            f"WHERE (a.{measure} = b.{measure} AND a.{score} <> b.{score}) "
            f"OR (a.{measure} {order} b.{measure} AND a.{score} > b.{score})"
        ) == [(0,)]
        assert project.rows(
            f"SELECT min({score}), max({score}) FROM fct_customer_rfm"
        ) == [(1, 5)]
    # Every customer of a segmentation is in a cell, or has no orders.
    assert project.rows(
        "SELECT segmentation, sum(n_customers), round(sum(share_of_segment), 9), "
        "count(DISTINCT segment_id) FROM fct_rfm_agreement GROUP BY 1 ORDER BY 1"
    ) == [
        ("age_income_spending", 200, 1.0, 1),
        ("income_spending", 200, 1.0, 1),
        ("rfm", 200, 2.0, 2),
    ]
    assert project.rows(
        "SELECT segment_id, n_customers, share_of_rfm_segment FROM fct_rfm_agreement "
        "WHERE segmentation = 'rfm' AND rfm_segment = 'no orders'"
    ) == [(1, 9, 1.0)]
    assert project.rows(
        "SELECT count(*) FROM fct_customer_rfm WHERE rfm_segment IS NULL OR NOT "
        "(alive_probability BETWEEN 0 AND 1 AND expected_value_12m >= 0 "
        "AND expected_orders_12m BETWEEN 0 AND 60)"
    ) == [(0,)]


def test_measures_customers_as_worked_by_hand_and_names_faulty_lines(project, shop):
    project.build("int_customers_with_orders", "fct_rejected_orders", orders_path=shop)

    assert customers(project) == [
        ("17850", 1.0, 1.0, 7.5, 7.5, 1.0, None, 0.0, 0.0),
        ("A", 21.0, 2.0, 20.0, 10.0, 31.0, 10.0, 1.0, pytest.approx(1 / 3)),
        ("B", 11.0, 1.0, 5.0, 5.0, 11.0, None, 0.0, 0.0),
    ]
    # Who only took what is free has no orders; the customers are those of the orders.
    assert [row[0] for row in customers(project, "not has_orders")] == ["Z"]
    assert project.rows(
        "SELECT source_row, customer_id, n_orders_text "
        "FROM int_customers_with_orders ORDER BY 1"
    ) == [(1, "17850", "1.0"), (2, "A", "2.0"), (3, "B", "1.0")]

    assert project.rows(
        "SELECT order_id, rejection_reasons, n_lines FROM fct_rejected_orders "
        "ORDER BY cast(order_id AS integer)"
    ) == [
        ("6", "no customer", 1),
        ("7", "no date", 1),
        ("8", "the date is not a date", 1),
        ("9", "the date is in the future", 1),
        ("10", "the quantity is not a number; no unit price", 1),
        ("11", "the unit price is not a number", 1),
        ("12", "the amount is too large", 1),
        ("13", "the date is before 1900", 1),
        ("14", "the date is before 1900", 1),
    ]


def test_an_order_has_lines_of_several_days(project, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        "Customer ID,Invoice,InvoiceDate,Quantity,Price\n"
        "A,1,2024-01-01,1,10\nA,1,2024-01-05,1,10\nB,2,2024-01-10,1,10\n"
    )
    project.build("int_customer_orders", orders_path=str(path))

    assert project.rows(
        "SELECT customer_id, n_orders, tenure_days, recency_days "
        "FROM int_customer_orders ORDER BY 1"
    ) == [("A", 1.0, 10.0, 6.0), ("B", 1.0, 1.0, 1.0)]


def test_builds_the_past_and_names_what_is_left_out(project, shop):
    project.build(
        "int_customer_orders",
        "fct_rejected_orders",
        orders_path=shop,
        orders={"as_of": "2024-01-21", "minimum_orders": 2},
    )

    assert [row[:3] for row in customers(project)] == [("A", 10.0, 2.0)]
    assert [row[:3] for row in customers(project, "not has_orders")] == [
        ("B", 0.0, 1.0),
        ("Z", None, 0.0),
    ]
    assert project.rows(
        "SELECT customer_id FROM fct_rejected_orders "
        "WHERE rejection_reasons = 'the date is after 2024-01-21' ORDER BY 1"
    ) == [("17850",), ("X",)]


def test_counts_only_orders_of_the_window_and_no_returns_against_them(project, shop):
    project.build(
        "int_customer_orders",
        orders_path=shop,
        orders={"window_days": 24, "returns": "only_count"},
    )

    # From 2024-01-08 on; what A brought back is counted, and not subtracted.
    assert [(row[0], row[2], row[3], row[7]) for row in customers(project, "true")] == [
        ("17850", 1.0, 7.5, 0.0),
        ("A", 1.0, 30.0, 1.0),
        ("B", 1.0, 5.0, 0.0),
        ("Z", 0.0, 0.0, 0.0),
    ]


def test_scores_follow_cut_points_of_ones_own(project):
    project.build(
        "fct_customer_rfm",
        orders={
            "cut_points": {"n_orders": [2, 3, 5, 10], "recency_days": [30, 60, 90, 180]}
        },
    )

    assert project.rows(
        "SELECT f_score, min(n_orders), max(n_orders) FROM fct_customer_rfm "
        "GROUP BY 1 ORDER BY 1"
    )[:4] == [(1, 1, 1), (2, 2, 2), (3, 3, 4), (4, 6, 9)]
    assert project.rows(
        "SELECT max(recency_days) <= 30 FROM fct_customer_rfm WHERE r_score = 5"
    ) == [(True,)]


def test_one_customer_without_order_ids_and_with_short_dates(project, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer,date,amount\nA,1.1.24,1\nA,1.31.24 8:05,1\nA,2.3.24,1\n")

    project.build("int_customer_orders", orders_path=str(path))

    # Without order ids, a moment is an order.
    assert [row[:6] for row in customers(project)] == [("A", 1.0, 3.0, 3.0, 1.0, 34.0)]


def test_reads_a_model_of_ones_own(project):
    model = project.folder / "models" / "my_orders.sql"
    model.write_text(
        "select 7 as customer_id, 1 as order_id, date '2024-01-01' as ordered_at, "
        "12.345 as amount"
    )
    project.build("int_customer_orders", orders_model="my_orders")
    found = customers(project)
    model.write_text("select 7 as customer_id, 12.345 as amount")

    assert found == [("7", 1.0, 1.0, 12.345, 12.345, 1.0, None, 0.0, 0.0)]
    with pytest.raises(BuildError, match="no column ordered_at; it has customer_id"):
        project.build("int_customer_orders", orders_model="my_orders")
    model.unlink()


def test_a_file_that_cannot_be_read_is_refused_by_name(project, tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("CustomerID,Age\n1,19\n")

    with pytest.raises(BuildError, match=r"customers\.csv': no column .* ordered_at"):
        project.build("int_customer_orders", orders_path=str(path))


def retail(project, path):
    """Build a year of a shop; answer its customers and what they bought."""
    project.build(
        "int_customer_orders",
        "int_purchase_values",
        orders_path=path,
        orders={"returns": "ignore"},
    )
    values = project.rows("SELECT * FROM int_purchase_values ORDER BY ALL")
    return customers(project), values


@pytest.fixture(scope="module")
def online_retail(project):
    if not ONLINE_RETAIL.exists():
        pytest.skip(f"{ONLINE_RETAIL} is not there")
    return retail(project, str(ONLINE_RETAIL))


def test_online_retail_says_the_same_from_any_files(project, online_retail, tmp_path):
    """One file or twelve, Parquet or CSV, in any order, of moments or text."""
    moment = "InvoiceDate::timestamp"
    day_first = f"strftime({moment}, '%d/%m/%Y %H:%M:%S')"
    for month in range(1, 13):
        for name, value, options in (
            (f"text{month}.csv", day_first, "DELIMITER ';'"),
            (f"moments{month}.parquet", moment, "FORMAT parquet"),
        ):
            duckdb.sql(
                f"COPY (SELECT * REPLACE ({value} AS InvoiceDate) FROM "
                f"'{ONLINE_RETAIL}' WHERE month({moment}) = {month} "
                f"ORDER BY hash(Invoice || StockCode)) TO '{tmp_path}/{name}' "
                f"({options})"
            )

    assert len(online_retail[0]) == 4312
    for path in ("text*.csv", "moments*.parquet"):
        assert retail(project, f"{tmp_path}/{path}") == online_retail


def test_online_retail_has_better_segments_than_published(online_retail):
    measured = np.log1p([row[1:4] for row in online_retail[0]])
    scaled = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    for n_segments, inertia, silhouette, sizes, lower in (
        (2, 6603.85, 0.4223, [1643, 2669], 6603.788),
        (3, 4970.97, 0.3284, [812, 1737, 1763], 4970.737),
    ):
        published = KMeans(n_segments, n_init=10, random_state=42).fit(scaled)
        # The published numbers are where scikit-learn stops by its tolerance.
        further = KMeans(
            n_segments, init=published.cluster_centers_, n_init=1, tol=0, max_iter=1000
        ).fit(scaled)
        ones = np.ones(len(scaled), dtype=np.int64)
        ours = fit_kmeans(scaled, ones, n_segments=n_segments, random_seed=42)

        assert published.inertia_ == pytest.approx(inertia, abs=0.05)
        assert sorted(np.bincount(published.labels_)) == sizes
        assert silhouette_score(scaled, published.labels_) == pytest.approx(
            silhouette, abs=1e-4
        )
        assert ours.inertia == pytest.approx(further.inertia_, rel=1e-6)
        assert ours.inertia == pytest.approx(lower, abs=0.001)
        assert ours.inertia < published.inertia_
