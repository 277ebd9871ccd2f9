import numpy as np
import pandas as pd
import prince
import pytest
from customer_frames import feature_values, make_frames, make_settings
from sklearn.preprocessing import PowerTransformer, RobustScaler

from mall_segments.clustering.coordinates import (
    coordinates_of,
    fit_coordinates,
    fit_yeo_johnson,
    to_new_scale,
    to_original,
)
from mall_segments.scoring.assignment import transform
from mall_segments.settings import read_settings

GENERATOR = np.random.default_rng(7)


def fit_one(values, **options):
    """The only coordinate of one feature, and its row of parameters."""
    scaler = options.pop("scaler", "standard")
    weights = options.pop("weights", {})
    settings = make_settings(
        [{"name": "x", **options}],
        [{"name": "s", "features": ["x"], "scaler": scaler, "weights": weights}],
    )
    customers = pd.DataFrame({"x": values})
    (row,) = fit_coordinates(feature_values(customers, settings), settings).to_dict(
        "records"
    )
    read = read_settings(settings)
    return coordinates_of(row, read.segmentations[0], read), row


def test_a_standard_scale_is_the_mean_and_the_population_deviation():
    ((_, axis),), row = fit_one([1, 1, 2, 4])
    assert (axis.center, axis.scale) == (2.0, pytest.approx(np.sqrt(1.5)))
    assert (row["x_imputed"], row["x_minimum"], row["c1_step"]) == (1.5, 1.0, 0.0)


@pytest.mark.parametrize(
    ("scaler", "center", "scale"),
    [("minmax", 1.0, 9.0), ("none", 0.0, 1.0)],
)
def test_other_scalers(scaler, center, scale):
    ((_, axis),), _ = fit_one([1, 4, 10], scaler=scaler)
    assert (axis.center, axis.scale) == (center, scale)


def test_a_robust_scale_is_that_of_scikit_learn():
    values = GENERATOR.normal(size=51).round(2)
    ((_, axis),), _ = fit_one(values, scaler="robust")
    expected = RobustScaler().fit(values[:, None])
    assert axis.center == pytest.approx(expected.center_[0])
    assert axis.scale == pytest.approx(expected.scale_[0])


def test_a_feature_without_spread_keeps_its_unit():
    ((_, axis),), _ = fit_one([0.1] * 7)
    assert (axis.center, axis.scale) == (0.1, 1.0)


def test_logarithms_are_scaled_after_they_are_taken():
    ((_, axis),), row = fit_one([0, np.e - 1, np.e**2 - 1], transform="log", minimum=0)
    assert axis.center == pytest.approx(1)
    assert axis.scale == pytest.approx(np.sqrt(2 / 3))
    assert row["x_imputed"] == pytest.approx(np.e - 1)
    assert to_original(axis, 0.0) == pytest.approx(np.e - 1)


def test_clipping_cuts_at_quantiles():
    ((_, axis),), _ = fit_one([*range(101), 10_000], clip=[0.1, 0.9])
    low, high = np.quantile([*range(101), 10_000], [0.1, 0.9])
    assert (axis.low, axis.high) == pytest.approx((low, high))
    clipped = np.clip([*range(101), 10_000], low, high)
    assert axis.center == pytest.approx(clipped.mean())


@pytest.mark.parametrize("skew", [-1.0, 0.3, 2.0])
def test_yeo_johnson_is_that_of_scikit_learn(skew):
    values = (np.exp(skew * GENERATOR.normal(size=400)) - 1).round(3)
    expected = PowerTransformer(standardize=False).fit(values[:, None]).lambdas_[0]
    distinct, counts = np.unique(values, return_counts=True)
    assert fit_yeo_johnson(distinct, counts) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("power", [-1.0, 0.0, 1.3, 2.0, 2.6])
def test_yeo_johnson_is_undone(power):
    ((_, axis),), _ = fit_one([1.0, 2.0], transform="yeo_johnson")
    axis = axis.model_copy(update={"power": power})
    values = np.array([-3.0, -0.2, 0.0, 0.4, 7.0])
    scaled = (transform(axis, values) - axis.center) / axis.scale
    assert [to_original(axis, value) for value in scaled] == pytest.approx(values)


def test_weights_multiply_coordinates():
    ((_, axis),), _ = fit_one([1, 2, 3], weights={"x": 2.5})
    assert axis.weight == 2.5


def test_mixed_features_have_the_distances_of_factor_analysis():
    customers = pd.DataFrame(
        {
            "spend": GENERATOR.normal(50, 9, 60).round(1),
            "colour": GENERATOR.choice(["red", "green", "blue"], 60, p=[0.6, 0.3, 0.1]),
        }
    )
    settings = make_settings(
        [{"name": "spend"}, {"name": "colour", "type": "category"}],
        [{"name": "s", "features": ["spend", "colour"]}],
    )
    points = make_frames(customers, settings).points
    columns = ["coordinate_1", *(f"coordinate_{number}" for number in (2, 3, 4))]
    own = customers.merge(points, on=["spend", "colour"])[columns].to_numpy()
    analysed = prince.FAMD(n_components=3, engine="scipy").fit(customers)
    expected = analysed.row_coordinates(customers).to_numpy()
    found = np.sort(np.linalg.norm(own[:, None] - own[None], axis=2), axis=None)
    distances = np.linalg.norm(expected[:, None] - expected[None], axis=2)
    assert found == pytest.approx(np.sort(distances, axis=None), abs=1e-6)


def test_levels_are_the_most_frequent_ones():
    levels = [f"level {number:02}" for number in range(20) for _ in range(number + 1)]
    settings = make_settings(
        [{"name": "x", "type": "category"}], [{"name": "s", "features": ["x"]}]
    )
    customers = pd.DataFrame({"x": levels})
    row = fit_coordinates(feature_values(customers, settings), settings).iloc[0]
    assert [row[f"c{n}_level"] for n in (1, 12)] == ["level 19", "level 08"]
    assert row["c1_center"] == pytest.approx(20 / 210)


def test_many_values_are_grouped_in_steps_of_their_deviation():
    values = np.arange(2000) / 7
    _, row = fit_one(np.repeat(values, 6))
    assert row["c1_step"] == pytest.approx(1 / 64)
    _, few_values = fit_one(np.repeat(np.arange(1000), 12))
    _, few_customers = fit_one(np.repeat(values, 5))
    assert few_values["c1_step"] == few_customers["c1_step"] == 0


def test_places_move_to_the_scale_of_another_build():
    ((_, old),), _ = fit_one([0, 1, 2, 3], transform="log", minimum=0)
    ((_, new),), _ = fit_one([10, 20, 30])
    (moved,) = to_new_scale([new], [old], [0.5])
    assert moved == pytest.approx((to_original(old, 0.5) - 20) / new.scale)
