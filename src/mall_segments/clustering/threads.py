"""Keep numerical libraries to one thread, so that sums are added in one order."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def single_thread() -> AbstractContextManager[Any]:
    """Run a block with one thread in BLAS and OpenMP.

    Several threads split a sum between them, and its last digits then depend on how
    many there are.

    Examples
    --------
    >>> with single_thread():
    ...     pass
    """
    limit: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limit


@cache
def _controller() -> Any:
    # A controller knows the libraries loaded before it, and finding them takes
    # longer than fitting 200 customers, so scikit-learn's are loaded first, once.
    import sklearn.cluster  # noqa: F401, PLC0415
    from threadpoolctl import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ThreadpoolController,
    )

    return ThreadpoolController()
