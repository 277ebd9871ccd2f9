"""Mart, command line, service and pipeline give every customer the same answer."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from running_service import RunningService
from shared_project import MALL_SEGMENTS, PROJECT

from mall_segments.publishing.generations import MODEL, read_current
from mall_segments.model_file import load_model
from mall_segments.scoring.pipeline import build_pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from shared_project import Project

FEATURES = ("age_years", "annual_income_kusd", "spending_score")
N_CUSTOMERS = 1_000_000
N_FILES = 5
BATCH = 10_000
MOST_SINGLES = 2_000


def mart(home: Path, segmentation: str) -> pd.DataFrame:
    """Return what the build published about its customers, ordered by their id."""
    database = home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(
            """
            select
                customers.customer_id,
                customers.age_years,
                customers.annual_income_kusd,
                customers.spending_score,
                assigned.segment_id,
                assigned.distance,
                assigned.second_segment_id,
                assigned.membership,
                assigned.is_outlier,
                assigned.is_imputed
            from dim_customers as customers
            inner join fct_customer_segments as assigned
                on customers.customer_id = assigned.customer_id
            where assigned.segmentation = $1
            order by customers.customer_id
            """,
            [segmentation],
        ).df()


def write_shuffled(source: Path, folder: Path) -> Path:
    """Write the customers of a CSV file to some Parquet files, in another order."""
    for number in range(N_FILES):
        duckdb.sql(f"""
            copy (
                from read_csv('{source}', all_varchar = true)
                where hash("CustomerID", 7) % {N_FILES} = {number}
                order by hash("CustomerID", 8)
            ) to '{folder}/customers_{number}.parquet' (format parquet)
        """)
    return folder / "customers_*.parquet"


def checksums(home: Path) -> dict[str, tuple[int, str]]:
    """Count the rows of every published table, and add up their hashes."""
    database = home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables()").fetchall()
        found = {}
        for (name,) in names:
            # How long it took to score an algorithm differs, and nothing else.
            columns = connection.execute(
                "select string_agg('\"' || column_name || '\"', ', ') "
                "from duckdb_columns() "
                "where table_name = ? and column_name <> 'seconds'",
                [name],
            ).fetchall()[0][0]
            found[name] = connection.execute(
                f'select count(*), sum(hash({columns}))::varchar from "{name}"'
            ).fetchall()[0]
        return found


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare ids, flags and neighbours exactly, distances and memberships to 1e-9."""
    assert len(found) == len(expected)
    for column in expected.columns.intersection(found.columns):
        if column in ("distance", "membership"):
            np.testing.assert_allclose(
                found[column], expected[column], rtol=0, atol=1e-9, err_msg=column
            )
        else:
            different = (found[column].to_numpy() != expected[column].to_numpy()).sum()
            assert different == 0, (column, different)


def assert_score_agrees(
    home: Path, source: Path, segmentation: str, expected: pd.DataFrame
) -> None:
    output = home / f"scored_{segmentation}.parquet"
    options = ["-o", output, "--segmentation", segmentation]
    finished = subprocess.run(
        [MALL_SEGMENTS, "--home", home, "score", source, *options],
        capture_output=True,
        check=False,
        text=True,
    )
    assert finished.returncode in (0, 3), finished.stderr
    scored = duckdb.sql(
        f'select "CustomerID" as customer_id, * from \'{output}\' order by "CustomerID"'
    ).df()
    assert_same(scored, expected)


def assert_pipeline_agrees(
    home: Path, segmentation: str, expected: pd.DataFrame
) -> None:
    model = load_model(read_current(home).file(MODEL))
    pipeline = build_pipeline(model, segmentation)
    customers = expected[list(pipeline.feature_names_in_)]
    segment_ids = pipeline.named_steps["kmeans"].segment_ids_
    found = pd.DataFrame(
        {
            "segment_id": segment_ids[pipeline.predict(customers)],
            "distance": pipeline.transform(customers).min(axis=1),
        }
    )
    assert_same(found, expected)


def assert_batches_agree(
    service: RunningService,
    customers: list[str],
    segmentation: str,
    expected: pd.DataFrame,
) -> None:
    columns = [*expected.columns.difference(FEATURES)]
    parts = []
    for start in range(0, len(customers), BATCH):
        body = f"[{','.join(customers[start : start + BATCH])}]"
        response = service.send(body.encode(), segmentation=segmentation)
        parts.append(pd.DataFrame(response.json(), columns=columns))
    assert_same(pd.concat(parts), expected)


