import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.exceptions import ConvergenceWarning

from mall_segments.clustering import algorithms
from mall_segments.clustering.algorithms import Algorithm, score_algorithms
from mall_segments.clustering.kmeans import fit_kmeans, sample_customers

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
def segments(point_frame):
    frames = []
    for name, number, width in (
        ("income_spending", 5, 2),
        ("age_income_spending", 3, 3),
    ):
        own = point_frame[point_frame["segmentation"] == name]
        columns = [f"coordinate_{place + 1}" for place in range(width)]
        fit = fit_kmeans(
            own[columns].to_numpy(),
            own["n_fitted"].to_numpy(),
            n_segments=number,
            random_seed=42,
        )
        frame = pd.DataFrame(fit.centroids, columns=columns)
        frames.append(frame.assign(segmentation=name, segment_id=range(1, number + 1)))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def scores(point_frame, segments, point_settings):
    return score_algorithms(point_frame, segments, point_settings)


@pytest.fixture
def line():
    """Seven customers on six points of a line, in two published segments."""
    points = pd.DataFrame(
        {
            "segmentation": "line",
            "coordinate_1": [0.0, 1.0, 2.0, 9.0, 10.0, 30.0],
            "n_fitted": [1, 1, 1, 2, 1, 1],
        }
    )
    segments = pd.DataFrame(
        {"segmentation": "line", "segment_id": [2, 1], "coordinate_1": [9.5, 1.0]}
    )
    settings = {
        "features": [{"name": "age", "label": "age"}],
        "segmentations": [{"name": "line", "features": ["age"]}],
    }

    def score():
        frame = score_algorithms(points, segments, settings)
        return frame.set_index("algorithm")

    score.points = points
    score.settings = settings
    return score


class ByHand:
    """An estimator that answers with given labels."""

    def __init__(self, place, labellings):
        self.labels = labellings[place]

    def get_params(self):
        return {}

    def fit_predict(self, values):
        return self.labels(values) if callable(self.labels) else np.array(self.labels)


def use_labels(monkeypatch, *labellings):
    """Have one algorithm whose grid gives these labels of the seven customers."""
    by_hand = Algorithm(
        ByHand,
        lambda _: {"place": range(len(labellings))},
        {"labellings": labellings},
    )
    monkeypatch.setattr(algorithms, "ALGORITHMS", {"by_hand": by_hand})


def test_every_segmentation_has_a_row_per_algorithm_the_best_first(scores):
    names = {"kmeans", *algorithms.ALGORITHMS}
    assert len(names) == 12
    for _, own in scores.groupby("segmentation"):
        assert set(own["algorithm"]) == names
        penalised = own["silhouette"] * (1 - own["noise_share"])
        assert penalised.is_monotonic_decreasing
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


def test_the_kmeans_row_is_the_published_partition(scores):
    rows = scores.set_index(["segmentation", "algorithm"])
    two = rows.loc[("income_spending", "kmeans")]
    assert (two["n_clusters"], two["ari_to_kmeans"]) == (5, 1)
    assert two["silhouette"] == pytest.approx(0.5547, abs=5e-5)
    assert two["calinski_harabasz"] == pytest.approx(248.65, abs=5e-3)
    assert two["davies_bouldin"] == pytest.approx(0.5722, abs=5e-5)
    three = rows.loc[("age_income_spending", "kmeans")]
    assert (three["n_clusters"], three["ari_to_kmeans"]) == (3, 1)
    assert three["silhouette"] == pytest.approx(0.3578, abs=5e-5)


def test_the_order_of_rows_changes_nothing_but_the_seconds(
    scores, point_frame, segments, point_settings
):
    first = {**point_settings, "segmentations": point_settings["segmentations"][:1]}
    own, own_segments, expected = (
        frame[frame["segmentation"] == "income_spending"]
        for frame in (point_frame, segments, scores)
    )
    again = score_algorithms(
        own.sample(frac=1, random_state=3),
        own_segments.sample(frac=1, random_state=4),
        first,
    )
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"),
        expected.drop(columns="seconds").reset_index(drop=True),
        check_exact=True,
    )


def test_a_failing_algorithm_is_a_row_with_its_reason(monkeypatch, line):
    def fail(_):
        raise RuntimeError("the matrix is singular\nand more about it")

    use_labels(monkeypatch, fail)
    scores = line().rename(index={"by_hand": "ward"})
    assert scores.loc["ward", "failure"] == "the matrix is singular"
    scored = ["n_clusters", "noise_share", "silhouette", "calinski_harabasz"]
    scored += ["davies_bouldin", "ari_to_kmeans", "parameters"]
    assert scores.loc["ward", scored].isna().all()
    assert scores.loc["ward", "seconds"] >= 0
    assert scores.loc["ward", "n_customers"] == 7
    assert pd.isna(scores.loc["kmeans", "failure"])
    assert scores.loc["kmeans", scored].notna().all()


