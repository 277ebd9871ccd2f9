"""Write a database in a process of its own, whose memory holds nothing else.

DuckDB writes whole blocks, and what a block has no use for is what its memory held
before: rows that were read to be left out, or a list of ids to forget.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import PublishError
from mall_segments.publishing.tables import (
    Relation,
    create_views,
    quote_identifier,
    quote_text,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REBUILT: Final = "rebuilt"
"""What statements call the new database."""

_CHILD: Final = (
    "import json, sys; from mall_segments.publishing.rebuilding import rebuild; "
    "rebuild(*json.load(sys.stdin))"
)


def keep_rows(
    engine: duckdb.DuckDBPyConnection, query: str, table: Relation, file: Path
) -> str:
    """Keep the rows of a query in a Parquet file; return the SQL of a table of them."""
    columns = engine.execute(f"DESCRIBE {query}").fetchall()
    names = {quote_identifier(row[0]): row[1] for row in columns}
    # Parquet does not know all types.
    cells = ", ".join(
        f"CAST({name} AS {kind}) AS {name}" for name, kind in names.items()
    )
    path = quote_text(str(file))
    engine.execute(f"COPY ({query}) TO {path} (FORMAT parquet)")
    return f"CREATE TABLE {table} AS SELECT {cells} FROM read_parquet({path})"  # noqa: S608


def write_database(
    target: Path,
    tables: Sequence[str],
    views: Sequence[str],
    comments: Sequence[str],
    option: str = "",
) -> None:
    """Run the statements that fill a new database: all of them, or `PublishError`."""
    attach = f"ATTACH {quote_text(str(target))} AS {REBUILT}{option}"
    written = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", _CHILD],
        input=json.dumps([[attach, *tables], views, comments]),
        capture_output=True,
        text=True,
        check=False,
    )
    if written.returncode != 0:
        said = written.stderr.strip().splitlines() or ["it was killed"]
        raise PublishError(f"{target} cannot be written: {said[-1]}")


def rebuild(tables: list[str], views: list[str], comments: list[str]) -> None:
    """Run what `write_database` was given; end the process if that fails."""
    try:
        with duckdb.connect() as engine:
            for statement in tables:
                engine.execute(statement)
            engine.execute(f"USE {REBUILT}")
            create_views(engine, views)
            for comment in comments:
                engine.execute(comment)
            engine.execute(f"USE memory; CHECKPOINT {REBUILT}; DETACH {REBUILT}")
    except duckdb.Error as error:
        sys.exit(reason(error))
