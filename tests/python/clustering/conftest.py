"""The shipped customers as the frames that Python models receive."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from mall_segments.clustering.kmeans import fit_kmeans

PROJECT = Path(__file__).parents[3]
N_SEGMENTS = {"income_spending": 5, "age_income_spending": 3}


@pytest.fixture(scope="session")
def shipped_settings():
    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


@pytest.fixture(scope="session")
def shipped_customers():
    customers = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    return customers.rename(
        columns={
            "Age": "age_years",
            "Annual Income (k$)": "annual_income_kusd",
            "Spending Score (1-100)": "spending_score",
        }
    )


@pytest.fixture(scope="session")
def shipped(shipped_settings, shipped_customers):
    """Points, segments and the segment of each point, for both segmentations."""
    tables = {"points": [], "segments": [], "segment_points": []}
    for segmentation in shipped_settings["segmentations"]:
        name, features = segmentation["name"], segmentation["features"]
        points = shipped_customers.groupby(features).size().rename("n_customers")
        points = points.reset_index().assign(segmentation=name)
        scaled = [f"{feature}_scaled" for feature in features]
        values = shipped_customers[features]
        points[scaled] = (points[features] - values.mean()) / values.std(ddof=0)
        points["n_fitted"] = points["n_customers"]
        points["point_id"] = range(1, len(points) + 1)
        fit = fit_kmeans(
            points[scaled].to_numpy(),
            points["n_fitted"].to_numpy(),
            n_segments=N_SEGMENTS[name],
            random_seed=segmentation["random_seed"],
        )
        tables["points"].append(points)
        tables["segments"].append(
            pd.DataFrame(
                fit.centroids,
                columns=[f"scaled_centroid_{feature}" for feature in features],
            ).assign(
                segmentation=name,
                segment_id=range(1, len(fit.centroids) + 1),
                segment_name=[f"segment {row}" for row in range(len(fit.centroids))],
            )
        )
        tables["segment_points"].append(
            points[["segmentation", "point_id", "n_customers"]].assign(
                segment_id=fit.labels + 1
            )
        )
    return SimpleNamespace(
        **{name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    )
