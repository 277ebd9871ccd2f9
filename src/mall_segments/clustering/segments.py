"""Fit, number, name and measure the segments: what the model ``segments`` calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.clustering.coordinates import (
    each_segmentation,
    most_coordinates,
    to_new_scale,
)
from mall_segments.clustering.counts import sample_for_silhouettes
from mall_segments.clustering.frames import coordinate_values, typed_frame
from mall_segments.clustering.identity import (
    LEAST_RETURNING,
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
from mall_segments.clustering.metrics import cloud_variance, outlier_fence, silhouettes
from mall_segments.clustering.naming import (
    NO_ACTION,
    Traits,
    choose_personas,
    name_parts,
    name_segments,
)
from mall_segments.clustering.stability import stabilities
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from mall_segments.clustering import BoolArray, FloatArray, IntArray
    from mall_segments.model import Coordinate, Model, ModelSegmentation
    from mall_segments.settings import Feature, Segmentation, Settings


@dataclass(frozen=True)
class Known:
    """What a fit starts from besides points: rows of seeds and models, by their names.

    ``previous`` is the published model, ``returning_share`` the share of the last
    customers who are among these, from 0 to 1.
    """

    personas: pd.DataFrame
    counts: pd.DataFrame
    verdicts: pd.DataFrame
    previous: Model | None
    returning_share: float


def fit_segments(
    points: pd.DataFrame,
    coordinates: pd.DataFrame,
    settings: Mapping[str, Any],
    known: Known,
) -> pd.DataFrame:
    """Fit, number and name the segments of every segmentation.

    ``points`` are rows of ``int_points``, in any order, and ``coordinates`` what
    :func:`mall_segments.clustering.coordinates.fit_coordinates` returned. Returns the
    rows of the model ``segments``, by segmentation and segment id. ``inertia`` and
    ``variance`` are of the segmentation, in squared scaled units; a segment lies at
    ``coordinate_<n>`` and per feature at ``centroid_<feature>``: the mean of a number
    in its own unit, the most frequent level of a category.

    A first build numbers segments by fitted customers, most first, ties by the
    coordinates ascending. Later builds take over the ids of the published segments
    they continue, see :func:`mall_segments.clustering.identity.match_identities`, but
    a name only as long as it is true. A segmentation starts anew, from id 1, if its
    features changed or fewer than ``LEAST_RETURNING`` of the last customers are
    among these, unless ``other_customers`` is ``keep``.

    Raises
    ------
    SettingsError
        If the personas cannot be used.
    """
    read = read_settings(settings)
    rows: list[dict[str, Any]] = []
    for segmentation, axes, frame in each_segmentation(points, coordinates, read):
        fitted = frame[frame["n_fitted"] > 0]
        previous = _continued(segmentation, read, known)
        counts = known.counts[known.counts["segmentation"] == segmentation.name]
        chosen = counts[counts["is_chosen"].astype(bool)].iloc[0]
        distinct, weights = merge_points(
            coordinate_values(fitted), fitted["n_fitted"].to_numpy(np.int64)
        )
        fit, identities = _fit(
            distinct, weights, int(chosen["n_segments"]), segmentation, axes, previous
        )
        features = [read.feature(name) for name in segmentation.features]
        members = assign_points(coordinate_values(fitted), fit.centroids)
        traits = [
            _traits(fitted, features, axes, members == row)
            for row in range(len(identities))
        ]
        labels = _labels(
            identities,
            traits,
            features,
            previous,
            known,
            segmentation.name,
            taken={row["persona"] for row in rows},
        )
        measures = _measures(distinct, weights, fit, segmentation.random_seed)
        n_fitted = int(weights.sum())
        rows += [
            {
                "segmentation": segmentation.name,
                "segment_id": identity.segment_id,
                **labels[row],
                "n_segments": len(identities),
                "chosen_by": str(chosen["chosen_by"]),
                "random_seed": segmentation.random_seed,
                "scaler": segmentation.scaler,
                "n_fitted": int(fit.sizes[row]),
                "share": int(fit.sizes[row]) / n_fitted,
                "inertia": fit.inertia,
                **measures[row],
                "is_continued": previous is not None,
                "is_new": identity.is_new,
                "previous_segment_id": identity.previous_segment_id,
                "centroid_distance_moved": identity.distance_moved,
                **_places(axes, fit.centroids[row], traits[row]),
            }
            for row, identity in enumerate(identities)
        ]
    return _frame(rows, read)


def _continued(
    segmentation: Segmentation, settings: Settings, known: Known
) -> ModelSegmentation | None:
    """Return the published segmentation that this one continues, if it does."""
    if known.previous is None:
        return None
    is_kept = settings.other_customers == "keep"
    if known.returning_share < LEAST_RETURNING and not is_kept:
        return None
    for published in known.previous.segmentations:
        if published.name == segmentation.name:
            same = set(published.features) == set(segmentation.features)
            return published if same else None
    return None


def _fit(
    points: FloatArray,
    weights: IntArray,
    n_segments: int,
    segmentation: Segmentation,
    axes: list[tuple[int, Coordinate]],
    previous: ModelSegmentation | None,
) -> tuple[KMeansFit, list[Identity]]:
    """Fit merged points and say who the segments are, rows in the order of their ids.

    Segments are the published ones they continue by where those lie in this scale.
    """
    fit = fit_kmeans(
        points,
        weights,
        n_segments=n_segments,
        random_seed=segmentation.random_seed,
    )
    if previous is None:
        return fit, first_identities(n_segments)
    placed, retired = (
        [
            (
                segment.segment_id,
                to_new_scale(
                    [axis for _, axis in axes],
                    previous.coordinates,
                    segment.coordinates,
                ),
            )
            for segment in segments
        ]
        for segments in (previous.segments, previous.retired_segments)
    )
    identities = match_identities(fit.centroids, placed, retired)
    order = sorted(range(n_segments), key=lambda row: identities[row].segment_id)
    if order != sorted(order):
        # Ties go to the lower id, which may not be the lower row of the fit.
        fit = settle_centroids(points, weights, fit.centroids[order])
    return fit, [identities[row] for row in order]


def _traits(
    frame: pd.DataFrame,
    features: Sequence[Feature],
    axes: Sequence[tuple[int, Coordinate]],
    members: BoolArray,
) -> Traits:
    """Describe the fitted customers of one segment among all that were fitted."""
    weights = frame["n_fitted"].to_numpy(np.float64)
    own = weights * members
    z_scores: dict[str, float] = {}
    means: dict[str, float] = {}
    shares: dict[str, dict[str, tuple[float, float]]] = {}
    for feature in features:
        column = frame[feature.name]
        if feature.type == "category":
            levels = column.astype(str).to_numpy()
            shares[feature.name] = {
                level: (
                    float(np.average(levels == level, weights=own)),
                    float(np.average(levels == level, weights=weights)),
                )
                for level in sorted(set(levels))
            }
            continue
        number = next(n for n, axis in axes if axis.feature == feature.name)
        scaled = frame[f"coordinate_{number}"].to_numpy(np.float64)
        overall = np.average(scaled, weights=weights)
        spread = np.average((scaled - overall) ** 2, weights=weights) ** 0.5
        moved = np.average(scaled, weights=own) - overall
        z_scores[feature.name] = float(moved / spread) if spread > 0 else 0.0
        means[feature.name] = float(
            np.average(column.to_numpy(np.float64), weights=own)
        )
    return Traits(z_scores, means, shares)


def _labels(
    identities: Sequence[Identity],
    traits: Sequence[Traits],
    features: Sequence[Feature],
    previous: ModelSegmentation | None,
    known: Known,
    segmentation: str,
    *,
    taken: Collection[str],
) -> list[dict[str, str]]:
    """Name, persona and action; none is claimed for parts that are no segments."""
    (verdict,) = known.verdicts.loc[
        known.verdicts["segmentation"] == segmentation, "verdict"
    ]
    if verdict == "no segments":
        names = name_parts(traits, features)
        personas = [(name, NO_ACTION) for name in names]
    else:
        before = {
            segment.segment_id: segment.segment_name
            for segment in (previous.segments if previous else ())
        }
        names = name_segments(
            traits,
            features,
            [before.get(each.previous_segment_id or 0) for each in identities],
        )
        personas = choose_personas(traits, names, features, known.personas)
    return [
        {
            "segment_name": name,
            # The same words for other customers would mislead who reads both.
            "persona": f"{persona} ({segmentation})" if persona in taken else persona,
            "recommended_action": action,
        }
        for name, (persona, action) in zip(names, personas, strict=True)
    ]


def _measures(
    points: FloatArray, weights: IntArray, fit: KMeansFit, random_seed: int
) -> list[dict[str, float | None]]:
    """Inertia share, silhouette, stability and fence of each, and their variance."""
    squared = np.zeros(len(points))
    for column, targets in zip(points.T, fit.centroids.T, strict=True):
        squared += (column - targets[fit.labels]) ** 2
    sample, counts = sample_for_silhouettes(points, weights)
    shares = fit.sizes / fit.sizes.sum()
    variance = cloud_variance(sample, counts, fit.centroids, shares)
    labels = assign_points(sample, fit.centroids)
    (values,) = silhouettes(sample, counts, [labels])
    ((stability, _),) = stabilities(
        points, weights, [fit.centroids], random_seed=random_seed
    )
    measures: list[dict[str, float | None]] = []
    for row in range(len(fit.centroids)):
        members, sampled = fit.labels == row, labels == row
        distances, own = squared[members], weights[members]
        measures.append(
            {
                "variance": variance,
                "inertia_share": float(distances @ own) / (fit.inertia or 1.0),
                "mean_silhouette": (
                    float(np.average(values[sampled], weights=counts[sampled]))
                    if values is not None and sampled.any()
                    else None
                ),
                "stability_jaccard": float(stability[row]),
                "outlier_distance": outlier_fence(np.sqrt(distances), own),
            }
        )
    return measures


def _places(
    axes: Sequence[tuple[int, Coordinate]], centroid: FloatArray, traits: Traits
) -> dict[str, Any]:
    """Return where a segment lies, in coordinates and in original units."""
    columns: dict[str, Any] = {}
    for (number, axis), value in zip(axes, centroid, strict=True):
        columns[f"coordinate_{number}"] = float(value)
        if axis.level is None:
            columns[f"scaled_centroid_{axis.feature}"] = float(value)
    for name, mean in traits.means.items():
        columns[f"centroid_{name}"] = mean
    for name, shares in traits.shares.items():
        columns[f"centroid_{name}"] = max(
            sorted(shares), key=lambda level: shares[level][0]
        )
    return columns


_TYPES: Final = {
    "segmentation": "text",
    "segment_id": "int64",
    "segment_name": "text",
    "persona": "text",
    "recommended_action": "text",
    "n_segments": "int64",
    "chosen_by": "text",
    "random_seed": "int64",
    "scaler": "text",
    "n_fitted": "int64",
    "share": "float64",
    "inertia": "float64",
    "variance": "float64",
    "inertia_share": "float64",
    "mean_silhouette": "float64",
    "stability_jaccard": "float64",
    "outlier_distance": "float64",
    "is_continued": "bool",
    "is_new": "bool",
    "previous_segment_id": "Int64",
    "centroid_distance_moved": "float64",
}


def _frame(rows: Sequence[Mapping[str, Any]], settings: Settings) -> pd.DataFrame:
    """Give every column one type, also where all its values are missing."""
    types: dict[str, Any] = dict(_TYPES)
    for number in range(1, most_coordinates(settings) + 1):
        types[f"coordinate_{number}"] = "float64"
    for feature in settings.columns:
        is_number = feature.type == "number"
        types[f"centroid_{feature.name}"] = "float64" if is_number else "text"
        if is_number:
            types[f"scaled_centroid_{feature.name}"] = "float64"
    return typed_frame(rows, types)
