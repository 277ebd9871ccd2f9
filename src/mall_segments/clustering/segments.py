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
from mall_segments.clustering.metrics import outlier_fence, silhouettes
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
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.clustering import FloatArray, IntArray
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


@dataclass(frozen=True)
class _Inputs:
    """Everything one segmentation is fitted from; points and weights are merged."""

    segmentation: Segmentation
    features: list[Feature]
    axes: list[tuple[int, Coordinate]]
    frame: pd.DataFrame
    points: FloatArray
    weights: IntArray
    verdict: str
    n_segments: int
    chosen_by: str
    previous: ModelSegmentation | None
    personas: pd.DataFrame


def fit_segments(
    points: pd.DataFrame,
    coordinates: pd.DataFrame,
    settings: Mapping[str, Any],
    known: Known,
) -> pd.DataFrame:
    """Fit, number and name the segments of every segmentation.

    Parameters
    ----------
    points : pandas.DataFrame
        Rows of ``int_points``, in any order.
    coordinates : pandas.DataFrame
        What :func:`mall_segments.clustering.coordinates.fit_coordinates` returned.
    settings : mapping
        Settings of the build.
    known : Known
        What was found out before.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and segment, by segment id: names, ``n_segments``,
        ``chosen_by``, ``random_seed``, ``scaler``, ``n_fitted`` and its ``share``,
        ``inertia`` and ``variance`` of the segmentation (scaled units), and of the
        segment ``inertia_share``, ``mean_silhouette``, ``stability_jaccard``,
        ``outlier_distance``, ``is_continued`` (whether the segmentation continues a
        published one), ``is_new``, ``previous_segment_id``,
        ``centroid_distance_moved``; its coordinates as ``coordinate_<n>``, and per
        feature ``centroid_<feature>``: the mean of a number in its own unit, the most
        frequent level of a category, and ``scaled_centroid_<number>``.

    Raises
    ------
    SettingsError
        If the personas cannot be used.

    Notes
    -----
    A first build numbers segments by fitted customers, most first, ties by the
    coordinates ascending. Later builds take over the ids of the published segments
    they continue, see :func:`mall_segments.clustering.identity.match_identities`, but
    a name only as long as it is true. A segmentation starts anew, from id 1, if its
    features changed or fewer than ``LEAST_RETURNING`` of the last customers are
    among these, unless ``other_customers`` is ``keep``.
    """
    read = read_settings(settings)
    rows: list[dict[str, Any]] = []
    for segmentation, axes, frame in each_segmentation(points, coordinates, read):
        inputs = _inputs(segmentation, axes, frame, read, known)
        taken = {row["persona"] for row in rows}
        rows += _segment_rows(inputs, taken)
    return _frame(rows, read)


def _inputs(
    segmentation: Segmentation,
    axes: list[tuple[int, Coordinate]],
    frame: pd.DataFrame,
    settings: Settings,
    known: Known,
) -> _Inputs:
    fitted = frame[frame["n_fitted"] > 0]
    distinct, weights = merge_points(
        coordinate_values(fitted), fitted["n_fitted"].to_numpy(np.int64)
    )
    previous = _continued(segmentation, settings, known)
    chosen = known.counts[
        (known.counts["segmentation"] == segmentation.name)
        & known.counts["is_chosen"].astype(bool)
    ]
    (verdict,) = known.verdicts.loc[
        known.verdicts["segmentation"] == segmentation.name, "verdict"
    ]
    return _Inputs(
        segmentation=segmentation,
        features=[settings.feature(name) for name in segmentation.features],
        axes=axes,
        frame=fitted,
        points=distinct,
        weights=weights,
        verdict=str(verdict),
        n_segments=int(chosen["n_segments"].iloc[0]),
        chosen_by=str(chosen["chosen_by"].iloc[0]),
        previous=previous,
        personas=known.personas,
    )


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


