"""How the customers' values have changed since the last generation.

This works on distinct values with customer counts, never on customers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.clustering.frames import typed_frame

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from mall_segments.clustering import FloatArray, IntArray

SMALLEST_SHARE: Final = 1e-4
"""Share that an empty bin is given, as the index has no value for a share of 0."""

MODERATE_INDEX: Final = 0.1
MAJOR_INDEX: Final = 0.25
"""Where the usual reading of the population stability index changes."""

_TYPES: Final = {
    "feature": "text",
    "population_stability_index": "float64",
    "reading": "text",
    "ks_statistic": "float64",
    "ks_p_value": "float64",
    "previous_n_customers": "Int64",
    "current_n_customers": "int64",
    "previous_mean": "float64",
    "current_mean": "float64",
}


def feature_drift(
    previous_values: pd.DataFrame, current_values: pd.DataFrame
) -> pd.DataFrame:
    """Compare each feature's values with those of the last generation.

    Both frames have one row per feature and distinct value: ``feature``, ``value``,
    ``n_customers``; missing values are left out, and ``previous_values`` is empty
    before the first generation. Returns the rows of ``fct_feature_drift``, by feature;
    what needs a previous generation is missing where there is none.

    The bins of the index are the deciles of the previous generation: each takes the
    values above one decile up to the next, and the outer ones all values beyond.
    Equal deciles make fewer bins.
    """
    return typed_frame(
        [
            _drift_of_feature(
                feature,
                _sample(previous_values, feature),
                _sample(current_values, feature),
            )
            for feature in sorted(current_values["feature"].unique())
        ],
        _TYPES,
    )


def population_stability_index(
    previous_counts: ArrayLike, current_counts: ArrayLike
) -> float:
    """Measure how far the customers have moved between bins [1]_.

    0 for equal shares, no upper limit, no unit. Shares below :data:`SMALLEST_SHARE`
    count as that.

    References
    ----------
    .. [1] Siddiqi (2006), "Credit Risk Scorecards", Wiley, chapter 9.

    Examples
    --------
    >>> population_stability_index([50, 50], [50, 50])
    0.0
    >>> round(population_stability_index([50, 50], [75, 25]), 4)
    0.2747
    """
    before, after = (
        np.maximum(np.divide(counts, np.sum(counts)), SMALLEST_SHARE)
        for counts in (previous_counts, current_counts)
    )
    return float(((after - before) * np.log(after / before)).sum())


def read_stability_index(index: float) -> str:
    """Read a population stability index as Siddiqi does.

    Examples
    --------
    >>> [read_stability_index(index) for index in (0.0999, 0.1, 0.25, 0.2501)]
    ['stable', 'moderate', 'moderate', 'major']
    """
    if index < MODERATE_INDEX:
        return "stable"
    return "moderate" if index <= MAJOR_INDEX else "major"


def kolmogorov_smirnov(
    previous_values: ArrayLike,
    previous_counts: ArrayLike,
    current_values: ArrayLike,
    current_counts: ArrayLike,
) -> tuple[float, float]:
    """Test whether two weighted samples could come from the same distribution.

    Returns the largest difference of the two cumulative shares, and the two-sided
    asymptotic p-value [1]_; 1 for two single customers, as of the exact test.

    References
    ----------
    .. [1] Hodges (1958), "The significance probability of the Smirnov two-sample
       test", Arkiv för Matematik 3, 469-486.

    Examples
    --------
    >>> kolmogorov_smirnov([1, 2], [1, 1], [2, 3], [1, 1])[0]
    0.5
    """
    from scipy.stats import kstwo  # noqa: PLC0415 - half a second, for drift alone

    values = np.union1d(previous_values, current_values)
    before, after = (
        np.cumsum(np.bincount(np.searchsorted(values, own), counts, len(values)))
        for own, counts in (
            (previous_values, previous_counts),
            (current_values, current_counts),
        )
    )
    statistic = float(np.abs(before / before[-1] - after / after[-1]).max())
    n_effective = np.round(before[-1] * after[-1] / (before[-1] + after[-1]))
    p_value = kstwo.sf(statistic, n_effective) if n_effective else 1.0
    return statistic, float(np.clip(p_value, 0, 1))


def _sample(table: pd.DataFrame, feature: str) -> tuple[FloatArray, IntArray] | None:
    """Values of a feature in ascending order and the customers with each."""
    own = table[(table["feature"] == feature) & table["value"].notna()]
    if own.empty:
        return None
    own = own.sort_values("value")
    return own["value"].to_numpy(np.float64), own["n_customers"].to_numpy(np.int64)


def _drift_of_feature(
    feature: str,
    previous: tuple[FloatArray, IntArray] | None,
    current: tuple[FloatArray, IntArray] | None,
) -> dict[str, Any]:
    """Columns of one feature; those that cannot be known are left out."""
    row: dict[str, Any] = {"feature": feature, "current_n_customers": 0}
    for when, sample in (("previous", previous), ("current", current)):
        if sample:
            row[f"{when}_n_customers"] = int(sample[1].sum())
            row[f"{when}_mean"] = float(np.average(sample[0], weights=sample[1]))
    if previous and current:
        values, counts = previous
        deciles = np.arange(1, 10) / 10
        edges = np.unique(
            np.quantile(values, deciles, weights=counts, method="inverted_cdf")
        )
        index = population_stability_index(
            *(
                np.bincount(np.searchsorted(edges, values), counts, len(edges) + 1)
                for values, counts in (previous, current)
            )
        )
        statistic, p_value = kolmogorov_smirnov(*previous, *current)
        row |= {
            "population_stability_index": index,
            "reading": read_stability_index(index),
            "ks_statistic": statistic,
            "ks_p_value": p_value,
        }
    return row
