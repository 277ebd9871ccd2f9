"""A shop of another kind, whose features come from settings alone."""

from __future__ import annotations

import csv
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from shared_project import PROJECT, Project
from sklearn.metrics import adjusted_rand_score

from mall_segments.cli import main

NUMBERS = [f"number_{place}" for place in range(12)]
PLANS = [f"plan_{place}" for place in range(3)]
SETTINGS = {
    "gender": None,
    "features": [
        *({"name": name} for name in NUMBERS),
        *({"name": name, "type": "category"} for name in PLANS),
    ],
    "segmentations": [
        {"name": "everything", "features": [*NUMBERS, *PLANS], "max_segments": 6}
    ],
}

pytestmark = pytest.mark.slow(seconds=40)


def subscribers(generator: np.random.Generator) -> pd.DataFrame:
    """Four groups in twelve numbers and three categories, some cells missing."""
    kinds = generator.integers(0, 4, 240)
    centres = generator.normal(0, 3, (4, 12))
    numbers = (centres[kinds] + generator.normal(0, 1, (240, 12))) * 10 + 100
    table = pd.DataFrame(numbers.round(2), columns=NUMBERS)
    for place in range(3):
        own = np.array(["basic", "plus", "family", "business"])[(kinds + place) % 4]
        noise = generator.choice(["basic", "plus", "family", "business"], 240)
        table[f"plan_{place}"] = np.where(generator.random(240) < 0.85, own, noise)
    table["kind"] = kinds
    table.loc[generator.random(240) < 0.03, "number_4"] = None
    return table


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return subscribers(np.random.default_rng(12))


@pytest.fixture(scope="module")
def project(
    customers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A home in which these customers were built."""
    home = tmp_path_factory.mktemp("subscribers")
    customers.drop(columns="kind").to_csv(
        home / "customers.csv", index_label="customer_id", na_rep="unknown"
    )
    settings = {**SETTINGS, "customers_path": str(home / "customers.csv")}
    project = Project(PROJECT, home)
    project.build("--vars", yaml.safe_dump(settings))
    return project


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    database = project.published / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_many_numbers_and_categories_need_settings_only(
    project: Project, customers: pd.DataFrame
) -> None:
    found = query(
        project,
        "select cast(customer_id as int), segment_id from fct_customer_segments "
        "order by 1",
    )
    segments = [segment for _, segment in found]
    assert adjusted_rand_score(customers["kind"], segments) >= 0.9
    assert query(
        project,
        "select count(distinct (feature, level)) from fct_segment_categories",
    ) == [(12,)]
    assert query(
        project, "select count(*) from dim_customers where is_number_4_imputed"
    ) == [(customers["number_4"].isna().sum(),)]


def test_each_feature_is_a_column_and_those_of_other_shops_are_none(
    project: Project,
) -> None:
    columns = {
        row[0]
        for row in query(
            project, "select distinct column_name from information_schema.columns"
        )
    }
    assert {f"centroid_{name}" for name in NUMBERS} <= columns
    assert not [name for name in columns if "spending_score" in name]
    assert not [name for name in columns if "gender" in name]
    assert query(
        project,
        "select sum(n_customers) from fct_segment_profiles where feature = 'number_3'",
    ) == [(240,)]
    assert "number_3" in (project.published / "report.html").read_text("utf-8")


def test_whatever_is_made_of_a_generation_works_for_these_features(
    project: Project,
) -> None:
    def run(*arguments: str) -> None:
        result = CliRunner().invoke(main, ["--home", str(project.home), *arguments])
        assert result.exit_code == 0, result.output

    run("audit", "--accept-drift", "--quiet")
    run("questions")
    run("superset", "--output", str(project.home / "b.zip"))
    scored = project.home / "scored.csv"
    run("score", str(project.home / "customers.csv"), "-o", str(scored))
    with scored.open() as lines:
        by_score = {
            row["customer_id"]: int(row["segment_id"]) for row in csv.DictReader(lines)
        }
    assert by_score == dict(
        query(project, "select customer_id, segment_id from fct_customer_segments")
    )
