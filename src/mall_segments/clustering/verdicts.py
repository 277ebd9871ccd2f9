"""Whether there are segments at all: measures, a verdict and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import stdtrit

from mall_segments.clustering.counts import choice_by_gap, sample_for_silhouettes
from mall_segments.clustering.frames import each_fitted, typed_frame
from mall_segments.clustering.kmeans import assign_points, fit_kmeans
from mall_segments.clustering.metrics import silhouettes
from mall_segments.clustering.references import (
    cloud_sets,
    simulated_customers,
    uniform_sets,
)
from mall_segments.clustering.runs import SetFits, fit_sets
from mall_segments.clustering.stability import STABLE
from mall_segments.clustering.threads import in_parallel
from mall_segments.errors import InputError
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.clustering import FloatArray, IntArray

N_REFERENCES: Final = 39
"""Reference sets of each kind."""

MOST_COMPARED: Final = 10
"""Numbers of segments over which the best silhouette is taken."""

STRAYS: Final = 3
"""Customers below which the smallest segment is a remark, not a segment."""

SLIVER: Final = 0.01
"""Share of the customers below which a segment is left out of the verdict."""

LEAST_PLACED: Final = 10
"""Customers from which on Hopkins' statistic is taken."""

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

    ``uniform`` and ``gaussian`` are what one reference set in 20 of each kind exceeds.
    """

    best: float
    uniform: float
    gaussian: float

    @property
    def highest(self) -> float:
        """What has to be exceeded: the higher of both."""
        return max(self.uniform, self.gaussian)

    def is_exceeded(self, silhouette: float | None) -> bool:
        """Whether a silhouette is above chance."""
        return silhouette is not None and silhouette > self.highest


@dataclass(frozen=True)
class Slivers:
    """Segments too small to say anything of the customers, and how many they hold.

    Far away, a few customers give any partition a high silhouette, though all others
    may be one cloud. ``silhouette`` is that of the published partition with them.
    """

    n_segments: int
    n_customers: int
    silhouette: float | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The measures that a verdict rests on, of the published number of segments.

    ``silhouette`` and ``null`` are of customers outside of slivers, ``None`` where one
    segment is left; ``slivers`` is ``None`` where there are none. ``gap_choice`` is
    what the gap statistic answers, 1 included; ``steadier`` are the numbers whose
    partitions are above chance and stable in every segment.
    """

    n_segments: int
    silhouette: float | None
    null: NullComparison
    slivers: Slivers | None
    gap_choice: int | None
    lowest_jaccard: float | None
    smallest_segment_share: float
    n_customers: int
    least_share: float
    steadier: tuple[int, ...]

    @property
    def is_stable(self) -> bool:
        """Whether every segment comes back."""
        return (self.lowest_jaccard or 0.0) >= STABLE


