"""The published ``model.sql``: every segmentation as SQL for any warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from mall_segments.scoring.assignment import assignment_sql, told

if TYPE_CHECKING:
    from mall_segments.model import Model, ModelColumn

Dialect = Literal["duckdb", "spark", "postgres", "snowflake", "bigquery"]

_DOUBLES: Final[dict[Dialect, str]] = {
    "duckdb": "double",
    "spark": "double",
    "postgres": "double precision",
    "snowflake": "double",
    "bigquery": "float64",
}
_END_OF_STEP: Final = re.compile(
    r"^( *|.* parameters as parameters)\) as (\w+)$", re.MULTILINE
)
_COLUMNS: Final = (
    *("segment_id", "segment_name", "persona", "distance", "membership"),
    "second_segment_id",
)


def render_model_sql(model: Model, dialect: Dialect = "duckdb") -> str:
    """Return SQL over ``your_customers``, a row per segmentation and customer.

    Dialects differ in the name of the type of 8-byte numbers; Postgres in more.
    """
    names = [
        column.name
        for column in model.columns
        if any(column.name in each.features for each in model.segmentations)
    ]
    notes = "\n".join(_note(model.column(name)) for name in names)
    selects = "\n\nunion all\n\n".join(
        f"-- {each.name}: {each.n_segments} segments by {', '.join(each.features)}.\n"
        f"select\n    customer_id,\n    '{each.name}' as segmentation,\n    "
        + ",\n    ".join(_COLUMNS)
        + f"\nfrom (\n{told(each, assignment_sql(model, each, 'customers', double=_DOUBLES[dialect]))}\n"  # noqa: E501
        ") as told"
        for each in model.segmentations
    )
    if dialect == "postgres":
        # Else its planner writes each step into the next, as often as it is named
        # there: the last one would be too long to compute.
        selects = _END_OF_STEP.sub(r"\1 offset 0) as \2", selects)
    columns = ",\n        ".join(["customer_id", *names])
    build_id = _in_a_line(model.build_id)
    return f"""-- The segment of every customer, by the model of build {build_id}.
--
-- Put your own table in the place of your_customers, and after each "select" of
-- the first step what your columns are called. A missing value is null: a number
-- is then taken to be what is usual, a category to be 'unknown'.
{notes}

with

customers as (

    select
        {columns}

    from your_customers

)

{selects}
"""  # noqa: S608


def _note(column: ModelColumn) -> str:
    if column.type == "category":
        levels = ", ".join([*(column.levels or ["any text"]), "unknown"])
        return f"--   {column.name}: a text, one of {_in_a_line(levels)}"
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("from", column.minimum), ("to", column.maximum))
        if bound is not None
    ]
    said = " ".join(["a number", column.unit, *bounds])
    return f"--   {column.name}: {_in_a_line(said)}"


def _in_a_line(text: str) -> str:
    """Write a text of the model so that it does not leave its comment."""
    return " ".join(text.split())
