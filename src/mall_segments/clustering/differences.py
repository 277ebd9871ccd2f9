"""In which attributes segments differ, by how much, and whether chance explains it.

The size of a difference is the answer; a p-value only says whether there is one at
all, and among a million customers there always is. For a feature that the segments
were fitted on there is no p-value: K-means makes segments differ in it even where the
customers form none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import chdtrc

from mall_segments.clustering.frames import typed_frame

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from mall_segments.clustering import FloatArray

KRUSKAL_WALLIS: Final = "Kruskal-Wallis"
CHI_SQUARED: Final = "chi-squared"

READINGS: Final = ("negligible", "small", "medium", "large")
"""Words for effect sizes below and from each of three limits on."""

RANK_LIMITS: Final = (0.01, 0.06, 0.14)
"""Where the reading of epsilon squared changes, as Cohen's for explained variance."""

TABLE_LIMITS: Final = (0.1, 0.3, 0.5)
"""Where the reading of Cramér's V changes for two segments or levels, after Cohen."""

_TYPES: Final = {
    "segmentation": "text",
    "attribute": "text",
    "test": "text",
    "statistic": "float64",
    "p_value": "float64",
    "effect_size": "float64",
    "effect_reading": "text",
    "is_fitted": "bool",
}


def segment_differences(
    numbers: pd.DataFrame,
    categories: pd.DataFrame,
    fitted: Mapping[str, Collection[str]],
) -> pd.DataFrame:
    """Test every attribute for differences between the segments.

    ``numbers`` says how many customers (``n_customers``) of a segment have a ``value``
    of a ``feature``, or a fine bin of that mean; ``categories`` has a ``level``
    instead; ``fitted`` the features that each segmentation was fitted on. Returns the
    rows of ``fct_segment_differences``, the largest effect first. P-values are
    corrected by Holm's method over the attributes of a segmentation that were not
    fitted on. An attribute in which all customers agree, or with customers of one
    segment only, has none of the measures.

    References
    ----------
    .. [1] Kruskal and Wallis (1952), "Use of ranks in one-criterion variance
       analysis", J. Am. Stat. Assoc. 47, 583-621.
    .. [2] Kelley (1935), "An unbiased correlation ratio measure", Proc. Natl. Acad.
       Sci. 21, 554-559; here of the ranks.
    .. [3] Cramér (1946), "Mathematical Methods of Statistics", chapter 21.
    .. [4] Cohen (1988), "Statistical Power Analysis for the Behavioral Sciences".
    .. [5] Holm (1979), "A simple sequentially rejective multiple test procedure",
       Scand. J. Statist. 6, 65-70.
    """
    rows: list[dict[str, Any]] = []
    for name, features in fitted.items():
        own = [
            {"attribute": attribute, **_measure(table, test)}
            for frame, column, test in (
                (numbers, "value", KRUSKAL_WALLIS),
                (categories, "level", CHI_SQUARED),
            )
            for attribute, table in _tables(frame, name, column)
        ]
        for row in own:
            row["segmentation"] = name
            row["is_fitted"] = row["attribute"] in features
        tested = [row for row in own if not row["is_fitted"] and "p_value" in row]
        corrected = holm([row["p_value"] for row in tested])
        for row in own:
            row["p_value"] = None
        for row, p_value in zip(tested, corrected, strict=True):
            row["p_value"] = p_value
        rows += sorted(
            own, key=lambda row: (-row.get("effect_size", -1.0), row["attribute"])
        )
    return typed_frame(rows, _TYPES)


def kruskal_wallis(counts: FloatArray) -> tuple[float, float, float]:
    """Test whether the ranks of a number differ between groups.

    ``counts`` holds the customers per group and value, values ascending, no row or
    column empty. Returns H with its correction for ties, its p-value, and epsilon
    squared of the ranks, ``(H - n_groups + 1) / (n_customers - n_groups)``: the share
    of their variance that the groups explain, less what chance would; at least 0.

    Examples
    --------
    >>> kruskal_wallis(np.array([[1, 1, 0, 0], [0, 0, 1, 1]]))[0]
    2.4
    """
    tied = counts.sum(axis=0)
    sizes = counts.sum(axis=1)
    n_customers = float(sizes.sum())
    # From here on relative to the mean rank, as sums of squared ranks lose digits.
    ranks = np.cumsum(tied) - tied / 2 - n_customers / 2
    sums = counts @ ranks
    variance = float((tied * ranks**2).sum()) / (n_customers - 1)
    statistic = float((sums**2 / sizes).sum()) / variance
    p_value = float(chdtrc(len(counts) - 1, statistic))
    n_groups = len(counts)
    explained = (statistic - n_groups + 1) / max(n_customers - n_groups, 1)
    return statistic, p_value, min(1.0, max(0.0, explained))


def chi_squared(counts: FloatArray) -> tuple[float, float, float]:
    """Pearson's statistic, its p-value and Cramér's V of customers by group and level.

    Examples
    --------
    >>> chi_squared(np.array([[4, 0], [0, 4]]))[::2]
    (8.0, 1.0)
    """
    n_customers = float(counts.sum())
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n_customers
    statistic = float(((counts - expected) ** 2 / expected).sum())
    rows, columns = (side - 1 for side in counts.shape)
    p_value = float(chdtrc(rows * columns, statistic))
    return statistic, p_value, (statistic / (n_customers * min(rows, columns))) ** 0.5


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for how many there are, by Holm's step-down method.

    Examples
    --------
    >>> holm([0.04, 0.01])
    [0.04, 0.02]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * np.array(p_values)[order]
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(value) for value in corrected]


def _tables(
    frame: pd.DataFrame, segmentation: str, column: str
) -> list[tuple[str, FloatArray]]:
    """Count customers by segment and value of each attribute."""
    own = frame[frame["segmentation"].to_numpy() == segmentation]
    own = own[own[column].notna() & (own["n_customers"] > 0)]
    return [
        (
            str(attribute),
            rows.pivot_table(
                index="segment_id",
                columns=column,
                values="n_customers",
                aggfunc="sum",
                fill_value=0,
            ).to_numpy(dtype=np.float64),
        )
        for attribute, rows in own.groupby("feature", sort=True)
    ]


def _measure(counts: FloatArray, test: str) -> dict[str, Any]:
    if min(counts.shape) < 2:  # noqa: PLR2004  Two groups and two values, at least.
        return {"test": test}
    if test == KRUSKAL_WALLIS:
        statistic, p_value, effect = kruskal_wallis(counts)
        limits = np.array(RANK_LIMITS)
    else:
        statistic, p_value, effect = chi_squared(counts)
        # V of a larger table is smaller for the same effect w, by this factor.
        limits = np.array(TABLE_LIMITS) / (min(counts.shape) - 1) ** 0.5
    return {
        "test": test,
        "statistic": statistic,
        "p_value": p_value,
        "effect_size": effect,
        "effect_reading": READINGS[int((effect >= limits).sum())],
    }
