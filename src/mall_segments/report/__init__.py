"""The report of a generation: one HTML file, and pictures of its maps.

It reads what is published, whatever the features, and never computes a segment anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.report.sections import Progress

REPORT = "report.html"


def write_report(folder: Path, database: Path) -> None:
    """Write ``report.html`` into the folder of a generation.

    An ``ArtefactWriter`` of `mall_segments.publishing.publish`: it reads ``model.json``
    and, if there is one, ``data_tests.json`` from the folder, and links the lists that
    are there already.

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
    from mall_segments.report.sections import read_report  # noqa: PLC0415

    page = render_page(read_report(folder, database), audit=None, home=folder)
    (folder / REPORT).write_text(page, encoding="utf-8")


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
        The file to write the page to; its links lead back to the folder.
    audit : Path, optional
        What ``mall-segments audit`` found, as JSON, to be shown on the page.
    pictures : Path, optional
        The folder to write pictures of the maps to.
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
    from mall_segments.report.sections import read_report  # noqa: PLC0415

    found = read_audit(audit) if audit else None
    reading = read_report(folder, folder / DATABASE, progress=progress)
    try:
        if output:
            page = render_page(reading, audit=found, home=output.absolute().parent)
            draft = output.with_name(f".{output.name}.unfinished")
            draft.write_text(page, encoding="utf-8")
            draft.replace(output)
        if pictures:
            write_pictures(pictures, reading.views)
    except OSError as error:
        raise PublishError(
            f"{output or pictures} cannot be written: {error.strerror}"
        ) from None
