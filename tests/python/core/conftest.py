"""The shipped customers as the frames that Python models receive."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from customer_frames import chosen, judged, make_frames

from mall_segments.clustering.placed import place_points
from mall_segments.clustering.segments import Known, fit_segments

PROJECT = Path(__file__).parents[3]
N_SEGMENTS = {"income_spending": 5, "age_income_spending": 3}


@pytest.fixture(scope="session")
def shipped_settings():
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    # Without orders, whose features these customers do not have.
    return settings | {"customers_path": "seeds/Mall_Customers.csv"}


@pytest.fixture(scope="session")
def shipped_customers(shipped_settings):
    customers = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    names = {
        alias: feature["name"]
        for feature in shipped_settings["features"]
        for alias in feature["aliases"]
    }
    customers = customers.rename(columns=names | {"Gender": "gender"})
    return customers.assign(gender=customers["gender"].str.lower())


@pytest.fixture(scope="session")
def known_shipped():
    return Known(
        personas=pd.read_csv(
            PROJECT / "seeds" / "segment_personas.csv", dtype={"priority": str}
        ),
        counts=chosen(**N_SEGMENTS),
        verdicts=judged("clear segments", *N_SEGMENTS),
        previous=None,
        returning_share=1.0,
    )


@pytest.fixture(scope="session")
def shipped(shipped_settings, shipped_customers, known_shipped):
    """Points, segments and the segment of each point, for both segmentations."""
    frames = make_frames(shipped_customers, shipped_settings)
    frames.segments = fit_segments(
        frames.points, frames.coordinates, shipped_settings, known_shipped
    )
    frames.segment_points = place_points(
        frames.points, frames.coordinates, frames.segments, shipped_settings
    )
    return frames
