import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mall_segments.clustering import search
from mall_segments.clustering.kmeans import (
    assign_points,
    fit_kmeans,
    fit_kmeans_range,
    merge_points,
    sample_customers,
    settle_centroids,
)

SEED_CSV = Path(__file__).parents[3] / "seeds" / "Mall_Customers.csv"

# Column numbers in the CSV, chosen number of segments and its known inertia.
SEGMENTATIONS = {
    "income_spending": ([3, 4], 5, 65.5684),
    "age_income_spending": ([2, 3, 4], 3, 295.2122),
}


def standardised(columns):
    values = np.genfromtxt(SEED_CSV, delimiter=",", skip_header=1, usecols=columns)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def weighted(columns):
    return np.unique(standardised(columns), axis=0, return_counts=True)


@st.composite
def weighted_points(draw):
    n_points = draw(st.integers(2, 20))
    n_features = draw(st.integers(1, 3))
    rows = st.lists(st.integers(-3, 3), min_size=n_features, max_size=n_features)
    points = draw(st.lists(rows, min_size=n_points, max_size=n_points))
    counts = st.lists(st.integers(0, 4), min_size=n_points, max_size=n_points)
    weights = np.array(draw(counts))
    weights[0] = max(weights[0], 1)
    points = np.array(points, dtype=np.float64)
    n_distinct = len(np.unique(points[weights > 0], axis=0))
    return points, weights, draw(st.integers(1, min(n_distinct, 6)))


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_reaches_the_known_inertia_of_the_shipped_customers(name):
    columns, n_segments, expected = SEGMENTATIONS[name]
    points, weights = weighted(columns)
    fit = fit_kmeans(points, weights, n_segments=n_segments, random_seed=42)
    assert fit.inertia == pytest.approx(expected, abs=1e-4)
    squared = ((points - fit.centroids[fit.labels]) ** 2).sum(axis=1)
    assert fit.inertia == pytest.approx(weights @ squared)


def test_finds_the_five_known_segments():
    points, weights = weighted([3, 4])
    fit = fit_kmeans(points, weights, n_segments=5, random_seed=42)
    values = np.genfromtxt(SEED_CSV, delimiter=",", skip_header=1, usecols=[3, 4])
    centroids = fit.centroids * values.std(axis=0) + values.mean(axis=0)
    assert fit.sizes.tolist() == [81, 39, 35, 23, 22]
    expected = [
        [55.30, 49.52],
        [86.54, 82.13],
        [88.20, 17.11],
        [26.30, 20.91],
        [25.73, 79.36],
    ]
    assert centroids == pytest.approx(np.array(expected), abs=0.01)


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_the_best_two_segments_are_found_whatever_the_seed(name):
    points, weights = weighted(SEGMENTATIONS[name][0])
    best = {"income_spending": 269.0168, "age_income_spending": 389.3862}[name]
    for seed in range(10):
        fit = fit_kmeans(points, weights, n_segments=2, random_seed=seed)
        assert fit.inertia == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("seed", [0, 42, 100, 200])
def test_one_optimum_of_nine_segments_is_found_whatever_the_seed(seed):
    # k-means++ starts alone mostly end at 92.2665.
    points, weights = weighted([2, 3, 4])
    fit = fit_kmeans(points, weights, n_segments=9, random_seed=seed)
    assert fit.inertia == pytest.approx(91.9568, abs=1e-4)


@pytest.mark.slow  # Two fresh interpreters.
def test_thread_settings_of_the_process_change_nothing():
    script = (
        "import json, numpy as np; "
        "from mall_segments.clustering.counts import score_counts; "
        "points = np.random.default_rng(0).normal(size=(3000, 2)).round(2); "
        "scores = score_counts("
        "points, np.ones(3000, dtype=int), max_segments=3, random_seed=3); "
        "print(json.dumps([[s.fit.centroids.tolist(), s.fit.inertia, s.silhouette, "
        "s.gap, s.stability, s.davies_bouldin] for s in scores]))"
    )
    outputs = []
    for n_threads in ("1", "4"):
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        finished = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **dict.fromkeys(variables, n_threads)},
            capture_output=True,
            check=True,
            text=True,
        )
        outputs.append(json.loads(finished.stdout))
    assert outputs[0] == outputs[1]


