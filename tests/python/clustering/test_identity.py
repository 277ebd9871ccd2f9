import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mall_segments.clustering.identity import first_identities, match_identities

SQUARE = np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]])
IDS = np.array([1, 2, 3, 4])


def ids(identities):
    return [identity.segment_id for identity in identities]


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_ids_follow_the_centroids_and_not_the_order(order, previous_order):
    moved = SQUARE + np.array([0.5, -0.3])
    identities = match_identities(
        moved[list(order)], SQUARE[list(previous_order)], IDS[list(previous_order)]
    )
    assert ids(identities) == [IDS[place] for place in order]
    for identity in identities:
        assert identity.previous_segment_id == identity.segment_id
        assert identity.distance_moved == pytest.approx(np.hypot(0.5, 0.3))
        assert not identity.is_new


def test_a_segment_beyond_half_the_way_to_its_neighbour_is_new():
    previous = np.array([[0.0], [4.0]])
    stays, leaves = (
        match_identities(np.array([[place], [4.0]]), previous, np.array([1, 2]))[0]
        for place in (-2.0, -2.001)
    )
    assert (stays.segment_id, stays.is_new) == (1, False)
    assert (leaves.segment_id, leaves.is_new) == (3, True)
    assert leaves.previous_segment_id is None
    assert leaves.distance_moved is None


def test_a_split_segment_lends_its_id_to_the_nearer_half():
    centroids = np.array([[0.9, 0.0], [-0.5, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]])
    assert ids(match_identities(centroids, SQUARE, IDS)) == [5, 1, 2, 3, 4]


def test_a_vanished_segment_leaves_its_id_unused():
    identities = match_identities(SQUARE[1:], SQUARE, IDS)
    assert ids(identities) == [2, 3, 4]


def test_retired_ids_are_not_used_again():
    centroids = np.array([[0.0, 0.0], [50.0, 50.0], [90.0, 90.0]])
    identities = match_identities(centroids, SQUARE, IDS, used_ids={2, 7})
    assert ids(identities) == [1, 8, 9]


def test_matching_is_optimal_and_not_greedy():
    # The first new centroid is nearest to id 2, but id 1 would then stay unmatched.
    previous = np.array([[0.0], [2.0]])
    centroids = np.array([[1.0], [2.9]])
    assert ids(match_identities(centroids, previous, np.array([1, 2]))) == [1, 2]


def test_a_refused_pair_never_displaces_an_allowed_one():
    # Matching far with id 2 and near with id 1 would cost less in total distance.
    previous = np.array([[0.0], [10.0]])
    centroids = np.array([[4.9], [-100.0]])
    identities = match_identities(centroids, previous, np.array([1, 2]))
    assert ids(identities) == [1, 3]


def test_the_only_segment_before_is_continued_by_the_nearest():
    identities = match_identities(
        np.array([[9.0], [5.0]]), np.array([[0.0]]), np.array([6])
    )
    assert ids(identities) == [7, 6]


def test_first_ids_start_at_one_or_above_all_used():
    assert ids(first_identities(3)) == [1, 2, 3]
    assert ids(first_identities(2, {5, 2})) == [6, 7]
    assert ids(match_identities(SQUARE, np.empty((0, 2)), np.array([], int))) == [
        1,
        2,
        3,
        4,
    ]
    assert all(identity.is_new for identity in first_identities(3))


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=8),
)
def test_ids_are_unique_and_new_ones_are_unused(centroids, previous):
    previous_ids = np.arange(1, len(previous) + 1) * 2
    identities = match_identities(
        np.array(centroids, dtype=float), np.array(previous, dtype=float), previous_ids
    )
    found = ids(identities)
    assert len(set(found)) == len(centroids)
    for identity in identities:
        assert identity.is_new == (identity.segment_id > previous_ids.max())


def test_refuses_previous_ids_that_do_not_fit():
    with pytest.raises(ValueError, match=r"previous_ids has shape \(1,\)"):
        match_identities(SQUARE, SQUARE, np.array([1]))
    with pytest.raises(ValueError, match="holds an id twice"):
        match_identities(SQUARE, SQUARE, np.array([1, 2, 2, 3]))
