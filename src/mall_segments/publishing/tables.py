"""Tables in a published DuckDB file: how they are named, copied and compared."""

import errno
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from mall_segments.errors import PublishError

# Any DuckDB from 1.0 on reads files of this storage version.
STORAGE_VERSION = "v1.0.0"

# Sorting a table beyond this many rows costs more than a readable order is worth.
SORTED_ROWS_LIMIT = 1_000_000

CHECKSUM_METHOD = (
    "sum over the rows of DuckDB's hash() of all columns in order; independent of the "
    "order of rows, comparable within one DuckDB version"
)

# Not a word anybody names a schema or table, so that `alias.schema.table` is clear.
_ALIAS = "mall_segments published generation"

_IDENTIFIER = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*)')


def quote_identifier(name: str) -> str:
    """Quote a name so that SQL takes it as nothing but a name.

    Examples
    --------
    >>> quote_identifier('a";drop table b')
    '"a"";drop table b"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a text as an SQL literal.

    Examples
    --------
    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def attached(cursor: Any, database: Path, *, read_only: bool) -> Iterator[str]:
    """Attach a database file under a name of its own; detach it afterwards.

    Parameters
    ----------
    cursor : DuckDB connection
        A cursor of its own: a transaction writes to one attached database only.
    database : Path
        Created, in a storage version that older clients read, unless ``read_only``.
    read_only : bool
        Whether to open an existing file for reading.

    Yields
    ------
    str
        The qualified schema, ready to be put before ``.<table>``.
    """
    option = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
    alias = quote_identifier(_ALIAS)
    cursor.execute(f"ATTACH {quote_text(str(database))} AS {alias} ({option})")
    try:
        yield f"{alias}.main"
        if not read_only:
            cursor.execute(f"CHECKPOINT {alias}")
    except BaseException:
        # A database that cannot be written cannot always be detached either; the
        # first error is the one to report.
        with suppress(duckdb.Error):
            cursor.execute(f"DETACH {alias}")
        raise
    cursor.execute(f"DETACH {alias}")


@contextmanager
def _transaction(cursor: Any) -> Iterator[None]:
    cursor.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def copy_tables(
    cursor: Any,
    tables: Sequence[tuple[str, str]],
    database: Path,
    *,
    views: Sequence[str] = (),
) -> None:
    """Copy relations into a new database file, with their comments.

    Parameters
    ----------
    cursor : DuckDB connection
        A cursor that sees the relations.
    tables : sequence of (name, relation)
        The name of each copy, and the qualified name of what to copy. Tables of up
        to a million rows are sorted by all their columns from left to right.
    database : Path
        The file to create.
    views : sequence of str
        Those of the names that are copied as views: of the tables of the same names
        in the new file that they read in the old one.
    """
    with attached(cursor, database, read_only=False) as schema:
        for name, relation in sorted(tables, key=lambda table: table[0] in views):
            if name in views:
                _copy_view(cursor, name, relation)
                continue
            target = f"{schema}.{quote_identifier(name)}"
            ordering = (
                " ORDER BY ALL"
                if count_rows(cursor, relation) <= SORTED_ROWS_LIMIT
                else ""
            )
            # The names chosen here are quoted; relations come from the dbt graph.
            cursor.execute(
                f"CREATE TABLE {target} AS SELECT * FROM {relation}{ordering}"  # noqa: S608
            )
        # A commit for each of hundreds of comments would take half a second.
        with _transaction(cursor):
            for name, relation in tables:
                target = f"{schema}.{quote_identifier(name)}"
                kind = "VIEW" if name in views else "TABLE"
                _copy_comments(cursor, relation, target, kind=kind)


def is_view(cursor: Any, relation: str) -> bool:
    """Whether a relation is a view."""
    return _view_query(cursor, relation) is not None


def count_rows(cursor: Any, relation: str) -> int:
    """Count the rows of a relation."""
    row = cursor.execute(f"SELECT count(*) FROM {relation}").fetchone()  # noqa: S608
    return int(row[0])


def read_rows(cursor: Any, relation: str) -> list[dict[str, Any]]:
    """Read a small relation as one mapping per row.

    Decimals come as floats, and NaN as None: both mean the same to a JSON reader.
    """
    result = cursor.execute(f"SELECT * FROM {relation}")  # noqa: S608
    names = [column[0] for column in result.description]
    return [
        dict(zip(names, map(_plain, row), strict=True)) for row in result.fetchall()
    ]


def describe_table(
    cursor: Any, relation: str, *, as_view: bool | None = None
) -> dict[str, Any]:
    """Describe a table: its row count, columns with types, and content checksum.

    Parameters
    ----------
    cursor : DuckDB connection
        A cursor that sees the relation.
    relation : str
        Its qualified name.
    as_view : bool, optional
        Whether it is a view, where that is known; otherwise it is looked up.

    Returns
    -------
    dict
        ``n_rows``; ``columns``, a list of ``{"name", "type"}``; ``checksum``, the
        sum of the hashes of the rows as a decimal text, independent of their order,
        and None for a view, whose rows are those of tables with checksums of theirs.
    """
    result = cursor.execute(f"DESCRIBE SELECT * FROM {relation}")  # noqa: S608
    columns = [{"name": row[0], "type": row[1]} for row in result.fetchall()]
    if is_view(cursor, relation) if as_view is None else as_view:
        n_rows = count_rows(cursor, relation)
        return {"n_rows": n_rows, "columns": columns, "checksum": None}
    names = ", ".join(quote_identifier(column["name"]) for column in columns)
    row = cursor.execute(
        f"SELECT count(*), coalesce(sum(hash({names})), 0)::VARCHAR FROM {relation}"  # noqa: S608
    ).fetchone()
    return {"n_rows": int(row[0]), "columns": columns, "checksum": row[1]}


def verify_tables(
    database: Path, tables: Mapping[str, Mapping[str, Any]], *, written_by: str
) -> None:
    """Check that a database file holds exactly the tables published.

    Parameters
    ----------
    database : Path
        The published DuckDB file; opened read-only.
    tables : mapping of name to description
        As the manifest lists them, see `describe_table`.
    written_by : str
        The version of DuckDB that computed the checksums; they are compared when it is
        the one that runs.

    Raises
    ------
    PublishError
        If the file cannot be opened, or a table is missing, surplus or different.
    """
    try:
        with (
            duckdb.connect() as connection,
            attached(connection, database, read_only=True) as schema,
        ):
            rows = connection.execute(
                "SELECT table_name, false FROM duckdb_tables() "
                "WHERE database_name = $1 "
                "UNION ALL SELECT view_name, true FROM duckdb_views() "
                "WHERE database_name = $1 AND NOT internal",
                [_ALIAS],
            ).fetchall()
            are_views = dict(rows)
            if are_views.keys() != set(tables):
                raise PublishError(
                    f"{database} holds other tables than were published: "
                    + ", ".join(sorted(are_views.keys() ^ set(tables)))
                )
            for name, published in tables.items():
                description = describe_table(
                    connection,
                    f"{schema}.{quote_identifier(name)}",
                    as_view=are_views[name],
                )
                _compare(
                    f"table {name} in {database}",
                    description,
                    published,
                    with_checksum=written_by == duckdb.__version__,
                )
    except duckdb.Error as error:
        raise PublishError(f"{database} cannot be read: {reason(error)}") from None


def reason(error: Exception) -> str:
    r"""Say in a few words why DuckDB, or the file system, failed.

    Examples
    --------
    >>> reason(duckdb.IOException("Could not write: No space left on device (28)"))
    'No space left on device'
    >>> reason(duckdb.BinderException("Binder Error: no column x\nLINE 1: ..."))
    'Binder Error: no column x'
    """
    text = str(error)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES):
        if os.strerror(number) in text:
            return os.strerror(number)
    return text.partition("\n")[0]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _compare(
    culprit: str,
    found: Mapping[str, Any],
    published: Mapping[str, Any],
    *,
    with_checksum: bool,
) -> None:
    for key in ("n_rows", "columns", "checksum")[: 3 if with_checksum else 2]:
        if found[key] != published[key]:
            raise PublishError(
                f"{culprit} is not the one published: {key} is {found[key]}, "
                f"published was {published[key]}"
            )


def _view_query(cursor: Any, relation: str) -> str | None:
    """Return the query of a view, which names relations of its own database only."""
    row = cursor.execute(
        """
        SELECT sql FROM duckdb_views()
        WHERE database_name = $1 AND schema_name = $2 AND view_name = $3
        """,
        _parts(cursor, relation),
    ).fetchone()
    return None if row is None else str(row[0]).partition(" AS ")[2]


def _copy_view(cursor: Any, name: str, relation: str) -> None:
    """Make the same view in the attached database."""
    row = cursor.execute("SELECT current_database(), current_schema()").fetchone()
    query = _view_query(cursor, relation)
    cursor.execute(f"USE {quote_identifier(_ALIAS)}.main")
    try:
        cursor.execute(f"CREATE VIEW {quote_identifier(name)} AS {query}")
    finally:
        cursor.execute(f"USE {quote_identifier(row[0])}.{quote_identifier(row[1])}")


def _copy_comments(cursor: Any, relation: str, target: str, *, kind: str) -> None:
    parts = _parts(cursor, relation)
    commented = cursor.execute(
        """
        SELECT comment FROM duckdb_tables()
        WHERE database_name = $1 AND schema_name = $2 AND table_name = $3
        UNION ALL
        SELECT comment FROM duckdb_views()
        WHERE database_name = $1 AND schema_name = $2 AND view_name = $3
        """,
        parts,
    ).fetchall()
    for (comment,) in commented:
        if comment is not None:
            cursor.execute(f"COMMENT ON {kind} {target} IS {quote_text(comment)}")
    columns = cursor.execute(
        """
        SELECT column_name, comment FROM duckdb_columns()
        WHERE database_name = $1 AND schema_name = $2 AND table_name = $3
        AND comment IS NOT NULL
        """,
        parts,
    ).fetchall()
    for column, comment in columns:
        cursor.execute(
            f"COMMENT ON COLUMN {target}.{quote_identifier(column)} "
            f"IS {quote_text(comment)}"
        )


def _parts(cursor: Any, relation: str) -> list[str]:
    names = [
        quoted.replace('""', '"') if quoted else plain
        for quoted, plain in _IDENTIFIER.findall(relation)
    ]
    row = cursor.execute("SELECT current_database(), current_schema()").fetchone()
    return [*row[: max(0, 3 - len(names))], *names][-3:]
