"""What the service answers, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from mall_segments.model import ModelSegment


@with_config(ConfigDict(extra="forbid"))
class Assignment(TypedDict):
    """Where one customer belongs."""

    customer_id: NotRequired[
        Annotated[
            str | int | None,
            Field(description="As it was sent; absent where none was."),
        ]
    ]
    segment_id: Annotated[int, Field(description="The nearest segment.")]
    segment_name: str
    persona: str
    distance: Annotated[
        float, Field(ge=0, description="From the segment's centroid, in scaled units.")
    ]
    second_segment_id: Annotated[int, Field(description="The second nearest segment.")]
    membership: Annotated[
        float, Field(ge=0, le=1, description="How probable the nearest segment is.")
    ]
    is_outlier: Annotated[
        bool, Field(description="Farther away than the segment's own usually are.")
    ]
    is_imputed: Annotated[
        bool, Field(description="A median stands for a missing value.")
    ]
    main_reason: Annotated[
        str,
        Field(
            description="The feature that most separates it from the second segment."
        ),
    ]
    segmentation: str
    build_id: Annotated[str, Field(description="The generation whose model answered.")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class SegmentationSegments(_Answer):
    """The segments of one segmentation."""

    name: str
    features: list[str]
    verdict: str
    segments: list[ModelSegment]


class Segments(_Answer):
    """Every segment of every segmentation."""

    build_id: str
    segmentations: list[SegmentationSegments]


class DescribedColumn(_Answer):
    """A column that the model reads: how it is recognised, and what it may be."""

    name: str
    label: str
    unit: str
    type: str
    aliases: list[str]
    minimum: float | None
    maximum: float | None
    is_whole: bool
    levels: dict[str, list[str]] | None
    median: Annotated[float | None, Field(validation_alias="imputed")]


class ScaledFeature(_Answer):
    """A coordinate, (t - center) / scale * weight.

    t is the value, cut to ``low`` and ``high`` and transformed. A category has a
    coordinate for each of its levels, with a t of 1 or 0.
    """

    name: Annotated[str, Field(validation_alias="feature")]
    level: str | None
    low: float | None
    high: float | None
    transform: str
    power: float | None
    center: float
    scale: float
    weight: float


class DescribedSegmentation(_Answer):
    """How one segmentation was fitted."""

    name: str
    scaler: str
    n_segments: int
    random_seed: int
    verdict: str
    features: Annotated[list[ScaledFeature], Field(validation_alias="coordinates")]


class ModelDescription(_Answer):
    """The model in use."""

    build_id: str
    created_at: str
    sha256: str
    missing_values: str
    features: Annotated[list[DescribedColumn], Field(validation_alias="columns")]
    segmentations: list[DescribedSegmentation]


class Health(_Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(_Answer):
    """A model is loaded; ``problem`` says why it is not the published one."""

    status: Literal["ready", "stale"]
    build_id: str
    problem: str | None


class FieldProblem(_Answer):
    """What is wrong with one field."""

    detail: str
    pointer: Annotated[str, Field(description="JSON pointer into the body.")]
    customer: Annotated[
        int, Field(description="Place in the list, from 0; absent without a list.")
    ] = 0
    field: Annotated[str, Field(description="The field as it was sent.")] = ""


class Problem(_Answer):
    """A problem detail (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
