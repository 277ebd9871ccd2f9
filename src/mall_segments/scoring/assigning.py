"""Place one customer in plain Python, with the arithmetic of the build's SQL."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.model_file import Model, Segment, Segmentation


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Where a customer belongs.

    Attributes
    ----------
    segment : Segment
        The nearest segment, of equally near ones that with the lowest id.
    distance : float
        Distance from its centroid, in scaled units.
    second_segment_id : int
        The second nearest segment.
    membership : float
        Degree of belonging to the nearest segment, from 1 / n_segments to 1.
    is_outlier : bool
        Whether the customer lies beyond the segment's outlier distance.
    is_imputed : bool
        Whether a median stands for any of the segmentation's features.
    """

    segment: Segment
    distance: float
    second_segment_id: int
    membership: float
    is_outlier: bool
    is_imputed: bool


class Assigner:
    """Assigns customers to the segments of one segmentation.

    Parameters
    ----------
    model : Model
        The published model.
    segmentation : Segmentation
        One of its segmentations.

    Attributes
    ----------
    features : tuple of str
        What `assign` takes, in this order: the segmentation's features in the order
        of the model's, in which the build adds up its squares.
    """

    def __init__(self, model: Model, segmentation: Segmentation) -> None:
        scaled = {feature.name: feature for feature in segmentation.features}
        used = [feature for feature in model.features if feature.name in scaled]
        self.features = tuple(feature.name for feature in used)
        self._axes = [
            (
                feature.median,
                scaled[feature.name].center,
                scaled[feature.name].scale,
            )
            for feature in used
        ]
        self._segments = segmentation.segments
        self._centroids = [
            tuple(segment.scaled_centroid[name] for name in self.features)
            for segment in self._segments
        ]

    def assign(self, values: Sequence[float | None]) -> Assignment:
        """Place one customer.

        Parameters
        ----------
        values : sequence of float or None, of length n_features
            Finite values in the features' own units, in the order of `features`;
            None is missing.

        Returns
        -------
        Assignment
            The same as the build gives a customer with these values: missing ones
            are the feature's median, and memberships are those of fuzzy c-means with
            fuzzifier 2 [1]_.

        References
        ----------
        .. [1] Bezdek (1981), "Pattern Recognition with Fuzzy Objective Function
           Algorithms".
        """
        point = [
            ((median if value is None else value) - center) / scale
            for value, (median, center, scale) in zip(values, self._axes, strict=True)
        ]
        squares = []
        for centroid in self._centroids:
            square = 0.0
            for coordinate, middle in zip(point, centroid, strict=True):
                gap = coordinate - middle
                square += gap * gap
            squares.append(square)
        # Equal distances are told apart by position, and segments are in id order.
        nearest, second = sorted(range(len(squares)), key=squares.__getitem__)[:2]
        least = squares[nearest]
        distance = math.sqrt(least)
        segment = self._segments[nearest]
        return Assignment(
            segment=segment,
            distance=distance,
            second_segment_id=self._segments[second].segment_id,
            membership=1 / _affinities(squares, nearest),
            is_outlier=distance > segment.outlier_distance,
            is_imputed=None in values,
        )

    def assign_many(
        self, customers: Sequence[Sequence[float | None]]
    ) -> list[Assignment]:
        """Place many customers at once, each as `assign` would to the last digit.

        Parameters
        ----------
        customers : sequence of shape (n_customers, n_features)
            As for `assign`.

        Returns
        -------
        list of Assignment
            One per customer, in the same order.
        """
        if not customers:
            return []
        values = np.array(customers, dtype=np.float64)
        columns = zip(values.T, self._axes, strict=True)
        point = [
            (np.where(np.isnan(column), median, column) - center) / scale
            for column, (median, center, scale) in columns
        ]
        squares = np.zeros((len(self._centroids), len(values)))
        for position, centroid in enumerate(self._centroids):
            for coordinate, middle in zip(point, centroid, strict=True):
                gap = coordinate - middle
                squares[position] += gap * gap
        order = np.argsort(squares, axis=0, kind="stable")
        least = np.take_along_axis(squares, order[:1], axis=0)[0]
        affinities = np.zeros(len(values))
        for position, square in enumerate(squares):
            affinities += np.where(
                order[0] == position,
                1.0,
                np.divide(least, square, out=np.zeros_like(least), where=square > 0),
            )
        has_missing: np.ndarray[Any, Any] = np.any(np.isnan(values), axis=1)
        return [
            Assignment(
                segment=self._segments[nearest],
                distance=distance,
                second_segment_id=self._segments[second].segment_id,
                membership=membership,
                is_outlier=distance > self._segments[nearest].outlier_distance,
                is_imputed=is_imputed,
            )
            for nearest, second, distance, membership, is_imputed in zip(
                order[0].tolist(),
                order[1].tolist(),
                np.sqrt(least).tolist(),
                (1 / affinities).tolist(),
                has_missing.tolist(),
                strict=True,
            )
        ]


def _affinities(squares: Sequence[float], nearest: int) -> float:
    """Add up each segment's affinity, relative to that of the nearest."""
    least = squares[nearest]
    total = 0.0
    for position, square in enumerate(squares):
        if position == nearest:
            total += 1
        elif least:
            total += least / square
    return total
