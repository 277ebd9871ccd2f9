"""What the service answers, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

BUILD_ID = "20261121T105500.123456Z-0f8e12ab"


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Assignment(_Schema):
    """Where one customer belongs."""

    customer_id: str | int | None = Field(
        default=None, description="As sent; absent where none was sent."
    )
    segment_id: int = Field(description="The nearest segment.")
    segment_name: str
    persona: str
    distance: float = Field(
        description="Distance from the segment's centroid, in scaled units.", ge=0
    )
    second_segment_id: int = Field(description="The second nearest segment.")
    membership: float = Field(
        description="Degree of belonging: 1 on the centroid, 1/k between all of them.",
        ge=0,
        le=1,
    )
    is_outlier: bool = Field(description="Farther away than the segment's own usually.")
    is_imputed: bool = Field(description="A median stands for a missing value.")
    segmentation: str
    build_id: str = Field(description="The generation whose model answered.")


class Segment(_Schema):
    """One segment, as it was when it was fitted."""

    segment_id: int
    segment_name: str
    persona: str
    recommended_action: str
    n_customers: int
    customer_share: float
    mean_silhouette: float | None
    outlier_distance: float
    centroid: dict[str, float] = Field(description="By feature, in its own unit.")


class SegmentationSegments(_Schema):
    """The segments of one segmentation."""

    name: str
    features: list[str]
    segments: list[Segment]


class Segments(_Schema):
    """Every segment of every segmentation."""

    build_id: str
    segmentations: list[SegmentationSegments]


class ModelFeature(_Schema):
    """One feature: how it is named, and what it may be."""

    name: str
    aliases: list[str]
    minimum: float | None
    maximum: float | None
    resolution: float
    is_whole: bool
    median: float


class ScaledFeature(_Schema):
    """A feature of a segmentation: scaled is (value - center) / scale."""

    name: str
    center: float
    scale: float


class ModelSegmentation(_Schema):
    """How one segmentation was fitted."""

    name: str
    scaler: str
    n_segments: int
    random_seed: int
    features: list[ScaledFeature]


class ModelDescription(_Schema):
    """The model in use."""

    build_id: str
    created_at: str
    sha256: str
    missing_values: str
    features: list[ModelFeature]
    segmentations: list[ModelSegmentation]


class Health(_Schema):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Readiness(_Schema):
    """A model is loaded; ``problem`` says why it is not the published one."""

    status: str = Field(examples=["ready", "stale"])
    build_id: str
    problem: str | None


class FieldProblem(_Schema):
    """What is wrong with one field."""

    detail: str
    pointer: str = Field(description="JSON pointer into the request's body.")
    customer: int | None = Field(
        default=None, description="Place in the list, from 0; absent without a list."
    )
    field: str | None = Field(default=None, description="The field as it was sent.")


class Problem(_Schema):
    """A problem detail (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


ASSIGNMENT_EXAMPLE: dict[str, Any] = {
    "segment_id": 4,
    "segment_name": "Low income and low spending",
    "persona": "Budget shoppers",
    "distance": 0.8241416992302462,
    "second_segment_id": 1,
    "membership": 0.5977345564355913,
    "is_outlier": False,
    "is_imputed": False,
    "segmentation": "income_spending",
    "build_id": BUILD_ID,
}
