"""Pictures of the maps for slides and documents."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from mall_segments.report.features import shortened
from mall_segments.report.markers import marker_definitions
from mall_segments.report.plots import MARGINS
from mall_segments.report.svg import element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mall_segments.report.plots import Plot
    from mall_segments.report.sections import SegmentationView

WIDTH: Final = 960
PNG_SCALE: Final = 1.5

_PADDING = 24
_TITLE_HEIGHT = 46
_CAPTION_HEIGHT = 26
_MAP_HEIGHT = 520

_VARIABLE = re.compile(r"var\((--[a-z0-9-]+)\)")
_DEFINITION = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")


def write_pictures(folder: Path, views: Iterable[SegmentationView]) -> None:
    """Write the map of every segmentation as SVG and as PNG.

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
        picture = draw_map(view)
        if picture:
            path = folder / f"{view.name}_map.svg"
            path.write_text(picture, encoding="utf-8")
            png = vl_convert.svg_to_png(picture, scale=PNG_SCALE)
            path.with_suffix(".png").write_bytes(png)


def draw_map(view: SegmentationView) -> str | None:
    """Draw the map of a segmentation as SVG; None if it has none."""
    if not view.map:
        return None
    area = _plot_area(
        view.map.plot, _PADDING, _TITLE_HEIGHT, WIDTH - 2 * _PADDING, _MAP_HEIGHT
    )
    kind = "segments" if view.claims else "parts"
    total = view.total
    title = f"{total['n_customers']:,.0f} customers in {total['n_segments']} {kind}"
    return _picture(title, [area], _TITLE_HEIGHT + _MAP_HEIGHT + _PADDING)


def _plot_area(plot: Plot, x: float, y: float, width: float, height: float) -> Markup:
    """Draw a plot with its axis titles into a rectangle of the picture."""
    top = _CAPTION_HEIGHT + MARGINS.top
    right = x + width - MARGINS.right
    return joined(
        _text(shortened(f"↑ {plot.y_title}", 60), x, y + 16, "axis-title"),
        element(
            "svg",
            plot.content,
            x=x + MARGINS.left,
            y=y + top,
            width=width - MARGINS.left - MARGINS.right,
            height=height - top - MARGINS.bottom - _CAPTION_HEIGHT,
            overflow="visible",
        ),
        _text(
            f"{shortened(plot.x_title, 58)} →",
            right,
            y + height - 6,
            "axis-title",
            "end",
        ),
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
    # What else varies is of parts that no picture has.
    return _VARIABLE.sub(lambda variable: colours.get(variable[1], "none"), css)
