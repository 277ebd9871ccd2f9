"""What the functions behind dbt Python models read from their frames and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mall_segments.clustering.kmeans import merge_points
from mall_segments.engine import text_type
from mall_segments.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.settings import Segmentation, Settings


def coordinate_values(frame: pd.DataFrame) -> FloatArray:
    """Coordinates that hold a value, by number, of shape (n_rows, n_coordinates)."""
    numbers = sorted(
        int(str(name).removeprefix("coordinate_"))
        for name in frame
        if str(name).startswith("coordinate_") and frame[name].notna().any()
    )
    columns = [f"coordinate_{number}" for number in numbers]
    return np.ascontiguousarray(frame[columns].to_numpy(dtype=np.float64))


def each_fitted(
    points: pd.DataFrame, settings: Settings
) -> Iterator[tuple[Segmentation, FloatArray, IntArray]]:
    """Yield each segmentation with its points and their fitted customers, merged.

    None where there are no points at all: ``dbt build --empty`` tries the models only.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments are asked for.
    """
    for segmentation in settings.segmentations if len(points) else ():
        is_own = points["segmentation"].to_numpy() == segmentation.name
        own = points[is_own & (points["n_fitted"].to_numpy() > 0)]
        weights = own["n_fitted"].to_numpy(dtype=np.int64)
        values = coordinate_values(own)
        if not values.shape[1]:
            values = np.zeros((len(own), 1))
        distinct, counts = merge_points(values, weights)
        _refuse_few(segmentation, len(distinct), int(weights.sum()))
        yield segmentation, distinct, counts


def _refuse_few(segmentation: Segmentation, n_distinct: int, n_customers: int) -> None:
    needed = 2 if segmentation.n_segments == "auto" else segmentation.n_segments
    if n_distinct < needed:
        setting = "auto" if segmentation.n_segments == "auto" else needed
        raise InputError(
            f"segmentation {segmentation.name}: n_segments={setting} needs at least "
            f"{needed} different customers, but the {n_customers} complete "
            f"customers have only {n_distinct} different combinations of "
            f"{', '.join(segmentation.features)}."
        )


def typed_frame(
    rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> pd.DataFrame:
    """Give every column one type, also where all its values are missing."""
    return pd.DataFrame(
        {
            column: pd.Series(
                [row.get(column) for row in rows],
                dtype=text_type() if name == "text" else name,
            )
            for column, name in types.items()
        }
    )
