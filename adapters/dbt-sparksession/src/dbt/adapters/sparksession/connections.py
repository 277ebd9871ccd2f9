"""The credentials, and connections that share one session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.exceptions import FailedToConnectError
from dbt.adapters.spark.connections import (
    SparkConnectionManager,
    SparkConnectionMethod,
    SparkCredentials,
)
from dbt.adapters.spark.session import Cursor, SessionConnectionWrapper
from dbt.adapters.sparksession.session import SessionError, open_session
from dbt_common.exceptions import DbtRuntimeError
from pyspark.errors import PySparkException

_ANSI = "spark.sql.ansi.enabled"


@dataclass
class SparkSessionCredentials(SparkCredentials):
    """What a target of this type says in ``profiles.yml``.

    Attributes
    ----------
    remote : str, optional
        The Spark Connect server, such as ``sc://host:15002``. Without one, a local
        session is started.
    local_parameters : dict of str to str
        What a local session is started with, such as ``spark.master``.
    server_side_parameters : dict of str to str
        What is set on the session wherever it is, such as
        ``spark.sql.shuffle.partitions``. ANSI mode is on unless it is switched off
        here.
    functions : str, optional
        A module with a mapping ``FUNCTIONS`` of Python functions, from text to text,
        that macros may call by ``adapter.call_function(name, text)``.
    """

    host: str | None = "session"
    method: SparkConnectionMethod = SparkConnectionMethod.SESSION
    remote: str | None = None
    local_parameters: dict[str, Any] = field(default_factory=dict)
    functions: str | None = None

    def __post_init__(self) -> None:
        """Keep the ANSI mode asked for, which dbt-spark would switch off."""
        if self.method != SparkConnectionMethod.SESSION:
            raise DbtRuntimeError(
                f"`method: {self.method}` is not known to the sparksession adapter, "
                "which has one method only: leave it out, or use `type: spark`."
            )
        ansi = str(self.server_side_parameters.get(_ANSI, "true")).lower()
        super().__post_init__()
        self.server_side_parameters[_ANSI] = ansi
        self.local_parameters = {
            str(name): str(value) for name, value in self.local_parameters.items()
        }

    @property
    def type(self) -> str:
        """The name by which a profile asks for this adapter."""
        return "sparksession"

    @property
    def unique_field(self) -> str:
        """What tells one Spark from another."""
        return self.remote or "local"

    def _connection_keys(self) -> tuple[str, ...]:
        return ("remote", "schema")


class SessionCursor(Cursor):
    """A cursor on the session that all connections share."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = session

    def execute(self, sql: str, *parameters: Any) -> None:
        """Run a statement; a query is run when its rows are fetched.

        Raises
        ------
        DbtRuntimeError
            With Spark's own message, if Spark refuses the statement.
        """
        try:
            self._df = self._session.sql(sql % parameters if parameters else sql)
        except PySparkException as error:
            raise DbtRuntimeError(str(error)) from error


class SharedConnection:
    """A connection that hands out cursors on one session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def cursor(self) -> SessionCursor:
        """Return a new cursor."""
        return SessionCursor(self._session)


class SparkSessionConnectionManager(SparkConnectionManager):
    """Opens every connection of a dbt process on one session."""

    TYPE = "sparksession"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a connection, and with the first of them the session.

        Raises
        ------
        FailedToConnectError
            If there is no Java of the version that Spark needs, or Spark cannot be
            reached or started.
        """
        if connection.state == ConnectionState.OPEN:
            return connection
        credentials = connection.credentials
        try:
            session = open_session(
                remote=credentials.remote,
                local_parameters=credentials.local_parameters,
                parameters=credentials.server_side_parameters,
            )
        except (SessionError, PySparkException) as error:
            raise FailedToConnectError(str(error)) from error
        connection.handle = SessionConnectionWrapper(SharedConnection(session))
        connection.state = ConnectionState.OPEN
        return connection
