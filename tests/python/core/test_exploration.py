import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from mall_segments.clustering.exploration import (
    feature_drift,
    kolmogorov_smirnov,
    population_stability_index,
    read_stability_index,
)

samples = st.lists(
    st.tuples(st.integers(-10, 10), st.integers(1, 9)), min_size=1, max_size=15
).map(lambda rows: tuple(map(list, zip(*rows, strict=True))))


def make_values(**features):
    """One row per feature, value and count, from ``feature={value: count}``."""
    return pd.DataFrame(
        [
            (feature, value, count)
            for feature, counts in features.items()
            for value, count in counts.items()
        ],
        columns=["feature", "value", "n_customers"],
    )


@settings(max_examples=200, deadline=None)
@given(samples, samples)
def test_kolmogorov_smirnov_equals_scipy_on_the_expanded_rows(previous, current):
    found = kolmogorov_smirnov(*previous, *current)
    rows = np.repeat(*previous), np.repeat(*current)
    if len(rows[0]) == len(rows[1]) == 1:
        assert found[1] == 1
        return
    expected = ks_2samp(*rows, method="asymp")
    assert found[0] == pytest.approx(expected.statistic, abs=1e-12)
    assert found[1] == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


def test_kolmogorov_smirnov_counts_a_hundred_million_customers():
    found = kolmogorov_smirnov([1, 2], [50_000_000] * 2, [1, 2], [50_010_000] * 2)
    assert found == (0, 1)
    moved = kolmogorov_smirnov(
        [1, 2], [50_000_000] * 2, [1, 2], [50_010_000, 49_990_000]
    )
    assert moved[0] == pytest.approx(1e-4)
    # Kolmogorov's 2 (exp(-2 x^2) - exp(-8 x^2) + exp(-18 x^2)), where x^2 is the
    # effective 5e7 customers times 1e-8.
    expected = 2 * (math.exp(-1) - math.exp(-4) + math.exp(-9))
    assert moved[1] == pytest.approx(expected, abs=1e-4)


def test_stability_index_is_the_sum_worked_by_hand():
    # (0.5 - 0.2) ln(0.5 / 0.2) + (0.5 - 0.8) ln(0.5 / 0.8)
    expected = 0.3 * math.log(2.5) - 0.3 * math.log(0.625)
    assert population_stability_index([20, 80], [1, 1]) == pytest.approx(expected)
    assert population_stability_index([1, 1], [20, 80]) == pytest.approx(expected)
    assert population_stability_index([3, 5, 7], [300, 500, 700]) == 0


def test_an_empty_bin_counts_as_one_in_ten_thousand():
    # (0.0001 - 0.5) ln(0.0001 / 0.5) + (1 - 0.5) ln(1 / 0.5)
    expected = -0.4999 * math.log(0.0002) + 0.5 * math.log(2)
    assert population_stability_index([1, 1], [0, 4]) == pytest.approx(expected)
    assert population_stability_index([0, 4], [0, 9]) == 0


def test_readings_change_at_a_tenth_and_a_quarter():
    readings = [read_stability_index(index) for index in (0, 0.09, 0.1, 0.25, 0.26, 9)]
    assert readings == ["stable", "stable", *["moderate"] * 2, "major", "major"]


def test_nothing_drifts_between_equal_generations():
    values = make_values(visits={1.0: 3, 2.0: 5}, basket_eur={9.5: 8})
    table = feature_drift(values, values)
    assert table["feature"].tolist() == ["basket_eur", "visits"]
    assert table["population_stability_index"].tolist() == [0, 0]
    assert table["reading"].tolist() == ["stable", "stable"]
    assert table["ks_statistic"].tolist() == [0, 0]
    assert table["ks_p_value"].tolist() == [1, 1]
    assert table["previous_n_customers"].tolist() == [8, 8]
    assert table["current_n_customers"].tolist() == [8, 8]
    assert table["previous_mean"].tolist() == [9.5, 13 / 8]
    assert table["current_mean"].tolist() == [9.5, 13 / 8]


