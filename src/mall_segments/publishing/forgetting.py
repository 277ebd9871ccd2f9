"""Erase customers from everything that is kept under the home.

Databases are written anew, because a deleted row stays in the blocks of its file until
they are used again, and by a process that never held the ids. Aggregates stay as they
were published.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import PublishError
from mall_segments.home import published_folder, warehouse_file
from mall_segments.intake.columns import normalise
from mall_segments.model import load_model
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
from mall_segments.publishing.publish import CUSTOMERS_CSV, describe_tables
from mall_segments.publishing.rebuilding import REBUILT, keep_rows, write_database
from mall_segments.publishing.switching import (
    publish_lock,
    replaced_generation,
    replacing,
    seal_generation,
)
from mall_segments.publishing.tables import (
    STORAGE_VERSION,
    Relation,
    comment_statements,
    quote_identifier,
    quote_text,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

LOG: Final = "forgotten.log"

_OLD: Final = "forgetting_from"
_RESEALED: Final = ("format", "build_id", "previous_build_id", "files", "sha256")
_SEARCHED: Final = ("published", "warehouse", "target", "logs")

# Digits also occur in checksums, where shorter ones would be found by chance.
_BY_CHANCE: Final = re.compile(r"[0-9a-fA-F]{0,9}|.{0,5}", re.DOTALL)


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
        aliases = {normalise("customer_id"), normalise("customer_id_text")}
        for generation in generations:
            model = load_model(generation.folder / MODEL)
            aliases |= set(map(normalise, model.customer_id_aliases))
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

    def find(
        self, connection: duckdb.DuckDBPyConnection, relation: Relation | str
    ) -> tuple[str, int]:
        """Return the condition of rows to forget, and their number; note whom."""
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        named = [row[0] for row in described if normalise(row[0]) in self.aliases]
        spellings = [each for column in named for each in _spellings(column)]
        for spelling in spellings:
            found = connection.execute(
                f"SELECT DISTINCT {spelling} FROM {relation} "  # noqa: S608
                f"WHERE {spelling} IN (FROM forgotten_ids)"
            ).fetchall()
            self.found |= {row[0] for row in found}
        found_in = [
            f"coalesce({each} IN (FROM forgotten_ids), false)" for each in spellings
        ]
        condition = " OR ".join(found_in) or "false"
        row = connection.execute(
            f"SELECT count(*) FROM {relation} WHERE {condition}"  # noqa: S608
        ).fetchone()
        return condition, int(row[0]) if row else 0


def _spellings(column: str) -> tuple[str, str]:
    """Return SQL of the id as it is, and as it was before it was read or written.

    It may have been read as a number, or made harmless for spreadsheets.
    """
    name = f"trim(CAST({quote_identifier(column)} AS VARCHAR))"
    return name, rf"regexp_replace({name}, '^''|\.0+$', '', 'g')"


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
    folder, tables = generation.folder, generation.manifest["tables"]
    csv_file = folder / CUSTOMERS_CSV
    with eraser.engine() as engine:
        database = quote_text(str(folder / DATABASE))
        engine.execute(f"ATTACH {database} AS {_OLD} (READ_ONLY)")
        rows = read_cells(csv_file)[1] if csv_file.is_file() else ""
        condition, n_written = eraser.find(engine, rows) if rows else ("", 0)
        if not n_written + sum(
            eraser.find(engine, each)[1] for each in _tables(engine)
        ):
            return
        eraser.rewritten.append(generation.build_id)
        with replaced_generation(home, generation.build_id) as draft:
            option = f" (STORAGE_VERSION '{STORAGE_VERSION}')"
            lost = _copy_database(eraser, engine, draft.folder / DATABASE, option)
            exported = {name for name in tables if tables[name]["parquet"]}
            described = describe_tables(engine, draft.folder, tables, exported)
            if n_written:
                target = quote_text(str(draft.folder / CUSTOMERS_CSV))
                engine.execute(
                    f"COPY (FROM {rows} WHERE NOT ({condition})) TO {target} "
                    "(FORMAT csv, HEADER)"
                )
            for name in relative_files(folder):
                if name != MANIFEST and not (draft.folder / name).exists():
                    os.link(folder / name, draft.folder / name)
            content = {
                key: value
                for key, value in generation.manifest.items()
                if key not in _RESEALED
            }
            n_forgotten = content.get("forgotten", 0) + lost
            changed = {"tables": described, "forgotten": n_forgotten}
            seal_generation(draft, content | changed)
    verify_generation(generation_folder(home, generation.build_id), deep=True)


def _copy_database(
    eraser: Eraser, engine: duckdb.DuckDBPyConnection, target: Path, option: str = ""
) -> int:
    """Copy the attached database without the customers; return what tables lost."""
    most_lost = 0
    statements: list[str] = []
    comments: list[str] = []
    with TemporaryDirectory(prefix=".forgetting-", dir=target.parent) as parts:
        for place, relation in enumerate(_tables(engine)):
            condition, n_lost = eraser.find(engine, relation)
            most_lost = max(most_lost, n_lost)
            table = relation._replace(database=REBUILT)
            kept = f"FROM {relation} WHERE NOT ({condition})"
            file = Path(parts) / f"{place}.parquet"
            schema = quote_identifier(table.schema)
            statements.append(f"CREATE SCHEMA IF NOT EXISTS {REBUILT}.{schema}")
            statements.append(keep_rows(engine, kept, table, file))
            comments += comment_statements(engine, relation, table, "TABLE")
        views = engine.execute(
            "SELECT schema_name, view_name, sql FROM duckdb_views() "
            "WHERE database_name = $1 AND NOT internal",
            [_OLD],
        ).fetchall()
        creating = []
        for schema, name, sql in views:
            view = Relation(_OLD, schema, name)
            if _is_readable(engine, view):
                creating.append(sql)
                copied = view._replace(database=REBUILT)
                comments += comment_statements(engine, view, copied, "VIEW")
        write_database(target, statements, creating, comments, option)
    engine.execute(f"DETACH {_OLD}")
    return most_lost


def _is_readable(engine: duckdb.DuckDBPyConnection, view: Relation) -> bool:
    """Whether a view finds what it reads; if not, the next build makes it anew.

    It may read a customer file that is gone, or be left by a build of other tables.
    """
    try:
        engine.execute(f"DESCRIBE {view}")
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.IOException):
        return False
    return True


def _tables(engine: duckdb.DuckDBPyConnection) -> list[Relation]:
    rows = engine.execute(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = $1",
        [_OLD],
    ).fetchall()
    return [Relation(*row) for row in rows]


def _prove(home: Path, eraser: Eraser) -> None:
    """Search every table and file; an audit that names somebody is removed."""
    folders = [home / name for name in _SEARCHED if (home / name).is_dir()]
    files = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    eraser.n_files = len(files)
    remaining = [
        path for path in files if path.suffix == ".duckdb" and _holds_any(eraser, path)
    ]
    searchable = {each for each in eraser.ids if is_searchable(each)}
    eraser.n_unsearchable = len(eraser.ids) - len(searchable)
    audits = published_folder(home) / "audits"
    for path in files_with_any(folders, searchable):
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
        return any(eraser.find(engine, relation)[1] for relation in _tables(engine))


def is_searchable(text: str) -> bool:
    """Whether a text is one line, long enough not to stand in a file by chance.

    >>> is_searchable("K00017"), is_searchable("C00017"), is_searchable("12")
    (True, False, False)
    """
    return not _BY_CHANCE.fullmatch(text) and "\n" not in text


def files_with_any(folders: list[Path], texts: Collection[str]) -> list[Path]:
    """Return the files in folders that hold any of the texts, byte for byte."""
    if not folders or not texts:
        return []
    found = subprocess.run(  # noqa: S603 - the folders are named in full
        ["grep", "-rlF", "--null", "-f", "-", "--", *folders],  # noqa: S607 - of any system
        input="\n".join(texts).encode(),
        capture_output=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    if found.returncode > 1:
        raise PublishError(f"files cannot be searched: {found.stderr.decode().strip()}")
    return [Path(os.fsdecode(name)) for name in found.stdout.split(b"\0") if name]


def _log(home: Path, eraser: Eraser) -> None:
    line = (
        f"{datetime.now(UTC).isoformat(timespec='seconds')} {len(eraser.found)} "
        f"customers removed from {len(eraser.rewritten)} databases\n"
    )
    with (published_folder(home) / LOG).open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
