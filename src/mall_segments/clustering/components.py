"""Principal components of the customers, from weighted points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from mall_segments.clustering.coordinates import (
    coordinate_values,
    each_segmentation,
)
from mall_segments.clustering.threads import use_one_thread
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.clustering import FloatArray, IntArray

TABLE_DIMENSIONS: Final = 2

_RELATIVE_TIE: Final = 1e-9

_TYPES: Final = {
    "segmentation": "string",
    "component": "int64",
    "feature": "string",
    "loading": "float64",
    "explained_variance": "float64",
    "explained_variance_ratio": "float64",
    "cumulative_variance_ratio": "float64",
}


@dataclass(frozen=True)
class Components:
    """Directions in which customers differ most, in that order.

    Attributes
    ----------
    loadings : array of shape (n_features, n_features)
        A unit vector per row: what each feature adds to the component.
    variances : array of shape (n_features,)
        Sample variance (divisor ``n_customers - 1``) along each component, in squared
        scaled units.
    """

    loadings: FloatArray
    variances: FloatArray


def find_components(values: FloatArray, weights: IntArray) -> Components:
    """Principal components of weighted points, as if repeated once per customer.

    Parameters
    ----------
    values : array of shape (n_points, n_features)
        Points in scaled units.
    weights : array of shape (n_points,)
        Customers per point, 0 or more.

    Returns
    -------
    Components
        All ``n_features`` of them. A component points to where its largest loading,
        by size, is positive; of equally large ones the first counts.

    Raises
    ------
    ValueError
        If the shapes disagree, a weight is negative, or there are fewer than 2
        customers, who have no variance.

    References
    ----------
    .. [1] Jolliffe (2002), "Principal Component Analysis", 2nd edition, Springer.

    Examples
    --------
    >>> found = find_components(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([1, 1]))
    >>> found.loadings[0].round(12).tolist(), found.variances.round(12).tolist()
    ([0.6, 0.8], [12.5, 0.0])
    """
    if values.ndim != TABLE_DIMENSIONS or weights.shape != (len(values),):
        raise ValueError(
            f"values has shape {values.shape} and weights {weights.shape}; a table and "
            "one weight per row are needed"
        )
    if (weights < 0).any():
        raise ValueError(f"weights holds {weights.min()}; none may be negative")
    n_customers = int(weights.sum())
    if n_customers < 2:  # noqa: PLR2004 - one customer has no variance
        raise ValueError(f"weights sums to {n_customers} customers; 2 are needed")
    shares = weights[:, None] / n_customers
    centered = values - (shares * values).sum(axis=0)
    rows = centered * np.sqrt(weights / (n_customers - 1))[:, None]
    use_one_thread()
    eigenvalues, eigenvectors = np.linalg.eigh(rows.T @ rows)
    loadings = eigenvectors.T[::-1]
    sizes = np.abs(loadings)
    largest = (sizes >= sizes.max(axis=1, keepdims=True) * (1 - _RELATIVE_TIE)).argmax(
        axis=1
    )
    signs = np.sign(loadings[np.arange(len(loadings)), largest])
    return Components(
        loadings=loadings * signs[:, None],
        # Rounding can leave a variance of 0 a little below it.
        variances=np.maximum(eigenvalues[::-1], 0),
    )


def principal_components(
    points: pd.DataFrame, coordinates: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Tabulate the principal components of each segmentation's coordinates.

    Parameters
    ----------
    points : DataFrame
        Rows of ``int_points``; customers with an imputed value do not count.
    coordinates : DataFrame
        Rows of ``int_coordinates``.
    settings : mapping of str to object
        The settings of the build, as dbt hands them over.

    Returns
    -------
    DataFrame
        One row per segmentation, component (from 1, by variance descending) and
        feature, a level of a category as ``feature=level``: ``loading``, and the
        component's ``explained_variance`` in squared scaled units,
        ``explained_variance_ratio`` and ``cumulative_variance_ratio``. The ratios are
        missing where nothing varies.

    Notes
    -----
    Two standardised features always have the loadings 0.707 and ±0.707: their
    components say no more than the sign of their correlation.
    """
    rows: list[dict[str, Any]] = []
    for segmentation, axes, own in each_segmentation(
        points, coordinates, read_settings(settings)
    ):
        found = find_components(
            coordinate_values(own), own["n_fitted"].to_numpy(np.int64)
        )
        total = float(found.variances.sum())
        ratios = found.variances / (total or np.nan)
        cumulative = np.cumsum(ratios)
        names = [
            axis.feature if axis.level is None else f"{axis.feature}={axis.level}"
            for _, axis in axes
        ]
        for component, loadings in enumerate(found.loadings):
            rows.extend(
                {
                    "segmentation": segmentation.name,
                    "component": component + 1,
                    "feature": name,
                    "loading": loading,
                    "explained_variance": found.variances[component],
                    "explained_variance_ratio": ratios[component],
                    "cumulative_variance_ratio": cumulative[component],
                }
                for name, loading in zip(names, loadings, strict=True)
            )
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
