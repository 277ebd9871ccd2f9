"""What the functions behind dbt Python models read from their frames and settings."""

from __future__ import annotations

import re
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


def _coordinate_columns(frame: pd.DataFrame) -> list[str]:
    """Columns ``coordinate_1``, ``coordinate_2``, ... that hold a value, by number."""
    numbered = {
        int(match[1]): str(column)
        for column in frame.columns
        if (match := re.fullmatch(r"coordinate_(\d+)", str(column)))
    }
    return [
        numbered[place]
        for place in sorted(numbered)
        if len(frame) and frame[numbered[place]].notna().any()
    ]


def known_coordinates(frame: pd.DataFrame) -> FloatArray:
    """Coordinates of one segmentation's rows, of shape (n_rows, n_features)."""
    columns = _coordinate_columns(frame)
    return np.ascontiguousarray(frame[columns].to_numpy(dtype=np.float64))


def each_fitted(
    points: pd.DataFrame, settings: Settings
) -> Iterator[tuple[Segmentation, FloatArray, IntArray]]:
    """Yield each segmentation with its fitted points, sorted, merged and checked.

    Parameters
    ----------
    points : DataFrame
        Rows of ``int_points``, in any order.
    settings : Settings
        The settings of the build; their order is that of the result.

    Yields
    ------
    tuple of Segmentation, array (n_points, n_features) and array (n_points,)
        The segmentation, its distinct points with fitted customers, and how many
        these are.

    Raises
    ------
    InputError
        If there are fewer distinct points than segments are asked for.
    """
    for segmentation in settings.segmentations:
        yield (segmentation, *fitted_points(points, segmentation))


def fitted_points(
    points: pd.DataFrame, segmentation: Segmentation
) -> tuple[FloatArray, IntArray]:
    """Points of a segmentation to fit; see :func:`each_fitted`."""
    is_own = points["segmentation"].to_numpy() == segmentation.name
    own = points[is_own & (points["n_fitted"].to_numpy() > 0)]
    weights = own["n_fitted"].to_numpy(dtype=np.int64)
    values = known_coordinates(own)
    if not values.shape[1]:
        values = np.zeros((len(own), 1))
    distinct, counts = merge_points(values, weights)
    needed = 2 if segmentation.n_segments == "auto" else segmentation.n_segments
    if len(distinct) < needed:
        setting = "auto" if segmentation.n_segments == "auto" else needed
        raise InputError(
            f"segmentation {segmentation.name}: n_segments={setting} needs at least "
            f"{needed} different customers, but the {int(weights.sum())} complete "
            f"customers have only {len(distinct)} different combinations of "
            f"{', '.join(segmentation.features)}."
        )
    return distinct, counts


def typed_frame(
    rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> pd.DataFrame:
    """Give every column one type, also where all its values are missing.

    Parameters
    ----------
    rows : sequence of mapping
        Values by column; a column that a row lacks is missing there.
    types : mapping of str to {"text", "int64", "Int64", "float64", "bool"}
        The columns in their order.
    """
    return pd.DataFrame(
        {
            column: pd.Series(
                [row.get(column) for row in rows],
                dtype=text_type() if name == "text" else name,
            )
            for column, name in types.items()
        }
    )
