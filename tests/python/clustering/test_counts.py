import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from mall_segments.clustering import counts
from mall_segments.clustering.counts import (
    CountScore,
    choices_by_criterion,
    find_elbow,
    gap_statistics,
    highest,
    score_counts,
    stabilities,
)
from mall_segments.clustering.kmeans import KMeansFit, fit_kmeans_range

SEED_CSV = Path(__file__).parents[3] / "seeds" / "Mall_Customers.csv"
COLUMNS = {"income_spending": [3, 4], "age_income_spending": [2, 3, 4]}


def shipped(name):
    values = np.genfromtxt(
        SEED_CSV, delimiter=",", skip_header=1, usecols=COLUMNS[name]
    )
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    return np.unique(scaled, axis=0, return_counts=True)


@pytest.fixture(scope="module")
def scores():
    return {
        name: score_counts(*shipped(name), max_segments=10, random_seed=42)
        for name in COLUMNS
    }


@pytest.fixture(scope="module")
def blobs():
    """Three round, well separated groups of 50 customers."""
    generator = np.random.default_rng(0)
    middles = np.repeat([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], 50, axis=0)
    points = middles + generator.normal(size=(150, 2))
    points = points[np.lexsort(points.T[::-1])]
    return points, np.ones(150, dtype=np.int64)


def score(n_segments, **values):
    undefined = dict.fromkeys(
        (
            "silhouette",
            "calinski_harabasz",
            "davies_bouldin",
            "gap",
            "gap_standard_error",
            "stability",
        )
    )
    fit = KMeansFit(
        centroids=np.zeros((n_segments, 1)),
        labels=np.arange(n_segments),
        sizes=np.ones(n_segments, dtype=np.int64),
        inertia=values.pop("inertia", 1.0 / n_segments),
    )
    return CountScore(
        n_segments=n_segments,
        fit=fit,
        smallest_segment_share=0.1,
        is_exact=True,
        **{**undefined, **values},
    )


def test_income_spending_has_the_published_scores(scores):
    five = scores["income_spending"][4]
    assert five.fit.inertia == pytest.approx(65.5684, abs=1e-4)
    assert five.silhouette == pytest.approx(0.5547, abs=5e-5)
    assert five.calinski_harabasz == pytest.approx(248.65, abs=5e-3)
    assert five.davies_bouldin == pytest.approx(0.5722, abs=5e-5)
    assert five.smallest_segment_share == 0.11
    three = scores["age_income_spending"][2]
    assert three.fit.inertia == pytest.approx(295.2122, abs=1e-4)
    assert three.silhouette == pytest.approx(0.3578, abs=5e-5)


def test_criteria_agree_on_five_for_income_spending(scores):
    choices = choices_by_criterion(scores["income_spending"])
    assert choices["elbow"] == 5
    assert choices["silhouette"] == 5
    assert choices["davies_bouldin"] == 5
    # The gap prefers one segment already, which is no choice.
    assert choices["gap"] is None


def test_silhouette_prefers_six_for_age_income_spending(scores):
    assert choices_by_criterion(scores["age_income_spending"])["silhouette"] == 6
    six = scores["age_income_spending"][5]
    # A neighbouring partition has the silhouette 0.4284 but inertia 133.86842.
    assert six.fit.inertia == pytest.approx(133.868334, abs=1e-6)
    assert six.silhouette == pytest.approx(0.4274, abs=5e-5)


def test_silhouettes_equal_scikit_learn_on_the_customers(scores):
    points, weights = shipped("income_spending")
    rows = np.repeat(points, weights, axis=0)
    distances = cdist(rows, rows)
    for entry in scores["income_spending"][1:]:
        labels = np.repeat(entry.fit.labels, weights)
        expected = silhouette_score(distances, labels, metric="precomputed")
        assert entry.silhouette == pytest.approx(expected, abs=1e-9)


def test_one_segment_has_no_silhouette_and_nothing_to_be_stable(scores):
    one = scores["income_spending"][0]
    assert one.silhouette is one.calinski_harabasz is one.davies_bouldin is None
    assert one.stability is None
    assert one.gap is not None
    assert one.fit.inertia == pytest.approx(400)


def test_row_order_changes_no_score(scores):
    points, weights = shipped("income_spending")
    order = np.random.default_rng(1).permutation(len(points))
    other = score_counts(points[order], weights[order], max_segments=10, random_seed=42)
    for before, after in zip(scores["income_spending"], other, strict=True):
        assert before.silhouette == after.silhouette
        assert before.gap == after.gap
        assert before.gap_standard_error == after.gap_standard_error
        assert before.stability == after.stability
        assert before.fit.inertia == after.fit.inertia


def test_gap_and_stability_find_three_separate_groups(blobs):
    points, weights = blobs
    found = score_counts(points, weights, max_segments=6, random_seed=1)
    choices = choices_by_criterion(found)
    assert choices["gap"] == 3
    assert choices["stability"] == 3
    assert choices["silhouette"] == 3
    assert found[2].stability == pytest.approx(1)


