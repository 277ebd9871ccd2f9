"""The dbt-duckdb plugin: it gives the engine's SQL the package's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt.adapters.duckdb.plugins import BasePlugin

from mall_segments.functions import register_functions

if TYPE_CHECKING:
    import duckdb


class Plugin(BasePlugin):
    """Registers the functions on every connection that dbt opens."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions."""
        register_functions(conn)
