"""The published ``model.json``: everything that assigns a customer, and nothing else.

One pydantic model is what a build writes, what readers check and what the assignment
is computed from. It is data: nothing in it is executed, and every name in it obeys the
rules that names of settings obey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mall_segments.errors import ModelError, PublishError
from mall_segments.model_checks import contradictions
from mall_segments.publishing.sealed_json import (
    SEAL,
    read_sealed,
    write_sealed,
)
from mall_segments.settings.values import (
    MissingValues,
    Name,
    Scaler,
    Storable,
    Transform,
    column_name,
    refusal,
    sentence,
    storable,
)
from mall_segments.wording import compact, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

MODEL_FORMAT: Final = 2
"""Changes whenever a key does; readers refuse every other."""


def _not_empty(text: str) -> str:
    if not text.strip():
        raise refusal("it must be text that is not empty")
    return storable(text)


def _spelled(text: str) -> str:
    if not compact(text):
        raise refusal("it must have a letter or a digit")
    return storable(text)


def _model_column(name: str) -> str:
    # The gender is no feature, and its name is ours.
    return name if name == "gender" else column_name(name)


# Squares of larger numbers would not be finite.
_LARGEST: Final = 1e100
_SMALLEST: Final = 1e-30
_MOST_POWER: Final = 100.0
_MOST_WEIGHT: Final = 1e15

Text = Annotated[str, AfterValidator(_not_empty)]
Alias = Annotated[str, AfterValidator(_spelled)]
Finite = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
Positive = Annotated[float, Field(ge=_SMALLEST, le=_LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=_LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
# What every engine and every reader of JSON has whole numbers for.
Count = Annotated[int, Field(ge=0, le=2**53)]
SegmentId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class _Part(BaseModel):
    """A part of the model: exact types, no key too many."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelColumn(_Part):
    """An input column: how it is recognised and which values it takes.

    ``minimum`` and ``maximum`` are in the column's own unit; None allows everything on
    that side. ``levels`` maps the levels of a category to their spellings; None takes
    each text for a level. ``imputed`` is what stands for a missing value: the median of
    a number, None for a category, whose missing values are a level of their own.
    """

    name: Annotated[Name, AfterValidator(_model_column)]
    label: Text
    unit: Storable = ""
    type: Literal["number", "category"]
    aliases: list[Alias]
    minimum: Finite | None = None
    maximum: Finite | None = None
    is_whole: bool = False
    levels: Annotated[dict[Text, list[Text]], Field(min_length=1)] | None = None
    imputed: Finite | None = None


class Coordinate(_Part):
    """One axis that distances are taken along.

    Of a number ``x`` it is ``weight * (t - center) / scale``, where ``t`` is ``x``, or
    the column's imputed value, cut to ``low`` and ``high`` and then transformed: not at
    all, by ln(1 + x), or by Yeo-Johnson with ``power``. Of a category it is the same
    with ``t`` 1 where the customer has ``level`` and 0 elsewhere (Pagès 2004: center is
    the level's share and scale its square root).
    """

    feature: Name
    level: Text | None = None
    low: Finite | None = None
    high: Finite | None = None
    transform: Transform = "none"
    power: Annotated[float, Field(ge=-_MOST_POWER, le=_MOST_POWER)] | None = None
    center: Finite
    scale: Positive
    weight: Annotated[float, Field(ge=_SMALLEST, le=_MOST_WEIGHT)] = 1.0


class ModelSegment(_Part):
    """A segment: what it is called, its size when it was fitted, and where it lies.

    ``centroid`` is in original units: the mean of a number; of a category its most
    frequent level. ``coordinates`` has one value per coordinate of the segmentation, in
    scaled units, as has ``outlier_distance``. ``share`` is the prior of memberships:
    the segment's share of the fitted customers.
    """

    segment_id: SegmentId
    segment_name: Text
    persona: Text
    recommended_action: Text
    n_customers: Count
    customer_share: Share
    share: Annotated[float, Field(gt=0, le=1)]
    mean_silhouette: Annotated[float, Field(ge=-1, le=1)] | None = None
    stability_jaccard: Share | None = None
    inertia_share: Share
    outlier_distance: NotNegative
    centroid: dict[str, Finite | Text]
    coordinates: list[Finite]


