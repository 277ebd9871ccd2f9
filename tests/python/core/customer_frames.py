"""What the SQL models hand to Python, made from a few customers with pandas."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from mall_segments.clustering.coordinates import (
    coordinates_of,
    fit_coordinates,
    most_coordinates,
)
from mall_segments.scoring.assignment import transform
from mall_segments.settings import read_settings


def make_settings(features, segmentations, **others):
    """Settings of features and segmentations, each given by its options."""
    return {
        "customers_path": "customers.csv",
        "features": [dict(feature) for feature in features],
        "segmentations": [dict(segmentation) for segmentation in segmentations],
        **others,
    }


def feature_values(customers, settings):
    """Rows of ``int_feature_values``: every distinct value is one."""
    rows = []
    for feature in read_settings(settings).columns:
        counts = customers[feature.name].dropna().value_counts()
        for value, count in counts.items():
            is_number = feature.type == "number"
            rows.append(
                {
                    "feature": feature.name,
                    "value": value if is_number else np.nan,
                    "level": None if is_number else value,
                    "n_customers": count,
                }
            )
    return pd.DataFrame(rows)


def make_frames(customers, settings):
    """Coordinates and points of customers, as the models of these names."""
    read = read_settings(settings)
    coordinates = fit_coordinates(feature_values(customers, settings), settings)
    tables = []
    for row in coordinates.to_dict("records"):
        segmentation = next(
            each for each in read.segmentations if each.name == row["segmentation"]
        )
        names = list(segmentation.features)
        numbers = [name for name in names if read.feature(name).type == "number"]
        own = customers[names].copy()
        is_fitted = own[numbers].notna().all(axis=1)
        for name in numbers:
            own[name] = own[name].astype(float).fillna(row[f"{name}_imputed"])
        for number in range(1, most_coordinates(read) + 1):
            own[f"coordinate_{number}"] = np.nan
        for number, axis in coordinates_of(row, segmentation, read):
            values = (
                transform(axis, own[axis.feature].to_numpy(float))
                if axis.level is None
                else (own[axis.feature] == axis.level).to_numpy(float)
            )
            own[f"coordinate_{number}"] = (
                (values - axis.center) / axis.scale * axis.weight
            )
        own["n_customers"] = 1
        own["n_fitted"] = is_fitted.astype(int)
        keys = [name for name in own if not str(name).startswith("n_")]
        points = own.groupby(keys, dropna=False, as_index=False).sum()
        points = points.sort_values([k for k in keys if k.startswith("coordinate_")])
        points.insert(0, "segmentation", segmentation.name)
        points.insert(1, "point_id", range(1, len(points) + 1))
        tables.append(points)
    return SimpleNamespace(
        coordinates=coordinates, points=pd.concat(tables, ignore_index=True)
    )


def chosen(**n_segments):
    """Rows of ``fct_cluster_count_scores`` that choose these numbers."""
    return pd.DataFrame(
        {
            "segmentation": list(n_segments),
            "n_segments": list(n_segments.values()),
            "is_chosen": True,
            "chosen_by": "setting",
        }
    )


def judged(verdict="clear segments", *names):
    """Rows of ``fct_segmentation_verdicts``."""
    return pd.DataFrame({"segmentation": list(names), "verdict": verdict})
