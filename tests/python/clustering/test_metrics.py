import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn import metrics as sklearn_metrics

from mall_segments.clustering import metrics

TOLERANCE = 1e-9


@st.composite
def weighted_data(draw):
    """Points with repeats and ties, counts, and two labelings with lone customers."""
    n_points = draw(st.integers(3, 14))
    n_features = draw(st.integers(1, 3))
    coordinate = st.integers(-4, 4).map(lambda value: value / 4)
    rows = st.lists(coordinate, min_size=n_features, max_size=n_features)
    points = np.array(draw(st.lists(rows, min_size=n_points, max_size=n_points)))
    counts = st.lists(st.integers(1, 5), min_size=n_points, max_size=n_points)
    weights = np.array(draw(counts))
    labels = st.lists(st.integers(0, 4), min_size=n_points, max_size=n_points)
    return points, weights, np.array(draw(labels)), np.array(draw(labels))


def expand(points, weights, labels):
    return np.repeat(points, weights, axis=0), np.repeat(labels, weights)


def is_defined(labels):
    return 2 <= len(np.unique(labels)) < len(labels)


def close(value):
    return pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=200, deadline=None)
@given(weighted_data())
def test_silhouettes_equal_scikit_learn_on_the_expanded_rows(data):
    points, weights, first, second = data
    results = metrics.silhouettes(points, weights, [first, second])
    for labels, values in zip((first, second), results, strict=True):
        rows, row_labels = expand(points, weights, labels)
        if not is_defined(row_labels):
            assert values is None
            continue
        expected = sklearn_metrics.silhouette_samples(
            cdist(rows, rows), row_labels, metric="precomputed"
        )
        assert np.repeat(values, weights) == close(expected)


@settings(max_examples=200, deadline=None)
@given(weighted_data())
def test_calinski_harabasz_equals_the_expanded_rows(data):
    points, weights, labels, _ = data
    rows, row_labels = expand(points, weights, labels)
    within = sum(
        ((members - members.mean(axis=0)) ** 2).sum()
        for members in (rows[row_labels == label] for label in np.unique(labels))
    )
    value = metrics.compactness(points, weights, labels)[0]
    if not is_defined(row_labels) or within < 1e-20:
        assert value is None
    else:
        expected = sklearn_metrics.calinski_harabasz_score(rows, row_labels)
        assert value == close(expected)


@settings(max_examples=200, deadline=None)
@given(weighted_data())
def test_davies_bouldin_equals_scikit_learn_on_the_expanded_rows(data):
    points, weights, labels, _ = data
    rows, row_labels = expand(points, weights, labels)
    value = metrics.compactness(points, weights, labels)[1]
    if not is_defined(row_labels):
        assert value is None
        return
    means = [rows[row_labels == label].mean(axis=0) for label in np.unique(labels)]
    separations = cdist(means, means)[np.triu_indices(len(means), 1)]
    if separations.min() > 1e-12:
        expected = sklearn_metrics.davies_bouldin_score(rows, row_labels)
        assert value == close(expected)


def test_silhouette_of_a_lone_customer_is_zero_and_of_repeated_ones_is_exact():
    points = np.array([[0.0], [1.0], [5.0]])
    weights = np.array([2, 1, 1])
    labels = np.array([7, 7, -3])
    values = metrics.silhouettes(points, weights, [labels])[0]
    # On 0: own (0 + 1) / 2, other 5. On 1: own (1 + 1) / 2, other 4.
    assert values.tolist() == [0.9, 0.75, 0.0]


def test_chunks_do_not_change_silhouettes(monkeypatch):
    generator = np.random.default_rng(3)
    points = generator.normal(size=(50, 2))
    weights = generator.integers(1, 4, 50)
    labels = generator.integers(0, 3, 50)
    whole = metrics.silhouettes(points, weights, [labels])[0]
    monkeypatch.setattr(metrics, "CHUNK_DISTANCES", 130)
    chunked = metrics.silhouettes(points, weights, [labels])[0]
    assert chunked == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_undefined_measures_are_none(labels):
    points, weights = np.array([[0.0], [1.0], [2.5]]), np.array([1, 1, 1])
    partition = np.array(labels)
    assert metrics.silhouettes(points, weights, [partition]) == [None]
    assert metrics.compactness(points, weights, partition) == (None, None)


def test_ratios_without_a_value_are_none():
    points = np.array([[0.1], [0.7]])
    stacked, labels = np.array([3, 3]), np.array([0, 1])
    assert metrics.compactness(points, stacked, labels) == (None, close(0))
    concentric = np.array([[-1.0], [0.0], [1.0]])
    ring = np.array([0, 1, 0])
    assert metrics.compactness(concentric, np.array([1, 2, 1]), ring)[1] is None


def test_separation_is_that_of_the_closest_pair_seen_along_its_line():
    # Spread across the line does not count: along it each has a variance of 1.
    pair = np.array([[-1.0, 9.0], [1.0, -9.0]])
    points = np.concatenate([pair + np.array([shift, 0.0]) for shift in (0, 6, 50)])
    labels = np.repeat([0, 1, 2], 2)
    ones = np.ones(6, dtype=np.int64)
    assert metrics.separation(points, ones, labels) == close(6.0)
    heavy = np.array([1, 1, 7, 7, 2, 2])
    assert metrics.separation(points, heavy, labels) == close(6.0)


def test_separation_of_halves_that_belong_together_is_known():
    even = np.linspace(0, 1, 10_001)[:, None]
    ones = np.ones(len(even), dtype=np.int64)
    halves = (even[:, 0] > 0.5).astype(np.int64)
    assert metrics.separation(even, ones, halves) == pytest.approx(12**0.5, abs=1e-3)
    assert metrics.separation(even, ones, np.zeros(len(even), dtype=np.int64)) is None


def test_the_fence_is_tukeys_where_customers_differ():
    distances = np.arange(101, dtype=np.float64)
    fence = metrics.outlier_fence(distances, np.ones(101, dtype=np.int64))
    assert fence == pytest.approx(75 + 1.5 * 50)


def test_the_fence_never_makes_outliers_of_more_than_a_tenth():
    distances = np.concatenate([np.zeros(80), np.linspace(1, 2, 20)])
    fence = metrics.outlier_fence(distances, np.ones(100, dtype=np.int64))
    assert (distances > fence).mean() <= 0.1
    assert metrics.outlier_fence(np.zeros(3), np.array([1, 1, 1])) > 1e-16


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_customers_as_far_as_each_other_are_treated_alike_despite_rounding(unit):
    distances = unit * np.array([1.0, 1.0 + 2e-16, 1.0 - 1e-16])
    fence = metrics.outlier_fence(distances, np.array([4, 4, 4]))
    assert not (distances > fence).any()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 5)), min_size=1, max_size=9),
    st.floats(0, 1),
)
def test_weighted_quantiles_equal_numpy_on_the_expanded_rows(pairs, share):
    values, weights = (np.array(side) for side in zip(*pairs, strict=True))
    expected = np.quantile(np.repeat(values, weights), share)
    assert metrics.weighted_quantile(values, weights, share) == close(expected)
