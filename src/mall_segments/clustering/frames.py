"""What the functions behind dbt Python models read from their frames and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mall_segments.settings import SETTING_NAMES, parse_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from mall_segments.clustering import FloatArray
    from mall_segments.settings import Feature, Segmentation, Settings


def read_settings(configured: Mapping[str, Any]) -> Settings:
    """Check the settings that dbt hands to a Python model.

    Parameters
    ----------
    configured : mapping of str to object
        The vars of ``dbt_project.yml``; other entries, such as the home folder, are
        left alone.

    Raises
    ------
    SettingsError
        If a setting cannot be used.
    """
    return parse_settings(
        {name: configured[name] for name in SETTING_NAMES if name in configured}
    )


def each_segmentation(
    points: pd.DataFrame, settings: Settings
) -> Iterator[tuple[Segmentation, pd.DataFrame]]:
    """Yield each segmentation with its points in ascending order of their values.

    Parameters
    ----------
    points : DataFrame
        ``segmentation`` and a column per feature, in any order.
    settings : Settings
        The settings of the build; their order is that of the result.
    """
    for segmentation in settings.segmentations:
        own = points[points["segmentation"] == segmentation.name]
        yield (
            segmentation,
            own.sort_values(list(segmentation.features), ignore_index=True),
        )


def scaled_values(points: pd.DataFrame, segmentation: Segmentation) -> FloatArray:
    """Scaled features of a segmentation's points, (n_points, n_features)."""
    columns = [f"{feature}_scaled" for feature in segmentation.features]
    return points[columns].to_numpy(np.float64)


def features_of(segmentation: Segmentation, settings: Settings) -> list[Feature]:
    """Return a segmentation's features in the order in which the SQL adds them up."""
    return [
        feature
        for feature in settings.features
        if feature.name in segmentation.features
    ]
