"""Settings of a build: the vars of ``dbt_project.yml``, checked by name.

:func:`parse_settings` turns the vars into frozen pydantic models or refuses them with
every mistake it found, each named with the value found and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mall_segments.errors import SettingsError
from mall_segments.settings.checks import (
    impossible_shares,
    repeated,
    shared_aliases,
    two_sources,
    undefined_features,
)
from mall_segments.settings.problems import right_place, sentences_of, settings_error
from mall_segments.settings.sections import (
    Bands,
    CustomerIdColumn,
    Feature,
    GenderColumn,
    LevelWords,
    Numbers,
    Orders,
    Section,
    Segmentation,
)
from mall_segments.settings.values import (
    MissingValues,
    Share,
    Text,
    Texts,
    Whole,
    at_least,
    refusal,
    sentence,
    storable,
)
from mall_segments.wording import plain, shorten, suggestion

__all__ = [
    "SETTING_NAMES",
    "Bands",
    "CustomerIdColumn",
    "Feature",
    "GenderColumn",
    "LevelWords",
    "Numbers",
    "Orders",
    "Segmentation",
    "Settings",
    "check_project_vars",
    "parse_settings",
    "read_settings",
]


class Settings(Section):
    """Every setting of a build; see the comments in ``dbt_project.yml``.

    :func:`parse_settings` has added ``orders_features`` to ``features`` and
    ``orders_segmentations`` to ``segmentations`` where there are orders.
    """

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
    no_segments: Literal["publish", "refuse"] = "publish"
    other_customers: Literal["restart", "keep"] = "restart"
    export_rows_limit: Annotated[Whole, at_least(1)] = 5_000_000
    keep_generations: Annotated[Whole, at_least(1)] = 3
    orders: Orders = Field(default_factory=Orders)
    orders_features: tuple[Feature, ...] = ()
    orders_segmentations: tuple[Segmentation, ...] = ()

    @field_validator("customers_path", "orders_path", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise refusal(
                "a path or glob of CSV or Parquet files, or null for the seed"
            )
        return storable(value) if isinstance(value, str) else value

    @field_validator("features", "segmentations", mode="before")
    @classmethod
    def _entries(cls, value: object, info: ValidationInfo) -> object:
        what = str(info.field_name).removesuffix("s")
        if not isinstance(value, list | tuple) or not value:
            raise refusal(f"it must be a list of at least one {what}")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = [
            *two_sources(self),
            *repeated(self),
            *undefined_features(self),
            *shared_aliases(self),
            *impossible_shares(self),
        ]
        if problems:
            raise sentence("\n".join(problems))
        return self

    @property
    def has_orders(self) -> bool:
        """Whether orders are read, from a file, a model or the seed."""
        return _has_orders(self.__dict__)

    @property
    def has_customers(self) -> bool:
        """Whether customers have rows of their own, besides their orders."""
        return _has_customers(self.__dict__)

    def of_customer_files(self) -> Settings:
        """Return these settings without the features that orders say."""
        own = tuple(each for each in self.features if each.source == "customers")
        return self.model_copy(update={"features": own})

    @property
    def categories(self) -> tuple[Feature, ...]:
        """Every feature that is a category, the gender first if there is one."""
        return tuple(column for column in self.columns if column.type == "category")

    @property
    def numeric_features(self) -> tuple[Feature, ...]:
        """Every feature that is a number."""
        return tuple(feature for feature in self.features if feature.type == "number")

    @property
    def columns(self) -> tuple[Feature, ...]:
        """Every column besides the id: the gender, if there is one, and features."""
        return ((self.gender.as_feature(),) if self.gender else ()) + self.features

    def feature(self, name: str) -> Feature:
        """Return the feature of this name; KeyError if there is none."""
        return {feature.name: feature for feature in self.columns}[name]


_PROJECT: Final = "mall_segments"
SETTING_NAMES: Final = tuple(Settings.model_fields)

SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "": Settings,
    "features": Feature,
    "segmentations": Segmentation,
    "customer_id": CustomerIdColumn,
    "gender": GenderColumn,
    "numbers": Numbers,
    "orders": Orders,
    "level_words": LevelWords,
    "bands": Bands,
}


def parse_settings(mapping: Mapping[str, Any]) -> Settings:
    """Return the settings of a build from the vars of ``dbt_project.yml``.

    If anything cannot be used, a `SettingsError` names every mistake found, with the
    value found and what is allowed.
    """
    if not isinstance(mapping, Mapping):
        raise SettingsError(
            f"The settings must be a mapping of names to values, not "
            f"{shorten(mapping)}."
        )
    try:
        return Settings.model_validate(_with_orders(mapping))
    except ValidationError as error:
        raise settings_error(
            [
                sentence
                for each in error.errors()
                for sentence in sentences_of(each, mapping, SECTIONS)
            ]
        ) from None


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Check the settings among other entries, as dbt hands them to a Python model."""
    return parse_settings(
        {name: given[name] for name in SETTING_NAMES if name in given}
    )


def _with_orders(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Add what orders say of customers; of orders alone nothing else is known."""
    settings = dict(mapping)
    has_customers, has_orders = _has_customers(mapping), _has_orders(mapping)
    if not has_customers:
        settings["gender"] = None
    for key in ("features", "segmentations"):
        own, added = settings.get(key), settings.get(f"orders_{key}", ())
        if not isinstance(own, list | tuple) or not isinstance(added, list | tuple):
            continue
        settings.pop(f"orders_{key}", None)
        if key == "features":
            added = [
                {**each, "source": "orders"} if isinstance(each, dict) else each
                for each in added
            ]
        settings[key] = [
            *(own if has_customers or not added else ()),
            *(added if has_orders else ()),
        ]
    return settings


def _has_customers(mapping: Mapping[str, Any]) -> bool:
    """Whether customers are named, or those of the seed are read."""
    return _names(mapping, "customers") or not _names(mapping, "orders")


def _has_orders(mapping: Mapping[str, Any]) -> bool:
    """Whether orders are named, or those of the seed belong to its customers."""
    return _names(mapping, "orders") or not _names(mapping, "customers")


def _names(mapping: Mapping[str, Any], what: str) -> bool:
    return bool(mapping.get(f"{what}_path") or mapping.get(f"{what}_model"))


def check_project_vars(
    project_vars: Mapping[str, Any] | None,
    command_line_vars: Mapping[str, Any] | None,
) -> None:
    """Refuse vars that no setting has, as a misspelt one would else be ignored.

    They may stand under the project's name, too; those under the name of another
    package are that package's.
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
        scoped = mapping.get(_PROJECT)
        names = [
            name
            for name, value in mapping.items()
            if name != _PROJECT and not _is_of_a_package(name, value)
        ]
        names.extend(scoped if isinstance(scoped, Mapping) else ())
        problems += [
            f"{source}: `{plain(name)}` is no setting.{right_place(name, SECTIONS)} "
            f"Allowed: {', '.join(SETTING_NAMES)}."
            for name in names
            if name not in SETTING_NAMES
        ]
    if problems:
        raise settings_error(problems)


def _is_of_a_package(name: object, value: object) -> bool:
    """Whether a var is the vars of another package rather than a misspelt setting."""
    return isinstance(value, Mapping) and not suggestion(str(name), SETTING_NAMES)
