"""Where the results of audits are kept: beside the generations, never inside one.

A generation is sealed when it is published and never changes; an audit comes later,
may be repeated, and takes seconds of imports that a build should not wait for.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.audit.page import render_page
from mall_segments.errors import PublishError
from mall_segments.generations import list_generations
from mall_segments.home import published_folder
from mall_segments.tables import quote_text, reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mall_segments.audit.results import Audit

AUDITS: Final = "audits"
JSON_FILE: Final = "audit.json"
HTML_FILE: Final = "audit.html"
TABLE_FILE: Final = "audit.parquet"

_COLUMNS: Final = ("suite", "expectation", "column", "meaning", "outcome", "observed")


def save_audit(home: Path, audit: Audit) -> Path:
    """Keep an audit as JSON, as a page and as a table, one result per row.

    Audits of generations that are no longer kept are removed.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    audit : Audit
        Replaces an earlier one of the same generation.

    Returns
    -------
    Path
        The folder of the three files, ``published/audits/<build_id>``.

    Raises
    ------
    PublishError
        If it cannot be written.
    """
    audits = published_folder(home) / AUDITS
    folder = audits / audit.build_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PublishError(f"{folder} cannot be made: {error.strerror}") from None
    write_json(folder / JSON_FILE, audit)
    write_page(folder / HTML_FILE, audit)
    write_table(folder / TABLE_FILE, audit)
    for other in audits.iterdir():
        if other.name not in list_generations(home):
            shutil.rmtree(other, ignore_errors=True)
    return folder


def write_json(path: Path, audit: Audit) -> None:
    """Write an audit as JSON.

    Raises
    ------
    PublishError
        If the file cannot be written.
    """
    text = json.dumps(audit.to_json(), indent=2, ensure_ascii=False) + "\n"
    _replace(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_page(path: Path, audit: Audit) -> None:
    """Write an audit as a page.

    Raises
    ------
    PublishError
        If the file cannot be written.
    """
    text = render_page(audit)
    _replace(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_table(path: Path, audit: Audit) -> None:
    """Write an audit as Parquet: ``build_id``, ``audited_at`` and a row per result.

    Raises
    ------
    PublishError
        If the file cannot be written.
    """
    rows = [
        (
            audit.build_id,
            audit.audited_at,
            *(str(getattr(result, name)) for name in _COLUMNS),
        )
        for result in audit.worst_first
    ]

    def write(draft: Path) -> None:
        with duckdb.connect() as connection:
            columns = ", ".join(
                f'"{name}" VARCHAR' for name in ("build_id", "audited_at", *_COLUMNS)
            )
            connection.execute(f"CREATE TABLE results ({columns})")
            places = ", ".join("?" * (len(_COLUMNS) + 2))
            if rows:
                connection.executemany(
                    f"INSERT INTO results VALUES ({places})",  # noqa: S608
                    rows,
                )
            connection.execute(
                f"COPY results TO {quote_text(str(draft))} (FORMAT parquet)"
            )

    _replace(path, write)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name first, so that readers see all of it or none."""
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        write(draft)
        draft.replace(path)
    except (OSError, duckdb.Error) as error:
        draft.unlink(missing_ok=True)
        cause = error.strerror if isinstance(error, OSError) else reason(error)
        raise PublishError(f"{path} cannot be written: {cause}") from None
