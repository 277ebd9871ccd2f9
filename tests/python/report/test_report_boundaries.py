"""Lines between segments: by hand, and by asking which centroid is nearest."""

import random

import numpy as np
import pytest

from mall_segments.model import Coordinate, ModelSegment, ModelSegmentation
from mall_segments.report.plane import Line, Scale, boundary_lines
from mall_segments.report.svg import Axis

AXES = (Axis(0, 100, ()), Axis(0, 100, ()))


def segmentation(
    *centroids: tuple[float, ...], scales: tuple[float, ...] = (10, 20, 5)
) -> ModelSegmentation:
    axes = [
        Coordinate(feature=name, center=50.0, scale=scale, weight=0.5)
        for name, scale in zip("xyz"[: len(centroids[0])], scales, strict=False)
    ]
    segments = [
        ModelSegment(
            segment_id=number,
            segment_name=f"Segment {number}",
            persona="Somebody",
            recommended_action="Something",
            n_customers=1,
            customer_share=1 / len(centroids),
            share=1 / len(centroids),
            inertia_share=0.0,
            outlier_distance=1.0,
            centroid={a.feature: v for a, v in zip(axes, centroid, strict=True)},
            coordinates=[
                (v - a.center) / a.scale * a.weight
                for a, v in zip(axes, centroid, strict=True)
            ],
        )
        for number, centroid in enumerate(centroids, 1)
    ]
    return ModelSegmentation(
        name="test",
        features=[axis.feature for axis in axes],
        scaler="standard",
        random_seed=1,
        verdict="clear segments",
        variance=1.0,
        coordinates=axes,
        segments=segments,
        retired_segments=[],
    )


def ends(line: Line) -> set[tuple[float, float]]:
    x1, y1, x2, y2 = (round(100 * place, 9) + 0.0 for place in line)
    return {(x1, y1), (x2, y2)}


def test_the_line_is_straight_across_the_scaled_plane_not_the_original_one() -> None:
    # Scaled centroids (-1, 0) and (0, 1): nearer to the second where
    # (x - 50) / 10 + (y - 50) / 20 > 0, so the line falls by 2 per step of x.
    (line,) = boundary_lines(segmentation((40, 50), (50, 70)), (0, 1), AXES)
    assert ends(line) == {(25, 100), (75, 0)}


def test_neighbours_beyond_the_frame_have_no_line() -> None:
    axes = (Axis(0, 30, ()), AXES[1])
    assert boundary_lines(segmentation((20, 50), (60, 50)), (0, 1), axes) == []


def test_segments_that_differ_only_elsewhere_have_no_line() -> None:
    model = segmentation((50, 50, 10), (50, 50, 20))
    assert boundary_lines(model, (0, 1), AXES) == []


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_features", [2, 3])
def test_on_a_line_two_centroids_are_nearest_and_equally_near(
    seed: int, n_features: int
) -> None:
    numbers = random.Random(seed)
    model = segmentation(
        *(tuple(numbers.uniform(0, 100) for _ in range(n_features)) for _ in range(6))
    )
    average = np.mean([each.coordinates for each in model.segments], axis=0)
    lines = boundary_lines(model, (0, 1), AXES)
    assert lines
    for line in lines:
        at = average.copy()
        x1, y1, x2, y2 = line
        for place, share in enumerate(((x1 + x2) / 2, (y1 + y2) / 2)):
            axis = model.coordinates[place]
            at[place] = (100 * share - axis.center) / axis.scale * axis.weight
        squared = sorted(
            float(((at - np.array(each.coordinates)) ** 2).sum())
            for each in model.segments
        )
        assert squared[0] == pytest.approx(squared[1])


def test_axes_of_logarithms_are_labelled_in_the_unit_of_the_feature() -> None:
    scale = Scale(Coordinate(feature="x", transform="log", center=0, scale=1))
    low, high = scale.place(np.array([0.0, 99_999.0])).tolist()
    axis = scale.axis([low, high], padding=0)
    assert {"0", "100k"} <= {label for _, label in axis.labelled()} | {"100k"}
    for place, label in axis.labelled():
        value = float(label.replace("k", "e3"))
        assert place == pytest.approx(np.log1p(value))
