import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from mall_segments.clustering import algorithms
from mall_segments.clustering.algorithms import Candidate, score_algorithms

# What PyCaret 3.3.2 reached on the same customers, with its own parameters.
PYCARET_SILHOUETTES = {
    "kmeans": 0.5547,
    "ward": 0.5538,
    "spectral": 0.4881,
    "affinity_propagation": 0.4321,
    "birch": 0.4145,
    "dbscan": 0.3504,
    "optics": 0.0406,
}


@pytest.fixture(scope="module")
def scores(shipped, shipped_settings):
    return score_algorithms(shipped.points, shipped.segments, shipped_settings)


@pytest.fixture
def line(shipped_settings):
    """Seven customers on six points of a line, in two published segments."""
    points = pd.DataFrame(
        {
            "segmentation": "line",
            "age_years_scaled": [0.0, 1.0, 2.0, 9.0, 10.0, 30.0],
            "n_fitted": [1, 1, 1, 2, 1, 1],
        }
    )
    segments = pd.DataFrame(
        {
            "segmentation": "line",
            "segment_id": [2, 1],
            "scaled_centroid_age_years": [9.5, 1.0],
        }
    )
    settings = shipped_settings | {
        "segmentations": [
            {"name": "line", "features": ["age_years"], "scaler": "standard"}
        ]
    }

    def score(**options):
        return score_algorithms(points, segments, settings, **options)

    score.points = points
    score.settings = settings
    return score


def use_labels(monkeypatch, *labellings):
    """Have one algorithm whose grid gives these labels of the seven customers."""

    def grid(_):
        for place, labels in enumerate(labellings):
            label = labels if callable(labels) else np.array(labels).copy
            yield Candidate({"place": place}, label)

    monkeypatch.setattr(algorithms, "ALGORITHMS", {"by_hand": grid})


def expanded_rows(shipped, segmentation, features):
    points = shipped.points[shipped.points["segmentation"] == segmentation]
    rows = points[[f"{feature}_scaled" for feature in features]].to_numpy()
    rows = np.repeat(rows, points["n_fitted"], axis=0)
    published = shipped.segment_points.loc[points.index, "segment_id"]
    return rows, np.repeat(published.to_numpy(), points["n_fitted"])


def test_every_segmentation_has_a_row_per_algorithm(scores):
    assert list(scores["segmentation"]) == (
        ["income_spending"] * 12 + ["age_income_spending"] * 12
    )
    assert (
        list(scores["algorithm"])
        == [
            "kmeans",
            "bisecting_kmeans",
            "ward",
            "average_linkage",
            "dbscan",
            "hdbscan",
            "optics",
            "mean_shift",
            "affinity_propagation",
            "spectral",
            "birch",
            "gaussian_mixture",
        ]
        * 2
    )
    assert scores["failure"].isna().all()
    assert scores.drop(columns="failure").notna().all(axis=None)
    assert (scores["n_customers"] == 200).all()
    assert scores["is_exact"].all()
    assert scores["n_clusters"].between(2, 10).all()
    assert (scores["noise_share"] <= 0.5).all()


@pytest.mark.parametrize(("algorithm", "silhouette"), PYCARET_SILHOUETTES.items())
def test_tuning_reaches_what_pycaret_published(scores, algorithm, silhouette):
    found = scores.set_index(["segmentation", "algorithm"])["silhouette"]
    assert round(found["income_spending", algorithm], 4) >= silhouette


def test_kmeans_reproduces_the_published_segments_where_its_silhouette_does(scores):
    rows = scores.set_index(["segmentation", "algorithm"])
    two = rows.loc[("income_spending", "kmeans")]
    assert two["n_clusters"] == 5
    assert two["ari_to_kmeans"] == 1
    assert two["silhouette"] == pytest.approx(0.5547, abs=5e-5)
    assert two["calinski_harabasz"] == pytest.approx(248.65, abs=5e-3)
    assert two["davies_bouldin"] == pytest.approx(0.5722, abs=5e-5)
    three = rows.loc[("age_income_spending", "kmeans")]
    assert three["n_clusters"] == 6
    assert three["silhouette"] == pytest.approx(0.4274, abs=5e-5)
    assert three["ari_to_kmeans"] < 0.5


