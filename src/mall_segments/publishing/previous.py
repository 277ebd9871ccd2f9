"""What the last published generation tells the next build.

Segments keep their ids, customers are compared with it and drift is measured against
it. Before anything is published, every table here is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from mall_segments.engine import is_spark, text_type, to_engine
from mall_segments.errors import ModelError, PublishError
from mall_segments.home import find_home, published_folder
from mall_segments.model import Model, load_model
from mall_segments.publishing.generations import (
    CURRENT,
    DATABASE,
    MODEL,
    current_generation,
    read_current,
)
from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

_MOST_VALUES = 2_000
_ALIAS = quote_identifier("mall_segments previous generation")


def published_model(home: str | Path | None = None) -> Model | None:
    """Load the published model, whose segment ids the next build keeps.

    Returns
    -------
    Model or None
        None before the first build.

    Raises
    ------
    PublishError
        If it is damaged or of another format; the message says what to do.
    """
    root = find_home(home)
    if current_generation(root) is None:
        return None
    try:
        return load_model(read_current(root).file(MODEL))
    except (ModelError, PublishError) as error:
        raise PublishError(
            f"{error}\nSegment ids are kept from build to build, so this needs a "
            "decision: switch to an intact generation with `mall-segments rollback`, "
            f"or delete {published_folder(root) / CURRENT} to number segments anew."
        ) from None


def used_segment_ids(model: Model | None) -> dict[str, set[int]]:
    """Return, by segmentation, the ids that are or were a segment's."""
    return {
        segmentation.name: {
            *segmentation.retired_segment_ids,
            *(segment.segment_id for segment in segmentation.segments),
        }
        for segmentation in (model.segmentations if model else ())
    }


def read_published_segments(
    home: str | Path | None = None, *, features: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read every segment id readers ever saw, so that the next build keeps them.

    Parameters
    ----------
    home : str or Path, optional
        The folder that holds ``published/``, see `find_home`.
    features : sequence of str, optional
        The number features to give centroid columns to; those of the published model
        by default.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and segment id: segmentation, segment_id, is_retired,
        segment_name, persona, recommended_action and ``centroid_<feature>`` in
        original units. A retired id (used before, not in the current generation) has
        only its id; a feature that a segmentation does not use is missing. Empty
        before the first build.

    Raises
    ------
    PublishError
        If the published model is damaged; the message says what to do.
    """
    import pandas as pd  # noqa: PLC0415 - heavy

    model = published_model(home)
    if features is None:
        features = [
            column.name
            for column in (model.columns if model else ())
            if column.type == "number"
        ]
    said = ("segment_name", "persona", "recommended_action")
    rows: list[dict[str, Any]] = []
    for segmentation in model.segmentations if model else ():
        segments = {segment.segment_id: segment for segment in segmentation.segments}
        for segment_id in (*segments, *segmentation.retired_segment_ids):
            row: dict[str, Any] = {
                "segmentation": segmentation.name,
                "segment_id": segment_id,
                "is_retired": segment_id not in segments,
            }
            if segment_id in segments:
                segment = segments[segment_id]
                row |= {name: getattr(segment, name) for name in said}
                row |= {
                    f"centroid_{name}": segment.centroid.get(name) for name in features
                }
            rows.append(row)
    types: dict[str, Any] = {
        "segmentation": text_type(),
        "segment_id": "int64",
        "is_retired": "bool",
        **dict.fromkeys(said, text_type()),
        **{f"centroid_{name}": "float64" for name in features},
    }
    return pd.DataFrame(rows, columns=list(types)).astype(types)


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


def previous_feature_values(session: Any, home: str, features: Sequence[str]) -> Any:
    """Count the observed values of each number in the last published generation.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection or pyspark.sql.SparkSession
        The session of the build. DuckDB counts, the build's own or one for this.
    home : str
        The folder that holds ``published/``.
    features : sequence of str
        The number features of the build that asks; one that the generation lacks has
        no row.

    Returns
    -------
    duckdb.DuckDBPyRelation or pyspark.sql.DataFrame
        One row per feature and value: feature, value (in the feature's own unit),
        n_customers. Of more than 2,000 values, it is the means of so many equal shares
        of the customers. Imputed values are not counted.

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
        _count_values(name)
        for name in features
        if name in known and f"is_{name}_imputed" in known
    ]
    nothing = """
        select '' as feature, cast(0 as double) as value, 0::bigint as n_customers
        where false
        """
    return session.sql(" union all ".join([nothing, *counts]))


def _count_values(feature: str) -> str:
    """Count a feature's values; of very many, the means of as many equal shares."""
    column = quote_identifier(feature)
    return f"""
        select
            {quote_text(feature)} as feature,
            sum(value * n_customers) / sum(n_customers) as value,
            sum(n_customers)::bigint as n_customers
        from (
            select
                value,
                n_customers,
                count(*) over () as n_values,
                sum(n_customers) over (order by value)
                    / sum(n_customers) over () as share_up_to
            from (
                select cast({column} as double) as value, count(*) as n_customers
                from {_ALIAS}.main.dim_customers
                where not {quote_identifier(f"is_{feature}_imputed")}
                group by all
            )
        )
        group by
            case when n_values > {_MOST_VALUES}
                then floor(share_up_to * {_MOST_VALUES}) else value end
        """  # noqa: S608 - feature names are checked identifiers, and quoted


def _attach(session: Any, home: str) -> str | None:
    """Attach the current generation's database; answer its build id, if any."""
    root = find_home(home)
    if current_generation(root) is None:
        return None
    generation = read_current(root)
    database = quote_text(str(generation.file(DATABASE)))
    session.execute(f"attach if not exists {database} as {_ALIAS} (read_only)")
    return generation.build_id
