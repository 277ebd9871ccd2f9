"""What the dbt Python models call to choose, fit, name and number segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mall_segments.clustering.counts import (
    CountScore,
    choices_by_criterion,
    highest,
    sample_for_silhouettes,
    score_counts,
)
from mall_segments.clustering.frames import features_of, read_settings
from mall_segments.clustering.identity import (
    Identity,
    first_identities,
    match_identities,
)
from mall_segments.clustering.kmeans import (
    KMeansFit,
    assign_points,
    fit_kmeans,
    merge_points,
    settle_centroids,
)
from mall_segments.clustering.metrics import silhouettes, weighted_mean
from mall_segments.engine import text_type
from mall_segments.errors import InputError
from mall_segments.clustering.naming import choose_personas, level_of, name_segments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.settings import Feature, Segmentation

LEAST_SCORED = 10
"""Numbers of segments are scored up to this, or up to the settings if higher."""

FENCE = 1.5
"""Interquartile ranges above the third quartile at which Tukey puts the fence."""


def score_cluster_counts(
    points: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Score every number of segments and mark the chosen one.

    Parameters
    ----------
    points : pandas.DataFrame
        Rows of ``int_feature_points``: ``segmentation``, ``<feature>_scaled`` and
        ``n_fitted``, in any order.
    settings : mapping
        Settings of the build; ``features``, ``segmentations`` and
        ``min_segment_share`` are read.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and number of segments, from 1 to at least 10 where
        there are as many distinct points: ``segmentation``, ``n_segments``,
        ``inertia``, ``silhouette``, ``calinski_harabasz``, ``davies_bouldin``,
        ``gap``, ``gap_standard_error``, ``stability_ari``,
        ``smallest_segment_share``, ``is_exact`` (whether the silhouette used every
        point), ``is_chosen`` and ``chosen_by``, the criteria that choose this
        number, separated by commas.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments are asked for, or no number
        fulfils the rule for ``auto``.

    Notes
    -----
    A whole ``n_segments`` is taken as it is. The rule for ``auto``: of the numbers
    from ``min_segments`` to ``max_segments`` whose smallest segment holds at least
    ``min_segment_share`` of the fitted customers, the one with the highest mean
    silhouette; within 1e-9, the smaller number.

    Each criterion names its choice among all numbers scored, see
    :func:`mall_segments.clustering.counts.choices_by_criterion`; ``setting`` marks
    a whole ``n_segments``, or a choice of ``auto`` to which the limits led instead
    of to the highest silhouette of all.
    """
    parsed = read_settings(settings)
    rows: list[dict[str, Any]] = []
    for segmentation in parsed.segmentations:
        features = features_of(segmentation, parsed)
        values, weights = _fitted_points(points, segmentation, features)
        n_distinct = len(merge_points(values, weights)[0])
        scores = score_counts(
            values,
            weights,
            max_segments=min(n_distinct, _largest_count(segmentation)),
            random_seed=segmentation.random_seed,
        )
        chosen = _choose(scores, segmentation, parsed.min_segment_share)
        criteria = choices_by_criterion(scores)
        if criteria["silhouette"] != chosen or segmentation.n_segments != "auto":
            criteria["setting"] = chosen
        for score in scores:
            names = [
                name for name, choice in criteria.items() if choice == score.n_segments
            ]
            rows.append(
                {
                    "segmentation": segmentation.name,
                    "n_segments": score.n_segments,
                    "inertia": score.fit.inertia,
                    "silhouette": score.silhouette,
                    "calinski_harabasz": score.calinski_harabasz,
                    "davies_bouldin": score.davies_bouldin,
                    "gap": score.gap,
                    "gap_standard_error": score.gap_standard_error,
                    "stability_ari": score.stability,
                    "smallest_segment_share": score.smallest_segment_share,
                    "is_exact": score.is_exact,
                    "is_chosen": score.n_segments == chosen,
                    "chosen_by": ", ".join(names) or None,
                }
            )
    return _frame(
        rows, [*rows[0]], text=["segmentation", "chosen_by"], whole=["n_segments"]
    )


