"""Lines between segments: by hand, and by asking which centroid is nearest."""

import random
from dataclasses import replace

import pytest

from mall_segments.model_file import ScaledFeature, Segment, Segmentation
from mall_segments.report.boundaries import Frame, Line, boundary_lines

FRAME = Frame(0, 100, 0, 100)


def segmentation(
    *centroids: tuple[float, ...], scales: tuple[float, ...] = (10, 20, 5)
) -> Segmentation:
    features = tuple(
        ScaledFeature(name, 50.0, scale)
        for name, scale in zip("xyz"[: len(centroids[0])], scales, strict=False)
    )
    segments = tuple(
        Segment(
            segment_id=number,
            segment_name=f"Segment {number}",
            persona="Somebody",
            recommended_action="Something",
            n_customers=1,
            customer_share=1 / len(centroids),
            mean_silhouette=None,
            inertia_share=0.0,
            outlier_distance=1.0,
            centroid={f.name: v for f, v in zip(features, centroid, strict=True)},
            scaled_centroid={
                f.name: (v - f.center) / f.scale
                for f, v in zip(features, centroid, strict=True)
            },
        )
        for number, centroid in enumerate(centroids, 1)
    )
    return Segmentation(
        name="test",
        scaler="standard",
        random_seed=1,
        n_segments=len(segments),
        features=features,
        segments=segments,
        retired_segment_ids=(),
    )


def squared_distances(model: Segmentation, **values: float) -> list[tuple[float, int]]:
    return sorted(
        (
            sum(
                (
                    (values[feature.name] - feature.center) / feature.scale
                    - segment.scaled_centroid[feature.name]
                )
                ** 2
                for feature in model.features
            ),
            segment.segment_id,
        )
        for segment in model.segments
    )


def ends(line: Line) -> set[tuple[float, float]]:
    return {
        (round(line.x1, 9) + 0.0, round(line.y1, 9) + 0.0),
        (round(line.x2, 9) + 0.0, round(line.y2, 9) + 0.0),
    }


def test_two_segments_meet_halfway() -> None:
    model = segmentation((20, 50), (60, 50))
    (line,) = boundary_lines(model, "x", "y", frame=FRAME, elsewhere={})
    assert ends(line) == {(40, 0), (40, 100)}


def test_the_line_is_straight_across_the_scaled_plane_not_the_original_one() -> None:
    # Scaled centroids (-1, 0) and (0, 1): nearer to the second where
    # (x - 50) / 10 + (y - 50) / 20 > 0, so the line falls by 2 per step of x.
    model = segmentation((40, 50), (50, 70))
    (line,) = boundary_lines(model, "x", "y", frame=FRAME, elsewhere={})
    assert ends(line) == {(25, 100), (75, 0)}


def test_four_segments_at_the_corners_meet_in_the_middle() -> None:
    model = segmentation((20, 20), (80, 20), (20, 80), (80, 80))
    lines = boundary_lines(model, "x", "y", frame=FRAME, elsewhere={})
    found = [ends(line) for line in lines]
    assert len(found) == 4
    assert all((50, 50) in both for both in found)
    assert {(50, 0), (50, 100), (0, 50), (100, 50)} < set().union(*found)


def test_neighbours_beyond_the_frame_have_no_line() -> None:
    model = segmentation((20, 50), (60, 50))
    frame = replace(FRAME, x_maximum=30)
    assert boundary_lines(model, "x", "y", frame=frame, elsewhere={}) == []


def test_one_feature_has_upright_lines() -> None:
    model = segmentation((20,), (40,), (90,))
    lines = boundary_lines(model, "x", None, frame=FRAME, elsewhere={})
    assert [ends(line) for line in lines] == [
        {(30, 0), (30, 100)},
        {(65, 0), (65, 100)},
    ]


def test_segments_that_differ_only_elsewhere_have_no_line() -> None:
    model = segmentation((50, 50, 10), (50, 50, 20))
    assert boundary_lines(model, "x", "y", frame=FRAME, elsewhere={"z": 12}) == []


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n_features", [2, 3])
def test_on_a_line_two_centroids_are_nearest_and_equally_near(
    seed: int, n_features: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    model = segmentation(
        *(
            tuple(chance.uniform(0, 100) for _ in range(n_features))
            for _ in range(chance.randint(2, 9))
        )
    )
    elsewhere = {"z": 40.0}
    lines = boundary_lines(model, "x", "y", frame=FRAME, elsewhere=elsewhere)
    pairs = set()
    for line in lines:
        part = chance.uniform(0.01, 0.99)
        x = line.x1 + part * (line.x2 - line.x1)
        y = line.y1 + part * (line.y2 - line.y1)
        assert -1e-9 <= x <= 100 + 1e-9
        assert -1e-9 <= y <= 100 + 1e-9
        nearest = squared_distances(model, x=x, y=y, **elsewhere)
        assert nearest[0][0] == pytest.approx(nearest[1][0], abs=1e-6)
        pairs.add(frozenset((nearest[0][1], nearest[1][1])))
    assert len(pairs) == len(lines)


@pytest.mark.parametrize("seed", range(10))
def test_the_segment_changes_nowhere_but_on_a_line(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    model = segmentation(
        *((chance.uniform(0, 100), chance.uniform(0, 100)) for _ in range(5))
    )
    lines = boundary_lines(model, "x", "y", frame=FRAME, elsewhere={})
    for _ in range(40):
        points = [(chance.uniform(0, 100), chance.uniform(0, 100)) for _ in range(2)]
        changes = len({squared_distances(model, x=x, y=y)[0][1] for x, y in points}) > 1
        crossed = sum(crosses(line, points) for line in lines)
        # A straight way that leaves a convex cell does not come back to it.
        assert bool(crossed) == changes


def crosses(line: Line, points: list[tuple[float, float]]) -> bool:
    def side(
        a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]
    ) -> bool:
        return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])

    start, end = (line.x1, line.y1), (line.x2, line.y2)
    return side(start, end, points[0]) != side(start, end, points[1]) and side(
        points[0], points[1], start
    ) != side(points[0], points[1], end)
