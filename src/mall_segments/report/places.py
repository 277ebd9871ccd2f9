"""Where customers are: the map, pairs of features, and principal components."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mall_segments.model_file import Segmentation
from mall_segments.report import charts
from mall_segments.report.boundaries import Frame, boundary_lines
from mall_segments.report.cells import gathered, read_cells
from mall_segments.report.charts import Cells, Centre
from mall_segments.report.features import FeatureView
from mall_segments.report.marts import Marts, Row
from mall_segments.report.plots import Plot
from mall_segments.report.svg import Axis
from mall_segments.publishing.tables import quote_identifier


@dataclass(frozen=True)
class Map:
    """The map of the segments, and what its brush needs."""

    plot: Plot
    is_binned: bool
    is_slice: bool
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Components:
    """Principal components: variance explained, loadings, and the customers on them."""

    components: tuple[Row, ...]
    loadings: Mapping[tuple[int, str], Row]
    variance: Plot
    plot: Plot | None


def read_map(
    marts: Marts,
    segmentation: Segmentation,
    used: Sequence[FeatureView],
    labels: Mapping[int, str],
    profiles: Sequence[Row],
) -> Map:
    """Draw the map of a segmentation.

    Parameters
    ----------
    marts : Marts
        Where to read.
    segmentation : Segmentation
        Its scaler and centroids.
    used : sequence of FeatureView
        Its features.
    labels : mapping of int to str
        What to call each segment.
    profiles : sequence of Row
        Its rows of fct_segment_profiles.
    """
    x, y = _map_features(used)
    cells = read_cells(
        marts,
        _points(x, y),
        segmentation.name,
        x_resolution=x.resolution,
        y_resolution=y.resolution if y else 1,
    )
    axes = charts.cell_axes(cells)
    x_axis, y_axis = axes
    others = [feature for feature in used if feature not in (x, y)]
    means = {row["feature"]: row["overall_mean"] for row in profiles}
    lines = boundary_lines(
        segmentation,
        x.name,
        y.name if y else None,
        frame=Frame(x_axis.minimum, x_axis.maximum, y_axis.minimum, y_axis.maximum),
        elsewhere={feature.name: means[feature.name] for feature in others},
    )
    y_title = y.title if y else "customers"
    plot = charts.map_chart(
        cells,
        axes,
        name=f"map-{segmentation.name}",
        title=f"Map of the segments: {x.title} and {y_title}",
        x_title=x.title,
        y_title=y_title,
        description=_map_description(segmentation, x, y, labels),
        height=460,
        lines=lines,
        is_slice=bool(others),
        centres=_centres(segmentation, x, y, labels, y_axis),
    )
    return Map(
        plot,
        is_binned=cells.width is not None,
        is_slice=bool(others),
        data={
            "x": [x_axis.minimum, x_axis.maximum],
            "y": [y_axis.minimum, y_axis.maximum],
            "xLabel": x.label,
            "yLabel": y.label if y else "customers",
            "step": [x.resolution, y.resolution if y else 1],
            "labels": {str(segment_id): label for segment_id, label in labels.items()},
            "cells": [
                [cell.x, cell.y, list(map(list, cell.counts))] for cell in cells.cells
            ],
        },
    )


def _map_features(
    used: Sequence[FeatureView],
) -> tuple[FeatureView, FeatureView | None]:
    by_name = {feature.name: feature for feature in used}
    names = ("annual_income_kusd", "spending_score")
    if all(name in by_name for name in names):
        return by_name[names[0]], by_name[names[1]]
    return used[0], used[1] if len(used) > 1 else None


def _map_description(
    segmentation: Segmentation,
    x: FeatureView,
    y: FeatureView | None,
    labels: Mapping[int, str],
) -> str:
    places = []
    for segment in segmentation.segments:
        place = f"{x.label} {segment.centroid[x.name]:.4g}"
        if y:
            place += f", {y.label} {segment.centroid[y.name]:.4g}"
        places.append(f"{labels[segment.segment_id]} at {place}")
    return "Centres of the segments: " + "; ".join(places) + "."


def _centres(
    segmentation: Segmentation,
    x: FeatureView,
    y: FeatureView | None,
    labels: Mapping[int, str],
    y_axis: Axis,
) -> list[Centre]:
    middle = (y_axis.minimum + y_axis.maximum) / 2
    return [
        Centre(
            segment.segment_id,
            labels[segment.segment_id],
            segment.centroid[x.name],
            segment.centroid[y.name] if y else middle,
        )
        for segment in segmentation.segments
    ]


def _points(x: FeatureView, y: FeatureView | None) -> str:
    """Write the SQL of the points of a segmentation, see `read_cells`.

    Without ``y`` a point is as high as it has customers.
    """
    points = (
        f"SELECT {quote_identifier(x.name)} AS x, "  # noqa: S608
        f"{quote_identifier(y.name) if y else 'NULL'} AS y, segment_id AS g, "
        "sum(n_customers)::BIGINT AS n "
        "FROM fct_segment_points WHERE segmentation = $1 GROUP BY ALL"
    )
    if y:
        return points
    return f"SELECT x, n AS y, g, n FROM ({points})"  # noqa: S608


def read_gender_pairs(
    marts: Marts, segmentation: str, features: Mapping[str, FeatureView]
) -> tuple[Plot, ...]:
    """Draw every pair of features, with the gender most frequent in each bin.

    Every segmentation counts every customer once, so any of them will do.
    """
    return tuple(
        charts.pair_chart(
            cells,
            name=f"pair-{x.name}-{y.name}-gender",
            title=f"{x.title} and {y.title}",
            x_title=x.title,
            y_title=y.title,
            description="Customers in bins, by gender.",
            is_by_gender=True,
        )
        for x, y in combinations(features.values(), 2)
        if (cells := _pair_cells(marts, segmentation, x, y, "gender")).cells
    )


def read_segment_pairs(
    marts: Marts, segmentation: str, features: Mapping[str, FeatureView]
) -> tuple[Plot, ...]:
    """Draw every pair of features, with the segment most frequent in each bin."""
    return tuple(
        charts.pair_chart(
            cells,
            name=f"pair-{segmentation}-{x.name}-{y.name}",
            title=f"{x.title} and {y.title}",
            x_title=x.title,
            y_title=y.title,
            description="Customers in bins, by segment.",
            is_by_gender=False,
        )
        for x, y in combinations(features.values(), 2)
        if (cells := _pair_cells(marts, segmentation, x, y, "segment_id")).cells
    )


def _pair_cells(
    marts: Marts, segmentation: str, x: FeatureView, y: FeatureView, group: str
) -> Cells:
    # The middle of the values that a bin can hold: its end is not among them.
    rows = marts.query(
        "SELECT (bin_from + bin_to - $4) / 2 AS x, "  # noqa: S608
        f"(other_bin_from + other_bin_to - $5) / 2 AS y, {group} AS g, "
        "sum(n_customers)::BIGINT AS n, min(bin_to - bin_from) AS width, "
        "min(other_bin_to - other_bin_from) AS height "
        "FROM fct_feature_pairs "
        "WHERE segmentation = $1 AND feature = $2 AND other_feature = $3 "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, n DESC, g",
        [segmentation, x.name, y.name, x.resolution, y.resolution],
    )
    return gathered(
        (
            (
                row["x"],
                row["y"],
                charts.GENDERS.index(row["g"]) + 1 if group == "gender" else row["g"],
                row["n"],
            )
            for row in rows
        ),
        min((row["width"] for row in rows), default=1),
        min((row["height"] for row in rows), default=1),
    )


def read_components(
    marts: Marts, segmentation: Segmentation, used: Sequence[FeatureView]
) -> Components | None:
    """Draw the principal components, if there are any."""
    where = {"segmentation": segmentation.name}
    rows = marts.rows(
        "fct_principal_components",
        ["segmentation", "component", "feature"],
        where=where,
    )
    if not rows:
        return None
    loadings = {(row["component"], row["feature"]): row for row in rows}
    first = {row["component"]: row for row in reversed(rows)}
    components = [first[number] for number in sorted(first)]
    return Components(
        tuple(components),
        loadings,
        charts.variance_chart(
            [row["explained_variance_ratio"] for row in components],
            name=f"variance-{segmentation.name}",
            title="Variance explained by each principal component",
            description="The numbers are in the table below.",
        ),
        _component_plot(marts, segmentation, used, loadings),
    )


def _component_plot(
    marts: Marts,
    segmentation: Segmentation,
    used: Sequence[FeatureView],
    loadings: Mapping[tuple[int, str], Row],
) -> Plot | None:
    if len(used) <= 2:  # noqa: PLR2004 - two features are on the map already
        return None
    scaled = {
        feature.name: f"({quote_identifier(feature.name)} - {feature.center!r}) "
        f"/ {feature.scale!r}"
        for feature in segmentation.features
    }
    x, y = (
        " + ".join(
            f"({sql}) * {loadings[component, name]['loading']!r}"
            for name, sql in scaled.items()
        )
        for component in (1, 2)
    )
    points = (
        f"SELECT round({x}, 9) AS x, round({y}, 9) AS y, segment_id AS g, "  # noqa: S608
        "sum(n_customers)::BIGINT AS n FROM fct_segment_points "
        "WHERE segmentation = $1 GROUP BY ALL"
    )
    cells = read_cells(marts, points, segmentation.name)
    return charts.map_chart(
        cells,
        charts.cell_axes(cells),
        name=f"components-{segmentation.name}",
        title="Customers along the first two principal components",
        x_title="first component",
        y_title="second component",
        description="Points in the colour and shape of their segment.",
        height=260,
    )
