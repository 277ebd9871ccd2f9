"""Tables in a published DuckDB file: how they are named, copied and compared."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import duckdb

from mall_segments.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

STORAGE_VERSION: Final = "v1.0.0"
"""Any DuckDB from 1.0 on reads files of this storage version."""

SORTED_ROWS_LIMIT: Final = 1_000_000
"""Sorting a table beyond this many rows costs more than a readable order is worth."""

CHECKSUM_METHOD: Final = (
    "sum over the rows of DuckDB's hash() of all columns in order; independent of the "
    "order of rows, comparable within one DuckDB version"
)

# Not a word anybody names a schema or table, so that `alias.schema.table` is clear.
_ALIAS: Final = "mall_segments published generation"


def quote_identifier(name: str) -> str:
    """Quote a name so that SQL takes it as nothing but a name.

    >>> quote_identifier('a";drop table b')
    '"a"";drop table b"'
    """
    return '"' + name.replace('"', '""') + '"'


class Relation(NamedTuple):
    """A table or view by its full name; as a text, quoted for SQL.

    >>> str(Relation("warehouse", "main", "dim_segments"))
    '"warehouse"."main"."dim_segments"'
    """

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        """Quote the parts."""
        return ".".join(map(quote_identifier, self))


def quote_text(text: str) -> str:
    """Quote a text as an SQL literal.

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def portable_text(text: str) -> str:
    """Write a text as SQL that doubled quotes or backslashes mean nothing special in.

    DuckDB and Postgres double a quote within a text. Spark and BigQuery escape it, and
    read two texts where it is doubled.

    >>> portable_text("Tom's shop")
    "concat('Tom', chr(39), 's shop')"
    """
    parts = re.split(r"(['\\])", text)
    if len(parts) == 1:
        return quote_text(text)
    written = [
        f"chr({ord(part)})" if part in "'\\" else quote_text(part)
        for part in parts
        if part
    ]
    return f"concat({', '.join(written)})"


@contextmanager
def attached(cursor: Any, database: Path, *, read_only: bool) -> Iterator[str]:
    """Attach a database file and yield the name it has while it is.

    It takes a cursor of its own: a transaction writes to one attached database only.
    """
    option = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
    alias = quote_identifier(_ALIAS)
    cursor.execute(f"ATTACH {quote_text(str(database))} AS {alias} ({option})")
    try:
        yield _ALIAS
        if not read_only:
            cursor.execute(f"CHECKPOINT {alias}")
    except BaseException:
        # A database that cannot be written cannot always be detached either; the
        # first error is the one to report.
        for cleaning in ("ROLLBACK", f"DETACH {alias}"):
            with suppress(duckdb.Error):
                cursor.execute(cleaning)
        raise
    cursor.execute(f"DETACH {alias}")


def copy_tables(
    cursor: Any,
    tables: Mapping[str, Relation],
    database: Path,
    *,
    views: Collection[str] = (),
    comments: Mapping[str, str] | None = None,
) -> None:
    """Copy relations into a new database file, with their comments.

    Tables of up to a million rows are sorted. Those named in ``views`` become views, of
    the tables of the same names in the new file.
    """
    creating: list[str] = []
    described = []
    with attached(cursor, database, read_only=False) as alias:
        for name, relation in tables.items():
            target = Relation(alias, "main", name)
            kind = "VIEW" if name in views else "TABLE"
            own = quote_identifier(name)
            described += comment_statements(cursor, relation, own, kind, comments)
            if name in views:
                query = view_query(cursor, relation)
                creating.append(f"CREATE VIEW {own} AS {query}")
                continue
            few = count_rows(cursor, relation) <= SORTED_ROWS_LIMIT
            cursor.execute(
                f"CREATE TABLE {target} AS FROM {relation}" + " ORDER BY ALL" * few
            )
    with duckdb.connect(str(database)) as copied:
        create_views(copied, creating)
        # A commit for each of hundreds of comments would take half a second.
        copied.begin()
        for statement in described:
            copied.execute(statement)
        copied.commit()


def view_query(cursor: Any, relation: Relation) -> str | None:
    """Return the query of a view, which names relations of its own database only."""
    row = cursor.execute(
        "SELECT sql FROM duckdb_views() "
        "WHERE (database_name, schema_name, view_name) = ($1, $2, $3)",
        [*relation],
    ).fetchone()
    return None if row is None else str(row[0]).partition(" AS ")[2]


