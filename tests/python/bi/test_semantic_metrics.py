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


def same(answer: pd.DataFrame, expected: pd.DataFrame, keys: list[str]) -> None:
    pd.testing.assert_frame_equal(
        answer.sort_values(keys, ignore_index=True)[expected.columns],
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
        rtol=0,
        atol=1e-8,
    )


def test_metrics_by_segment_equal_the_marts(
    query: Callable[..., pd.DataFrame], published_home: Path
) -> None:
    answer = query(
        "--metrics", "customers,customer_share,mean_silhouette,outlier_share",
        "--group-by", "segment__segmentation,segment__segment_name,segment__persona",
    )  # fmt: skip
    expected = published(
        published_home,
        """
        select
            segmentation as segment__segmentation,
            segment_name as segment__segment_name,
            persona as segment__persona,
            n_customers as customers,
            customer_share,
            mean_silhouette,
            n_outliers / n_customers as outlier_share
        from dim_segments
        """,
    )
    same(answer, expected, list(expected.columns[:3]))


def test_means_by_feature_equal_the_profiles(
    query: Callable[..., pd.DataFrame], published_home: Path
) -> None:
    answer = query(
        "--metrics", "mean_value",
        "--group-by", "segment__segment_name,sum__feature",
        "--where", "{{ Dimension('segment__segmentation') }} = 'income_spending' "
        "and {{ Dimension('sum__feature') }} <> '(all)'",
    )  # fmt: skip
    expected = published(
        published_home,
        """
        select
            segment_name as segment__segment_name,
            feature as sum__feature,
            mean as mean_value
        from fct_segment_profiles
        inner join dim_segments using (segmentation, segment_id)
        where segmentation = 'income_spending'
        """,
    )
    same(answer, expected, list(expected.columns[:2]))


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
    (imputed,) = published(
        published_home, "select count(*) from dim_customers where is_imputed"
    ).iloc[0]
    assert answer["imputed_share"].tolist() == [pytest.approx(imputed / 200)]


def test_everything_that_can_be_asked_for_says_what_it_is() -> None:
    content = yaml.safe_load((SEMANTIC / "_metrics.yml").read_text("utf-8"))
    for entry in [*content["semantic_models"], *content["metrics"]]:
        assert entry["description"].endswith("."), entry["name"]