def assert_singles_agree(
    service: RunningService,
    customers: list[str],
    segmentation: str,
    expected: pd.DataFrame,
) -> None:
    columns = [*expected.columns.difference(FEATURES)]
    answers = [
        service.send(customer.encode(), segmentation=segmentation).json()
        for customer in customers
    ]
    assert_same(pd.DataFrame(answers, columns=columns), expected)


def assert_nothing_else_matters(
    project: Project, source: Path, settings: dict[str, Any]
) -> None:
    """Build from several files, in another order, with other threads of both."""
    home = project.home.with_name("other_home")
    home.mkdir()
    other = replace(project, home=home)
    profile = other.path / "profiles.yml"
    text = profile.read_text(encoding="utf-8")
    assert "config_options:\n" in text
    profile.write_text(
        text.replace("config_options:\n", "config_options:\n        threads: 1\n"),
        encoding="utf-8",
    )
    path = str(write_shuffled(source, home))
    changed = settings | {"customers_path": path}
    other.build("--threads", "1", "--vars", json.dumps(changed))
    assert checksums(home) == checksums(project.home)


def customers_of(source: Path) -> list[str]:
    """Return the rows of a file as a client would send them, ordered by their id."""
    rows = duckdb.sql(
        f"select * from read_csv('{source}', types = {{'CustomerID': 'varchar'}}) "
        'order by "CustomerID"'
    ).df()
    return rows.to_json(orient="records", lines=True).splitlines()


@pytest.mark.parametrize("segmentation", ["income_spending", "age_income_spending"])
def test_all_agree_on_the_shipped_customers(
    published_home: Path, tmp_path: Path, segmentation: str
) -> None:
    source = PROJECT / "seeds" / "Mall_Customers.csv"
    expected = mart(published_home, segmentation)
    assert len(expected) == 200
    customers = customers_of(source)

    (tmp_path / "published").symlink_to(published_home / "published")
    assert_score_agrees(tmp_path, source, segmentation, expected)
    assert_pipeline_agrees(published_home, segmentation, expected)
    with RunningService(published_home) as service:
        assert_batches_agree(service, customers, segmentation, expected)
        assert_singles_agree(service, customers, segmentation, expected)


@pytest.mark.slow(seconds=240)  # a build, and a million customers by each way
def test_all_agree_on_a_million_generated_customers(project: Project) -> None:
    """Incomes lie between the steps to which they are grouped for the fit.

    There are some ten thousand points, for it is customers that are many here; so many
    that they are published as views.
    """
    source = project.home / "customers.csv"
    duckdb.sql(f"""
        copy (
            select
                format('{{:07d}}', range) as "CustomerID",
                if(hash(range, 1) % 2 = 0, 'Male', 'Female') as "Gender",
                nullif(18 + 4 * (hash(range, 2) % 13), 66) as "Age",
                nullif(15 + 5 * (hash(range, 3) % 25) + hash(range, 5) % 3 / 4, 95.25)
                    as "Annual Income (k$)",
                nullif(1 + 4 * (hash(range, 4) % 25), 13) as "Spending Score (1-100)"
            from range({N_CUSTOMERS})
        ) to '{source}'
    """)
    settings = {"customers_path": str(source), "export_rows_limit": N_CUSTOMERS - 1}
    project.build("--vars", json.dumps(settings))
    audit = subprocess.run(
        [MALL_SEGMENTS, "--home", project.home, "audit", "--accept-drift", "--quiet"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert_nothing_else_matters(project, source, settings)

    customers = customers_of(source)
    with RunningService(project.home) as service:
        for segmentation in ("income_spending", "age_income_spending"):
            expected = mart(project.home, segmentation)
            assert len(expected) == N_CUSTOMERS
            assert expected["is_imputed"].any()
            assert_score_agrees(project.home, source, segmentation, expected)
            assert_batches_agree(service, customers, segmentation, expected)
            assert_pipeline_agrees(project.home, segmentation, expected)
            # A single answer depends on nothing but the point: of all of them, some
            # are asked for, a fixed step apart.
            features = FEATURES if "age" in segmentation else FEATURES[1:]
            points = expected.drop_duplicates([*features, "is_imputed"])
            points = points.iloc[:: 1 + len(points) // MOST_SINGLES]
            assert_singles_agree(
                service,
                [customers[position] for position in points.index],
                segmentation,
                expected.loc[points.index],
            )
