"""The report of a generation: one HTML file, and pictures of its maps.

It reads what is published, whatever the features, and never computes a segment anew.
"""

from pathlib import Path

from mall_segments.publishing.generations import DATABASE, refuse_os_errors
from mall_segments.publishing.switching import replacing
from mall_segments.report.page import read_audit, render_page
from mall_segments.report.pictures import write_pictures
from mall_segments.report.sections import Progress, read_report

REPORT = "report.html"


def write_report(folder: Path) -> None:
    """Write ``report.html`` into the folder of a generation that is not sealed yet.

    An ``ArtefactWriter`` of `mall_segments.publishing.publish`: it reads ``model.json``
    and, if there is one, ``data_tests.json`` from the folder, and links the lists that
    are there already.
    """
    page = render_page(read_report(folder, folder / DATABASE), audit=None, home=folder)
    (folder / REPORT).write_text(page, encoding="utf-8")


def copy_report(
    folder: Path,
    *,
    output: Path | None = None,
    audit: Path | None = None,
    pictures: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the report of a published generation elsewhere, or pictures of its maps.

    The page's links lead back to the generation's folder; it shows what an audit found,
    if that is given as JSON.
    """
    found = read_audit(audit) if audit else None
    reading = read_report(folder, folder / DATABASE, progress=progress)
    if output:
        page = render_page(reading, audit=found, home=output.absolute().parent)
        with replacing(output) as draft:
            draft.write_text(page, encoding="utf-8")
    if pictures:
        with refuse_os_errors(f"{pictures} cannot be written"):
            write_pictures(pictures, reading["views"])
