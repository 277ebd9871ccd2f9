"""Where to write the names of the segments on the map."""

import math
from collections.abc import Sequence
from typing import Final

Place = tuple[float, float]

WIDE: Final = (840, 440)
PHONE: Final = (300, 300)
"""Width and height of the maps that names are placed for, in pixels."""

# Half the height of a label, and the width of a letter and of a marker, in pixels.
_HALF_HEIGHT = 14.0
_LETTER_WIDTH = 7.5
_MARKER_WIDTH = 12.0

# From the baseline of a text to its middle.
_RISE = 4

# A label is closer to its own centre than to any other, by this share of the width.
_CLEARANCE = 0.036

# So many pixels away are as bad as one hidden mark, what is forbidden as many.
_FAR = 60.0
_FORBIDDEN = 100.0

# Of more marks than these, every so many-th stands for the others.
_ENOUGH_MARKS = 600

_OFFSETS = [
    (across, down)
    for down in (-15, 26, -35, 46, -55, 66, -80, 92)
    for across in (0, -50, 50, -100, 100, -150, 150)
]


def label_offsets(
    labels: Sequence[str],
    centres: Sequence[Place],
    marks: Sequence[Place],
    size: tuple[int, int] = WIDE,
) -> list[tuple[int, int]]:
    """Find a place for each label: near its centre, hiding little, on no other label.

    Centres, and marks that had better not be hidden, are in percent from the left and
    the top; places are pixels from a centre to the middle of the baseline.
    """
    taken = [_pixels(mark, size) for mark in marks[:: len(marks) // _ENOUGH_MARKS + 1]]
    middles = [_pixels(centre, size) for centre in centres]
    offsets = []
    for number, label in enumerate(labels):
        others = middles[:number] + middles[number + 1 :]
        half_width = len(label) * _LETTER_WIDTH / 2
        costs = [
            _cost(middles[number], offset, half_width, others, taken, size)
            for offset in _OFFSETS
        ]
        offset = _OFFSETS[costs.index(min(costs))]
        offsets.append(offset)
        x, y = _moved(middles[number], offset)
        n_parts = math.ceil(2 * half_width / _MARKER_WIDTH)
        taken += [
            (x - half_width + (part + 0.5) * _MARKER_WIDTH, y)
            for part in range(n_parts)
        ]
    return offsets


def _cost(
    centre: Place,
    offset: tuple[int, int],
    half_width: float,
    others: Sequence[Place],
    taken: Sequence[Place],
    size: tuple[int, int],
) -> float:
    x, y = _moved(centre, offset)
    width, height = size
    reach = half_width + _MARKER_WIDTH / 2
    n_hidden = sum(
        abs(x - mark_x) < reach and abs(y - mark_y) < _HALF_HEIGHT
        for mark_x, mark_y in taken
    )
    distance = math.dist((x, y), centre)
    has_strayed = any(
        math.dist((x, y), other) < distance + _CLEARANCE * width for other in others
    )
    is_inside = (
        half_width <= x <= width - half_width
        and _HALF_HEIGHT <= y <= height - _HALF_HEIGHT
    )
    return n_hidden + distance / _FAR + _FORBIDDEN * (has_strayed + (not is_inside))


def _pixels(place: Place, size: tuple[int, int]) -> Place:
    return place[0] * size[0] / 100, place[1] * size[1] / 100


def _moved(centre: Place, offset: tuple[int, int]) -> Place:
    return centre[0] + offset[0], centre[1] + offset[1] - _RISE
