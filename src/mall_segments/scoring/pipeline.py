"""Rebuild a published segmentation as a scikit-learn pipeline, to deploy elsewhere."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.model import Coordinate, Model, ModelSegmentation


def build_pipeline(model: Model, segmentation: str | None = None) -> Pipeline:
    """Return a fitted pipeline of stock scikit-learn parts: prepare, scale, K-means.

    Parameters
    ----------
    model : Model
        What `mall_segments.model.load_model` read.
    segmentation : str, optional
        The segmentation; the model's first by default.

    Returns
    -------
    sklearn.pipeline.Pipeline
        It takes a frame with one column per feature of the segmentation, named as in
        ``feature_names_in_``: numbers in original units, levels of categories; NaN is
        missing. ``predict`` answers labels from 0, and the label's place in
        ``named_steps["kmeans"].segment_ids_`` holds its segment id. ``transform``
        answers the distance from each centroid.

    Raises
    ------
    ModelError
        If the model has no such segmentation.

    Notes
    -----
    Every scaler and weight is a subtraction and a division, so a ``StandardScaler``
    stands for all of them, with the centres and the scales of the model.
    """
    chosen = model.segmentation(segmentation)
    axes = {
        name: list(each)
        for name, each in groupby(chosen.coordinates, lambda axis: axis.feature)
    }
    prepare = ColumnTransformer(
        [(name, _steps(each), [name]) for name, each in axes.items()]
    )
    prepare.fit(pd.DataFrame({name: _two_values(each) for name, each in axes.items()}))
    for name, (axis, *_) in axes.items():
        steps = prepare.named_transformers_[name]
        if axis.level is None:
            steps[0].statistics_ = np.array([model.column(name).imputed])
        if axis.transform == "yeo_johnson":
            steps[-1].lambdas_ = np.array([axis.power or 0.0])
    scaler = StandardScaler()
    scaler.mean_ = np.array([axis.center for axis in chosen.coordinates])
    scaler.scale_ = np.array([axis.scale / axis.weight for axis in chosen.coordinates])
    scaler.var_ = scaler.scale_**2
    scaler.n_features_in_ = len(chosen.coordinates)
    scaler.n_samples_seen_ = sum(each.n_customers for each in chosen.segments)
    return Pipeline(
        [("prepare", prepare), ("scaler", scaler), ("kmeans", _fitted(chosen))]
    )


def _steps(axes: Sequence[Coordinate]) -> Pipeline:
    axis = axes[0]
    if axis.level is not None:
        levels = [[each.level for each in axes]]
        return make_pipeline(
            SimpleImputer(strategy="constant", fill_value="unknown"),
            OneHotEncoder(
                categories=levels, handle_unknown="ignore", sparse_output=False
            ),
        )
    steps: list[Any] = [SimpleImputer(strategy="median")]
    if axis.low is not None and axis.high is not None:
        limits = {"a_min": axis.low, "a_max": axis.high}
        steps.append(FunctionTransformer(np.clip, kw_args=limits))
    if axis.transform == "log":
        steps.append(FunctionTransformer(np.log1p))
    elif axis.transform == "yeo_johnson":
        steps.append(PowerTransformer(standardize=False))
    return make_pipeline(*steps)


def _two_values(axes: Sequence[Coordinate]) -> list[Any]:
    """Return values of the right type to fit with; what is learned is replaced."""
    return [0.0, 1.0] if axes[0].level is None else [axes[0].level, axes[0].level]


def _fitted(segmentation: ModelSegmentation) -> KMeans:
    # Fitting to the centroids alone sets what predicting needs; their last digits may
    # change on the way, so they are put back.
    centroids = np.array([each.coordinates for each in segmentation.segments])
    kmeans = KMeans(len(centroids), init=centroids, n_init=1, max_iter=1)
    kmeans.fit(centroids)
    kmeans.cluster_centers_ = centroids
    kmeans.segment_ids_ = np.array([each.segment_id for each in segmentation.segments])
    return kmeans
