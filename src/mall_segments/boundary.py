"""The boundary to dbt: what every Python model begins with, and how it refuses.

dbt-duckdb prints the whole stack of whatever a Python model raises, and there is no way
to leave it out. So a refusal is raised anew where the model begins: nothing of this
package is in the stack then, and the sentence is dbt's last line. `mall-segments build`
shows the sentence alone.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

# Python models run side by side, and of two threads that load scipy at once one may be
# given a half-loaded module. So the one that comes first loads all of it here.
import sklearn.cluster
import sklearn.mixture  # noqa: F401

from mall_segments.errors import MallSegmentsError

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Refusal(MallSegmentsError):  # noqa: N818 - dbt shows the name to users
    """A refusal on its way through dbt, without the stack below the model."""


def refusing(model: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a dbt Python model end with the sentence of a refusal.

    Decorate the ``model`` function with it. Other errors keep their stack: they are
    mistakes of this package, not of its user.
    """

    @wraps(model)
    def refuse(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return model(*args, **kwargs)
        except MallSegmentsError as error:
            sentence = str(error)
        raise Refusal(sentence)

    return refuse
