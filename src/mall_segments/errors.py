"""Errors a user may see: what is wrong, what was found and what is allowed."""


class MallSegmentsError(Exception):
    """A refusal in a sentence for the user, who can change a file or a setting."""

    # Tells the Spark adapter to show the sentence alone.
    hides_stack = True


class SettingsError(MallSegmentsError):
    """A setting in ``dbt_project.yml`` or ``--vars`` that cannot be used."""


class InputError(MallSegmentsError):
    """A customer file that cannot be read, recognised or clustered."""


class PublishError(MallSegmentsError):
    """A generation that cannot be written, verified or rolled back."""


class ModelError(MallSegmentsError):
    """A ``model.json`` that cannot be trusted or does not fit the request."""


class LinkError(PublishError):
    """A link ``current`` that leads to no generation, wherever it leads."""


class FormatError(PublishError):
    """A generation that another version of this package wrote."""
