"""The charts of the report: each a pure function from rows to marks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from mall_segments.report.boundaries import Line
from mall_segments.report.labels import label_offsets
from mall_segments.report.markers import (
    gender_marker,
    marker,
    shape_class,
    size_number,
)
from mall_segments.report.plots import Plot, Strip, grid
from mall_segments.report.svg import Axis, element, joined, nice_axis, share

LABEL_LENGTH: Final = 26
"""Characters of a name that a direct label shows; the rest is in the table."""

GENDERS: Final = ("female", "male", "unknown")
AGE_BANDS: Final = (
    "under 18",
    "18-24",
    "25-34",
    "35-44",
    "45-54",
    "55-64",
    "65 and over",
    "unknown",
)

_FAINTEST = 0.35

# Share of the whole that a part needs for each letter of its name.
_ROOM_FOR_A_LETTER: Final = 0.02
_ROOM_ON_A_PHONE: Final = 0.032


@dataclass(frozen=True)
class Cell:
    """Customers drawn as one mark: those on a point, or in a bin of a grid.

    Attributes
    ----------
    x, y : float
        Where they are, or the middle of their bin.
    counts : tuple of (int, int)
        Group (a segment id, or the position of a gender) and number of customers,
        largest first.
    """

    x: float
    y: float
    counts: tuple[tuple[int, int], ...]

    @property
    def n_customers(self) -> int:
        """Count all customers of the cell."""
        return sum(n for _, n in self.counts)


@dataclass(frozen=True)
class Cells:
    """All cells of a chart; ``width`` and ``height`` are None for points."""

    cells: tuple[Cell, ...]
    width: float | None = None
    height: float | None = None


@dataclass(frozen=True)
class Centre:
    """A centroid to draw, with the name to write beside it."""

    segment_id: int
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Score:
    """The value of a criterion for one number of segments."""

    n_segments: int
    value: float
    error: float | None
    is_chosen: bool
    is_preferred: bool


@dataclass(frozen=True)
class Bin:
    """Customers between two values of a feature."""

    group: int
    start: float
    end: float
    n_customers: int


def cell_axes(cells: Cells) -> tuple[Axis, Axis]:
    """Choose axes that hold all cells."""
    half_width, half_height = (cells.width or 0) / 2, (cells.height or 0) / 2
    xs = [cell.x for cell in cells.cells]
    ys = [cell.y for cell in cells.cells]
    # Markers on the edge need room; bins fill their place.
    padding = 0.0 if cells.width else 0.02
    return (
        nice_axis(
            min(xs) - half_width,
            max(xs) + half_width,
            n_ticks=6,
            padding=padding,
            is_clipped=True,
        ),
        nice_axis(
            min(ys) - half_height,
            max(ys) + half_height,
            n_ticks=6,
            padding=padding,
            is_clipped=True,
        ),
    )


def map_chart(
    cells: Cells,
    axes: tuple[Axis, Axis],
    *,
    name: str,
    title: str,
    x_title: str,
    y_title: str,
    description: str,
    height: int,
    lines: Sequence[Line] = (),
    is_slice: bool = False,
    centres: Sequence[Centre] = (),
) -> Plot:
    """Draw customers where they are, in the marker or the colour of their segment.

    Parameters
    ----------
    cells : Cells
        Points are drawn as markers whose area grows with their customers; bins as
        rectangles in the colour of the segment most of their customers belong to,
        fainter the fewer they are.
    axes : tuple of Axis
        Horizontal and vertical.
    name, title, x_title, y_title, description, height
        See `Plot`.
    lines : sequence of Line
        Boundaries between segments.
    is_slice : bool
        Whether the boundaries hold only for customers with average other features.
    centres : sequence of Centre
        Centroids.
    """
    x_axis, y_axis = axes
    boundaries = [
        element(
            "line",
            x1=x_axis.along(line.x1),
            y1=y_axis.up(line.y1),
            x2=x_axis.along(line.x2),
            y2=y_axis.up(line.y2),
            class_="boundary slice" if is_slice else "boundary",
        )
        for line in lines
    ]
    return Plot(
        name=name,
        title=title,
        x_title=x_title,
        y_title=y_title,
        description=description,
        content=joined(
            grid(x_axis, y_axis),
            element("g", *_cell_marks(cells, x_axis, y_axis), class_="cells"),
            *boundaries,
            *(
                _centre(centre, x_axis, y_axis, offset)
                for centre, offset in zip(
                    centres, _offsets(centres, cells, axes), strict=True
                )
            ),
        ),
        n_marks=len(cells.cells),
        height=height,
    )


def pair_chart(
    cells: Cells,
    *,
    name: str,
    title: str,
    x_title: str,
    y_title: str,
    description: str,
    is_by_gender: bool,
) -> Plot:
    """Draw the most frequent group of every bin as a marker, larger for more."""
    x_axis, y_axis = cell_axes(cells)
    largest = max(cell.n_customers for cell in cells.cells)
    place = gender_marker if is_by_gender else marker
    marks = [
        place(
            cell.counts[0][0],
            x=x_axis.along(cell.x),
            y=y_axis.up(cell.y),
            size=size_number(cell.n_customers, largest),
            class_="mark",
        )
        for cell in cells.cells
    ]
    return Plot(
        name=name,
        title=title,
        x_title=x_title,
        y_title=y_title,
        description=description,
        content=joined(grid(x_axis, y_axis), *marks),
        n_marks=len(marks),
        height=220,
    )


def histogram(
    bins: Sequence[Bin],
    *,
    name: str,
    title: str,
    x_title: str,
    description: str,
) -> Plot:
    """Stack the bins of the groups, in the order of the groups."""
    x_axis = nice_axis(
        min(part.start for part in bins),
        max(part.end for part in bins),
        n_ticks=6,
        is_clipped=True,
    )
    totals: dict[float, int] = {}
    for part in bins:
        totals[part.start] = totals.get(part.start, 0) + part.n_customers
    y_axis = nice_axis(0, max(totals.values()), n_ticks=4)
    stacked: dict[float, int] = {}
    bars = []
    for part in sorted(bins, key=lambda part: (part.group, part.start)):
        below = stacked.get(part.start, 0)
        stacked[part.start] = below + part.n_customers
        bars.append(
            element(
                "rect",
                x=x_axis.along(part.start),
                y=y_axis.up(below + part.n_customers),
                width=share(x_axis.percent(part.end) - x_axis.percent(part.start)),
                height=share(y_axis.percent(part.n_customers)),
                class_=f"mark bar gender-{part.group + 1}",
            )
        )
    return Plot(
        name=name,
        title=title,
        x_title=x_title,
        y_title="customers",
        description=description,
        content=joined(grid(x_axis, y_axis), *bars),
        n_marks=len(bars),
        height=170,
    )


def criterion_chart(
    scores: Sequence[Score], *, name: str, title: str, description: str
) -> Plot:
    """Draw a criterion over the number of segments.

    The chosen number has a vertical line; the number that the criterion itself prefers
    has a ring.
    """
    low = min(score.value - (score.error or 0) for score in scores)
    high = max(score.value + (score.error or 0) for score in scores)
    counts = [score.n_segments for score in scores]
    first, last = min(counts), max(counts)
    step = max(1, math.ceil((last - first) / 10))
    x_axis = Axis(
        first - 0.5, last + 0.5, tuple(map(float, range(first, last + 1, step)))
    )
    y_axis = nice_axis(low, high, n_ticks=4, padding=0.04, is_clipped=True)
    content = [grid(x_axis, y_axis)]
    for score in scores:
        x = x_axis.along(score.n_segments)
        if score.is_chosen:
            content.append(
                element("line", x1=x, y1="0%", x2=x, y2="100%", class_="chosen")
            )
        if score.error:
            content.append(
                element(
                    "line",
                    x1=x,
                    y1=y_axis.up(score.value - score.error),
                    x2=x,
                    y2=y_axis.up(score.value + score.error),
                    class_="error",
                )
            )
    content += [
        element(
            "line",
            x1=x_axis.along(score.n_segments),
            y1=y_axis.up(score.value),
            x2=x_axis.along(following.n_segments),
            y2=y_axis.up(following.value),
            class_="curve",
        )
        for score, following in pairwise(scores)
    ]
    for score in scores:
        x, y = x_axis.along(score.n_segments), y_axis.up(score.value)
        if score.is_preferred:
            content.append(element("circle", cx=x, cy=y, r=8, class_="ring"))
        content.append(element("circle", cx=x, cy=y, r=3.5, class_="mark point"))
    return Plot(
        name=name,
        title=title,
        x_title="number of segments",
        y_title=title,
        description=description,
        content=joined(*content),
        n_marks=len(scores),
        height=150,
    )


def variance_chart(
    shares: Sequence[float], *, name: str, title: str, description: str
) -> Plot:
    """Draw the share of the variance that each component explains."""
    n_components = len(shares)
    x_axis = Axis(
        0.5, n_components + 0.5, tuple(map(float, range(1, n_components + 1)))
    )
    y_axis = nice_axis(0, 100 * max(shares), n_ticks=4)
    bars = [
        element(
            "rect",
            x=x_axis.along(number - 0.3),
            y=y_axis.up(100 * part),
            width=share(60 / n_components),
            height=share(y_axis.percent(100 * part)),
            class_="mark bar neutral",
        )
        for number, part in enumerate(shares, 1)
    ]
    return Plot(
        name=name,
        title=title,
        x_title="principal component",
        y_title="share of variance, %",
        description=description,
        content=joined(grid(x_axis, y_axis), *bars),
        n_marks=len(bars),
        height=170,
    )


def profile_strip(
    segment_id: int,
    label: str,
    bins: Sequence[Bin],
    mean: float,
    overall: float,
    axis: Axis,
) -> Strip:
    """Draw how a segment's customers spread over a feature, and their mean."""
    largest = max(part.n_customers for part in bins)
    bars = [
        element(
            "rect",
            x=axis.along(part.start),
            y=share(92 - 80 * part.n_customers / largest),
            width=share(axis.percent(part.end) - axis.percent(part.start)),
            height=share(80 * part.n_customers / largest),
            class_=f"mark spread {shape_class(segment_id)}",
        )
        for part in bins
    ]
    line = element(
        "line",
        x1=axis.along(overall),
        y1="0%",
        x2=axis.along(overall),
        y2="100%",
        class_="overall",
    )
    mean_mark = marker(
        segment_id, x=axis.along(mean), y="92%", size=3, class_="mark mean"
    )
    return Strip(segment_id, label, joined(*bars, line, mean_mark), len(bars) + 1)


