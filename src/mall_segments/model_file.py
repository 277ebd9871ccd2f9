"""The published ``model.json``: written sealed, read strictly.

It holds everything that assigns a customer: features, scaler parameters and
centroids. Only the standard library is needed to read it.
"""

import math
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from mall_segments.errors import ModelError
from mall_segments.publishing.sealed_json import SEAL, BrokenSealError, read_sealed, write_sealed

MODEL_FORMAT = 1
SCALERS = ("standard", "minmax", "robust", "none")
MISSING_VALUES = ("impute", "reject")

# What a segment has besides its id and its centroid, as in dim_segments.
SEGMENT_FIELDS = (
    "segment_name",
    "persona",
    "recommended_action",
    "n_customers",
    "customer_share",
    "mean_silhouette",
    "inertia_share",
    "outlier_distance",
)


@dataclass(frozen=True)
class Feature:
    """An input column: its names, its allowed range and its median.

    ``minimum``, ``maximum``, ``resolution`` and ``median`` are in the feature's own
    unit; a bound of None allows everything on that side. ``is_whole`` rejects values
    with a fraction.
    """

    name: str
    label: str
    aliases: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    resolution: float
    is_whole: bool
    median: float


@dataclass(frozen=True)
class Gender:
    """The column names and spellings by which a gender is recognised."""

    aliases: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]


@dataclass(frozen=True)
class ScaledFeature:
    """A feature of a segmentation: scaled is ``(value - center) / scale``."""

    name: str
    center: float
    scale: float


@dataclass(frozen=True)
class Segment:
    """A segment: its name, its size when it was fitted, and its centroid.

    ``centroid`` is in original units, ``scaled_centroid`` in scaled units; both map
    the segmentation's feature names to values. ``outlier_distance`` is in scaled
    units. ``mean_silhouette`` is None where no silhouette is defined.
    """

    segment_id: int
    segment_name: str
    persona: str
    recommended_action: str
    n_customers: int
    customer_share: float
    mean_silhouette: float | None
    inertia_share: float
    outlier_distance: float
    centroid: Mapping[str, float]
    scaled_centroid: Mapping[str, float]


@dataclass(frozen=True)
class Segmentation:
    """One configured clustering: its features in order and its segments by id."""

    name: str
    scaler: str
    random_seed: int
    n_segments: int
    features: tuple[ScaledFeature, ...]
    segments: tuple[Segment, ...]
    retired_segment_ids: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """Everything that assigns a customer to a segment, as one build fitted it."""

    build_id: str
    created_at: str
    features: tuple[Feature, ...]
    customer_id_aliases: tuple[str, ...]
    gender: Gender
    missing_values: str
    segmentations: tuple[Segmentation, ...]
    sha256: str


def write_model(path: Path, content: Mapping[str, Any]) -> Model:
    """Write a model file, sealed with its SHA-256, and read it back.

    Parameters
    ----------
    path : Path
        The file to write.
    content : Mapping
        The model as `load_model` expects it, without ``sha256``.

    Returns
    -------
    Model
        What a reader will see.

    Raises
    ------
    ModelError
        If the content is not a valid model; the file is then of no use.
    OSError
        If the file cannot be written.
    """
    try:
        write_sealed(path, content)
    except ValueError as error:
        raise ModelError(f"{path} cannot be written: {error}") from None
    return load_model(path)


