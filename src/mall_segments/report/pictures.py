"""Pictures of the maps for slides and documents."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from markupsafe import Markup

from mall_segments.report.markers import marker_definitions
from mall_segments.report.page import read_asset, read_template
from mall_segments.report.sections import View

PNG_SCALE: Final = 1.5

_VARIABLE = re.compile(r"var\((--[a-z0-9-]+)\)")
# Of two colours the light page's comes first.
_DEFINITION = re.compile(r"(--[a-z0-9-]+): (?:light-dark\()?(#\w+)")


def write_pictures(folder: Path, views: Iterable[View]) -> None:
    """Write the map of every segmentation as SVG and as PNG, NAME_map.svg and so on."""
    import vl_convert  # noqa: PLC0415 - optional

    folder.mkdir(parents=True, exist_ok=True)
    for view in views:
        if view["map"]:
            picture = _picture(view)
            path = folder / f"{view['name']}_map.svg"
            path.write_text(picture, encoding="utf-8")
            png = vl_convert.svg_to_png(picture, scale=PNG_SCALE)
            path.with_suffix(".png").write_bytes(png)


def _picture(view: View) -> str:
    kind = "segments" if view["claims"] else "parts"
    n_customers, n_segments = (
        view["total"][of] for of in ("n_customers", "n_segments")
    )
    return read_template("picture.svg.j2").render(
        title=f"{n_customers:,.0f} customers in {n_segments} {kind}",
        style=Markup(_style()),  # noqa: S704 - files of this package
        definitions=marker_definitions(),
        plot=view["map"].plot,
    )


def _style() -> str:
    """Resolve the colours of the light page: not all that draw SVG know variables."""
    colours = dict(_DEFINITION.findall(read_asset("colours.css")))
    # What else varies is of parts that no picture has.
    return _VARIABLE.sub(
        lambda variable: colours.get(variable[1], "none"), read_asset("charts.css")
    )
