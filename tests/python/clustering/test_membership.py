"""Memberships are probabilities."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("is_unbalanced", [False, True])
def test_memberships_are_how_often_the_segment_is_the_true_one(trials, is_unbalanced):
    published, fuzzy = trials.calibration_errors(5, 2, 4.0, is_unbalanced, seed=[1])
    assert published < 0.012
    assert fuzzy > 0.1
