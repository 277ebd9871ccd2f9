"""Where to write the names of the segments on the map."""

from collections.abc import Sequence
from typing import Final

import numpy as np

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
    pixels = np.array(size) / 100
    middles = np.array(centres).reshape(-1, 2) * pixels
    thinned = marks[:: len(marks) // _ENOUGH_MARKS + 1]
    taken = np.array(thinned).reshape(-1, 2) * pixels
    chosen = []
    for number, label in enumerate(labels):
        centre = middles[number]
        half = np.array([len(label) * _LETTER_WIDTH / 2, _HALF_HEIGHT])
        reach = half + np.array([_MARKER_WIDTH / 2, 0])
        places = centre + _OFFSETS - np.array([0, _RISE])
        n_hidden = (abs(places[:, None] - taken) < reach).all(axis=2).sum(axis=1)
        distances = np.linalg.norm(places - centre, axis=1)
        others = np.delete(middles, number, axis=0)
        to_others = np.linalg.norm(places[:, None] - others, axis=2)
        clearance = distances + _CLEARANCE * size[0]
        has_strayed = (to_others < clearance[:, None]).any(axis=1)
        is_outside = ((places < half) | (places > size - half)).any(axis=1)
        n_forbidden = has_strayed.astype(int) + is_outside
        best = np.argmin(n_hidden + distances / _FAR + _FORBIDDEN * n_forbidden)
        chosen.append(_OFFSETS[best])
        x, y = places[best]
        across = np.arange(x - half[0], x + half[0], _MARKER_WIDTH) + _MARKER_WIDTH / 2
        taken = np.vstack([taken, *((at, y) for at in across)])
    return chosen
