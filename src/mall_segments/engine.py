"""Move small tables between a dbt Python model and the engine it runs on.

Only points, segments and scores pass through here, never a row per customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(relation: Any) -> pd.DataFrame:
    """Fetch what ``dbt.ref`` returned.

    Parameters
    ----------
    relation : duckdb.DuckDBPyRelation or pyspark.sql.DataFrame
        A table on the engine that runs the build.

    Returns
    -------
    pandas.DataFrame
        Its rows, in whatever order the engine gives them.
    """
    frame: pd.DataFrame
    frame = relation.toPandas() if hasattr(relation, "toPandas") else relation.df()
    return frame


def is_spark(session: Any) -> bool:
    """Whether the session that dbt gives a Python model is one of Spark."""
    return hasattr(session, "createDataFrame")


def to_engine(session: Any, frame: pd.DataFrame) -> Any:
    """Hand a model's result to the engine that stores it.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection or pyspark.sql.SparkSession
        The session that dbt gives a Python model.
    frame : pandas.DataFrame
        The rows to store.

    Returns
    -------
    pandas.DataFrame or pyspark.sql.DataFrame
        What the dbt adapter of that engine materialises.
    """
    if is_spark(session):
        return _to_spark(session, frame)
    return frame


def text_type() -> pd.StringDtype:
    """Return the type of text columns, which keeps missing values in every pandas."""
    import pandas as pd  # noqa: PLC0415 - heavy

    return pd.StringDtype(na_value=float("nan"))


def _to_spark(session: Any, frame: pd.DataFrame) -> Any:
    """Give Spark nulls for what is missing, and types even where there is nothing."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - heavy

    table = pa.Table.from_pandas(frame, preserve_index=False)
    types = [
        (field.name, pa.string() if pa.types.is_null(field.type) else field.type)
        for field in table.schema
    ]
    typed = table.cast(pa.schema(types))
    return session.createDataFrame(typed, from_arrow_schema(typed.schema))
