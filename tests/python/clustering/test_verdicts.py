"""Whether segments are there: verdicts, null sets and the sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mall_segments.clustering import verdicts as verdicts_module
from mall_segments.clustering.choosing import score_cluster_counts
from mall_segments.clustering.kmeans import merge_points
from mall_segments.clustering.references import cloud_sets, uniform_sets
from mall_segments.clustering.verdicts import (
    CLEAR,
    NONE,
    WEAK,
    Evidence,
    NullComparison,
    Slivers,
    compare_with_chance,
    hopkins,
    judge_segmentations,
    read_verdict,
    upper_bound,
    write_sentence,
)
from mall_segments.errors import InputError

EVIDENCE = Evidence(
    n_segments=5,
    silhouette=0.55,
    null=NullComparison(best=0.55, uniform=0.44, gaussian=0.40),
    slivers=None,
    gap_choice=1,
    lowest_jaccard=0.96,
    smallest_segment_share=0.11,
    n_customers=200,
    least_share=0.0,
    steadier=(5,),
)


@pytest.fixture(scope="module")
def verdicts(point_frame, counts, point_settings):
    frame = judge_segmentations(point_frame, counts, point_settings)
    return frame.set_index("segmentation")


def test_the_shipped_segments_are_clear_and_three_of_age_weak(verdicts):
    two, three = verdicts.loc["income_spending"], verdicts.loc["age_income_spending"]
    assert two["verdict"] == CLEAR
    assert two["null_uniform_p95"] == pytest.approx(0.443, abs=0.03)
    assert two["null_gaussian_p95"] == pytest.approx(0.388, abs=0.03)
    assert two["gap_choice"] == 1
    assert "no more than one group" in two["sentence"]
    assert three["verdict"] == WEAK
    assert three["null_uniform_p95"] == pytest.approx(0.332, abs=0.03)
    assert three["lowest_jaccard"] < 0.75
    assert "4, 6" in three["sentence"]
    assert (verdicts["hopkins"] > 0.7).all()


@pytest.mark.parametrize(
    "kind", ["uniform", "normal", "correlated normal", "heavy tails"]
)
def test_sets_without_segments_raise_few_alarms(trials, kind):
    alarms = [
        trials.beats_chance(trials.draw_set(kind, 1, 2, 200, [9, trial])[0])
        for trial in range(4)
    ]
    assert sum(alarms) <= 1


@pytest.mark.parametrize("kind", ["4 sigma", "well separated", "unbalanced"])
def test_segments_that_are_there_are_found(trials, kind):
    assert all(
        trials.beats_chance(trials.draw_set(kind, 4, 2, 200, [8, trial])[0])
        for trial in range(3)
    )


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, CLEAR),
        ({"lowest_jaccard": 0.74}, WEAK),
        ({"lowest_jaccard": None}, WEAK),
        ({"silhouette": 0.43}, WEAK),
        ({"null": NullComparison(0.44, 0.44, 0.40)}, NONE),
        ({"null": NullComparison(0.39, 0.30, 0.40)}, NONE),
    ],
)
def test_reading_of_the_measures(changes, verdict):
    assert read_verdict(replace(EVIDENCE, **changes)) == verdict


def test_sentences_say_what_the_verdict_rests_on():
    clear = write_sentence(EVIDENCE)
    assert clear.startswith("The 5 segments are clear: their silhouette is 0.55")
    none = write_sentence(
        replace(EVIDENCE, null=NullComparison(0.41, 0.44, 0.40), gap_choice=None)
    )
    assert none.startswith("There are no segments here: the best silhouette is 0.41")
    assert "has no answer" in none
    weak = write_sentence(replace(EVIDENCE, silhouette=0.3, gap_choice=4))
    assert "no better than chance (0.30)" in weak
    assert "finds 4 groups" in weak


def test_sentences_mention_strays_and_unfulfilled_wishes():
    text = write_sentence(
        replace(EVIDENCE, smallest_segment_share=0.005, least_share=0.05)
    )
    assert "one or two customers who stand alone" in text
    assert "0.5%, less than the 5.0% of min_segment_share" in text


def judged(customers, n_segments):
    """Judge customers in so many segments as a build does."""
    names = [f"coordinate_{number}" for number in range(1, customers.shape[1] + 1)]
    scaled = (customers - customers.mean(axis=0)) / customers.std(axis=0)
    points = pd.DataFrame(scaled, columns=names).assign(segmentation="s", n_fitted=1)
    segmentation = {"name": "s", "features": ["x"], "n_segments": n_segments}
    settings = {"features": [{"name": "x"}], "segmentations": [segmentation]}
    scores = score_cluster_counts(points, settings, {})
    return judge_segmentations(points, scores, settings).iloc[0]


def test_a_few_far_away_are_no_finding_about_all_others():
    draw = np.random.default_rng(1)
    few = draw.normal(30, 0.3, size=(7, 2))
    cloud = judged(np.vstack([draw.normal(size=(900, 2)), few]), 2)
    middles = ((0, 0), (6, 0), (0, 6))
    groups = [draw.normal(middle, 0.5, size=(300, 2)) for middle in middles]
    three = judged(np.vstack([*groups, few]), 4)

    assert cloud["silhouette"] > 0.9
    assert cloud["null_gaussian_p95"] < 0.5
    assert cloud["verdict"] == NONE
    said = "7 of the 907 customers (0.8%) are a segment of their own, too few for"
    assert said in cloud["sentence"]
    assert f"silhouette, {cloud['silhouette']:.2f} with them" in cloud["sentence"]
    # Three others are there whether the few are or not.
    assert three["verdict"] == CLEAR
    assert said in three["sentence"]


def test_more_than_a_hundredth_are_a_segment_of_their_own():
    draw = np.random.default_rng(1)
    groups = [draw.normal(middle, 0.5, size=(300, 2)) for middle in ((0, 0), (6, 0))]
    row = judged(np.vstack([*groups, draw.normal(30, 0.3, size=(9, 2))]), 3)

    assert row["verdict"] == CLEAR
    assert "of their own" not in row["sentence"]


def test_a_few_are_told_apart_where_all_others_are_alike():
    row = judged(np.array([[0.0]] * 500 + [[5.0], [6.0]]), 2)

    assert row["silhouette"] > 0.9
    assert "too few for a finding" not in row["sentence"]


def test_says_that_all_but_a_few_are_in_one_segment():
    text = write_sentence(
        replace(EVIDENCE, silhouette=None, slivers=Slivers(2, 3, 0.93))
    )

    assert "are weak" in text
    assert "all but a few of them are in one segment." in text
    assert "3 of the 200 customers (1.5%) are 2 segments of their own" in text


def test_no_segments_are_refused_if_asked(
    point_frame, counts, point_settings, monkeypatch
):
    chance = NullComparison(best=0.3, uniform=0.4, gaussian=0.4)
    monkeypatch.setattr(verdicts_module, "compare_with_chance", lambda *_, **__: chance)
    published = judge_segmentations(point_frame, counts, point_settings)
    assert set(published["verdict"]) == {NONE}
    with pytest.raises(InputError) as caught:
        judge_segmentations(
            point_frame, counts, {**point_settings, "no_segments": "refuse"}
        )
    for part in (
        "income_spending: There are no segments here: the best silhouette is 0.30",
        "age_income_spending: There are no segments here",
        "The setting no_segments is 'refuse'",
    ):
        assert part in str(caught.value)


def test_reference_sets_have_the_shape_of_the_customers():
    generator = np.random.default_rng(0)
    mix = np.array([[1.0, 0.9], [0.0, 0.3]])
    customers = generator.normal(size=(2_000, 2)) @ mix + 5
    for draw in (uniform_sets, cloud_sets):
        found = draw(customers, n_sets=3, random_seed=[1])
        assert found.shape == (3, 2_000, 2)
        assert found.mean(axis=1) == pytest.approx(np.full((3, 2), 5.0), abs=0.4)
        correlations = [np.corrcoef(rows.T)[0, 1] for rows in found]
        assert min(correlations) > 0.8


@pytest.mark.parametrize("sign", [1, -1])
def test_the_cloud_is_as_skewed_as_the_customers(sign):
    customers = sign * np.random.default_rng(0).lognormal(0, 1, size=(1_000, 1))
    found = cloud_sets(customers, n_sets=5, random_seed=[1])
    quantiles = (0.05, 0.5, 0.95)
    assert np.quantile(found, quantiles) == pytest.approx(
        np.quantile(customers, quantiles), rel=0.35
    )


def test_the_farthest_of_a_long_tail_are_as_chance_has_them():
    reaches = []
    for seed in range(10):
        customers = np.random.default_rng(seed).lognormal(0, 1.2, size=(200, 1))
        found = cloud_sets(customers, n_sets=40, random_seed=[1])
        reaches.append(found.max() > customers.max())
    assert sum(reaches) >= 8


def test_groups_that_lie_orders_of_magnitude_apart_are_segments():
    """The cloud of their logarithms must not reach where no customer is."""
    draw = np.random.default_rng(7)
    kinds = np.arange(300) % 3
    spend = np.exp(draw.normal(np.array([4, 6, 8])[kinds], 0.3))
    orders = draw.poisson(np.array([2, 8, 25])[kinds])
    customers = np.column_stack([spend, orders])
    customers = (customers - customers.mean(axis=0)) / customers.std(axis=0)
    for found in cloud_sets(customers, n_sets=5, random_seed=[1]):
        assert found[:, 0].min() >= customers[:, 0].min() - 1e-9
        assert found[:, 0].max() <= customers[:, 0].max() + 1e-9
    null = compare_with_chance(
        *merge_points(customers, np.ones(300, dtype=np.int64)), random_seed=42
    )
    assert null.best > null.highest


def test_the_bound_is_the_highest_unless_that_is_low_by_chance():
    assert upper_bound([0.0] * 38 + [1.0]) == 1.0
    assert upper_bound([0.0, 1.0] * 10) > 1.0


def test_hopkins_tells_clumps_from_chance():
    generator = np.random.default_rng(1)
    spread = generator.random((400, 2))
    clumps = np.repeat(generator.random((4, 2)), 100, axis=0)
    clumps = clumps + generator.normal(0, 0.01, clumps.shape)
    values = [
        hopkins(*merge_points(rows, np.ones(400, dtype=np.int64)), random_seed=1)
        for rows in (spread, clumps)
    ]
    assert 0.35 < values[0] < 0.65
    assert values[1] > 0.95


def test_the_comparison_is_the_same_for_more_threads_or_another_order(trials):
    rows = trials.draw_set("4 sigma", 3, 2, 150, [4])[0]
    first = compare_with_chance(
        *merge_points(rows, np.ones(150, dtype=np.int64)), random_seed=3
    )
    second = compare_with_chance(
        *merge_points(rows[::-1], np.ones(150, dtype=np.int64)), random_seed=3
    )
    assert first == second