def fit_segments(
    points: pd.DataFrame,
    scalers: pd.DataFrame,
    cluster_counts: pd.DataFrame,
    personas: pd.DataFrame,
    settings: Mapping[str, Any],
    previous: pd.DataFrame | None = None,
    retired: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Fit, number and name the segments of every segmentation.

    Parameters
    ----------
    points : pandas.DataFrame
        Rows of ``int_feature_points``: ``segmentation``, each feature, each
        ``<feature>_scaled`` and ``n_fitted``, in any order.
    scalers : pandas.DataFrame
        ``segmentation``, ``feature``, ``center``, ``scale``, and the ``mean`` and
        ``standard_deviation`` of all customers.
    cluster_counts : pandas.DataFrame
        What :func:`score_cluster_counts` returned.
    personas : pandas.DataFrame
        Rows of ``seeds/segment_personas.csv``.
    settings : mapping
        Settings of the build; ``features`` and ``segmentations`` are read.
    previous : pandas.DataFrame, optional
        Published segments: ``segmentation``, ``segment_id``, ``segment_name``,
        ``persona``, ``recommended_action`` and ``centroid_<feature>``. Rows whose
        ``is_retired`` is true only reserve their id.
    retired : pandas.DataFrame, optional
        ``segmentation`` and ``segment_id`` of further ids ever used.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and segment, by segment id: ``segmentation``,
        ``segment_id``, ``segment_name``, ``persona``, ``recommended_action``,
        ``n_segments``, ``chosen_by`` (``silhouette`` or ``setting``),
        ``random_seed``, ``scaler``, ``n_fitted``, ``inertia`` (of the segmentation),
        ``inertia_share``, ``mean_silhouette``, ``outlier_distance``, ``is_new``,
        ``previous_segment_id``, ``centroid_distance_moved``, and per feature
        ``centroid_<feature>``, ``scaled_centroid_<feature>``,
        ``scaler_center_<feature>``, ``scaler_scale_<feature>`` and
        ``mean_z_<feature>``, missing where the segmentation does not use it.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments.
    SettingsError
        If the personas cannot be used.

    Notes
    -----
    A first build numbers segments by fitted customers, most first, ties by the
    centroid's scaled coordinates ascending. Later builds take over ids, names,
    personas and actions of the published segments they continue, see
    :func:`mall_segments.clustering.identity.match_identities`. A segmentation whose
    features changed starts anew, but above the ids it has used.

    ``outlier_distance`` is Tukey's upper fence of the distances of the segment's
    fitted customers: the third quartile and 1.5 interquartile ranges more, with
    quartiles as numpy's method ``linear`` takes them.
    """
    parsed = read_settings(settings)
    rows: list[dict[str, Any]] = []
    for segmentation in parsed.segmentations:
        rows += _segment_rows(
            _Inputs(
                segmentation=segmentation,
                features=features_of(segmentation, parsed),
                points=points,
                scalers=_scalers_of(scalers, segmentation.name),
                n_segments=_chosen_count(cluster_counts, segmentation.name),
                personas=personas,
                previous=_previous_of(previous, segmentation.name),
                used_ids=_used_ids(previous, retired, segmentation.name),
            )
        )
    whole = ["segment_id", "n_segments", "random_seed", "n_fitted"]
    text = [
        "segmentation",
        "segment_name",
        "persona",
        "recommended_action",
        "chosen_by",
        "scaler",
    ]
    per_feature = [
        f"{prefix}_{feature.name}"
        for feature in parsed.features
        for prefix in _FEATURE_COLUMNS
    ]
    return _frame(rows, [*_SEGMENT_COLUMNS, *per_feature], text=text, whole=whole)


_SEGMENT_COLUMNS = (
    "segmentation",
    "segment_id",
    "segment_name",
    "persona",
    "recommended_action",
    "n_segments",
    "chosen_by",
    "random_seed",
    "scaler",
    "n_fitted",
    "inertia",
    "inertia_share",
    "mean_silhouette",
    "outlier_distance",
    "is_new",
    "previous_segment_id",
    "centroid_distance_moved",
)

_FEATURE_COLUMNS = (
    "centroid",
    "scaled_centroid",
    "scaler_center",
    "scaler_scale",
    "mean_z",
)


@dataclass(frozen=True)
class _Inputs:
    """Everything one segmentation is fitted from."""

    segmentation: Segmentation
    features: list[Feature]
    points: pd.DataFrame
    scalers: Mapping[str, Mapping[str, float]]
    n_segments: int
    personas: pd.DataFrame
    previous: pd.DataFrame
    used_ids: set[int]


def _segment_rows(inputs: _Inputs) -> list[dict[str, Any]]:
    segmentation = inputs.segmentation
    names = [feature.name for feature in inputs.features]
    values, weights = _fitted_points(inputs.points, segmentation, inputs.features)
    distinct, counts = merge_points(values, weights)
    fit = fit_kmeans(
        distinct,
        counts,
        n_segments=inputs.n_segments,
        random_seed=segmentation.random_seed,
    )
    identities = _identities(fit, names, inputs)
    order = sorted(range(len(identities)), key=lambda row: identities[row].segment_id)
    identities = [identities[row] for row in order]
    if order != sorted(order):
        # Ties go to the lower id, which may not be the lower row of the fit.
        fit = settle_centroids(distinct, counts, fit.centroids[order])

    centroids = _original_centroids(fit, names, inputs)
    z_scores = [
        {name: _standardised(centroid[name], inputs.scalers[name]) for name in names}
        for centroid in centroids
    ]
    labels = _labels(identities, z_scores, centroids, inputs)
    measures = _measures(distinct, counts, fit)
    return [
        {
            "segmentation": segmentation.name,
            "segment_id": identity.segment_id,
            **labels[row],
            "n_segments": inputs.n_segments,
            "chosen_by": (
                "silhouette" if segmentation.n_segments == "auto" else "setting"
            ),
            "random_seed": segmentation.random_seed,
            "scaler": segmentation.scaler,
            "n_fitted": int(fit.sizes[row]),
            "inertia": fit.inertia,
            **measures[row],
            "is_new": identity.is_new,
            "previous_segment_id": identity.previous_segment_id,
            "centroid_distance_moved": identity.distance_moved,
            **_feature_columns(
                names, centroids[row], fit.centroids[row], z_scores[row], inputs.scalers
            ),
        }
        for row, identity in enumerate(identities)
    ]


def _feature_columns(
    names: Sequence[str],
    centroid: Mapping[str, float],
    scaled_centroid: FloatArray,
    z_scores: Mapping[str, float],
    scalers: Mapping[str, Mapping[str, float]],
) -> dict[str, float]:
    columns = {}
    for place, name in enumerate(names):
        columns[f"centroid_{name}"] = centroid[name]
        columns[f"scaled_centroid_{name}"] = float(scaled_centroid[place])
        columns[f"scaler_center_{name}"] = scalers[name]["center"]
        columns[f"scaler_scale_{name}"] = scalers[name]["scale"]
        columns[f"mean_z_{name}"] = z_scores[name]
    return columns


def _fitted_points(
    points: pd.DataFrame, segmentation: Segmentation, features: Sequence[Feature]
) -> tuple[FloatArray, IntArray]:
    """Scaled points of a segmentation that have customers to fit."""
    columns = [f"{feature.name}_scaled" for feature in features]
    n_fitted = points["n_fitted"].to_numpy()
    rows = (points["segmentation"].to_numpy() == segmentation.name) & (n_fitted > 0)
    values = np.column_stack(
        [points[column].to_numpy(dtype=np.float64)[rows] for column in columns]
    )
    weights = n_fitted[rows].astype(np.int64)
    _check_distinct(
        segmentation,
        n_distinct=len(merge_points(values, weights)[0]),
        n_complete=int(weights.sum()),
    )
    return values, weights


def _check_distinct(
    segmentation: Segmentation, *, n_distinct: int, n_complete: int
) -> None:
    automatic = segmentation.n_segments == "auto"
    setting = "min_segments" if automatic else "n_segments"
    needed = segmentation.least_segments
    if n_distinct < needed:
        raise InputError(
            f"segmentation {segmentation.name}: {setting}={needed} needs as many "
            f"different customers, but the {n_complete} complete customers have only "
            f"{n_distinct} different combinations of "
            f"{', '.join(segmentation.features)}."
        )


def _largest_count(segmentation: Segmentation) -> int:
    return max(LEAST_SCORED, segmentation.max_segments, segmentation.least_segments)


def _choose(
    scores: Sequence[CountScore],
    segmentation: Segmentation,
    least_share: float,
) -> int:
    """Apply the rule that :func:`score_cluster_counts` states."""
    if segmentation.n_segments != "auto":
        return segmentation.n_segments
    low, high = segmentation.min_segments, segmentation.max_segments
    considered = [score for score in scores if low <= score.n_segments <= high]
    chosen = highest(
        {
            score.n_segments: score.silhouette
            for score in considered
            if score.smallest_segment_share >= least_share
        }
    )
    if chosen is None:
        found = ", ".join(
            f"{score.smallest_segment_share:.4f} with {score.n_segments}"
            for score in considered
        )
        raise InputError(
            f"segmentation {segmentation.name}: no number of segments from {low} to "
            f"{high} leaves every segment min_segment_share={least_share:g} of the "
            f"customers and has a silhouette; the smallest segments hold {found}. "
            "Lower min_segment_share or set n_segments."
        )
    return chosen


def _chosen_count(cluster_counts: pd.DataFrame, segmentation: str) -> int:
    chosen = cluster_counts["n_segments"].to_numpy()[
        (cluster_counts["segmentation"].to_numpy() == segmentation)
        & cluster_counts["is_chosen"].to_numpy(dtype=np.bool_)
    ]
    if len(chosen) != 1:
        raise ValueError(
            f"cluster_counts chooses {len(chosen)} numbers of segments for "
            f"{segmentation}; exactly one is needed"
        )
    return int(chosen[0])


def _scalers_of(
    scalers: pd.DataFrame, segmentation: str
) -> dict[str, dict[str, float]]:
    is_own = scalers["segmentation"].to_numpy() == segmentation
    columns = {
        number: scalers[number].to_numpy(dtype=np.float64)[is_own].tolist()
        for number in ("center", "scale", "mean", "standard_deviation")
    }
    return {
        feature: {number: values[row] for number, values in columns.items()}
        for row, feature in enumerate(scalers["feature"].to_numpy()[is_own])
    }


def _previous_of(previous: pd.DataFrame | None, segmentation: str) -> pd.DataFrame:
    """Drop the published segments that were given up before."""
    if previous is None:
        return pd.DataFrame({"segment_id": []})
    rows = previous[previous["segmentation"] == segmentation]
    if "is_retired" in rows:
        rows = rows[~rows["is_retired"].astype(bool)]
    return rows.sort_values("segment_id")


def _used_ids(
    previous: pd.DataFrame | None, retired: pd.DataFrame | None, segmentation: str
) -> set[int]:
    return {
        int(segment_id)
        for frame in (previous, retired)
        if frame is not None
        for segment_id in frame.loc[frame["segmentation"] == segmentation, "segment_id"]
    }


def _identities(
    fit: KMeansFit, names: Sequence[str], inputs: _Inputs
) -> list[Identity]:
    """Continue the published segments, unless they were of other features."""
    previous = inputs.previous
    prefix = "centroid_"
    used_before = {
        str(column).removeprefix(prefix)
        for column in previous.columns
        if str(column).startswith(prefix)
        and column not in _SEGMENT_COLUMNS
        and previous[column].notna().any()
    }
    if used_before != set(names):
        return first_identities(len(fit.centroids), inputs.used_ids)
    scaled = np.column_stack(
        [
            (
                previous[f"{prefix}{name}"].to_numpy(dtype=np.float64)
                - inputs.scalers[name]["center"]
            )
            / inputs.scalers[name]["scale"]
            for name in names
        ]
    )
    return match_identities(
        fit.centroids,
        scaled,
        previous["segment_id"].to_numpy(dtype=np.int64),
        used_ids=inputs.used_ids,
    )


def _original_centroids(
    fit: KMeansFit, names: Sequence[str], inputs: _Inputs
) -> list[dict[str, float]]:
    return [
        {
            name: float(
                inputs.scalers[name]["center"] + value * inputs.scalers[name]["scale"]
            )
            for name, value in zip(names, centroid, strict=True)
        }
        for centroid in fit.centroids
    ]


def _standardised(value: float, scaler: Mapping[str, float]) -> float:
    """Z-score among all customers; 0 where they do not differ."""
    spread = scaler["standard_deviation"]
    return (value - scaler["mean"]) / spread if spread > 0 else 0.0


def _labels(
    identities: Sequence[Identity],
    z_scores: Sequence[Mapping[str, float]],
    centroids: Sequence[Mapping[str, float]],
    inputs: _Inputs,
) -> list[dict[str, str]]:
    """Name, persona and action: taken over, or by rule for a new segment."""
    keys = ("segment_name", "persona", "recommended_action")
    kept: dict[int, dict[str, str]] = {}
    if len(inputs.previous):
        kept = {
            int(row["segment_id"]): {key: str(row[key]) for key in keys}
            for row in inputs.previous.to_dict("records")
        }
    labels = {
        row: kept[identity.previous_segment_id]
        for row, identity in enumerate(identities)
        if identity.previous_segment_id is not None
    }
    new = [row for row in range(len(identities)) if row not in labels]
    named = name_segments(
        [z_scores[row] for row in new],
        [centroids[row] for row in new],
        inputs.features,
        taken={label["segment_name"] for label in labels.values()},
    )
    levels = [
        {feature: level_of(value) for feature, value in z_scores[row].items()}
        for row in new
    ]
    personas = choose_personas(levels, inputs.personas)
    for row, name, (persona, action) in zip(new, named, personas, strict=True):
        labels[row] = dict(zip(keys, (name, persona, action), strict=True))
    return [labels[row] for row in range(len(identities))]


def _measures(
    points: FloatArray, weights: IntArray, fit: KMeansFit
) -> list[dict[str, float | None]]:
    """Inertia share, mean silhouette and outlier distance of each segment."""
    squared = np.zeros(len(points))
    for column, targets in zip(points.T, fit.centroids.T, strict=True):
        squared += (column - targets[fit.labels]) ** 2
    distances = np.sqrt(squared)
    sample, counts = sample_for_silhouettes(points, weights)
    labels = assign_points(sample, fit.centroids)
    values = silhouettes(sample, counts, [labels])[0]
    measures: list[dict[str, float | None]] = []
    for row in range(len(fit.centroids)):
        members = fit.labels == row
        inertia = float((squared[members] * weights[members]).sum())
        sampled = labels == row
        first, third = (
            _quantile(distances[members], weights[members], share)
            for share in (0.25, 0.75)
        )
        measures.append(
            {
                "inertia_share": inertia / fit.inertia if fit.inertia else 0.0,
                "mean_silhouette": (
                    weighted_mean(values[sampled], counts[sampled])
                    if values is not None and sampled.any()
                    else None
                ),
                "outlier_distance": third + FENCE * (third - first),
            }
        )
    return measures


def _quantile(values: FloatArray, weights: IntArray, share: float) -> float:
    """Quantile over customers by linear interpolation, as numpy's default."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    place = (int(ends[-1]) - 1) * share
    below = int(np.floor(place))
    low, high = (
        float(values[order[np.searchsorted(ends, rank, side="right")]])
        for rank in (below, min(below + 1, int(ends[-1]) - 1))
    )
    return low + (high - low) * (place - below)


def _frame(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    text: Sequence[str],
    whole: Sequence[str],
) -> pd.DataFrame:
    """Give every column one type, also where all its values are missing."""
    typed: dict[str, Any] = {}
    for column in columns:
        values = [row.get(column) for row in rows]
        if column in text:
            typed[column] = pd.Series(values, dtype=text_type())
        elif column in whole:
            typed[column] = np.array(values, dtype=np.int64)
        elif column.startswith("is_"):
            typed[column] = np.array(values, dtype=np.bool_)
        elif column == "previous_segment_id":
            typed[column] = pd.array(values, dtype="Int64")
        else:
            typed[column] = np.array(values, dtype=np.float64)
    return pd.DataFrame(typed)