@pytest.mark.parametrize(
    ("algorithm", "model"),
    [
        ("dbscan", DBSCAN),
        ("ward", AgglomerativeClustering),
        ("gaussian_mixture", lambda **grid: GaussianMixture(random_state=42, **grid)),
    ],
)
def test_scores_are_those_of_scikit_learn_on_every_customer(
    scores, shipped, shipped_settings, algorithm, model
):
    for segmentation in shipped_settings["segmentations"]:
        name = segmentation["name"]
        row = scores.set_index(["segmentation", "algorithm"]).loc[(name, algorithm)]
        rows, published = expanded_rows(shipped, name, segmentation["features"])
        labels = model(**json.loads(row["parameters"])).fit_predict(rows)
        kept = labels >= 0
        clustered = rows[kept], labels[kept]
        assert row["n_clusters"] == len(np.unique(labels[kept]))
        assert row["noise_share"] == pytest.approx(1 - kept.mean())
        assert row["silhouette"] == pytest.approx(
            sklearn_metrics.silhouette_score(*clustered)
        )
        assert row["calinski_harabasz"] == pytest.approx(
            sklearn_metrics.calinski_harabasz_score(*clustered)
        )
        assert row["davies_bouldin"] == pytest.approx(
            sklearn_metrics.davies_bouldin_score(*clustered)
        )
        assert row["ari_to_kmeans"] == pytest.approx(
            sklearn_metrics.adjusted_rand_score(published, labels)
        )


def test_the_order_of_rows_changes_nothing_but_the_seconds(
    scores, shipped, shipped_settings
):
    again = score_algorithms(
        shipped.points.sample(frac=1, random_state=3),
        shipped.segments.sample(frac=1, random_state=4),
        shipped_settings,
    )
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"), scores.drop(columns="seconds"), check_exact=True
    )


def test_a_failing_algorithm_is_a_row_with_its_reason(monkeypatch, line):
    def fail(_):
        raise RuntimeError("the matrix is singular\nand more about it")

    monkeypatch.setitem(algorithms.ALGORITHMS, "ward", fail)
    scores = line().set_index("algorithm")
    assert scores.loc["ward", "failure"] == "the matrix is singular"
    scored = ["n_clusters", "noise_share", "silhouette", "calinski_harabasz"]
    scored += ["davies_bouldin", "ari_to_kmeans", "parameters"]
    assert scores.loc["ward", scored].isna().all()
    assert scores.loc["ward", "seconds"] >= 0
    assert scores.loc["ward", "n_customers"] == 7
    assert pd.isna(scores.loc["kmeans", "failure"])
    assert scores.loc["kmeans", scored].notna().all()


def test_an_exception_without_words_is_named(monkeypatch, line):
    def fail():
        raise MemoryError

    use_labels(monkeypatch, fail)
    assert line().loc[0, "failure"] == "MemoryError"


def test_entries_of_a_grid_that_fail_leave_the_others(monkeypatch, line):
    def fail():
        raise ValueError("n_clusters is too large")

    use_labels(monkeypatch, fail, [0, 0, 0, 1, 1, 1, 2])
    row = line().loc[0]
    assert json.loads(row["parameters"]) == {"place": 1}
    assert pd.isna(row["failure"])


def test_what_has_not_converged_is_not_eligible(monkeypatch, line):
    def stop_early():
        warnings.warn("did not converge", ConvergenceWarning, stacklevel=1)
        return np.array([0, 0, 0, 1, 1, 1, 2])

    use_labels(monkeypatch, stop_early, [0, 0, 0, 1, 1, 1, 1])
    assert json.loads(line().loc[0, "parameters"]) == {"place": 1}
    use_labels(monkeypatch, stop_early)
    assert line().loc[0, "failure"] == "did not converge"


