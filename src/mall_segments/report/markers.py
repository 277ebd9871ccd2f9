"""How a segment looks: a shape and a colour that stay with its id.

The colours are those of Okabe and Ito (2008), "Color Universal Design", which people
with any colour vision tell apart. On paper without colour the shapes do it. Ten shapes
and eight colours make forty different markers before one comes again.
"""

import math
from typing import Final

from markupsafe import Markup

from mall_segments.report.svg import element

N_COLOURS: Final = 8
RADII: Final = (3.2, 4.2, 5.6, 7.2)
"""Sizes of a marker in pixels, as the radius of a circle of the same area."""

SHAPES: Final = (
    (24, (1.0,), 0),
    (4, (1.25,), 45),
    (3, (1.45,), 0),
    (4, (1.3,), 0),
    (8, (1.6, 0.65), 0),
    (3, (1.45,), 180),
    (10, (1.45, 0.62), 0),
    (8, (1.6, 0.65), 45),
    (6, (1.1,), 30),
    (6, (1.75, 0.7), 0),
)
"""Polygons of about the area of a circle: how many corners at equal angles, at which
distances, which take turns, and turned by how many degrees."""

# The marker beside a segment's name: its size among all, and its radius.
_BADGE_SIZE: Final = len(RADII) + 1
_BADGE: Final = 6.0


def shape_class(segment_id: int) -> str:
    """Name the style class of a segment."""
    return f"c{(segment_id - 1) % N_COLOURS + 1}"


def shape_number(segment_id: int) -> int:
    """Choose the shape of a segment: its number, from 1."""
    return (segment_id - 1) % len(SHAPES) + 1


def size_number(n_customers: float, largest: float) -> int:
    """Choose the size of a marker, from 1: its area grows with its customers.

    >>> [size_number(n, 100) for n in (1, 30, 60, 100)]
    [1, 2, 3, 4]
    >>> size_number(1, 1)
    2
    """
    return 1 + round((len(RADII) - 1) * n_customers / largest) if largest > 1 else 2


def marker_definitions() -> Markup:
    """Define every shape in every size, to be used by reference."""
    shapes = [
        element("path", id=f"m{number}-{size}", d=outline(number, radius))
        for number in range(1, len(SHAPES) + 1)
        for size, radius in enumerate((*RADII, _BADGE), 1)
    ]
    return element("defs", *shapes)


def marker(
    segment_id: int, x: str, y: str, size: int, class_: str, title: str = ""
) -> Markup:
    """Place a segment's marker, which says its title when pointed at."""
    return element(
        "use",
        *([element("title", title)] if title else []),
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
    """Draw a shape around (0, 0) as an SVG path."""
    n_corners, reaches, turn = SHAPES[number - 1]
    corners = []
    for corner in range(n_corners):
        angle = math.radians(turn + 360 * corner / n_corners)
        reach = radius * reaches[corner % len(reaches)]
        corners.append(f"{reach * math.sin(angle):.2f},{-reach * math.cos(angle):.2f}")
    return f"M{'L'.join(corners)}Z"
