"""Keep segment ids from one generation to the next.

K-means numbers its segments anew in every fit. Readers need segment 3 to stay the
same customers, so a new fit takes over the ids of the published generation by
matching centroids. An id that is given up is kept for a segment that lies there again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mall_segments.clustering import FloatArray

LEAST_RETURNING: Final = 0.1
"""Share of the last customers who must be among these for segments to continue."""

REACH: Final = 0.5
"""Share of the way to the nearest other segment that a segment may move."""


@dataclass(frozen=True)
class Identity:
    """Who a new segment is, which published one it continues, and how far it moved.

    The distance is between the two centroids, in the scaled units of the new fit.
    """

    segment_id: int
    previous_segment_id: int | None = None
    distance_moved: float | None = None

    @property
    def is_new(self) -> bool:
        """Whether no published segment continues here."""
        return self.previous_segment_id is None


def note_on_returning(share: float, n_previous: int, *, is_kept: bool) -> str | None:
    """Say that hardly any customer of the last generation came back, if that is so.

    Examples
    --------
    >>> print(note_on_returning(0.0, 200, is_kept=False))
    None of the 200 customers of the last generation is among these, so segments and \
their ids start afresh. If they are the same people, see how their ids are written: \
'1' and '0001' are two customers.
    """
    if share >= LEAST_RETURNING or not n_previous:
        return None
    found = (
        f"Only {share:.1%} of the {n_previous:,} customers of the last generation are"
        if share
        else f"None of the {n_previous:,} customers of the last generation is"
    )
    then = (
        "yet segments keep their ids, as other_customers is 'keep'"
        if is_kept
        else "so segments and their ids start afresh"
    )
    return (
        f"{found} among these, {then}. If they are the same people, see how their ids "
        "are written: '1' and '0001' are two customers."
    )


def first_identities(n_segments: int, used_ids: Collection[int] = ()) -> list[Identity]:
    """Give ids to segments that continue nothing, above every id ever used.

    Examples
    --------
    >>> [identity.segment_id for identity in first_identities(2, used_ids={1, 4})]
    [5, 6]
    """
    start = max(used_ids, default=0) + 1
    return [Identity(start + place) for place in range(n_segments)]


def match_identities(
    centroids: FloatArray,
    published: Sequence[tuple[int, Sequence[float]]],
    retired: Sequence[tuple[int, Sequence[float]]] = (),
) -> list[Identity]:
    """Give new segments the ids of the former ones they continue.

    Former ones are the published and those retired before: their ids and their
    centroids, scaled as the new fit scales.

    A segment may continue a former one if its centroid has moved at most half the way
    from there to the nearest other published centroid: farther, and it would be in
    another segment's territory. Among the pairs allowed, as many as possible are
    matched, with the least sum of squared distances [1]_. What continues no published
    segment may continue one that was retired, within the same reach; new ids go on
    above the highest ever used. A segment alone in its generation has no neighbour and
    is always continued by the nearest.

    References
    ----------
    .. [1] Kuhn (1955), "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2, 83-97; as scipy's ``linear_sum_assignment``.

    Examples
    --------
    >>> identities = match_identities(
    ...     np.array([[9.9], [0.2], [30.0], [51.0]]),
    ...     [(1, [0.0]), (2, [10.0])],
    ...     [(3, [50.0])],
    ... )
    >>> [identity.segment_id for identity in identities]
    [2, 1, 4, 3]
    """
    used = [segment_id for segment_id, _ in (*published, *retired)]
    if len(set(used)) < len(used):
        raise ValueError(f"an id occurs twice among {used}")
    found: dict[int, Identity] = {}
    for former in (sorted(published), sorted(retired)):
        rows = [row for row in range(len(centroids)) if row not in found]
        for row, place, distance in _pairs(centroids[rows], former, published):
            segment_id = former[place][0]
            found[rows[row]] = Identity(segment_id, segment_id, distance)
    newcomers = iter(first_identities(len(centroids), used))
    return [
        found[row] if row in found else next(newcomers) for row in range(len(centroids))
    ]


def _pairs(
    centroids: FloatArray,
    former: Sequence[tuple[int, Sequence[float]]],
    published: Sequence[tuple[int, Sequence[float]]],
) -> list[tuple[int, int, float]]:
    """Return rows of new and of former segments that belong together."""
    if not len(centroids) or not former:
        return []
    places = np.array([place for _, place in former])
    neighbours = np.array([place for _, place in published])
    distances = cdist(centroids, places)
    separations = cdist(places, neighbours)
    is_same = [[own == other for other, _ in published] for own, _ in former]
    separations[np.array(is_same)] = np.inf
    allowed = distances <= REACH * separations.min(axis=1)
    costs = np.where(allowed, distances**2, 0)
    # One pair that is not allowed costs more than all that are, so none replaces one.
    costs[~allowed] = 1 + len(costs) * costs.max()
    return [
        (int(row), int(place), float(distances[row, place]))
        for row, place in zip(*linear_sum_assignment(costs), strict=True)
        if allowed[row, place]
    ]
