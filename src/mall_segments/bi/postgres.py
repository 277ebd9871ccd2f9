"""Pushing a generation into Postgres: everything in one transaction, or nothing.

Tables are filled in a schema of their own, which nobody else sees, and take the place
of the former ones at the end of the same transaction. For that moment all former tables
are locked: a reader's transaction either ended before or begins after, so none sees two
generations.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import duckdb
import psycopg
from psycopg import sql

from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.bi.destinations import Postgres
    from mall_segments.publishing.generations import Generation

RECORD: Final = "published_generation"
"""The table that says which generation is there and which tables it has."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "dim_customers": ("customer_id",),
    "dim_segments": ("segmentation", "segment_id"),
    "fct_algorithm_scores": ("segmentation", "algorithm"),
    "fct_cluster_count_scores": ("segmentation", "n_segments"),
    "fct_customer_movements": ("segmentation", "customer_id"),
    "fct_customer_rfm": ("customer_id",),
    "fct_customer_segments": ("segmentation", "customer_id"),
    "fct_feature_correlation": ("feature", "other_feature"),
    "fct_feature_drift": ("feature",),
    "fct_feature_summary": ("feature",),
    "fct_input_counts": ("measure", "subject"),
    "fct_principal_components": ("segmentation", "component", "feature"),
    "fct_rfm_agreement": ("segmentation", "segment_id", "rfm_segment"),
    "fct_segment_categories": ("segmentation", "segment_id", "feature", "level"),
    "fct_segment_differences": ("segmentation", "attribute"),
    "fct_segment_feature_values": ("segmentation", "segment_id", "feature", "value"),
    "fct_segment_points": ("segmentation", "point_id"),
    "fct_segment_profiles": ("segmentation", "segment_id", "feature"),
    "fct_segment_rules": ("segmentation", "rule_id"),
    "fct_segmentation_verdicts": ("segmentation",),
}
"""Primary keys. What is not listed here has nulls where its grain has none."""

_PARENTS: Final = {
    "dim_segments": ("segmentation", "segment_id"),
    "dim_customers": ("customer_id",),
}
_CHILDREN: Final = {
    "dim_segments": (
        *("fct_customer_segments", "fct_segment_categories", "fct_segment_points"),
        *("fct_segment_demographics", "fct_segment_feature_values"),
        *("fct_segment_profiles", "fct_segment_rules", "fct_feature_pairs"),
    ),
    "dim_customers": ("fct_customer_segments",),
}
_TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "HUGEINT": "numeric",
    "INTEGER": "integer",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "text",
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_LONGEST_NAME: Final = 63
_BATCH: Final = 10_000

# Less than the second after which Postgres looks for deadlocks, so that this side
# gives way to a reader that holds one table and waits for another.
_LOCK_MILLISECONDS: Final = 500
_PAUSE: Final = 0.1
PATIENCE: Final = 300.0


def push_to_postgres(
    generation: Generation,
    destination: Postgres,
    *,
    patience: float = PATIENCE,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, int]:
    """Put the tables of a generation in the place of those pushed before.

    Parameters
    ----------
    generation : Generation
        What to push; its database is verified first.
    destination : Postgres
        Where to.
    patience : float
        For how many seconds to wait for readers that keep a transaction open.
    progress : callable, optional
        Called with the table that is copied next and the share of rows copied before.

    Returns
    -------
    dict of str to int
        The rows of each table.

    Raises
    ------
    PublishError
        If the database refuses anything, readers do not let go, or a table of that
        name is not one that was pushed. Then nothing has changed.
    """
    database = generation.file(DATABASE)
    try:
        with (
            duckdb.connect(str(database), read_only=True) as source,
            psycopg.connect(**destination.parameters) as target,
            target.transaction(),
        ):
            push = _Push(source, target, destination.schema, generation.manifest)
            counts = push.fill(progress)
            push.swap(patience)
    except psycopg.Error as error:
        reason = destination.blotted(_reason(error))
        raise PublishError(
            f"nothing was pushed to {destination.place}: {reason}"
        ) from None
    return counts


