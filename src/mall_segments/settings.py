"""Settings of a build: the vars of ``dbt_project.yml``, checked by name.

:func:`parse_settings` turns the vars into frozen pydantic models or refuses them with
every mistake it found, each named with the value found and what is allowed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from mall_segments.errors import SettingsError
from mall_segments.wording import compact, plain, shorten, suggestion

_LARGEST_SEED: Final = 2**32 - 1
_LARGEST_VALUE: Final = 1e15
_LONGEST_NAME: Final = 48
_MOST_LISTED: Final = 20
_LARGEST_COUNT: Final = 50

# Columns of the models and marts: a feature of the same name would appear twice.
RESERVED_COLUMNS: Final = frozenset(
    """
    age_band build_id centroid chosen_by customer_id customer_share customers distance
    feature gender holdout_bucket inertia is_chosen is_fitted is_imputed is_outlier
    label level main_reason maximum mean median membership minimum n_customers n_fitted
    n_segments persona point_id rejection_reasons scaler second_distance
    second_segment_id segment_id segment_name segmentation source_row std value
    """.split()
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
    """.split()
)

_RESERVED_ENDINGS: Final = ("_text", "_is_missing")


def _refuse(allowed: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{allowed}", {"allowed": allowed})


def _say(problem: str) -> PydanticCustomError:
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
        raise _refuse("it must be a finite number below 1e15")
    return float(value)


def _whole(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse("it must be a whole number")
    return value


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise _refuse("it must be text that is not empty")
    return value


def _texts(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise _refuse("it must be a list of texts")
    for item in value:
        if not isinstance(item, str) or not item.strip() or "\x00" in item:
            raise _refuse(
                "it must be a list of texts that are not empty, in quotes where one "
                "looks like a number or a yes"
            )
    return tuple(value)


def _aliases(value: tuple[str, ...]) -> tuple[str, ...]:
    for alias in value:
        # A blank header is called column_1, column_2, …, which has letters.
        if not compact(alias):
            raise _say(f"holds {shorten(alias)}; an alias needs a letter or a digit.")
    return value


def _share(value: float) -> float:
    if not 0 <= value < 1:
        raise _refuse("it must be a number from 0 up to, but not including, 1")
    return value


def _one_of(*allowed: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or value not in allowed:
            raise _refuse(f"allowed: {', '.join(allowed)}")
        return value

    return BeforeValidator(check)


def _at_least(least: int, most: int | None = None) -> AfterValidator:
    def check(value: int) -> int:
        if value < least or (most is not None and value > most):
            bound = (
                f"of at least {least}" if most is None else f"from {least} to {most}"
            )
            raise _refuse(f"it must be a whole number {bound}")
        return value

    return AfterValidator(check)


def _identifier(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(
        rf"[a-z][a-z0-9_]{{0,{_LONGEST_NAME - 1}}}", value
    ):
        raise _refuse(
            "a name has lower-case letters, digits and underscores, begins with a "
            f"letter and is at most {_LONGEST_NAME} characters long"
        )
    return value


def _column_name(value: str) -> str:
    if value in RESERVED_COLUMNS or value.endswith(_RESERVED_ENDINGS):
        raise _refuse("the models use this name for a column of their own")
    if value in RESERVED_WORDS:
        raise _refuse("SQL keeps this word for itself")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Share = Annotated[Number, AfterValidator(_share)]
Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Aliases = Annotated[Texts, AfterValidator(_aliases)]
Name = Annotated[str, BeforeValidator(_identifier)]
ColumnName = Annotated[Name, AfterValidator(_column_name)]

FeatureType = Annotated[Literal["number", "category"], _one_of("number", "category")]
Transform = Annotated[
    Literal["none", "log", "yeo_johnson"], _one_of("none", "log", "yeo_johnson")
]
Scaler = Annotated[
    Literal["standard", "minmax", "robust", "none"],
    _one_of("standard", "minmax", "robust", "none"),
]
MissingValues = Annotated[Literal["impute", "reject"], _one_of("impute", "reject")]


class _Section(BaseModel):
    """A mapping of settings; a key it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelWords(_Section):
    """The words for a low, an average and a high centroid of one feature."""

    low: Text = "low"
    average: Text = "average"
    high: Text = "high"

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.low, self.average, self.high}) < len(type(self).model_fields):
            raise _refuse("low, average and high need three different words")
        return self


class Bands(_Section):
    """A column that says between which limits a number lies, as ``age_band`` does.

    ``starts`` are the values at which a band begins, ascending, in the feature's unit;
    the first band lies below the first of them.
    """

    name: Name
    starts: tuple[Number, ...]

    @field_validator("starts")
    @classmethod
    def _ascend(cls, starts: tuple[float, ...]) -> tuple[float, ...]:
        if not starts or list(starts) != sorted(set(starts)):
            raise _refuse("it must be a list of ascending numbers")
        return starts


class Feature(_Section):
    """One column that customers are described by.

    Attributes
    ----------
    name : str
        Column name in every model, with its unit at the end.
    label : str
        Word for the feature in segment names; the name without underscores by default.
    unit : str
        What the numbers count, as people read it; nothing by default.
    aliases : tuple of str
        Headers the column is recognised by, best first.
    type : {"number", "category"}
        Whether values are measured or only distinguished.
    transform : {"none", "log", "yeo_johnson"}
        Applied before scaling; ``log`` is ln(1 + x), for values from 0.
    clip : tuple of float, optional
        Quantiles, from 0 to 1, at which values are cut before they are scaled.
    minimum, maximum : float, optional
        Smallest and largest value accepted, both included, in the feature's unit.
    is_whole : bool
        Whether a value with a fraction is rejected.
    levels : mapping of str to tuple of str, optional
        Levels of a category and their spellings; without it, each text is a level.
    bands : Bands, optional
        A column of bands made of a number.
    level_words : LevelWords
        Words for the levels in segment names.
    resolution : float, optional
        Accepted for settings of old, and ignored: steps follow from the data.
    """

    name: ColumnName
    label: Text = ""
    unit: str = ""
    aliases: Aliases = ()
    type: FeatureType = "number"
    transform: Transform = "none"
    clip: tuple[Number, Number] | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    is_whole: bool = False
    levels: dict[str, Texts] | None = None
    bands: Bands | None = None
    level_words: LevelWords = Field(default_factory=LevelWords)
    resolution: Number | None = None

    @field_validator("label", mode="before")
    @classmethod
    def _label(cls, label: object, info: ValidationInfo) -> object:
        return label or info.data.get("name", "").replace("_", " ") or "feature"

    @field_validator("clip")
    @classmethod
    def _clip(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and not 0 <= clip[0] < clip[1] <= 1:
            raise _refuse("it must be two shares from 0 to 1, the lower one first")
        return clip

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.minimum is not None and self.maximum is not None:
            if self.minimum >= self.maximum:
                raise _say(
                    f"`{{place}}.minimum` is {self.minimum:g} and `{{place}}.maximum` "
                    f"is {self.maximum:g}; minimum must be less than maximum."
                )
        numeric = ("clip", "minimum", "maximum", "bands")
        if self.type == "category":
            used = [key for key in numeric if getattr(self, key) is not None]
            if self.transform != "none":
                used.append("transform")
            if used:
                raise _say(
                    f"`{{place}}.{used[0]}` is set, but the feature is a category; "
                    "it applies to numbers only."
                )
        elif self.levels is not None:
            raise _say(
                "`{place}.levels` is set, but the feature is a number; it applies to "
                "`type: category` only."
            )
        if self.transform == "log" and self.minimum is not None and self.minimum < 0:
            raise _say(
                f"`{{place}}.minimum` is {self.minimum:g} and `{{place}}.transform` is "
                "log; ln(1 + x) takes values from 0: set minimum to 0 or more, or use "
                "yeo_johnson."
            )
        _refuse_shared_spellings(self.levels or {}, "{place}.levels")
        return self

    @property
    def least(self) -> float | None:
        """The smallest value accepted: the minimum, or 0 where logarithms are taken."""
        if self.minimum is None and self.transform == "log":
            return 0.0
        return self.minimum


class CustomerIdColumn(_Section):
    """How the customer id is found.

    ``generate`` numbers the rows of a file that has no id.
    """

    aliases: Aliases = ()
    generate: bool = False


class GenderColumn(_Section):
    """Headers the gender is recognised by, and the spellings of its values."""

    aliases: Aliases = ()
    female: Texts = ()
    male: Texts = ()

    @model_validator(mode="after")
    def _differ(self) -> Self:
        male = {spelling.strip().casefold() for spelling in self.male}
        for spelling in self.female:
            if spelling.strip().casefold() in male:
                raise _say(
                    f"`gender.female` and `gender.male` both hold {shorten(spelling)}; "
                    "a spelling may stand for one of them."
                )
        return self

    def as_feature(self) -> Feature:
        """Return the gender as what it is: a category."""
        return Feature.model_construct(
            name="gender",
            label="gender",
            type="category",
            aliases=self.aliases,
            levels={"female": self.female, "male": self.male},
        )


class Segmentation(_Section):
    """One configured clustering of the customers.

    Attributes
    ----------
    name : str
        Value of the column ``segmentation``.
    features : tuple of str
        Names of the features it clusters on.
    weights : mapping of str to float
        By feature, what its coordinates are multiplied by; 1 by default.
    scaler : {"standard", "minmax", "robust", "none"}
        How numbers are scaled before distances are taken.
    n_segments : int or "auto"
        The number of segments, or ``"auto"`` to choose it.
    min_segments, max_segments : int
        Range ``"auto"`` chooses from, both included.
    min_segment_share : float, optional
        Overrides the setting of the same name for all segmentations.
    random_seed : int
        Seed of everything random in this segmentation.
    """

    name: Name
    features: Texts
    weights: dict[str, Number] = Field(default_factory=dict)
    scaler: Scaler = "standard"
    n_segments: Annotated[Whole, _at_least(2, _LARGEST_COUNT)] | Literal["auto"] = (
        "auto"
    )
    min_segments: Annotated[Whole, _at_least(2, _LARGEST_COUNT)] = 2
    max_segments: Annotated[Whole, _at_least(2, _LARGEST_COUNT)] = 10
    min_segment_share: Share | None = None
    random_seed: Annotated[Whole, _at_least(0, _LARGEST_SEED)] = 42

    @field_validator("n_segments", mode="before")
    @classmethod
    def _count(cls, value: object) -> object:
        if value != "auto" and (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not 2 <= value <= _LARGEST_COUNT  # noqa: PLR2004
        ):
            raise _refuse(
                "it must be auto or a whole number of at least 2 and at most "
                f"{_LARGEST_COUNT}"
            )
        return value

    @field_validator("weights")
    @classmethod
    def _weights(cls, weights: dict[str, float]) -> dict[str, float]:
        for feature, weight in weights.items():
            if weight <= 0:
                raise _say(
                    f"`{{place}}` gives {plain(feature)} the weight {weight:g}; a "
                    "weight is a number above 0."
                )
        return weights

    @model_validator(mode="before")
    @classmethod
    def _range(cls, values: object) -> object:
        # Who asks for at least 12 segments need not raise the most of them, too.
        if isinstance(values, Mapping) and "max_segments" not in values:
            least = values.get("min_segments")
            if isinstance(least, int) and not isinstance(least, bool) and least > 10:  # noqa: PLR2004
                return {**values, "max_segments": least}
        return values

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_segments > self.max_segments:
            raise _say(
                f"`{{place}}.min_segments` is {self.min_segments} and "
                f"`{{place}}.max_segments` is {self.max_segments}; min_segments must "
                "not be more than max_segments."
            )
        for feature, times in Counter(self.features).items():
            if times > 1:
                raise _say(f"`{{place}}.features` holds {shorten(feature)} twice.")
        for feature in self.weights:
            if feature not in self.features:
                raise _say(
                    f"`{{place}}.weights` holds {shorten(feature)}, which is not among "
                    f"its features.{suggestion(feature, self.features)} Allowed: "
                    f"{', '.join(self.features)}."
                )
        return self

    @property
    def least_segments(self) -> int:
        """The smallest number of segments this segmentation could end with."""
        return self.min_segments if self.n_segments == "auto" else self.n_segments

    @property
    def most_segments(self) -> int:
        """The largest number of segments this segmentation could end with."""
        return self.max_segments if self.n_segments == "auto" else self.n_segments


class Numbers(_Section):
    """How numbers are written in the file; found out per column where not set."""

    decimal: Annotated[str, _one_of(".", ",")] | None = None
    thousands: Annotated[str, _one_of(".", ",", " ", "'", "none")] | None = None


class Orders(_Section):
    """How orders become features of customers.

    Attributes
    ----------
    as_of : str, optional
        Date, as YYYY-MM-DD, at which recency is counted; the day after the last order
        by default. Later orders are left out.
    window_days : int, optional
        Only orders of this many days before ``as_of`` count; all by default.
    returns : {"subtract", "ignore", "only_count"}
        What a negative amount does to the spend.
    minimum_orders : int
        Customers with fewer orders have no features of orders.
    day_first : bool, optional
        Whether 03/04/2010 is 3 April; a date that could be both is refused without it.
    columns : mapping of str to tuple of str
        Further headers of ``customer_id``, ``order_id``, ``ordered_at``, ``amount``,
        ``quantity`` and ``unit_price``.
    features, segmentations
        What is added to the settings of these names where there are orders.
    """

    as_of: str | None = None
    window_days: Annotated[Whole, _at_least(1)] | None = None
    returns: Annotated[
        Literal["subtract", "ignore", "only_count"],
        _one_of("subtract", "ignore", "only_count"),
    ] = "subtract"
    minimum_orders: Annotated[Whole, _at_least(1)] = 1
    day_first: bool | None = None
    columns: dict[str, Texts] = Field(default_factory=dict)
    features: tuple[Feature, ...] = ()
    segmentations: tuple[Segmentation, ...] = ()

    @field_validator("as_of", mode="before")
    @classmethod
    def _date(cls, value: object) -> object:
        # YAML reads an unquoted date as one.
        text = value.isoformat() if hasattr(value, "isoformat") else value
        if text is not None and not (
            isinstance(text, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
        ):
            raise _refuse("it must be a date such as 2010-12-10")
        return text


class Settings(_Section):
    """Every setting of a build; see the comments in ``dbt_project.yml``."""

    customers_path: str | None = None
    customers_model: Text | None = None
    orders_path: str | None = None
    orders_model: Text | None = None
    customer_id: CustomerIdColumn = Field(default_factory=CustomerIdColumn)
    gender: GenderColumn | None = None
    features: tuple[Feature, ...]
    segmentations: tuple[Segmentation, ...]
    demographics: Texts = ("gender", "age_band")
    numbers: Numbers = Field(default_factory=Numbers)
    encoding: Text | None = None
    sheet: Text | None = None
    missing_values: MissingValues = "impute"
    max_rejected_share: Share = 0.2
    min_segment_share: Share = 0.0
    no_segments: Annotated[
        Literal["publish", "refuse"], _one_of("publish", "refuse")
    ] = "publish"
    other_customers: Annotated[
        Literal["restart", "keep"], _one_of("restart", "keep")
    ] = "restart"
    export_rows_limit: Annotated[Whole, _at_least(1)] = 5_000_000
    keep_generations: Annotated[Whole, _at_least(1)] = 3
    orders: Orders = Field(default_factory=Orders)

    @field_validator("customers_path", "orders_path", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise _refuse(
                "a path or glob of CSV or Parquet files, or null for the seed"
            )
        if isinstance(value, str) and "\x00" in value:
            raise _say("`{place}` holds a NUL character, which no path may.")
        return value

    @field_validator("features", "segmentations", mode="before")
    @classmethod
    def _entries(cls, value: object, info: ValidationInfo) -> object:
        what = str(info.field_name).removesuffix("s")
        if not isinstance(value, list | tuple) or not value:
            raise _refuse(f"it must be a list of at least one {what}")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = [
            *_two_sources(self),
            *_repeated(self),
            *_undefined_features(self),
            *_shared_aliases(self),
            *_impossible_shares(self),
        ]
        if problems:
            raise _say("\n".join(problems))
        return self

    @property
    def categories(self) -> tuple[Feature, ...]:
        """Every feature that is a category, the gender first if there is one."""
        own = tuple(feature for feature in self.features if feature.type == "category")
        return (self.gender.as_feature(), *own) if self.gender else own

    @property
    def numeric_features(self) -> tuple[Feature, ...]:
        """Every feature that is a number."""
        return tuple(feature for feature in self.features if feature.type == "number")

    @property
    def columns(self) -> tuple[Feature, ...]:
        """Every column besides the id: the gender, if there is one, and the features."""
        return ((self.gender.as_feature(),) if self.gender else ()) + self.features

    def feature(self, name: str) -> Feature:
        """Return the feature of this name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for feature in self.columns:
            if feature.name == name:
                return feature
        raise KeyError(name)


SETTING_NAMES: Final = tuple(Settings.model_fields)


def parse_settings(mapping: Mapping[str, Any]) -> Settings:
    """Return the settings of a build from the vars of ``dbt_project.yml``.

    Parameters
    ----------
    mapping : mapping of str to object
        One entry per top-level var. ``features`` and ``segmentations`` are required;
        the rest have the defaults of :class:`Settings`.

    Returns
    -------
    Settings
        The settings, complete and consistent.

    Raises
    ------
    SettingsError
        If anything cannot be used. Every mistake found is named, with the value found
        and what is allowed.
    """
    if not isinstance(mapping, Mapping):
        raise SettingsError(
            f"The settings must be a mapping of names to values, not "
            f"{shorten(mapping)}."
        )
    try:
        return Settings.model_validate(dict(mapping))
    except ValidationError as error:
        raise _settings_error(
            [
                sentence
                for each in error.errors()
                for sentence in _sentences(each, mapping)
            ]
        ) from None


def check_project_vars(
    project_vars: Mapping[str, Any] | None,
    command_line_vars: Mapping[str, Any] | None,
    *,
    project_name: str = "mall_segments",
) -> None:
    """Refuse vars that no setting has, as a misspelt one would else be ignored.

    Parameters
    ----------
    project_vars : mapping or None
        The ``vars:`` of ``dbt_project.yml``, plain or under the project's name. Those
        under the name of another package are that package's.
    command_line_vars : mapping or None
        What ``--vars`` gave.
    project_name : str
        Name of the project, under which dbt also reads vars.

    Raises
    ------
    SettingsError
        If a var is no setting; it says which are, and the closest one.
    """
    problems: list[str] = []
    for source, mapping in (
        ("the vars of dbt_project.yml", project_vars),
        ("--vars", command_line_vars),
    ):
        if mapping is None:
            continue
        if not isinstance(mapping, Mapping):
            problems.append(
                f"{source} must map names of settings to values, not "
                f"{shorten(mapping)}."
            )
            continue
        scoped = mapping.get(project_name)
        names = [
            name
            for name, value in mapping.items()
            if name != project_name and not _is_of_a_package(name, value)
        ]
        names.extend(scoped if isinstance(scoped, Mapping) else ())
        problems += [
            f"{source}: `{plain(name)}` is no setting.{_right_place(name)} "
            f"Allowed: {', '.join(SETTING_NAMES)}."
            for name in names
            if name not in SETTING_NAMES
        ]
    if problems:
        raise _settings_error(problems)


def _is_of_a_package(name: object, value: object) -> bool:
    """Whether a var is the vars of another package rather than a misspelt setting."""
    return isinstance(value, Mapping) and not suggestion(str(name), SETTING_NAMES)


def _right_place(name: object) -> str:
    """Return where a top-level name belongs, or the one it resembles."""
    for setting, section in (("segmentations", Segmentation), ("features", Feature)):
        if name in section.model_fields:
            return f" It belongs into an entry of `{setting}`."
    return suggestion(str(name), SETTING_NAMES)


def _settings_error(sentences: Sequence[str]) -> SettingsError:
    distinct = list(dict.fromkeys(sentences))
    if len(distinct) == 1:
        return SettingsError(distinct[0])
    lines = "\n".join(f"  - {sentence}" for sentence in distinct[:_MOST_LISTED])
    more = len(distinct) - _MOST_LISTED
    tail = f"\n  and {more} more." if more > 0 else ""
    return SettingsError(f"{len(distinct)} settings cannot be used:\n{lines}{tail}")


def _sentences(error: ErrorDetails, mapping: Mapping[str, Any]) -> list[str]:
    place = _place(error["loc"], mapping)
    found = error["input"]
    if error["type"] == "sentence":
        text = str(error["ctx"]["problem"]).replace("{place}", place)
        return [
            text if text[0] != "h" else f"`{place}` {text}" for text in text.split("\n")
        ]
    if error["type"] == "extra_forbidden":
        return [_unknown_key(error["loc"], place, mapping)]
    if error["type"] == "missing":
        owner = _section_of(error["loc"][:-1])
        allowed = _MISSING.get(str(error["loc"][-1]), "it is required")
        del owner
        return [f"`{place}` is missing; {allowed}."]
    if error["type"] == "refused":
        return [f"`{place}` is {shorten(found)}; {error['ctx']['allowed']}."]
    if error["type"] in ("model_type", "dict_type", "model_attributes_type"):
        section = _section_of(error["loc"])
        keys = ", ".join(section.model_fields) if section else "names and values"
        return [f"`{place}` is {shorten(found)}; it must be a mapping with {keys}."]
    allowed = _TYPES.get(error["type"], error["msg"].lower())
    return [f"`{place}` is {shorten(found)}; {allowed}."]


_MISSING: Final = {
    "name": "every entry needs one",
    "features": "it must be a list of at least one feature",
    "segmentations": "it must be a list of at least one segmentation",
}

_TYPES: Final = {
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "tuple_type": "it must be a list",
    "missing": "it is required",
}

_SECTIONS: Final[dict[str, type[_Section]]] = {
    "features": Feature,
    "segmentations": Segmentation,
    "customer_id": CustomerIdColumn,
    "gender": GenderColumn,
    "numbers": Numbers,
    "orders": Orders,
    "level_words": LevelWords,
    "bands": Bands,
}


def _section_of(loc: Sequence[int | str]) -> type[_Section] | None:
    """Return what the settings at a place are made of."""
    names = [part for part in loc if isinstance(part, str)]
    return _SECTIONS.get(names[-1]) if names else Settings


def _place(loc: Sequence[int | str], mapping: Any) -> str:
    """Write a place as a user would: ``features[age_years].minimum``."""
    text = ""
    value: Any = mapping
    for part in loc:
        if isinstance(part, str) and part in ("literal['auto']", "constrained-int"):
            continue
        if isinstance(part, int):
            value = value[part] if _has(value, part) else None
            name = value.get("name") if isinstance(value, Mapping) else None
            text += f"[{plain(name) if isinstance(name, str) and name else part}]"
        elif isinstance(value, Mapping) or not text:
            value = value.get(part) if isinstance(value, Mapping) else None
            text += f".{plain(part)}" if text else plain(part)
    return text or "the settings"


def _has(value: Any, place: int) -> bool:
    return isinstance(value, list | tuple) and place < len(value)


def _unknown_key(
    loc: Sequence[int | str], place: str, mapping: Mapping[str, Any]
) -> str:
    key, owner = str(loc[-1]), loc[:-1]
    section = _section_of(owner)
    allowed = list(section.model_fields) if section else []
    where = f"`{_place(owner, mapping)}`" if owner else "the vars of dbt_project.yml"
    hint = suggestion(key, allowed) if owner else _right_place(key)
    return (
        f"`{plain(key)}` in {where} is no setting.{hint} Allowed: {', '.join(allowed)}."
    )


def _refuse_shared_spellings(levels: Mapping[str, Sequence[str]], place: str) -> None:
    owners: dict[str, str] = {}
    for level, spellings in levels.items():
        for spelling in (level, *spellings):
            owner = owners.setdefault(spelling.strip().casefold(), level)
            if owner != level:
                raise _say(
                    f"`{place}` gives {shorten(spelling)} to {plain(owner)} and to "
                    f"{plain(level)}; a spelling may stand for one of them."
                )


def _two_sources(settings: Settings) -> list[str]:
    return [
        f"`{what}_path` and `{what}_model` are both set; {what} come from one of them."
        for what in ("customers", "orders")
        if getattr(settings, f"{what}_path") and getattr(settings, f"{what}_model")
    ]


def _repeated(settings: Settings) -> list[str]:
    problems = []
    for setting in ("features", "segmentations"):
        names = Counter(entry.name for entry in getattr(settings, setting))
        problems += [
            f"`{setting}` holds {shorten(name)} twice; names are unique."
            for name, times in names.items()
            if times > 1
        ]
    labels = Counter(feature.label.casefold() for feature in settings.features)
    problems += [
        f"`features` holds the label {shorten(label)} twice; segments are named by "
        "it, so each is unique."
        for label, times in labels.items()
        if times > 1
    ]
    return problems


def _undefined_features(settings: Settings) -> list[str]:
    names = [feature.name for feature in settings.columns]
    problems = []
    for segmentation in settings.segmentations:
        place = f"`segmentations[{plain(segmentation.name)}].features`"
        if not segmentation.features:
            problems.append(
                f"{place} is []; it needs at least one of: {', '.join(names)}."
            )
        problems += [
            f"{place} holds {shorten(name)}, which `features` does not define."
            f"{suggestion(name, names)} Allowed: {', '.join(names)}."
            for name in segmentation.features
            if name not in names
        ]
    return problems


def _shared_aliases(settings: Settings) -> list[str]:
    # Recognition compares headers in this way, so two spellings that it takes for one
    # would let two columns read the same one.
    from mall_segments.intake.columns import normalise  # noqa: PLC0415

    owners: dict[str, tuple[str, str]] = {}
    problems = []
    columns = [
        ("customer_id", ("customer_id", *settings.customer_id.aliases)),
        *((column.name, (column.name, *column.aliases)) for column in settings.columns),
    ]
    for column, aliases in columns:
        for alias in aliases:
            key = normalise(alias)
            owner, spelling = owners.setdefault(key, (column, alias))
            if key and owner != column:
                problems.append(
                    f"{shorten(alias)} names {owner} and {column} (the former as "
                    f"{shorten(spelling)}); an alias may belong to one column."
                )
    return problems


def _impossible_shares(settings: Settings) -> list[str]:
    problems = []
    for segmentation in settings.segmentations:
        share = segmentation.min_segment_share
        share = settings.min_segment_share if share is None else share
        least = segmentation.min_segments
        if segmentation.n_segments == "auto" and share * least > 1:
            problems.append(
                f"`min_segment_share` is {share:g}; the {least} segments that "
                f"`segmentations[{plain(segmentation.name)}]` has at least cannot each "
                f"hold that share: at most {1 / least:g}."
            )
    return problems
