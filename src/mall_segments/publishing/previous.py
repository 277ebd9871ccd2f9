"""What the last published generation tells the next build.

Segments keep its ids, customers are compared with it and drift is measured against it.
Before anything is published, every table here is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.engine import is_duckdb, text_type, to_engine
from mall_segments.errors import ModelError, PublishError
from mall_segments.home import find_home, published_folder
from mall_segments.model import load_model
from mall_segments.publishing.generations import (
    CURRENT,
    DATABASE,
    MODEL,
    current_generation,
    read_current,
)
from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    import pandas as pd

    from mall_segments.model import Model

_ALIAS: Final = quote_identifier("mall_segments previous generation")


def published_model(home: str | None) -> Model | None:
    """Read the published model, if there is one; if it is damaged, say what to do."""
    folder = find_home(home)
    if current_generation(folder) is None:
        return None
    try:
        return load_model(read_current(folder).file(MODEL))
    except (ModelError, PublishError) as error:
        raise PublishError(
            f"{error}\nSegment ids are kept from build to build, so this needs a "
            "decision: switch to an intact generation with `mall-segments rollback`, "
            f"or delete {published_folder(folder) / CURRENT} to number segments anew."
        ) from None


def published_counts(home: str | None) -> dict[str, int]:
    """Return the published number of segments by segmentation."""
    model = published_model(home)
    segmentations = model.segmentations if model else ()
    return {each.name: each.n_segments for each in segmentations}


def previous_customer_segments(session: Any, home: str | None) -> Any:
    """Read each customer's segment in the last published generation.

    The rows stay in the engine. On other engines than DuckDB there are none: customers
    may be too many to bring from here.
    """
    folder = find_home(home)
    if not is_duckdb(session) or current_generation(folder) is None:
        import pandas as pd  # noqa: PLC0415 - heavy

        types: dict[str, Any] = {
            "segmentation": text_type(),
            "customer_id": text_type(),
            "segment_id": "int64",
            "segment_name": text_type(),
            "previous_build_id": text_type(),
        }
        return to_engine(session, pd.DataFrame(columns=list(types)).astype(types))
    generation = read_current(folder)
    session.execute(
        f"attach if not exists {quote_text(str(generation.file(DATABASE)))} "
        f"as {_ALIAS} (read_only)"
    )
    return session.sql(
        f"""
        select
            segmentation,
            customer_id,
            segment_id,
            segment_name,
            {quote_text(generation.build_id)} as previous_build_id
        from {_ALIAS}.main.fct_customer_segments
        """  # noqa: S608 - the build id is a checked folder name, and quoted
    )


def previous_feature_values(home: str | None) -> pd.DataFrame:
    """Count the observed values of each number in the last published generation.

    Values, in the feature's own unit, are counted to five significant digits, as the
    build counts them; imputed ones are not.
    """
    import pandas as pd  # noqa: PLC0415 - heavy

    model = published_model(home)
    nothing = pd.DataFrame({"feature": [], "value": [], "n_customers": []})
    if model is None:
        return nothing
    database = read_current(find_home(home)).file(DATABASE)
    counts = [nothing.astype({"n_customers": "int64"})]
    with duckdb.connect(str(database), read_only=True) as connection:
        for column in model.columns:
            if column.type != "number":
                continue
            name = quote_identifier(column.name)
            imputed = quote_identifier(f"is_{column.name}_imputed")
            step = f"power(10, floor(log10(abs({name}))) - 4)"
            counted = connection.execute(
                f"""
                select avg({name}) as value, count(*) as n_customers
                from dim_customers
                where not {imputed}
                group by
                    case when {name} = 0 then 0 else round({name} / {step}) * {step} end
                """  # noqa: S608 - names are checked identifiers, and quoted
            ).df()
            counted.insert(0, "feature", column.name)
            counts.append(counted)
    return pd.concat(counts, ignore_index=True)
