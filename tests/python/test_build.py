"""The whole build, as the README's first command runs it."""

from __future__ import annotations

import csv
import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from scipy import stats
from shared_project import PROJECT, Project, alone_with
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from mall_segments.model import load_model
from mall_segments.scoring.assignment import assign

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow(seconds=50)

SHIPPED = {
    1: ("Average income and spending", "Standard customers", 81, 55.30, 49.52),
    2: ("High income and high spending", "Target customers", 39, 86.54, 82.13),
    3: ("High income and low spending", None, 35, 88.20, 17.11),
    4: ("Low income and low spending", None, 23, 26.30, 20.91),
    5: ("Low income and high spending", None, 22, 25.73, 79.36),
}


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(folder / "mall_segments.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def published(published_home: Path) -> Path:
    return published_home / "published" / "current"


def test_finds_the_published_segments_by_income_and_spending(published: Path) -> None:
    rows = query(
        published,
        """
        select
            segment_id, segment_name, persona, n_customers,
            centroid_annual_income_kusd, centroid_spending_score
        from dim_segments
        where segmentation = 'income_spending'
        order by segment_id
        """,
    )
    assert [row[0] for row in rows] == list(SHIPPED)
    for segment_id, name, persona, n_customers, income, spending in rows:
        expected = SHIPPED[segment_id]
        assert (name, n_customers) == (expected[0], expected[2])
        assert expected[1] in (None, persona)
        assert income == pytest.approx(expected[3], abs=0.01)
        assert spending == pytest.approx(expected[4], abs=0.01)
    assert len({row[2] for row in rows}) == len(rows)


def test_customers_are_told_what_scoring_tells_them(published: Path) -> None:
    model = load_model(published / "model.json")
    segmentation = model.segmentation("income_spending")
    names = ", ".join(segmentation.features)
    rows = query(
        published,
        f"""
        select {names}, segment_id, second_segment_id, main_reason, membership
        from fct_customer_segments
        inner join dim_customers using (customer_id)
        where segmentation = 'income_spending'
        """,
    )
    income, spending, *told = zip(*rows, strict=True)
    found = assign(
        model,
        segmentation,
        dict(zip(segmentation.features, (income, spending), strict=True)),
    )
    ids = [segment.segment_id for segment in segmentation.segments]
    assert list(told[0]) == [ids[place] for place in found.segment]
    assert list(told[1]) == [ids[place] for place in found.second]
    assert list(told[2]) == [segmentation.features[place] for place in found.reason]
    assert list(told[3]) == pytest.approx(found.membership.tolist(), abs=1e-9)


def test_scores_equal_the_published_ones(published: Path) -> None:
    scores = {
        row[0]: row[1:]
        for row in query(
            published,
            """
            select
                segmentation, n_segments, inertia, silhouette,
                calinski_harabasz, davies_bouldin
            from fct_cluster_count_scores
            where is_chosen
            """,
        )
    }
    n_segments, inertia, silhouette, calinski_harabasz, davies_bouldin = scores[
        "income_spending"
    ]
    assert n_segments == 5
    assert inertia == pytest.approx(65.5684, abs=1e-4)
    assert round(silhouette, 4) == 0.5547
    assert round(calinski_harabasz, 2) == 248.65
    assert round(davies_bouldin, 4) == 0.5722
    n_segments, inertia, silhouette, *_ = scores["age_income_spending"]
    assert n_segments == 3
    assert inertia == pytest.approx(295.2122, abs=1e-4)
    assert round(silhouette, 4) == 0.3578


def test_each_criterion_shows_its_own_choice(published: Path) -> None:
    rows = query(
        published,
        """
        select segmentation, n_segments, chosen_by from fct_cluster_count_scores
        where chosen_by is not null
        """,
    )
    choices = {
        (segmentation, criterion): n_segments
        for segmentation, n_segments, chosen_by in rows
        for criterion in chosen_by.split(", ")
    }
    for criterion in ("vote", "silhouette", "davies_bouldin"):
        assert choices["income_spending", criterion] == 5
    assert choices["age_income_spending", "silhouette"] == 6
    assert choices["age_income_spending", "setting"] == 3


def test_every_file_of_the_generation_is_there_and_whole(
    published: Path, published_home: Path
) -> None:
    names = {path.name for path in published.iterdir()}
    assert {
        "mall_segments.duckdb",
        "parquet",
        "segmented_mall_customers.csv",
        "model.json",
        "manifest.json",
    } <= names
    manifest = json.loads((published / "manifest.json").read_text())
    assert {path.stem for path in (published / "parquet").iterdir()} == set(
        manifest["tables"]
    )
    assert manifest["input"]["rows"] == 200
    assert len(list((published_home / "published" / "generations").iterdir())) == 2


def test_the_csv_file_is_the_customers_file_with_segments(published: Path) -> None:
    with (published / "segmented_mall_customers.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    added = ["Cluster", "Segment", "Persona"]
    assert rows[0] == [
        *("CustomerID", "Gender", "Age", "Annual Income (k$)"),
        "Spending Score (1-100)",
        *added,
        *(f"{name} (age_income_spending)" for name in added),
        *(f"{name} (rfm)" for name in added),
    ]
    assert rows[1][:8] == [
        *("1", "Male", "19", "15", "39"),
        *("4", "Low income and low spending", "Budget shoppers"),
    ]
    assert len(rows) == 201


def test_every_rule_reproduces_its_precision_and_coverage(published: Path) -> None:
    rules = query(
        published,
        """
        select
            segmentation, segment_id, rule_sql, precision, coverage, fidelity
        from fct_segment_rules
        """,
    )
    for segmentation, segment_id, rule_sql, precision, coverage, _ in rules:
        ((n_rule, n_both, n_segment),) = query(
            published,
            f"""
            select
                count(*) filter (where {rule_sql}),
                count(*) filter (where ({rule_sql}) and segment_id = {segment_id}),
                count(*) filter (where segment_id = {segment_id})
            from dim_customers
            inner join fct_customer_segments using (customer_id)
            where segmentation = '{segmentation}'
            """,
        )
        assert precision == n_both / n_rule
        assert coverage == n_both / n_segment
    of_income_spending = [row for row in rules if row[0] == "income_spending"]
    assert len(of_income_spending) <= 8
    assert of_income_spending[0][5] >= 0.95


COLUMNS = {
    "age_years": "Age",
    "annual_income_kusd": "Annual Income (k$)",
    "spending_score": "Spending Score (1-100)",
}


def test_correlations_equal_those_of_scipy(published: Path) -> None:
    customers = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    rows = query(
        published,
        f"select * from fct_feature_correlation where feature in {tuple(COLUMNS)} "
        f"and other_feature in {tuple(COLUMNS)}",
    )
    assert len(rows) == len(COLUMNS) ** 2
    for feature, other_feature, n_customers, pearson, spearman in rows:
        pair = customers[COLUMNS[feature]], customers[COLUMNS[other_feature]]
        assert n_customers == 200
        assert pearson == pytest.approx(stats.pearsonr(*pair)[0], abs=1e-9)
        assert spearman == pytest.approx(stats.spearmanr(*pair)[0], abs=1e-9)


def test_the_feature_summary_equals_that_of_pandas_and_scipy(published: Path) -> None:
    customers = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    rows = query(
        published,
        """
        select feature, mean, std, p25, median, p75, skewness, n_outliers, n_missing
        from fct_feature_summary
        """
        f"where feature in {tuple(COLUMNS)}",
    )
    assert len(rows) == len(COLUMNS)
    for feature, *found, n_outliers, n_missing in rows:
        values = customers[COLUMNS[feature]]
        quartiles = values.quantile([0.25, 0.5, 0.75]).tolist()
        spread = 1.5 * (quartiles[2] - quartiles[0])
        is_inside = values.between(quartiles[0] - spread, quartiles[2] + spread)
        expected = [values.mean(), values.std(ddof=0), *quartiles, stats.skew(values)]
        assert found == pytest.approx(expected, abs=1e-9)
        assert (n_outliers, n_missing) == ((~is_inside).sum(), 0)


SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
}


def test_scalers_equal_those_of_scikit_learn(project: Project) -> None:
    generator = random.Random(7)
    customers = project.path / "generated.csv"
    with customers.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ID", "Gender", "Age", "Income", "Score"])
        for customer in range(1, 1001):
            age = generator.randint(18, 90)
            income = round(generator.lognormvariate(4, 0.6))
            writer.writerow([customer, "F", age, income, generator.randint(1, 100)])
    segmentations = [
        {
            "name": scaler,
            "features": ["age_years", "annual_income_kusd", "spending_score"],
            "scaler": scaler,
            "n_segments": 3,
            "min_segments": 2,
            "max_segments": 4,
            "random_seed": 1,
        }
        for scaler in (*SCALERS, "none")
    ]
    settings = {"customers_path": str(customers), "segmentations": segmentations}
    result = project.run(
        "build",
        *("--select", "+int_points"),
        *("--exclude-resource-type", "test"),
        *("--vars", json.dumps(settings)),
    )
    assert result.returncode == 0, result.stdout
    database = project.home / "warehouse" / "mall_segments_working.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        points = connection.sql("select * from int_points").df()
    values = pd.read_csv(customers)[["Age", "Income", "Score"]].to_numpy()
    assert set(points["segmentation"]) == {*SCALERS, "none"}
    for scaler, rows in points.groupby("segmentation"):
        own = rows[["age_years", "annual_income_kusd", "spending_score"]].to_numpy()
        found = rows[["coordinate_1", "coordinate_2", "coordinate_3"]].to_numpy()
        assert rows["n_customers"].sum() == 1000
        expected = (
            SCALERS[scaler]().fit(values).transform(own) if scaler in SCALERS else own
        )
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-11)


