"""Which values the columns of a model take, as pydantic checks and documents them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from mall_segments.intake.number_formats import NO_VALUES
from mall_segments.wording import is_storable, shorten

if TYPE_CHECKING:
    from mall_segments.model import Model, ModelColumn

ID: Final = "customer_id"
LONGEST_ID: Final = 256

# Squares of what is larger would not be finite.
_LARGEST: Final = 1e100

_Code = Annotated[str, Strict()] | Annotated[int, Strict()]
_Id = Annotated[str, Strict(), Field(max_length=LONGEST_ID)] | Annotated[int, Strict()]


def customer_fields(model: Model) -> dict[str, Any]:
    """Return the type of each column of a customer, for a `TypedDict`."""
    handed_back = Field(description="Handed back with the answer.")
    fields: dict[str, Any] = {ID: NotRequired[Annotated[_Id | None, handed_back]]}
    for column in model.columns:
        is_number = column.type == "number"
        kind = _number(model, column) if is_number else _level(column)
        aliases = ", ".join(shorten(name, limit=40) for name in column.aliases)
        described = Field(description=f"Also known as {aliases}." if aliases else "")
        fields[column.name] = NotRequired[Annotated[kind, described]]
    return fields


def _number(model: Model, column: ModelColumn) -> Any:
    number = Annotated[
        float,
        Strict(),
        Field(
            ge=_least(model, column),
            le=_LARGEST if column.maximum is None else column.maximum,
            multiple_of=1 if column.is_whole else None,
            allow_inf_nan=False,
        ),
    ]
    if model.missing_values == "reject":
        return number
    return Annotated[number | None, BeforeValidator(_none_if_missing)]


def _least(model: Model, column: ModelColumn) -> float:
    """Return the smallest value accepted; logarithms are taken of values from 0."""
    if column.minimum is not None:
        return column.minimum
    axes = [axis for each in model.segmentations for axis in each.coordinates]
    is_log = any(a.feature == column.name and a.transform == "log" for a in axes)
    return 0.0 if is_log else -_LARGEST


def _none_if_missing(value: object) -> object:
    is_missing = isinstance(value, str) and value.strip().lower() in NO_VALUES
    return None if is_missing else value


def _level(column: ModelColumn) -> Any:
    """Return the type of a category: texts, or codes, that become its levels."""
    levels = {
        spelling.strip().lower(): level
        for level, spellings in (column.levels or {}).items()
        for spelling in (level, *spellings)
    }

    def to_level(value: str | int) -> str | None:
        text = str(value).strip()
        if not is_storable(text):
            raise ValueError("a text may not hold NUL")
        if text.lower() in NO_VALUES:
            return None
        return text if column.levels is None else levels.get(text.lower())

    return Annotated[_Code, AfterValidator(to_level)] | None
