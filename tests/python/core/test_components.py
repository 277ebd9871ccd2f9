import numpy as np
import pandas as pd
import pytest
from customer_frames import make_frames, make_settings
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
        assert found[1] == pytest.approx(0, abs=1e-12)
        return
    expected = PCA(svd_solver="full").fit(rows)
    scale = expected.explained_variance_.max()
    assert found[1] == pytest.approx(
        expected.explained_variance_, rel=1e-9, abs=1e-9 * scale
    )
    for place, loadings in enumerate(found[0]):
        others = np.delete(found[1], place)
        if np.abs(others - found[1][place]).min(initial=np.inf) > 1e-3 * scale:
            sign = np.sign(loadings @ expected.components_[place])
            assert loadings == pytest.approx(
                sign * expected.components_[place], abs=1e-9
            )
    assert found[0] @ found[0].T == pytest.approx(np.eye(len(found[0])), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(weighted_points())
def test_the_largest_loading_of_a_component_is_positive(data):
    for loadings in find_components(*data)[0]:
        assert loadings.max() >= np.abs(loadings).max() * (1 - 1e-6)


def test_of_equally_large_loadings_the_first_is_positive():
    # Two standardised features have the components (1, 1) and (1, -1) / sqrt(2).
    values = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    found = find_components(values, np.array([1, 1, 2, 2]))
    half = 0.5**0.5
    assert found[0][0] == pytest.approx([half, -half])
    assert found[0][1] == pytest.approx([half, half])
    # Six customers: the variances are 2 * 4 / 5 and 2 * 2 / 5.
    assert found[1] == pytest.approx([1.6, 0.8])


def test_the_shipped_customers_have_scikit_learns_components(shipped, shipped_settings):
    table = principal_components(shipped.points, shipped.coordinates, shipped_settings)
    assert table["segmentation"].value_counts().to_dict() == {
        "age_income_spending": 9,
        "income_spending": 4,
    }
    own = shipped.points[shipped.points["segmentation"] == "age_income_spending"]
    columns = ["coordinate_1", "coordinate_2", "coordinate_3"]
    rows = own.loc[own.index.repeat(own["n_fitted"]), columns].to_numpy()
    expected = PCA(svd_solver="full").fit(rows)
    found = table[table["segmentation"] == "age_income_spending"]
    variances = found.groupby("component")["explained_variance"].first()
    assert variances.to_numpy() == pytest.approx(expected.explained_variance_)
    loadings = found["loading"].to_numpy().reshape(3, 3)
    assert np.abs(loadings) == pytest.approx(np.abs(expected.components_))
    assert found["cumulative_variance_ratio"].iloc[-1] == pytest.approx(1)


def test_the_order_of_rows_changes_nothing(shipped, shipped_settings):
    table = principal_components(shipped.points, shipped.coordinates, shipped_settings)
    for seed in range(3):
        shuffled = shipped.points.sample(frac=1, random_state=seed)
        again = principal_components(shuffled, shipped.coordinates, shipped_settings)
        pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_levels_of_a_category_have_loadings_of_their_own():
    settings = make_settings(
        [{"name": "x"}, {"name": "colour", "type": "category"}],
        [{"name": "s", "features": ["x", "colour"]}],
    )
    customers = pd.DataFrame(
        {"x": [1, 2, 3, 4], "colour": ["red", "red", "blue", "red"]}
    )
    frames = make_frames(customers, settings)
    table = principal_components(frames.points, frames.coordinates, settings)
    assert set(table["feature"]) == {"x", "colour=red", "colour=blue"}


def test_shares_of_no_variance_are_missing():
    settings = make_settings([{"name": "x"}], [{"name": "s", "features": ["x"]}])
    frames = make_frames(pd.DataFrame({"x": [1.0, 1.0]}), settings)
    (row,) = principal_components(frames.points, frames.coordinates, settings).to_dict(
        "records"
    )
    assert row["explained_variance"] == 0
    assert np.isnan(row["explained_variance_ratio"])
