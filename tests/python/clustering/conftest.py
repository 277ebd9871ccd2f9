"""The shipped customers as the frames that Python models receive."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from mall_segments.clustering.choosing import score_cluster_counts
from mall_segments.clustering.kmeans import fit_kmeans

PROJECT = Path(__file__).parents[3]
N_SEGMENTS = {"income_spending": 5, "age_income_spending": 3}


@pytest.fixture(scope="session")
def trials():
    """The module that draws sets of known truth for the tables of docs/method.md."""
    path = PROJECT / "benchmarks" / "choosing.py"
    spec = importlib.util.spec_from_file_location("trials", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@pytest.fixture(scope="session")
def point_settings():
    """Settings of the shipped segmentations, without what clustering never reads."""
    names = ("age", "income", "spending")
    return {
        "features": [{"name": name, "label": name} for name in names],
        "segmentations": [
            {"name": "income_spending", "features": list(names[1:])},
            {"name": "age_income_spending", "features": list(names), "n_segments": 3},
        ],
    }


@pytest.fixture(scope="session")
def point_frame(shipped_customers):
    """Rows of ``int_points`` for the shipped customers."""
    columns = ["age_years", "annual_income_kusd", "spending_score"]
    frames = []
    for name, used in (
        ("income_spending", columns[1:]),
        ("age_income_spending", columns),
    ):
        values = shipped_customers[used]
        scaled = (values - values.mean()) / values.std(ddof=0)
        scaled.columns = [f"coordinate_{place + 1}" for place in range(len(used))]
        points = scaled.groupby(list(scaled.columns)).size().rename("n_customers")
        frames.append(points.reset_index().assign(segmentation=name))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(
        n_fitted=frame["n_customers"], point_id=range(1, len(frame) + 1)
    )


@pytest.fixture(scope="session")
def counts(point_frame, point_settings):
    """What every number of segments of the shipped customers scores."""
    return score_cluster_counts(point_frame, point_settings, {})