def judge_segmentations(
    points: pd.DataFrame, cluster_counts: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Say of each segmentation whether its segments are there.

    ``points`` are rows of ``int_points``, in any order, and ``cluster_counts`` of
    ``fct_cluster_count_scores``. Returns the rows of ``fct_segmentation_verdicts``.

    Raises
    ------
    InputError
        If there are no segments, and the setting ``no_segments`` is ``refuse``.
    """
    parsed = read_settings(settings)
    rows: list[dict[str, Any]] = []
    for segmentation, values, weights in each_fitted(points, parsed):
        share = segmentation.min_segment_share
        evidence = _evidence(
            values,
            weights,
            _scores_of(cluster_counts, segmentation.name),
            random_seed=segmentation.random_seed,
            least_share=parsed.min_segment_share if share is None else share,
        )
        null, slivers = evidence.null, evidence.slivers
        rows.append(
            {
                **vars(evidence),
                "segmentation": segmentation.name,
                "verdict": read_verdict(evidence),
                "sentence": write_sentence(evidence),
                "silhouette": slivers.silhouette if slivers else evidence.silhouette,
                "null_uniform_p95": null.uniform,
                "null_gaussian_p95": null.gaussian,
                "hopkins": hopkins(
                    values, weights, random_seed=segmentation.random_seed
                ),
            }
        )
    if parsed.no_segments == "refuse":
        _refuse_no_segments(rows)
    return typed_frame(rows, _TYPES)


def _refuse_no_segments(rows: Sequence[Mapping[str, Any]]) -> None:
    found = [row for row in rows if row["verdict"] == NONE]
    if found:
        sentences = "\n".join(
            f"{row['segmentation']}: {row['sentence']}" for row in found
        )
        raise InputError(
            f"{sentences}\nThe setting no_segments is 'refuse', so nothing is "
            "published; with 'publish', the parts are, without personas or actions."
        )


def read_verdict(evidence: Evidence) -> str:
    """Read the measures.

    ``no segments``: reference sets without segments have a silhouette as high as the
    customers' best. ``clear segments``: the published partition is above them as well,
    and every one of its segments is stable. ``weak segments``: what is between.
    """
    if not evidence.null.is_exceeded(evidence.null.best):
        return NONE
    is_above = evidence.null.is_exceeded(evidence.silhouette)
    return CLEAR if evidence.is_stable and is_above else WEAK


def write_sentence(evidence: Evidence) -> str:
    """Say the verdict and what it rests on in plain words."""
    null, number, verdict = evidence.null, evidence.n_segments, read_verdict(evidence)
    jaccard = evidence.lowest_jaccard
    lowest = f"lowest Jaccard {'unknown' if jaccard is None else f'{jaccard:.2f}'}"
    chance = (
        f"evenly spread customers reach {null.uniform:.2f} and a single cloud "
        f"{null.gaussian:.2f}"
    )
    if verdict == NONE:
        text = (
            f"There are no segments here: the best silhouette is {null.best:.2f}, and "
            f"without any segments {chance}, so the {number} parts only divide the "
            "customers."
        )
    elif verdict == CLEAR:
        text = (
            f"The {number} segments are clear: their silhouette is "
            f"{evidence.silhouette:.2f}, where {chance}, and each comes back when the "
            f"customers are drawn anew ({lowest})."
        )
    else:
        if evidence.silhouette is None:
            weakness = "all but a few of them are in one segment."
        elif null.is_exceeded(evidence.silhouette):
            weakness = (
                "not every segment comes back when the customers are drawn anew "
                f"({lowest}, below {STABLE})."
            )
        else:
            found = f"{evidence.silhouette:.2f}"
            weakness = f"these segments are no better than chance ({found})."
        text = (
            f"The {number} segments are weak: the customers do group (silhouette "
            f"{null.best:.2f} at best, where {chance}), but {weakness}"
        )
        if evidence.steadier:
            numbers = ", ".join(str(other) for other in evidence.steadier)
            text += f" Each would come back with this many: {numbers}."
    return " ".join([text, *_remarks(evidence)])


def _remarks(evidence: Evidence) -> list[str]:
    """Say what the gap statistic finds, and what the smallest segment is."""
    share, slivers = evidence.smallest_segment_share, evidence.slivers
    are_strays = share * evidence.n_customers < STRAYS
    parts = [
        {
            None: "The gap statistic has no answer among the numbers scored.",
            1: "The gap statistic finds no more than one group.",
        }.get(
            evidence.gap_choice,
            f"The gap statistic finds {evidence.gap_choice} groups.",
        )
    ]
    if are_strays:
        parts.append("The smallest segment is one or two customers who stand alone.")
    if slivers:
        parts.append(_sliver_sentence(slivers, evidence.n_customers))
    if are_strays or slivers:
        parts.append("Check their values, or limit a feature by clip or a log.")
    if share < evidence.least_share:
        parts.append(
            f"The smallest segment holds {share:.1%}, less than the "
            f"{evidence.least_share:.1%} of min_segment_share."
        )
    return parts


def _sliver_sentence(slivers: Slivers, n_customers: int) -> str:
    share = slivers.n_customers / n_customers
    count = slivers.n_segments
    silhouette = (
        "" if slivers.silhouette is None else f", {slivers.silhouette:.2f} with them"
    )
    return (
        f"{slivers.n_customers:,} of the {n_customers:,} customers ({share:.1%}) are "
        f"{'a segment' if count == 1 else f'{count} segments'} of their own, too few "
        f"for a finding: the verdict and its silhouette{silhouette}, are of all others."
    )


def _scores_of(cluster_counts: pd.DataFrame, segmentation: str) -> list[dict[str, Any]]:
    """Scores of one segmentation by number of segments, ``None`` where missing."""
    own = cluster_counts[cluster_counts["segmentation"].to_numpy() == segmentation]
    own = own.sort_values("n_segments")
    return [
        {str(name): value for name, value in row.items()}
        for row in own.astype(object).where(own.notna(), None).to_dict("records")
    ]


def _evidence(
    points: FloatArray,
    weights: IntArray,
    scores: list[dict[str, Any]],
    *,
    random_seed: int,
    least_share: float,
) -> Evidence:
    """Measure what the verdict on a segmentation rests on."""
    (chosen,) = (row for row in scores if row["is_chosen"])
    n_segments, n_customers = int(chosen["n_segments"]), int(weights.sum())
    silhouette, slivers = chosen["silhouette"], None
    if chosen["smallest_segment_share"] < SLIVER:
        fit = fit_kmeans(
            points, weights, n_segments=n_segments, random_seed=random_seed
        )
        is_sliver = fit.sizes < SLIVER * n_customers
        is_kept = ~is_sliver[fit.labels]
        # Where all others are alike, only the few tell customers apart.
        if is_kept.sum() > 1:
            slivers = Slivers(
                int(is_sliver.sum()), int(fit.sizes[is_sliver].sum()), silhouette
            )
            points, weights = points[is_kept], weights[is_kept]
            sample, sizes = sample_for_silhouettes(points, weights)
            labels = assign_points(sample, fit.centroids[~is_sliver])
            (values,) = silhouettes(sample, sizes, [labels])
            silhouette = (
                None if values is None else float(np.average(values, weights=sizes))
            )
    null = compare_with_chance(points, weights, random_seed=random_seed)
    gaps = [
        (row["n_segments"], row["gap"], row["gap_standard_error"]) for row in scores
    ]
    return Evidence(
        n_segments=n_segments,
        silhouette=silhouette,
        null=null,
        slivers=slivers,
        gap_choice=choice_by_gap(gaps),
        lowest_jaccard=chosen["lowest_jaccard"],
        smallest_segment_share=float(chosen["smallest_segment_share"]),
        n_customers=n_customers,
        least_share=least_share,
        steadier=tuple(
            int(row["n_segments"])
            for row in scores
            if row["smallest_segment_share"] >= SLIVER
            and (row["lowest_jaccard"] or 0.0) >= STABLE
            and null.is_exceeded(row["silhouette"])
        ),
    )


def compare_with_chance(
    points: FloatArray, weights: IntArray, *, random_seed: int
) -> NullComparison:
    """Compare the best silhouette with that of customers without segments."""
    customers = simulated_customers(points, weights)
    seed = [random_seed, _STREAM]
    kinds = (
        customers[None],
        uniform_sets(customers, n_sets=N_REFERENCES, random_seed=[*seed, 1]),
        cloud_sets(customers, n_sets=N_REFERENCES, random_seed=[*seed, 2]),
    )
    best = []
    for place, sets in enumerate(kinds):
        fits = fit_sets(
            sets,
            np.ones((1, len(customers))),
            max_segments=min(MOST_COMPARED, len(points)),
            random_seed=[*seed, 3, place],
        )
        best.append(_best_silhouettes(sets, fits))
    (own,), uniform, cloud = best
    return NullComparison(own, upper_bound(uniform), upper_bound(cloud))


def upper_bound(values: Sequence[float]) -> float:
    """Value that one more of the same kind exceeds 1 time in 20 at most.

    The highest of 39 is exceeded 1 time in 40, but leans on one draw; where that is
    low by chance, the bound is that of a normal distribution with their mean and
    standard deviation.

    Examples
    --------
    >>> round(upper_bound([0.4, 0.42, 0.44]), 3)
    0.487
    """
    found = np.array(values)
    error = float(found.std(ddof=1)) * (1 + 1 / len(found)) ** 0.5
    quantile = float(stdtrit(len(found) - 1, 0.95))
    return max(float(found.max()), float(found.mean() + quantile * error))


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
    if len(customers) < LEAST_PLACED:
        return None
    generator = np.random.default_rng([random_seed, _STREAM, 4])
    n_drawn = max(5, len(customers) // 10)
    placed = uniform_sets(customers, n_sets=1, random_seed=[random_seed, _STREAM, 5])
    tree = cKDTree(customers)
    chosen = generator.choice(len(customers), n_drawn, replace=False)
    power = customers.shape[1]
    to_random = tree.query(placed[0, :n_drawn])[0] ** power
    to_next = np.ravel(tree.query(customers[chosen], k=[2])[0]) ** power
    total = to_random.sum() + to_next.sum()
    return float(to_random.sum() / total) if total > 0 else None
