"""Pictures of the maps for slides and documents."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

from markupsafe import Markup

from mall_segments.report.charts import Plot
from mall_segments.report.features import shortened
from mall_segments.report.markers import marker_definitions
from mall_segments.report.sections import SegmentationView
from mall_segments.report.svg import element

WIDTH: Final = 960
PNG_SCALE: Final = 1.5

_PADDING = 24
_TOP, _RIGHT, _BOTTOM, _LEFT = 82, 38, 74, 70
_MAP_HEIGHT = 434
_HEIGHT = _TOP + _MAP_HEIGHT + _BOTTOM

_VARIABLE = re.compile(r"var\((--[a-z0-9-]+)\)")
_DEFINITION = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")


def write_pictures(folder: Path, views: Iterable[SegmentationView]) -> None:
    """Write the map of every segmentation as SVG and as PNG, NAME_map.svg and so on."""
    import vl_convert  # noqa: PLC0415 - optional

    folder.mkdir(parents=True, exist_ok=True)
    for view in views:
        if view.map:
            picture = _picture(view, view.map.plot)
            path = folder / f"{view.name}_map.svg"
            path.write_text(picture, encoding="utf-8")
            png = vl_convert.svg_to_png(picture, scale=PNG_SCALE)
            path.with_suffix(".png").write_bytes(png)


def _picture(view: SegmentationView, plot: Plot) -> str:
    """Draw on a white sheet, which is as readable on a dark page as on a light one."""
    kind = "segments" if view.claims else "parts"
    n_customers, n_segments = (view.total[of] for of in ("n_customers", "n_segments"))
    title = f"{n_customers:,.0f} customers in {n_segments} {kind}"
    return element(
        "svg",
        element("title", title),
        element("style", Markup(_style())),  # noqa: S704 - a file of this package
        marker_definitions(),
        element("rect", width="100%", height="100%", rx=10, class_="sheet"),
        _text(title, _PADDING, 34, "headline"),
        _text(shortened(f"↑ {plot.y_title}", 60), _PADDING, 62, "axis-title"),
        element(
            "svg",
            plot.content,
            x=_LEFT,
            y=_TOP,
            width=WIDTH - _LEFT - _RIGHT,
            height=_MAP_HEIGHT,
            overflow="visible",
        ),
        _text(
            f"{shortened(plot.x_title, 58)} →",
            WIDTH - _RIGHT,
            _HEIGHT - 30,
            "axis-title",
            "end",
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {_HEIGHT}",
        width=WIDTH,
        height=_HEIGHT,
        role="img",
    )


def _text(
    content: str, x: float, y: float, class_: str, anchor: str | None = None
) -> Markup:
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def _style() -> str:
    """Resolve the colours of the light page: not all that draw SVG know variables."""
    assets = files("mall_segments.report") / "assets"
    css = (assets / "charts.css").read_text(encoding="utf-8")
    found = _DEFINITION.findall((assets / "colours.css").read_text(encoding="utf-8"))
    # The light page's colours come first in the file.
    colours = dict(reversed(found))
    # What else varies is of parts that no picture has.
    return _VARIABLE.sub(lambda variable: colours.get(variable[1], "none"), css)
