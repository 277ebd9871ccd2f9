"""Errors a user may see: what is wrong, what was found and what is allowed."""

from types import TracebackType
from typing import Any, cast

# Where the interpreter itself keeps the stack of an exception.
_STACK: Any = vars(BaseException)["__traceback__"]


class MallSegmentsError(Exception):
    """A refusal in a sentence for the user.

    dbt prints the stack of whatever a Python model raises. Who reads a refusal can
    change a file or a setting, not this code, so within dbt it carries no stack.

    Attributes
    ----------
    hides_stack : bool
        Whether refusals carry no stack; the dbt plugin switches it on.
    """

    hides_stack = False

    @property
    def __traceback__(self) -> TracebackType | None:
        """The stack, unless it is to be hidden."""
        if MallSegmentsError.hides_stack:
            return None
        return cast("TracebackType | None", _STACK.__get__(self))

    @__traceback__.setter
    def __traceback__(self, value: TracebackType | None) -> None:
        """Keep a stack that Python code assigns."""
        _STACK.__set__(self, value)


class SettingsError(MallSegmentsError):
    """A setting in ``dbt_project.yml`` or ``--vars`` that cannot be used."""


class InputError(MallSegmentsError):
    """A customer file that cannot be read, recognised or clustered."""


class PublishError(MallSegmentsError):
    """A generation that cannot be written, verified or rolled back."""


class ModelError(MallSegmentsError):
    """A ``model.json`` that cannot be trusted or does not fit the request."""