class RetiredSegment(_Part):
    """A segment that was given up: its id, and where it lay in today's coordinates.

    The id is given to no other segment, but one that lies there again gets it back.
    """

    segment_id: SegmentId
    coordinates: list[Finite]


class ModelSegmentation(_Part):
    """One clustering: its coordinates, its segments by id, and how sure it is.

    ``variance`` is that of the clouds around the centroids along one coordinate, from
    which memberships follow; see ``clustering.metrics.cloud_variance``.
    """

    name: Name
    features: list[Name]
    scaler: Scaler
    random_seed: Count
    verdict: Literal["clear segments", "weak segments", "no segments"]
    variance: NotNegative
    coordinates: Annotated[list[Coordinate], Field(min_length=1)]
    segments: Annotated[list[ModelSegment], Field(min_length=2)]
    retired_segments: list[RetiredSegment]

    @property
    def n_segments(self) -> int:
        """How many segments there are."""
        return len(self.segments)


class Model(_Part):
    """Everything that assigns a customer to a segment, as one build fitted it.

    ``columns`` are the gender, where there is one, and the features; the id has
    aliases only.
    """

    format: Literal[2] = MODEL_FORMAT
    build_id: Text
    created_at: Text
    settings_sha256: Text
    missing_values: MissingValues
    customer_id_aliases: list[Alias]
    columns: Annotated[list[ModelColumn], Field(min_length=1)]
    segmentations: Annotated[list[ModelSegmentation], Field(min_length=1)]
    sha256: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for problem in contradictions(self):
            raise sentence(problem)
        return self

    def column(self, name: str) -> ModelColumn:
        """Return the column of this name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def segmentation(self, name: str | None = None) -> ModelSegmentation:
        """Return the segmentation of this name, the first by default.

        Raises
        ------
        ModelError
            If there is none of this name; the message lists those there are.
        """
        if name is None:
            return self.segmentations[0]
        for segmentation in self.segmentations:
            if segmentation.name == name:
                return segmentation
        known = ", ".join(each.name for each in self.segmentations)
        raise ModelError(
            f"the model has no segmentation {shorten(name)}; it has {known}"
        )


def write_model(path: Path, model: Model) -> Model:
    """Write a model file, sealed with its SHA-256, and read it back.

    Raises
    ------
    ModelError
        If the file just written is not a valid model.
    OSError
        If the file cannot be written.
    """
    write_sealed(path, model.model_dump(mode="json", exclude={SEAL}))
    return load_model(path)


def load_model(path: Path) -> Model:
    """Read a model file and check all of it.

    Raises
    ------
    ModelError
        If the file cannot be read, was changed after it was written, has another
        format, or any value is missing, of the wrong type, outside its range or at
        odds with another; the message names the file and the value.
    """
    try:
        content = read_sealed(path, MODEL_FORMAT)
    except PublishError as error:
        raise ModelError(str(error)) from None
    return parse_model(content, source=str(path))


def parse_model(content: dict[str, Any], *, source: str) -> Model:
    """Check a model that was read already.

    Raises
    ------
    ModelError
        As :func:`load_model`; ``source`` says where the content is from.
    """
    try:
        return Model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(f"{source} is not a valid model: {_said(first)}") from None


_ALLOWED: Final = {
    "extra_forbidden": "there is no such key",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "it must have at least {min_length}",
    "model_type": "it must be an object",
}


def _said(error: ErrorDetails) -> str:
    """Name the key, the value found and what is allowed."""
    place = ".".join(map(str, error["loc"])) or "the model"
    if error["type"] == "sentence":
        return str(error["ctx"]["problem"])
    if error["type"] == "missing":
        return f"{place} is missing; it is required"
    allowed = _ALLOWED.get(error["type"], error["msg"])
    allowed = allowed.format(**error.get("ctx", {})).replace("Input should", "it must")
    return f"{place} is {shorten(error['input'])}; {allowed}"
