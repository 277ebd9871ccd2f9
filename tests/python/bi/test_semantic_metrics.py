"""What `mf query` answers on the working database equals the published marts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest
import yaml
from shared_project import PROJECT, Project, alone_with, copy_project

if TYPE_CHECKING:
    from collections.abc import Callable

MF = Path(sys.executable).with_name("mf")
SEMANTIC = PROJECT / "models" / "semantic"

# MetricFlow takes about 4 s to start.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def query(
    published_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., pd.DataFrame]:
    """Ask MetricFlow, on a copy of what was built."""
    folder = tmp_path_factory.mktemp("metrics")
    project = Project(copy_project(folder / "project"), folder / "home")
    with alone_with(published_home):
        shutil.copytree(published_home / "warehouse", project.home / "warehouse")
        # MetricFlow reads dbt's artefacts nowhere but in the project.
        shutil.copytree(published_home / "target", project.path / "target")

    def run(*arguments: str) -> pd.DataFrame:
        answer = folder / "answer.csv"
        result = subprocess.run(
            [MF, "query", *arguments, "--csv", answer],
            cwd=project.path,
            env=os.environ
            | {
                "MALL_SEGMENTS_HOME": str(project.home),
                "DBT_LOG_PATH": str(project.home / "logs"),
                "DBT_PROFILES_DIR": str(project.path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return pd.read_csv(answer)

    return run


def published(published_home: Path, sql: str) -> pd.DataFrame:
    file = published_home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).df()


def test_metrics_by_segment_equal_the_marts(
    query: Callable[..., pd.DataFrame], published_home: Path
) -> None:
    answer = query(
        "--metrics",
        "customers,customer_share,mean_age,mean_income,mean_spending,"
        "mean_silhouette,outlier_share",
        "--group-by",
        "segment__segmentation,segment__segment_name,segment__persona",
    )
    expected = published(
        published_home,
        """
        select
            segments.segmentation as segment__segmentation,
            segments.segment_name as segment__segment_name,
            segments.persona as segment__persona,
            segments.n_customers as customers,
            segments.customer_share,
            max(mean) filter (feature = 'age_years') as mean_age,
            max(mean) filter (feature = 'annual_income_kusd') as mean_income,
            max(mean) filter (feature = 'spending_score') as mean_spending,
            segments.mean_silhouette,
            segments.n_outliers / segments.n_customers as outlier_share
        from dim_segments as segments
        inner join fct_segment_profiles using (segmentation, segment_id)
        group by all
        """,
    )
    keys = list(expected.columns[:3])
    pd.testing.assert_frame_equal(
        answer.sort_values(keys, ignore_index=True)[expected.columns],
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
        rtol=0,
        atol=1e-8,
    )


def test_metrics_by_gender_equal_the_customer_file(
    query: Callable[..., pd.DataFrame],
) -> None:
    answer = query(
        "--metrics", "customers,mean_income,mean_spending",
        "--group-by", "customer__gender",
    ).set_index("customer__gender")  # fmt: skip
    file = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    file.columns = ["id", "gender", "age", "income", "spending"]
    for gender, rows in file.groupby(file["gender"].str.lower()):
        assert answer.loc[gender, "customers"] == len(rows)
        assert answer.loc[gender, "mean_income"] == pytest.approx(rows["income"].mean())
        assert answer.loc[gender, "mean_spending"] == pytest.approx(
            rows["spending"].mean()
        )


def test_metrics_of_the_whole_count_every_customer_once_on_the_day_of_the_build(
    query: Callable[..., pd.DataFrame], published_home: Path
) -> None:
    answer = query(
        "--metrics", "customers,customer_share,rejected_share,imputed_share",
        "--group-by", "metric_time",
    )  # fmt: skip
    build_id = (published_home / "published" / "current").resolve().name
    assert list(answer["metric_time__day"]) == [f"{pd.Timestamp(build_id[:8])}"]
    assert answer["customers"].tolist() == [200]
    assert answer["customer_share"].tolist() == [pytest.approx(1)]
    assert answer["rejected_share"].tolist() == [0]
    assert answer["imputed_share"].tolist() == [0]


def test_metrics_by_segment_and_gender_can_be_filtered(
    query: Callable[..., pd.DataFrame], published_home: Path
) -> None:
    answer = query(
        "--metrics", "customers",
        "--group-by", "segment__segment_name,customer__gender",
        "--where", "{{ Dimension('segment__segmentation') }} = 'income_spending'",
    )  # fmt: skip
    expected = published(
        published_home,
        """
        select
            gender as customer__gender,
            segment_name as segment__segment_name,
            cast(sum(fct_segment_demographics.n_customers) as bigint) as customers
        from fct_segment_demographics
        inner join dim_segments using (segmentation, segment_id)
        where segmentation = 'income_spending'
        group by all
        """,
    )
    keys = ["customer__gender", "segment__segment_name"]
    pd.testing.assert_frame_equal(
        answer.sort_values(keys, ignore_index=True)[expected.columns],
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )


def test_everything_that_can_be_asked_for_says_what_it_is() -> None:
    content = yaml.safe_load((SEMANTIC / "_metrics.yml").read_text("utf-8"))
    for entry in [*content["semantic_models"], *content["metrics"]]:
        assert entry["description"].endswith("."), entry["name"]