def test_gap_of_one_segment_follows_from_the_spread_of_the_box():
    # On [0, 1] the uniform distribution has variance 1/12; the points have 1/4.
    points, weights = np.array([[0.0], [1.0]]), np.array([200, 200])
    gap, error = gap_statistics(
        points, weights, [100.0], random_seed=0, n_references=400
    )[0]
    assert gap == pytest.approx(math.log(400 / 12 / 100), abs=0.01)
    # The variance of a uniform sample varies by sqrt(4/5 / n) of itself.
    expected = math.sqrt(0.8 / 400) * math.sqrt(1 + 1 / 400)
    assert error == pytest.approx(expected, rel=0.15)


def test_gap_does_not_depend_on_how_many_customers_share_the_points():
    points = np.linspace(0, 1, 40)[:, None]
    few, many = (
        gap_statistics(
            points,
            np.full(40, n_customers),
            [n_customers * 3.5],
            random_seed=0,
            n_references=50,
        )[0][0]
        for n_customers in (20, 100_000)
    )
    assert few == pytest.approx(many, abs=0.02)


def test_no_inertia_has_no_gap():
    points, weights = np.array([[0.0], [1.0]]), np.array([3, 3])
    results = gap_statistics(points, weights, [1.5, 0.0], random_seed=0)
    assert results[0][0] is not None
    assert results[1] == (None, None)


def test_an_arbitrary_split_is_less_stable_than_a_natural_one(blobs):
    points, weights = blobs
    fits = fit_kmeans_range(points, weights, n_segments=[1, 3, 4], random_seed=0)
    one, three, four = stabilities(
        points, weights, [fits[number].centroids for number in (1, 3, 4)], random_seed=0
    )
    assert one is None
    assert three > 0.99
    assert four < 0.95


def test_many_customers_are_sampled_and_the_scores_say_so(monkeypatch, blobs):
    points, weights = blobs
    exact = score_counts(points, weights, max_segments=4, random_seed=0)
    monkeypatch.setattr(counts, "EXACT_LIMIT", 75)
    monkeypatch.setattr(counts, "SAMPLED_CUSTOMERS", 75)
    monkeypatch.setattr(counts, "RESAMPLING_LIMIT", 75)
    sampled = score_counts(points, weights, max_segments=4, random_seed=0)
    assert all(entry.is_exact for entry in exact)
    assert not any(entry.is_exact for entry in sampled)
    for before, after in zip(exact, sampled, strict=True):
        assert before.fit.inertia == after.fit.inertia
        assert before.davies_bouldin == after.davies_bouldin
    assert sampled[2].silhouette == pytest.approx(exact[2].silhouette, abs=0.05)
    assert sampled[2].silhouette != exact[2].silhouette
    assert sampled[2].stability > 0.99


def test_a_smooth_curve_has_no_elbow():
    assert find_elbow({1: 100, 2: 40, 3: 10, 4: 8, 5: 6, 6: 5}) == 3
    assert find_elbow({number: 100 - 10 * number for number in range(1, 9)}) is None
    assert find_elbow({1: 10, 2: 1}) is None
    assert find_elbow(dict.fromkeys(range(1, 6), 0)) is None


def test_equal_scores_choose_the_smaller_number():
    assert highest({2: 0.4, 3: 0.5, 4: 0.5 + 5e-10}) == 3
    assert highest({2: 0.4, 3: 0.5, 4: 0.5 + 5e-9}) == 4
    assert highest({2: None}) is None
    assert highest({}) is None


def test_one_segment_is_never_chosen():
    table = [
        score(1, gap=0.9, gap_standard_error=0.0, silhouette=None, inertia=9.0),
        score(2, gap=0.1, gap_standard_error=0.0, silhouette=0.2, inertia=8.0),
        score(3, gap=0.0, gap_standard_error=0.0, silhouette=0.1, inertia=7.0),
    ]
    choices = choices_by_criterion(table)
    assert choices["gap"] is None
    assert choices["silhouette"] == 2
    assert choices["stability"] is None


def test_gap_takes_the_smallest_number_within_one_error_of_the_next():
    table = [
        score(1, gap=0.1, gap_standard_error=0.01),
        score(2, gap=0.3, gap_standard_error=0.01),
        score(3, gap=0.5, gap_standard_error=0.01),
        score(4, gap=0.505, gap_standard_error=0.01),
    ]
    assert choices_by_criterion(table)["gap"] == 3


def test_davies_bouldin_chooses_the_lowest():
    table = [
        score(1),
        score(2, davies_bouldin=0.9, calinski_harabasz=10.0),
        score(3, davies_bouldin=0.4, calinski_harabasz=8.0),
    ]
    choices = choices_by_criterion(table)
    assert choices["davies_bouldin"] == 3
    assert choices["calinski_harabasz"] == 2
