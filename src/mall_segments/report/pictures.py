"""Pictures of the report's charts for slides and documents."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from mall_segments.report.features import shortened
from mall_segments.report.markers import marker, marker_definitions
from mall_segments.report.plots import MARGINS
from mall_segments.report.svg import element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mall_segments.report.plots import Plot
    from mall_segments.report.profiles import Snake
    from mall_segments.report.sections import SegmentationView

WIDTH: Final = 960
PNG_SCALE: Final = 1.5

_PADDING = 24
_TITLE_HEIGHT = 46
_CAPTION_HEIGHT = 26
_LABEL_WIDTH = 190
_MAP_HEIGHT = 520
_COLUMNS = 3
_SMALL_HEIGHT = 230

_VARIABLE = re.compile(r"var\((--[a-z0-9-]+)\)")
_DEFINITION = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")


def write_pictures(folder: Path, views: Iterable[SegmentationView]) -> None:
    """Write every picture as SVG and as PNG.

    Parameters
    ----------
    folder : Path
        Created if need be; it holds ``<segmentation>_map.svg`` and so on.
    views : iterable of SegmentationView
        What the report shows.
    """
    import vl_convert  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for view in views:
        for name, picture in draw_pictures(view).items():
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
            png = vl_convert.svg_to_png(picture, scale=PNG_SCALE)
            (folder / f"{name}.png").write_bytes(png)


def draw_pictures(view: SegmentationView) -> dict[str, str]:
    """Draw the map, the profiles and the choice of the number, as SVG by name."""
    pictures = {}
    if view.map:
        area = _plot_area(
            view.map.plot, _PADDING, _TITLE_HEIGHT, WIDTH - 2 * _PADDING, _MAP_HEIGHT
        )
        kind = "segments" if view.claims else "parts"
        title = (
            f"{view.total['n_customers']:,.0f} customers in "
            f"{view.total['n_segments']} {kind}"
        )
        bottom = _TITLE_HEIGHT + _MAP_HEIGHT + _PADDING
        pictures[f"{view.name}_map"] = _picture(title, [area], bottom)
    if view.profiles.snake:
        by = shortened(view.title, 60)
        title = f"Means of the segments by {by}, in standard deviations"
        area, height = _snake_area(view.profiles.snake, view)
        pictures[f"{view.name}_profiles"] = _picture(title, [area], height)
    if view.counts.plots:
        width = (WIDTH - (_COLUMNS + 1) * _PADDING) / _COLUMNS
        areas = [
            _plot_area(
                plot,
                _PADDING + (index % _COLUMNS) * (width + _PADDING),
                _TITLE_HEIGHT + (index // _COLUMNS) * _SMALL_HEIGHT,
                width,
                _SMALL_HEIGHT - 16,
            )
            for index, (_, plot) in enumerate(view.counts.plots)
        ]
        bottom = _TITLE_HEIGHT + -(-len(areas) // _COLUMNS) * _SMALL_HEIGHT + 8
        by = shortened(view.title, 60)
        title = f"Every number of segments by {by}, by each criterion"
        pictures[f"{view.name}_number"] = _picture(title, areas, bottom)
    return pictures


def _plot_area(plot: Plot, x: float, y: float, width: float, height: float) -> Markup:
    """Draw a plot with its axis titles into a rectangle of the picture."""
    top = _CAPTION_HEIGHT + MARGINS.top
    right = x + width - MARGINS.right
    return joined(
        _text(shortened(f"↑ {plot.y_title}", 60), x, y + 16, "axis-title"),
        _drawn(
            plot.content,
            x + MARGINS.left,
            y + top,
            width - MARGINS.left - MARGINS.right,
            height - top - MARGINS.bottom - _CAPTION_HEIGHT,
        ),
        _text(
            f"{shortened(plot.x_title, 58)} →",
            right,
            y + height - 6,
            "axis-title",
            "end",
        ),
    )


def _snake_area(snake: Snake, view: SegmentationView) -> tuple[Markup, float]:
    left = float(_PADDING + _LABEL_WIDTH)
    width, height = WIDTH - left - 2 * _PADDING, snake.row_height * len(snake.features)
    parts = [
        _text(
            shortened(feature.label, 28),
            left - 16,
            _TITLE_HEIGHT + (row + 0.5) * snake.row_height + 4,
            "strip-name",
            "end",
        )
        for row, feature in enumerate(snake.features)
    ]
    parts.append(_drawn(snake.content, left, _TITLE_HEIGHT, width, height))
    below = float(_TITLE_HEIGHT + height)
    parts += [
        _text(
            label,
            left + width * snake.axis.percent(tick) / 100,
            below + 15,
            "tick",
            "middle",
        )
        for tick, label in snake.axis.labelled()
    ]
    column = (WIDTH - 2 * _PADDING) / _COLUMNS
    for place, (segment_id, label) in enumerate(view.labels.items()):
        x = _PADDING + place % _COLUMNS * column
        y = below + 44 + place // _COLUMNS * _CAPTION_HEIGHT
        parts += [
            marker(segment_id, x=f"{x + 8:g}", y=f"{y - 4:g}", size=4, class_="marker"),
            _text(shortened(label, 36), x + 22, y, "strip-name"),
        ]
    n_rows = -(-len(view.labels) // _COLUMNS)
    return joined(*parts), below + 44 + n_rows * _CAPTION_HEIGHT


def _drawn(content: Markup, x: float, y: float, width: float, height: float) -> Markup:
    return element(
        "svg", content, x=x, y=y, width=width, height=height, overflow="visible"
    )


def _text(
    content: str, x: float, y: float, class_: str, anchor: str | None = None
) -> Markup:
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def _picture(title: str, areas: Sequence[Markup], height: float) -> str:
    """Draw on a white sheet, which is as readable on a dark page as on a light one."""
    return str(
        element(
            "svg",
            element("title", title),
            element("style", Markup(_style())),  # noqa: S704 - a file of this package
            marker_definitions(),
            element("rect", width="100%", height="100%", rx=10, class_="sheet"),
            _text(title, _PADDING, 34, "headline"),
            *areas,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {height:g}",
            width=WIDTH,
            height=f"{height:g}",
            role="img",
        )
    )


def _style() -> str:
    """Resolve the colours of the light page: not all that draw SVG know variables."""
    assets = files("mall_segments.report") / "assets"
    css = (assets / "charts.css").read_text(encoding="utf-8")
    found = _DEFINITION.findall((assets / "colours.css").read_text(encoding="utf-8"))
    # The light page's colours come first in the file.
    colours = dict(reversed(found))
    return _VARIABLE.sub(lambda variable: colours[variable[1]], css)