def load_model(path: Path) -> Model:
    """Read a model file and check all of it.

    Raises
    ------
    ModelError
        If the file cannot be read, was changed after it was written, has another
        format, or any value is missing, of the wrong type, not finite, outside its
        range or at odds with another; the message names the file and the value.
    """
    try:
        content = read_sealed(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except BrokenSealError as error:
        raise ModelError(f"{path} {error}") from None
    if content.get("format") != MODEL_FORMAT:
        raise ModelError(
            f"{path} has the format {content.get('format')!r}; "
            f"this version reads {MODEL_FORMAT}"
        )
    try:
        return _model(content)
    except _InvalidModelError as error:
        raise ModelError(f"{path} is not a valid model: {error}") from None


class _InvalidModelError(Exception):
    """Where a model is wrong and how."""


def _refuse(where: str, found: object, allowed: str) -> Never:
    shown = reprlib.repr(found)
    raise _InvalidModelError(f"{where} is {shown}; it must be {allowed}")


def _model(content: Mapping[str, Any]) -> Model:
    _check_keys(
        content,
        "the model",
        (
            "format",
            "build_id",
            "created_at",
            "features",
            "customer_id",
            "gender",
            "missing_values",
            "segmentations",
            SEAL,
        ),
    )
    features = tuple(
        _feature(item, f"features[{index}]")
        for index, item in enumerate(_items(content["features"], "features"))
    )
    names = [feature.name for feature in features]
    _check_distinct(names, "the feature names")
    customer_id = content["customer_id"]
    _check_keys(customer_id, "customer_id", ("aliases",))
    segmentations = tuple(
        _segmentation(item, f"segmentations[{index}]", names)
        for index, item in enumerate(_items(content["segmentations"], "segmentations"))
    )
    _check_distinct(
        [segmentation.name for segmentation in segmentations], "the segmentation names"
    )
    return Model(
        build_id=_text(content, "build_id"),
        created_at=_text(content, "created_at"),
        features=features,
        customer_id_aliases=_texts(customer_id, "aliases", "customer_id"),
        gender=_gender(content["gender"]),
        missing_values=_choice(content, "missing_values", "", MISSING_VALUES),
        segmentations=segmentations,
        sha256=_text(content, SEAL),
    )


def _feature(item: object, where: str) -> Feature:
    keys = (
        "name",
        "label",
        "aliases",
        "minimum",
        "maximum",
        "resolution",
        "is_whole",
        "median",
    )
    content = _check_keys(item, where, keys)
    feature = Feature(
        name=_text(content, "name", where),
        label=_text(content, "label", where),
        aliases=_texts(content, "aliases", where),
        minimum=_optional_number(content, "minimum", where),
        maximum=_optional_number(content, "maximum", where),
        resolution=_number(content, "resolution", where, above=0),
        is_whole=_flag(content, "is_whole", where),
        median=_number(content, "median", where),
    )
    if (
        feature.minimum is not None
        and feature.maximum is not None
        and feature.minimum >= feature.maximum
    ):
        _refuse(f"{where}.minimum", feature.minimum, f"below {feature.maximum}")
    return feature


def _gender(item: object) -> Gender:
    content = _check_keys(item, "gender", ("aliases", "female", "male"))
    return Gender(
        aliases=_texts(content, "aliases", "gender"),
        female=_texts(content, "female", "gender"),
        male=_texts(content, "male", "gender"),
    )


def _segmentation(item: object, where: str, known: Collection[str]) -> Segmentation:
    keys = (
        "name",
        "scaler",
        "random_seed",
        "n_segments",
        "features",
        "segments",
        "retired_segment_ids",
    )
    content = _check_keys(item, where, keys)
    features = tuple(
        _scaled_feature(part, f"{where}.features[{index}]", known)
        for index, part in enumerate(_items(content["features"], f"{where}.features"))
    )
    names = [feature.name for feature in features]
    _check_distinct(names, f"{where}.features")
    segments = tuple(
        _segment(part, f"{where}.segments[{index}]", names)
        for index, part in enumerate(_items(content["segments"], f"{where}.segments"))
    )
    segment_ids = [segment.segment_id for segment in segments]
    _check_distinct(segment_ids, f"{where}: the segment ids")
    if segment_ids != sorted(segment_ids):
        _refuse(f"{where}: the segment ids", segment_ids, "in ascending order")
    n_segments = _integer(content, "n_segments", where, minimum=2)
    if n_segments != len(segments):
        _refuse(f"{where}.n_segments", n_segments, f"{len(segments)}, as listed")
    retired = content["retired_segment_ids"]
    if not isinstance(retired, list) or not all(
        _is_integer(segment_id) and segment_id > 0 and segment_id not in segment_ids
        for segment_id in retired
    ):
        _refuse(
            f"{where}.retired_segment_ids",
            retired,
            "a list of positive whole numbers that are no longer segment ids",
        )
    return Segmentation(
        name=_text(content, "name", where),
        scaler=_choice(content, "scaler", where, SCALERS),
        random_seed=_integer(content, "random_seed", where, minimum=0),
        n_segments=n_segments,
        features=features,
        segments=segments,
        retired_segment_ids=tuple(retired),
    )


def _scaled_feature(item: object, where: str, known: Collection[str]) -> ScaledFeature:
    content = _check_keys(item, where, ("name", "center", "scale"))
    name = _text(content, "name", where)
    if name not in known:
        _refuse(f"{where}.name", name, f"one of {', '.join(known)}")
    return ScaledFeature(
        name=name,
        center=_number(content, "center", where),
        scale=_number(content, "scale", where, above=0),
    )


def _segment(item: object, where: str, features: Sequence[str]) -> Segment:
    keys = ("segment_id", *SEGMENT_FIELDS, "centroid", "scaled_centroid")
    content = _check_keys(item, where, keys)
    return Segment(
        segment_id=_integer(content, "segment_id", where, minimum=1),
        segment_name=_text(content, "segment_name", where),
        persona=_text(content, "persona", where),
        recommended_action=_text(content, "recommended_action", where),
        n_customers=_integer(content, "n_customers", where, minimum=0),
        customer_share=_number(content, "customer_share", where, within=(0, 1)),
        mean_silhouette=(
            None
            if content["mean_silhouette"] is None
            else _number(content, "mean_silhouette", where, within=(-1, 1))
        ),
        inertia_share=_number(content, "inertia_share", where, within=(0, 1)),
        outlier_distance=_number(content, "outlier_distance", where, at_least=0),
        centroid=_centroid(content, "centroid", where, features),
        scaled_centroid=_centroid(content, "scaled_centroid", where, features),
    )


def _centroid(
    content: Mapping[str, Any], key: str, where: str, features: Sequence[str]
) -> Mapping[str, float]:
    centroid = _check_keys(content[key], f"{where}.{key}", features)
    return {name: _number(centroid, name, f"{where}.{key}") for name in features}


def _check_keys(item: object, where: str, keys: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        _refuse(where, item, "an object")
    missing = [key for key in keys if key not in item]
    if missing:
        raise _InvalidModelError(f"{where} has no {', '.join(missing)}")
    surplus = [key for key in item if key not in keys]
    if surplus:
        raise _InvalidModelError(
            f"{where} has the unknown key {surplus[0]!r}; known are {', '.join(keys)}"
        )
    return item


def _check_distinct(values: Sequence[object], where: str) -> None:
    if len(set(values)) != len(values):
        _refuse(where, values, "distinct")


def _items(item: object, where: str) -> list[Any]:
    if not isinstance(item, list) or not item:
        _refuse(where, item, "a list that is not empty")
    return item


def _text(content: Mapping[str, Any], key: str, where: str = "") -> str:
    value = content[key]
    if not isinstance(value, str) or not value:
        _refuse(_path(where, key), value, "a text that is not empty")
    return value


def _texts(content: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = content[key]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        _refuse(_path(where, key), value, "a list of texts")
    return tuple(value)


def _choice(
    content: Mapping[str, Any], key: str, where: str, allowed: Sequence[str]
) -> str:
    value = content[key]
    if value not in allowed:
        _refuse(_path(where, key), value, f"one of {', '.join(allowed)}")
    return str(value)


def _flag(content: Mapping[str, Any], key: str, where: str) -> bool:
    value = content[key]
    if not isinstance(value, bool):
        _refuse(_path(where, key), value, "true or false")
    return value


def _integer(content: Mapping[str, Any], key: str, where: str, *, minimum: int) -> int:
    value = content[key]
    if not _is_integer(value) or value < minimum:
        _refuse(_path(where, key), value, f"a whole number from {minimum}")
    return int(value)


def _number(
    content: Mapping[str, Any],
    key: str,
    where: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> float:
    value = content[key]
    number = math.nan
    if _is_integer(value) or isinstance(value, float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    allowed = "a finite number"
    if above > -math.inf:
        allowed += f" above {above}"
    if at_least > -math.inf:
        allowed += f" from {at_least}"
    if within[0] > -math.inf:
        allowed += f" from {within[0]} to {within[1]}"
    if (
        not math.isfinite(number)
        or number <= above
        or number < at_least
        or not within[0] <= number <= within[1]
    ):
        _refuse(_path(where, key), value, allowed)
    return number


def _optional_number(content: Mapping[str, Any], key: str, where: str) -> float | None:
    return None if content[key] is None else _number(content, key, where)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
