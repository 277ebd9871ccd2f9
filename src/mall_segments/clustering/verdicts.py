"""Whether there are segments at all: measures, a verdict and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial import cKDTree

from mall_segments.clustering.counts import choice_by_gap
from mall_segments.clustering.frames import each_fitted, read_settings, typed_frame
from mall_segments.clustering.metrics import silhouettes
from mall_segments.clustering.references import (
    gaussian_sets,
    simulated_customers,
    uniform_sets,
)
from mall_segments.clustering.runs import SetFits, fit_sets
from mall_segments.clustering.stability import STABLE
from mall_segments.clustering.threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mall_segments.clustering import FloatArray, IntArray

N_REFERENCES: Final = 19
"""Reference sets of each kind: the highest of 19 is exceeded by chance 1 time in 20."""

MOST_COMPARED: Final = 10
"""Numbers of segments over which the best silhouette is taken."""

CLEAR: Final = "clear segments"
WEAK: Final = "weak segments"
NONE: Final = "no segments"

_STREAM = 3

_TYPES: Final = {
    "segmentation": "text",
    "verdict": "text",
    "sentence": "text",
    "n_segments": "int64",
    "silhouette": "float64",
    "null_uniform_p95": "float64",
    "null_gaussian_p95": "float64",
    "gap_choice": "Int64",
    "lowest_jaccard": "float64",
    "smallest_segment_share": "float64",
    "hopkins": "float64",
}


@dataclass(frozen=True)
class NullComparison:
    """The best silhouette over the numbers of segments, and what chance achieves.

    Attributes
    ----------
    best : float
        Of the customers.
    uniform, gaussian : float
        The highest of the reference sets of each kind.
    """

    best: float
    uniform: float
    gaussian: float

    @property
    def is_beaten(self) -> bool:
        """Whether the customers group better than both kinds of chance."""
        return self.best > max(self.uniform, self.gaussian)


def judge_segmentations(
    points: pd.DataFrame, cluster_counts: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Say of each segmentation whether its segments are there.

    Parameters
    ----------
    points : pandas.DataFrame
        Rows of ``int_points``, in any order.
    cluster_counts : pandas.DataFrame
        What :func:`mall_segments.clustering.choosing.score_cluster_counts` returned.
    settings : mapping
        Settings of the build.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation.

    Raises
    ------
    ValueError
        If ``cluster_counts`` does not choose one number for a segmentation.
    """
    rows = []
    for segmentation, values, weights in each_fitted(points, read_settings(settings)):
        own = cluster_counts[
            cluster_counts["segmentation"].to_numpy() == segmentation.name
        ].sort_values("n_segments")
        chosen = own[own["is_chosen"].to_numpy(dtype=np.bool_)].to_dict("records")
        if len(chosen) != 1:
            raise ValueError(
                f"cluster_counts chooses {len(chosen)} numbers of segments for "
                f"{segmentation.name}; exactly one is needed"
            )
        null = compare_with_chance(
            values, weights, random_seed=segmentation.random_seed
        )
        gaps = own[["n_segments", "gap", "gap_standard_error"]].to_numpy(dtype=float)
        gap = choice_by_gap([(int(k), *_known(g, s)) for k, g, s in gaps.tolist()])
        verdict = read_verdict(
            null, chosen[0]["silhouette"], chosen[0]["lowest_jaccard"]
        )
        rows.append(
            {
                "segmentation": segmentation.name,
                "verdict": verdict,
                "sentence": verdict,
                "n_segments": chosen[0]["n_segments"],
                "silhouette": chosen[0]["silhouette"],
                "null_uniform_p95": null.uniform,
                "null_gaussian_p95": null.gaussian,
                "gap_choice": gap,
                "lowest_jaccard": chosen[0]["lowest_jaccard"],
                "smallest_segment_share": chosen[0]["smallest_segment_share"],
                "hopkins": hopkins(
                    values, weights, random_seed=segmentation.random_seed
                ),
            }
        )
    return typed_frame(rows, _TYPES)


def _known(gap: float, error: float) -> tuple[float | None, float | None]:
    return (None if np.isnan(gap) else gap, None if np.isnan(error) else error)


def read_verdict(
    null: NullComparison, silhouette: float, lowest_jaccard: float
) -> str:
    """Read the measures."""
    if not null.is_beaten:
        return NONE
    if silhouette > max(null.uniform, null.gaussian) and lowest_jaccard >= STABLE:
        return CLEAR
    return WEAK


def compare_with_chance(
    points: FloatArray, weights: IntArray, *, random_seed: int
) -> NullComparison:
    """Compare the best silhouette with that of customers without segments."""
    customers = simulated_customers(points, weights)
    max_segments = min(MOST_COMPARED, len(points))
    best = []
    for place, sets in enumerate(
        (
            customers[None],
            uniform_sets(
                customers, n_sets=N_REFERENCES, random_seed=[random_seed, _STREAM, 1]
            ),
            gaussian_sets(
                customers, n_sets=N_REFERENCES, random_seed=[random_seed, _STREAM, 2]
            ),
        )
    ):
        fits = fit_sets(
            sets,
            np.ones((1, len(customers))),
            max_segments=max_segments,
            random_seed=[random_seed, _STREAM, 3, place],
        )
        best.append(max(_best_silhouettes(sets, fits)))
    return NullComparison(*best)


def _best_silhouettes(sets: FloatArray, fits: list[SetFits]) -> list[float]:
    """Highest mean silhouette of each set over the numbers of segments."""
    ones = np.ones(sets.shape[1], dtype=np.int64)

    def best(row: int) -> float:
        labelings = [fit.labels[row] for fit in fits[1:]]
        found = silhouettes(sets[row], ones, labelings)
        return max(
            (float(values.mean()) for values in found if values is not None),
            default=-1.0,
        )

    return in_parallel(best, range(len(sets)))


def hopkins(points: FloatArray, weights: IntArray, *, random_seed: int) -> float | None:
    """Hopkins statistic: 0.5 for customers spread by chance, towards 1 in clumps."""
    customers = simulated_customers(points, weights)
    if len(customers) < 10:
        return None
    generator = np.random.default_rng([random_seed, _STREAM, 4])
    n_drawn = max(5, len(customers) // 10)
    placed = uniform_sets(customers, n_sets=1, random_seed=[random_seed, _STREAM, 5])
    tree = cKDTree(customers)
    chosen = generator.choice(len(customers), n_drawn, replace=False)
    power = customers.shape[1]
    to_random = tree.query(placed[0, :n_drawn])[0] ** power
    to_next = tree.query(customers[chosen], k=2)[0][:, 1] ** power
    total = to_random.sum() + to_next.sum()
    return float(to_random.sum() / total) if total > 0 else None
