"""Keep segment ids from one generation to the next.

K-means numbers its segments anew in every fit. Readers need segment 3 to stay the
same customers, so a new fit takes over the ids of the published generation by
matching centroids, and an id that is given up is never used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from collections.abc import Collection

    from mall_segments.clustering import FloatArray, IntArray

REACH = 0.5
"""Share of the way to the nearest other segment that a segment may move."""


@dataclass(frozen=True)
class Identity:
    """Who a new segment is.

    Attributes
    ----------
    segment_id : int
        Id of the segment, from 1.
    previous_segment_id : int or None
        The published segment it continues, with the same id; ``None`` if it is new.
    distance_moved : float or None
        Distance between the two centroids, in the scaled units of the new fit.
    """

    segment_id: int
    previous_segment_id: int | None = None
    distance_moved: float | None = None

    @property
    def is_new(self) -> bool:
        """Whether no published segment continues here."""
        return self.previous_segment_id is None


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
    previous_centroids: FloatArray,
    previous_ids: IntArray,
    *,
    used_ids: Collection[int] = (),
) -> list[Identity]:
    """Give new segments the ids of the previous ones they continue.

    Parameters
    ----------
    centroids : array of shape (n_segments, n_features)
        Centroids of the new fit, in its scaled units.
    previous_centroids : array of shape (n_previous, n_features)
        Published centroids, scaled as the new fit scales.
    previous_ids : array of shape (n_previous,)
        Their segment ids.
    used_ids : collection of int
        Every id ever used in this segmentation, retired ones included.

    Returns
    -------
    list of Identity
        One per new segment, in the order given. New ids continue above the highest
        id ever used.

    Raises
    ------
    ValueError
        If the shapes disagree or an id occurs twice.

    Notes
    -----
    A segment may continue a previous one if its centroid has moved at most half the
    way from there to the nearest other previous centroid: farther, and it would be in
    another segment's territory. Among the pairs allowed, as many as possible are
    matched, with the least sum of squared distances [1]_. A previous segment alone
    in its generation has no neighbour and is always continued by the nearest.

    References
    ----------
    .. [1] Kuhn (1955), "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2, 83-97; as scipy's ``linear_sum_assignment``.

    Examples
    --------
    >>> identities = match_identities(
    ...     np.array([[9.9], [0.2], [30.0]]),
    ...     np.array([[0.0], [10.0]]),
    ...     np.array([1, 2]),
    ... )
    >>> [identity.segment_id for identity in identities]
    [2, 1, 3]
    """
    if previous_ids.shape != (len(previous_centroids),):
        raise ValueError(
            f"previous_ids has shape {previous_ids.shape}; it must be "
            f"({len(previous_centroids)},), one per previous centroid"
        )
    if len(set(previous_ids.tolist())) != len(previous_ids):
        raise ValueError(f"previous_ids holds an id twice: {previous_ids.tolist()}")
    used = {*used_ids, *previous_ids.tolist()}
    if not len(previous_centroids):
        return first_identities(len(centroids), used)
    # A fixed order of rows, so that ties do not depend on the order given.
    order = np.argsort(previous_ids)
    previous_centroids, previous_ids = previous_centroids[order], previous_ids[order]

    distances = cdist(centroids, previous_centroids)
    separations = cdist(previous_centroids, previous_centroids)
    np.fill_diagonal(separations, np.inf)
    allowed = distances <= REACH * separations.min(axis=1)
    costs = np.where(allowed, distances**2, 0)
    # One pair that is not allowed costs more than all that are, so none replaces one.
    costs[~allowed] = 1 + len(costs) * costs.max()
    matched = {
        int(row): int(column)
        for row, column in zip(*linear_sum_assignment(costs), strict=True)
        if allowed[row, column]
    }
    newcomers = iter(first_identities(len(centroids), used))
    return [
        Identity(
            segment_id=int(previous_ids[matched[row]]),
            previous_segment_id=int(previous_ids[matched[row]]),
            distance_moved=float(distances[row, matched[row]]),
        )
        if row in matched
        else next(newcomers)
        for row in range(len(centroids))
    ]