def create_views(cursor: Any, statements: Collection[str]) -> None:
    """Create views that may read each other, in whatever order works."""
    waiting = statements
    while waiting:
        failures = {}
        for statement in waiting:
            try:
                cursor.execute(statement)
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                failures[statement] = error
        if len(failures) == len(waiting):
            raise next(iter(failures.values()))
        waiting = failures.keys()


def count_rows(cursor: Any, relation: Relation) -> int:
    """Count the rows of a relation."""
    row = cursor.execute(f"SELECT count(*) FROM {relation}").fetchone()  # noqa: S608
    return int(row[0])


def tables_and_views(cursor: Any, database: str) -> dict[str, bool]:
    """Map what an attached database holds to whether it is a view."""
    return dict(
        cursor.execute(
            "SELECT table_name, table_type = 'VIEW' FROM information_schema.tables "
            "WHERE table_catalog = $1",
            [database],
        ).fetchall()
    )


def describe_table(
    cursor: Any, relation: Relation | str, *, as_view: bool = False
) -> dict[str, Any]:
    """Describe a table: ``n_rows``, ``columns`` with names and types, and ``checksum``.

    That is the sum of the hashes of the rows as a decimal text, independent of their
    order, and None for a view, whose rows are those of tables with checksums of theirs.
    """
    result = cursor.execute(f"DESCRIBE FROM {relation}")
    columns = [{"name": row[0], "type": row[1]} for row in result.fetchall()]
    names = [quote_identifier(column["name"]) for column in columns]
    checksum = f"coalesce(sum(hash({', '.join(names)})), 0)::VARCHAR"
    # To count the rows of a view by one of its columns, no other is worked out.
    counted = f"count(hash({names[0]})), NULL" if as_view else f"count(*), {checksum}"
    row = cursor.execute(f"SELECT {counted} FROM {relation}").fetchone()  # noqa: S608
    return {"n_rows": int(row[0]), "columns": columns, "checksum": row[1]}


def verify_tables(
    database: Path, tables: Mapping[str, Mapping[str, Any]], *, written_by: str
) -> None:
    """Check that a database file holds exactly the tables that the manifest lists.

    Checksums are compared if the DuckDB that runs is the one that computed them.
    """
    compared = ["n_rows", "columns"]
    if written_by == duckdb.__version__:
        compared.append("checksum")
    try:
        with (
            duckdb.connect() as connection,
            attached(connection, database, read_only=True) as alias,
        ):
            found = tables_and_views(connection, alias)
            if found.keys() != set(tables):
                raise PublishError(
                    f"{database} holds other tables than were published: "
                    + ", ".join(sorted(found.keys() ^ set(tables)))
                )
            for name, published in tables.items():
                relation = Relation(alias, "main", name)
                table = describe_table(connection, relation, as_view=found[name])
                for key in compared:
                    if table[key] != published[key]:
                        raise PublishError(
                            f"table {name} in {database} is not the one published: "
                            f"{key} is {table[key]}, published was {published[key]}"
                        )
    except duckdb.Error as error:
        raise PublishError(f"{database} cannot be read: {reason(error)}") from None


def reason(error: Exception) -> str:
    r"""Say in a few words why DuckDB, or the file system, failed.

    >>> reason(duckdb.BinderException("Binder Error: no column x\nLINE 1: ..."))
    'Binder Error: no column x'
    """
    return str(error).partition("\n")[0]


def comment_statements(
    cursor: Any,
    relation: Relation,
    target: Relation | str,
    kind: str,
    others: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the SQL that describes a copy as the original is described.

    ``others`` are for columns, by their names, that have no comment.
    """
    commented = cursor.execute(
        """
        SELECT NULL, "TABLE_COMMENT" FROM information_schema.tables
        WHERE (table_catalog, table_schema, table_name) = ($1, $2, $3)
        UNION ALL
        SELECT column_name, "COLUMN_COMMENT" FROM information_schema.columns
        WHERE (table_catalog, table_schema, table_name) = ($1, $2, $3)
        """,
        [*relation],
    ).fetchall()
    return [
        f"COMMENT ON COLUMN {target}.{quote_identifier(column)} IS {quote_text(said)}"
        if column
        else f"COMMENT ON {kind} {target} IS {quote_text(said)}"
        for column, comment in commented
        if (said := comment or (others or {}).get(column)) is not None
    ]
