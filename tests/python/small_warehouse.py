"""A working database of five customers, as a build leaves it before it publishes."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mall_segments.publishing.publish import SOURCES, publish_generation, qualify

TABLES = ("dim_segments", "dim_customers", "fct_customer_segments")

SETTINGS: dict[str, Any] = {
    "customers_path": None,
    "customer_id": {"aliases": ["CustomerID"]},
    "gender": {"aliases": ["Gender"], "female": ["f"], "male": ["m"]},
    "features": [
        {
            "name": "annual_income_kusd",
            "label": "income",
            "aliases": ["Annual Income (k$)"],
            "minimum": 0,
            "maximum": 1000,
            "resolution": 1,
        },
        {
            "name": "spending_score",
            "label": "spending",
            "aliases": ["Spending Score (1-100)"],
            "minimum": 1,
            "maximum": 100,
            "resolution": 1,
        },
    ],
    "segmentations": [
        {
            "name": "income_spending",
            "features": ["annual_income_kusd", "spending_score"],
            "scaler": "standard",
            "n_segments": 2,
            "min_segments": 2,
            "max_segments": 3,
            "random_seed": 42,
        }
    ],
    "missing_values": "impute",
    "max_rejected_share": 0.2,
    "min_segment_share": 0.05,
    "export_rows_limit": 5_000_000,
    "keep_generations": 3,
}

SCHEMA = """
CREATE TABLE customers (
    source_row BIGINT, "CustomerID" VARCHAR, "Gender" VARCHAR,
    "Annual Income (k$)" VARCHAR, "Spending Score (1-100)" VARCHAR, segment_id BIGINT
);
INSERT INTO customers VALUES
    (1, '0001', 'Male', '20', '30', 1), (2, '0002', 'Female', '22', '34', 1),
    (3, '0003', 'Female', '24', '32', 1), (4, '0004', 'Male', '80', '90', 2),
    (5, '0005', 'Female', '84', '94', 2);

CREATE TABLE segments AS SELECT * FROM (VALUES
    ('income_spending', 1, 22.0, 32.0, -0.8, -0.85),
    ('income_spending', 2, 82.0, 92.0, 1.2, 1.25)
) AS rows (
    segmentation, segment_id, centroid_annual_income_kusd, centroid_spending_score,
    scaled_centroid_annual_income_kusd, scaled_centroid_spending_score
);
CREATE TABLE dim_segments AS SELECT * FROM (VALUES
    ('income_spending', 2, 'high income and high spending', 'target', 'invite',
     2::BIGINT, 0.4, 0.9, 0.5, 0.3),
    ('income_spending', 1, 'low income and low spending', 'sensible', 'save',
     3::BIGINT, 0.6, 0.8, 0.5, 0.3)
) AS rows (
    segmentation, segment_id, segment_name, persona, recommended_action, n_customers,
    customer_share, mean_silhouette, inertia_share, outlier_distance
);
COMMENT ON TABLE dim_segments IS 'One row per segment; the customers'' groups.';
COMMENT ON COLUMN dim_segments.segment_id IS 'Number of the segment.';
CREATE TABLE int_customer_combinations AS
    SELECT "CustomerID" AS customer_id, source_row AS combination_id
    FROM customers ORDER BY source_row DESC;
CREATE TABLE int_combinations_imputed AS
    SELECT source_row AS combination_id, lower("Gender") AS gender,
        "Annual Income (k$)"::DOUBLE AS annual_income_kusd,
        "Spending Score (1-100)"::DOUBLE AS spending_score
    FROM customers;
CREATE TABLE int_combination_segments AS
    SELECT 'income_spending' AS segmentation, source_row AS combination_id, segment_id
    FROM customers;
CREATE TABLE dim_customers AS
    SELECT customer_id, gender, annual_income_kusd, spending_score
    FROM int_customer_combinations INNER JOIN int_combinations_imputed
    USING (combination_id);
CREATE VIEW fct_customer_segments AS
    SELECT segmentation, customer_id, segment_id
    FROM int_customer_combinations INNER JOIN int_combination_segments
    USING (combination_id);
COMMENT ON VIEW fct_customer_segments IS 'One row per customer.';
CREATE TABLE int_feature_statistics AS SELECT * FROM (VALUES
    ('annual_income_kusd', 24.0), ('spending_score', 34.0)
) AS rows (feature, median);
CREATE TABLE int_scaler_parameters AS SELECT * FROM (VALUES
    ('income_spending', 'annual_income_kusd', 46.0, 29.5),
    ('income_spending', 'spending_score', 56.0, 29.5)
) AS rows (segmentation, feature, center, scale);
CREATE TABLE int_customers_segmented AS
    SELECT customers.* EXCLUDE (segment_id), customers.segment_id AS "Cluster",
        segment_name AS "Segment"
    FROM customers INNER JOIN dim_segments USING (segment_id);
CREATE TABLE int_input_counts AS SELECT * FROM (VALUES
    ('input rows', '', 6::BIGINT), ('accepted customers', '', 5),
    ('rejected rows', '', 1), ('imputed customers', '', 0),
    ('distinct values', 'spending_score', 5)
) AS rows (measure, subject, n);
"""


def open_warehouse(path: Path | str = ":memory:") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute(SCHEMA)
    return connection


def write_project(folder: Path) -> Path:
    (folder / "seeds").mkdir(parents=True)
    (folder / "seeds" / "Mall_Customers.csv").write_bytes(b"CustomerID\n0001\n")
    return folder


def publish(
    home: Path, connection: duckdb.DuckDBPyConnection | None = None, **settings: Any
) -> pd.DataFrame:
    """Publish the small warehouse; keyword arguments replace settings."""
    artefacts = settings.pop("artefacts", ())
    opened = connection or open_warehouse()
    row = opened.execute("SELECT current_database()").fetchone()
    assert row is not None
    try:
        return publish_generation(
            opened,
            qualify(row[0], "main", TABLES),
            qualify(row[0], "main", SOURCES),
            settings={**SETTINGS, **settings},
            invocation="0f8e12ab-3c4d-4e5f-8a9b-0c1d2e3f4a5b",
            home=home,
            project=home,
            artefacts=artefacts,
        )
    finally:
        if connection is None:
            opened.close()
