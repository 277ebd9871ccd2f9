"""The sections that settings are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mall_segments.settings.values import (
    Aliases,
    ColumnName,
    Name,
    Number,
    Scaler,
    Share,
    Storable,
    Text,
    Texts,
    Transform,
    Whole,
    at_least,
    refusal,
    sentence,
)
from mall_segments.wording import plain, shorten, suggestion

_LARGEST_SEED: Final = 2**32 - 1
_LARGEST_COUNT: Final = 50
_DEFAULT_MOST: Final = 10
_SCORED: Final = ("recency_days", "n_orders", "total_spend")
_CUT_POINTS: Final = 4


class Section(BaseModel):
    """A mapping of settings; a key it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelWords(Section):
    """The words for a low, an average and a high centroid of one feature."""

    low: Text = "low"
    average: Text = "average"
    high: Text = "high"

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.low, self.average, self.high}) < len(type(self).model_fields):
            raise refusal("low, average and high need three different words")
        return self


class Bands(Section):
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
            raise refusal("it must be a list of ascending numbers")
        return starts


class Feature(Section):
    """One column that customers are described by.

    ``label`` is the word for it in segment names, ``aliases`` are the headers it is
    recognised by, best first. ``log`` is ln(1 + x), for values from 0. ``clip`` are the
    quantiles at which values are cut before they are scaled; ``minimum`` and
    ``maximum`` are accepted. Without ``levels``, each text of a category is a level.
    ``source`` follows from where it is listed. ``resolution`` is accepted for settings
    of old, and ignored: steps follow from the data.
    """

    name: ColumnName
    label: Text = Field("", validate_default=True)
    unit: Storable = ""
    aliases: Aliases = ()
    type: Literal["number", "category"] = "number"
    transform: Transform = "none"
    clip: tuple[Number, Number] | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    is_whole: bool = False
    levels: dict[Text, Texts] | None = None
    bands: Bands | None = None
    level_words: LevelWords = Field(default_factory=LevelWords)
    source: Literal["customers", "orders"] = "customers"
    resolution: Number | None = None

    @field_validator("label", mode="before")
    @classmethod
    def _label(cls, label: object, info: ValidationInfo) -> object:
        return label or info.data.get("name", "").replace("_", " ") or "feature"

    @field_validator("clip")
    @classmethod
    def _clip(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and not 0 <= clip[0] < clip[1] <= 1:
            raise refusal("it must be two shares from 0 to 1, the lower one first")
        return clip

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        least, most = self.minimum, self.maximum
        if least is not None and most is not None and least >= most:
            raise sentence(
                f"`{{place}}.minimum` is {least:g} and `{{place}}.maximum` is "
                f"{most:g}; minimum must be less than maximum."
            )
        if self.type == "category":
            for key in ("clip", "minimum", "maximum", "bands", "transform"):
                if getattr(self, key) not in (None, "none"):
                    raise sentence(
                        f"`{{place}}.{key}` is set, but the feature is a category; "
                        "it applies to numbers only."
                    )
        elif self.levels is not None:
            raise sentence(
                "`{place}.levels` is set, but the feature is a number; it applies to "
                "`type: category` only."
            )
        if self.transform == "log" and least is not None and least < 0:
            raise sentence(
                f"`{{place}}.minimum` is {least:g} and `{{place}}.transform` is "
                "log; ln(1 + x) takes values from 0: set minimum to 0 or more, or use "
                "yeo_johnson."
            )
        if self.levels == {}:
            raise sentence(
                "`{place}.levels` is {}; it must name a level, or be left out to take "
                "each text for one."
            )
        _refuse_shared_spellings(self.levels or {}, "{place}.levels")
        return self

    @property
    def least(self) -> float | None:
        """The smallest value accepted: the minimum, or 0 where logarithms are taken."""
        if self.minimum is None and self.transform == "log":
            return 0.0
        return self.minimum


class CustomerIdColumn(Section):
    """How the customer id is found; ``generate`` numbers the rows without one."""

    aliases: Aliases = ()
    generate: bool = False


class GenderColumn(Section):
    """Headers the gender is recognised by, and the spellings of its values."""

    aliases: Aliases = ()
    female: Texts = ()
    male: Texts = ()

    @model_validator(mode="after")
    def _differ(self) -> Self:
        levels = {"female": self.female, "male": self.male}
        _refuse_shared_spellings(levels, "{place}")
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


class Segmentation(Section):
    """One configured clustering of the customers, on the features it names.

    ``weights`` are what the coordinates of a feature are multiplied by, 1 by default.
    ``n_segments: auto`` chooses from ``min_segments`` to ``max_segments``.
    ``min_segment_share`` overrides the setting of that name for all segmentations.
    """

    name: Name
    features: Texts
    weights: dict[str, Number] = Field(default_factory=dict)
    scaler: Scaler = "standard"
    n_segments: int | Literal["auto"] = "auto"
    min_segments: Annotated[Whole, at_least(2, _LARGEST_COUNT)] = 2
    max_segments: Annotated[Whole, at_least(2, _LARGEST_COUNT)] = _DEFAULT_MOST
    min_segment_share: Share | None = None
    random_seed: Annotated[Whole, at_least(0, _LARGEST_SEED)] = 42

    @field_validator("n_segments", mode="before")
    @classmethod
    def _count(cls, value: object) -> object:
        if value != "auto" and (
            not isinstance(value, int) or not 2 <= value <= _LARGEST_COUNT  # noqa: PLR2004
        ):
            raise refusal(
                "it must be auto or a whole number of at least 2 and at most "
                f"{_LARGEST_COUNT}"
            )
        return value

    @field_validator("weights")
    @classmethod
    def _weights(cls, weights: dict[str, float]) -> dict[str, float]:
        for feature, weight in weights.items():
            if weight <= 0:
                raise sentence(
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
            if isinstance(least, int) and least > _DEFAULT_MOST:
                return {**values, "max_segments": least}
        return values

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_segments > self.max_segments:
            raise sentence(
                f"`{{place}}.min_segments` is {self.min_segments} and "
                f"`{{place}}.max_segments` is {self.max_segments}; min_segments must "
                "not be more than max_segments."
            )
        for feature, times in Counter(self.features).items():
            if times > 1:
                raise sentence(f"`{{place}}.features` holds {shorten(feature)} twice.")
        for feature in self.weights:
            if feature not in self.features:
                raise sentence(
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


class Numbers(Section):
    """How numbers are written in the file; found out per column where not set."""

    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", "none"] | None = None


class Orders(Section):
    """How orders become features of customers.

    Recency is counted at ``as_of``, the day after the last order by default; later
    orders are left out, and those of more than ``window_days`` before. ``returns`` says
    what a negative amount does to the spend; orders whose id begins with the
    ``cancellation_prefix`` and a digit are returns. ``cut_points`` are four ascending
    values that part the scores 1 to 5, by measure; fifths of the customers by default.
    """

    as_of: str | None = None
    window_days: Annotated[Whole, at_least(1)] | None = None
    returns: Literal["subtract", "ignore", "only_count"] = "subtract"
    minimum_orders: Annotated[Whole, at_least(1)] = 1
    day_first: bool | None = None
    columns: dict[str, Texts] = Field(default_factory=dict)
    cancellation_prefix: Text | None = "C"
    cut_points: dict[str, tuple[Number, ...]] = Field(default_factory=dict)

    @field_validator("as_of", mode="before")
    @classmethod
    def _date(cls, value: object) -> object:
        # YAML reads an unquoted date as one.
        text = str(value)
        try:
            is_date = value is None or date.fromisoformat(text).isoformat() == text
        except ValueError:
            is_date = False
        if not is_date:
            raise refusal("it must be a date such as 2010-12-10")
        return None if value is None else text

    @field_validator("cut_points")
    @classmethod
    def _rise(
        cls, cut_points: dict[str, tuple[float, ...]]
    ) -> dict[str, tuple[float, ...]]:
        for name, points in cut_points.items():
            if name not in _SCORED:
                raise sentence(
                    f"`{{place}}` names {shorten(name)}; allowed: {', '.join(_SCORED)}."
                )
            if len(points) != _CUT_POINTS or list(points) != sorted(set(points)):
                found = ", ".join(f"{point:g}" for point in points)
                raise sentence(
                    f"`{{place}}.{name}` is {found}; it must be four rising numbers."
                )
        return cut_points


def _refuse_shared_spellings(levels: Mapping[str, Sequence[str]], place: str) -> None:
    owners: dict[str, str] = {}
    for level, spellings in levels.items():
        for spelling in (level, *spellings):
            owner = owners.setdefault(spelling.strip().casefold(), level)
            if owner != level:
                raise sentence(
                    f"`{place}` gives {shorten(spelling)} to {plain(owner)} and to "
                    f"{plain(level)}; a spelling may stand for one of them."
                )
