"""Where customers are: the map of a segmentation, and pairs of features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from mall_segments.model import Coordinate, ModelSegmentation
from mall_segments.publishing.tables import quote_identifier
from mall_segments.report import charts
from mall_segments.report.charts import Bin, Centre, Plot
from mall_segments.report.features import FeatureView
from mall_segments.report.markers import shape_class
from mall_segments.report.marts import Subject
from mall_segments.report.plane import (
    Array,
    Cells,
    Scale,
    average_coordinates,
    boundary_lines,
    count_cells,
    gather,
)
from mall_segments.report.svg import Axis

MAX_PAIRED: Final = 4
"""Features that are drawn in pairs: those that separate the segments most."""

# With more coordinates that are not drawn, the lines of an average customer mislead.
_MOST_HIDDEN: Final = 1

_N_BINS: Final = 40


@dataclass(frozen=True)
class Map:
    """The map of the segments, and what its brush needs.

    ``data`` is None where there is a single number to draw, as bars.
    """

    plot: Plot
    is_binned: bool = True
    has_lines: bool = False
    is_slice: bool = False
    clipped: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None


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
    """Draw the map by the two numbers that separate most; None without any number."""
    segmentation = subject.segmentation
    names = separating(segmentation)
    if len(names) < 2:  # noqa: PLR2004 - a map has two axes
        return _bars(subject, subject.features[names[0]]) if names else None
    # In the order of the settings, so that one segmentation's map looks like another's.
    x, y = (view for name, view in subject.features.items() if name in names[:2])
    columns = _places(subject, x.name, y.name)
    if not len(columns[0]):
        return None
    of_features = [axis.feature for axis in segmentation.coordinates]
    positions = (of_features.index(x.name), of_features.index(y.name))
    scales = (_scale(segmentation, x.name), _scale(segmentation, y.name))
    cells = count_cells(
        scales[0].place(columns[0]), scales[1].place(columns[1]), columns[2], columns[3]
    )
    # Markers on the edge need room; bins fill their place.
    axes = _axes(cells, scales, 0.0 if cells.width else 0.03)
    n_hidden = len(segmentation.coordinates) - len(positions)
    has_lines = n_hidden <= _MOST_HIDDEN
    lines = boundary_lines(segmentation, *positions, axes) if has_lines else []
    plot = Plot(
        name=f"map-{subject.name}",
        title=f"Map of the segments: {x.title} and {y.title}",
        x_title=x.title,
        y_title=y.title,
        description=_description(subject, x, y),
        content=charts.map_marks(
            cells,
            axes,
            subject.labels,
            centres=_centres(segmentation, positions),
            lines=lines,
            is_slice=n_hidden > 0,
        ),
        n_marks=len(cells.cells),
        height=460,
    )
    return Map(
        plot,
        is_binned=cells.width is not None,
        has_lines=bool(lines),
        is_slice=n_hidden > 0,
        clipped=tuple(
            view.label
            for view, scale in ((x, scales[0]), (y, scales[1]))
            if scale.coordinate.low is not None
        ),
        data=_brush_data(cells, axes, scales, columns)
        | {"xLabel": x.title, "yLabel": y.title},
    )


def _places(subject: Subject, x: str, y: str) -> list[Array]:
    """Return where customers are by two numbers, their segments, and how many."""
    x, y = quote_identifier(x), quote_identifier(y)
    return subject.marts.arrays(
        f"SELECT {x}, {y}, segment_id, sum(n_customers)::BIGINT AS n "  # noqa: S608
        "FROM fct_segment_points "
        f"WHERE segmentation = $1 AND {x} IS NOT NULL AND {y} IS NOT NULL "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [subject.name],
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
    places = [
        [
            round(axes[0].percent(cell.x) / 100, 5),
            round(axes[1].percent(cell.y) / 100, 5),
            cell.counts,
        ]
        for cell in cells.cells
    ]
    return {"x": x, "y": y, "cells": places}


def read_pairs(subject: Subject) -> tuple[Plot, ...]:
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
    plots = [_pair_chart(subject, x, y) for x, y in combinations(shown, 2)]
    return tuple(plot for plot in plots if plot)


def _axes(
    cells: Cells, scales: tuple[Scale, Scale], padding: float
) -> tuple[Axis, Axis]:
    half_width, half_height = (cells.width or 0) / 2, (cells.height or 0) / 2
    xs = [cell.x for cell in cells.cells]
    ys = [cell.y for cell in cells.cells]
    return (
        scales[0].axis(min(xs) - half_width, max(xs) + half_width, padding=padding),
        scales[1].axis(min(ys) - half_height, max(ys) + half_height, padding=padding),
    )


def _description(subject: Subject, x: FeatureView, y: FeatureView) -> str:
    places = [
        f"{subject.labels[segment.segment_id]} at "
        + ", ".join(
            f"{feature.label} {feature.with_unit(value)}"
            for feature in (x, y)
            if not isinstance(value := segment.centroid[feature.name], str)
        )
        for segment in subject.segmentation.segments
    ]
    return "Centres of the segments: " + "; ".join(places) + "."


def _centres(segmentation: ModelSegmentation, positions: Sequence[int]) -> list[Centre]:
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


def _bars(subject: Subject, feature: FeatureView) -> Map | None:
    values = "fct_segment_feature_values WHERE segmentation = $1 AND feature = $2"
    (limits,) = subject.marts.query(
        f"SELECT min(value) AS low, max(value) AS high FROM {values}",  # noqa: S608
        [subject.name, feature.name],
    )
    if limits["low"] is None:
        return None
    start, width = bins_of(limits["low"], limits["high"], is_whole=feature.is_whole)
    rows = subject.marts.query(
        "SELECT floor((value - $3) / $4 + 1e-9) AS bin, segment_id, "  # noqa: S608
        f"sum(n_customers)::BIGINT AS n FROM {values} GROUP BY 1, 2 ORDER BY 1, 2",
        [subject.name, feature.name, start, width],
    )
    ids = list(subject.labels)
    bins = [
        Bin(
            ids.index(row["segment_id"]),
            start + row["bin"] * width,
            start + (row["bin"] + 1) * width,
            row["n"],
            f"{subject.labels[row['segment_id']]}: {row['n']:,}",
        )
        for row in rows
    ]
    return Map(
        Plot(
            name=f"map-{subject.name}",
            title=f"The segments along {feature.title}",
            x_title=feature.title,
            y_title="customers",
            description="Customers of each segment in bins.",
            content=charts.histogram_marks(bins, list(map(shape_class, ids))),
            n_marks=len(bins),
            height=260,
        )
    )


def bins_of(minimum: float, maximum: float, *, is_whole: bool) -> tuple[float, float]:
    """Choose where bins begin and how wide they are: of whole numbers, equally many.

    >>> bins_of(1, 99, is_whole=True), bins_of(0, 12, is_whole=False)
    ((0.5, 3.0), (0, 0.3))
    """
    if is_whole:
        return minimum - 0.5, float(-(-(maximum - minimum + 1) // _N_BINS))
    return minimum, (maximum - minimum) / _N_BINS or 1.0


def _pair_chart(subject: Subject, x: FeatureView, y: FeatureView) -> Plot | None:
    columns = subject.marts.arrays(
        "SELECT (bin_from + bin_to) / 2, (other_bin_from + other_bin_to) / 2, "
        "segment_id, sum(n_customers)::BIGINT AS n FROM fct_feature_pairs "
        "WHERE segmentation = $1 AND feature = $2 AND other_feature = $3 "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [subject.name, x.name, y.name],
    )
    if not len(columns[0]):
        return None
    scales = (
        _scale(subject.segmentation, x.name),
        _scale(subject.segmentation, y.name),
    )
    places = [scale.place(at) for scale, at in zip(scales, columns, strict=False)]
    rows = zip(*(each.tolist() for each in (*places, *columns[2:])), strict=True)
    cells = gather(rows)
    return Plot(
        name=f"pair-{subject.name}-{x.name}-{y.name}",
        title=f"{x.title} and {y.title}",
        x_title=x.title,
        y_title=y.title,
        description="Customers in bins, by segment.",
        content=charts.map_marks(cells, _axes(cells, scales, 0.06), subject.labels),
        n_marks=len(cells.cells),
        height=220,
    )


def _scale(segmentation: ModelSegmentation, name: str) -> Scale:
    """Draw a feature as the model takes it, and as measured if it does not."""
    for axis in segmentation.coordinates:
        if axis.feature == name:
            return Scale(axis)
    return Scale(Coordinate(feature=name, center=0.0, scale=1.0))
