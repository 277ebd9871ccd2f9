"""Jaccard stability of segments, from refits that know nothing of the answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from mall_segments.clustering import stability
from mall_segments.clustering.kmeans import fit_kmeans, merge_points
from mall_segments.clustering.runs import SetFits, fit_sets
from mall_segments.clustering.stability import stabilities


def segment_stability(rows, weights, centroids, seed):
    merged = merge_points(rows, weights)
    return stabilities(*merged, [centroids], random_seed=seed)[0][0]


def ones(rows):
    return np.ones(len(rows), dtype=np.int64)


def test_the_shipped_five_segments_are_stable(trials):
    rows = trials.shipped_rows()
    fit = fit_kmeans(rows, ones(rows), n_segments=5, random_seed=42)
    found = segment_stability(rows, ones(rows), fit.centroids, 42)
    assert found.min() == pytest.approx(0.97, abs=0.02)
    again = segment_stability(rows[::-1], ones(rows), fit.centroids, 42)
    assert again.tolist() == found.tolist()


def test_jaccard_is_per_segment_and_worked_by_hand():
    # Three customers on 0, one on 1, four on 9; the refit moves the one to the four.
    labels = np.array([0, 0, 1])
    refit = SetFits(np.zeros((1, 2, 1)), np.zeros(1), np.array([[1, 0, 0]]))
    jaccard, rand = stability._compare(labels, refit, np.array([3, 1, 4]), 2)
    assert jaccard.tolist() == [3 / 4, 4 / 5]
    expected = adjusted_rand_score([0] * 4 + [1] * 4, [1] * 3 + [0] * 5)
    assert rand == pytest.approx(expected)


def test_a_segment_without_customers_is_neither_stable_nor_dissolved():
    rows = np.repeat([[0.0], [9.0]], 10, axis=0)
    found = segment_stability(rows, ones(rows), np.array([[0.0], [9.0], [99.0]]), 1)
    assert np.isnan(found).tolist() == [False, False, True]


def test_an_answer_that_is_not_there_is_not_found_again():
    # Segments cut across two clear groups: a refit never repeats them, although it
    # would if it started from them.
    generator = np.random.default_rng(0)
    rows = generator.normal(0, 0.1, (60, 2)) + np.repeat([[0, 0], [9, 0]], 30, axis=0)
    across = np.array([[4.5, -50.0], [4.5, 50.0]])
    assert segment_stability(rows, ones(rows), across, 1).max() < 0.6


def test_one_segment_cannot_disagree():
    rows = np.arange(9, dtype=np.float64)[:, None]
    ((jaccard, rand),) = stabilities(
        rows, ones(rows), [rows.mean(axis=0)[None]], random_seed=0
    )
    assert (rand, jaccard.tolist()) == (1.0, [1.0])


def test_sampled_customers_stand_for_many():
    points = np.array([[0.0], [1.0], [9.0]])
    weights = np.array([60_000, 30_000, 10_000])
    found = segment_stability(points, weights, np.array([[0.2], [9.0]]), 3)
    assert found.tolist() == [1.0, 1.0]


def test_sets_are_fitted_alike_alone_and_side_by_side():
    generator = np.random.default_rng(1)
    sets = generator.random((7, 40, 3))
    weights = np.ones((1, 40))
    together = fit_sets(sets, weights, max_segments=4, random_seed=[5])
    alone = fit_sets(sets[:1], weights, max_segments=4, random_seed=[5])
    for several, one in zip(together, alone, strict=True):
        assert several.inertias[0] == pytest.approx(one.inertias[0])
        assert several.labels[0].tolist() == one.labels[0].tolist()
    inertias = np.stack([fits.inertias for fits in together])
    assert (np.diff(inertias, axis=0) < 0).all()


def test_weights_decide_what_a_set_is():
    points = np.array([[[0.0], [1.0], [9.0]]])
    weights = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    fits = fit_sets(points, weights, max_segments=1, random_seed=[0])
    assert fits[0].centroids.ravel().tolist() == [0.5, 5.0]
    assert fits[0].inertias.tolist() == pytest.approx([0.5, 32.0])
