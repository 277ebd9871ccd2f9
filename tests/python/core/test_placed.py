import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_samples

from mall_segments.clustering import placed
from mall_segments.clustering.placed import place_points


def test_points_lie_with_their_nearest_segment(shipped):
    table = shipped.segment_points
    assert (table["distance"] <= table["second_distance"]).all()
    assert (table["segment_id"] != table["second_segment_id"]).all()
    assert table["membership"].between(0, 1).all()
    counts = table.merge(shipped.points).groupby(["segmentation", "segment_id"])
    assert counts["n_customers"].sum()["income_spending"].tolist() == [
        81,
        39,
        35,
        23,
        22,
    ]


def test_silhouettes_are_those_of_the_customers(shipped):
    own = shipped.points.merge(shipped.segment_points)
    own = own[own["segmentation"] == "income_spending"]
    expanded = own.loc[own.index.repeat(own["n_fitted"])]
    expected = silhouette_samples(
        expanded[["coordinate_1", "coordinate_2"]], expanded["segment_id"]
    )
    assert expanded["silhouette"].to_numpy() == pytest.approx(expected)


def test_points_that_were_not_fitted_have_no_silhouette(shipped, shipped_settings):
    points = shipped.points.copy()
    points.loc[points["point_id"] == 7, "n_fitted"] = 0
    table = place_points(
        points, shipped.coordinates, shipped.segments, shipped_settings
    )
    assert table[table["silhouette"].isna()]["point_id"].unique().tolist() == [7]


def test_very_many_points_have_no_silhouettes(shipped, shipped_settings, monkeypatch):
    monkeypatch.setattr(placed, "MAX_SILHOUETTE_POINTS", 199)
    table = place_points(
        shipped.points, shipped.coordinates, shipped.segments, shipped_settings
    )
    has_none = table.groupby("segmentation")["silhouette"].agg(
        lambda values: values.isna().all()
    )
    assert has_none.to_dict() == {"age_income_spending": True, "income_spending": False}


def test_the_order_of_points_changes_nothing(shipped, shipped_settings):
    shuffled = shipped.points.sample(frac=1, random_state=1)
    again = place_points(
        shuffled, shipped.coordinates, shipped.segments, shipped_settings
    )
    pd.testing.assert_frame_equal(again, shipped.segment_points, check_exact=True)
    assert np.isfinite(again["distance"]).all()
