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
    if hasattr(session, "createDataFrame"):
        return session.createDataFrame(frame)
    return frame
