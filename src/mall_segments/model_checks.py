"""What must hold between the values of a model: each mistake names a key and a value.

A build writes nothing else. What breaks a rule is damaged or made by hand, and would be
computed otherwise by SQL than by arrays, or not at all.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from mall_segments.intake.columns import normalise
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mall_segments.model import Coordinate, Model, ModelColumn, ModelSegmentation


def contradictions(model: Model) -> Iterator[str]:
    """Yield what does not fit together, each as a sentence without its stop."""
    yield from _repeated("columns", [each.name for each in model.columns])
    yield from _repeated("segmentations", [each.name for each in model.segmentations])
    for number, column in enumerate(model.columns):
        yield from _of_column(f"columns.{number}", column)
    yield from _shared_aliases(model)
    names = [column.name for column in model.columns]
    for number, segmentation in enumerate(model.segmentations):
        place = f"segmentations.{number}"
        unknown = [name for name in segmentation.features if name not in names]
        if unknown:
            yield (
                f"{place}.features holds {shorten(unknown[0])}; allowed are the "
                f"columns {', '.join(names)}"
            )
            continue
        yield from _of_axes(place, model, segmentation)
        yield from _of_segments(place, model, segmentation)


def _repeated(place: str, names: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{place} holds {shorten(name)} twice; each may be there once"


def _of_column(place: str, column: ModelColumn) -> Iterator[str]:
    if column.type == "number":
        if column.levels is not None:
            yield (
                f"{place}.levels is {shorten(column.levels)}; it must be null for a "
                "number"
            )
        if column.imputed is None:
            yield f"{place}.imputed is null; it must be a number for a number"
        if (
            column.minimum is not None
            and column.maximum is not None
            and column.minimum > column.maximum
        ):
            yield (
                f"{place}.minimum is {column.minimum:g}; it must not be above the "
                f"maximum, {column.maximum:g}"
            )
        return
    for key in ("minimum", "maximum", "imputed"):
        value = getattr(column, key)
        if value is not None:
            yield f"{place}.{key} is {value:g}; it must be null for a category"
    owners: dict[str, str] = {}
    for level, spellings in (column.levels or {}).items():
        for spelling in (level, *spellings):
            owner = owners.setdefault(spelling.strip().casefold(), level)
            if owner != level:
                yield (
                    f"{place}.levels gives {shorten(spelling)} to {shorten(owner)} and "
                    f"{shorten(level)}; a spelling may stand for one of them"
                )


def _shared_aliases(model: Model) -> Iterator[str]:
    owners: dict[str, str] = {}
    spellings = [("customer_id", ("customer_id", *model.customer_id_aliases))]
    spellings += [(each.name, (each.name, *each.aliases)) for each in model.columns]
    for name, aliases in spellings:
        for alias in aliases:
            key = normalise(alias)
            owner = owners.setdefault(key, name)
            if key and owner != name:
                yield (
                    f"aliases give {shorten(alias)} to {owner} and {name}; an alias "
                    "may belong to one column"
                )


def _of_axes(
    place: str, model: Model, segmentation: ModelSegmentation
) -> Iterator[str]:
    yield from _repeated(f"{place}.features", segmentation.features)
    found = [axis.feature for axis in segmentation.coordinates]
    in_turn = [name for name, _ in groupby(found)]
    if sorted(in_turn) != sorted(segmentation.features):
        yield (
            f"{place}.coordinates are of {shorten(found)}; they must be of every "
            f"feature, {', '.join(segmentation.features)}, one after the other"
        )
        return
    levels = [(axis.feature, axis.level) for axis in segmentation.coordinates]
    for number, axis in enumerate(segmentation.coordinates):
        where = f"{place}.coordinates.{number}"
        if levels.index((axis.feature, axis.level)) < number:
            yield (
                f"{where}.level is {shorten(axis.level)} once more; a feature has one "
                "coordinate per level, and a number has one"
            )
        yield from _of_axis(where, axis, model)


def _of_axis(place: str, axis: Coordinate, model: Model) -> Iterator[str]:
    column = model.column(axis.feature)
    if column.type == "category":
        yield from _of_level(place, axis)
    else:
        yield from _of_number(place, axis, column, model.columns.index(column))


def _of_level(place: str, axis: Coordinate) -> Iterator[str]:
    if axis.level is None:
        yield f"{place}.level is null; it must be a level of {axis.feature}"
    if axis.transform != "none":
        yield f"{place}.transform is {axis.transform}; a category has none"
    if not 0 <= axis.center <= 1:
        yield f"{place}.center is {axis.center:g}; it must be a share from 0 to 1"
    for key in ("low", "high", "power"):
        value = getattr(axis, key)
        if value is not None:
            yield f"{place}.{key} is {value:g}; it must be null for a category"


def _of_number(
    place: str, axis: Coordinate, column: ModelColumn, column_at: int
) -> Iterator[str]:
    if axis.level is not None:
        yield f"{place}.level is {shorten(axis.level)}; it must be null for a number"
    if (axis.low is None) != (axis.high is None):
        missing, given = ("low", "high") if axis.low is None else ("high", "low")
        yield (
            f"{place}.{missing} is null and {place}.{given} is "
            f"{getattr(axis, given):g}; both are numbers, or both null"
        )
    if axis.low is not None and axis.high is not None and axis.low > axis.high:
        yield (f"{place}.low is {axis.low:g}; it must not be above high, {axis.high:g}")
    if axis.transform == "yeo_johnson" and axis.power is None:
        yield f"{place}.power is null; it must be a number for yeo_johnson"
    if axis.transform != "yeo_johnson" and axis.power is not None:
        yield f"{place}.power is {axis.power:g}; it must be null for {axis.transform}"
    if axis.transform == "log":
        values = {
            f"{place}.low": axis.low,
            f"columns.{column_at}.minimum": column.minimum,
            f"columns.{column_at}.imputed": column.imputed,
        }
        for key, value in values.items():
            if value is not None and value < 0:
                yield f"{key} is {value:g}; it must be at least 0 for a logarithm"


def _of_segments(
    place: str, model: Model, segmentation: ModelSegmentation
) -> Iterator[str]:
    ids = [segment.segment_id for segment in segmentation.segments]
    if ids != sorted(set(ids)):
        yield f"{place}.segments have the ids {ids}; they must ascend"
    retired = [segment.segment_id for segment in segmentation.retired_segments]
    if set(ids) & set(retired) or len(set(retired)) < len(retired):
        yield (
            f"{place}.retired_segments have the ids {retired}; they must be distinct, "
            "and no segment's"
        )
    n_coordinates = len(segmentation.coordinates)
    for key in ("segments", "retired_segments"):
        for number, each in enumerate(getattr(segmentation, key)):
            if len(each.coordinates) != n_coordinates:
                yield (
                    f"{place}.{key}.{number}.coordinates has {len(each.coordinates)} "
                    f"values; it must have {n_coordinates}, as the segmentation has"
                )
    for number, segment in enumerate(segmentation.segments):
        where = f"{place}.segments.{number}.centroid"
        if set(segment.centroid) != set(segmentation.features):
            yield (
                f"{where} is of {shorten(sorted(segment.centroid))}; it must be of "
                f"every feature: {', '.join(segmentation.features)}"
            )
            continue
        for name, value in segment.centroid.items():
            is_number = model.column(name).type == "number"
            if is_number != isinstance(value, float):
                kind = "number" if is_number else "text"
                yield f"{where}.{name} is {shorten(value)}; it must be a {kind}"