def test_an_exception_without_words_is_named(monkeypatch, line):
    def fail(_):
        raise MemoryError

    use_labels(monkeypatch, fail)
    assert line().loc["by_hand", "failure"] == "MemoryError"


def test_entries_of_a_grid_that_fail_leave_the_others(monkeypatch, line):
    def fail(_):
        raise ValueError("n_clusters is too large")

    use_labels(monkeypatch, fail, [0, 0, 0, 1, 1, 1, 2])
    row = line().loc["by_hand"]
    assert json.loads(row["parameters"]) == {"place": 1}
    assert pd.isna(row["failure"])


def test_what_has_not_converged_is_not_eligible(monkeypatch, line):
    def stop_early(_):
        warnings.warn("did not converge", ConvergenceWarning, stacklevel=1)
        return np.array([0, 0, 0, 1, 1, 1, 2])

    use_labels(monkeypatch, stop_early, [0, 0, 0, 1, 1, 1, 1])
    assert json.loads(line().loc["by_hand", "parameters"]) == {"place": 1}
    use_labels(monkeypatch, stop_early)
    assert line().loc["by_hand", "failure"] == "did not converge"


def test_noise_counts_as_zero_when_partitions_are_compared(monkeypatch, line):
    # Of the customers at 0, 1, 2, 9, 9, 10, 30 the second labelling keeps four in
    # near-perfect clusters; the first keeps all and wins, though its silhouette on
    # the customers it keeps is the lower one.
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, 2], [-1, 0, 0, 1, 1, -1, -1])
    row = line().loc["by_hand"]
    assert json.loads(row["parameters"]) == {"place": 0}
    use_labels(monkeypatch, [-1, 0, 0, 1, 1, -1, -1])
    only = line().loc["by_hand"]
    assert only["silhouette"] > row["silhouette"]
    assert only["noise_share"] == pytest.approx(3 / 7)


def test_partitions_of_mostly_noise_or_too_few_clusters_are_refused(monkeypatch, line):
    use_labels(
        monkeypatch,
        [-1, 0, -1, 1, -1, -1, -1],
        [0, 0, 0, 0, 0, 0, 0],
        [-1, -1, -1, -1, -1, -1, -1],
    )
    assert line().loc["by_hand", "failure"] == (
        "None of the 3 sets of parameters gave 2 to 6 clusters with at most 50% of "
        "the customers as noise."
    )


def test_ties_keep_the_earlier_entry(monkeypatch, line):
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, 2], [2, 2, 2, 0, 0, 0, 1])
    assert json.loads(line().loc["by_hand", "parameters"]) == {"place": 0}


def test_noise_is_a_cluster_of_its_own_in_the_agreement(monkeypatch, line):
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1, -1])
    # The published segments are 0, 1, 2 and the other four customers.
    expected = sklearn_metrics.adjusted_rand_score(
        [1, 1, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2]
    )
    assert line().loc["by_hand", "ari_to_kmeans"] == pytest.approx(expected)


def test_customers_with_imputed_values_are_not_clustered(monkeypatch, line):
    line.points["n_fitted"] = [1, 1, 1, 2, 1, 0]
    use_labels(monkeypatch, [0, 0, 0, 1, 1, 1])
    assert line().loc["by_hand", "n_customers"] == 6


def test_more_customers_than_the_sample_are_sampled_in_proportion(monkeypatch, line):
    seen = []

    def remember(values):
        seen.append(values[:, 0])
        return (values[:, 0] > 5).astype(int)

    use_labels(monkeypatch, remember)
    monkeypatch.setattr(algorithms, "SAMPLE_SIZE", 100)
    line.points["n_fitted"] = [100, 200, 100, 300, 200, 100]
    row = line().loc["by_hand"]
    assert (row["n_customers"], row["is_exact"]) == (100, False)
    values, counts = np.unique(seen[0], return_counts=True)
    assert values.tolist() == [0, 1, 2, 9, 10, 30]
    assert counts.tolist() == [10, 20, 10, 30, 20, 10]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=50),
    st.integers(1, 2_000),
)
def test_a_systematic_sample_is_within_one_customer_of_its_share(counts, most):
    counts = np.array(counts)
    points = np.arange(len(counts), dtype=np.float64)[:, None]
    sample, found = sample_customers(points, counts, most)
    drawn = np.zeros(len(counts))
    drawn[sample[:, 0].astype(int)] = found
    total = int(counts.sum())
    if total <= most:
        assert (drawn == counts).all()
    else:
        assert drawn.sum() == most
        assert (np.abs(drawn - counts / total * most) <= 1).all()


def test_no_algorithm_has_more_clusters_than_the_settings_allow(line):
    line.settings["segmentations"][0]["max_segments"] = 2
    found = line()["n_clusters"].dropna()
    assert len(found) >= 6
    assert (found == 2).all()
