"""How the customers' values have changed since the last generation.

This works on distinct values with customer counts, never on customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mall_segments.clustering import FloatArray, IntArray

SMALLEST_SHARE: Final = 1e-4
"""Share that an empty bin is given, as the index has no value for a share of 0."""

MODERATE_INDEX: Final = 0.1
MAJOR_INDEX: Final = 0.25
"""Where the usual reading of the population stability index changes."""

_DRIFT_TYPES: Final = {
    "feature": "string",
    "population_stability_index": "float64",
    "reading": "string",
    "ks_statistic": "float64",
    "ks_p_value": "float64",
    "previous_n_customers": "Int64",
    "current_n_customers": "int64",
    "previous_mean": "float64",
    "current_mean": "float64",
}


@dataclass(frozen=True)
class KolmogorovSmirnov:
    """The two-sample test: the statistic, from 0 to 1, and its asymptotic p-value."""

    statistic: float
    p_value: float


def population_stability_index(
    previous_counts: ArrayLike, current_counts: ArrayLike
) -> float:
    """Measure how far the customers have moved between bins.

    Parameters
    ----------
    previous_counts, current_counts : array-like of shape (n_bins,)
        Customers per bin in two generations, 0 or more.

    Returns
    -------
    float
        0 for equal shares, no upper limit, no unit. Shares below
        :data:`SMALLEST_SHARE` count as that.

    Raises
    ------
    ValueError
        If the shapes disagree, or a generation has no customers.

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
    previous = np.asarray(previous_counts, dtype=np.float64)
    current = np.asarray(current_counts, dtype=np.float64)
    if previous.shape != current.shape:
        raise ValueError(
            f"previous_counts has shape {previous.shape} and current_counts "
            f"{current.shape}; both need the same bins"
        )
    if previous.sum() <= 0 or current.sum() <= 0:
        raise ValueError(
            f"previous_counts sums to {previous.sum():g} and current_counts to "
            f"{current.sum():g}; both need customers"
        )
    before = np.maximum(previous / previous.sum(), SMALLEST_SHARE)
    after = np.maximum(current / current.sum(), SMALLEST_SHARE)
    return float(((after - before) * np.log(after / before)).sum())


