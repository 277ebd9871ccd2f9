import csv
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mall_segments.orders.lifetime import (
    PurchaseModel,
    alive_probability,
    describe_lifetimes,
    expected_purchases,
    fit_purchases,
    fit_values,
)

CDNOW = PurchaseModel(0.243, 4.414, 0.793, 2.426, -9582.4)


def cdnow(*names):
    """Return columns of the sample of CDNOW that a package of examples carries."""
    files = metadata.files("lifetimes") or ()
    name = "cdnow_customers_summary_with_transactions.csv"
    path = next(file for file in files if file.name == name).locate()
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [np.array([float(row[name]) for row in rows]) for name in names]


def simulated(n_customers=4000, r=0.6, alpha=6.0, a=0.9, b=3.0):
    """Return histories of customers who follow the model exactly."""
    draw = np.random.default_rng(7)
    repeats, last, age = (np.zeros(n_customers) for _ in range(3))
    age[:] = draw.integers(40, 100, n_customers)
    for customer in range(n_customers):
        rate, leaves = draw.gamma(r, 1 / alpha), draw.beta(a, b)
        moment = draw.exponential(1 / rate)
        while moment < age[customer]:
            repeats[customer] += 1
            last[customer] = moment
            if draw.random() < leaves:
                break
            moment += draw.exponential(1 / rate)
    return repeats, last, age


def test_fits_cdnow_as_published():
    repeats, last, age, means = cdnow("x", "t_x", "T", "zbar")

    purchases = fit_purchases(repeats, last, age, np.ones(len(age)))
    buys = repeats > 0
    values = fit_values(repeats[buys], means[buys], np.ones(buys.sum()))

    assert purchases.r == pytest.approx(0.243, abs=0.0005)
    assert purchases.alpha == pytest.approx(4.414, abs=0.001)
    assert purchases.a == pytest.approx(0.793, abs=0.0005)
    assert purchases.b == pytest.approx(2.426, abs=0.001)
    assert purchases.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert values.p == pytest.approx(6.25, abs=0.01)
    assert values.q == pytest.approx(3.74, abs=0.01)
    assert values.v == pytest.approx(15.44, abs=0.02)


def test_finds_the_parameters_that_histories_were_drawn_from():
    repeats, last, age = simulated()

    model = fit_purchases(repeats, last, age, np.ones(len(age)))

    assert model.r == pytest.approx(0.6, rel=0.15)
    assert model.alpha == pytest.approx(6.0, rel=0.2)
    assert model.a / (model.a + model.b) == pytest.approx(0.9 / 3.9, rel=0.15)


def test_finds_the_parameters_that_values_were_drawn_from():
    draw = np.random.default_rng(3)
    counts = draw.integers(1, 12, 6000).astype(float)
    scales = draw.gamma(3.5, 1 / 16.0, 6000)
    means = draw.gamma(5.0 * counts) / (scales * counts)

    model = fit_values(counts, means, np.ones(6000))

    assert model.p == pytest.approx(5.0, rel=0.15)
    assert model.q == pytest.approx(3.5, rel=0.15)
    assert model.p * model.v / (model.q - 1) == pytest.approx(32, rel=0.05)


def test_a_weight_stands_for_so_many_customers():
    repeats, last, age = (column[:300] for column in simulated())
    weights = np.arange(300) % 3 + 1.0

    weighted = fit_purchases(repeats, last, age, weights)
    repeated = fit_purchases(
        *(np.repeat(column, weights.astype(int)) for column in (repeats, last, age)),
        np.ones(int(weights.sum())),
    )

    assert weighted.r == pytest.approx(repeated.r, rel=1e-6)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood)


def test_time_and_money_have_no_unit_of_their_own():
    repeats, last, age = simulated(1000)
    ones = np.ones(1000)

    weeks = fit_purchases(repeats, last, age, ones)
    days = fit_purchases(repeats, last * 7, age * 7, ones)
    pounds = fit_values(repeats + 1, last + 1, ones)
    pence = fit_values(repeats + 1, (last + 1) * 100, ones)

    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-4)
    assert days.b == pytest.approx(weeks.b, rel=1e-4)
    assert pence.v == pytest.approx(100 * pounds.v, rel=1e-4)


def test_who_paused_longer_is_less_likely_to_be_alive():
    last = np.array([10.0, 20.0, 38.0])

    alive = alive_probability(CDNOW, np.full(3, 4.0), last, np.full(3, 38.0))

    assert (np.diff(alive) > 0).all()
    # At once after a purchase, only the drop-out at that purchase counts:
    # 1 / (1 + 0.793 / (2.426 + 4 - 1)).
    assert alive[2] == pytest.approx(0.8725, abs=1e-4)


def test_who_never_returned_had_no_occasion_to_leave():
    alive = alive_probability(CDNOW, *(np.array([number]) for number in (0, 0, 38)))

    assert alive.tolist() == [1.0]


def test_expects_many_repeats_as_finitely_as_few():
    repeats = np.array([0.0, 1, 30, 500, 5000])
    last = np.array([0.0, 30, 38, 38, 38])

    expected = expected_purchases(CDNOW, repeats, last, np.full(5, 38.86), periods=52)

    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


def test_refuses_impossible_histories():
    one = np.ones(1)

    with pytest.raises(ValueError, match="last_period <= age"):
        fit_purchases(one, 2 * one, one, one)
    with pytest.raises(ValueError, match="means above 0"):
        fit_values(one, 0 * one, one)


@pytest.mark.parametrize(
    ("n_customers", "weeks"), [(49, 60), (5000, 20)], ids=["few", "short"]
)
def test_expects_nothing_of_too_few_customers_or_too_short_a_time(n_customers, weeks):
    histories = pd.DataFrame(
        {
            "period_days": 7.0,
            "n_repeats": [0, 2],
            "last_purchase_period": [0, 5],
            "age_periods": [weeks, weeks - 1],
            "n_customers": [n_customers - 21, 21],
        }
    )
    values = pd.DataFrame(
        {"n_purchase_days": [1], "mean_purchase_value": [9.0], "n_customers": [9]}
    )

    lifetimes = describe_lifetimes(histories, values)

    assert len(lifetimes) == 2
    assert lifetimes["expected_orders_12m"].isna().all()
    assert lifetimes["value_p"].isna().all()


def test_an_empty_file_has_no_lifetimes():
    histories = pd.DataFrame(
        columns=[
            *("period_days", "n_repeats", "last_purchase_period"),
            *("age_periods", "n_customers"),
        ],
        dtype=float,
    )
    values = pd.DataFrame(
        columns=["n_purchase_days", "mean_purchase_value", "n_customers"], dtype=float
    )

    assert describe_lifetimes(histories, values).empty