def test_noise_counts_as_zero_when_partitions_are_compared(monkeypatch, line):
    # Of the customers at 0, 1, 2, 9, 9, 10, 30 the second labelling keeps four in
    # near-perfect clusters; the first keeps all and wins, though its silhouette on
    # the customers it keeps is the lower one.
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, 2], [-1, 0, 0, 1, 1, -1, -1])
    row = line().loc[0]
    assert json.loads(row["parameters"]) == {"place": 0}
    use_labels(monkeypatch, [-1, 0, 0, 1, 1, -1, -1])
    only = line().loc[0]
    assert only["silhouette"] > row["silhouette"]
    assert only["noise_share"] == pytest.approx(3 / 7)


def test_partitions_of_mostly_noise_or_too_few_clusters_are_refused(monkeypatch, line):
    use_labels(
        monkeypatch,
        [-1, 0, -1, 1, -1, -1, -1],
        [0, 0, 0, 0, 0, 0, 0],
        [-1, -1, -1, -1, -1, -1, -1],
    )
    assert line().loc[0, "failure"] == (
        "None of the 3 sets of parameters gave 2 to 6 clusters with at most 50% of "
        "the customers as noise."
    )


def test_ties_keep_the_earlier_entry(monkeypatch, line):
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, 2], [2, 2, 2, 0, 0, 0, 1])
    assert json.loads(line().loc[0, "parameters"]) == {"place": 0}


def test_noise_is_a_cluster_of_its_own_in_the_agreement(monkeypatch, line):
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, -1])
    # The published segments are 0, 1, 2 and the other four customers.
    expected = sklearn_metrics.adjusted_rand_score(
        [1, 1, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2]
    )
    assert line().loc[0, "ari_to_kmeans"] == pytest.approx(expected)


def test_customers_with_imputed_values_are_not_clustered(monkeypatch, line):
    line.points["n_fitted"] = [1, 1, 1, 2, 1, 0]
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1])
    assert line().loc[0, "n_customers"] == 6


def test_more_customers_than_the_sample_are_sampled_in_proportion(monkeypatch, line):
    seen = []

    def remember(customers):
        seen.append(customers.values[:, 0])
        yield Candidate({}, lambda: (customers.values[:, 0] > 5).astype(int))

    monkeypatch.setattr(algorithms, "ALGORITHMS", {"by_hand": remember})
    line.points["n_fitted"] = [100, 200, 100, 300, 200, 100]
    row = line(sample_size=100).loc[0]
    assert (row["n_customers"], row["is_exact"]) == (100, False)
    values, counts = np.unique(seen[0], return_counts=True)
    assert values.tolist() == [0, 1, 2, 9, 10, 30]
    assert counts.tolist() == [10, 20, 10, 30, 20, 10]

    row = line(sample_size=1000).loc[0]
    assert (row["n_customers"], row["is_exact"]) == (1000, True)
    assert len(seen[1]) == 1000


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=50),
    st.integers(1, 2_000),
)
def test_a_systematic_sample_is_within_one_customer_of_its_share(counts, sample_size):
    counts = np.array(counts)
    drawn = algorithms._draw_customers(counts, sample_size)
    total = int(counts.sum())
    if total <= sample_size:
        assert (drawn == counts).all()
    else:
        assert drawn.sum() == sample_size
        assert (np.abs(drawn - counts / total * sample_size) < 1).all()


def test_too_few_distinct_customers_are_a_reason_for_every_algorithm(line):
    line.points["n_fitted"] = [7, 0, 0, 0, 0, 0]
    scores = line()
    assert len(scores) == 12
    assert (
        scores["failure"] == "There are too few distinct customers to form segments."
    ).all()


def test_no_algorithm_has_more_clusters_than_the_settings_allow(line):
    line.settings["segmentations"] = [
        {
            "name": "line",
            "features": ["age_years"],
            "scaler": "standard",
            "max_segments": 2,
        }
    ]
    found = line()["n_clusters"].dropna()
    assert len(found) >= 6
    assert (found == 2).all()


def test_refuses_a_sample_of_nobody(line):
    with pytest.raises(ValueError, match="sample_size=0 is below 1"):
        line(sample_size=0)
