"""Erase customers from everything that is kept under the home.

Databases are written anew, because a deleted row stays in the blocks of its file until
they are used again, and by a process that never held the ids. Aggregates stay as they
were published.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.errors import PublishError
from mall_segments.home import published_folder, warehouse_file
from mall_segments.model import load_model
from mall_segments.publishing.byte_search import ByteSearch, is_searchable
from mall_segments.publishing.csv_cells import read_cells
from mall_segments.publishing.generations import (
    DATABASE,
    MANIFEST,
    MODEL,
    Generation,
    generation_folder,
    list_generations,
    relative_files,
    verify_generation,
)
from mall_segments.publishing.publish import CUSTOMERS_CSV, write_parquet
from mall_segments.publishing.rebuilding import REBUILT, Rebuilding
from mall_segments.publishing.switching import (
    publish_lock,
    replaced_generation,
    replacing,
    seal_generation,
)
from mall_segments.publishing.tables import (
    STORAGE_VERSION,
    attached,
    comment_statements,
    describe_table,
    qualified,
    quote_identifier,
    quote_text,
    reason,
)
from mall_segments.wording import compact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

LOG: Final = "forgotten.log"

_OLD: Final = "forgetting_from"
_RESEALED: Final = ("format", "build_id", "previous_build_id", "files", "sha256")
_SEARCHED: Final = ("published", "warehouse", "target", "logs")

# Nearly all values differ in a column of ids; files may hold a customer twice.
_LEAST_DISTINCT: Final = 0.9


def forget_customers(
    home: Path,
    ids: Collection[str],
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Eraser:
    """Remove customers from every generation and from the working database.

    Raises `PublishError` if a file still holds an id in the end; the message names the
    file, never an id.
    """
    with publish_lock(home):
        generations = [
            verify_generation(generation_folder(home, build_id))
            for build_id in list_generations(home)
        ]
        aliases = {compact("customer_id"), compact("customer_id_text")}
        for generation in generations:
            model = load_model(generation.folder / MODEL)
            aliases |= {compact(alias) for alias in model.customer_id_aliases}
        eraser = Eraser(ids, aliases)
        working = warehouse_file(home)
        if working.is_file():
            progress("the working database", 0)
            _rewrite_working(eraser, working)
        for place, generation in enumerate(generations):
            progress(generation.build_id, (place + 1) / (len(generations) + 2))
            _rewrite_generation(eraser, home, generation)
        progress("every file is searched", 0.95)
        _prove(home, eraser)
        if eraser.found:
            _log(home, eraser)
    return eraser


class Eraser:
    """Whom to forget, and what was done.

    ``found`` are the ids found anywhere, ``rewritten`` the generations and databases
    that held any, ``n_files`` the files searched afterwards. Of ``n_unsearchable`` ids
    only queries can tell that they are gone: their few digits occur in any file.
    """

    def __init__(self, ids: Collection[str], aliases: set[str]) -> None:
        self.ids = {each for given in ids if (each := given.strip())}
        self.aliases = aliases
        self.found: set[str] = set()
        self.rewritten: list[str] = []
        self.n_files = 0
        self.n_unsearchable = 0

    @contextmanager
    def engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an engine that knows the ids."""
        with duckdb.connect() as connection:
            connection.execute("CREATE TEMP TABLE forgotten_ids (id VARCHAR)")
            connection.execute(
                "INSERT INTO forgotten_ids SELECT unnest($1::VARCHAR[])",
                [sorted(self.ids)],
            )
            yield connection

    def columns(
        self, connection: duckdb.DuckDBPyConnection, relation: str
    ) -> list[str]:
        """Return the columns of a relation that hold ids of customers, by their names.

        A customer file may have another name for them; then it is the column of nearly
        distinct texts, if any, that holds most of the ids to forget.
        """
        return self.named_columns(connection, relation) or self._likely_column(
            connection, relation
        )

    def named_columns(
        self, connection: duckdb.DuckDBPyConnection, relation: str
    ) -> list[str]:
        """Return the columns with a name that ids have."""
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        return [row[0] for row in described if compact(row[0]) in self.aliases]

    def count(
        self, connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]
    ) -> int:
        """Count the rows to forget, and note whom they are about."""
        for column in columns:
            for spelling in _spellings(column):
                found = connection.execute(
                    f"SELECT DISTINCT {spelling} FROM {relation} "  # noqa: S608
                    f"WHERE {spelling} IN (FROM forgotten_ids)"
                ).fetchall()
                self.found |= {row[0] for row in found}
        row = connection.execute(
            f"SELECT count(*) FROM {relation} WHERE {_is_forgotten(columns)}"  # noqa: S608
        ).fetchone()
        return int(row[0]) if row else 0

    def _likely_column(
        self, connection: duckdb.DuckDBPyConnection, relation: str
    ) -> list[str]:
        best, most = [], 0
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        for column in [row[0] for row in described if row[1] == "VARCHAR"]:
            name = quote_identifier(column)
            row = connection.execute(
                f"SELECT count(*), count(DISTINCT {name}), count(DISTINCT {name}) "  # noqa: S608
                f"FILTER (WHERE {_is_forgotten([column])}) FROM {relation}"
            ).fetchone()
            n_rows, n_distinct, n_found = row or (0, 0, 0)
            if n_found > most and n_distinct >= _LEAST_DISTINCT * n_rows:
                best, most = [column], n_found
        return best


