"""How a segment looks: a shape and a colour that stay with its id.

The colours are those of Okabe and Ito (2008), "Color Universal Design", which people
with any colour vision tell apart. On paper without colour the shapes do it.
"""

import math
from typing import Final

from markupsafe import Markup

from mall_segments.report.svg import element, tip

N_COLOURS: Final = 8
N_SHAPES: Final = 10
RADII: Final = (3.2, 4.2, 5.6, 7.2)
"""Sizes of a marker in pixels, as the radius of a circle of the same area."""

BADGE: Final = 6.0
"""Size of the marker beside a segment's name."""

_BADGE_SIZE: Final = len(RADII) + 1

Corner = tuple[float, float]

_PLUS: Final[list[Corner]] = [
    (-0.42, -1.25), (0.42, -1.25), (0.42, -0.42), (1.25, -0.42), (1.25, 0.42),
    (0.42, 0.42), (0.42, 1.25), (-0.42, 1.25), (-0.42, 0.42), (-1.25, 0.42),
    (-1.25, -0.42), (-0.42, -0.42),
]  # fmt: skip
_HOURGLASS: Final[list[Corner]] = [
    (-1.1, -1.25), (1.1, -1.25), (0.2, 0.0), (1.1, 1.25), (-1.1, 1.25), (-0.2, 0.0),
]  # fmt: skip


def shape_class(segment_id: int) -> str:
    """Name the style class of a segment.

    Ten shapes and eight colours make forty different markers before one comes again.
    """
    return f"c{(segment_id - 1) % N_COLOURS + 1}"


def shape_number(segment_id: int) -> int:
    """Choose the shape of a segment: its number, from 1."""
    return (segment_id - 1) % N_SHAPES + 1


def size_number(n_customers: float, largest: float) -> int:
    """Choose the size of a marker, from 1: its area grows with its customers.

    >>> [size_number(n, 100) for n in (1, 30, 60, 100)]
    [1, 2, 3, 4]
    >>> size_number(1, 1)
    2
    """
    if largest <= 1:
        return 2
    smallest_area, largest_area = RADII[0] ** 2, RADII[-1] ** 2
    area = smallest_area + (largest_area - smallest_area) * n_customers / largest
    radius = math.sqrt(area)
    return min(range(len(RADII)), key=lambda size: abs(RADII[size] - radius)) + 1


def marker_definitions() -> Markup:
    """Define every shape in every size, to be used by reference."""
    shapes = [
        element("path", id=f"m{number}-{size}", d=outline(number, radius))
        for number in range(1, N_SHAPES + 1)
        for size, radius in enumerate((*RADII, BADGE), 1)
    ]
    return element("defs", *shapes)


def marker(
    segment_id: int, x: str, y: str, size: int, class_: str, title: str = ""
) -> Markup:
    """Place a segment's marker, which says its title when pointed at."""
    return element(
        "use",
        *([tip(title)] if title else []),
        href=f"#m{shape_number(segment_id)}-{size}",
        x=x,
        y=y,
        class_=f"{class_} {shape_class(segment_id)}",
    )


def badge(segment_id: int) -> Markup:
    """Draw a segment's marker to stand in a line of text."""
    return element(
        "svg",
        marker(segment_id, "9", "9", _BADGE_SIZE, "marker"),
        class_="badge",
        width=18,
        height=18,
        aria_hidden="true",
    )


def outline(number: int, radius: float) -> str:
    """Draw a shape around (0, 0) as an SVG path.

    From 1 to 10: circle, square, triangle, diamond, plus, triangle upside down, star,
    cross, hexagon, hourglass; all of about the area of the circle of that radius.
    """
    if number == 1:
        reach, width = _short(radius), _short(2 * radius)
        half = f"a{reach},{reach} 0 1,0"
        return f"M-{reach},0{half} {width},0{half} -{width},0Z"
    corners = {
        2: _ring(4, 1.25, turn=45),
        3: _ring(3, 1.45),
        4: _ring(4, 1.3),
        5: _PLUS,
        6: _ring(3, 1.45, turn=180),
        7: _ring(10, 1.45, 0.62),
        8: [_turned(corner, 45) for corner in _PLUS],
        9: _ring(6, 1.1, turn=30),
        10: _HOURGLASS,
    }[number]
    path = "L".join(f"{_short(radius * x)},{_short(radius * y)}" for x, y in corners)
    return f"M{path}Z"


def _ring(n_corners: int, *reaches: float, turn: float = 0) -> list[Corner]:
    """Place corners at equal angles, at distances that take turns."""
    return [
        _turned((0.0, -reaches[number % len(reaches)]), turn + 360 * number / n_corners)
        for number in range(n_corners)
    ]


def _turned(corner: Corner, degrees: float) -> Corner:
    x, y = corner
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cosine - y * sine, x * sine + y * cosine


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
