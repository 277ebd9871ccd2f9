"""One thread in BLAS and OpenMP, whatever runs beside."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mall_segments.clustering.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


def numbers_of_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


@pytest.fixture(autouse=True)
def several_threads() -> Iterator[None]:
    """Begin with more than one, whatever this machine or another test has set."""
    use_one_thread()  # Loads the libraries.
    with threadpool_limits(3):
        assert numbers_of_threads() == {3}
        yield


def test_one_thread_is_used_from_here_on() -> None:
    use_one_thread()
    assert numbers_of_threads() == {1}


def test_every_part_has_one_thread() -> None:
    assert in_parallel(lambda _: numbers_of_threads(), range(4)) == [{1}] * 4


def test_a_thread_keeps_its_one_when_another_sets_its_own_back() -> None:
    """As scikit-learn does after each fit that limits BLAS."""
    use_one_thread()
    has_begun, may_end = Event(), Event()
    found = []

    def fit_longer() -> None:
        use_one_thread()
        has_begun.set()
        may_end.wait()
        found.append(numbers_of_threads())

    longer = Thread(target=fit_longer)
    with threadpool_limits(1):
        longer.start()
        has_begun.wait()
    may_end.set()
    longer.join()
    assert found == [{1}]
