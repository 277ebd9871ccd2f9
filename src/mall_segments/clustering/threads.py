"""Threads that change no digit: one per sum, several only for independent parts."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def single_thread() -> Iterator[None]:
    """Run a block with one thread in BLAS and OpenMP.

    Several threads split a sum between them, and its last digits then depend on how
    many there are. Blocks may run at the same time in different threads.

    Examples
    --------
    >>> with single_thread():
    ...     pass
    """
    libraries = _libraries()
    with libraries.single_threaded_blas(), libraries.openmp.limit(limits=1):
        yield


def in_parallel(
    function: Callable[[Part], Result], parts: Sequence[Part]
) -> list[Result]:
    """Apply a function to each part, on every processor.

    Parameters
    ----------
    function : callable
        Spends its time in libraries that let other threads run meanwhile. Within it,
        BLAS and OpenMP have one thread.
    parts : sequence
        What to apply it to.

    Returns
    -------
    list
        The results, in the order of the parts.

    Examples
    --------
    >>> in_parallel(abs, [-1, 2])
    [1, 2]
    """
    with single_thread():
        if len(parts) == 1:
            return [function(parts[0])]
        limit_openmp = partial(_libraries().openmp.limit, limits=1)
        with ThreadPoolExecutor(os.cpu_count(), initializer=limit_openmp) as threads:
            return list(threads.map(function, parts))


class _Libraries:
    """The libraries with threads of their own, and how many those are.

    OpenMP has a number for each thread that calls it, BLAS one for all: the first of
    the blocks that run at the same time sets it, and the last one sets it back.
    """

    def __init__(self, controller: Any) -> None:
        self.openmp = controller.select(user_api="openmp")
        self._blas = controller.select(user_api="blas")
        self._lock = Lock()
        self._n_blocks = 0
        self._limit: Any = None

    @contextmanager
    def single_threaded_blas(self) -> Iterator[None]:
        with self._lock:
            if self._n_blocks == 0:
                self._limit = self._blas.limit(limits=1)
            self._n_blocks += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_blocks -= 1
                if self._n_blocks == 0:
                    self._limit.restore_original_limits()


_LOADING: Final = Lock()


def _libraries() -> _Libraries:
    with _LOADING:
        return _load_libraries()


@cache
def _load_libraries() -> _Libraries:
    # A controller knows the libraries loaded before it, and finding them takes
    # longer than fitting 200 customers, so scikit-learn's are loaded first, once.
    import sklearn.cluster  # noqa: F401, PLC0415
    from threadpoolctl import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ThreadpoolController,
    )

    return _Libraries(ThreadpoolController())
