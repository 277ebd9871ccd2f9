"""How many segments: scores of each number and what each criterion would choose.

Criteria disagree, and that is worth seeing, so each keeps its own choice. All of
them choose 2 segments or more; where a criterion has no answer its choice is
``None``.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mall_segments.clustering.kmeans import (
    assign_points,
    draw_starts,
    fit_kmeans_range,
    merge_points,
    run_lloyd,
    sample_customers,
)
from mall_segments.clustering.metrics import (
    adjusted_rand,
    compactness,
    silhouettes,
    weighted_mean,
)
from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.clustering.kmeans import KMeansFit

EXACT_LIMIT = 20_000
"""Points up to which silhouettes use every point."""

SAMPLED_CUSTOMERS = 10_000
"""Customers, evenly spread, of whom silhouettes are computed where points are more."""

RESAMPLING_LIMIT = 500
"""Customers, or points where fewer, on which gap and stability are simulated."""

N_REFERENCES = 20
"""Uniform reference data sets of the gap statistic."""

N_RESAMPLES = 30
"""Bootstrap resamples of the stability."""

N_FRESH_STARTS = 3
"""k-means++ starts of each simulated fit, besides the informed ones."""

TIE = 1e-9
"""Scores closer than this are equal; the smaller number of segments wins."""


@dataclass(frozen=True)
class CountScore:
    """What one number of segments achieves; ``None`` where a score is undefined.

    Attributes
    ----------
    n_segments : int
        Number of segments, from 1.
    fit : KMeansFit
        The partition that was scored.
    silhouette, calinski_harabasz, davies_bouldin : float or None
        Measures of the partition; see :mod:`mall_segments.clustering.metrics`.
    gap, gap_standard_error : float or None
        Gap statistic; see :func:`gap_statistics`.
    stability : float or None
        Mean adjusted Rand index; see :func:`stabilities`.
    smallest_segment_share : float
        Customers of the smallest segment, as a share of all fitted customers.
    is_exact : bool
        Whether the silhouette used every point.
    """

    n_segments: int
    fit: KMeansFit
    silhouette: float | None
    calinski_harabasz: float | None
    davies_bouldin: float | None
    gap: float | None
    gap_standard_error: float | None
    stability: float | None
    smallest_segment_share: float
    is_exact: bool


def score_counts(
    points: FloatArray, weights: IntArray, *, max_segments: int, random_seed: int
) -> list[CountScore]:
    """Fit and score 1 to ``max_segments`` segments.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Points in scaled units, in any order.
    weights : array of shape (n_points,)
        Customers per point.
    max_segments : int
        Largest number, at most the number of distinct points with customers.
    random_seed : int
        Seed of the fits and of the simulations.

    Returns
    -------
    list of CountScore
        One per number of segments, ascending; the same for any order of the points.

    Raises
    ------
    ValueError
        As :func:`mall_segments.clustering.kmeans.fit_kmeans`.
    """
    numbers = range(1, max_segments + 1)
    distinct, counts = merge_points(points, weights)
    fits = fit_kmeans_range(
        distinct, counts, n_segments=numbers, random_seed=random_seed
    )
    centroids = [fits[number].centroids for number in numbers]
    simulations: list[Callable[..., list[Any]]] = [
        partial(
            gap_statistics,
            inertias=[fits[number].inertia for number in numbers],
            random_seed=random_seed,
        ),
        partial(stabilities, centroids=centroids, random_seed=random_seed),
    ]
    gaps, stable = in_parallel(lambda simulate: simulate(distinct, counts), simulations)
    averages = _mean_silhouettes(distinct, counts, centroids)
    compact = in_parallel(
        lambda number: compactness(distinct, counts, fits[number].labels), numbers
    )
    return [
        CountScore(
            n_segments=number,
            fit=fits[number],
            silhouette=averages[number - 1],
            calinski_harabasz=compact[number - 1][0],
            davies_bouldin=compact[number - 1][1],
            gap=gaps[number - 1][0],
            gap_standard_error=gaps[number - 1][1],
            stability=stable[number - 1],
            smallest_segment_share=float(fits[number].sizes.min() / counts.sum()),
            is_exact=len(distinct) <= EXACT_LIMIT,
        )
        for number in numbers
    ]


def gap_statistics(
    points: FloatArray,
    weights: IntArray,
    inertias: Sequence[float],
    *,
    random_seed: int,
    n_references: int = N_REFERENCES,
) -> list[tuple[float | None, float | None]]:
    """Compare the inertia with that of customers spread evenly over the same box.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Sorted, merged points in scaled units.
    weights : array of shape (n_points,)
        Customers per point, at least 1.
    inertias : sequence of float
        Inertia with 1, 2, ... segments.
    random_seed : int
        Seed of the reference customers.
    n_references : int
        Reference data sets.

    Returns
    -------
    list of (gap, standard error)
        Gap in units of the natural logarithm, and its simulation error
        ``sd * sqrt(1 + 1 / n_references)``; ``None`` where an inertia is 0.

    Notes
    -----
    A reference is drawn from the uniform distribution over the box that bounds the
    points, feature by feature, variant (a) of [1]_, with as many customers as there
    are, at most 500; more would only scale its inertia, which is done instead.

    References
    ----------
    .. [1] Tibshirani, Walther and Hastie (2001), "Estimating the number of clusters
       in a data set via the gap statistic", J. R. Statist. Soc. B 63, 411-423.
    """
    generator = np.random.default_rng([random_seed, 1])
    n_customers = int(weights.sum())
    n_drawn = min(n_customers, RESAMPLING_LIMIT)
    low, high = points.min(axis=0), points.max(axis=0)
    shape = (points.shape[1], n_references, n_drawn)
    references = (
        low[:, None, None] + generator.random(shape) * (high - low)[:, None, None]
    )
    weight = np.full((1, n_drawn), n_customers / n_drawn)
    results: list[tuple[float | None, float | None]] = []
    centroids = references.mean(axis=2).T[:, None]
    for place, inertia in enumerate(inertias):
        if place == 0:
            centroids, spread, _ = run_lloyd(references, weight, centroids)
        else:
            centroids, spread, _ = _refit(
                references,
                weight,
                n_segments=place + 1,
                informed=centroids,
                generator=generator,
            )
        if inertia <= 0 or spread.min() <= 0:
            results.append((None, None))
            continue
        logarithms = np.log(spread)
        results.append(
            (
                float(logarithms.mean() - math.log(inertia)),
                float(logarithms.std() * math.sqrt(1 + 1 / n_references)),
            )
        )
    return results


def stabilities(
    points: FloatArray,
    weights: IntArray,
    centroids: Sequence[FloatArray],
    *,
    random_seed: int,
    n_resamples: int = N_RESAMPLES,
) -> list[float | None]:
    """Ask how well partitions of resampled customers agree with the given ones.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Sorted, merged points in scaled units.
    weights : array of shape (n_points,)
        Customers per point, at least 1.
    centroids : sequence of arrays of shape (n_segments, n_features)
        Partitions to judge.
    random_seed : int
        Seed of the resamples.
    n_resamples : int
        Resamples per partition.

    Returns
    -------
    list of (float or None)
        Mean adjusted Rand index, 1 at best; ``None`` for one segment, which cannot
        disagree.

    Notes
    -----
    As many customers as there are (at most 500) are drawn with replacement,
    K-means is fitted to them, and its centroids and the given ones each assign all
    customers [1]_. With more than 500 points, all of this happens on a systematic
    sample of 500 customers.

    References
    ----------
    .. [1] Hennig (2007), "Cluster-wise assessment of cluster stability", Comput.
       Stat. Data Anal. 52, 258-271; with the index of Hubert and Arabie (1985).
    """
    generator = np.random.default_rng([random_seed, 2])
    points, weights = sample_customers(
        points, weights, limit=RESAMPLING_LIMIT, n_customers=RESAMPLING_LIMIT
    )
    n_customers = int(weights.sum())
    drawn = generator.multinomial(
        min(n_customers, RESAMPLING_LIMIT), weights / n_customers, size=n_resamples
    ).astype(np.float64)
    columns = np.ascontiguousarray(points.T)[:, None]
    results: list[float | None] = []
    for reference in centroids:
        n_segments = len(reference)
        if n_segments == 1:
            results.append(None)
            continue
        _, _, labels = _refit(
            columns,
            drawn,
            n_segments=n_segments,
            informed=np.repeat(reference[None], n_resamples, axis=0),
            generator=generator,
        )
        own = assign_points(points, reference)
        results.append(
            float(np.mean([adjusted_rand(own, other, weights) for other in labels]))
        )
    return results


def sample_for_silhouettes(
    points: FloatArray, weights: IntArray
) -> tuple[FloatArray, IntArray]:
    """Take all points where silhouettes are exact, else those of sampled customers."""
    return sample_customers(
        points, weights, limit=EXACT_LIMIT, n_customers=SAMPLED_CUSTOMERS
    )


def find_elbow(inertias: Mapping[int, float]) -> int | None:
    """Find where the inertia stops falling steeply, by the kneedle algorithm.

    Parameters
    ----------
    inertias : mapping of int to float
        Inertia by number of segments.

    Returns
    -------
    int or None
        The elbow; ``None`` when the curve is too short or too smooth to have one.

    References
    ----------
    .. [1] Satopaa et al. (2011), "Finding a kneedle in a haystack", ICDCSW, 166-171.

    Examples
    --------
    >>> find_elbow({1: 100, 2: 40, 3: 10, 4: 8, 5: 6, 6: 5})
    3
    >>> find_elbow({1: 3, 2: 2, 3: 1}) is None
    True
    """
    from kneed import KneeLocator  # noqa: PLC0415  Loads scipy.signal.

    numbers = sorted(inertias)
    values = [inertias[number] for number in numbers]
    if len(numbers) < 3 or values[0] <= values[-1]:  # noqa: PLR2004
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        elbow = KneeLocator(
            numbers, values, curve="convex", direction="decreasing"
        ).knee
    return None if elbow is None or elbow <= 1 else int(elbow)


def choices_by_criterion(scores: Sequence[CountScore]) -> dict[str, int | None]:
    """Say which number of segments each criterion would choose.

    Parameters
    ----------
    scores : sequence of CountScore
        For 1, 2, ... segments.

    Returns
    -------
    dict of str to (int or None)
        ``elbow``: see :func:`find_elbow`. ``silhouette``, ``calinski_harabasz`` and
        ``stability``: the highest score. ``davies_bouldin``: the lowest. ``gap``:
        the smallest number whose gap is at least the next gap less its standard
        error; ``None`` when that is 1 segment or no scored number. Scores within
        1e-9 are equal, and the smaller number wins.
    """
    several = [score for score in scores if score.n_segments > 1]
    return {
        "elbow": find_elbow({score.n_segments: score.fit.inertia for score in scores}),
        "silhouette": highest({s.n_segments: s.silhouette for s in several}),
        "calinski_harabasz": highest(
            {s.n_segments: s.calinski_harabasz for s in several}
        ),
        "davies_bouldin": highest(
            {
                s.n_segments: None if s.davies_bouldin is None else -s.davies_bouldin
                for s in several
            }
        ),
        "gap": _choice_by_gap(scores),
        "stability": highest({s.n_segments: s.stability for s in several}),
    }


def highest(values: Mapping[int, float | None]) -> int | None:
    """Return the smallest number whose value is the highest, within 1e-9.

    Examples
    --------
    >>> highest({2: 0.5, 3: None, 4: 0.5 + 1e-12, 5: 0.1})
    2
    """
    known = {number: value for number, value in values.items() if value is not None}
    if not known:
        return None
    top = max(known.values())
    return min(number for number, value in known.items() if value >= top - TIE)


def _choice_by_gap(scores: Sequence[CountScore]) -> int | None:
    for score, following in pairwise(scores):
        if (
            score.gap is not None
            and following.gap is not None
            and following.gap_standard_error is not None
            and score.gap >= following.gap - following.gap_standard_error
        ):
            return score.n_segments if score.n_segments > 1 else None
    return None


def _mean_silhouettes(
    points: FloatArray, weights: IntArray, centroids: Sequence[FloatArray]
) -> list[float | None]:
    points, weights = sample_for_silhouettes(points, weights)
    labelings = [assign_points(points, table) for table in centroids]
    return [
        None if values is None else weighted_mean(values, weights)
        for values in silhouettes(points, weights, labelings)
    ]


def _refit(
    points: FloatArray,
    weights: FloatArray,
    *,
    n_segments: int,
    informed: FloatArray,
    generator: np.random.Generator,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Fit each run from its informed start and from fresh ones; keep the best."""
    fresh = informed[:, :0]
    found = [
        run_lloyd(
            points,
            weights,
            draw_starts(
                points, weights, given=given, n_segments=n_segments, generator=generator
            ),
        )
        for given in (informed, *[fresh] * N_FRESH_STARTS)
    ]
    best = np.argmin([inertias for _, inertias, _ in found], axis=0)
    runs = np.arange(len(informed))
    centroids, inertias, labels = (
        np.stack(results)[best, runs] for results in zip(*found, strict=True)
    )
    return centroids, inertias, labels
