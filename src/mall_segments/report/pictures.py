"""Pictures of the report's charts for slides and documents."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from markupsafe import Markup

from mall_segments.report.charts import shortened
from mall_segments.report.markers import marker, marker_definitions
from mall_segments.report.plots import MARGINS, Plot, StripChart
from mall_segments.report.reading import Progress
from mall_segments.report.sections import SegmentationView
from mall_segments.report.svg import element, joined

WIDTH: Final = 960
PNG_SCALE: Final = 1.5

_PADDING = 24
_TITLE_HEIGHT = 46
_CAPTION_HEIGHT = 26
_LABEL_WIDTH = 190
_STRIP_GAP = 6

_VARIABLE = re.compile(r"var\((--[a-z0-9-]+)\)")
_DEFINITION = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")


@dataclass(frozen=True)
class Picture:
    """A picture of its own: its file name without ending, and its SVG."""

    name: str
    svg: str


def write_pictures(
    folder: Path,
    views: Iterable[SegmentationView],
    *,
    progress: Progress | None = None,
) -> None:
    """Write every picture as SVG and as PNG.

    Parameters
    ----------
    folder : Path
        Created if need be; it holds ``<segmentation>_map.svg`` and so on.
    views : iterable of SegmentationView
        What the report shows.
    progress : callable, optional
        Called with the picture that is drawn next and the share done before.
    """
    import vl_convert  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    pictures = draw_pictures(views)
    for number, picture in enumerate(pictures):
        if progress:
            progress(picture.name, number / len(pictures))
        (folder / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
        png = vl_convert.svg_to_png(picture.svg, scale=PNG_SCALE)
        (folder / f"{picture.name}.png").write_bytes(png)


def draw_pictures(views: Iterable[SegmentationView]) -> list[Picture]:
    """Draw the map, the profiles and the choice of the number, per segmentation."""
    pictures = []
    for view in views:
        name = re.sub(r"[^a-z0-9]+", "_", view.name.lower())
        pictures += [
            Picture(f"{name}_map", _map_picture(view)),
            Picture(f"{name}_profiles", _profiles_picture(view)),
            Picture(f"{name}_number", _number_picture(view)),
        ]
    return pictures


def _map_picture(view: SegmentationView) -> str:
    height = 520
    plot = view.map.plot
    area = _plot_area(plot, _PADDING, _TITLE_HEIGHT, WIDTH - 2 * _PADDING, height)
    return _picture(_headline(view), [area], _TITLE_HEIGHT + height + _PADDING)


def _number_picture(view: SegmentationView) -> str:
    columns = 3
    width = (WIDTH - 2 * _PADDING - (columns - 1) * _PADDING) / columns
    height = 230
    areas = [
        _plot_area(
            plot,
            _PADDING + (index % columns) * (width + _PADDING),
            _TITLE_HEIGHT + (index // columns) * height,
            width,
            height - 16,
        )
        for index, (_, plot) in enumerate(view.counts.plots)
    ]
    n_rows = -(-len(areas) // columns)
    title = f"Every number of segments by {view.title}, by six criteria"
    return _picture(title, areas, _TITLE_HEIGHT + n_rows * height + 8)


def _profiles_picture(view: SegmentationView) -> str:
    top = float(_TITLE_HEIGHT)
    areas = []
    for chart in view.profiles.spreads:
        area, height = _strip_area(chart, top)
        areas.append(area)
        top += height
    title = f"Profiles of the segments by {view.title}"
    return _picture(title, areas, top + 8)


def _headline(view: SegmentationView) -> str:
    n_customers = view.total["n_customers"]
    return f"{n_customers:,.0f} customers in {view.total['n_segments']} segments"


def _plot_area(plot: Plot, x: float, y: float, width: float, height: float) -> Markup:
    """Draw a plot with its axis titles into a rectangle of the picture."""
    top = _CAPTION_HEIGHT + MARGINS.top
    inner_height = height - top - MARGINS.bottom - _CAPTION_HEIGHT
    return joined(
        _text(shortened(f"↑ {plot.y_title}", 60), x, y + 16, "axis-title"),
        element(
            "svg",
            plot.content,
            x=x + MARGINS.left,
            y=y + top,
            width=width - MARGINS.left - MARGINS.right,
            height=inner_height,
            overflow="visible",
        ),
        _text(
            shortened(f"{plot.x_title} →", 60),
            x + width - MARGINS.right,
            y + height - 6,
            "axis-title",
            anchor="end",
        ),
    )


def _strip_area(chart: StripChart, top: float) -> tuple[Markup, float]:
    left = _PADDING + _LABEL_WIDTH
    width = WIDTH - left - 2 * _PADDING
    parts = [_text(shortened(chart.x_title, 80), _PADDING, top + 16, "caption")]
    y = top + _CAPTION_HEIGHT
    for strip in chart.strips:
        middle = y + chart.height / 2
        if strip.segment_id:
            parts.append(
                marker(
                    strip.segment_id,
                    x=f"{_PADDING + 8}",
                    y=f"{middle:g}",
                    size=5,
                    class_="marker",
                )
            )
        parts += [
            _text(shortened(strip.label, 24), _PADDING + 24, middle + 4, "strip-name"),
            element(
                "svg",
                strip.content,
                x=left,
                y=y,
                width=width,
                height=chart.height,
                overflow="visible",
            ),
        ]
        y += chart.height + _STRIP_GAP
    parts.append(
        element(
            "svg",
            chart.axis_content(),
            x=left,
            y=y - _STRIP_GAP,
            width=width,
            height=20,
            overflow="visible",
        )
    )
    return joined(*parts), y - top + _CAPTION_HEIGHT


def _text(
    content: str, x: float, y: float, class_: str, *, anchor: str | None = None
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