def silhouette_strip(
    segment_id: int,
    label: str,
    slices: Sequence[tuple[float, float, float]],
    mean: float,
    axis: Axis,
) -> Strip:
    """Draw the silhouettes of a segment's customers, best on top.

    Parameters
    ----------
    segment_id, label
        The segment.
    slices : sequence of (float, float, float)
        Share of the segment's customers where a slice begins and where it ends, and
        their mean silhouette.
    mean : float
        The segment's mean silhouette.
    axis : Axis
        From -1 or more to 1.
    """
    zero = axis.percent(0)
    bars = []
    for start, end, value in slices:
        at = axis.percent(value)
        bars.append(
            element(
                "rect",
                x=share(min(zero, at)),
                y=share(5 + 90 * start),
                width=share(abs(at - zero)),
                height=share(90 * (end - start)),
                class_=f"mark slice {shape_class(segment_id)}",
            )
        )
    x = axis.along(mean)
    line = element("line", x1=x, y1="0%", x2=x, y2="100%", class_="segment-mean")
    return Strip(segment_id, label, joined(*bars, line), len(bars))


def mix_strip(
    segment_id: int | None, label: str, parts: Sequence[tuple[str, float, str]]
) -> Strip:
    """Draw the parts of a whole side by side.

    Parameters
    ----------
    segment_id, label
        The segment, or None for all customers.
    parts : sequence of (str, float, str)
        The style class, the share of the whole from 0 to 1, and the name of each part;
        the name is written on it where there is room, on a phone for fewer.
    """
    content = []
    start = 0.0
    for class_, part, name in parts:
        content.append(
            element(
                "rect",
                x=share(100 * start),
                y="12%",
                width=share(100 * part),
                height="76%",
                class_=f"mark part {class_}",
            )
        )
        if part >= _ROOM_FOR_A_LETTER * len(name):
            has_room = part >= _ROOM_ON_A_PHONE * len(name)
            content.append(
                element(
                    "text",
                    name,
                    x=share(100 * (start + part / 2)),
                    y="50%",
                    dy="0.36em",
                    text_anchor="middle",
                    class_=f"part-label{'' if has_room else ' tight'} on-{class_}",
                )
            )
        start += part
    return Strip(segment_id, label, joined(*content), len(parts))


