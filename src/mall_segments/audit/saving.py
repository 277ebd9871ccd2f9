"""Where the results of audits are kept: beside the generations, never inside one.

A generation is sealed when it is published and never changes; an audit comes later,
may be repeated, and takes seconds of imports that a build should not wait for.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from mall_segments.audit.page import render_page
from mall_segments.errors import MallSegmentsError
from mall_segments.home import published_folder
from mall_segments.publishing.generations import (
    generation_folder,
    list_generations,
    refuse_os_errors,
)
from mall_segments.publishing.switching import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.audit.results import Audit
    from mall_segments.publishing.generations import Generation

AUDITS: Final = "audits"
REPORT: Final = "report.html"
JSON_FILE: Final = "audit.json"
HTML_FILE: Final = "audit.html"
TABLE_FILE: Final = "audit.parquet"


def audit_folder(home: Path, build_id: str) -> Path:
    """Name the folder in which the audit of a generation is kept."""
    return published_folder(home) / AUDITS / build_id


def full_report(home: Path, generation: Generation) -> Path:
    """Find the report that says most: after an audit, the one that shows its result."""
    report = audit_folder(home, generation.build_id) / REPORT
    return report if report.is_file() else generation.file(REPORT)


def save_audit(home: Path, audit: Audit) -> Path:
    """Keep an audit as JSON, as a page, as a table and in a copy of the report.

    A report that cannot be drawn, because the generation is damaged, has no copy.
    Audits of generations that are no longer kept are removed.
    """
    folder = audit_folder(home, audit.build_id)
    with refuse_os_errors(f"{folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON_FILE, audit)
    write_page(folder / HTML_FILE, audit)
    _write_table(folder / TABLE_FILE, audit)
    from mall_segments.report import copy_report  # noqa: PLC0415 - only now needed

    try:
        copy_report(
            generation_folder(home, audit.build_id),
            output=folder / REPORT,
            audit=folder / JSON_FILE,
        )
    except MallSegmentsError:
        if audit.has_passed:
            raise
        (folder / REPORT).unlink(missing_ok=True)
    for other in folder.parent.iterdir():
        if other.name not in list_generations(home):
            shutil.rmtree(other, ignore_errors=True)
    return folder


def write_json(path: Path, audit: Audit) -> None:
    """Write an audit as JSON."""
    with replacing(path) as draft:
        text = json.dumps(audit.to_json(), indent=2, ensure_ascii=False)
        draft.write_text(f"{text}\n", encoding="utf-8")


def write_page(path: Path, audit: Audit) -> None:
    """Write an audit as a page."""
    with replacing(path) as draft:
        draft.write_text(render_page(audit), encoding="utf-8")


def _write_table(path: Path, audit: Audit) -> None:
    """Write an audit as Parquet: ``build_id``, ``audited_at`` and a row per result."""
    import pandas as pd  # noqa: PLC0415 - heavy

    rows = pd.DataFrame([asdict(result) for result in audit.worst_first])
    rows.insert(0, "build_id", audit.build_id)
    rows.insert(1, "audited_at", audit.audited_at)
    with replacing(path) as draft:
        rows.astype("string").to_parquet(draft, index=False)
