"""Errors a user may see: each says what is wrong, what was found and what is allowed."""


class MallSegmentsError(Exception):
    """A refusal with a sentence for the user; never shown with a traceback."""


class SettingsError(MallSegmentsError):
    """A setting in ``dbt_project.yml`` or ``--vars`` that cannot be used."""


class InputError(MallSegmentsError):
    """A customer file that cannot be read, recognised or clustered."""


class PublishError(MallSegmentsError):
    """A generation that cannot be written, verified or rolled back."""


class ModelError(MallSegmentsError):
    """A ``model.json`` that cannot be trusted or does not fit the request."""
