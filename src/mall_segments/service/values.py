"""Which values the columns of a model take, as pydantic checks and documents them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired

from pydantic import AfterValidator, Field, Strict, WithJsonSchema

from mall_segments.intake.number_formats import NO_VALUES
from mall_segments.wording import is_storable, shorten

if TYPE_CHECKING:
    from mall_segments.model import Model, ModelColumn

ID: Final = "customer_id"
LONGEST_ID: Final = 256

# Squares of what is larger would not be finite.
_LARGEST: Final = 1e100


def customer_fields(model: Model) -> dict[str, Any]:
    """Return the type of each column of a customer, for a `TypedDict`."""
    fields: dict[str, Any] = {ID: NotRequired[_ID_TYPE]}
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
    return Annotated[number | _MISSING | None, Field(union_mode="left_to_right")]


def _least(model: Model, column: ModelColumn) -> float:
    """Return the smallest value accepted; logarithms are taken of values from 0."""
    if column.minimum is not None:
        return column.minimum
    axes = [axis for each in model.segmentations for axis in each.coordinates]
    is_log = any(a.feature == column.name and a.transform == "log" for a in axes)
    return 0.0 if is_log else -_LARGEST


def _missing(text: str) -> None:
    if text.strip().lower() not in NO_VALUES:
        raise ValueError("a number")


_MISSING = Annotated[
    str,
    Strict(),
    AfterValidator(_missing),
    WithJsonSchema({"enum": list(NO_VALUES), "description": "A missing value."}),
]

_ID_TYPE = Annotated[
    Annotated[int, Strict()]
    | Annotated[str, Strict(), Field(max_length=LONGEST_ID)]
    | None,
    Field(union_mode="left_to_right", description="Handed back with the answer."),
]


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
            raise ValueError("a text")
        if text.lower() in NO_VALUES:
            return None
        return text if column.levels is None else levels.get(text.lower())

    code = Annotated[str, Strict()] | Annotated[int, Strict()]
    return Annotated[code, AfterValidator(to_level)] | None
