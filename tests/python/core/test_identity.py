import numpy as np
import pytest

from mall_segments.clustering.identity import first_identities, match_identities


def ids(identities):
    return [identity.segment_id for identity in identities]


def test_segments_keep_their_ids_whatever_their_order():
    published = [(1, [0.0, 0.0]), (2, [10.0, 0.0]), (3, [0.0, 10.0])]
    centroids = np.array([[0.5, 9.5], [0.1, 0.2], [9.0, 0.0]])
    assert ids(match_identities(centroids, published)) == [3, 1, 2]


def test_a_segment_reaches_half_the_way_to_its_neighbour():
    published = [(1, [0.0]), (2, [10.0])]
    assert ids(match_identities(np.array([[4.9], [10.0]]), published)) == [1, 2]
    assert ids(match_identities(np.array([[5.1], [10.0]]), published)) == [3, 2]


def test_a_segment_that_returns_gets_its_id_back():
    published = [(1, [0.0]), (3, [20.0])]
    retired = [(2, [10.0]), (4, [50.0])]
    found = match_identities(
        np.array([[0.0], [11.0], [20.0], [90.0]]), published, retired
    )
    assert ids(found) == [1, 2, 3, 5]
    assert found[1].distance_moved == 1.0
    assert found[3].is_new


def test_numbers_of_segments_that_come_and_go_burn_no_ids():
    five = [(number, [10.0 * number]) for number in range(1, 6)]
    three = [pair for pair in five if pair[0] in (1, 3, 5)]
    retired = [pair for pair in five if pair[0] in (2, 4)]
    again = np.array([[10.0 * number] for number in range(1, 6)])
    assert ids(match_identities(again, three, retired)) == [1, 2, 3, 4, 5]


def test_a_first_build_counts_from_one():
    assert ids(first_identities(3)) == [1, 2, 3]
    assert ids(match_identities(np.array([[1.0]]), [])) == [1]


def test_refuses_an_id_that_stands_twice():
    with pytest.raises(ValueError, match="twice"):
        match_identities(np.array([[1.0]]), [(1, [0.0])], [(1, [2.0])])
