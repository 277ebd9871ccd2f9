"""How many segments: the rule of ``auto``, and the table of all numbers scored."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from mall_segments.clustering.counts import (
    CountScore,
    choices_by_criterion,
    highest,
    score_counts,
)
from mall_segments.clustering.frames import each_fitted, read_settings, typed_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.settings import Segmentation

LEAST_SCORED: Final = 10
"""Numbers of segments are scored up to this, or up to the settings if higher."""

VOTERS: Final = ("silhouette", "calinski_harabasz", "gap", "jaccard", "separation")
"""Criteria that vote; see docs/method.md for how often each alone is right."""

KEPT_VOTES: Final = 1
"""Votes by which another number must lead for the published one to be given up, ..."""

KEPT_SILHOUETTE: Final = 0.03
"""... and how much higher its silhouette must be."""

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


def score_cluster_counts(
    points: pd.DataFrame,
    settings: Mapping[str, Any],
    previous_counts: Mapping[str, int | None] | None = None,
) -> pd.DataFrame:
    """Score every number of segments and mark the chosen one.

    Parameters
    ----------
    points : pandas.DataFrame
        Rows of ``int_points``: ``segmentation``, ``coordinate_1``, ... and
        ``n_fitted``, in any order.
    settings : mapping
        Settings of the build.
    previous_counts : mapping of str to (int or None), optional
        By segmentation, the number of segments published last.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and number of segments, from 1 to at least 10 where
        there are as many distinct points. ``chosen_by`` lists the criteria that choose
        the number, separated by commas.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments are asked for.
    """
    parsed = read_settings(settings)
    previous = previous_counts or {}
    rows: list[dict[str, Any]] = []
    for segmentation, values, weights in each_fitted(points, parsed):
        scores = score_counts(
            values,
            weights,
            max_segments=min(len(values), _largest_count(segmentation)),
            random_seed=segmentation.random_seed,
        )
        criteria = choices_by_criterion(scores)
        if segmentation.n_segments == "auto":
            share = segmentation.min_segment_share
            chosen = choose_count(
                scores,
                low=segmentation.min_segments,
                high=segmentation.max_segments,
                least_share=parsed.min_segment_share if share is None else share,
                previous=previous.get(segmentation.name),
            )
        else:
            chosen = criteria["setting"] = segmentation.n_segments
        rows += [
            _row(score, segmentation.name, chosen, criteria) for score in scores
        ]
    return typed_frame(rows, _TYPES)


def _row(
    score: CountScore, name: str, chosen: int, criteria: Mapping[str, int | None]
) -> dict[str, Any]:
    names = [each for each, choice in criteria.items() if choice == score.n_segments]
    return {
        "segmentation": name,
        "n_segments": score.n_segments,
        "inertia": score.fit.inertia,
        "silhouette": score.silhouette,
        "calinski_harabasz": score.calinski_harabasz,
        "davies_bouldin": score.davies_bouldin,
        "gap": score.gap,
        "gap_standard_error": score.gap_standard_error,
        "stability_ari": score.stability,
        "lowest_jaccard": score.lowest_jaccard,
        "separation": score.separation,
        "smallest_segment_share": score.smallest_segment_share,
        "is_exact": score.is_exact,
        "is_chosen": score.n_segments == chosen,
        "chosen_by": ", ".join(names) or None,
    }


def _largest_count(segmentation: Segmentation) -> int:
    return max(LEAST_SCORED, segmentation.max_segments, segmentation.least_segments)


def choose_count(
    scores: Sequence[CountScore],
    *,
    low: int,
    high: int,
    least_share: float = 0.0,
    previous: int | None = None,
) -> int:
    """Choose a number of segments by the vote of criteria.

    Parameters
    ----------
    scores : sequence of CountScore
        For 1, 2, ... segments.
    low, high : int
        Range to choose from, both included.
    least_share : float
        Numbers with a smaller segment are left out, unless that leaves none.
    previous : int, optional
        The number published last, which is kept where the vote is close.

    Returns
    -------
    int
        The number with the most votes; of several, the one of the highest silhouette.
    """
    allowed = [score for score in scores if low <= score.n_segments <= high]
    if not allowed:
        return scores[-1].n_segments
    large = [score for score in allowed if score.smallest_segment_share >= least_share]
    considered = large or allowed
    choices = choices_by_criterion(considered, with_one=False)
    votes = Counter(
        choice for name in VOTERS if (choice := choices[name]) is not None
    )
    values = {score.n_segments: score.silhouette or -1.0 for score in considered}
    most = max(votes.values(), default=0)
    chosen = highest({k: v for k, v in values.items() if votes[k] == most})
    if chosen is None:
        return low
    if previous in values and (
        values[previous] >= values[chosen] - KEPT_SILHOUETTE
        or 0 < votes[previous] >= most - KEPT_VOTES
    ):
        return previous
    return chosen
