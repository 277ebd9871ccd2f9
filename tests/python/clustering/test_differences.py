"""Tests and effect sizes of what segments differ in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mall_segments.clustering.differences import (
    chi_squared,
    holm,
    kruskal_wallis,
    segment_differences,
)
from mall_segments.clustering.kmeans import fit_kmeans


@pytest.fixture(scope="module")
def differences(shipped_customers):
    """What the five shipped segments of income and spending differ in."""
    features = ["annual_income_kusd", "spending_score"]
    values = shipped_customers[features]
    scaled = ((values - values.mean()) / values.std(ddof=0)).to_numpy()
    fit = fit_kmeans(scaled, np.ones(200, dtype=np.int64), n_segments=5, random_seed=42)
    customers = shipped_customers.assign(segment_id=fit.labels + 1, n_customers=1)
    gender = next(name for name in customers.columns if name in ("Gender", "Genre"))

    def long(column, value):
        keys = ["segment_id", column]
        counts = customers.groupby(keys, as_index=False)["n_customers"].sum()
        counts = counts.rename(columns={column: value})
        return counts.assign(segmentation="two", feature=column)

    frame = segment_differences(
        pd.concat([long(name, "value") for name in ["age_years", *features]]),
        long(gender, "level").assign(feature="gender"),
        {"two": features},
    )
    return frame.set_index("attribute")


def test_the_shipped_segments_differ_in_age_and_not_in_gender(differences):
    age, gender = differences.loc["age_years"], differences.loc["gender"]
    assert age["effect_size"] == pytest.approx(0.19, abs=0.005)
    assert age["statistic"] == pytest.approx(41.51, abs=0.01)
    # 2e-8 for itself, twice that as the smaller of two.
    assert age["p_value"] == pytest.approx(4.2e-8, rel=0.02)
    assert age["effect_reading"] == "large"
    assert gender["effect_size"] == pytest.approx(0.11, abs=0.005)
    assert gender["p_value"] == pytest.approx(0.69, abs=0.005)
    assert (gender["test"], gender["effect_reading"]) == ("chi-squared", "small")


def test_fitted_features_have_an_effect_but_no_p_value(differences):
    fitted = differences[differences["is_fitted"]]
    assert set(fitted.index) == {"annual_income_kusd", "spending_score"}
    assert fitted["p_value"].isna().all()
    assert (fitted["effect_size"] > 0.8).all()
    assert differences["effect_size"].is_monotonic_decreasing


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=2, max_size=4
    )
)
def test_kruskal_wallis_equals_scipy_on_the_expanded_rows(table):
    counts = np.array(table, dtype=np.float64) + np.eye(len(table), 3)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return
    groups = [np.repeat(np.arange(len(row)), row.astype(int)) for row in counts]
    expected = stats.kruskal(*groups)
    statistic, p_value, effect = kruskal_wallis(counts)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)
    assert 0 <= effect <= 1


def test_chi_squared_equals_scipy():
    counts = np.array([[10.0, 20.0, 30.0], [20.0, 5.0, 5.0]])
    expected = stats.chi2_contingency(counts, correction=False)
    statistic, p_value, effect = chi_squared(counts)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)
    assert effect == pytest.approx(stats.contingency.association(counts.astype(int)))


def test_holm_multiplies_by_how_many_are_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_attribute_in_which_all_agree_has_no_measures():
    numbers = pd.DataFrame(
        {
            "segmentation": "two",
            "segment_id": [1, 2],
            "feature": "age",
            "value": 30.0,
            "n_customers": [3, 4],
        }
    )
    categories = numbers.head(0).rename(columns={"value": "level"})
    row = segment_differences(numbers, categories, {"two": []}).loc[0]
    assert row[["statistic", "p_value", "effect_size", "effect_reading"]].isna().all()
