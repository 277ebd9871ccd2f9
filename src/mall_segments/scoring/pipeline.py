"""Rebuild a published segmentation as a scikit-learn pipeline, to deploy elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mall_segments.scoring.model_settings import find_segmentation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.model_file import Model, Segment


def build_pipeline(model: Model, segmentation: str | None = None) -> Pipeline:
    """Return a fitted pipeline of stock scikit-learn parts: impute, scale, K-means.

    Parameters
    ----------
    model : Model
        What `mall_segments.model_file.load_model` read.
    segmentation : str, optional
        The segmentation; the model's first by default.

    Returns
    -------
    sklearn.pipeline.Pipeline
        It takes a frame with one column per feature of the segmentation, named and in
        the order of ``feature_names_in_``, in original units; NaN is missing.
        ``predict`` answers labels from 0, and the label's place in
        ``named_steps["kmeans"].segment_ids_`` holds its segment id.
        ``transform`` answers the distance from each centroid.

    Raises
    ------
    ModelError
        If the model has no such segmentation.

    Notes
    -----
    Every scaler is a subtraction and a division, so a ``StandardScaler`` stands for
    each of them, with the centre and the scale of the model.
    """
    chosen = find_segmentation(model, segmentation)
    features = {feature.name: feature for feature in model.features}
    names = [feature.name for feature in chosen.features]
    n_features = len(names)

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    imputer.fit(np.array([[features[name].median for name in names]]))
    imputer.feature_names_in_ = np.array(names, dtype=object)

    scaler = StandardScaler()
    scaler.mean_ = np.array([feature.center for feature in chosen.features])
    scaler.scale_ = np.array([feature.scale for feature in chosen.features])
    scaler.var_ = scaler.scale_**2
    scaler.n_features_in_ = n_features
    scaler.n_samples_seen_ = sum(segment.n_customers for segment in chosen.segments)

    centroids = np.array(
        [
            [segment.scaled_centroid[name] for name in names]
            for segment in chosen.segments
        ]
    )
    return Pipeline(
        [
            ("imputer", imputer),
            ("scaler", scaler),
            ("kmeans", _fitted(centroids, chosen.segments)),
        ]
    )


def _fitted(centroids: np.ndarray[Any, Any], segments: Sequence[Segment]) -> KMeans:
    # Fitting to the centroids alone sets what predicting needs; their last digits may
    # change on the way, so they are put back.
    kmeans = KMeans(len(centroids), init=centroids, n_init=1, max_iter=1)
    kmeans.fit(centroids)
    kmeans.cluster_centers_ = centroids
    kmeans.segment_ids_ = np.array([segment.segment_id for segment in segments])
    return kmeans
