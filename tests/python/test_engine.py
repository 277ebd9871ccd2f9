"""Frames of each engine: real ones of DuckDB, and fakes with the methods of others."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest

from mall_segments.engine import is_duckdb, text_type, to_engine, to_pandas
from mall_segments.publishing.previous import previous_customer_segments

ROWS = pd.DataFrame({"segment_id": [1, 2], "segment_name": ["Low", "High"]})


class SparkFrame:
    """Of pyspark.sql.DataFrame: a name that it lacks is looked for among columns."""

    def __getattr__(self, name: str) -> Any:
        message = f"'DataFrame' object has no attribute '{name}'"
        raise AttributeError(message)

    def toPandas(self) -> pd.DataFrame:  # noqa: N802 - Spark's
        return ROWS


class SnowparkFrame:
    """Of snowflake.snowpark.DataFrame: unquoted names come back in capitals."""

    def to_pandas(self) -> pd.DataFrame:
        return ROWS.rename(columns=str.upper)


class BigFrame:
    """Of bigframes.dataframe.DataFrame."""

    def to_pandas(self) -> pd.DataFrame:
        return ROWS


class SnowparkSession:
    """Of snowflake.snowpark.Session, which has Spark's name of a method, too."""

    def __init__(self) -> None:
        self.given: list[pd.DataFrame] = []

    def create_dataframe(self, data: pd.DataFrame) -> SnowparkFrame:
        self.given.append(data)
        return SnowparkFrame()

    createDataFrame = create_dataframe  # noqa: N815 - as Snowpark has it

    def write_pandas(self, df: pd.DataFrame, table_name: str) -> None:
        raise AssertionError(table_name, df)

    def sql(self, query: str) -> SnowparkFrame:
        raise AssertionError(query)


class BigFramesSession:
    """Of bigframes.session.Session."""

    def __init__(self) -> None:
        self.given: list[pd.DataFrame] = []

    def read_pandas(self, pandas_dataframe: pd.DataFrame) -> BigFrame:
        self.given.append(pandas_dataframe)
        return BigFrame()


@pytest.mark.parametrize(
    "relation",
    [
        pytest.param(duckdb.sql("from ROWS"), id="duckdb"),
        pytest.param(SparkFrame(), id="spark"),
        pytest.param(SnowparkFrame(), id="snowpark"),
        pytest.param(BigFrame(), id="bigframes"),
    ],
)
def test_every_engine_gives_the_same_frame(relation: Any) -> None:
    frame = to_pandas(relation)
    assert list(frame.columns) == ["segment_id", "segment_name"]
    assert frame["segment_id"].tolist() == [1, 2]
    assert frame["segment_name"].tolist() == ["Low", "High"]


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(TypeError, match=r"builtins\.list, which has none of toPandas"):
        to_pandas([1, 2])


def test_duckdb_stores_the_pandas_frame_itself() -> None:
    with duckdb.connect() as connection:
        assert is_duckdb(connection)
        assert to_engine(connection, ROWS) is ROWS


def test_snowflake_stores_names_that_sql_need_not_quote() -> None:
    session = SnowparkSession()
    assert isinstance(to_engine(session, ROWS), SnowparkFrame)
    assert list(session.given[0].columns) == ["SEGMENT_ID", "SEGMENT_NAME"]
    assert list(ROWS.columns) == ["segment_id", "segment_name"]


def test_bigquery_stores_the_frame_as_it_is() -> None:
    session = BigFramesSession()
    assert isinstance(to_engine(session, ROWS), BigFrame)
    assert session.given[0] is ROWS


def test_other_engines_know_no_published_customers(tmp_path: Any) -> None:
    session = SnowparkSession()
    previous_customer_segments(session, str(tmp_path))
    frame = session.given[0]
    assert frame.empty
    assert [str(kind) for kind in frame.dtypes] == [
        *(str(text_type()), str(text_type()), "int64"),
        *(str(text_type()), str(text_type())),
    ]
