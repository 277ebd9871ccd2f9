"""Move small tables between a dbt Python model and the engine it runs on.

Only points, segments and scores pass through here, never a row per customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

# DuckDB's relation has `df`; Spark's frame `toPandas`; Snowpark's and BigFrames'
# `to_pandas`. pandas itself has none of them.
_FETCHING: Final = ("toPandas", "to_pandas", "df")


def to_pandas(relation: Any) -> pd.DataFrame:
    """Fetch what ``dbt.ref`` returned, in whatever order the engine gives its rows.

    Columns are in lower case, as the models write them: Snowflake answers in capitals.
    """
    for fetch in _FETCHING:
        if hasattr(relation, fetch):
            frame: pd.DataFrame = getattr(relation, fetch)()
            return frame.rename(columns=str.lower)
    kind = f"{type(relation).__module__}.{type(relation).__qualname__}"
    raise TypeError(
        f"dbt.ref answered a {kind}, which has none of {', '.join(_FETCHING)}."
    )


def is_duckdb(session: Any) -> bool:
    """Whether the session that dbt gives a Python model is a connection of DuckDB."""
    return hasattr(session, "execute")


def to_engine(session: Any, frame: pd.DataFrame) -> Any:
    """Make of a model's rows what the dbt adapter of its engine materialises."""
    if is_duckdb(session):
        return frame
    if hasattr(session, "write_pandas"):
        # Snowflake keeps names as pandas has them, and reads unquoted ones as capitals.
        return session.create_dataframe(frame.rename(columns=str.upper))
    if hasattr(session, "read_pandas"):
        return session.read_pandas(frame)
    return _to_spark(session, frame)


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