class _Push:
    """One push: where from, where to, and which tables."""

    def __init__(
        self,
        source: duckdb.DuckDBPyConnection,
        target: psycopg.Connection,
        schema: str,
        manifest: Mapping[str, Any],
    ) -> None:
        self.source, self.target = source, target
        self.schema, self.staging = schema, f"{schema}_next"
        self.manifest = manifest
        self.tables: Mapping[str, Any] = manifest["tables"]

    def fill(self, progress: Callable[[str, float], None] | None) -> dict[str, int]:
        """Create and fill the tables in the schema that becomes theirs later."""
        self._run("set local statement_timeout = 0")
        locked = self.target.execute(
            "select pg_try_advisory_xact_lock(hashtext(%s))",
            [f"mall-segments push {self.schema}"],
        ).fetchone()
        if locked != (True,):
            raise PublishError(f"another push to the schema {self.schema} is running")
        self._run("create schema {staging}")
        n_rows = sum(table["n_rows"] for table in self.tables.values()) or 1
        counts: dict[str, int] = {}
        for table in self.tables:
            if progress:
                progress(table, sum(counts.values()) / n_rows)
            counts[table] = self._copy(table)
        for table in self.tables:
            self._constrain(table)
        self._record()
        return counts

    def swap(self, patience: float) -> None:
        """Let the tables take the place of those that are there."""
        self._run("create schema if not exists {schema}")
        former = self._former()
        readers = self._readers(former)
        if former:
            names = sql.SQL(", ").join(
                sql.Identifier(self.schema, name) for name in former
            )
            self._lock(names, patience)
            self.target.execute(sql.SQL("drop table {}").format(names))
        for table in (*self.tables, RECORD):
            self._run("alter table {staging}.{table} set schema {schema}", table=table)
            for reader in readers.get(table, []):
                grantee = (
                    sql.SQL("public") if reader == "public" else sql.Identifier(reader)
                )
                self.target.execute(
                    sql.SQL("grant select on {} to {}").format(
                        sql.Identifier(self.schema, table), grantee
                    )
                )
        self._run("drop schema {staging}")

    def _copy(self, table: str) -> int:
        columns = self.tables[table]["columns"]
        types = [_postgres_type(table, column) for column in columns]
        names = [sql.Identifier(column["name"]) for column in columns]
        definitions = sql.SQL(", ").join(
            sql.SQL("{} " + kind).format(name)
            for name, kind in zip(names, types, strict=True)
        )
        self._run("create table {staging}.{table} ({columns})", table, definitions)
        rows = self.source.execute(f'select * from "{table}"')  # noqa: S608
        with self.target.cursor() as cursor:
            with cursor.copy(
                sql.SQL("copy {} from stdin (format binary)").format(
                    sql.Identifier(self.staging, table)
                )
            ) as copy:
                copy.set_types([kind.partition("(")[0] for kind in types])
                while batch := rows.fetchmany(_BATCH):
                    for row in batch:
                        copy.write_row(row)
            if cursor.rowcount != self.tables[table]["n_rows"]:
                raise PublishError(
                    f"{cursor.rowcount} rows of {table} were copied, but "
                    f"{self.tables[table]['n_rows']} were published"
                )
            self._comment(table)
            self._run("analyze {staging}.{table}", table=table)
            return cursor.rowcount

    def _comment(self, table: str) -> None:
        (about,) = self.source.execute(
            "select comment from duckdb_tables() where table_name = $1 union all "
            "select comment from duckdb_views() where view_name = $1",
            [table],
        ).fetchone() or (None,)
        name = sql.Identifier(self.staging, table)
        self.target.execute(
            sql.SQL("comment on table {} is {}").format(name, sql.Literal(about))
        )
        for column, comment in self.source.execute(
            "select column_name, comment from duckdb_columns() where table_name = ?",
            [table],
        ).fetchall():
            self.target.execute(
                sql.SQL("comment on column {}.{} is {}").format(
                    name, sql.Identifier(column), sql.Literal(comment)
                )
            )

    def _constrain(self, table: str) -> None:
        if table in KEYS:
            self._run(
                "alter table {staging}.{table} add primary key ({columns})",
                table,
                _list(KEYS[table]),
            )
        for parent, children in _CHILDREN.items():
            if table in children and parent in self.tables:
                self.target.execute(
                    sql.SQL("alter table {} add foreign key ({}) references {}").format(
                        sql.Identifier(self.staging, table),
                        _list(_PARENTS[parent]),
                        sql.Identifier(self.staging, parent),
                    )
                )

    def _record(self) -> None:
        self._run(
            "create table {staging}.{table} (build_id text primary key, "
            "created_at timestamptz not null, pushed_at timestamptz not null, "
            "tables text[] not null)",
            RECORD,
        )
        self._run(
            "comment on table {staging}.{table} is "
            "'One row: the generation that the tables of this schema are of.'",
            RECORD,
        )
        self.target.execute(
            sql.SQL("insert into {} values (%s, %s, now(), %s)").format(
                sql.Identifier(self.staging, RECORD)
            ),
            [
                self.manifest["build_id"],
                self.manifest["created_at"],
                list(self.tables),
            ],
        )

    def _former(self) -> list[str]:
        """List the tables to replace: those the last push recorded that are there."""
        there = {
            name
            for (name,) in self.target.execute(
                "select relname from pg_class inner join pg_namespace "
                "on pg_class.relnamespace = pg_namespace.oid "
                "where nspname = %s and relkind in ('r', 'p', 'v', 'm', 'f')",
                [self.schema],
            )
        }
        recorded: set[str] = set()
        if RECORD in there:
            for (tables,) in self.target.execute(
                sql.SQL("select tables from {}").format(
                    sql.Identifier(self.schema, RECORD)
                )
            ):
                recorded.update(tables)
            recorded.add(RECORD)
        strange = sorted(there & set(self.tables) - recorded)
        if strange:
            raise PublishError(
                f"the schema {self.schema} has a table {strange[0]} that no push made; "
                "rename it, or push to another schema"
            )
        return sorted(there & recorded)

    def _readers(self, tables: Sequence[str]) -> dict[str, list[str]]:
        """List who was granted to read each table, besides its owner."""
        readers: dict[str, list[str]] = {}
        for table, role in self.target.execute(
            "select distinct relname, case acl.grantee when 0 then 'public' "
            "else pg_get_userbyid(acl.grantee) end from pg_class "
            "inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid "
            "cross join aclexplode(pg_class.relacl) as acl "
            "where nspname = %s and relname = any(%s) "
            "and acl.privilege_type = 'SELECT' and acl.grantee <> relowner",
            [self.schema, list(tables)],
        ):
            readers.setdefault(table, []).append(role)
        return readers

    def _lock(self, names: sql.Composable, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                with self.target.transaction():
                    self._run(f"set local statement_timeout = {_LOCK_MILLISECONDS}")
                    self.target.execute(
                        sql.SQL("lock table {} in access exclusive mode").format(names)
                    )
                    self._run("set local statement_timeout = 0")
            except (psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
                if time.monotonic() > deadline:
                    raise PublishError(
                        f"nothing was pushed: for {patience:g} seconds some "
                        f"transaction kept reading the schema {self.schema}; see "
                        "pg_stat_activity"
                    ) from None
                time.sleep(_PAUSE)
            else:
                return

    def _run(
        self, statement: str, table: str = "", columns: sql.Composable | None = None
    ) -> None:
        self.target.execute(
            sql.SQL(statement).format(
                schema=sql.Identifier(self.schema),
                staging=sql.Identifier(self.staging),
                table=sql.Identifier(table),
                columns=columns or sql.SQL(""),
            )
        )


def _postgres_type(table: str, column: Mapping[str, str]) -> str:
    if len(column["name"].encode()) > _LONGEST_NAME:
        raise PublishError(
            f"Postgres allows names of at most {_LONGEST_NAME} bytes, and {table} has "
            f"the column {column['name']}"
        )
    decimal = _DECIMAL.fullmatch(column["type"])
    if decimal:
        return f"numeric({decimal[1]},{decimal[2]})"
    if column["type"] not in _TYPES:
        raise PublishError(
            f"{table}.{column['name']} has the type {column['type']}, for which no "
            "type of Postgres is known"
        )
    return _TYPES[column["type"]]


def _list(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _reason(error: psycopg.Error) -> str:
    """Say why Postgres refused, in one line, with what depends on a table."""
    detail = error.diag.message_detail
    said = error.diag.message_primary or str(error)
    return " ".join(f"{said}; {detail}".split()) if detail else said.splitlines()[0]
