"""The charts of the report: each a pure function from rows to marks."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from mall_segments.report.features import shortened
from mall_segments.report.markers import marker, shape_class, size_number
from mall_segments.report.plane import Axes, Cell, Line
from mall_segments.report.svg import (
    Axis,
    box,
    element,
    joined,
    line,
    nice_axis,
    share,
    words,
)

LABEL_LENGTH: Final = 22
"""Characters of a name that a direct label shows; the rest is in the table."""

Centre = tuple[int, float, float]
Bin = tuple[str, float, float, int, str]
Score = tuple[int, float, float | None]

# Share of the whole that a part needs for each letter of its name.
_ROOM_FOR_A_LETTER: Final = 0.02
_ROOM_ON_A_PHONE: Final = 0.032

# Names on a map are placed for a phone, in pixels; elsewhere they are farther apart.
_MAP: Final = 300
_LETTER: Final = 6.5
_LINE: Final = 14
_RISES: Final = (-15, 24, -31, 40, -47, 56)


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
    height: int


@dataclass(frozen=True)
class StripChart:
    """A chart with one row per segment above one horizontal axis.

    ``strips`` are ids, or None of all customers, names and marks. The names stand
    beside the rows as text of the page, which wraps.
    """

    name: str
    title: str
    x_title: str
    description: str
    strips: Sequence[tuple[int | None, str, Markup]]
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


def ticks_below(axis: Axis, *, unit: str = "") -> Markup:
    """Write what stands at the ticks of an axis into a row of its own."""
    return joined(
        *(
            words(label + unit, axis.percent(tick), "15", "tick")
            for tick, label in axis.labelled()
        )
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
    cells: Sequence[Cell],
    axes: Axes,
    labels: Mapping[int, str],
    *,
    centres: Sequence[Centre] = (),
    lines: Sequence[Line] = (),
    is_slice: bool = False,
) -> Markup:
    """Draw customers where they are, in the marker of most of them.

    The area of a marker grows with its customers. Centres are ids of segments and where
    they lie. Lines of a slice hold only where other features are average.
    """
    style = "boundary slice" if is_slice else "boundary"
    largest = max(cell.n_customers for cell in cells)
    marks = [
        marker(
            cell.counts[0][0],
            share(axes[0].percent(cell.x)),
            share(axes[1].down(cell.y)),
            size_number(cell.n_customers, largest),
            "mark",
            ", ".join(f"{labels[segment_id]}: {n:,}" for segment_id, n in cell.counts),
        )
        for cell in cells
    ]
    places = {
        segment_id: (axes[0].percent(x), axes[1].down(y))
        for segment_id, x, y in centres
    }
    return joined(
        grid(*axes),
        element("g", *marks, class_="cells"),
        *(
            line(100 * x1, 100 - 100 * y1, 100 * x2, 100 - 100 * y2, style)
            for x1, y1, x2, y2 in lines
        ),
        *(
            element(
                "g",
                element("title", labels[segment_id]),
                element("circle", cx=share(x), cy=share(y), r=9, class_="centroid"),
                words(str(segment_id), x, y, "centroid-number", dy="0.36em"),
            )
            for segment_id, (x, y) in places.items()
        ),
        *_direct_labels(labels, places),
    )


def _direct_labels(
    labels: Mapping[int, str], places: Mapping[int, tuple[float, float]]
) -> Iterator[Markup]:
    """Write names above or below their centres, on no other where that is possible.

    Places are in percent from the left and the top.
    """
    taken: list[tuple[float, float, float]] = []
    for segment_id, (x, y) in places.items():
        name = shortened(labels[segment_id], LABEL_LENGTH)
        half, at = _LETTER * len(name) / 2, _MAP * x / 100
        anchor, middle = "middle", at
        if at < half:
            anchor, middle = "start", at + half
        elif at > _MAP - half:
            anchor, middle = "end", at - half
        rises = [
            rise
            for rise in _RISES
            if not any(
                abs(middle - other) < half + reach
                and abs(_MAP * y / 100 + rise - baseline) < _LINE
                for other, reach, baseline in taken
            )
        ]
        rise = [*rises, _RISES[0]][0]
        taken.append((middle, half, _MAP * y / 100 + rise))
        yield words(name, x, y, "direct-label", dy=rise, text_anchor=anchor)


def histogram_marks(bins: Sequence[Bin]) -> Markup:
    """Stack bins: of each its style class, beginning, end, customers and title."""
    x_axis = nice_axis(
        min(start for _, start, *_ in bins),
        max(end for _, _, end, *_ in bins),
        n_ticks=6,
        is_clipped=True,
    )
    totals = Counter[float]()
    for _, start, _, n_customers, _ in bins:
        totals[start] += n_customers
    y_axis = nice_axis(0, max(totals.values()), n_ticks=4)
    stacked = Counter[float]()
    bars = []
    for class_, start, end, n_customers, title in bins:
        stacked[start] += n_customers
        bars.append(
            box(
                x_axis.percent(start),
                y_axis.down(stacked[start]),
                x_axis.percent(end) - x_axis.percent(start),
                y_axis.percent(n_customers),
                f"mark bar {class_}",
                title,
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
    counts = [n_segments for n_segments, *_ in scores]
    first, last = min(counts), max(counts)
    ticks = range(first, last + 1, max(1, math.ceil((last - first) / 10)))
    x_axis = Axis(first - 0.5, last + 0.5, tuple(map(float, ticks)))
    y_axis = nice_axis(
        min(value - (error or 0) for _, value, error in scores),
        max(value + (error or 0) for _, value, error in scores),
        n_ticks=4,
        padding=0.04,
        is_clipped=True,
    )
    content = [grid(x_axis, y_axis)]
    content += [line(x, 100, x, 0, "chosen") for x in map(x_axis.percent, chosen)]
    content += [
        line(x_axis.percent(n), y_axis.down(value - error), x_axis.percent(n),
             y_axis.down(value + error), "error")
        for n, value, error in scores
        if error
    ]  # fmt: skip
    places = [(x_axis.percent(n), y_axis.down(value)) for n, value, _ in scores]
    content += [line(*one, *two, "curve") for one, two in pairwise(places)]
    for (n_segments, value, _), (x, y) in zip(scores, places, strict=True):
        place = {"cx": share(x), "cy": share(y)}
        if n_segments in preferred:
            content.append(element("circle", r=8, class_="ring", **place))
        says = element("title", f"{n_segments} segments: {value:.4g}")
        content.append(element("circle", says, r=3.5, class_="mark point", **place))
    return joined(*content)


def snake_marks(
    lines: Sequence[tuple[int, str, Sequence[float | None]]],
    features: Sequence[str],
) -> tuple[Markup, Markup]:
    """Draw a line down the features for each segment, and the ticks below.

    A line has the id and label of a segment, and its mean of each feature in standard
    deviations from all customers.
    """
    reach = max(1.0, *(abs(score or 0) for *_, scores in lines for score in scores))
    axis = nice_axis(-reach, reach, n_ticks=6, padding=0.04, is_clipped=True)
    content = [line(axis.percent(0), 0, axis.percent(0), 100, "overall")]
    marks = []
    for segment_id, label, scores in lines:
        places = [
            (axis.percent(score), 100 * (row + 0.5) / len(features), score, feature)
            for row, (feature, score) in enumerate(zip(features, scores, strict=True))
            if score is not None
        ]
        content += [
            line(x1, y1, x2, y2, f"snake {shape_class(segment_id)}")
            for (x1, y1, *_), (x2, y2, *_) in pairwise(places)
        ]
        for x, y, score, feature in places:
            says = f"{label}, {feature}: {score:+.2f} standard deviations"
            marks.append(marker(segment_id, share(x), share(y), 3, "mark", says))
    return joined(*content, *marks), ticks_below(axis)


def silhouette_marks(
    segment_id: int,
    label: str,
    slices: Sequence[tuple[float, float, float]],
    mean: float,
    axis: Axis,
) -> Markup:
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
    return joined(*bars, line(middle, 0, middle, 100, "segment-mean"))


def mix_marks(parts: Sequence[tuple[str, float, str]]) -> Markup:
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
    return joined(*content)