def test_the_bins_are_the_deciles_of_the_previous_generation():
    # Ten customers on 1 to 10: each value is a decile, so a bin has one of them.
    # Now all ten are on 3, in the third bin, and nine bins are empty.
    previous = make_values(visits=dict.fromkeys(range(1, 11), 1))
    (row,) = feature_drift(previous, make_values(visits={3: 10})).to_dict("records")
    expected = 0.9 * math.log(10) + 9 * (0.0001 - 0.1) * math.log(0.001)
    assert row["population_stability_index"] == pytest.approx(expected)
    assert row["reading"] == "major"
    assert row["ks_statistic"] == pytest.approx(0.7)
    assert (row["previous_mean"], row["current_mean"]) == (5.5, 3)


def test_values_beyond_the_previous_ones_are_in_the_outer_bins():
    previous = make_values(visits=dict.fromkeys(range(1, 11), 1))
    current = make_values(visits=dict.fromkeys([-50, *range(2, 10), 99], 1))
    (row,) = feature_drift(previous, current).to_dict("records")
    assert row["population_stability_index"] == 0


@settings(max_examples=100, deadline=None)
@given(samples, samples)
def test_the_index_equals_one_over_bins_that_numpy_makes(previous, current):
    rows = np.repeat(*previous), np.repeat(*current)
    deciles = np.quantile(rows[0], np.arange(1, 10) / 10, method="inverted_cdf")
    edges = [-np.inf, *np.unique(deciles), np.inf]
    counts = [pd.cut(row, edges).value_counts().to_numpy() for row in rows]
    table = feature_drift(
        *(
            pd.DataFrame({"feature": "visits", "value": values, "n_customers": n})
            for values, n in (previous, current)
        )
    )
    assert table.loc[0, "population_stability_index"] == pytest.approx(
        population_stability_index(*counts), abs=1e-12
    )


def test_the_first_build_has_nothing_to_drift_from():
    nothing = make_values()
    table = feature_drift(nothing, make_values(visits={1.0: 3, 3.0: 1}))
    (row,) = table.to_dict("records")
    assert (row["feature"], row["current_n_customers"]) == ("visits", 4)
    assert row["current_mean"] == 1.5
    missing = ["population_stability_index", "reading", "ks_statistic", "ks_p_value"]
    missing += ["previous_n_customers", "previous_mean"]
    assert table[missing].isna().all(axis=None)


def test_a_feature_added_or_removed_since_has_no_drift():
    previous = make_values(visits={1.0: 2}, age_years={30.0: 2})
    current = make_values(visits={1.0: 2}, basket_eur={5.0: 2})
    table = feature_drift(previous, current).set_index("feature")
    assert list(table.index) == ["basket_eur", "visits"]
    assert pd.isna(table.loc["basket_eur", "reading"])
    assert table.loc["visits", "reading"] == "stable"


def test_missing_values_are_left_out():
    previous = make_values(visits={1.0: 2, None: 7})
    current = make_values(visits={1.0: 3, np.nan: 1}, basket_eur={None: 4})
    table = feature_drift(previous, current).set_index("feature")
    assert table.loc["visits", "previous_n_customers"] == 2
    assert table.loc["visits", "current_n_customers"] == 3
    assert table.loc["visits", "population_stability_index"] == 0
    assert table.loc["basket_eur", "current_n_customers"] == 0
    assert pd.isna(table.loc["basket_eur", "current_mean"])


def test_the_order_of_values_does_not_change_the_drift():
    rng = np.random.default_rng(5)
    previous = make_values(visits={value / 7: value for value in range(1, 60)})
    current = make_values(visits={value / 6: value for value in range(1, 60)})
    table = feature_drift(previous, current)
    for _ in range(5):
        again = feature_drift(
            previous.sample(frac=1, random_state=rng),
            current.sample(frac=1, random_state=rng),
        )
        pd.testing.assert_frame_equal(again, table, check_exact=True)
