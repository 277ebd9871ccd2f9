"""Memberships are probabilities."""

from __future__ import annotations

import pytest

OVERLAPPING = (2, 2, 2.0, False)


@pytest.mark.parametrize(
    ("least_distance", "is_unbalanced"), [(3.0, False), (4.0, False), (4.0, True)]
)
def test_memberships_are_how_often_the_segment_is_the_true_one(
    trials, least_distance, is_unbalanced
):
    published, by_inertia, fuzzy = trials.calibration_errors(
        5, 2, least_distance, is_unbalanced, seed=[1]
    )
    assert published < 0.012
    assert published < by_inertia + 0.001
    assert fuzzy > 0.1


def test_where_clouds_overlap_the_inertia_would_be_too_sure(trials):
    published, by_inertia, _ = trials.calibration_errors(*OVERLAPPING, seed=[5])
    assert published < 0.75 * by_inertia
