"""The charts of the report: each a pure function from rows to marks."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from mall_segments.report.features import shortened
from mall_segments.report.labels import PHONE, WIDE, label_offsets
from mall_segments.report.markers import marker, shape_class, size_number
from mall_segments.report.plane import Cells, Line
from mall_segments.report.svg import (
    Axis,
    box,
    element,
    joined,
    line,
    nice_axis,
    share,
    tip,
    words,
)

LABEL_LENGTH: Final = 26
PHONE_LABEL_LENGTH: Final = 18
"""Characters of a name that a direct label shows; the rest is in the table."""

Centre = tuple[int, float, float]
Score = tuple[int, float, float | None]

_FAINTEST = 0.35

# Share of the whole that a part needs for each letter of its name.
_ROOM_FOR_A_LETTER: Final = 0.02
_ROOM_ON_A_PHONE: Final = 0.032


@dataclass(frozen=True)
class Plot:
    """A chart with a horizontal and a vertical axis.

    Its content, the grid and the marks, is in percent; its height is in pixels.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    description: str
    content: Markup
    n_marks: int
    height: int


@dataclass(frozen=True)
class Strip:
    """One row of a strip chart."""

    segment_id: int | None
    label: str
    content: Markup
    n_marks: int


@dataclass(frozen=True)
class StripChart:
    """A chart with one row per segment above one horizontal axis.

    The names stand beside the rows as text of the page, which wraps.
    """

    name: str
    title: str
    x_title: str
    description: str
    strips: tuple[Strip, ...]
    axis: Axis
    height: int
    unit: str = ""

    @property
    def rules(self) -> Markup:
        """The lines behind each row."""
        return joined(*_column_lines(self.axis))

    @property
    def ticks(self) -> Markup:
        """What stands below the last row."""
        return ticks_below(self.axis, unit=self.unit)


@dataclass(frozen=True)
class Snake:
    """The snake plot: a line down the features for each segment."""

    ticks: Markup
    content: Markup
    n_marks: int


@dataclass(frozen=True)
class Bin:
    """Customers of a group between two values of a feature; ``title`` says which."""

    group: int
    start: float
    end: float
    n_customers: int
    title: str = ""


def ticks_below(axis: Axis, *, unit: str = "") -> Markup:
    """Write what stands at the ticks of an axis into a row of its own."""
    return Markup().join(
        words(label + unit, axis.percent(tick), "15", "tick")
        for tick, label in axis.labelled()
    )


def grid(x_axis: Axis, y_axis: Axis) -> Markup:
    """Draw the lines and numbers of both axes."""
    labels = [
        words(label, x_axis.percent(tick), 100, "tick", dy="17")
        for tick, label in x_axis.labelled()
    ]
    labels += [
        words(
            label, 0, y_axis.down(tick), "tick", dx="-7", dy="0.34em", text_anchor="end"
        )
        for tick, label in y_axis.labelled()
    ]
    rows = [line(0, y, 100, y) for y in map(y_axis.down, y_axis.ticks)]
    return joined(
        element("g", *_column_lines(x_axis), *rows, class_="rules"),
        element("g", *labels, aria_hidden="true"),
    )


def _column_lines(axis: Axis) -> list[Markup]:
    return [line(x, 0, x, 100) for x in map(axis.percent, axis.ticks)]


def map_marks(
    cells: Cells,
    axes: tuple[Axis, Axis],
    labels: Mapping[int, str],
    *,
    centres: Sequence[Centre] = (),
    lines: Sequence[Line] = (),
    is_slice: bool = False,
) -> Markup:
    """Draw customers where they are, in the marker or the colour of their segment.

    Points are markers whose area grows with their customers; bins of a grid are
    rectangles in the colour of the segment most frequent in them, fainter the fewer
    customers they have. Centres are ids of segments and where they lie. Lines of a
    slice hold only where other features are average.
    """
    style = "boundary slice" if is_slice else "boundary"
    boundaries = [
        line(100 * x1, 100 - 100 * y1, 100 * x2, 100 - 100 * y2, style)
        for x1, y1, x2, y2 in lines
    ]
    return joined(
        grid(*axes),
        element("g", *_cell_marks(cells, axes, labels), class_="cells"),
        *boundaries,
        *_centre_marks(centres, cells, axes, labels),
    )


