"""Threads that change no digit: one per sum, several only for independent parts."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Part = TypeVar("Part")
Result = TypeVar("Result")

_LOADING: Final = Lock()


def use_one_thread() -> None:
    """Have BLAS and OpenMP use one thread from here on.

    Several threads split a sum between them, and its last digits then depend on how
    many there are. OpenMP has a limit for each thread that calls it, BLAS one for the
    process. It stays: whoever set it back would do so for all threads that compute.
    """
    with _LOADING:
        controller = _controller()
        controller.limit(limits=1)


def in_parallel(
    function: Callable[[Part], Result], parts: Sequence[Part]
) -> list[Result]:
    """Apply a function to each part, on every processor; results in their order.

    The function spends its time in libraries that let other threads run meanwhile.

    Examples
    --------
    >>> in_parallel(abs, [-1, 2])
    [1, 2]
    """
    use_one_thread()
    if len(parts) == 1:
        return [function(parts[0])]
    with ThreadPoolExecutor(os.cpu_count(), initializer=use_one_thread) as threads:
        return list(threads.map(function, parts))


@cache
def _controller() -> Any:
    # A controller knows the libraries loaded before it, and finding them takes
    # longer than fitting 200 customers, so scikit-learn's are loaded first, once.
    import sklearn.cluster  # noqa: F401, PLC0415
    from threadpoolctl import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ThreadpoolController,
    )

    return ThreadpoolController()