def _segment_rows(inputs: _Inputs, taken: set[str]) -> list[dict[str, Any]]:
    fit = fit_kmeans(
        inputs.points,
        inputs.weights,
        n_segments=inputs.n_segments,
        random_seed=inputs.segmentation.random_seed,
    )
    identities = _identities(fit, inputs)
    order = sorted(range(len(identities)), key=lambda row: identities[row].segment_id)
    identities = [identities[row] for row in order]
    if order != sorted(order):
        # Ties go to the lower id, which may not be the lower row of the fit.
        fit = settle_centroids(inputs.points, inputs.weights, fit.centroids[order])
    members = assign_points(coordinate_values(inputs.frame), fit.centroids)
    traits = [_traits(inputs, members == row) for row in range(len(identities))]
    labels = _labels(identities, traits, inputs, taken)
    measures = _measures(inputs, fit)
    n_fitted = int(inputs.weights.sum())
    n_free = max(n_fitted - inputs.n_segments, 1) * len(inputs.axes)
    return [
        {
            "segmentation": inputs.segmentation.name,
            "segment_id": identity.segment_id,
            **labels[row],
            "n_segments": inputs.n_segments,
            "chosen_by": inputs.chosen_by,
            "random_seed": inputs.segmentation.random_seed,
            "scaler": inputs.segmentation.scaler,
            "n_fitted": int(fit.sizes[row]),
            "share": int(fit.sizes[row]) / n_fitted,
            "inertia": fit.inertia,
            "variance": fit.inertia / n_free,
            **measures[row],
            "is_continued": inputs.previous is not None,
            "is_new": identity.is_new,
            "previous_segment_id": identity.previous_segment_id,
            "centroid_distance_moved": identity.distance_moved,
            **_places(inputs, fit.centroids[row], traits[row]),
        }
        for row, identity in enumerate(identities)
    ]


def _identities(fit: KMeansFit, inputs: _Inputs) -> list[Identity]:
    """Continue the published segments, by where their centroids lie in this scale."""
    if inputs.previous is None:
        return first_identities(len(fit.centroids))
    axes = [axis for _, axis in inputs.axes]
    placed, retired = (
        [
            (
                segment.segment_id,
                to_new_scale(axes, inputs.previous.coordinates, segment.coordinates),
            )
            for segment in segments
        ]
        for segments in (inputs.previous.segments, inputs.previous.retired_segments)
    )
    return match_identities(fit.centroids, placed, retired)


def _traits(inputs: _Inputs, members: Any) -> Traits:
    """Describe the fitted customers of one segment among all that were fitted."""
    weights = inputs.frame["n_fitted"].to_numpy(np.float64)
    own = weights * members
    z_scores: dict[str, float] = {}
    means: dict[str, float] = {}
    shares: dict[str, dict[str, tuple[float, float]]] = {}
    for feature in inputs.features:
        column = inputs.frame[feature.name]
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
        number = next(n for n, axis in inputs.axes if axis.feature == feature.name)
        scaled = inputs.frame[f"coordinate_{number}"].to_numpy(np.float64)
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
    inputs: _Inputs,
    taken: set[str],
) -> list[dict[str, str]]:
    """Name, persona and action; none is claimed for parts that are no segments."""
    if inputs.verdict == "no segments":
        names = name_parts(traits, inputs.features)
        personas = [(name, NO_ACTION) for name in names]
    else:
        before = {
            segment.segment_id: segment.segment_name
            for segment in (inputs.previous.segments if inputs.previous else ())
        }
        names = name_segments(
            traits,
            inputs.features,
            [before.get(each.previous_segment_id or 0) for each in identities],
        )
        personas = choose_personas(traits, names, inputs.features, inputs.personas)
    return [
        {
            "segment_name": name,
            # The same words for other customers would mislead who reads both.
            "persona": f"{persona} ({inputs.segmentation.name})"
            if persona in taken
            else persona,
            "recommended_action": action,
        }
        for name, (persona, action) in zip(names, personas, strict=True)
    ]


def _measures(inputs: _Inputs, fit: KMeansFit) -> list[dict[str, float | None]]:
    """Inertia share, silhouette, stability and outlier distance of each segment."""
    squared = np.zeros(len(inputs.points))
    for column, targets in zip(inputs.points.T, fit.centroids.T, strict=True):
        squared += (column - targets[fit.labels]) ** 2
    sample, counts = sample_for_silhouettes(inputs.points, inputs.weights)
    labels = assign_points(sample, fit.centroids)
    values = silhouettes(sample, counts, [labels])[0]
    ((stability, _),) = stabilities(
        inputs.points,
        inputs.weights,
        [fit.centroids],
        random_seed=inputs.segmentation.random_seed,
    )
    measures: list[dict[str, float | None]] = []
    for row in range(len(fit.centroids)):
        members, sampled = fit.labels == row, labels == row
        own, weights = squared[members], inputs.weights[members]
        measures.append(
            {
                "inertia_share": float(own @ weights) / (fit.inertia or 1.0),
                "mean_silhouette": (
                    float(np.average(values[sampled], weights=counts[sampled]))
                    if values is not None and sampled.any()
                    else None
                ),
                "stability_jaccard": float(stability[row]),
                "outlier_distance": outlier_fence(np.sqrt(own), weights),
            }
        )
    return measures


def _places(inputs: _Inputs, centroid: FloatArray, traits: Traits) -> dict[str, Any]:
    """Return where a segment lies, in coordinates and in original units."""
    columns: dict[str, Any] = {}
    for (number, axis), value in zip(inputs.axes, centroid, strict=True):
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