def _spellings(column: str) -> tuple[str, str]:
    """Return SQL of the id as it is, and as it was before it was read or written.

    It may have been read as a number, or made harmless for spreadsheets.
    """
    name = f"trim(CAST({quote_identifier(column)} AS VARCHAR))"
    return name, rf"regexp_replace({name}, '^''|\.0+$', '', 'g')"


def _is_forgotten(columns: list[str]) -> str:
    """Return the condition under which a row is about somebody to forget."""
    spellings = [each for column in columns for each in _spellings(column)]
    found = [f"coalesce({each} IN (FROM forgotten_ids), false)" for each in spellings]
    return " OR ".join(found) or "false"


def _rewrite_working(eraser: Eraser, path: Path) -> None:
    try:
        # Even if it holds none of them: ids of earlier builds may be in blocks not used
        # again.
        with replacing(path) as draft, eraser.engine() as engine:
            engine.execute(
                f"ATTACH {quote_text(str(path))} AS {_OLD}; CHECKPOINT {_OLD}"
            )
            if _copy_database(eraser, engine, draft):
                eraser.rewritten.append(path.name)
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
        shutil.rmtree(path.with_name("spilled"), ignore_errors=True)
    except duckdb.Error as error:
        raise PublishError(
            f"{path} cannot be written anew: {reason(error)}; end what uses it"
        ) from None


def _rewrite_generation(eraser: Eraser, home: Path, generation: Generation) -> None:
    csv_file = generation.folder / CUSTOMERS_CSV
    with eraser.engine() as engine:
        database = quote_text(str(generation.folder / DATABASE))
        engine.execute(f"ATTACH {database} AS {_OLD} (READ_ONLY)")
        relations = [relation for relation, _, _ in _tables(engine)]
        rows = "(SELECT '' AS nothing WHERE false)"
        if csv_file.is_file():
            _, rows = read_cells(csv_file)
        relations.append(rows)
        columns = {each: eraser.columns(engine, each) for each in relations}
        counts = {each: eraser.count(engine, each, columns[each]) for each in relations}
        if not any(counts.values()):
            return
        eraser.rewritten.append(generation.build_id)
        with replaced_generation(home, generation.build_id) as draft:
            option = f" (STORAGE_VERSION '{STORAGE_VERSION}')"
            lost = _copy_database(eraser, engine, draft.folder / DATABASE, option)
            tables = {
                name: dict(table)
                for name, table in generation.manifest["tables"].items()
            }
            _describe_anew(engine, draft.folder, tables, lost)
            if counts[rows]:
                engine.execute(
                    f"COPY (SELECT * FROM {rows} "  # noqa: S608
                    f"WHERE NOT ({_is_forgotten(columns[rows])})) "
                    f"TO {quote_text(str(draft.folder / CUSTOMERS_CSV))} "
                    "(FORMAT csv, HEADER)"
                )
            _link_unchanged(generation.folder, draft.folder)
            content = {
                key: value
                for key, value in generation.manifest.items()
                if key not in _RESEALED
            }
            n_before = content.get("forgotten", 0)
            content["forgotten"] = n_before + max(lost.values(), default=0)
            seal_generation(draft, {**content, "tables": tables})
    verify_generation(generation_folder(home, generation.build_id), deep=True)


