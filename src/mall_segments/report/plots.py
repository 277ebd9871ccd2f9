"""The two kinds of chart: a plot with two axes, and rows above one axis."""

from dataclasses import dataclass

from markupsafe import Markup

from mall_segments.report.markers import badge
from mall_segments.report.svg import Axis, element, joined, line, words


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

    def __html__(self) -> Markup:
        """Draw the plot as wide as the page allows."""
        return element(
            "svg",
            self.content,
            class_="plot",
            height=self.height,
            role="img",
            aria_label=f"{self.title}. {self.description}",
            data_chart=self.name,
            data_marks=self.n_marks,
        )


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
    def n_marks(self) -> int:
        """Count the marks of all rows."""
        return sum(strip.n_marks for strip in self.strips)

    def __html__(self) -> Markup:
        """Draw the rows, each with its label."""
        rows = [
            element(
                "div",
                element(
                    "div",
                    badge(strip.segment_id) if strip.segment_id else "",
                    element("bdi", strip.label),
                    class_="strip-label",
                ),
                element(
                    "svg",
                    element("g", *_column_lines(self.axis), class_="rules"),
                    strip.content,
                    class_="strip",
                    height=self.height,
                    aria_hidden="true",
                ),
                class_="strip-row",
            )
            for strip in self.strips
        ]
        ticks = ticks_below(self.axis, unit=self.unit)
        scale = element("svg", ticks, class_="strip", height=20)
        return element(
            "div",
            *rows,
            element(
                "div", element("div"), scale, class_="strip-row", aria_hidden="true"
            ),
            class_="strips",
            role="group",
            aria_label=f"{self.title}. {self.description}",
            data_chart=self.name,
            data_marks=self.n_marks,
        )


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
