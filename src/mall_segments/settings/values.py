"""Values that settings are made of, each refused with what is allowed."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Strict
from pydantic_core import PydanticCustomError

from mall_segments.wording import compact, is_storable, shorten

_LARGEST_VALUE: Final = 1e15
_LONGEST_NAME: Final = 48

# Columns of the models and marts: a feature of the same name would appear twice.
RESERVED_COLUMNS: Final = frozenset(
    """
    age_band build_id centroid chosen_by customer_id customer_share customers distance
    feature gender holdout_bucket inertia is_chosen is_fitted is_imputed is_outlier
    label level main_reason maximum mean median membership minimum n_customers n_fitted
    n_segments persona point_id rejection_reasons scaler second_distance
    second_segment_id segment_id segment_name segmentation source_row std value
    """.split()  # noqa: SIM905 - a list of words
)

# Words the engine takes for its own in the place of a column name.
RESERVED_WORDS: Final = frozenset(
    """
    all analyse analyze and any array as asc asymmetric between both by case cast check
    coalesce collate column columns constraint create cross default deferrable desc
    describe distinct do else end except exists extract false fetch filter for foreign
    from full glob group grouping having ilike in initially inner intersect interval
    into is isnull join lambda lateral leading left like limit map natural not notnull
    null nullif offset on only or order outer overlaps over partition pivot
    pivot_longer pivot_wider placing position positional primary qualify references
    returning right row rows select semi show similar some struct substring summarize
    symmetric table tablesample then to trailing trim true try_cast union unique unpivot
    using values variadic when where window with
    """.split()  # noqa: SIM905 - a list of words
)

# Columns that the assignment adds to those of the customers.
_INNER: Final = re.compile(r"(value|coordinate|distance|separation)_\d+")

_RESERVED_ENDINGS: Final = ("_text", "_is_missing")


def refusal(allowed: str) -> PydanticCustomError:
    """Return a refusal that continues "the setting is what was found"."""
    return PydanticCustomError("refused", "{allowed}", {"allowed": allowed})


def sentence(problem: str) -> PydanticCustomError:
    """Return a whole sentence, for rules over several values."""
    return PydanticCustomError("sentence", "{problem}", {"problem": problem})


def _number(value: object) -> object:
    # YAML reads 1e-6, which has no point, as text.
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        value = float(value)
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not abs(value) < _LARGEST_VALUE
    ):
        raise refusal("it must be a finite number below 1e15")
    return float(value)


def storable(value: str) -> str:
    """Refuse a text that no file or database can hold."""
    if not is_storable(value):
        raise refusal(
            "it must be text without NUL characters and halves of characters, as "
            "U+D800 is one"
        )
    return value


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise refusal("it must be text that is not empty")
    return storable(value)


def _texts(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise refusal("it must be a list of texts")
    for item in value:
        if not isinstance(item, str) or not item.strip():
            raise refusal(
                "it must be a list of texts that are not empty, in quotes where one "
                "looks like a number or a yes"
            )
        storable(item)
    return tuple(value)


def _aliases(value: tuple[str, ...]) -> tuple[str, ...]:
    for alias in value:
        # A blank header is called column_1, column_2, …, which has letters.
        if not compact(alias):
            raise sentence(
                f"`{{place}}` holds {shorten(alias)}; an alias needs a letter or a "
                "digit."
            )
    return value


def _share(value: float) -> float:
    if not 0 <= value < 1:
        raise refusal("it must be a number from 0 up to, but not including, 1")
    return value


def at_least(least: int, most: int | None = None) -> AfterValidator:
    """Validate that a whole number is within bounds, both included."""

    def check(value: int) -> int:
        if value < least or (most is not None and value > most):
            bound = (
                f"of at least {least}" if most is None else f"from {least} to {most}"
            )
            raise refusal(f"it must be a whole number {bound}")
        return value

    return AfterValidator(check)


def _identifier(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(
        rf"[a-z][a-z0-9_]{{0,{_LONGEST_NAME - 1}}}", value
    ):
        raise refusal(
            "a name has lower-case letters, digits and underscores, begins with a "
            f"letter and is at most {_LONGEST_NAME} characters long"
        )
    return value


def column_name(value: str) -> str:
    """Refuse a name that the models or SQL have another use for."""
    if (
        value in RESERVED_COLUMNS
        or value.endswith(_RESERVED_ENDINGS)
        or _INNER.fullmatch(value)
    ):
        raise refusal("the models use this name for a column of their own")
    if value in RESERVED_WORDS:
        raise refusal("SQL keeps this word for itself")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Share = Annotated[Number, AfterValidator(_share)]
Whole = Annotated[int, Strict()]
Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Storable = Annotated[str, AfterValidator(storable)]
Aliases = Annotated[Texts, AfterValidator(_aliases)]
Name = Annotated[str, BeforeValidator(_identifier)]
ColumnName = Annotated[Name, AfterValidator(column_name)]

Transform = Literal["none", "log", "yeo_johnson"]
Scaler = Literal["standard", "minmax", "robust", "none"]
MissingValues = Literal["impute", "reject"]
