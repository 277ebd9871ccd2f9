"""What an assignment is told by: the segment's name and persona, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.publishing.tables import portable_text, quote_text

if TYPE_CHECKING:
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
    {_by_slot(segmentation, "segment_name")} as segment_name,
    {_by_slot(segmentation, "persona")} as persona,
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


def _by_slot(segmentation: ModelSegmentation, attribute: str) -> str:
    whens = " ".join(
        f"when {slot} then {portable_text(getattr(segment, attribute))}"
        for slot, segment in enumerate(segmentation.segments, start=1)
    )
    return f"case nearest_slot {whens} end"


def _separation(segmentation: ModelSegmentation, feature: str) -> str:
    parts = []
    for number, axis in enumerate(segmentation.coordinates, start=1):
        if axis.feature == feature:
            squares = " ".join(
                f"when {slot} then (coordinate_{number} - {value}) "
                f"* (coordinate_{number} - {value})"
                for slot, value in enumerate(
                    (
                        repr(each.coordinates[number - 1])
                        for each in segmentation.segments
                    ),
                    start=1,
                )
            )
            parts.append(
                f"case second_slot {squares} end - case nearest_slot {squares} end"
            )
    return " + ".join(parts)