def read_stability_index(index: float) -> str:
    """Read a population stability index: ``stable``, ``moderate`` or ``major``.

    Below 0.1 nothing of note has changed, up to 0.25 it is worth a look, and above
    that the population is another one [1]_.

    References
    ----------
    .. [1] Siddiqi (2006), "Credit Risk Scorecards", Wiley, chapter 9.

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
) -> KolmogorovSmirnov:
    """Test whether two samples could come from the same distribution.

    Parameters
    ----------
    previous_values, current_values : array-like of shape (n_values,)
        Values of two samples, in the same unit and any order.
    previous_counts, current_counts : array-like of the same shape
        Customers with each value.

    Returns
    -------
    KolmogorovSmirnov
        The largest difference of the two cumulative shares, and the two-sided
        asymptotic p-value. Two single customers, for whom it has no value, have the
        p-value 1 of the exact test.

    Raises
    ------
    ValueError
        If a sample has no customers.

    References
    ----------
    .. [1] Hodges (1958), "The significance probability of the Smirnov two-sample
       test", Arkiv för Matematik 3, 469-486.

    Examples
    --------
    >>> kolmogorov_smirnov([1, 2], [1, 1], [2, 3], [1, 1]).statistic
    0.5
    """
    from scipy.stats import kstwo  # noqa: PLC0415 - half a second, for drift alone

    before = _sorted_sample(previous_values, previous_counts)
    after = _sorted_sample(current_values, current_counts)
    values = np.union1d(before.values, after.values)
    differences = before.shares_up_to(values) - after.shares_up_to(values)
    statistic = float(np.abs(differences).max())
    n_effective = np.round(
        before.n_customers
        * after.n_customers
        / (before.n_customers + after.n_customers)
    )
    p_value = kstwo.sf(statistic, n_effective) if n_effective else 1.0
    return KolmogorovSmirnov(statistic, float(np.clip(p_value, 0, 1)))


def feature_drift(
    previous_values: pd.DataFrame, current_values: pd.DataFrame
) -> pd.DataFrame:
    """Compare each feature's values with those of the last generation.

    Parameters
    ----------
    previous_values, current_values : DataFrame
        One row per feature and distinct value: ``feature``, ``value``,
        ``n_customers``. Missing values are left out. ``previous_values`` is empty
        before the first generation.

    Returns
    -------
    DataFrame
        One row per feature of ``current_values``, by name:
        ``population_stability_index`` and its ``reading``, ``ks_statistic`` and
        ``ks_p_value``, customers and means of both generations. What needs a
        previous generation is missing where there is none.

    Notes
    -----
    The bins of the index are the deciles of the previous generation: each takes the
    values above one decile up to the next, and the outer ones all values beyond.
    Equal deciles make fewer bins.
    """
    rows = [
        _drift_of_feature(
            feature,
            _sample_of_feature(previous_values, feature),
            _sample_of_feature(current_values, feature),
        )
        for feature in sorted(current_values["feature"].unique())
    ]
    return pd.DataFrame(rows, columns=list(_DRIFT_TYPES)).astype(_DRIFT_TYPES)


@dataclass(frozen=True)
class _Sample:
    """Values in ascending order and the customers with each."""

    values: FloatArray
    counts: IntArray

    @property
    def n_customers(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        return float((self.values * self.counts).sum() / self.n_customers)

    def shares_up_to(self, values: FloatArray) -> FloatArray:
        """Share of the customers at or below each value, (n_values,)."""
        reached = np.concatenate([[0], np.cumsum(self.counts)])
        places = np.searchsorted(self.values, values, side="right")
        shares: FloatArray = reached[places] / self.n_customers
        return shares

    def deciles(self) -> FloatArray:
        """Smallest values that a tenth, two tenths ... of the customers do not exceed.

        Each is listed once.
        """
        reached = 10 * np.cumsum(self.counts)
        wanted = self.n_customers * np.arange(1, 10)
        return np.unique(self.values[np.searchsorted(reached, wanted)])

    def counts_between(self, edges: FloatArray) -> IntArray:
        """Count customers up to the first edge, the next ... and above the last."""
        bins = np.searchsorted(edges, self.values)
        between: IntArray = np.zeros(len(edges) + 1, dtype=np.int64)
        np.add.at(between, bins, self.counts)
        return between


def _sorted_sample(values: ArrayLike, counts: ArrayLike) -> _Sample:
    found = np.asarray(values, dtype=np.float64)
    customers = np.asarray(counts, dtype=np.int64)
    if customers.sum() < 1:
        raise ValueError("a sample has no customers; both need at least 1")
    order = np.argsort(found, kind="stable")
    return _Sample(found[order], customers[order])


def _sample_of_feature(table: pd.DataFrame, feature: str) -> _Sample | None:
    own = table[(table["feature"] == feature) & table["value"].notna()]
    return None if own.empty else _sorted_sample(own["value"], own["n_customers"])


def _drift_of_feature(
    feature: str, previous: _Sample | None, current: _Sample | None
) -> dict[str, Any]:
    """Columns of one feature; those that cannot be known are left out."""
    row: dict[str, Any] = {"feature": feature, "current_n_customers": 0}
    if previous:
        row |= {
            "previous_n_customers": previous.n_customers,
            "previous_mean": previous.mean,
        }
    if current:
        row |= {
            "current_n_customers": current.n_customers,
            "current_mean": current.mean,
        }
    if previous and current:
        edges = previous.deciles()
        index = population_stability_index(
            previous.counts_between(edges), current.counts_between(edges)
        )
        test = kolmogorov_smirnov(
            previous.values, previous.counts, current.values, current.counts
        )
        row |= {
            "population_stability_index": index,
            "reading": read_stability_index(index),
            "ks_statistic": test.statistic,
            "ks_p_value": test.p_value,
        }
    return row
