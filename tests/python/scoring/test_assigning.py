"""One customer in plain Python, many in numpy, and the engine's SQL are one rule."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from reference_model import model_content, write_reference_model

from mall_segments.errors import ModelError
from mall_segments.scoring.pipeline import build_pipeline
from mall_segments.scoring.assigning import Assigner
from mall_segments.scoring.model_settings import find_segmentation

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model


def assigner_of(model: Model, name: str | None = None) -> Assigner:
    return Assigner(model, find_segmentation(model, name))


def with_centroids(path: Path, centroids: list[tuple[float, float]]) -> Model:
    """Return a model without scaling whose first segmentation has these centroids."""
    content = model_content()
    segmentation: dict[str, Any] = content["segmentations"][0]
    names = ("annual_income_kusd", "spending_score")
    segmentation["features"] = [{"name": n, "center": 0, "scale": 1} for n in names]
    template = segmentation["segments"][0]
    segmentation["segments"] = [
        template
        | {
            "segment_id": segment_id,
            "outlier_distance": 4,
            "centroid": dict(zip(names, centroid, strict=True)),
            "scaled_centroid": dict(zip(names, centroid, strict=True)),
        }
        for segment_id, centroid in enumerate(centroids, start=1)
    ]
    segmentation["n_segments"] = len(centroids)
    return write_reference_model(path, content)


def test_assigns_to_the_nearest_centroid(tmp_path: Path) -> None:
    model = with_centroids(tmp_path / "model.json", [(0, 10), (3, 14), (30, 10)])

    assignment = assigner_of(model).assign((0, 11))

    # Squared distances are 1, 18 and 901, so 1 / (1 + 1/18 + 1/901) of it is here.
    assert assignment.segment.segment_id == 1
    assert assignment.second_segment_id == 2
    assert assignment.distance == 1
    assert assignment.membership == pytest.approx(1 / (1 + 1 / 18 + 1 / 901), rel=1e-15)
    assert not assignment.is_outlier
    assert not assignment.is_imputed


def test_of_equally_near_centroids_takes_the_one_with_the_lower_id(
    tmp_path: Path,
) -> None:
    model = with_centroids(tmp_path / "model.json", [(20, 10), (10, 10), (10, 10)])

    assignment = assigner_of(model).assign((15, 10))

    assert assignment.segment.segment_id == 1
    assert assignment.second_segment_id == 2
    assert assignment.membership == pytest.approx(1 / 3, rel=1e-15)


def test_a_customer_on_a_centroid_belongs_to_it_entirely(tmp_path: Path) -> None:
    model = with_centroids(tmp_path / "model.json", [(20, 10), (10, 10)])

    assignment = assigner_of(model).assign((10, 10))

    assert assignment.segment.segment_id == 2
    assert assignment.distance == 0
    assert assignment.membership == 1


def test_a_customer_beyond_the_outlier_distance_is_an_outlier(tmp_path: Path) -> None:
    model = with_centroids(tmp_path / "model.json", [(0, 10), (100, 10)])
    assigner = assigner_of(model)

    assert not assigner.assign((0, 14)).is_outlier
    assert assigner.assign((0, 15)).is_outlier


def test_a_missing_value_is_the_median(model: Model) -> None:
    assigner = assigner_of(model)

    imputed = assigner.assign((None, 80))
    # The median income is 61.5, which is on no whole number and stays as it is.
    center, scale = 60.56, 26.19897707926781
    segment = imputed.segment
    gaps = (
        (61.5 - center) / scale - segment.scaled_centroid["annual_income_kusd"],
        (80 - 50.2) / 25.7588819633151 - segment.scaled_centroid["spending_score"],
    )

    assert imputed.is_imputed
    assert imputed.distance == pytest.approx(math.hypot(*gaps), rel=1e-14)


def test_values_between_the_steps_of_a_resolution_are_taken_as_they_are(
    model: Model,
) -> None:
    assigner = assigner_of(model)
    below, between, above = (assigner.assign((income, 39)) for income in (15, 15.5, 16))

    assert {below.distance, above.distance}.isdisjoint({between.distance})
    assert between == assigner.assign_many([(15.5, 39)])[0]


def test_features_come_in_the_order_of_the_model(tmp_path: Path) -> None:
    content = model_content()
    content["segmentations"][0]["features"].reverse()
    model = write_reference_model(tmp_path / "model.json", content)

    assert assigner_of(model).features == ("annual_income_kusd", "spending_score")


def test_many_customers_are_assigned_like_each_of_them(model: Model) -> None:
    random = np.random.default_rng(1)
    for segmentation in model.segmentations:
        assigner = Assigner(model, segmentation)
        customers: list[tuple[float | None, ...]] = [
            tuple(None if value < 3 else float(value) for value in row)
            for row in random.uniform(0, 120, (3000, len(assigner.features))).round(1)
        ]

        assert assigner.assign_many(customers) == list(map(assigner.assign, customers))


def test_many_customers_may_be_none(model: Model) -> None:
    assert assigner_of(model).assign_many([]) == []


def test_a_pipeline_agrees_with_the_assigner(model: Model) -> None:
    random = np.random.default_rng(2)
    for segmentation in model.segmentations:
        assigner = Assigner(model, segmentation)
        values = random.integers(1, 120, (3000, len(assigner.features))).astype(float)
        values[::7, 0] = np.nan
        pipeline = build_pipeline(model, segmentation.name)
        customers = pd.DataFrame(values, columns=list(assigner.features))

        labels = pipeline.predict(customers[pipeline.feature_names_in_])
        distances = pipeline.transform(customers[pipeline.feature_names_in_])

        expected = [
            assigner.assign([None if np.isnan(value) else value for value in row])
            for row in values
        ]
        segment_ids = pipeline.named_steps["kmeans"].segment_ids_[labels]
        assert segment_ids.tolist() == [each.segment.segment_id for each in expected]
        np.testing.assert_allclose(
            distances.min(axis=1), [each.distance for each in expected], atol=1e-9
        )


def test_a_pipeline_knows_its_features_and_survives_pickling(model: Model) -> None:
    pipeline = pickle.loads(pickle.dumps(build_pipeline(model)))  # noqa: S301

    assert list(pipeline.feature_names_in_) == ["annual_income_kusd", "spending_score"]
    assert pipeline.named_steps["kmeans"].segment_ids_.tolist() == [1, 2, 3, 4, 5]
    assert {type(step).__module__.split(".")[0] for _, step in pipeline.steps} == {
        "sklearn"
    }


def test_keeps_segment_ids_that_have_gaps(tmp_path: Path) -> None:
    content = model_content()
    segments = content["segmentations"][0]["segments"]
    segments[4]["segment_id"] = 9
    model = write_reference_model(tmp_path / "model.json", content)

    kmeans = build_pipeline(model).named_steps["kmeans"]

    assert kmeans.segment_ids_.tolist() == [1, 2, 3, 4, 9]
    assert assigner_of(model).assign((25, 80)).segment.segment_id == 9


def test_names_the_segmentations_there_are(model: Model) -> None:
    with pytest.raises(
        ModelError,
        match="no segmentation 'age'; there are income_spending, age_income_spending",
    ):
        build_pipeline(model, "age")