def _copy_database(
    eraser: Eraser, engine: duckdb.DuckDBPyConnection, target: Path, option: str = ""
) -> dict[str, int]:
    """Copy the attached database without the customers; return what tables lost."""
    lost: dict[str, int] = {}
    schemas: set[str] = set()
    copy = Rebuilding()
    with TemporaryDirectory(prefix=".forgetting-", dir=target.parent) as parts:
        for relation, schema, name in _tables(engine):
            schemas.add(schema)
            table = qualified(REBUILT, schema, name)
            columns = eraser.columns(engine, relation)
            if n_lost := eraser.count(engine, relation, columns):
                lost[name] = n_lost
            kept = f"SELECT * FROM {relation} WHERE NOT ({_is_forgotten(columns)})"  # noqa: S608
            copy.add_table(engine, kept, table, Path(parts))
            copy.comments += comment_statements(engine, relation, table, kind="TABLE")
        for schema, name, sql in engine.execute(
            "SELECT schema_name, view_name, sql FROM duckdb_views() "
            "WHERE database_name = $1 AND NOT internal",
            [_OLD],
        ).fetchall():
            view = qualified(_OLD, schema, name)
            if not _is_readable(engine, view):
                continue
            schemas.add(schema)
            copy.views[f"{schema}.{name}"] = sql
            copy.comments += comment_statements(
                engine, view, qualified(REBUILT, schema, name), kind="VIEW"
            )
        copy.statements[:0] = [
            f"CREATE SCHEMA IF NOT EXISTS {qualified(REBUILT, schema)}"
            for schema in sorted(schemas)
        ]
        copy.write(target, option)
    engine.execute(f"DETACH {_OLD}")
    return lost


def _is_readable(engine: duckdb.DuckDBPyConnection, view: str) -> bool:
    """Whether a view finds what it reads; if not, the next build makes it anew.

    It may read a customer file that is gone, or be left by a build of other tables.
    """
    try:
        engine.execute(f"DESCRIBE {view}")
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.IOException):
        return False
    return True


def _tables(engine: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    rows = engine.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1",
        [_OLD],
    ).fetchall()
    return [(qualified(_OLD, schema, name), schema, name) for schema, name in rows]


def _describe_anew(
    engine: duckdb.DuckDBPyConnection,
    folder: Path,
    described: dict[str, dict[str, Any]],
    changed: Collection[str],
) -> None:
    (folder / "parquet").mkdir()
    with attached(engine, folder / DATABASE, read_only=True) as schema:
        for name, table in described.items():
            is_view = table["checksum"] is None
            if name in changed or is_view:
                relation = f"{schema}.{quote_identifier(name)}"
                table.update(describe_table(engine, relation, as_view=is_view))
                if table["parquet"]:
                    write_parquet(engine, schema, name, folder, table)


def _link_unchanged(old: Path, new: Path) -> None:
    for name in relative_files(old):
        if name != MANIFEST and not (new / name).exists():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(old / name, new / name)


def _prove(home: Path, eraser: Eraser) -> None:
    """Search every table and file; an audit that names somebody is removed."""
    searchable = {each for each in eraser.ids if is_searchable(each)}
    files = [
        path
        for name in _SEARCHED
        for path in (home / name).rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    eraser.n_unsearchable = len(eraser.ids) - len(searchable)
    eraser.n_files = len(files)
    remaining = [
        path for path in files if path.suffix == ".duckdb" and _holds_any(eraser, path)
    ]
    audits = published_folder(home) / "audits"
    for path in ByteSearch(searchable).files_with_any(files):
        if path.is_relative_to(audits):
            path.unlink()  # `mall-segments audit` makes it anew.
        else:
            remaining.append(path)
    if remaining:
        raise PublishError(
            f"{len(remaining)} files still hold ids that were to be forgotten: "
            + ", ".join(map(str, remaining[:5]))
            + "; remove them, or what made them, and run this again"
        )


def _holds_any(eraser: Eraser, database: Path) -> bool:
    with eraser.engine() as engine:
        engine.execute(f"ATTACH {quote_text(str(database))} AS {_OLD} (READ_ONLY)")
        return any(
            eraser.count(engine, relation, named)
            for relation, _, _ in _tables(engine)
            if (named := eraser.named_columns(engine, relation))
        )


def _log(home: Path, eraser: Eraser) -> None:
    line = (
        f"{datetime.now(UTC).isoformat(timespec='seconds')} {len(eraser.found)} "
        f"customers removed from {len(eraser.rewritten)} databases\n"
    )
    with (published_folder(home) / LOG).open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
