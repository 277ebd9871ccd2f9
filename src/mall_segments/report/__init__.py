"""The report of a generation: one HTML file, and pictures of its charts."""

from pathlib import Path

from mall_segments.generations import MODEL
from mall_segments.model_file import load_model

REPORT = "report.html"
AUDIT = "audit.json"
PICTURES = "report"


def write_report(folder: Path, database: Path) -> None:
    """Write the report of a generation, and pictures of its charts.

    An ``ArtefactWriter`` of `mall_segments.publishing`: it reads ``model.json`` and,
    if there is one, ``audit.json`` from the folder and adds ``report.html`` and
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
        If a table is missing or the audit's result cannot be read.
    ModelError
        If the model file cannot be trusted.
    """
    from mall_segments.report.features import (  # noqa: PLC0415
        feature_views,
        segmentation_titles,
    )
    from mall_segments.report.marts import open_marts  # noqa: PLC0415
    from mall_segments.report.page import read_audit, render_page  # noqa: PLC0415
    from mall_segments.report.pictures import write_pictures  # noqa: PLC0415
    from mall_segments.report.sections import overview, segmentation_view  # noqa: PLC0415

    model = load_model(folder / MODEL)
    audit = read_audit(folder / AUDIT)
    features = feature_views(model)
    titles = segmentation_titles(model)
    with open_marts(database) as marts:
        views = [
            segmentation_view(marts, segmentation, features, titles[segmentation.name])
            for segmentation in model.segmentations
        ]
        general = overview(marts, features, model.segmentations[0].name)
    page = render_page(model, features, views, general, audit)
    (folder / REPORT).write_text(page, encoding="utf-8")
    write_pictures(folder / PICTURES, views)