def histogram_marks(bins: Sequence[Bin], classes: Sequence[str]) -> Markup:
    """Stack the bins of the groups, whose style classes are given in their order."""
    x_axis = nice_axis(
        min(part.start for part in bins),
        max(part.end for part in bins),
        n_ticks=6,
        is_clipped=True,
    )
    totals = Counter[float]()
    for part in bins:
        totals[part.start] += part.n_customers
    y_axis = nice_axis(0, max(totals.values()), n_ticks=4)
    stacked = Counter[float]()
    bars = []
    for part in sorted(bins, key=lambda part: (part.group, part.start)):
        stacked[part.start] += part.n_customers
        bars.append(
            box(
                x_axis.percent(part.start),
                y_axis.down(stacked[part.start]),
                x_axis.percent(part.end) - x_axis.percent(part.start),
                y_axis.percent(part.n_customers),
                f"mark bar {classes[part.group]}",
                part.title,
            )
        )
    return joined(grid(x_axis, y_axis), *bars)


def criterion_marks(
    scores: Sequence[Score], *, chosen: Sequence[int], preferred: Sequence[int]
) -> Markup:
    """Draw a criterion over the number of segments, where known with its error.

    The chosen number has a vertical line; the number that the criterion itself prefers
    has a ring.
    """
    low = min(value - (error or 0) for _, value, error in scores)
    high = max(value + (error or 0) for _, value, error in scores)
    counts = [n_segments for n_segments, *_ in scores]
    first, last = min(counts), max(counts)
    step = max(1, math.ceil((last - first) / 10))
    ticks = tuple(map(float, range(first, last + 1, step)))
    x_axis = Axis(first - 0.5, last + 0.5, ticks)
    y_axis = nice_axis(low, high, n_ticks=4, padding=0.04, is_clipped=True)
    content = [grid(x_axis, y_axis)]
    for n_segments, value, error in scores:
        x = x_axis.percent(n_segments)
        if n_segments in chosen:
            content.append(line(x, 100, x, 0, "chosen"))
        if error:
            below, above = y_axis.down(value - error), y_axis.down(value + error)
            content.append(line(x, below, x, above, "error"))
    places = [(x_axis.percent(n), y_axis.down(value)) for n, value, _ in scores]
    content += [line(*one, *two, "curve") for one, two in pairwise(places)]
    for (n_segments, value, _), (x, y) in zip(scores, places, strict=True):
        place = {"cx": share(x), "cy": share(y)}
        if n_segments in preferred:
            content.append(element("circle", r=8, class_="ring", **place))
        says = tip(f"{n_segments} segments: {value:.4g}")
        content.append(element("circle", says, r=3.5, class_="mark point", **place))
    return joined(*content)


