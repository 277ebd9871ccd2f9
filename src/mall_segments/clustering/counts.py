"""Scores of each number of segments, and what the published criteria make of them.

Criteria disagree, and that is worth seeing, so each keeps its own choice, also where
that is one segment. Where a criterion has no answer its choice is ``None``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mall_segments.clustering.kmeans import (
    assign_points,
    fit_kmeans_range,
    merge_points,
    sample_customers,
)
from mall_segments.clustering.metrics import (
    compactness,
    separation,
    silhouettes,
)
from mall_segments.clustering.references import (
    is_simulated_whole,
    simulated_customers,
    uniform_sets,
)
from mall_segments.clustering.runs import fit_sets
from mall_segments.clustering.stability import STABLE, stabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.clustering.kmeans import KMeansFit

EXACT_LIMIT = 10_000
"""Points up to which silhouettes use every point."""

SAMPLED_CUSTOMERS = 10_000
"""Customers, evenly spread, of whom silhouettes are computed where points are more."""

N_REFERENCES = 20
"""Uniform reference sets of the gap statistic."""

APART = 3.4
"""Separation of the closest segments up to which they may be parts of one."""

TIE = 1e-9
"""Scores closer than this are equal; the smaller number of segments wins."""

_STREAM = 1


@dataclass(frozen=True)
class CountScore:
    """What one number of segments achieves; ``None`` where a score is undefined.

    ``stability`` is the mean adjusted Rand index, ``lowest_jaccard`` the mean Jaccard
    index of the least stable segment; ``is_exact`` says whether every measure used
    every customer.
    """

    n_segments: int
    fit: KMeansFit
    silhouette: float | None
    calinski_harabasz: float | None
    davies_bouldin: float | None
    gap: float | None
    gap_standard_error: float | None
    stability: float | None
    lowest_jaccard: float | None
    separation: float | None
    smallest_segment_share: float
    is_exact: bool


def score_counts(
    points: FloatArray, weights: IntArray, *, max_segments: int, random_seed: int
) -> list[CountScore]:
    """Fit and score 1 to ``max_segments`` segments, for any order of points alike."""
    distinct, counts = merge_points(points, weights)
    numbers = range(1, max_segments + 1)
    fits = fit_kmeans_range(
        distinct, counts, n_segments=numbers, random_seed=random_seed
    )
    tables = [fits[number].centroids for number in numbers]
    gaps = gap_statistics(
        distinct,
        counts,
        [fits[number].inertia for number in numbers],
        random_seed=random_seed,
    )
    stable = stabilities(distinct, counts, tables, random_seed=random_seed)
    compared, compared_counts = sample_for_silhouettes(distinct, counts)
    labelings = [assign_points(compared, table) for table in tables]
    compared_values = silhouettes(compared, compared_counts, labelings)
    scores = []
    for place, number in enumerate(numbers):
        fit, values = fits[number], compared_values[place]
        jaccard, rand = stable[place]
        ratio, overlap = compactness(distinct, counts, fit.labels)
        scores.append(
            CountScore(
                n_segments=number,
                fit=fit,
                silhouette=None
                if values is None
                else float(np.average(values, weights=compared_counts)),
                calinski_harabasz=ratio,
                davies_bouldin=overlap,
                gap=gaps[place][0],
                gap_standard_error=gaps[place][1],
                stability=rand if number > 1 else None,
                lowest_jaccard=(
                    None
                    if number == 1 or np.isnan(jaccard).all()
                    else float(np.nanmin(jaccard))
                ),
                separation=separation(compared, compared_counts, labelings[place]),
                smallest_segment_share=float(fit.sizes.min() / counts.sum()),
                is_exact=is_simulated_whole(counts) and len(distinct) <= EXACT_LIMIT,
            )
        )
    return scores


def gap_statistics(
    points: FloatArray,
    weights: IntArray,
    inertias: Sequence[float],
    *,
    random_seed: int,
) -> list[tuple[float | None, float | None]]:
    """Compare the inertia with that of customers spread evenly over the same box [1]_.

    ``inertias`` are those of 1, 2, ... segments. Returns the gap of each in units of
    the natural logarithm, and its simulation error ``sd * sqrt(1 + 1 / n_references)``;
    ``None`` where an inertia is 0.

    References fill the box along the principal axes, variant (b), with as many
    customers as the inertia is of: all, or 1,000 sampled evenly of more, to whom the
    segments are then fitted anew.

    References
    ----------
    .. [1] Tibshirani, Walther and Hastie (2001), "Estimating the number of clusters
       in a data set via the gap statistic", J. R. Statist. Soc. B 63, 411-423.
    """
    customers = simulated_customers(points, weights)
    references = uniform_sets(
        customers, n_sets=N_REFERENCES, random_seed=[random_seed, _STREAM]
    )
    ones = np.ones((1, len(customers)))
    drawn = fit_sets(
        references,
        ones,
        max_segments=len(inertias),
        random_seed=[random_seed, _STREAM, 1],
    )
    if not is_simulated_whole(weights):
        own = fit_sets(
            customers[None],
            ones,
            max_segments=len(inertias),
            random_seed=[random_seed, _STREAM, 2],
        )
        inertias = [float(fit.inertias[0]) for fit in own]
    results: list[tuple[float | None, float | None]] = []
    for inertia, fits in zip(inertias, drawn, strict=True):
        if inertia <= 0 or fits.inertias.min() <= 0:
            results.append((None, None))
            continue
        logarithms = np.log(fits.inertias)
        results.append(
            (
                float(logarithms.mean() - math.log(inertia)),
                float(logarithms.std() * math.sqrt(1 + 1 / N_REFERENCES)),
            )
        )
    return results


def sample_for_silhouettes(
    points: FloatArray, weights: IntArray
) -> tuple[FloatArray, IntArray]:
    """Take all points where silhouettes are exact, else those of sampled customers."""
    if len(points) <= EXACT_LIMIT:
        return points, weights
    return sample_customers(points, weights, SAMPLED_CUSTOMERS)


def choices_by_criterion(
    scores: Sequence[CountScore], *, with_one: bool = True
) -> dict[str, int | None]:
    """Say which number of segments each criterion would choose.

    ``silhouette``: the highest. ``calinski_harabasz``: the highest, unless that is the
    last number, where it only shows that the measure still rises. ``davies_bouldin``:
    the lowest. ``gap``: see :func:`choice_by_gap`, which alone can choose 1, unless
    ``with_one`` is false. ``jaccard``: the largest number whose segments all reach
    0.75. ``separation``: the largest of which no two are closer than 3.4. Scores within
    1e-9 are equal, and the smaller number wins.
    """
    several = [score for score in scores if score.n_segments > 1]
    last = max((score.n_segments for score in several), default=None)
    ratio = highest({s.n_segments: s.calinski_harabasz for s in several})
    return {
        "silhouette": highest({s.n_segments: s.silhouette for s in several}),
        "calinski_harabasz": None if ratio == last else ratio,
        "davies_bouldin": highest(
            {
                s.n_segments: None if s.davies_bouldin is None else -s.davies_bouldin
                for s in several
            }
        ),
        "gap": choice_by_gap(
            [
                (s.n_segments, s.gap, s.gap_standard_error)
                for s in (scores if with_one else several)
            ]
        ),
        "jaccard": _largest({s.n_segments: s.lowest_jaccard for s in several}, STABLE),
        "separation": _largest({s.n_segments: s.separation for s in several}, APART),
    }


def _largest(values: Mapping[int, float | None], least: float) -> int | None:
    """Return the largest number whose value is high enough."""
    reached = [
        number
        for number, value in values.items()
        if value is not None and value >= least
    ]
    return max(reached, default=None)


def choice_by_gap(
    gaps: Sequence[tuple[int, float | None, float | None]],
) -> int | None:
    """Return the first number whose gap reaches the next one less its standard error.

    1 where the customers look as if spread evenly; ``None`` where no number fulfils it.

    Examples
    --------
    >>> choice_by_gap([(1, 0.1, 0.02), (2, 0.5, 0.02), (3, 0.51, 0.02)])
    2
    >>> choice_by_gap([(1, 0.1, 0.02), (2, 0.09, 0.02)])
    1
    """
    for (number, gap, _), (_, following, error) in pairwise(gaps):
        if gap is None or following is None or error is None:
            continue
        if gap >= following - error:
            return number
    return None


def highest(values: Mapping[int, float | None]) -> int | None:
    """Return the smallest number whose value is the highest, within 1e-9."""
    known = {number: value for number, value in values.items() if value is not None}
    if not known:
        return None
    top = max(known.values())
    return min(number for number, value in known.items() if value >= top - TIE)
