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

from mall_segments.errors import ModelError
from mall_segments.publishing.sealed_json import (
    SEAL,
    BrokenSealError,
    read_sealed,
    write_sealed,
)
from mall_segments.settings.values import (
    MissingValues,
    Name,
    Scaler,
    Transform,
    column_name,
)
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from pathlib import Path

MODEL_FORMAT: Final = 2
"""Changes whenever a key does; readers refuse every other."""


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("text that is not empty")
    return text


def _model_column(name: str) -> str:
    # The gender is no feature, and its name is ours.
    return name if name == "gender" else column_name(name)


Text = Annotated[str, AfterValidator(_not_empty)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


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
    unit: str = ""
    type: Literal["number", "category"]
    aliases: list[str]
    minimum: Finite | None = None
    maximum: Finite | None = None
    is_whole: bool = False
    levels: dict[str, list[str]] | None = None
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
    level: str | None = None
    low: Finite | None = None
    high: Finite | None = None
    transform: Transform = "none"
    power: Finite | None = None
    center: Finite
    scale: Positive
    weight: Positive = 1.0


class ModelSegment(_Part):
    """A segment: what it is called, its size when it was fitted, and where it lies.

    ``centroid`` is in original units: the mean of a number; of a category its most
    frequent level. ``coordinates`` has one value per coordinate of the segmentation, in
    scaled units, as has ``outlier_distance``. ``share`` is the prior of memberships:
    the segment's share of the fitted customers.
    """

    segment_id: Annotated[int, Field(ge=1)]
    segment_name: Text
    persona: Text
    recommended_action: Text
    n_customers: Count
    customer_share: Share
    share: Annotated[float, Field(gt=0, le=1)]
    mean_silhouette: Annotated[float, Field(ge=-1, le=1)] | None = None
    stability_jaccard: Share | None = None
    inertia_share: Share
    outlier_distance: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    centroid: dict[str, Finite | str]
    coordinates: list[Finite]


class RetiredSegment(_Part):
    """A segment that was given up: its id, and where it lay in today's coordinates.

    The id is given to no other segment, but one that lies there again gets it back.
    """

    segment_id: Annotated[int, Field(ge=1)]
    coordinates: list[Finite]


class ModelSegmentation(_Part):
    """One clustering: its coordinates, its segments by id, and how sure it is.

    ``variance`` is the variance within segments along one coordinate,
    inertia / ((n - k) p), from which memberships follow.
    """

    name: Name
    features: list[Name]
    scaler: Scaler
    random_seed: Count
    verdict: Literal["clear segments", "weak segments", "no segments"]
    variance: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    coordinates: Annotated[list[Coordinate], Field(min_length=1)]
    segments: Annotated[list[ModelSegment], Field(min_length=1)]
    retired_segments: list[RetiredSegment]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [segment.segment_id for segment in self.segments]
        if ids != sorted(set(ids)):
            raise ValueError(f"segment ids in ascending order, not {ids}")
        retired = [segment.segment_id for segment in self.retired_segments]
        if set(ids) & set(retired) or len(set(retired)) < len(retired):
            raise ValueError(
                f"distinct retired ids that are no segment's, not {retired}"
            )
        if {axis.feature for axis in self.coordinates} != set(self.features):
            raise ValueError("coordinates of every feature, and of no other")
        placed: list[ModelSegment | RetiredSegment] = []
        placed += self.segments
        placed += self.retired_segments
        for each in placed:
            if len(each.coordinates) != len(self.coordinates):
                raise ValueError(
                    f"{len(self.coordinates)} coordinates for segment "
                    f"{each.segment_id}, not {len(each.coordinates)}"
                )
        for segment in self.segments:
            if set(segment.centroid) != set(self.features):
                raise ValueError(
                    f"a centroid of every feature for segment {segment.segment_id}"
                )
        return self

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
    customer_id_aliases: list[str]
    columns: Annotated[list[ModelColumn], Field(min_length=1)]
    segmentations: Annotated[list[ModelSegmentation], Field(min_length=1)]
    sha256: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"distinct columns, not {names}")
        segmentations = [segmentation.name for segmentation in self.segmentations]
        if len(set(segmentations)) < len(segmentations):
            raise ValueError(f"distinct segmentations, not {segmentations}")
        for segmentation in self.segmentations:
            for feature in segmentation.features:
                if feature not in names:
                    raise ValueError(f"features among {names}, not {feature!r}")
            for axis in segmentation.coordinates:
                column = self.column(axis.feature)
                is_number = column.type == "number"
                if is_number != (axis.level is None):
                    raise ValueError(f"levels of categories only, not {column.name}'s")
                if is_number and column.imputed is None:
                    raise ValueError(f"an imputed value of {column.name}")
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
        content = read_sealed(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except BrokenSealError as error:
        raise ModelError(f"{path} {error}") from None
    if content.get("format") != MODEL_FORMAT:
        raise ModelError(
            f"{path} has the format {content.get('format')!r}; this version reads "
            f"{MODEL_FORMAT}: build anew, or use the version that wrote it"
        )
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
        place = ".".join(map(str, first["loc"])) or "the model"
        raise ModelError(
            f"{source} is not a valid model: {place} is "
            f"{shorten(first['input'])}; {first['msg']}"
        ) from None
