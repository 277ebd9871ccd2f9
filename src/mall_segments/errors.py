"""Errors a user may see: each says what is wrong, what was found and what is allowed."""

from types import TracebackType


class MallSegmentsError(Exception):
    """A refusal in a sentence for the user.

    It carries no stack, because the one who reads it can change a file or a setting,
    not this code: whatever prints it (dbt, the command line, a service) prints the
    sentence only.
    """

    @property
    def __traceback__(self) -> TracebackType | None:  # type: ignore[override]
        """No stack is ever shown for a refusal."""
        return None

    @__traceback__.setter
    def __traceback__(self, value: TracebackType | None) -> None:
        """Accept and drop a stack that Python code assigns."""


class SettingsError(MallSegmentsError):
    """A setting in ``dbt_project.yml`` or ``--vars`` that cannot be used."""


class InputError(MallSegmentsError):
    """A customer file that cannot be read, recognised or clustered."""


class PublishError(MallSegmentsError):
    """A generation that cannot be written, verified or rolled back."""


class ModelError(MallSegmentsError):
    """A ``model.json`` that cannot be trusted or does not fit the request."""
