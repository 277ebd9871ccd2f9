"""How many segments: the rule of ``auto``, and the table of all numbers scored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.clustering.counts import (
    CountScore,
    choices_by_criterion,
    highest,
    score_counts,
)
from mall_segments.clustering.frames import each_fitted, typed_frame
from mall_segments.clustering.kmeans import fit_kmeans_range
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.clustering import BoolArray, FloatArray, IntArray
    from mall_segments.clustering.kmeans import KMeansFit
    from mall_segments.settings import Segmentation

LEAST_SCORED: Final = 10
"""Numbers of segments are scored up to this, or up to the settings if higher."""

VOTERS: Final = ("silhouette", "calinski_harabasz", "gap", "jaccard", "separation")
"""Criteria that vote; see docs/method.md for how often each alone is right."""

KEPT_VOTES: Final = 1
"""Votes by which another number must lead for the published one to be given up, ..."""

KEPT_SILHOUETTE: Final = 0.03
"""... and how much higher its silhouette must be."""

MOST_STRAYS: Final = 2
"""Customers of a segment that count as strays, where two or three segments leave it."""

STRAY_COUNTS: Final = (2, 3)
"""Numbers of segments that are looked at for strays."""

STRAY_ROUNDS: Final = 3
"""How often strays are looked for among those who are left."""

LEAST_AVERAGE: Final = 3
"""Customers per segment, on average, below which a number is not chosen."""

LEAST_OTHERS: Final = 20
"""Points below which everybody is kept."""

_TYPES: Final = {
    "segmentation": "text",
    "n_segments": "int64",
    "inertia": "float64",
    "silhouette": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "gap": "float64",
    "gap_standard_error": "float64",
    "stability_ari": "float64",
    "lowest_jaccard": "float64",
    "separation": "float64",
    "smallest_segment_share": "float64",
    "is_exact": "bool",
    "is_chosen": "bool",
    "chosen_by": "text",
}


@dataclass(frozen=True)
class Choice:
    """A number of segments and why: ``vote``, ``previous`` or ``setting``."""

    n_segments: int
    reason: str


def score_cluster_counts(
    points: pd.DataFrame,
    settings: Mapping[str, Any],
    previous_counts: Mapping[str, int | None] | None = None,
) -> pd.DataFrame:
    """Score every number of segments and mark the chosen one.

    ``points`` are rows of ``int_points``, in any order; ``previous_counts`` has, by
    segmentation, the number of segments published last. Returns the rows of
    ``fct_cluster_count_scores``: from 1 to at least 10 segments where there are as many
    distinct points.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments are asked for.
    """
    parsed = read_settings(settings)
    previous = previous_counts or {}
    rows: list[dict[str, Any]] = []
    for segmentation, values, weights in each_fitted(points, parsed):
        least, n = segmentation.min_segments, int(weights.sum())
        most = max(LEAST_SCORED, segmentation.max_segments, segmentation.least_segments)
        scores = score_counts(
            values,
            weights,
            max_segments=min(len(values), most),
            random_seed=segmentation.random_seed,
        )
        if segmentation.n_segments == "auto":
            share = segmentation.min_segment_share
            choice = choose_count(
                scores_without_strays(values, weights, scores, segmentation),
                low=least,
                high=min(segmentation.max_segments, max(least, n // LEAST_AVERAGE)),
                least_share=parsed.min_segment_share if share is None else share,
                previous=previous.get(segmentation.name),
            )
        else:
            choice = Choice(segmentation.n_segments, "setting")
        criteria = {choice.reason: choice.n_segments, **choices_by_criterion(scores)}
        rows += [
            _row(score, segmentation.name, choice.n_segments, criteria)
            for score in scores
        ]
    return typed_frame(rows, _TYPES)


def _row(
    score: CountScore, name: str, chosen: int, criteria: Mapping[str, int | None]
) -> dict[str, Any]:
    names = [each for each, choice in criteria.items() if choice == score.n_segments]
    return {
        **vars(score),
        "segmentation": name,
        "inertia": score.fit.inertia,
        "stability_ari": score.stability,
        "is_chosen": score.n_segments == chosen,
        "chosen_by": ", ".join(names) or None,
    }


def choose_count(
    scores: Sequence[CountScore],
    *,
    low: int,
    high: int,
    least_share: float = 0.0,
    previous: int | None = None,
) -> Choice:
    """Choose a number of segments from ``low`` to ``high`` by the vote of criteria.

    Numbers with a smaller segment than ``least_share`` are left out, unless that leaves
    none. The number most of :data:`VOTERS` choose is taken; of several, the one of the
    highest silhouette. The ``previous`` number stays if it has a vote and another leads
    by one only, or if no silhouette is higher by more than 0.03.
    """
    allowed = [score for score in scores if low <= score.n_segments <= high]
    if not allowed:
        return Choice(scores[-1].n_segments, "vote")
    large = [score for score in allowed if score.smallest_segment_share >= least_share]
    considered = large or allowed
    choices = choices_by_criterion(considered, with_one=False)
    votes = Counter(choice for name in VOTERS if (choice := choices[name]) is not None)
    values = {
        score.n_segments: -1.0 if score.silhouette is None else score.silhouette
        for score in considered
    }
    most = max(votes.values(), default=0)
    chosen = highest({k: v for k, v in values.items() if votes[k] == most})
    assert chosen is not None  # noqa: S101  The number with most votes is considered.
    if previous in values and (
        values[previous] >= values[chosen] - KEPT_SILHOUETTE
        or 0 < votes[previous] >= most - KEPT_VOTES
    ):
        return Choice(previous, "previous" if previous != chosen else "vote")
    return Choice(chosen, "vote")


def scores_without_strays(
    points: FloatArray,
    weights: IntArray,
    scores: Sequence[CountScore],
    segmentation: Segmentation,
) -> Sequence[CountScore]:
    """Score the numbers as if customers who stand alone were not there.

    Every partition gives a customer far from all others a segment of its own, and the
    best of two segments is then that customer and all the rest. So the others are
    scored without such customers, and all who stand alone count as one segment more.
    """
    fits = [score.fit for score in scores if score.n_segments in STRAY_COUNTS]
    is_kept = _without_strays(points, weights, fits, segmentation.random_seed)
    others = points[is_kept]
    if len(others) == len(points) or len(others) < LEAST_OTHERS:
        return scores
    own = score_counts(
        others,
        weights[is_kept],
        max_segments=min(len(others), len(scores) - 1),
        random_seed=segmentation.random_seed,
    )
    return [
        replace(score, n_segments=score.n_segments + 1)
        for score in own
        if score.n_segments > 1
    ]


def _without_strays(
    points: FloatArray,
    weights: IntArray,
    fits: Sequence[KMeansFit],
    random_seed: int,
) -> BoolArray:
    """Which points are left when those of one or two customers far away are gone."""
    is_kept = np.ones(len(points), dtype=np.bool_)
    for _ in range(STRAY_ROUNDS):
        is_stray = np.any(
            [fit.sizes[fit.labels] <= MOST_STRAYS for fit in fits], axis=0
        )
        if not is_stray.any():
            break
        is_kept[np.flatnonzero(is_kept)[is_stray]] = False
        if is_kept.sum() < LEAST_OTHERS:
            break
        found = fit_kmeans_range(
            points[is_kept],
            weights[is_kept],
            n_segments=STRAY_COUNTS,
            random_seed=random_seed,
        )
        fits = list(found.values())
    return is_kept
