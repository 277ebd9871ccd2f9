"""What the last published generation tells the next build.

Customers are compared with it and drift is measured against it. Before anything is
published, every table here is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from mall_segments.engine import is_spark, to_engine
from mall_segments.publishing.generations import current_generation, read_current
from mall_segments.home import find_home
from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALIAS = quote_identifier("mall_segments previous generation")


def previous_customer_segments(session: Any, home: str) -> Any:
    """Read each customer's segment in the last published generation.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection or pyspark.sql.SparkSession
        The session of the build; the rows stay in the engine.
    home : str
        The folder that holds ``published/``.

    Returns
    -------
    duckdb.DuckDBPyRelation or pyspark.sql.DataFrame
        One row per segmentation and customer: segmentation, customer_id, segment_id,
        segment_name, previous_build_id. None on Spark, where customers may be too many
        to bring from here.

    Raises
    ------
    PublishError
        If the published database is not the one its manifest describes.
    """
    build_id = None if is_spark(session) else _attach(session, home)
    if build_id is None:
        return session.sql(
            """
            select
                '' as segmentation,
                '' as customer_id,
                cast(0 as bigint) as segment_id,
                '' as segment_name,
                '' as previous_build_id
            where false
            """
        )
    return session.sql(
        f"""
        select
            segmentation,
            customer_id,
            segment_id,
            segment_name,
            {quote_text(build_id)} as previous_build_id
        from {_ALIAS}.main.fct_customer_segments
        """  # noqa: S608 - the build id is a checked folder name, and quoted
    )


def previous_feature_values(
    session: Any,
    home: str,
    features: Sequence[Mapping[str, Any]],
) -> Any:
    """Count the observed values of each feature in the last published generation.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection or pyspark.sql.SparkSession
        The session of the build. DuckDB counts, the build's own or one for this.
    home : str
        The folder that holds ``published/``.
    features : sequence of mapping
        The features of the build that asks, each with its ``name`` and the
        ``resolution`` to which values are grouped; one that the generation lacks has
        no row.

    Returns
    -------
    duckdb.DuckDBPyRelation or pyspark.sql.DataFrame
        One row per feature and value: feature, value (in the feature's own unit),
        n_customers. Imputed values are not counted.

    Raises
    ------
    PublishError
        If the published database is not the one its manifest describes.
    """
    if is_spark(session):
        with duckdb.connect() as engine:
            counts = previous_feature_values(engine, home, features).df()
        return to_engine(session, counts)
    known: set[str] = set()
    if _attach(session, home) is not None:
        described = session.execute(f"describe {_ALIAS}.main.dim_customers").fetchall()
        known = {row[0] for row in described}
    counts = [
        f"""
        select
            {quote_text(feature["name"])} as feature,
            {_on_grid(feature)} as value,
            count(*) as n_customers
        from {_ALIAS}.main.dim_customers
        where not {quote_identifier(f"is_{feature['name']}_imputed")}
        group by {_on_grid(feature)}
        """  # noqa: S608 - feature names are checked identifiers, and quoted
        for feature in features
        if feature["name"] in known
    ]
    nothing = """
        select '' as feature, cast(0 as double) as value, 0::bigint as n_customers
        where false
        """
    return session.sql(" union all ".join([nothing, *counts]))


def _on_grid(feature: Mapping[str, Any]) -> str:
    """Group values as the macro of the same name does."""
    name, resolution = quote_identifier(feature["name"]), feature["resolution"]
    return f"round({name} / {resolution}) * {resolution}"


def _attach(session: Any, home: str) -> str | None:
    """Attach the current generation's database; answer its build id, if any."""
    if current_generation(find_home(home)) is None:
        return None
    generation = read_current(find_home(home))
    database = generation.file("mall_segments.duckdb")
    session.execute(
        f"attach if not exists {quote_text(str(database))} as {_ALIAS} (read_only)"
    )
    return generation.build_id
