"""A working database of five customers, as a build leaves it before it publishes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mall_segments.model import Model, ModelColumn, parse_model
from mall_segments.publishing.publish import (
    publish_generation,
    qualify,
    settings_sha256,
)

TABLES = (
    "dim_segments",
    "dim_customers",
    "fct_customer_segments",
    "fct_customer_movements",
)
VIEWED = ("int_customers_assigned",)

SETTINGS: dict[str, Any] = {
    "customers_path": None,
    "customer_id": {"aliases": ["CustomerID"]},
    "gender": {"aliases": ["Gender"], "female": ["f"], "male": ["m"]},
    "features": [
        {"name": "annual_income_kusd", "label": "income", "minimum": 0},
        {"name": "spending_score", "label": "spending", "minimum": 1, "maximum": 100},
    ],
    "segmentations": [
        {
            "name": "income_spending",
            "features": ["annual_income_kusd", "spending_score"],
            "n_segments": 2,
        }
    ],
}

NAMES = {
    1: ("low income and low spending", "sensible", "save"),
    2: ("high income and high spending", "target", "invite"),
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

CREATE TABLE dim_segments AS SELECT * FROM (VALUES
    ('income_spending', 2, 'high income and high spending', 'target', 'invite',
     2::BIGINT, 0.4e0),
    ('income_spending', 1, 'low income and low spending', 'sensible', 'save',
     3::BIGINT, 0.6e0)
) AS rows (
    segmentation, segment_id, segment_name, persona, recommended_action, n_customers,
    customer_share
);
COMMENT ON TABLE dim_segments IS 'One row per segment; the customers'' groups.';
COMMENT ON COLUMN dim_segments.segment_id IS 'Number of the segment.';
CREATE TABLE int_customers_assigned AS
    SELECT "CustomerID" AS customer_id, lower("Gender") AS gender,
        "Annual Income (k$)"::DOUBLE AS annual_income_kusd,
        "Spending Score (1-100)"::DOUBLE AS spending_score,
        segment_id AS income_spending_segment_id,
        false AS is_annual_income_kusd_imputed,
        false AS is_spending_score_imputed
    FROM customers ORDER BY source_row DESC;
CREATE TABLE dim_customers AS
    SELECT * EXCLUDE (income_spending_segment_id) FROM int_customers_assigned;
CREATE VIEW fct_customer_segments AS
    SELECT 'income_spending' AS segmentation, customer_id,
        income_spending_segment_id AS segment_id, segment_name, persona,
        0.5e0 AS distance, 'spending_score' AS main_reason,
        (right(customer_id, 4)::INTEGER * 20) % 100 AS holdout_bucket
    FROM int_customers_assigned
    INNER JOIN dim_segments ON income_spending_segment_id = segment_id;
COMMENT ON VIEW fct_customer_segments IS 'One row per customer.';
CREATE TABLE fct_customer_movements AS SELECT * FROM (VALUES
    ('income_spending', '0001', 2, 'high income and high spending', 1,
     'low income and low spending', 'moved'),
    ('income_spending', '0005', NULL, NULL, 2,
     'high income and high spending', 'joined'),
    ('income_spending', '0009', 1, 'low income and low spending', NULL, NULL, 'left')
) AS rows (
    segmentation, customer_id, from_segment_id, from_segment_name, to_segment_id,
    to_segment_name, change
);
CREATE TABLE int_customers_segmented AS
    SELECT customers.* EXCLUDE (segment_id), customers.segment_id AS "Cluster",
        segment_name AS "Segment", persona AS "Persona"
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


def make_model(
    segment_ids: tuple[int, ...] = (1, 2), settings: dict[str, Any] | None = None
) -> Model:
    """Make the model that the tables describe, with the segment ids given."""
    columns: list[dict[str, Any]] = [
        {"name": "gender", "type": "category", "label": "gender", "aliases": []},
        {"name": "annual_income_kusd", "label": "income", "imputed": 24.0},
        {"name": "spending_score", "label": "spending", "imputed": 34.0},
    ]
    places = {1: (-0.8, -0.85), 2: (1.2, 1.25)}
    centroids = {1: (22.0, 32.0), 2: (82.0, 92.0)}
    names = ("annual_income_kusd", "spending_score")
    segments = []
    for segment_id in segment_ids:
        like = min(segment_id, 2)
        name, persona, action = NAMES[like]
        segments.append(
            {
                "segment_id": segment_id,
                "segment_name": name,
                "persona": persona,
                "recommended_action": action,
                "n_customers": 3 if like == 1 else 2,
                "customer_share": 0.6 if like == 1 else 0.4,
                "share": 0.6 if like == 1 else 0.4,
                "mean_silhouette": 0.8,
                "inertia_share": 0.5,
                "outlier_distance": 0.3,
                "centroid": dict(zip(names, centroids[like], strict=True)),
                "coordinates": list(places[like]),
            }
        )
    content = {
        "format": Model.model_fields["format"].default,
        "build_id": f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z-0f8e12ab",
        "created_at": datetime.now(UTC).isoformat(),
        "settings_sha256": settings_sha256(settings or SETTINGS),
        "missing_values": "impute",
        "customer_id_aliases": ["CustomerID", "Kundennummer"],
        "columns": [
            {
                **{
                    key: None
                    for key, field in ModelColumn.model_fields.items()
                    if not field.is_required() and key not in ("unit", "is_whole")
                },
                "type": "number",
                "aliases": [],
                **column,
            }
            for column in columns
        ],
        "segmentations": [
            {
                "name": "income_spending",
                "features": list(names),
                "scaler": "standard",
                "random_seed": 42,
                "verdict": "clear segments",
                "variance": 0.01,
                "coordinates": [
                    {"feature": name, "center": center, "scale": 29.5}
                    for name, center in zip(names, (46.0, 56.0), strict=True)
                ],
                "segments": segments,
                "retired_segments": [],
            }
        ],
    }
    return parse_model(content, source="the test")


def publish(
    home: Path, connection: duckdb.DuckDBPyConnection | None = None, **options: Any
) -> pd.DataFrame:
    """Publish the small warehouse; keyword arguments replace settings and others."""
    opened = connection or open_warehouse()
    row = opened.execute("SELECT current_database()").fetchone()
    assert row is not None
    names = options.pop("tables", TABLES)
    model = options.pop("model", None) or make_model()
    artefacts = options.pop("artefacts", ())
    built_with = options.pop("built_with", None)
    settings = {**SETTINGS, **options}
    try:
        return publish_generation(
            opened,
            qualify(row[0], "main", names),
            model,
            viewed=qualify(row[0], "main", VIEWED),
            customers="int_customers_segmented",
            input_counts="int_input_counts",
            settings=settings,
            built_with=built_with or settings_sha256(settings),
            invocation="0f8e12ab-3c4d-4e5f-8a9b-0c1d2e3f4a5b",
            home=home,
            project=home,
            artefacts=artefacts,
        )
    finally:
        if connection is None:
            opened.close()
