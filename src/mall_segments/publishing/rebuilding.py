"""Write a database in a process of its own, whose memory holds nothing else.

DuckDB writes whole blocks, and what a block has no use for is what its memory held
before: rows that were read to be left out, or a list of ids to forget.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import PublishError
from mall_segments.publishing.tables import (
    create_views,
    quote_identifier,
    quote_text,
    reason,
)

if TYPE_CHECKING:
    from pathlib import Path

REBUILT: Final = "rebuilt"
"""What statements call the new database."""

# What Parquet keeps as it is; other values pass through it as texts.
_KEPT_TYPES: Final = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"),
    *("VARCHAR", "DATE", "TIMESTAMP"),
)
_CHILD: Final = (
    "import json, sys; from mall_segments.publishing.rebuilding import rebuild; "
    "rebuild(**json.load(sys.stdin))"
)


@dataclass
class Rebuilding:
    """The statements that fill a new database, its views and its comments."""

    statements: list[str] = field(default_factory=list)
    views: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    def add_table(
        self,
        engine: duckdb.DuckDBPyConnection,
        query: str,
        table: str,
        folder: Path,
    ) -> None:
        """Take the rows of a query for a table of the new database.

        They lie in a Parquet file of the folder until the database is written.
        """
        columns = engine.execute(f"DESCRIBE {query}").fetchall()
        names = {quote_identifier(row[0]): str(row[1]) for row in columns}
        written, read = (
            ", ".join(
                name
                if kind in _KEPT_TYPES
                else f"CAST({name} AS {text or kind}) AS {name}"
                for name, kind in names.items()
            )
            for text in ("VARCHAR", "")
        )
        file = quote_text(str(folder / f"{len(self.statements)}.parquet"))
        engine.execute(
            f"COPY (SELECT {written} FROM ({query})) TO {file} (FORMAT parquet)"  # noqa: S608
        )
        self.statements.append(
            f"CREATE TABLE {table} AS SELECT {read} FROM read_parquet({file})"  # noqa: S608
        )

    def write(self, target: Path, option: str = "") -> None:
        """Write the database.

        Raises
        ------
        PublishError
            If it cannot be written.
        """
        attach = f"ATTACH {quote_text(str(target))} AS {REBUILT}{option}"
        written = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", _CHILD],
            input=json.dumps(asdict(self) | {"attach": attach}),
            capture_output=True,
            text=True,
            check=False,
        )
        if written.returncode != 0:
            said = written.stderr.strip().splitlines() or ["it was killed"]
            raise PublishError(f"{target} cannot be written: {said[-1]}")


def rebuild(
    attach: str, statements: list[str], views: dict[str, str], comments: list[str]
) -> None:
    """Run the statements of a `Rebuilding`; end the process if one cannot be run."""
    try:
        with duckdb.connect() as engine:
            for statement in (attach, *statements, f"USE {REBUILT}"):
                engine.execute(statement)
            create_views(engine, views)
            for comment in comments:
                engine.execute(comment)
            engine.execute(f"USE memory; CHECKPOINT {REBUILT}; DETACH {REBUILT}")
    except duckdb.Error as error:
        sys.exit(reason(error))
