"""Pushing a generation into Postgres: everything in one transaction, or nothing.

Tables are filled in a schema of their own, which nobody else sees, and take the place
of the former ones at the end of the same transaction. For that moment all former tables
are locked: a reader's transaction either ended before or begins after, so none sees two
generations.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import psycopg

from mall_segments.bi.destinations import Postgres
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE, Generation
from mall_segments.publishing.tables import quote_identifier, quote_text, reason

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

_TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "INTEGER": "integer",
    "VARCHAR": "text",
}
_BLOCK: Final = 1 << 20

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
    """Put the tables of a generation in the place of those pushed before; count rows.

    Nothing has changed if the database refuses anything, a table of that name is not
    one that was pushed, or readers keep transactions open for ``patience`` seconds.
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
    except (psycopg.Error, duckdb.Error, OSError) as error:
        said = _reason(error) if isinstance(error, psycopg.Error) else reason(error)
        raise PublishError(
            f"nothing was pushed to {destination.place}: {destination.blotted(said)}"
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
        self.name = schema
        self.schema = quote_identifier(schema)
        self.staging = quote_identifier(f"{schema}_next")
        self.manifest = manifest
        self.tables: Mapping[str, Any] = manifest["tables"]

    def fill(self, progress: Callable[[str, float], None] | None) -> dict[str, int]:
        """Create and fill the tables in the schema that becomes theirs later."""
        self._run("set local statement_timeout = 0")
        # Another push waits here until this one is done.
        self._run(f"create schema {self.staging}")
        counts = {table: listed["n_rows"] for table, listed in self.tables.items()}
        n_copied, n_rows = 0, sum(counts.values()) or 1
        for table in self.tables:
            if progress:
                progress(table, n_copied / n_rows)
            self._copy(table)
            n_copied += counts[table]
        for table in self.tables:
            if table in KEYS:
                key = f"primary key {_list(KEYS[table])}"
                self._run(f"alter table {self.staging}.{table} add {key}")
        for table in self.tables:
            self._refer(table, "dim_segments")
        self._refer("fct_customer_segments", "dim_customers")
        self._record()
        return counts

    def swap(self, patience: float) -> None:
        """Let the tables take the place of those that are there."""
        self._run(f"create schema if not exists {self.schema}")
        former = self._former()
        grants = self._grants(former)
        if former:
            names = ", ".join(f"{self.schema}.{name}" for name in former)
            self._lock(names, patience)
            self._run(f"drop table {names}")
        for table in (*self.tables, RECORD):
            self._run(f"alter table {self.staging}.{table} set schema {self.schema}")
            if table in grants:
                self._run(f"grant select on {self.schema}.{table} to {grants[table]}")
        self._run(f"drop schema {self.staging}")

    def _copy(self, table: str) -> None:
        """Send the rows as CSV that DuckDB wrote; what has no quotes is null."""
        place = f"{self.staging}.{table}"
        definitions = ", ".join(
            f"{quote_identifier(column['name'])} {_TYPES[column['type']]}"
            for column in self.tables[table]["columns"]
        )
        self._run(f"create table {place} ({definitions})")
        with TemporaryDirectory() as folder, self.target.cursor() as cursor:
            path = Path(folder, "rows.csv")
            self.source.execute(
                f"copy (from {table}) to {quote_text(str(path))} "
                "(format csv, header false, force_quote *)"
            )
            with (
                path.open("rb") as rows,
                cursor.copy(f"copy {place} from stdin (format csv)") as copy,
            ):
                while block := rows.read(_BLOCK):
                    copy.write(block)
        comments = self.source.execute(
            f"select 'table {place}', comment from duckdb_tables() "  # noqa: S608
            f"where table_name = $1 union all select 'table {place}', comment "
            "from duckdb_views() where view_name = $1 union all "
            f"select 'column {place}.' || '\"' || column_name || '\"', comment "
            "from duckdb_columns() where table_name = $1",
            [table],
        ).fetchall()
        for described, comment in comments:
            if comment is not None:
                self._run(f"comment on {described} is {quote_text(comment)}")
        self._run(f"analyze {place}")

    def _refer(self, table: str, parent: str) -> None:
        listed = self.tables.get(table, {"columns": ()})["columns"]
        has_key = {column["name"] for column in listed}.issuperset(KEYS[parent])
        if has_key and parent in self.tables and table != parent:
            self._run(
                f"alter table {self.staging}.{table} add foreign key "
                f"{_list(KEYS[parent])} references {self.staging}.{parent}"
            )

    def _record(self) -> None:
        place = f"{self.staging}.{RECORD}"
        self._run(
            f"create table {place} (build_id text primary key, created_at timestamptz "
            "not null, pushed_at timestamptz not null, tables text[] not null)"
        )
        self._run(
            f"comment on table {place} is "
            "'One row: the generation that the tables of this schema are of.'"
        )
        self._run(
            f"insert into {place} values (%s, %s, now(), %s)",  # noqa: S608
            self.manifest["build_id"],
            self.manifest["created_at"],
            list(self.tables),
        )

    def _former(self) -> list[str]:
        """List the tables to replace: those the last push recorded that are there."""
        there = {
            name
            for (name,) in self._run(
                "select relname from pg_class where relnamespace = %s::regnamespace "
                "and relkind in ('r', 'p', 'v', 'm', 'f')",
                self.schema,
            )
        }
        recorded = {RECORD} & there
        if recorded:
            ((tables,),) = self._run(f"select tables from {self.schema}.{RECORD}")  # noqa: S608
            recorded.update(tables)
        strange = sorted(there & set(self.tables) - recorded)
        if strange:
            raise PublishError(
                f"the schema {self.name} has a table {strange[0]} that no push made; "
                "rename it, or push to another schema"
            )
        return sorted(there & recorded)

    def _grants(self, tables: list[str]) -> dict[str, str]:
        """List who was granted to read each table, besides its owner."""
        return dict(
            self._run(
                "select relname, string_agg(case acl.grantee when 0 then 'public' "
                "else quote_ident(pg_get_userbyid(acl.grantee)) end, ', ') "
                "from pg_class cross join aclexplode(relacl) as acl "
                "where relnamespace = %s::regnamespace and relname = any(%s) "
                "and acl.privilege_type = 'SELECT' and acl.grantee <> relowner "
                "group by relname",
                self.schema,
                tables,
            )
        )

    def _lock(self, names: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                with self.target.transaction():
                    self._run(f"set local statement_timeout = {_LOCK_MILLISECONDS}")
                    self._run(f"lock table {names} in access exclusive mode")
                    self._run("set local statement_timeout = 0")
            except (psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
                if time.monotonic() > deadline:
                    raise PublishError(
                        f"nothing was pushed: for {patience:g} seconds some "
                        f"transaction kept reading the schema {self.name}; see "
                        "pg_stat_activity"
                    ) from None
                time.sleep(_PAUSE)
            else:
                return

    def _run(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement; names in it are those of this project or were checked."""
        cursor = self.target.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def _list(names: Iterable[str]) -> str:
    return f"({', '.join(map(quote_identifier, names))})"


def _reason(error: psycopg.Error) -> str:
    """Say why Postgres refused, in one line, with what depends on a table."""
    detail = error.diag.message_detail
    said = error.diag.message_primary or str(error)
    return " ".join(f"{said}; {detail}".split()) if detail else said.splitlines()[0]
