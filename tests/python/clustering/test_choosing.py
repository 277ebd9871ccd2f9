"""The rule of ``auto`` and the table of scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mall_segments.clustering.choosing import choose_count, score_cluster_counts
from mall_segments.clustering.counts import (
    CountScore,
    choice_by_gap,
    choices_by_criterion,
    gap_statistics,
    score_counts,
)
from mall_segments.errors import InputError


@pytest.fixture(scope="module")
def shipped_scores(trials):
    rows = trials.shipped_rows()
    return score_counts(
        rows, np.ones(len(rows), dtype=np.int64), max_segments=10, random_seed=42
    )


def line_points(values, **weights):
    frame = pd.DataFrame({"segmentation": "line", "coordinate_1": values})
    return frame.assign(coordinate_2=np.nan, n_fitted=1).assign(**weights)


def line_settings(**options):
    return {
        "features": [{"name": "income", "label": "income"}],
        "segmentations": [{"name": "line", "features": ["income"], **options}],
    }


def chosen(frame):
    (number,) = frame.loc[frame["is_chosen"], "n_segments"]
    return number


def test_scores_are_the_published_ones(counts):
    five = counts.set_index(["segmentation", "n_segments"]).loc[("income_spending", 5)]
    assert five["inertia"] == pytest.approx(65.5684, abs=1e-4)
    assert five["silhouette"] == pytest.approx(0.5547, abs=5e-5)
    assert five["calinski_harabasz"] == pytest.approx(248.65, abs=5e-3)
    assert five["davies_bouldin"] == pytest.approx(0.5722, abs=5e-5)
    assert five["lowest_jaccard"] == pytest.approx(0.97, abs=0.02)
    assert five["smallest_segment_share"] == 0.11
    assert five["is_exact"]


def test_ten_segments_are_scored_even_where_three_are_set(counts):
    three = counts[counts["segmentation"] == "age_income_spending"]
    assert list(three["n_segments"]) == list(range(1, 11))


def test_five_segments_are_chosen_by_vote_and_three_by_setting(counts):
    rows = counts[counts["is_chosen"]].set_index("segmentation")
    assert rows["n_segments"].to_dict() == {
        "income_spending": 5,
        "age_income_spending": 3,
    }
    assert rows.loc["income_spending", "chosen_by"].split(", ") == [
        "vote",
        "silhouette",
        "davies_bouldin",
        "separation",
    ]
    assert rows.loc["age_income_spending", "chosen_by"] == "setting"


def test_three_of_age_income_spending_are_less_stable_than_four_and_six(counts):
    lowest = counts.set_index(["segmentation", "n_segments"])["lowest_jaccard"]
    lowest = lowest["age_income_spending"]
    assert lowest[3] < 0.75
    assert min(lowest[4], lowest[6]) > 0.85


def test_the_gap_statistic_may_answer_one(counts):
    rows = counts[counts["segmentation"] == "income_spending"]
    (number,) = rows.loc[rows["chosen_by"].str.contains("gap", na=False), "n_segments"]
    assert number == 1


def test_a_row_of_one_segment_has_no_score_that_needs_two(counts):
    one = counts[counts["n_segments"] == 1]
    assert len(one) == 2
    assert one[["silhouette", "lowest_jaccard", "separation"]].isna().all(axis=None)
    assert one["gap"].notna().all()


def test_the_order_of_points_changes_nothing(counts, point_frame, point_settings):
    first = {**point_settings, "segmentations": point_settings["segmentations"][:1]}
    own, expected = (
        frame[frame["segmentation"] == "income_spending"]
        for frame in (point_frame, counts)
    )
    again = score_cluster_counts(own.sample(frac=1, random_state=1), first, {})
    pd.testing.assert_frame_equal(again, expected.reset_index(drop=True))


@pytest.mark.parametrize(
    "kind",
    ["well separated", "4 sigma", "3 sigma", "anisotropic", "unbalanced", "one of 3 %"],
)
def test_auto_finds_the_known_number(trials, kind):
    sets = list(trials.known_sets([kind], numbers=(3, 6), features=(2,), seed=7))
    hits = []
    for _, number, rows in sets:
        scores = score_counts(
            rows, np.ones(len(rows), dtype=np.int64), max_segments=8, random_seed=42
        )
        hits.append(choose_count(scores, low=2, high=8).n_segments == number)
    assert sum(hits) >= (1 if kind == "3 sigma" else 2)


def test_the_published_number_stays_while_the_vote_is_close(shipped_scores):
    assert choose_count(shipped_scores, low=2, high=10).n_segments == 5
    kept = choose_count(shipped_scores, low=2, high=10, previous=6)
    assert (kept.n_segments, kept.reason) == (6, "previous")
    given_up = choose_count(shipped_scores, low=2, high=10, previous=2)
    assert (given_up.n_segments, given_up.reason) == (5, "vote")


@pytest.mark.parametrize(
    ("separation", "n_segments"),
    [
        pytest.param(None, 2, id="another number leads by one vote"),
        pytest.param(4.0, 3, id="another number leads by two votes"),
    ],
)
def test_the_published_number_stays_with_one_vote_less(separation, n_segments):
    scores = [
        CountScore(
            n_segments=number,
            fit=None,
            silhouette=silhouette,
            calinski_harabasz=100 / number,
            davies_bouldin=None,
            gap=None,
            gap_standard_error=None,
            stability=None,
            lowest_jaccard=jaccard,
            separation=separation if number < 4 else None,
            smallest_segment_share=0.2,
            is_exact=True,
        )
        for number, silhouette, jaccard in ((2, 0.3, 0.9), (3, 0.5, 0.9), (4, 0.2, 0.5))
    ]
    found = choose_count(scores, low=2, high=4, previous=2)
    assert found.n_segments == n_segments


def test_a_published_number_outside_the_range_is_given_up(shipped_scores):
    assert choose_count(shipped_scores, low=2, high=5, previous=6).n_segments == 5


def test_a_wish_for_large_segments_is_a_filter_that_never_fails(shipped_scores):
    wished = choose_count(shipped_scores, low=2, high=10, least_share=0.15)
    assert wished.n_segments in (2, 3)
    impossible = choose_count(shipped_scores, low=2, high=10, least_share=0.9)
    assert impossible.n_segments == 5


def test_calinski_harabasz_at_the_end_of_the_range_is_no_choice(shipped_scores):
    assert choices_by_criterion(shipped_scores)["calinski_harabasz"] == 9
    cut = [score for score in shipped_scores if score.n_segments <= 9]
    assert choices_by_criterion(cut)["calinski_harabasz"] is None


def test_equal_silhouettes_choose_the_smaller_number(shipped_scores):
    tied = [replace(score, silhouette=0.5) for score in shipped_scores]
    assert choices_by_criterion(tied)["silhouette"] == 2


def test_one_extreme_value_leaves_the_other_segments(point_frame, point_settings):
    auto = {
        **point_settings,
        "segmentations": point_settings["segmentations"][:1],
    }
    own = point_frame[point_frame["segmentation"] == "income_spending"]
    extreme = own.tail(1).assign(coordinate_1=35.0, coordinate_2=0.0)
    frame = score_cluster_counts(pd.concat([own, extreme]), auto, {})
    assert chosen(frame) == 6
    (share,) = frame.loc[frame["is_chosen"], "smallest_segment_share"]
    assert share == pytest.approx(1 / 201)


def test_duplicates_build():
    values = [0.0] * 90 + [float(place) for place in range(1, 11)]
    frame = score_cluster_counts(line_points(values), line_settings(), {})
    assert 2 <= chosen(frame) <= 10


@pytest.mark.parametrize("seed", range(3))
def test_seven_customers_are_no_six_segments(seed):
    places = np.random.default_rng(seed).normal(size=(7, 2))
    points = line_points(places[:, 0], coordinate_2=places[:, 1])
    assert chosen(score_cluster_counts(points, line_settings(), {})) == 2


def test_two_distinct_points_are_two_segments():
    points = line_points([1.0, 2.0], n_fitted=[30, 70])
    frame = score_cluster_counts(points, line_settings(), {})
    assert frame["n_segments"].tolist() == [1, 2]
    assert chosen(frame) == 2


def test_points_without_observed_customers_are_left_out():
    values = [0.0, 0.1, 5.0, 5.1, 99.0]
    points = line_points(values, n_fitted=[5, 5, 5, 5, 0])
    frame = score_cluster_counts(points, line_settings(n_segments=2), {})
    assert frame.loc[1, "inertia"] == pytest.approx(4 * 5 * 0.05**2)


@pytest.mark.parametrize("n_segments", ["auto", 3])
def test_refuses_fewer_distinct_customers_than_segments(n_segments):
    points = line_points([1.0], n_fitted=[9])
    with pytest.raises(InputError) as refused:
        score_cluster_counts(points, line_settings(n_segments=n_segments), {})
    assert f"line: n_segments={n_segments}" in str(refused.value)
    assert "9 complete customers have only 1" in str(refused.value)


def test_more_customers_than_are_simulated_are_not_called_exact():
    rows = np.random.default_rng(0).normal(size=(1_500, 2))
    scores = score_counts(
        rows, np.ones(1_500, dtype=np.int64), max_segments=2, random_seed=1
    )
    assert not any(score.is_exact for score in scores)


def test_the_gap_of_many_even_customers_is_about_zero():
    rows = np.random.default_rng(3).random((20_000, 6))
    rows = rows[np.lexsort(rows.T[::-1])]
    ones = np.ones(len(rows), dtype=np.int64)
    (one, error), _ = gap_statistics(rows, ones, [1.0, 1.0], random_seed=5)
    assert abs(one) < 0.03
    assert error < 0.03


@pytest.mark.parametrize(
    ("gaps", "number"),
    [
        ([(1, 0.1, 0.01), (2, 0.3, 0.01), (3, 0.305, 0.01)], 2),
        ([(1, 0.3, 0.01), (2, 0.3, 0.01)], 1),
        ([(1, 0.1, 0.01), (2, 0.3, 0.01)], None),
        ([(1, None, None), (2, 0.3, 0.01), (3, 0.2, 0.01)], 2),
    ],
)
def test_gap_rule_of_the_paper(gaps, number):
    assert choice_by_gap(gaps) == number