# Every rule is tested in test_settings.py. These are of no shape that templates expect
# while dbt parses.
WRONG_SETTINGS = {
    "customers_path": [1],
    "customer_id": None,
    "gender": ["f"],
    "features": 5,
    "segmentations": {"name": "income_spending"},
    "missing_values": {"impute": True},
    "max_rejected_share": [],
    "min_segment_share": "2020-01-01",
    "export_rows_limit": {},
    "keep_generations": "many",
}


def test_wrong_settings_stop_before_any_model_runs(project: Project) -> None:
    # Without quotes, YAML reads a date.
    settings = json.dumps(WRONG_SETTINGS).replace('"2020-01-01"', "2020-01-01")
    wrong = project.run("build", "--vars", settings)
    assert "10 settings cannot be used:" in wrong.stdout
    for name in WRONG_SETTINGS:
        assert f"- `{name}` is " in wrong.stdout
    assert "datetime.date(2020, 1, 1)" in wrong.stdout

    unknown = project.run("build", "--vars", "{missing_value: reject}")
    assert "`missing_value` is no setting" in unknown.stdout

    for result in (wrong, unknown):
        assert result.returncode != 0
        assert "Traceback" not in result.stdout
        assert "OK created" not in result.stdout


def test_every_unit_test_of_the_sql_passes(published_home: Path) -> None:
    with alone_with(published_home):
        result = Project(PROJECT, published_home).run(
            "test", "--select", "test_type:unit"
        )
    assert result.returncode == 0, result.stdout
    assert "unit tests" in result.stdout


def test_dbt_run_never_publishes_untested_tables(project: Project) -> None:
    result = project.run("run")
    assert result.returncode != 0
    assert "would publish without" in result.stdout
    assert not project.published.exists()


def test_refused_data_leave_the_published_generation_as_it_was(
    project: Project, published_home: Path
) -> None:
    """What violates a test or a contract is in the fault tests."""
    folder = project.path.with_name("Tom's [2024] {shops} *?")
    project.path.rename(folder)
    settings = folder / "dbt_project.yml"
    text = settings.read_text()
    assert "minimum: 1\n" in text
    settings.write_text(text.replace("minimum: 1\n", "minimum: 40\n", 1))

    shutil.copytree(
        published_home / "published", project.home / "published", symlinks=True
    )
    before = files(project.home / "published")
    current = project.published.readlink()
    result = Project(folder, project.home).run("build")
    assert result.returncode != 0
    # So the file was read, whatever the name of its folder.
    assert "has 116 of 200 numbers that are not from 40 to 120" in result.stdout
    assert project.published.readlink() == current
    assert files(project.home / "published") == before


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file was written, and its bytes."""
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
