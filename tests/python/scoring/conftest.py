"""The fixtures of Postgres."""

from postgres_server import database, server

__all__ = ["database", "server"]
