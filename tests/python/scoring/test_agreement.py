"""Arrays, SQL, the command, model.sql and the pipeline give the same answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import psycopg
import pytest
from example_model import HEADER, example_model, mixed_model

from mall_segments.scoring.assignment import assign
from mall_segments.scoring.files import score_file
from mall_segments.scoring.model_sql import render_model_sql
from mall_segments.scoring.pipeline import build_pipeline

if TYPE_CHECKING:
    from mall_segments.model import Model

SHIPPED = Path(__file__).parents[3] / "seeds" / "Mall_Customers.csv"


def shipped() -> pd.DataFrame:
    customers = pd.read_csv(SHIPPED)
    customers.columns = pd.Index(
        ["customer_id", "gender", "age_years", "annual_income_kusd", "spending_score"]
    )
    return customers


def mixed() -> pd.DataFrame:
    random = np.random.default_rng(7)
    customers = pd.DataFrame(
        {
            "customer_id": range(1, 501),
            "total_spend": random.lognormal(4.2, 1.4, 500).round(2),
            "balance": random.normal(0, 3, 500),
            "plan": random.choice(["basic", "plus", "unknown"], 500),
        }
    )
    # Somebody of whom nothing is known is no customer.
    customers.loc[::17, ["total_spend", "plan"]] = [np.nan, "basic"]
    customers.loc[::23, "balance"] = np.nan
    return customers


def expected(model: Model, name: str, customers: pd.DataFrame) -> pd.DataFrame:
    segmentation = model.segmentation(name)
    values = {
        feature: customers[feature]
        .astype(object)
        .where(customers[feature].notna(), None)
        for feature in segmentation.features
    }
    assigned = assign(model, segmentation, values)
    segments = segmentation.segments
    return pd.DataFrame(
        {
            "customer_id": customers["customer_id"].to_numpy(),
            "segment_id": [segments[at].segment_id for at in assigned.segment],
            "segment_name": [segments[at].segment_name for at in assigned.segment],
            "distance": assigned.distance,
            "membership": assigned.membership,
            "second_segment_id": [segments[at].segment_id for at in assigned.second],
            "is_outlier": assigned.is_outlier,
            "is_imputed": assigned.is_imputed,
            "main_reason": [segmentation.features[at] for at in assigned.reason],
        }
    )


CASES: list[Any] = [
    pytest.param(example_model(), "income_spending", shipped(), id="two numbers"),
    pytest.param(example_model(), "age_income_spending", shipped(), id="three numbers"),
    pytest.param(mixed_model(), "mixed", mixed(), id="every transform"),
]


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    found = found.sort_values("customer_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found,
        wanted[found.columns],
        check_dtype=False,
        check_exact=False,
        rtol=0,
        atol=1e-9,
    )


def test_the_shipped_customers_have_the_published_segments() -> None:
    found = expected(example_model(), "income_spending", shipped())

    sizes = found["segment_id"].value_counts().sort_index().tolist()
    assert sizes == [81, 39, 35, 23, 22]


@pytest.mark.parametrize(("model", "name", "customers"), CASES)
def test_the_command_agrees(
    tmp_path: Path, model: Model, name: str, customers: pd.DataFrame
) -> None:
    source, output = tmp_path / "customers.csv", tmp_path / "out.parquet"
    customers.rename(columns={"customer_id": "ID"}).to_csv(source, index=False)

    score_file(str(source), str(output), None, model=model, segmentation=name)

    wanted = expected(model, name, customers)
    found = duckdb.sql(f"from '{output}'").df().rename(columns={"ID": "customer_id"})
    found["customer_id"] = found["customer_id"].astype(int)
    assert_same(found[[*wanted.columns]], wanted)


def run_on_duckdb(customers: pd.DataFrame, sql: str) -> pd.DataFrame:
    with duckdb.connect() as engine:
        engine.register("frame", customers)
        engine.execute("create table your_customers as from frame")
        return engine.sql(sql).df()


@pytest.mark.parametrize(("model", "name", "customers"), CASES)
def test_model_sql_agrees_on_duckdb(
    model: Model, name: str, customers: pd.DataFrame
) -> None:
    found = run_on_duckdb(customers, render_model_sql(model))

    assert list(found.columns) == [
        *("customer_id", "segmentation", "segment_id", "segment_name", "persona"),
        *("distance", "membership", "second_segment_id"),
    ]
    own = found[found["segmentation"] == name].drop(columns=["segmentation", "persona"])
    assert_same(own, expected(model, name, customers))


@pytest.mark.parametrize(("model", "name", "customers"), CASES)
def test_model_sql_agrees_on_postgres(
    database: str, model: Model, name: str, customers: pd.DataFrame
) -> None:
    types = {"customer_id": "bigint", "gender": "text", "plan": "text"}
    columns = [f"{each} {types.get(each, 'double precision')}" for each in customers]
    rows = customers.astype(object).where(customers.notna(), None).to_numpy().tolist()
    with psycopg.connect(database) as postgres, postgres.cursor() as cursor:
        cursor.execute(f"create table your_customers ({', '.join(columns)})")
        holes = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"insert into your_customers values ({holes})", rows)
        cursor.execute(render_model_sql(model, "postgres"))
        found = pd.DataFrame(
            cursor.fetchall(), columns=[column.name for column in cursor.description]
        )

    own = found[found["segmentation"] == name].drop(columns=["segmentation", "persona"])
    assert_same(own, expected(model, name, customers))


@pytest.mark.parametrize(("model", "name", "customers"), CASES)
def test_the_pipeline_agrees(model: Model, name: str, customers: pd.DataFrame) -> None:
    pipeline = build_pipeline(model, name)
    wanted = expected(model, name, customers)

    frame = customers[list(pipeline.feature_names_in_)]
    labels = pipeline.predict(frame)

    segment_ids = pipeline.named_steps["kmeans"].segment_ids_
    assert segment_ids[labels].tolist() == wanted["segment_id"].tolist()
    nearest = pipeline.transform(frame).min(axis=1)
    assert np.allclose(nearest, wanted["distance"], rtol=0, atol=1e-9)


def test_model_sql_says_what_to_replace() -> None:
    text = render_model_sql(example_model())

    assert "from your_customers" in text
    assert "--   spending_score: a number from 1 to 100" in text
    assert HEADER not in text


def test_model_sql_keeps_what_a_model_says_within_comments_and_texts() -> None:
    model = example_model()
    breakout = "x';\ndrop table your_customers; --"
    income = model.column("annual_income_kusd")
    columns = [
        each.model_copy(update={"unit": breakout}) if each == income else each
        for each in model.columns
    ]
    first, *others = model.segmentations
    segments = [
        each.model_copy(update={"segment_name": breakout, "persona": breakout})
        for each in first.segments
    ]
    hostile = model.model_copy(
        update={
            "build_id": breakout,
            "columns": columns,
            "segmentations": [
                first.model_copy(update={"name": "order", "segments": segments}),
                *others,
            ],
        }
    )

    statements = duckdb.extract_statements(render_model_sql(hostile))

    assert [each.type for each in statements] == [duckdb.StatementType.SELECT]
