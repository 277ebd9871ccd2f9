"""Read everything that a report shows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mall_segments.publishing.data_tests import DataTests, read_data_tests
from mall_segments.publishing.generations import MODEL
from mall_segments.model_file import Model, load_model
from mall_segments.report.features import (
    FeatureView,
    feature_views,
    segmentation_titles,
)
from mall_segments.report.marts import open_marts
from mall_segments.report.sections import (
    Overview,
    SegmentationView,
    overview,
    segmentation_view,
)

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Reading:
    """What the report of a generation shows; the audit comes later."""

    model: Model
    features: dict[str, FeatureView]
    views: tuple[SegmentationView, ...]
    general: Overview
    data_tests: DataTests | None


def read_report(
    folder: Path, database: Path, *, progress: Progress | None = None
) -> Reading:
    """Read what a report shows.

    Parameters
    ----------
    folder : Path
        Holds ``model.json`` and, if a build wrote it, ``data_tests.json``.
    database : Path
        The DuckDB file of the generation.
    progress : callable, optional
        Called with what is done next and the share done before.
    """
    model = load_model(folder / MODEL)
    features = feature_views(model)
    titles = segmentation_titles(model)
    views = []
    with open_marts(database) as marts:
        for number, segmentation in enumerate(model.segmentations):
            if progress:
                progress(titles[segmentation.name], number / len(model.segmentations))
            views.append(
                segmentation_view(
                    marts, segmentation, features, titles[segmentation.name]
                )
            )
        general = overview(marts, features, model.segmentations[0].name)
    return Reading(model, features, tuple(views), general, read_data_tests(folder))
