"""The report of a generation: one HTML file, and pictures of its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.report.reading import Progress

REPORT = "report.html"
PICTURES = "report"


def write_report(folder: Path, database: Path) -> None:
    """Write the report of a generation, and pictures of its charts.

    An ``ArtefactWriter`` of `mall_segments.publishing.publish`: it reads ``model.json`` and,
    if there is one, ``data_tests.json`` from the folder and adds ``report.html`` and
    ``report/*.svg`` and ``report/*.png`` to it.

    Parameters
    ----------
    folder : Path
        The generation's folder, not sealed yet.
    database : Path
        Its DuckDB file.

    Raises
    ------
    PublishError
        If a table is missing.
    ModelError
        If the model file cannot be trusted.
    """
    from mall_segments.report.page import render_page  # noqa: PLC0415
    from mall_segments.report.pictures import write_pictures  # noqa: PLC0415
    from mall_segments.report.reading import read_report  # noqa: PLC0415

    reading = read_report(folder, database)
    (folder / REPORT).write_text(render_page(reading, audit=None), encoding="utf-8")
    write_pictures(folder / PICTURES, reading.views)


def copy_report(
    folder: Path,
    *,
    output: Path | None = None,
    audit: Path | None = None,
    pictures: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the report of a published generation elsewhere.

    Parameters
    ----------
    folder : Path
        The generation's folder.
    output : Path, optional
        The file to write the page to.
    audit : Path, optional
        What ``mall-segments audit`` found, as JSON, to be shown on the page.
    pictures : Path, optional
        The folder to write the pictures to.
    progress : callable, optional
        Called with what is done next and the share done before.

    Raises
    ------
    PublishError
        If a table is missing, the audit's result cannot be read, or a file cannot be
        written.
    ModelError
        If the model file cannot be trusted.
    """
    from mall_segments.report.page import read_audit, render_page  # noqa: PLC0415
    from mall_segments.report.pictures import write_pictures  # noqa: PLC0415
    from mall_segments.report.reading import read_report  # noqa: PLC0415

    found = read_audit(audit) if audit else None
    reading = read_report(folder, folder / DATABASE, progress=progress)
    try:
        if output:
            draft = output.with_name(f".{output.name}.unfinished")
            draft.write_text(render_page(reading, audit=found), encoding="utf-8")
            draft.replace(output)
        if pictures:
            write_pictures(pictures, reading.views, progress=progress)
    except OSError as error:
        raise PublishError(
            f"{output or pictures} cannot be written: {error.strerror}"
        ) from None
