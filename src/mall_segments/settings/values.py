"""Values that settings are made of, each refused with what is allowed."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict
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

# Columns that the assignment adds to those of the customers.
_INNER: Final = re.compile(r"(value|coordinate|distance|separation)_\d+")

_RESERVED_ENDINGS: Final = ("_text", "_is_missing")


@cache
def reserved_words() -> frozenset[str]:
    """Return the words the engine takes for its own in the place of a column name."""
    import duckdb  # noqa: PLC0415 - heavy

    with duckdb.connect() as connection:
        rows = connection.execute(
            "select keyword_name from duckdb_keywords() "
            "where keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def refusal(allowed: str) -> PydanticCustomError:
    """Return a refusal that continues "the setting is what was found"."""
    return PydanticCustomError("refused", "{allowed}", {"allowed": allowed})


def sentence(problem: str) -> PydanticCustomError:
    """Return a whole sentence, for rules over several values."""
    return PydanticCustomError("sentence", "{problem}", {"problem": problem})


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refusal("it must be a number")
    return value


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
        raise refusal(
            "it must be text that is not empty, in quotes where it looks like a number "
            "or a yes"
        )
    return storable(value)


def _aliases(value: tuple[str, ...]) -> tuple[str, ...]:
    for alias in value:
        # A blank header is called column_1, column_2, …, which has letters.
        if not compact(alias):
            raise sentence(
                f"`{{place}}` holds {shorten(alias)}; an alias needs a letter or a "
                "digit."
            )
    return value


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if not values or list(values) != sorted(set(values)):
        raise refusal("it must be a list of ascending numbers")
    return values


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
    if value in reserved_words():
        raise refusal("SQL keeps this word for itself")
    return value


Number = Annotated[
    float, BeforeValidator(_no_bool), Field(gt=-_LARGEST_VALUE, lt=_LARGEST_VALUE)
]
Ascending = Annotated[tuple[Number, ...], AfterValidator(_ascending)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Whole = Annotated[int, Strict()]
Positive = Annotated[Whole, Field(ge=1)]
Text = Annotated[str, BeforeValidator(_text)]
Texts = tuple[Text, ...]
Storable = Annotated[str, AfterValidator(storable)]
Aliases = Annotated[Texts, AfterValidator(_aliases)]
Name = Annotated[str, BeforeValidator(_identifier)]
ColumnName = Annotated[Name, AfterValidator(column_name)]

Transform = Literal["none", "log", "yeo_johnson"]
Scaler = Literal["standard", "minmax", "robust", "none"]
MissingValues = Literal["impute", "reject"]