def shortened(text: str, length: int = LABEL_LENGTH) -> str:
    """Cut a text that a picture has no room for.

    Examples
    --------
    >>> shortened("Careful savers"), shortened("Well-off customers of the north", 18)
    ('Careful savers', 'Well-off customer…')
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def distinct_labels(
    personas: Mapping[int, str], names: Mapping[int, str]
) -> dict[int, str]:
    """Label segments by persona, or by name where two share a persona."""
    shared = len(set(personas.values())) < len(personas)
    return dict(names if shared else personas)


def _cell_marks(cells: Cells, x_axis: Axis, y_axis: Axis) -> list[Markup]:
    largest = max(cell.n_customers for cell in cells.cells)
    if cells.width is None or cells.height is None:
        return [
            marker(
                cell.counts[0][0],
                x=x_axis.along(cell.x),
                y=y_axis.up(cell.y),
                size=size_number(cell.n_customers, largest),
                class_="mark",
            )
            for cell in cells.cells
        ]
    width = share(100 * cells.width / (x_axis.maximum - x_axis.minimum))
    height = share(100 * cells.height / (y_axis.maximum - y_axis.minimum))
    return [
        element(
            "rect",
            x=x_axis.along(cell.x - cells.width / 2),
            y=y_axis.up(cell.y + cells.height / 2),
            width=width,
            height=height,
            class_=f"mark cell {shape_class(cell.counts[0][0])}",
            fill_opacity=f"{_strength(cell.n_customers, largest):.2f}",
        )
        for cell in cells.cells
    ]


def _strength(n_customers: int, largest: int) -> float:
    """Grow from faint for one customer to full for the most, by their logarithm."""
    if largest <= 1:
        return 1.0
    return _FAINTEST + (1 - _FAINTEST) * math.log(max(n_customers, 1)) / math.log(
        largest
    )


def _centre(
    centre: Centre, x_axis: Axis, y_axis: Axis, offset: tuple[int, int]
) -> Markup:
    x, y = x_axis.along(centre.x), y_axis.up(centre.y)
    return element(
        "g",
        element("circle", cx=x, cy=y, r=9, class_="centroid"),
        element(
            "text",
            str(centre.segment_id),
            x=x,
            y=y,
            dy="0.36em",
            text_anchor="middle",
            class_="centroid-number",
        ),
        element(
            "text",
            shortened(centre.label),
            x=x,
            y=y,
            dx=offset[0] or None,
            dy=offset[1],
            text_anchor="middle",
            class_="direct-label",
        ),
    )


def _offsets(
    centres: Sequence[Centre], cells: Cells, axes: tuple[Axis, Axis]
) -> list[tuple[int, int]]:
    def place(x: float, y: float) -> tuple[float, float]:
        return axes[0].percent(x), 100 - axes[1].percent(y)

    # Bins lie under every place a name may go, so they do not matter.
    marks = [] if cells.width else [place(cell.x, cell.y) for cell in cells.cells]
    return label_offsets(
        [shortened(centre.label) for centre in centres],
        [place(centre.x, centre.y) for centre in centres],
        marks,
    )
