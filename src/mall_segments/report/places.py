"""Where customers are: the map of a segmentation, and pairs of features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from mall_segments.model import Coordinate, ModelSegmentation
from mall_segments.publishing.tables import quote_identifier
from mall_segments.report.charts import Centre, Plot, map_marks
from mall_segments.report.features import FeatureView
from mall_segments.report.marts import Subject
from mall_segments.report.plane import (
    Axes,
    Cell,
    Scale,
    average_coordinates,
    boundary_lines,
    count_cells,
)

MAX_PAIRED: Final = 4
"""Features that are drawn in pairs: those that separate the segments most."""

# With more coordinates that are not drawn, the lines of an average customer mislead.
_MOST_HIDDEN: Final = 1

# What markers on the edge need, as a share of an axis.
_PADDING: Final = 0.04

Views = tuple[FeatureView, FeatureView]


@dataclass(frozen=True)
class Map:
    """The map of the segments, and what its brush needs."""

    plot: Plot
    has_lines: bool
    is_slice: bool
    clipped: Sequence[str]
    data: Mapping[str, Any]


def separating(segmentation: ModelSegmentation) -> list[str]:
    """List the numbers of a segmentation, those that separate it most first.

    What separates is the variance between the centroids along a coordinate.
    """
    average = average_coordinates(segmentation)
    between = {
        axis.feature: sum(
            segment.share * (segment.coordinates[number] - average[number]) ** 2
            for segment in segmentation.segments
        )
        for number, axis in enumerate(segmentation.coordinates)
        if axis.level is None
    }
    return sorted(between, key=lambda name: -between[name])


def read_map(subject: Subject) -> Map | None:
    """Draw the map by the two numbers that separate most; None without two of them."""
    segmentation = subject.segmentation
    names = separating(segmentation)[:2]
    if len(names) < 2:  # noqa: PLR2004 - a map has two axes
        return None
    # In the order of the settings, so that one segmentation's map looks like another's.
    x, y = (view for name, view in subject.features.items() if name in names)
    scales = _scale(segmentation, x), _scale(segmentation, y)
    cells, axes = _read_cells(
        subject,
        scales,
        [quote_identifier(x.name), quote_identifier(y.name)],
        "fct_segment_points WHERE segmentation = $1",
        [subject.name],
    )
    if not axes:
        return None
    of_features = [axis.feature for axis in segmentation.coordinates]
    positions = of_features.index(x.name), of_features.index(y.name)
    n_hidden = len(of_features) - 2
    has_lines, is_slice = n_hidden <= _MOST_HIDDEN, n_hidden > 0
    plot = Plot(
        name=f"map-{subject.name}",
        title=f"Map of the segments: {x.title} and {y.title}",
        x_title=x.title,
        y_title=y.title,
        description=_description(subject, (x, y)),
        content=map_marks(
            cells,
            axes,
            subject.labels,
            centres=_centres(segmentation, positions),
            lines=boundary_lines(segmentation, positions, axes) if has_lines else [],
            is_slice=is_slice,
        ),
        height=460,
    )
    clipped = [
        view.label
        for view, scale in zip((x, y), scales, strict=True)
        if scale.coordinate.low is not None
    ]
    data = _brush_data((x, y), scales, axes, cells)
    return Map(plot, has_lines, is_slice, clipped, data)


def _brush_data(
    views: Views, scales: tuple[Scale, Scale], axes: Axes, cells: Sequence[Cell]
) -> dict[str, Any]:
    """Write what the page counts with: axes, and customers by their shares of them."""
    return {
        "axes": [
            scale.coordinate.model_dump()
            | {"title": view.title, "from": axis.minimum, "to": axis.maximum}
            for view, scale, axis in zip(views, scales, axes, strict=True)
        ],
        "cells": [
            [
                round(axes[0].percent(cell.x) / 100, 5),
                round(axes[1].percent(cell.y) / 100, 5),
                cell.counts,
            ]
            for cell in cells
        ],
    }


def read_pairs(subject: Subject) -> list[Plot]:
    """Draw pairs of the features that separate most, by the segment of every bin."""
    known = {
        row["name"]
        for row in subject.marts.query(
            "SELECT DISTINCT unnest([feature, other_feature]) AS name "
            "FROM fct_feature_pairs WHERE segmentation = $1",
            [subject.name],
        )
    }
    # Features that are not used to form the segments come last.
    order = dict.fromkeys([*separating(subject.segmentation), *subject.features])
    chosen = [name for name in order if name in known][:MAX_PAIRED]
    shown = [view for name, view in subject.features.items() if name in chosen]
    plots = [_pair_chart(subject, pair) for pair in combinations(shown, 2)]
    return [plot for plot in plots if plot]


def _pair_chart(subject: Subject, pair: Views) -> Plot | None:
    x, y = pair
    cells, axes = _read_cells(
        subject,
        (_scale(subject.segmentation, x), _scale(subject.segmentation, y)),
        ["(bin_from + bin_to) / 2", "(other_bin_from + other_bin_to) / 2"],
        "fct_feature_pairs WHERE segmentation = $1 AND feature = $2 "
        "AND other_feature = $3",
        [subject.name, x.name, y.name],
    )
    return axes and Plot(
        name=f"pair-{subject.name}-{x.name}-{y.name}",
        title=f"{x.title} and {y.title}",
        x_title=x.title,
        y_title=y.title,
        description="Customers in bins, by segment.",
        content=map_marks(cells, axes, subject.labels),
        height=220,
    )


def _read_cells(
    subject: Subject,
    scales: tuple[Scale, Scale],
    at: Sequence[str],
    relation: str,
    parameters: Sequence[str],
) -> tuple[list[Cell], Axes | None]:
    """Read where customers are by two numbers, and choose axes around them."""
    x, y, segment, n = subject.marts.arrays(
        f"SELECT {at[0]}, {at[1]}, segment_id, sum(n_customers) AS n "  # noqa: S608
        f"FROM {relation} AND {at[0]} IS NOT NULL AND {at[1]} IS NOT NULL "
        "GROUP BY ALL ORDER BY ALL",
        parameters,
    )
    if not len(x):
        return [], None
    cells = count_cells(scales[0].place(x), scales[1].place(y), segment, n)
    return cells, (
        scales[0].axis([cell.x for cell in cells], padding=_PADDING),
        scales[1].axis([cell.y for cell in cells], padding=_PADDING),
    )


def _scale(segmentation: ModelSegmentation, view: FeatureView) -> Scale:
    """Draw a feature as the model takes it, and as measured if it does not."""
    for axis in segmentation.coordinates:
        if axis.feature == view.name:
            return Scale(axis)
    return Scale(Coordinate(feature=view.name, center=0.0, scale=1.0))


def _description(subject: Subject, views: Views) -> str:
    places = [
        f"{subject.labels[segment.segment_id]} at "
        + ", ".join(
            f"{view.label} {view.with_unit(float(segment.centroid[view.name]))}"
            for view in views
        )
        for segment in subject.segmentation.segments
    ]
    return "Centres of the segments: " + "; ".join(places) + "."


def _centres(
    segmentation: ModelSegmentation, positions: tuple[int, int]
) -> list[Centre]:
    """Place centroids by their coordinates, which are means of transformed values."""
    axes = [segmentation.coordinates[number] for number in positions]
    centres = []
    for segment in segmentation.segments:
        x, y = (
            axis.center + segment.coordinates[number] * axis.scale / axis.weight
            for number, axis in zip(positions, axes, strict=True)
        )
        centres.append((segment.segment_id, x, y))
    return centres
