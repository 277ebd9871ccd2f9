"""Shops of other kinds, whose features come from settings alone."""

from __future__ import annotations

import csv
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from shared_project import MALL_SEGMENTS, PROJECT, Project
from sklearn.metrics import adjusted_rand_score

if TYPE_CHECKING:
    from pathlib import Path

SPENDERS = {
    "features": [
        {"name": "recency_days", "transform": "log", "unit": "days"},
        {"name": "n_orders", "label": "orders", "transform": "log"},
        {"name": "total_spend", "label": "spend", "transform": "log", "unit": "EUR"},
    ],
    "segmentations": [
        {"name": "rfm", "features": ["recency_days", "n_orders", "total_spend"]}
    ],
}
MIXED = {
    "features": [
        *({"name": f"number_{place}"} for place in range(12)),
        *({"name": f"plan_{place}", "type": "category"} for place in range(3)),
    ],
    "segmentations": [
        {
            "name": "everything",
            "features": [
                *(f"number_{place}" for place in range(12)),
                *(f"plan_{place}" for place in range(3)),
            ],
            "max_segments": 6,
        }
    ],
}


def spenders(generator: np.random.Generator) -> pd.DataFrame:
    """Three groups whose orders and money are log-normal."""
    kinds = generator.integers(0, 3, 240)
    return pd.DataFrame(
        {
            "kind": kinds,
            "recency_days": np.exp(generator.normal([1, 3.5, 5.5], 0.4, (240, 3)))[
                range(240), kinds
            ].round(),
            "n_orders": 1
            + np.exp(generator.normal([3, 1.5, 0], 0.3, (240, 3)))[
                range(240), kinds
            ].round(),
            "total_spend": np.exp(generator.normal([9, 6, 3], 0.5, (240, 3)))[
                range(240), kinds
            ].round(2),
        }
    )


def subscribers(generator: np.random.Generator) -> pd.DataFrame:
    """Four groups in twelve numbers and three categories, some cells missing."""
    kinds = generator.integers(0, 4, 240)
    centres = generator.normal(0, 3, (4, 12))
    numbers = (centres[kinds] + generator.normal(0, 1, (240, 12))) * 10 + 100
    table = pd.DataFrame(
        numbers.round(2), columns=[f"number_{place}" for place in range(12)]
    )
    for place in range(3):
        own = np.array(["basic", "plus", "family", "business"])[(kinds + place) % 4]
        noise = generator.choice(["basic", "plus", "family", "business"], 240)
        table[f"plan_{place}"] = np.where(generator.random(240) < 0.85, own, noise)
    table["kind"] = kinds
    table.loc[generator.random(240) < 0.03, "number_4"] = None
    return table


def run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MALL_SEGMENTS, "--home", str(project.home), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    database = project.published / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def build(
    home: Path, customers: pd.DataFrame, settings: dict[str, Any]
) -> tuple[Project, str]:
    home.mkdir(exist_ok=True)
    file = home / "customers.csv"
    customers.drop(columns="kind").to_csv(
        file, index_label="customer_id", na_rep="unknown"
    )
    project = Project(PROJECT, home)
    variables = settings | {"customers_path": str(file), "gender": None}
    return project, project.build("--vars", yaml.safe_dump(variables))


def check_tools(project: Project) -> None:
    """Whatever is made of a generation works for these features, too."""
    audited = run(project, "audit", "--accept-drift", "--quiet")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    scored = run(
        project, "score", str(project.home / "customers.csv"), "-o",
        str(project.home / "scored.csv"),
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    with (project.home / "scored.csv").open() as file:
        by_score = {
            row["customer_id"]: int(row["segment_id"]) for row in csv.DictReader(file)
        }
    assert by_score == dict(
        query(project, "select customer_id, segment_id from fct_customer_segments")
    )
    for command in (
        ["questions"],
        ["superset", "--output", str(project.home / "b.zip")],
    ):
        made = run(project, *command)
        assert made.returncode == 0, made.stderr
    columns = "".join(
        row[0]
        for row in query(
            project, "select distinct column_name from information_schema.columns"
        )
    )
    assert "spending_score" not in columns
    assert "gender" not in columns


def agreement(project: Project, customers: pd.DataFrame) -> float:
    found = query(
        project,
        "select cast(customer_id as int), segment_id from fct_customer_segments "
        "order by 1",
    )
    return adjusted_rand_score(customers["kind"], [segment for _, segment in found])


@pytest.mark.slow(seconds=60)
def test_recency_orders_and_spend_need_settings_only(tmp_path: Path) -> None:
    customers = spenders(np.random.default_rng(11))
    project, _ = build(tmp_path / "home", customers, SPENDERS)
    assert agreement(project, customers) >= 0.9
    (verdict,) = query(project, "select verdict from fct_segmentation_verdicts")
    assert verdict == ("clear segments",)
    names = query(project, "select segment_name, persona from dim_segments")
    assert len(set(names)) == len(names) == 3
    report = (project.published / "report.html").read_text()
    assert "EUR" in report
    check_tools(project)


@pytest.mark.slow(seconds=90)
def test_many_numbers_and_categories_need_settings_only(tmp_path: Path) -> None:
    customers = subscribers(np.random.default_rng(12))
    project, _ = build(tmp_path / "home", customers, MIXED)
    assert agreement(project, customers) >= 0.9
    levels = query(
        project,
        "select count(distinct (feature, level)) from fct_segment_categories",
    )
    assert levels == [(12,)]
    (imputed,) = query(
        project, "select count(*) from dim_customers where is_number_4_imputed"
    )
    assert imputed[0] == customers["number_4"].isna().sum()
    check_tools(project)


@pytest.mark.slow(seconds=50)
def test_skewed_money_without_logarithms_is_noted(tmp_path: Path) -> None:
    generator = np.random.default_rng(13)
    customers = spenders(generator)
    customers["total_spend"] = np.exp(generator.normal(5, 2.3, 240)).round(2)
    assert customers["total_spend"].skew() > 5
    plain = {
        "features": [{"name": feature["name"]} for feature in SPENDERS["features"]],
        "segmentations": SPENDERS["segmentations"],
    }
    project, _ = build(tmp_path / "home", customers, plain)
    said = run(project, "summary").stdout
    assert "total_spend" in said
    assert "transform: log" in said
