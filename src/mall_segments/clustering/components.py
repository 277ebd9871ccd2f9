"""Principal components of the customers, from weighted points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.clustering.coordinates import each_segmentation
from mall_segments.clustering.frames import coordinate_values, typed_frame
from mall_segments.clustering.threads import use_one_thread
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mall_segments.clustering import FloatArray, IntArray

_RELATIVE_TIE: Final = 1e-9

_TYPES: Final = {
    "segmentation": "text",
    "component": "int64",
    "feature": "text",
    "loading": "float64",
    "explained_variance": "float64",
    "explained_variance_ratio": "float64",
    "cumulative_variance_ratio": "float64",
}


def find_components(
    values: FloatArray, weights: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Principal components [1]_ of points, as if repeated once per customer.

    Returns
    -------
    tuple of arrays of shape (n_features, n_features) and (n_features,)
        A unit vector per row, which points to where its largest loading, by size, is
        positive (of equally large ones the first counts), and the sample variance
        along it, in descending order.

    References
    ----------
    .. [1] Jolliffe (2002), "Principal Component Analysis", 2nd edition, Springer.

    Examples
    --------
    >>> found = find_components(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([1, 1]))
    >>> found[0][0].round(12).tolist(), found[1].round(12).tolist()
    ([0.6, 0.8], [12.5, 0.0])
    """
    use_one_thread()
    spread = np.atleast_2d(np.cov(values.T, fweights=weights))
    variances, vectors = np.linalg.eigh(spread)
    loadings = vectors.T[::-1]
    sizes = np.abs(loadings)
    largest = (sizes >= sizes.max(axis=1, keepdims=True) * (1 - _RELATIVE_TIE)).argmax(
        axis=1
    )
    signs = np.sign(loadings[np.arange(len(loadings)), largest])
    # Rounding can leave a variance of 0 a little below it.
    return loadings * signs[:, None], np.maximum(variances[::-1], 0)


def principal_components(
    points: pd.DataFrame, coordinates: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Tabulate the principal components of each segmentation's coordinates.

    ``points`` are rows of ``int_points``, of whom customers with an imputed value do
    not count, and ``coordinates`` of ``int_coordinates``. Returns the rows of
    ``fct_principal_components``, by variance descending; a level of a category is the
    feature ``feature=level``, and ratios are missing where nothing varies.

    Two standardised features always have the loadings 0.707 and ±0.707: their
    components say no more than the sign of their correlation.
    """
    rows: list[dict[str, Any]] = []
    for segmentation, axes, own in each_segmentation(
        points, coordinates, read_settings(settings)
    ):
        found, variances = find_components(
            coordinate_values(own), own["n_fitted"].to_numpy(np.int64)
        )
        ratios = variances / (variances.sum() or np.nan)
        cumulative = np.cumsum(ratios)
        rows += [
            {
                "segmentation": segmentation.name,
                "component": component + 1,
                "feature": axis.feature
                if axis.level is None
                else f"{axis.feature}={axis.level}",
                "loading": loading,
                "explained_variance": variances[component],
                "explained_variance_ratio": ratios[component],
                "cumulative_variance_ratio": cumulative[component],
            }
            for component, loadings in enumerate(found)
            for (_, axis), loading in zip(axes, loadings, strict=True)
        ]
    return typed_frame(rows, _TYPES)
