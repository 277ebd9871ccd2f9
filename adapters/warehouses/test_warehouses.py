"""What adapters, frames and schedulers of others make of the project."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mall_segments.engine import is_duckdb, to_engine, to_pandas

DBT = Path(sys.executable).with_name("dbt")
PROJECT = Path(__file__).parents[2]
COMPANY = PROJECT / "integration_tests"
ROWS = pd.DataFrame({"segment_id": [1, 2], "segment_name": ["Low", None]})


def dbt(*arguments: str) -> None:
    result = subprocess.run(
        [DBT, *arguments, "--profiles-dir", "."],
        cwd=COMPANY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("target", ["bigquery", "databricks", "postgres", "snowflake"])
def test_another_companys_project_parses_with_the_adapter(target: str) -> None:
    dbt("deps")
    dbt("parse", "--no-partial-parse", "--target", target)


def snowpark() -> Any:
    from snowflake.snowpark import Session

    return Session.builder.configs({"local_testing": True}).create()


def bigframes() -> Any:
    from bigframes.testing.polars_session import TestSession

    return TestSession()


@pytest.mark.parametrize("make_session", [snowpark, bigframes])
def test_the_frames_of_the_engine_come_back_as_they_were_given(
    make_session: Any,
) -> None:
    session = make_session()
    assert not is_duckdb(session)
    frame = to_engine(session, ROWS)
    assert not isinstance(frame, pd.DataFrame)
    found = to_pandas(frame)
    assert list(found.columns) == ["segment_id", "segment_name"]
    assert found["segment_id"].tolist() == [1, 2]
    assert found["segment_name"][0] == "Low"
    assert found["segment_name"].isna().tolist() == [False, True]


def test_the_dagster_example_has_every_table_as_an_asset_and_a_job_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_DBT_PARSE_PROJECT_ON_LOAD", "1")
    monkeypatch.setenv("PATH", f"{DBT.parent}{os.pathsep}{os.environ['PATH']}")
    loaded = runpy.run_path(str(PROJECT / "docs" / "examples" / "dagster_segments.py"))
    definitions = loaded["definitions"]
    graph = definitions.resolve_asset_graph()
    names = {key.path[-1] for key in graph.get_all_asset_keys()}
    marts = {path.stem for path in (PROJECT / "analyses" / "marts").glob("*.sql")}
    assert {*marts, "fct_published_tables", "customer_segment_history"} <= names
    assert len(graph.asset_check_keys) > 15
    job = definitions.resolve_job_def("build_segments")
    assert job.asset_layer.executable_asset_keys == graph.materializable_asset_keys
