"""Customers without segments, drawn to look like the given ones otherwise.

Whether segments are there is asked by comparing with sets in which there are none: even
spread over the box along the principal axes, and one cloud of the same covariance and
skewness. What K-means makes of these shows how good a number can look by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from mall_segments.clustering.kmeans import sample_customers
from mall_segments.clustering.threads import use_one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.clustering import FloatArray, IntArray

SIMULATED_CUSTOMERS = 1_000
"""Customers on which simulations run; of more, so many are taken evenly."""

LEAST_SKEWNESS = 0.5
"""Skewness from which on a coordinate of the cloud is bent to have it, too."""

LEAST_WIDTH = 1e-12
"""Width of a box below which it counts as flat in that direction."""

RARE = 0.05
"""Chance that the farthest of one cloud lies no farther, below which it is none."""

BISECTIONS = 40
"""Halvings in search of the shift that leaves no skewness."""


def simulated_customers(points: FloatArray, weights: IntArray) -> FloatArray:
    """Rows of the customers that simulations run on, of sorted, merged points."""
    return np.repeat(*sample_customers(points, weights, SIMULATED_CUSTOMERS), axis=0)


def is_simulated_whole(weights: IntArray) -> bool:
    """Whether simulations use every customer."""
    return int(weights.sum()) <= SIMULATED_CUSTOMERS


def uniform_sets(
    customers: FloatArray, *, n_sets: int, random_seed: Sequence[int]
) -> FloatArray:
    """Draw sets spread evenly over the box along the customers' principal axes [1]_.

    The result has the shape (n_sets, n_customers, n_features).

    References
    ----------
    .. [1] Tibshirani, Walther and Hastie (2001), "Estimating the number of clusters
       in a data set via the gap statistic", J. R. Statist. Soc. B 63, 411-423,
       variant (b).
    """
    center, axes = _principal_axes(customers)
    # Where no direction stands out the axes are arbitrary, and their box has empty
    # corners: the box along the features is taken where it is the smaller one.
    boxes = [(customers - center) @ turn.T for turn in (np.eye(len(axes)), axes)]
    widths = [np.ptp(box, axis=0) for box in boxes]
    volumes = [np.log(np.maximum(width, LEAST_WIDTH)).sum() for width in widths]
    if volumes[0] <= volumes[1]:
        axes = np.eye(len(axes))
    turned = (customers - center) @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    generator = np.random.default_rng(random_seed)
    drawn = generator.random((n_sets, *customers.shape))
    sets: FloatArray = (low + drawn * (high - low)) @ axes + center
    return sets


def cloud_sets(
    customers: FloatArray, *, n_sets: int, random_seed: Sequence[int]
) -> FloatArray:
    """Draw sets from one cloud with the customers' covariance and skewness.

    A coordinate that is skewed, as money is, is taken as a shifted logarithm without
    skewness, in which the cloud is normal; one that is not, as it is. Without that,
    the long tail of a single cloud would pass for a segment.
    """
    straight = [_straighten(column) for column in customers.T]
    inner = np.column_stack([column for column, _, _ in straight])
    center, axes = _principal_axes(inner)
    spread = ((inner - center) @ axes.T).std(axis=0)
    generator = np.random.default_rng(random_seed)
    drawn = generator.standard_normal((n_sets, *customers.shape))
    sets: FloatArray = (drawn * spread) @ axes + center
    for place, (column, sign, shift) in enumerate(straight):
        if sign:
            logarithms = sets[:, :, place]
            farthest = (column.max() - column.mean()) / column.std()
            if farthest < ndtri(RARE ** (1 / len(column))):
                logarithms = _fold(logarithms, column)
            sets[:, :, place] = sign * (np.exp(logarithms) - shift)
    return sets


def _fold(drawn: FloatArray, column: FloatArray) -> FloatArray:
    """Mirror what was drawn beyond the customers' range back into it.

    Where groups lie apart, the normal distribution reaches farther than they do, and
    the exponential makes single values of that which no customer is near. Where they
    do not, the farthest customers are as chance has them, and so must the cloud's be.
    """
    low, high = float(column.min()), float(column.max())
    folded = high - np.abs(high - drawn)
    return np.clip(low + np.abs(folded - low), low, high)


def _straighten(column: FloatArray) -> tuple[FloatArray, int, float]:
    """Take the skewness out of a coordinate: ``log(sign * column + shift)``.

    The sign is 0, and the column what it was, where there is little skewness.
    """
    skewness = _skewness(column)
    if abs(skewness) < LEAST_SKEWNESS:
        return column, 0, 0.0
    sign = 1 if skewness > 0 else -1
    values = sign * column
    low, width = float(values.min()), float(np.ptp(values))
    # The farther the shift, the straighter the logarithm.
    near, far = 1e-4, 1e4
    for _ in range(BISECTIONS):
        middle = (near * far) ** 0.5
        if _skewness(np.log(values - low + middle * width)) > 0:
            far = middle
        else:
            near = middle
    shift = far * width - low
    return np.log(values + shift), sign, shift


def _skewness(column: FloatArray) -> float:
    offsets, spread = column - column.mean(), float(column.std())
    return float((offsets**3).mean()) / spread**3 if spread > 0 else 0.0


def _principal_axes(customers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and unit vectors, one per row, along which the customers vary."""
    use_one_thread()
    center = customers.mean(axis=0)
    spread = (customers - center).T @ (customers - center)
    _, vectors = np.linalg.eigh(spread)
    axes = vectors.T
    # The sign of an eigenvector is the library's choice.
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    return center, axes * signs[:, None]
