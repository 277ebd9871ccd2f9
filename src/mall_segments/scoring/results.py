"""What an assignment is told by: the segment's name and persona, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.model import ModelSegmentation


def told(segmentation: ModelSegmentation, assigned: str) -> str:
    """Return a SELECT of assigned customers with what people read of a segment.

    Parameters
    ----------
    segmentation : ModelSegmentation
        The segmentation.
    assigned : str
        What `assignment.assignment_sql` returned for it.

    Returns
    -------
    str
        SQL whose rows have every column of ``assigned``, ``segment_name``, ``persona``
        and ``main_reason``: the feature that most separates the nearest segment from
        the second, d²(second) - d²(nearest) split by feature.
    """
    names = list(dict.fromkeys(axis.feature for axis in segmentation.coordinates))
    names.sort(key=segmentation.features.index)
    separations = ",\n    ".join(
        f"{_separation(segmentation, name)} as separation_{number}"
        for number, name in enumerate(names, start=1)
    )
    whens = " ".join(
        f"when {' and '.join(_at_least(number, len(names)))} then {quote_text(name)}"
        for number, name in enumerate(names[:-1], start=1)
    )
    reason = f"case {whens} else {quote_text(names[-1])} end"
    return f"""select
    explained.*,
    {_by_segment(segmentation, "segment_name")} as segment_name,
    {_by_segment(segmentation, "persona")} as persona,
    {reason if len(names) > 1 else quote_text(names[0])} as main_reason
from (
select
    assigned.*,
    {separations}
from (
{assigned}
) as assigned
) as explained"""  # noqa: S608


def _at_least(number: int, n_features: int) -> list[str]:
    """Of equal parts, the first feature's counts."""
    return [
        f"separation_{number} >= separation_{other}"
        for other in range(number + 1, n_features + 1)
    ]


def _by_segment(segmentation: ModelSegmentation, attribute: str) -> str:
    whens = " ".join(
        f"when {segment.segment_id} then {quote_text(getattr(segment, attribute))}"
        for segment in segmentation.segments
    )
    return f"case segment_id {whens} end"


def _separation(segmentation: ModelSegmentation, feature: str) -> str:
    parts = []
    for number, axis in enumerate(segmentation.coordinates, start=1):
        if axis.feature == feature:
            centroids = {
                segment.segment_id: segment.coordinates[number - 1]
                for segment in segmentation.segments
            }
            second = f"(coordinate_{number} - {_by_id('second_segment_id', centroids)})"
            nearest = f"(coordinate_{number} - {_by_id('segment_id', centroids)})"
            parts.append(f"{second} * {second} - {nearest} * {nearest}")
    return " + ".join(parts)


def _by_id(column: str, values: Mapping[int, float]) -> str:
    whens = " ".join(f"when {key} then {value!r}" for key, value in values.items())
    return f"case {column} {whens} end"
