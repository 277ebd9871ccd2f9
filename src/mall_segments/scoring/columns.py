"""The columns that a model reads, as the opening of a file and ``sql/`` want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mall_segments.errors import InputError
from mall_segments.intake.columns import KnownColumns, list_columns, normalise
from mall_segments.publishing.tables import quote_identifier
from mall_segments.settings import CustomerIdColumn, Feature
from mall_segments.wording import shorten, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.intake.opening import OpenedCustomers
    from mall_segments.model import Model, ModelColumn


def known_columns(model: Model, named: Mapping[str, str]) -> KnownColumns:
    """Return the columns of a model as a file is searched for them."""
    allowed = ["customer_id", *(column.name for column in model.columns)]
    for name in named:
        if name not in allowed:
            raise InputError(
                f"{shorten(name)} is no column of the model."
                f"{suggestion(name, allowed)} Allowed: {', '.join(allowed)}."
            )

    def aliases(name: str, known: Sequence[str]) -> tuple[str, ...]:
        return (named[name],) if name in named else tuple(known)

    return KnownColumns(
        customer_id=CustomerIdColumn.model_construct(
            aliases=aliases("customer_id", model.customer_id_aliases)
        ),
        columns=[
            # Built as it is: no setting may be called gender, and a column is.
            Feature.model_construct(
                **column.model_dump(exclude={"aliases", "imputed"}),
                aliases=aliases(column.name, column.aliases),
            )
            for column in model.columns
        ],
    )


def refuse_absent(opened: OpenedCustomers, named: Mapping[str, str]) -> None:
    """Refuse a file whose column was recognised under another header than named."""
    for name, header in named.items():
        if normalise(opened.columns[name].column) != normalise(header):
            raise InputError(
                f"{opened.source} has no column {shorten(header)}; it has "
                f"{list_columns(opened.column_names)}."
            )


def read_columns(model: Model, opened: OpenedCustomers) -> list[ModelColumn]:
    """Return the columns of the model that a file has."""
    return [column for column in model.columns if column.name in opened.columns]


def described(model: Model, opened: OpenedCustomers) -> dict[str, Any]:
    """Describe an opened file as ``sql/reading.sql`` wants it."""
    customer_id = opened.columns.get("customer_id")
    return {
        "customer_id": customer_id
        and {
            "text": customer_id.id_sql,
            "number": f"cast({quote_identifier(customer_id.column)} as bigint)"
            if customer_id.kind == "whole"
            else None,
            "header": customer_id.column,
            "is_text": customer_id.kind == "text",
        },
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "levels": column.levels,
                "text": opened.columns[column.name].text_sql,
                "number": opened.columns[column.name].number_sql
                if column.type == "number"
                else None,
                "header": opened.columns[column.name].column,
                "is_text": opened.columns[column.name].kind == "text",
            }
            for column in read_columns(model, opened)
        ],
        "surplus": opened.surplus_column and quote_identifier(opened.surplus_column),
    }


def to_check(model: Model, opened: OpenedCustomers) -> list[dict[str, Any]]:
    """Describe the same columns as ``sql/checking.sql`` wants them."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "minimum": column.minimum,
            "maximum": column.maximum,
            "is_whole": column.is_whole,
        }
        for column in read_columns(model, opened)
    ]
