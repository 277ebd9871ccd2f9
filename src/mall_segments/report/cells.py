"""Count customers where they are: on points, or in the bins of a grid."""

import math
from collections.abc import Iterable
from typing import Final

from mall_segments.report.charts import Cell, Cells
from mall_segments.report.marts import Marts

MAX_POINTS: Final = 2_500
"""Points up to which each is drawn; above, they are counted in the bins of a grid."""

GRID: Final = (48, 36)
"""Bins of a grid across and up, at most."""


def read_cells(
    marts: Marts,
    points: str,
    segmentation: str,
    *,
    x_resolution: float = 0,
    y_resolution: float = 0,
) -> Cells:
    """Read points, or count them in a grid when there are too many to draw.

    Parameters
    ----------
    marts : Marts
        Where to read.
    points : str
        SQL with one row per point and group: x, y, g (the group) and n (customers);
        ``$1`` is the segmentation.
    segmentation : str
        Its name.
    x_resolution, y_resolution : float
        The step between values, so that every bin holds as many of them; 0 if values
        have no step.
    """
    extent = marts.query(
        "SELECT count(*) AS n, min(x) AS x_minimum, max(x) AS x_maximum, "  # noqa: S608
        f"min(y) AS y_minimum, max(y) AS y_maximum FROM ({points})",
        [segmentation],
    )[0]
    if extent["n"] <= MAX_POINTS:
        rows = marts.query(f"{points} ORDER BY x, y, n DESC, g", [segmentation])
        return Cells(
            tuple(Cell(row["x"], row["y"], ((row["g"], row["n"]),)) for row in rows)
        )
    x_start, y_start = extent["x_minimum"], extent["y_minimum"]
    width = bin_width(x_start, extent["x_maximum"], x_resolution, GRID[0])
    height = bin_width(y_start, extent["y_maximum"], y_resolution, GRID[1])
    rows = marts.query(
        "SELECT least(floor((x - $2) / $3 + 1e-9), $6) AS x, "  # noqa: S608
        "least(floor((y - $4) / $5 + 1e-9), $7) AS y, g, sum(n)::BIGINT AS n "
        f"FROM ({points}) GROUP BY 1, 2, 3 ORDER BY 1, 2, n DESC, g",
        [segmentation, x_start, width, y_start, height, GRID[0] - 1, GRID[1] - 1],
    )
    # A bin of whole steps begins and ends halfway between two values.
    x_start += (width - x_resolution) / 2
    y_start += (height - y_resolution) / 2
    return gathered(
        (
            (
                x_start + row["x"] * width,
                y_start + row["y"] * height,
                row["g"],
                row["n"],
            )
            for row in rows
        ),
        width,
        height,
    )


def gathered(
    rows: Iterable[tuple[float, float, int, int]], width: float, height: float
) -> Cells:
    """Make one cell of all groups in a bin.

    Parameters
    ----------
    rows : iterable of (float, float, int, int)
        The middle of a bin, a group and its customers, in the order of the bins.
    width, height : float
        The size of the bins.
    """
    counts: dict[tuple[float, float], list[tuple[int, int]]] = {}
    for x, y, group, n_customers in rows:
        counts.setdefault((x, y), []).append((group, n_customers))
    return Cells(
        tuple(Cell(x, y, tuple(found)) for (x, y), found in counts.items()),
        width,
        height,
    )


def bin_width(minimum: float, maximum: float, resolution: float, n_bins: int) -> float:
    """Choose bins as wide as whole steps, so that each holds as many values.

    Examples
    --------
    >>> bin_width(1, 99, 1, 48), bin_width(0, 12, 0, 48)
    (3.0, 0.25)
    """
    if not resolution:
        return (maximum - minimum) / n_bins
    n_steps = (maximum - minimum) / resolution + 1
    return resolution * float(max(1, math.ceil(n_steps / n_bins - 1e-9)))