@settings(max_examples=25, deadline=None)
@given(weighted_points(), st.integers(0, 2**32 - 1))
def test_the_result_is_a_fixed_point_of_the_one_rule(data, seed):
    points, weights, n_segments = data
    fit = fit_kmeans(points, weights, n_segments=n_segments, random_seed=seed)
    squared = ((points[:, None] - fit.centroids[None]) ** 2).sum(axis=2)
    assert fit.labels.tolist() == squared.argmin(axis=1).tolist()
    sizes = np.bincount(fit.labels, weights=weights, minlength=n_segments)
    assert fit.sizes.tolist() == sizes.tolist()
    assert (fit.sizes >= 1).all()
    for segment, centroid in enumerate(fit.centroids):
        members = (fit.labels == segment) & (weights > 0)
        mean = np.average(points[members], axis=0, weights=weights[members])
        assert centroid == pytest.approx(mean, abs=1e-12)
    total = (squared.min(axis=1) * weights).sum()
    assert fit.inertia == pytest.approx(total, rel=1e-12, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(weighted_points(), st.randoms(use_true_random=False))
def test_splitting_and_shuffling_points_changes_nothing(data, random):
    points, weights, n_segments = data
    fit = fit_kmeans(points, weights, n_segments=n_segments, random_seed=1)
    rows = np.repeat(np.arange(len(points)), np.maximum(weights, 1))
    order = list(rows)
    random.shuffle(order)
    ones = (weights[order] > 0).astype(np.int64)
    other = fit_kmeans(points[order], ones, n_segments=n_segments, random_seed=1)
    assert other.centroids.tobytes() == fit.centroids.tobytes()
    assert other.labels.tolist() == fit.labels[order].tolist()
    assert other.inertia == fit.inertia


@settings(max_examples=10, deadline=None)
@given(weighted_points())
def test_more_segments_never_have_more_inertia(data):
    points, weights, n_segments = data
    fits = fit_kmeans_range(
        points, weights, n_segments=range(1, n_segments + 1), random_seed=0
    )
    inertias = [fit.inertia for fit in fits.values()]
    assert all(following <= fewer + 1e-9 for fewer, following in pairwise(inertias))


def test_segments_are_numbered_by_customers_then_by_coordinates():
    points = np.array([[10.0], [0.0], [20.0]])
    fit = fit_kmeans(points, np.array([2, 2, 5]), n_segments=3, random_seed=0)
    assert fit.centroids.tolist() == [[20.0], [0.0], [10.0]]
    assert fit.sizes.tolist() == [5, 2, 2]
    assert fit.labels.tolist() == [2, 1, 0]


def test_equal_inertia_is_decided_by_the_centroids_for_every_seed():
    # A square falls into two halves in two ways, each of inertia 1.
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    for seed in range(20):
        fit = fit_kmeans(square, np.ones(4, dtype=int), n_segments=2, random_seed=seed)
        assert fit.centroids.tolist() == [[0.0, 0.5], [1.0, 0.5]]


def test_a_tie_goes_to_the_lower_row():
    points = np.array([[1.0], [3.0]])
    assert assign_points(points, np.array([[0.0], [2.0]])).tolist() == [0, 1]
    assert assign_points(points, np.array([[2.0], [0.0]])).tolist() == [0, 0]
    assert assign_points(points, np.array([[2.0], [4.0]])).tolist() == [0, 0]


def test_customers_without_weight_are_labelled_but_not_fitted():
    points = np.array([[0.0], [1.0], [50.0], [9.0]])
    fit = fit_kmeans(points, np.array([1, 1, 0, 2]), n_segments=2, random_seed=0)
    assert fit.centroids.tolist() == [[0.5], [9.0]]
    assert fit.labels.tolist() == [0, 0, 1, 1]


def test_as_many_segments_as_points_leave_no_inertia():
    points = np.array([[0.25], [1.5], [2.0], [2.0]])
    fit = fit_kmeans(points, np.array([1, 4, 1, 1]), n_segments=3, random_seed=0)
    assert fit.inertia == 0
    assert fit.sizes.tolist() == [4, 2, 1]


def test_an_empty_segment_restarts_at_the_farthest_point():
    points = np.array([[0.0], [1.0], [9.0]])
    start = np.array([[0.0], [0.0], [0.0]])
    fit = settle_centroids(points, np.array([1, 1, 1]), start)
    assert sorted(fit.centroids.ravel().tolist()) == [0.0, 1.0, 9.0]
    assert fit.sizes.tolist() == [1, 1, 1]


def test_an_empty_segment_may_take_one_of_two():
    points = np.array([[0.0], [10.0], [20.0], [20.1], [20.2]])
    start = np.array([[5.0], [20.1], [1000.0]])
    fit = settle_centroids(points, np.ones(5, dtype=np.int64), start)
    assert sorted(fit.sizes.tolist()) == [1, 1, 3]


def test_settling_keeps_the_order_of_the_segments():
    points = np.array([[0.0], [1.0], [9.0]])
    weights = np.array([1, 1, 5])
    fit = settle_centroids(points, weights, np.array([[2.0], [8.0]]))
    assert fit.centroids.tolist() == [[0.5], [9.0]]


def test_many_points_end_as_well_as_few(monkeypatch):
    generator = np.random.default_rng(5)
    middles = np.array([[0, 0], [6, 0], [0, 6], [6, 6], [3, 12]])
    points = middles[generator.integers(0, 5, 800)] + generator.normal(size=(800, 2))
    weights = np.ones(800, dtype=np.int64)
    side_by_side = fit_kmeans(points, weights, n_segments=5, random_seed=0)
    monkeypatch.setattr(search, "FEW_POINTS", 100)
    monkeypatch.setattr(search, "N_CORESET", 100)
    in_turn = fit_kmeans(points, weights, n_segments=5, random_seed=0)
    assert in_turn.inertia == pytest.approx(side_by_side.inertia, rel=1e-6)
    assert in_turn.labels.tolist() == assign_points(points, in_turn.centroids).tolist()


@pytest.mark.parametrize(
    ("kind", "n_segments", "n_features"),
    [
        ("uniform", 5, 10),
        ("normal", 5, 50),
        ("heavy tails", 9, 2),
        ("3 sigma", 9, 4),
        ("correlated normal", 9, 2),
    ],
)
def test_no_fit_is_worse_than_fifty_starts(trials, kind, n_segments, n_features):
    assert trials.compare_fit(kind, n_segments, 400, n_features)[0] <= 0.05


@pytest.mark.parametrize("n_segments", [2, 5])
def test_heavy_tails_of_many_points_are_found(trials, n_segments):
    assert trials.compare_fit("heavy tails", n_segments, 4_000, 3)[0] <= 0.05


@pytest.mark.parametrize(
    ("kind", "n_segments", "n_features", "seed"),
    [
        ("uniform", 2, 2, 2026),
        ("unbalanced", 2, 2, 7),
        ("anisotropic", 5, 2, 11),
        ("well separated", 2, 2, 11),
        ("heavy tails", 9, 10, 11),
    ],
)
def test_no_fit_of_many_points_is_worse(trials, kind, n_segments, n_features, seed):
    found, *_ = trials.compare_fit(kind, n_segments, 10_000, n_features, seed)
    assert found <= 0.05


def test_many_points_are_fitted_where_one_has_nearly_all_customers():
    points = np.random.default_rng(3).normal(size=(3_000, 2))
    weights = np.ones(3_000, dtype=np.int64)
    points[0], weights[0] = 0, 10**9
    points[1] = 1e6
    fit = fit_kmeans(points, weights, n_segments=5, random_seed=0)
    assert fit.sizes.min() == 1
    assert fit.inertia < 3_000


def test_merging_sorts_points_and_adds_up_their_customers():
    points = np.array([[2.0, 1.0], [1.0, 5.0], [2.0, 1.0], [0.0, 0.0]])
    merged, weights = merge_points(points, np.array([1, 2, 3, 0]))
    assert merged.tolist() == [[1.0, 5.0], [2.0, 1.0]]
    assert weights.tolist() == [2, 4]


def test_zeros_of_either_sign_are_one_point():
    merged, weights = merge_points(np.array([[-0.0], [0.0]]), np.array([1, 1]))
    assert weights.tolist() == [2]
    assert not np.signbit(merged).any()


def test_a_sample_takes_every_so_many_th_customer():
    points = np.arange(5, dtype=np.float64)[:, None]
    sample, weights = sample_customers(points, np.array([1, 1, 10, 4, 4]), 4)
    # Of customers 0 to 19: numbers 2, 7, 12 and 17.
    assert sample.ravel().tolist() == [2.0, 3.0, 4.0]
    assert weights.tolist() == [2, 1, 1]
    assert sample_customers(points, np.ones(5, dtype=int), 5)[0] is points


@pytest.mark.parametrize(
    ("points", "weights", "options", "message"),
    [
        ([[0.0], [1.0]], [1, 1], {"n_segments": 0}, "n_segments=0 is outside 1 to 2"),
        ([[0.0], [1.0]], [1, 1], {"n_segments": 3}, "n_segments=3 is outside 1 to 2"),
        ([[0.0], [0.0]], [1, 1], {"n_segments": 2}, "outside 1 to 1"),
        ([[0.0], [1.0]], [1, 0], {"n_segments": 2}, "outside 1 to 1"),
        ([[0.0], [1.0]], [0, 0], {"n_segments": 1}, "outside 1 to 0"),
        ([[0.0], [1.0]], [1, -1], {}, "weights holds -1; 0 is the least"),
        ([[0.0], [np.nan]], [1, 1], {}, "not finite"),
        ([[0.0], [np.inf]], [1, 1], {}, "not finite"),
        ([[0.0], [1e101]], [1, 1], {}, r"beyond 1e\+100"),
        ([[0.0], [1.0]], [1], {}, r"weights has shape \(1,\)"),
        ([[], []], [1, 1], {}, "one or more columns"),
        ([[0.0], [1.0]], [1, 1], {"random_seed": -1}, "random_seed=-1 is outside 0"),
        ([[0.0], [1.0]], [1, 1], {"random_seed": 2**32}, "outside 0 to"),
    ],
)
def test_refuses_what_cannot_be_fitted(points, weights, options, message):
    with pytest.raises(ValueError, match=message):
        fit_kmeans(
            np.array(points),
            np.array(weights),
            **{"n_segments": 1, "random_seed": 0, **options},
        )


def test_very_large_and_very_close_values_are_fitted():
    far = np.array([[1e12], [1e12 + 1], [-1e12]])
    fit = fit_kmeans(far, np.ones(3, dtype=int), n_segments=2, random_seed=0)
    assert fit.centroids.tolist() == [[1e12 + 0.5], [-1e12]]
    huge = np.array([[1e99], [-1e99]])
    fit = fit_kmeans(huge, np.ones(2, dtype=int), n_segments=2, random_seed=0)
    assert fit.centroids.tolist() == [[-1e99], [1e99]]
