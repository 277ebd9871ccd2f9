"""The columns that a model reads, as the opening of a file and ``sql/`` want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from mall_segments.errors import InputError
from mall_segments.publishing.tables import quote_identifier
from mall_segments.settings import CustomerIdColumn, Feature
from mall_segments.wording import shorten, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.intake.opening import OpenedCustomers
    from mall_segments.model import Model, ModelColumn


@dataclass(frozen=True, kw_only=True)
class ModelColumns:
    """What a model says of its columns, in the words of the settings."""

    customer_id: CustomerIdColumn
    columns: tuple[Feature, ...]

    @classmethod
    def of(cls, model: Model, named: Mapping[str, str] | None = None) -> Self:
        """Take the columns from a model.

        Parameters
        ----------
        model : Model
            The model.
        named : mapping of str to str, optional
            Canonical name to the header that holds it, whatever the aliases are.

        Raises
        ------
        InputError
            If ``named`` names a column that the model does not have.
        """
        named = named or {}
        allowed = ["customer_id", *(column.name for column in model.columns)]
        for name in named:
            if name not in allowed:
                raise InputError(
                    f"{shorten(name)} is no column of the model."
                    f"{suggestion(name, allowed)} Allowed: {', '.join(allowed)}."
                )

        def aliases(name: str, known: Sequence[str]) -> tuple[str, ...]:
            return (named[name],) if name in named else tuple(known)

        return cls(
            customer_id=CustomerIdColumn.model_construct(
                aliases=aliases("customer_id", model.customer_id_aliases)
            ),
            columns=tuple(
                _feature(column, aliases(column.name, column.aliases))
                for column in model.columns
            ),
        )


def _feature(column: ModelColumn, aliases: tuple[str, ...]) -> Feature:
    # Built as it is: the gender, too, is one of the columns, and no setting may be.
    return Feature.model_construct(
        name=column.name,
        label=column.label,
        unit=column.unit,
        aliases=aliases,
        type=column.type,
        minimum=column.minimum,
        maximum=column.maximum,
        is_whole=column.is_whole,
        levels=column.levels
        and {level: tuple(spellings) for level, spellings in column.levels.items()},
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