def snake_chart(
    lines: Sequence[tuple[int, str, Sequence[float | None]]],
    features: Sequence[str],
) -> Snake:
    """Draw a line down the features for each segment: how far it is from average.

    A line has the id and label of a segment, and its mean of each feature in standard
    deviations from all customers.
    """
    scores = [score for *_, values in lines for score in values if score is not None]
    reach = max([1.0, *(abs(score) for score in scores)])
    axis = nice_axis(-reach, reach, n_ticks=6, padding=0.04, is_clipped=True)
    content = [line(axis.percent(0), 0, axis.percent(0), 100, "overall")]
    marks = []
    n_rows = len(features)
    for segment_id, label, values in lines:
        places = [
            (axis.percent(score), 100 * (row + 0.5) / n_rows, score, features[row])
            for row, score in enumerate(values)
            if score is not None
        ]
        style = f"snake {shape_class(segment_id)}"
        content += [
            line(x1, y1, x2, y2, style)
            for (x1, y1, *_), (x2, y2, *_) in pairwise(places)
        ]
        marks += [
            marker(
                segment_id,
                share(x),
                share(y),
                3,
                "mark",
                f"{label}, {feature}: {score:+.2f} standard deviations",
            )
            for x, y, score, feature in places
        ]
    return Snake(ticks_below(axis), joined(*content, *marks), len(marks))


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
    zero, middle = axis.percent(0), axis.percent(mean)
    bars = [
        box(
            min(zero, axis.percent(value)),
            5 + 90 * start,
            abs(axis.percent(value) - zero),
            90 * (end - start),
            f"mark slice {shape_class(segment_id)}",
            f"{label}: {value:.2f}",
        )
        for start, end, value in slices
    ]
    bars.append(line(middle, 0, middle, 100, "segment-mean"))
    return Strip(segment_id, label, joined(*bars), len(slices))


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
        title = f"{name}: {100 * part:.1f} %"
        content.append(
            box(100 * start, 12, 100 * part, 76, f"mark part {class_}", title)
        )
        if part >= _ROOM_FOR_A_LETTER * len(name):
            fits = "" if part >= _ROOM_ON_A_PHONE * len(name) else " tight"
            style = f"part-label{fits} on-{class_}"
            middle = 100 * (start + part / 2)
            content.append(words(name, middle, 50, style, dy="0.36em"))
        start += part
    return Strip(segment_id, label, joined(*content), len(parts))


def _cell_marks(
    cells: Cells, axes: tuple[Axis, Axis], labels: Mapping[int, str]
) -> Iterator[Markup]:
    x_axis, y_axis = axes
    largest = max(cell.n_customers for cell in cells.cells)
    width, height = cells.width, cells.height
    for cell in cells.cells:
        segment_id, n = cell.counts[0][0], cell.n_customers
        x, y = x_axis.percent(cell.x), y_axis.down(cell.y)
        says = ", ".join(f"{labels[group]}: {n:,}" for group, n in cell.counts)
        if width is None or height is None:
            size = size_number(n, largest)
            yield marker(segment_id, share(x), share(y), size, "mark", says)
            continue
        across = 100 * width / (x_axis.maximum - x_axis.minimum)
        up = 100 * height / (y_axis.maximum - y_axis.minimum)
        yield box(
            x - across / 2,
            y - up / 2,
            across,
            up,
            f"mark cell {shape_class(segment_id)}",
            says,
            fill_opacity=f"{_strength(n, largest):.2f}",
        )


def _strength(n_customers: int, largest: int) -> float:
    """Grow from faint for one customer to full for the most, by their logarithm."""
    if largest <= 1:
        return 1.0
    part = math.log(max(n_customers, 1)) / math.log(largest)
    return _FAINTEST + (1 - _FAINTEST) * part


def _centre_marks(
    centres: Sequence[Centre],
    cells: Cells,
    axes: tuple[Axis, Axis],
    labels: Mapping[int, str],
) -> Iterator[Markup]:
    def place(x: float, y: float) -> tuple[float, float]:
        return axes[0].percent(x), axes[1].down(y)

    drawn = {segment_id: place(x, y) for segment_id, x, y in centres}
    for segment_id, (x, y) in drawn.items():
        yield element(
            "g",
            tip(labels[segment_id]),
            element("circle", cx=share(x), cy=share(y), r=9, class_="centroid"),
            words(str(segment_id), x, y, "centroid-number", dy="0.36em"),
        )
    places = list(drawn.values())
    # Bins lie under every place a name may go, so they do not matter.
    marks = [] if cells.width else [place(cell.x, cell.y) for cell in cells.cells]
    for class_, size, length in (
        ("direct-label", WIDE, LABEL_LENGTH),
        ("direct-label on-phone", PHONE, PHONE_LABEL_LENGTH),
    ):
        cut = [shortened(labels[segment_id], length) for segment_id in drawn]
        # What is the same of two segments names neither.
        names = [name if cut.count(name) == 1 else "" for name in cut]
        offsets = label_offsets(names, places, marks, size)
        for name, (x, y), (dx, dy) in zip(names, places, offsets, strict=True):
            if name:
                yield words(name, x, y, class_, dx=dx or None, dy=dy)
