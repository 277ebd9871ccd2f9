"""Where customers are: the map of a segmentation, and pairs of features."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mall_segments.model import Coordinate
from mall_segments.publishing.tables import quote_identifier
from mall_segments.report import charts
from mall_segments.report.boundaries import (
    Frame,
    average_coordinates,
    boundary_lines,
)
from mall_segments.report.cells import Cell, Cells, count_cells, gather
from mall_segments.report.charts import Bin, Centre
from mall_segments.report.markers import shape_class
from mall_segments.report.scales import Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.model import ModelSegmentation
    from mall_segments.report.cells import Array
    from mall_segments.report.features import FeatureView
    from mall_segments.report.marts import Marts
    from mall_segments.report.plots import Plot
    from mall_segments.report.svg import Axis

MAX_PAIRED: Final = 4
"""Features that are drawn in pairs: those that separate the segments most."""

# With more coordinates that are not drawn, the lines of an average customer mislead.
_MOST_HIDDEN: Final = 1

_HEIGHT: Final = 460


@dataclass(frozen=True)
class Map:
    """The map of the segments, and what its brush needs.

    ``data`` is None where there is a single number to draw, as bars.
    """

    plot: Plot
    is_binned: bool
    has_lines: bool
    is_slice: bool
    clipped: tuple[str, ...]
    data: Mapping[str, Any] | None


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


def read_map(
    marts: Marts,
    segmentation: ModelSegmentation,
    features: Mapping[str, FeatureView],
    labels: Mapping[int, str],
) -> Map | None:
    """Draw the map by the two numbers that separate most; None without any number."""
    names = separating(segmentation)
    if len(names) < 2:  # noqa: PLR2004 - a map has two axes
        bars = [_bars(marts, segmentation, features[name], labels) for name in names]
        return next(iter(bars), None)
    # In the order of the settings, so that one segmentation's map looks like another's.
    chosen = [name for name in features if name in names[:2]]
    x, y = (features[name] for name in chosen)
    of_features = [axis.feature for axis in segmentation.coordinates]
    positions = [of_features.index(name) for name in chosen]
    x_scale, y_scale = (_scale(segmentation, name) for name in chosen)
    columns = _places(marts, segmentation.name, x.name, y.name)
    if not len(columns[0]):
        return None
    cells = count_cells(
        x_scale.place(columns[0]), y_scale.place(columns[1]), columns[2], columns[3]
    )
    axes = _axes(cells, x_scale, y_scale)
    n_hidden = len(segmentation.coordinates) - len(positions)
    frame = Frame(axes[0].minimum, axes[0].maximum, axes[1].minimum, axes[1].maximum)
    lines = (
        boundary_lines(segmentation, positions[0], positions[1], frame)
        if n_hidden <= _MOST_HIDDEN
        else []
    )
    plot = charts.map_chart(
        cells,
        axes,
        name=f"map-{segmentation.name}",
        title=f"Map of the segments: {x.title} and {y.title}",
        titles=(x.title, y.title),
        description=_description(segmentation, x, y, labels),
        height=_HEIGHT,
        says=lambda cell: _says(cell, labels),
        lines=lines,
        is_slice=n_hidden > 0,
        centres=_centres(segmentation, positions, labels),
    )
    return Map(
        plot,
        is_binned=cells.width is not None,
        has_lines=bool(lines),
        is_slice=n_hidden > 0,
        clipped=tuple(
            each.label
            for each in (x, y)
            if _scale(segmentation, each.name).coordinate.low is not None
        ),
        data=_brush_data(cells, axes, (x_scale, y_scale), columns)
        | {"xLabel": x.title, "yLabel": y.title},
    )


def _places(marts: Marts, segmentation: str, x: str, y: str) -> list[Array]:
    """Return where customers are by two numbers, their segments, and how many."""
    x, y = quote_identifier(x), quote_identifier(y)
    return marts.arrays(
        f"SELECT {x}, {y}, segment_id, sum(n_customers)::BIGINT AS n "  # noqa: S608
        "FROM fct_segment_points "
        f"WHERE segmentation = $1 AND {x} IS NOT NULL AND {y} IS NOT NULL "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [segmentation],
    )


def _brush_data(
    cells: Cells,
    axes: tuple[Axis, Axis],
    scales: tuple[Scale, Scale],
    columns: Sequence[Array],
) -> dict[str, Any]:
    """Write what the page counts with: axes, and customers by their places on them."""
    x, y = (
        scale.knots(axis, float(values.min()), float(values.max()))
        for scale, axis, values in zip(scales, axes, columns, strict=False)
    )
    return {
        "x": x,
        "y": y,
        "cells": [
            [
                round(axes[0].percent(cell.x) / 100, 5),
                round(axes[1].percent(cell.y) / 100, 5),
                cell.counts,
            ]
            for cell in cells.cells
        ],
    }


def read_pairs(
    marts: Marts,
    segmentation: ModelSegmentation,
    features: Mapping[str, FeatureView],
    labels: Mapping[int, str],
) -> tuple[Plot, ...]:
    """Draw pairs of the features that separate most, by the segment of every bin."""
    order = separating(segmentation)
    known = {
        row["name"]
        for row in marts.query(
            "SELECT DISTINCT unnest([feature, other_feature]) AS name "
            "FROM fct_feature_pairs WHERE segmentation = $1",
            [segmentation.name],
        )
    }
    # Features that are not used to form the segments come last.
    order += [name for name in features if name not in order]
    chosen = [name for name in order if name in known][:MAX_PAIRED]
    shown = [features[name] for name in features if name in chosen]
    plots = [
        _pair_chart(marts, segmentation, pair, labels)
        for pair in combinations(shown, 2)
    ]
    return tuple(plot for plot in plots if plot)


def _axes(cells: Cells, x_scale: Scale, y_scale: Scale) -> tuple[Axis, Axis]:
    # Markers on the edge need room; bins fill their place.
    padding = 0.0 if cells.width else 0.03
    half_width, half_height = (cells.width or 0) / 2, (cells.height or 0) / 2
    xs = [cell.x for cell in cells.cells]
    ys = [cell.y for cell in cells.cells]
    return (
        x_scale.axis(min(xs) - half_width, max(xs) + half_width, padding=padding),
        y_scale.axis(min(ys) - half_height, max(ys) + half_height, padding=padding),
    )


def _says(cell: Cell, labels: Mapping[int, str]) -> str:
    return ", ".join(f"{labels[group]}: {n:,}" for group, n in cell.counts)


def _description(
    segmentation: ModelSegmentation,
    x: FeatureView,
    y: FeatureView,
    labels: Mapping[int, str],
) -> str:
    places = [
        f"{labels[segment.segment_id]} at "
        + ", ".join(
            f"{feature.label} {feature.with_unit(value)}"
            for feature in (x, y)
            if not isinstance(value := segment.centroid[feature.name], str)
        )
        for segment in segmentation.segments
    ]
    return "Centres of the segments: " + "; ".join(places) + "."


def _centres(
    segmentation: ModelSegmentation, positions: Sequence[int], labels: Mapping[int, str]
) -> list[Centre]:
    """Place centroids by their coordinates, which are means of transformed values."""
    centres = []
    for segment in segmentation.segments:
        x, y = (
            axis.center + segment.coordinates[n] * axis.scale / axis.weight
            for n, axis in ((n, segmentation.coordinates[n]) for n in positions)
        )
        centres.append(Centre(segment.segment_id, labels[segment.segment_id], x, y))
    return centres


def _bars(
    marts: Marts,
    segmentation: ModelSegmentation,
    feature: FeatureView,
    labels: Mapping[int, str],
) -> Map | None:
    values, groups, counts = marts.arrays(
        "SELECT value, segment_id, sum(n_customers)::BIGINT AS n "
        "FROM fct_segment_feature_values "
        "WHERE segmentation = $1 AND feature = $2 GROUP BY 1, 2 ORDER BY 1, 2",
        [segmentation.name, feature.name],
    )
    if not len(values):
        return None
    start, width = bins_of(
        float(values.min()), float(values.max()), 40, is_whole=feature.is_whole
    )
    numbers = np.floor((values - start) / width + 1e-9)
    ids = list(labels)
    found = gather(zip(numbers, groups, groups, counts, strict=True), width, 1.0)
    bins = [
        Bin(
            ids.index(int(cell.y)),
            start + cell.x * width,
            start + (cell.x + 1) * width,
            cell.n_customers,
            _says(cell, labels),
        )
        for cell in found.cells
    ]
    plot = charts.histogram(
        bins,
        [shape_class(segment_id) for segment_id in ids],
        name=f"map-{segmentation.name}",
        title=f"The segments along {feature.title}",
        x_title=feature.title,
        description="Customers of each segment in bins.",
        height=260,
    )
    return Map(
        plot, is_binned=True, has_lines=False, is_slice=False, clipped=(), data=None
    )


def bins_of(
    minimum: float, maximum: float, n_bins: int, *, is_whole: bool
) -> tuple[float, float]:
    """Choose where bins begin and how wide they are: of whole numbers, equally many.

    >>> bins_of(1, 99, 48, is_whole=True), bins_of(0, 12, 48, is_whole=False)
    ((0.5, 3.0), (0, 0.25))
    """
    if is_whole:
        return minimum - 0.5, float(-(-(maximum - minimum + 1) // n_bins))
    return minimum, (maximum - minimum) / n_bins or 1.0


def _pair_chart(
    marts: Marts,
    segmentation: ModelSegmentation,
    pair: tuple[FeatureView, FeatureView],
    labels: Mapping[int, str],
) -> Plot | None:
    x, y = pair
    columns = marts.arrays(
        "SELECT (bin_from + bin_to) / 2, (other_bin_from + other_bin_to) / 2, "
        "segment_id, sum(n_customers)::BIGINT AS n FROM fct_feature_pairs "
        "WHERE segmentation = $1 AND feature = $2 AND other_feature = $3 "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [segmentation.name, x.name, y.name],
    )
    if not len(columns[0]):
        return None
    scales = [_scale(segmentation, feature.name) for feature in pair]
    places = [scale.place(at) for scale, at in zip(scales, columns, strict=False)]
    # A width makes one mark of each bin, for the segment most frequent in it.
    cells = gather(
        zip(*(each.tolist() for each in (*places, *columns[2:])), strict=True), 1, 1
    )
    x_axis, y_axis = (
        scale.axis(float(at.min()), float(at.max()), padding=0.06)
        for scale, at in zip(scales, places, strict=True)
    )
    return charts.map_chart(
        cells,
        (x_axis, y_axis),
        name=f"pair-{segmentation.name}-{x.name}-{y.name}",
        title=f"{x.title} and {y.title}",
        titles=(x.title, y.title),
        description="Customers in bins, by segment.",
        height=220,
        says=lambda cell: _says(cell, labels),
        is_shaded=False,
    )


def _scale(segmentation: ModelSegmentation, name: str) -> Scale:
    """Draw a feature as the model takes it, and as measured if it does not."""
    for axis in segmentation.coordinates:
        if axis.feature == name:
            return Scale(axis)
    return Scale(Coordinate(feature=name, center=0.0, scale=1.0))
