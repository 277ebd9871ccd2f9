"""One thread in BLAS and OpenMP, whatever runs beside."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event, Thread

from threadpoolctl import threadpool_info

from mall_segments.clustering.threads import in_parallel, single_thread


def numbers_of_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_every_part_has_one_thread_and_the_caller_gets_its_own_back() -> None:
    with single_thread():
        pass  # Loads the libraries.
    before = threadpool_info()
    assert in_parallel(lambda _: numbers_of_threads(), range(4)) == [{1}] * 4
    assert threadpool_info() == before


def test_a_block_keeps_its_one_thread_when_another_ends() -> None:
    with single_thread():
        pass
    before = threadpool_info()
    has_begun, may_end = Event(), Event()
    found = []

    def run_longer() -> None:
        with single_thread():
            has_begun.set()
            may_end.wait()
            found.append(numbers_of_threads())

    longer = Thread(target=run_longer)
    with ExitStack() as shorter:
        shorter.enter_context(single_thread())
        longer.start()
        has_begun.wait()
    may_end.set()
    longer.join()
    assert found == [{1}]
    assert threadpool_info() == before
