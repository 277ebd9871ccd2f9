import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from mall_segments.clustering.components import find_components, principal_components


@st.composite
def weighted_points(draw):
    """Points with ties and repeats, and counts of which some are 0."""
    n_features = draw(st.integers(1, 4))
    n_points = draw(st.integers(n_features + 1, 20))
    row = st.lists(st.integers(-8, 8), min_size=n_features, max_size=n_features)
    values = np.array(draw(st.lists(row, min_size=n_points, max_size=n_points))) / 4
    counts = st.lists(st.integers(0, 5), min_size=n_points, max_size=n_points)
    return values, np.array(draw(counts.filter(lambda found: sum(found) > n_features)))


@settings(max_examples=200, deadline=None)
@given(weighted_points())
def test_components_equal_scikit_learn_on_the_expanded_rows(data):
    values, weights = data
    found = find_components(values, weights)
    rows = np.repeat(values, weights, axis=0)
    if (rows == rows[0]).all():
        assert found.variances == pytest.approx(0, abs=1e-12)
        return
    expected = PCA(svd_solver="full").fit(rows)
    scale = expected.explained_variance_.max()
    assert found.variances == pytest.approx(
        expected.explained_variance_, rel=1e-9, abs=1e-9 * scale
    )
    for place, loadings in enumerate(found.loadings):
        others = np.delete(found.variances, place)
        if np.abs(others - found.variances[place]).min(initial=np.inf) > 1e-3 * scale:
            sign = np.sign(loadings @ expected.components_[place])
            assert loadings == pytest.approx(
                sign * expected.components_[place], abs=1e-9
            )
    assert found.loadings @ found.loadings.T == pytest.approx(
        np.eye(len(found.loadings)), abs=1e-9
    )


@settings(max_examples=100, deadline=None)
@given(weighted_points())
def test_the_largest_loading_of_a_component_is_positive(data):
    for loadings in find_components(*data).loadings:
        assert loadings.max() >= np.abs(loadings).max() * (1 - 1e-6)


def test_of_equally_large_loadings_the_first_is_positive():
    # Two standardised features have the components (1, 1) and (1, -1) / sqrt(2).
    values = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    found = find_components(values, np.array([1, 1, 2, 2]))
    half = 0.5**0.5
    assert found.loadings[0] == pytest.approx([half, -half])
    assert found.loadings[1] == pytest.approx([half, half])
    # Six customers: the variances are 2 * 4 / 5 and 2 * 2 / 5.
    assert found.variances == pytest.approx([1.6, 0.8])


def test_the_shipped_customers_have_scikit_learns_components(shipped, shipped_settings):
    table = principal_components(shipped.points, shipped_settings)
    assert len(table) == 2 * 2 + 3 * 3
    for segmentation in shipped_settings["segmentations"]:
        name, features = segmentation["name"], segmentation["features"]
        points = shipped.points[shipped.points["segmentation"] == name]
        rows = np.repeat(
            points[[f"{feature}_scaled" for feature in features]].to_numpy(),
            points["n_fitted"],
            axis=0,
        )
        expected = PCA(svd_solver="full").fit(rows)
        own = table[table["segmentation"] == name]
        loadings = own.pivot_table(
            index="component", columns="feature", values="loading"
        )
        assert np.abs(loadings[features].to_numpy()) == pytest.approx(
            np.abs(expected.components_), abs=1e-9
        )
        per_component = own.groupby("component").first()
        assert per_component["explained_variance"].to_numpy() == pytest.approx(
            expected.explained_variance_, abs=1e-9
        )
        ratios = expected.explained_variance_ratio_
        assert per_component["explained_variance_ratio"].to_numpy() == pytest.approx(
            ratios, abs=1e-9
        )
        assert per_component["cumulative_variance_ratio"].to_numpy() == pytest.approx(
            ratios.cumsum(), abs=1e-9
        )
        assert per_component["cumulative_variance_ratio"].iloc[-1] == pytest.approx(1)


def test_the_order_of_rows_changes_nothing(shipped, shipped_settings):
    table = principal_components(shipped.points, shipped_settings)
    for seed in range(5):
        shuffled = shipped.points.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(
            principal_components(shuffled, shipped_settings), table, check_exact=True
        )


def test_customers_with_imputed_values_do_not_count(shipped, shipped_settings):
    table = principal_components(shipped.points, shipped_settings)
    strange = shipped.points.groupby("segmentation").first().reset_index()
    scaled = [column for column in strange if column.endswith("_scaled")]
    strange[scaled] = 50.0
    strange["n_fitted"] = 0
    more = pd.concat([shipped.points, strange])
    again = principal_components(more, shipped_settings)
    pd.testing.assert_frame_equal(again, table, rtol=1e-12)


def test_shares_of_no_variance_are_missing(shipped_settings):
    configured = shipped_settings | {
        "segmentations": [
            {"name": "same", "features": ["age_years"], "scaler": "standard"}
        ]
    }
    points = pd.DataFrame(
        {"segmentation": ["same"], "age_years": [30.0], "age_years_scaled": [0.0]}
    ).assign(n_fitted=9)
    (row,) = principal_components(points, configured).to_dict("records")
    assert (row["loading"], row["explained_variance"]) == (1, 0)
    assert pd.isna(row["explained_variance_ratio"])
    assert pd.isna(row["cumulative_variance_ratio"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 0], "weights sums to 1 customers; 2 are needed"),
        ([3, -1], "weights holds -1; none may be negative"),
        ([1, 1, 1], "one weight per row"),
    ],
)
def test_refuses_weights_that_make_no_sample(weights, message):
    with pytest.raises(ValueError, match=message):
        find_components(np.array([[0.0], [1.0]]), np.array(weights))
