"""How many segments: the rule of ``auto``, and the table of all numbers scored."""

from __future__ import annotations

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
        share = segmentation.min_segment_share
        chosen = _choose(
            scores,
            segmentation,
            parsed.min_segment_share if share is None else share,
            previous.get(segmentation.name),
        )
        criteria = choices_by_criterion(scores)
        if segmentation.n_segments != "auto":
            criteria["setting"] = chosen
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
        "smallest_segment_share": score.smallest_segment_share,
        "is_exact": score.is_exact,
        "is_chosen": score.n_segments == chosen,
        "chosen_by": ", ".join(names) or None,
    }


def _largest_count(segmentation: Segmentation) -> int:
    return max(LEAST_SCORED, segmentation.max_segments, segmentation.least_segments)


def _choose(
    scores: Sequence[CountScore],
    segmentation: Segmentation,
    least_share: float,
    previous: int | None,
) -> int:
    """Apply the rule that :func:`score_cluster_counts` states."""
    if segmentation.n_segments != "auto":
        return segmentation.n_segments
    low = min(segmentation.min_segments, scores[-1].n_segments)
    allowed = [
        score
        for score in scores
        if low <= score.n_segments <= segmentation.max_segments
    ]
    large = [s for s in allowed if s.smallest_segment_share >= least_share]
    values = {score.n_segments: score.silhouette for score in large or allowed}
    return highest(values) or low
