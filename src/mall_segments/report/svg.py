"""Drawing in SVG: positions are shares of the plot, texts keep their size.

A plot states every horizontal and vertical position in percent, so the same marks fill
a telephone, a wide screen, a sheet of paper or a picture of a given size, without a
script and without scaled lettering.
"""

import math
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Axis:
    """A linear axis from ``minimum`` to ``maximum`` with ``ticks`` in between.

    ``labels`` are what is written at the ticks; without them, the numbers are.
    """

    minimum: float
    maximum: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...] = ()

    def labelled(self) -> list[tuple[float, str]]:
        """Pair every tick with what is written at it."""
        labels = self.labels or tuple(map(tick_text, self.ticks))
        return list(zip(self.ticks, labels, strict=True))

    def percent(self, value: float) -> float:
        """Place a value on the axis: 0 at its minimum, 100 at its maximum."""
        return 100 * (value - self.minimum) / (self.maximum - self.minimum)

    def down(self, value: float) -> float:
        """Place a value on an upright axis, from the top: 100 at its minimum."""
        return 100 - self.percent(value)


def nice_axis(
    minimum: float,
    maximum: float,
    *,
    n_ticks: int = 5,
    padding: float = 0.0,
    is_clipped: bool = False,
) -> Axis:
    """Choose an axis around a range of values, with about so many round ticks.

    ``padding`` is the share of the range to leave free at either end; a clipped axis
    ends at the values instead of at the round numbers beyond them.

    >>> nice_axis(15, 87).ticks
    (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    >>> nice_axis(3, 3).ticks
    (2.6, 2.8, 3.0, 3.2, 3.4)
    """
    if minimum == maximum:
        half = min(abs(minimum) / 10 or 0.5, 0.5)
        minimum, maximum = minimum - half, maximum + half
    margin = padding * (maximum - minimum)
    step = _step((maximum - minimum) / n_ticks)
    first = math.floor((minimum - margin) / step + 1e-9)
    last = math.ceil((maximum + margin) / step - 1e-9)
    ticks = [_rounded(number * step, step) for number in range(first, last + 1)]
    if is_clipped:
        low, high = minimum - margin, maximum + margin
        return Axis(low, high, tuple(tick for tick in ticks if low <= tick <= high))
    return Axis(ticks[0], ticks[-1], tuple(ticks))


def share(percent: float) -> str:
    """Write a percentage as an SVG length, short but fine enough for any screen.

    >>> share(33.33333), share(50), share(-0.0001)
    ('33.33%', '50%', '0%')
    """
    text = f"{percent:.2f}".rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text}%"


def tick_text(value: float) -> str:
    """Write a tick's number briefly.

    >>> tick_text(20.0), tick_text(0.25), tick_text(1_500_000)
    ('20', '0.25', '1.5M')
    """
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            divisor = 1e3 if unit == "k" else limit
            return f"{value / divisor:.4g}{unit}".replace("-", MINUS)
    return f"{value:.6g}".replace("-", MINUS)


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """Write an SVG or HTML element; all that is not `Markup` is escaped.

    ``class_`` writes ``class``, other underscores become hyphens, and attributes that
    are None are left out.

    >>> element("text", "a<b", x="50%", class_="label", text_anchor="end")
    Markup('<text x="50%" class="label" text-anchor="end">a&lt;b</text>')
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(map(escape, content))
    return Markup(f"<{tag}{written}>{inside}</{tag}>")  # noqa: S704 - all is escaped


def line(
    x1: float, y1: float, x2: float, y2: float, class_: str | None = None
) -> Markup:
    """Draw a line; places are in percent from the left and from the top."""
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    placed = {name: share(place) for name, place in ends.items()}
    return element("line", **placed, class_=class_)


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    class_: str,
    title: str,
    **more: str,
) -> Markup:
    """Draw a rectangle that says its title; places and sizes are in percent."""
    sides = {"x": x, "y": y, "width": width, "height": height}
    placed = {name: share(size) for name, size in sides.items()}
    return element("rect", element("title", title), **placed, class_=class_, **more)


def words(text: str, x: float, y: float | str, class_: str, **more: object) -> Markup:
    """Write text around a place, in percent; ``y`` as text is in pixels."""
    at = y if isinstance(y, str) else share(y)
    more = {"text_anchor": "middle", **more}
    return element("text", text, x=share(x), y=at, class_=class_, **more)


def joined(*parts: str) -> Markup:
    """Join elements to one."""
    return Markup("").join(parts)


def _step(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * magnitude for factor in (1, 2, 2.5, 5, 10)]
    return next(step for step in steps if step >= rough * (1 - 1e-9))


def _rounded(value: float, step: float) -> float:
    digits = max(0, 2 - math.floor(math.log10(step)))
    return round(value, digits) + 0.0
