"""The one Spark session of a dbt process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_JAVA: Final = 17

_LOCK: Final = threading.Lock()
_SESSIONS: Final[dict[str, Any]] = {}


class SessionError(Exception):
    """A session that cannot be opened, and why, in a sentence."""


def open_session(
    *,
    remote: str | None,
    local_parameters: Mapping[str, str],
    parameters: Mapping[str, str],
) -> Any:
    """Open the session, or answer the one that is open.

    Parameters
    ----------
    remote : str or None
        The address of a Spark Connect server; none for a local session.
    local_parameters : mapping of str to str
        What a local session is started with.
    parameters : mapping of str to str
        What is set on the session once it is open, in either case.

    Returns
    -------
    pyspark.sql.SparkSession
        The session, the same for every caller in any thread.

    Raises
    ------
    SessionError
        If the session is local and there is no Java for it.
    pyspark.errors.PySparkException
        If Spark cannot be started or reached, or refuses a parameter.
    """
    key = remote or "local"
    with _LOCK:
        if key not in _SESSIONS:
            _SESSIONS[key] = _start(remote, local_parameters)
            for name, value in parameters.items():
                _SESSIONS[key].conf.set(name, value)
        return _SESSIONS[key]


def check_java() -> None:
    """Refuse to start Spark without the Java it needs.

    Raises
    ------
    SessionError
        If there is no Java, or an older one than ``OLDEST_JAVA``.
    """
    java = find_java()
    needed = (
        f"Spark needs Java {OLDEST_JAVA} or later. Install it (on Debian: apt-get "
        f"install openjdk-{OLDEST_JAVA}-jre-headless), let JAVA_HOME name it, or set "
        "`remote` to a Spark Connect server, which needs no Java here."
    )
    if java is None:
        raise SessionError(f"There is no Java on this machine. {needed}")
    answer = subprocess.run(  # noqa: S603 - the program Spark itself would start
        [java, "-version"], capture_output=True, text=True, check=False
    )
    version = parse_java_version(answer.stderr)
    if version is None:
        raise SessionError(f"{java} does not say which version it is. {needed}")
    if version < OLDEST_JAVA:
        raise SessionError(f"{java} is Java {version}. {needed}")


def find_java() -> str | None:
    """Find the Java that Spark would start: of JAVA_HOME, else on the path."""
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home) / "bin" / "java"
        return str(java) if java.exists() else None
    return shutil.which("java")


def parse_java_version(text: str) -> int | None:
    """Read the version from what ``java -version`` prints.

    Examples
    --------
    >>> parse_java_version('openjdk version "17.0.15" 2025-04-15')
    17
    >>> parse_java_version('java version "1.8.0_391"')
    8
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else None


def _start(remote: str | None, local_parameters: Mapping[str, str]) -> Any:
    from pyspark.sql import SparkSession  # noqa: PLC0415 - heavy, and only for this

    builder: Any = SparkSession.builder
    if remote:
        return builder.remote(remote).getOrCreate()
    check_java()
    for name, value in local_parameters.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
