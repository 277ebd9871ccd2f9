"""Where a push goes to: an entry of ``push.yml`` or an address in the environment.

Passwords come from the environment, or from where the database's own client looks for
them, and are blotted out of every message.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from mall_segments.errors import PublishError
from mall_segments.wording import suggestion

URL_VARIABLE: Final = "MALL_SEGMENTS_PUSH_URL"
SCHEMA: Final = "mall_segments"

_KEYS: Final = ("url", "url_variable", "dlt", "schema")
_SCHEME: Final = re.compile(r"postgres(ql(\+psycopg)?)?://")
_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,50}")
_EXAMPLE: Final = "postgresql://user:password@host:5432/database"
_BLOT: Final = "***"


@dataclass(frozen=True)
class Postgres:
    """A Postgres database, and the schema that the tables are to be in.

    ``parameters`` are those of libpq; what is not among them, libpq finds itself.
    """

    schema: str
    parameters: dict[str, Any] = field(repr=False)

    @property
    def place(self) -> str:
        """Say where it is, without a user or a password."""
        host = self.parameters.get("host", "the local server")
        return f"{host}/{self.parameters.get('dbname', '')}, schema {self.schema}"

    def blotted(self, message: str) -> str:
        """Return a message without the password."""
        password = self.parameters.get("password")
        return message.replace(password, _BLOT) if password else message


@dataclass(frozen=True)
class Warehouse:
    """A destination of dlt by its name there; dlt finds how to sign in."""

    schema: str
    destination: str


def find_destination(
    name: str | None, file: Path, *, schema: str | None = None
) -> Postgres | Warehouse:
    """Find a destination by its name in the file, or without one in the environment.

    The given schema goes before that of the file. No message repeats an address.
    """
    if name is None:
        if not os.environ.get(URL_VARIABLE):
            raise PublishError(
                f"name a destination of {file}, or set {URL_VARIABLE} to an address "
                f"such as {_EXAMPLE}"
            )
        entry: dict[str, Any] = {"url_variable": URL_VARIABLE}
    else:
        entry = _entry(name, file)
    chosen = schema or entry.get("schema", SCHEMA)
    if not _SCHEMA_NAME.fullmatch(str(chosen)) or str(chosen).startswith("pg_"):
        raise PublishError(
            f"the schema {chosen!r} is not a name of at most 50 small letters, digits "
            "and underscores"
        )
    if "dlt" in entry:
        return Warehouse(chosen, str(entry["dlt"]))
    if "url" in entry:
        parameters = _parameters(str(entry["url"]), f"the url of {name}")
        if "password" in parameters:
            raise PublishError(
                f"{file} holds a password in the url of {name}; put the address into "
                "an environment variable and its name there as url_variable"
            )
        return Postgres(chosen, parameters)
    variable = str(entry["url_variable"])
    if not os.environ.get(variable):
        raise PublishError(f"the environment variable {variable} is not set")
    return Postgres(chosen, _parameters(os.environ[variable], variable))


def _entry(name: str, file: Path) -> dict[str, Any]:
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PublishError(
            f"{file} cannot be read: {error.strerror}; it maps names of destinations "
            "to {url_variable: NAME, schema: NAME}"
        ) from None
    except yaml.YAMLError:
        raise PublishError(f"{file} is not YAML") from None
    if not isinstance(entries, dict):
        raise PublishError(f"{file} does not map names of destinations")
    if name not in entries:
        known = [str(entry) for entry in entries]
        raise PublishError(
            f"{file} has no destination {name!r}; it has {', '.join(known)}."
            f"{suggestion(name, known)}"
        )
    entry = entries[name]
    keys = set(entry) if isinstance(entry, dict) else set()
    if not keys <= set(_KEYS) or len(keys - {"schema"}) != 1:
        raise PublishError(
            f"{name} in {file} must have one of url, url_variable and dlt, and may "
            "have a schema"
        )
    return dict(entry)


def _parameters(url: str, source: str) -> dict[str, Any]:
    """Split an address into the parameters of libpq, as libpq does."""
    import psycopg  # noqa: PLC0415 - dlt has no need of it

    found: dict[str, Any] = {}
    if _SCHEME.match(url):
        with suppress(psycopg.Error):
            found = psycopg.conninfo.conninfo_to_dict(
                _SCHEME.sub("postgresql://", url, count=1)
            )
    place = f"{found.get('host')}/{found.get('dbname')}"
    ports = found.get("port", "5432").split(",")
    # A password that is not written as an address has it ends up in one of these.
    if not found or "@" in place or not all(port.isdecimal() for port in ports):
        raise PublishError(
            f"{source} is no address such as {_EXAMPLE}; in user and password write @ "
            "as %40 and / as %2F"
        )
    return found
