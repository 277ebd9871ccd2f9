"""The charts of the report: each a pure function from rows to marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mall_segments.report.features import shortened
from mall_segments.report.labels import PHONE, WIDE, label_offsets
from mall_segments.report.markers import marker, shape_class, size_number
from mall_segments.report.plots import Plot, Strip, grid
from mall_segments.report.svg import Axis, element, joined, nice_axis, share, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markupsafe import Markup

    from mall_segments.report.boundaries import Line
    from mall_segments.report.cells import Cell, Cells

LABEL_LENGTH: Final = 26
PHONE_LABEL_LENGTH: Final = 18
"""Characters of a name that a direct label shows; the rest is in the table."""

_FAINTEST = 0.35

# Share of the whole that a part needs for each letter of its name.
_ROOM_FOR_A_LETTER: Final = 0.02
_ROOM_ON_A_PHONE: Final = 0.032

_HALF_BAR: Final = 0.3


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
    """Customers of a group between two values of a feature; ``title`` says which."""

    group: int
    start: float
    end: float
    n_customers: int
    title: str = ""


def map_chart(
    cells: Cells,
    axes: tuple[Axis, Axis],
    *,
    name: str,
    title: str,
    titles: tuple[str, str],
    description: str,
    height: int,
    says: Callable[[Cell], str],
    lines: Sequence[Line] = (),
    is_slice: bool = False,
    centres: Sequence[Centre] = (),
    is_shaded: bool = True,
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
    name, title, description, height
        See `Plot`; ``titles`` are those of the axes.
    says : callable
        What a mark says when pointed at.
    lines : sequence of Line
        Boundaries between segments.
    is_slice : bool
        Whether the boundaries hold only for customers with average other features.
    centres : sequence of Centre
        Centroids.
    is_shaded : bool
        Whether bins are drawn as rectangles; if not, as markers in their middle.
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
        x_title=titles[0],
        y_title=titles[1],
        description=description,
        content=joined(
            grid(x_axis, y_axis),
            element("g", *_cell_marks(cells, axes, says, is_shaded), class_="cells"),
            *boundaries,
            *_centre_marks(centres, cells, axes),
        ),
        n_marks=len(cells.cells),
        height=height,
    )


def histogram(
    bins: Sequence[Bin],
    classes: Sequence[str],
    *,
    name: str,
    title: str,
    x_title: str,
    description: str,
    height: int = 170,
) -> Plot:
    """Stack the bins of the groups, in the order of the groups.

    ``classes`` are the style classes of the groups.
    """
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
                tip(part.title),
                x=x_axis.along(part.start),
                y=y_axis.up(below + part.n_customers),
                width=share(x_axis.percent(part.end) - x_axis.percent(part.start)),
                height=share(y_axis.percent(part.n_customers)),
                class_=f"mark bar {classes[part.group]}",
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
        height=height,
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
        x = score.n_segments
        if score.is_chosen:
            content.append(
                _line((x_axis, y_axis), x, y_axis.minimum, x, y_axis.maximum, "chosen")
            )
        if score.error:
            below, above = score.value - score.error, score.value + score.error
            content.append(_line((x_axis, y_axis), x, below, x, above, "error"))
    content += [
        _line(
            (x_axis, y_axis),
            one.n_segments,
            one.value,
            two.n_segments,
            two.value,
            "curve",
        )
        for one, two in pairwise(scores)
    ]
    for score in scores:
        place = {"cx": x_axis.along(score.n_segments), "cy": y_axis.up(score.value)}
        if score.is_preferred:
            content.append(element("circle", r=8, class_="ring", **place))
        says = tip(f"{score.n_segments} segments: {score.value:.4g}")
        content.append(element("circle", says, r=3.5, class_="mark point", **place))
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


def snake_chart(
    lines: Sequence[tuple[int, str, Sequence[float | None]]],
    features: Sequence[str],
    *,
    row_height: int,
) -> tuple[Axis, Markup, int]:
    """Draw a line down the features for each segment: how far it is from average.

    Parameters
    ----------
    lines : sequence of (int, str, sequence of float)
        The id and label of a segment, and its mean of each feature in standard
        deviations from all customers; None where there is none.
    features : sequence of str
        The labels of the features.
    row_height : int
        Pixels of a feature's row; the marks stand in its middle.

    Returns
    -------
    tuple
        The horizontal axis, the marks, and how many there are.
    """
    scores = [score for _, _, line in lines for score in line if score is not None]
    reach = max(1.0, *(abs(score) for score in scores))
    axis = nice_axis(-reach, reach, n_ticks=6, padding=0.04, is_clipped=True)
    content = [
        element(
            "line",
            x1=axis.along(0),
            y1="0%",
            x2=axis.along(0),
            y2="100%",
            class_="overall",
        )
    ]
    marks = []
    for segment_id, label, line in lines:
        places = [
            (axis.along(score), (row + 0.5) * row_height, score, features[row])
            for row, score in enumerate(line)
            if score is not None
        ]
        content += [
            element(
                "line", x1=x1, y1=y1, x2=x2, y2=y2,
                class_=f"snake {shape_class(segment_id)}",
            )
            for (x1, y1, _, _), (x2, y2, _, _) in pairwise(places)
        ]  # fmt: skip
        marks += [
            marker(
                segment_id,
                x=x,
                y=f"{y:g}",
                size=3,
                class_="mark",
                title=f"{label}, {feature}: {score:+.2f} standard deviations",
            )
            for x, y, score, feature in places
        ]
    return axis, joined(*content, *marks), len(marks)


def profile_strip(
    segment_id: int,
    label: str,
    bins: Sequence[Bin],
    mean: tuple[float, str],
    overall: float,
    axis: Axis,
) -> Strip:
    """Draw how a segment's customers spread over a feature, and their mean."""
    largest = max((part.n_customers for part in bins), default=1)
    bars = [
        element(
            "rect",
            tip(part.title),
            x=axis.along(part.start),
            y=share(92 - 80 * part.n_customers / largest),
            width=share(axis.percent(part.end) - axis.percent(part.start)),
            height=share(80 * part.n_customers / largest),
            class_=f"mark spread {shape_class(segment_id)}",
        )
        for part in bins
    ]
    x = axis.along(overall)
    line = element("line", x1=x, y1="0%", x2=x, y2="100%", class_="overall")
    mean_mark = marker(
        segment_id,
        x=axis.along(mean[0]),
        y="92%",
        size=3,
        class_="mark mean",
        title=mean[1],
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

    ``slices`` are the share of the segment's customers where a slice begins and where
    it ends, and their mean silhouette.
    """
    zero = axis.percent(0)
    bars = []
    for start, end, value in slices:
        at = axis.percent(value)
        bars.append(
            element(
                "rect",
                tip(f"{label}: {value:.2f}"),
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

    ``parts`` are the style class, the share of the whole from 0 to 1, and the name of
    each part; the name is written on it where there is room, on a phone for fewer.
    """
    content = []
    start = 0.0
    for class_, part, name in parts:
        content.append(
            element(
                "rect",
                tip(f"{name}: {100 * part:.1f} %"),
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


def _line(
    axes: tuple[Axis, Axis], x1: float, y1: float, x2: float, y2: float, class_: str
) -> Markup:
    x_axis, y_axis = axes
    return element(
        "line",
        x1=x_axis.along(x1),
        y1=y_axis.up(y1),
        x2=x_axis.along(x2),
        y2=y_axis.up(y2),
        class_=class_,
    )


def _cell_marks(
    cells: Cells,
    axes: tuple[Axis, Axis],
    says: Callable[[Cell], str],
    is_shaded: bool,  # noqa: FBT001
) -> Iterator[Markup]:
    x_axis, y_axis = axes
    largest = max(cell.n_customers for cell in cells.cells)
    width, height = cells.width, cells.height
    for cell in cells.cells:
        if not is_shaded or width is None or height is None:
            yield marker(
                cell.counts[0][0],
                x=x_axis.along(cell.x),
                y=y_axis.up(cell.y),
                size=size_number(cell.n_customers, largest),
                class_="mark",
                title=says(cell),
            )
            continue
        yield element(
            "rect",
            tip(says(cell)),
            x=x_axis.along(cell.x - width / 2),
            y=y_axis.up(cell.y + height / 2),
            width=share(100 * width / (x_axis.maximum - x_axis.minimum)),
            height=share(100 * height / (y_axis.maximum - y_axis.minimum)),
            class_=f"mark cell {shape_class(cell.counts[0][0])}",
            fill_opacity=f"{_strength(cell.n_customers, largest):.2f}",
        )


def _strength(n_customers: int, largest: int) -> float:
    """Grow from faint for one customer to full for the most, by their logarithm."""
    if largest <= 1:
        return 1.0
    part = math.log(max(n_customers, 1)) / math.log(largest)
    return _FAINTEST + (1 - _FAINTEST) * part


def _centre_marks(
    centres: Sequence[Centre], cells: Cells, axes: tuple[Axis, Axis]
) -> Iterator[Markup]:
    def place(x: float, y: float) -> tuple[float, float]:
        return axes[0].percent(x), 100 - axes[1].percent(y)

    for centre in centres:
        x, y = axes[0].along(centre.x), axes[1].up(centre.y)
        number = str(centre.segment_id)
        yield element(
            "g",
            tip(centre.label),
            element("circle", cx=x, cy=y, r=9, class_="centroid"),
            element(
                "text", number, x=x, y=y, dy="0.36em", text_anchor="middle",
                class_="centroid-number",
            ),
        )  # fmt: skip
    # Bins lie under every place a name may go, so they do not matter.
    marks = [] if cells.width else [place(cell.x, cell.y) for cell in cells.cells]
    places = [place(centre.x, centre.y) for centre in centres]
    for class_, size, length in (
        ("direct-label", WIDE, LABEL_LENGTH),
        ("direct-label on-phone", PHONE, PHONE_LABEL_LENGTH),
    ):
        names = [shortened(centre.label, length) for centre in centres]
        offsets = label_offsets(names, places, marks, size)
        for centre, name, (across, down) in zip(centres, names, offsets, strict=True):
            yield element(
                "text",
                name,
                x=axes[0].along(centre.x),
                y=axes[1].up(centre.y),
                dx=across or None,
                dy=down,
                text_anchor="middle",
                class_=class_,
            )
