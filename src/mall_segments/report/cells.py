"""Count customers where they are: on points, or in the bins of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

MAX_POINTS: Final = 2_500
"""Points up to which each is drawn; above, they are counted in the bins of a grid."""

GRID: Final = (48, 36)
"""Bins of a grid across and up."""


@dataclass(frozen=True)
class Cell:
    """Customers drawn as one mark: those on a point, or in a bin of a grid.

    ``counts`` are segment ids and their customers, most customers first.
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


def count_cells(x: Array, y: Array, group: Array, n: Array) -> Cells:
    """Place customers as points, or in a grid when there are too many to draw.

    Parameters
    ----------
    x, y, group, n : array of shape (n_points,)
        Where each point lies, its segment's id and its customers.
    """
    rows = np.column_stack([x, y, group])
    places, inverse = np.unique(rows, axis=0, return_inverse=True)
    counts = np.bincount(np.ravel(inverse), weights=n)
    if len(places) <= MAX_POINTS:
        found = zip(places.tolist(), counts.tolist(), strict=True)
        return Cells(
            tuple(Cell(px, py, ((int(g), int(total)),)) for (px, py, g), total in found)
        )
    starts = rows[:, :2].min(axis=0)
    spans = rows[:, :2].max(axis=0) - starts
    widths = np.where(spans > 0, spans, 1.0) / GRID
    bins = np.minimum((rows[:, :2] - starts) // widths, np.array(GRID) - 1)
    middles = starts + (bins + 0.5) * widths
    return gather(
        zip(*middles.T.tolist(), group.tolist(), n.tolist(), strict=True),
        float(widths[0]),
        float(widths[1]),
    )


def gather(
    rows: Iterable[tuple[float, float, float, float]], width: float, height: float
) -> Cells:
    """Make one cell of all rows (x, y, group, customers) at the same place."""
    counts: dict[tuple[float, float], dict[int, int]] = {}
    for x, y, group, n in rows:
        cell = counts.setdefault((x, y), {})
        cell[int(group)] = cell.get(int(group), 0) + int(n)
    return Cells(
        tuple(
            Cell(
                x, y, tuple(sorted(cell.items(), key=lambda item: (-item[1], item[0])))
            )
            for (x, y), cell in sorted(counts.items())
        ),
        width,
        height,
    )
