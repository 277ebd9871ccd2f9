"""How long customers stay and what they will spend: BG/NBD and Gamma-Gamma.

While alive, a customer buys at random at a rate of their own; after each purchase they
drop out with a probability of their own. Both vary between customers, by a gamma and a
beta distribution [1]_. The value of a purchase varies around a mean of the customer's
own, which is independent of how often they buy [2]_. All histories that are alike are
one row with a weight, so a fit costs the same for any number of customers.

References
----------
.. [1] Fader, Hardie, Lee (2005), "'Counting Your Customers' the Easy Way: An
   Alternative to the Pareto/NBD Model", Marketing Science 24, 275-284.
.. [2] Fader, Hardie (2013), "The Gamma-Gamma Model of Monetary Value".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1, psi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_DAYS_OF_A_YEAR: Final = 365.25
# Below these, parameters follow chance: nothing is expected then.
_FEWEST_CUSTOMERS: Final = 50
_FEWEST_RETURNING: Final = 20
_SHORTEST_SPAN_DAYS: Final = 182
# Logarithms: customers who differ less are alike, and the series ends in no number.
_BOUND: Final = 7.0
# The expectation has a removable gap where a is 1.
_GAP: Final = 1e-6


@dataclass(frozen=True)
class PurchaseModel:
    """BG/NBD: rates are gamma(r, alpha), drop-outs beta(a, b), time in periods."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


@dataclass(frozen=True)
class ValueModel:
    """Gamma-Gamma: values are gamma(p, nu), nu is gamma(q, v)."""

    p: float
    q: float
    v: float
    log_likelihood: float


def fit_purchases(
    repeats: Array, last_period: Array, age: Array, weights: Array
) -> PurchaseModel | None:
    """Fit BG/NBD by maximum likelihood; None where there is no maximum.

    Per history: purchases after the first, periods from the first purchase to the last
    (0 without repeats) and from the first to now, and customers who have it.
    """
    if np.any(repeats < 0) or np.any(last_period < 0) or np.any(last_period > age):
        raise ValueError("a history has 0 <= last_period <= age and repeats >= 0")
    # Periods of any length are alike to the optimiser.
    unit = max(float(np.average(age, weights=weights)), 1e-9)

    def likelihood(parameters: Array) -> tuple[Array, list[Array]]:
        return _purchase_likelihood(parameters, repeats, last_period / unit, age / unit)

    starts = [(0.0, 0.0, 0.0, 1.0), (-1.5, -1.5, -0.5, 1.0)]
    best = _maximise(likelihood, weights, starts)
    if best is None:
        return None
    (r, alpha, a, b), mean = best
    # Rescaling time by a unit changes the density by it once per purchase.
    total = float(np.sum(weights))
    shift = float(np.sum(weights * repeats)) * np.log(unit)
    return PurchaseModel(r, alpha * unit, a, b, -mean * total - shift)


def _purchase_likelihood(
    parameters: Array, x: Array, t_x: Array, age: Array
) -> tuple[Array, list[Array]]:
    """Return the logarithm of equation 6 of [1]_ and its derivatives."""
    r, alpha, a, b = parameters
    repeats = np.maximum(x, 1)
    log_alive, log_gone = np.log(alpha + age), np.log(alpha + t_x)
    alive = -(r + x) * log_alive
    gone = np.log(a) - np.log(b + repeats - 1) - (r + x) * log_gone
    either = np.where(x > 0, np.logaddexp(alive, gone), alive)
    # Few numbers of repeats are different, and these functions are dear.
    n, place = np.unique(x, return_inverse=True)
    total = (
        either
        + r * np.log(alpha)
        + (gammaln(r + n) - gammaln(r) + betaln(a, b + n) - betaln(a, b))[place]
    )
    both = psi(a + b) - psi(a + b + n)
    # The share of the likelihood in which the customer is alive, and the rest.
    share = np.exp(alive - either)
    rest = 1 - share
    return total, [
        (psi(r + n) - psi(r))[place]
        + np.log(alpha)
        - share * log_alive
        - rest * log_gone,
        r / alpha - (r + x) * (share / (alpha + age) + rest / (alpha + t_x)),
        both[place] + rest / a,
        (psi(b + n) - psi(b) + both)[place] - rest / (b + repeats - 1),
    ]


def alive_probability(
    model: PurchaseModel, repeats: Array, last_period: Array, age: Array
) -> Array:
    """Return the probability that a customer still buys; 1 without repeats.

    Without a repeat, the customer never had the occasion to drop out: it is a property
    of the model, not a finding.
    """
    odds = np.exp(
        np.log(model.a)
        - np.log(model.b + np.maximum(repeats, 1) - 1)
        + (model.r + repeats)
        * (np.log(model.alpha + age) - np.log(model.alpha + last_period))
    )
    return np.where(repeats > 0, 1 / (1 + odds), 1.0)


def expected_purchases(
    model: PurchaseModel,
    repeats: Array,
    last_period: Array,
    age: Array,
    *,
    periods: float,
) -> Array:
    """Return the purchases expected in the next periods, equation 10 of [1]_.

    A customer of the paper's example, for whom it expects 1.226 in 39 weeks:

    >>> model = PurchaseModel(0.243, 4.414, 0.793, 2.426, -9582.4)
    >>> history = [np.array([number]) for number in (2, 30.43, 38.86)]
    >>> float(expected_purchases(model, *history, periods=39)[0].round(3))
    1.226
    """
    r, alpha, b = model.r, model.alpha, model.b
    a = model.a if abs(model.a - 1) > _GAP else 1 + _GAP
    # Euler's transformation keeps the series small where there are many repeats.
    series = hyp2f1(
        a + b - 1 - r, a - 1, a + b + repeats - 1, periods / (alpha + age + periods)
    )
    left = ((alpha + age) / (alpha + age + periods)) ** (a - 1) * series
    lasting = (a + b + repeats - 1) / (a - 1) * (1 - left)
    alive = alive_probability(model, repeats, last_period, age)
    return np.maximum(lasting * alive, 0.0)


def fit_values(counts: Array, means: Array, weights: Array) -> ValueModel | None:
    """Fit Gamma-Gamma by maximum likelihood; None where there is no maximum.

    Per kind of customers: their purchases, the mean value of these, how many they are.
    """
    if np.any(counts < 1) or np.any(means <= 0):
        raise ValueError("counts are at least 1 and means above 0")
    # Currencies of any size are alike to the optimiser.
    unit = float(np.exp(np.average(np.log(means), weights=weights)))

    def likelihood(parameters: Array) -> tuple[Array, list[Array]]:
        return _value_likelihood(parameters, counts, means / unit)

    best = _maximise(likelihood, weights, [(0.5, 1.0, 0.0), (2.0, 1.0, -1.0)])
    if best is None:
        return None
    (p, q, v), mean = best
    total = float(np.sum(weights))
    return ValueModel(p, q, v * unit, -mean * total - total * np.log(unit))


def _value_likelihood(
    parameters: Array, x: Array, means: Array
) -> tuple[Array, list[Array]]:
    """Return the logarithm of equation 1a of [2]_ and its derivatives."""
    p, q, v = parameters
    log_sum = np.log(x * means + v)
    total = (
        -betaln(p * x, q)
        + q * np.log(v)
        + (p * x - 1) * np.log(means)
        + p * x * np.log(x)
        - (p * x + q) * log_sum
    )
    return total, [
        x * (psi(p * x + q) - psi(p * x) + np.log(means) + np.log(x) - log_sum),
        psi(p * x + q) - psi(q) + np.log(v) - log_sum,
        q / v - (p * x + q) / (x * means + v),
    ]


def _maximise(
    likelihood: Callable[[Array], tuple[Array, list[Array]]],
    weights: Array,
    starts: Sequence[tuple[float, ...]],
) -> tuple[tuple[float, ...], float] | None:
    """Return the best parameters over several starts, and minus the mean likelihood."""
    shares = weights / np.sum(weights)

    def negative(logarithms: Array) -> tuple[float, Array]:
        parameters = np.exp(logarithms)
        each, derivatives = likelihood(parameters)
        slopes = np.array([np.sum(shares * slope) for slope in derivatives])
        return -float(np.sum(shares * each)), -slopes * parameters

    found = []
    for start in starts:
        result = minimize(
            negative,
            np.array(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_BOUND, _BOUND)] * len(start),
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
        )
        if np.isfinite(result.fun):
            found.append((float(result.fun), tuple(map(float, np.exp(result.x)))))
    if not found:
        return None
    value, parameters = min(found)
    return parameters, value


def describe_lifetimes(histories: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Fit both models and expect the next twelve months of every kind of history.

    What is expected, and the parameters of the models, are missing where orders span
    less than half a year or too few customers returned.
    """
    keys = ["n_repeats", "last_purchase_period", "age_periods"]
    lifetimes = histories.sort_values(keys, ignore_index=True)
    repeats, last, age = (lifetimes[key].to_numpy(dtype=float) for key in keys)
    weights = lifetimes["n_customers"].to_numpy(dtype=float)
    purchases = None
    if _says_enough(lifetimes, weights):
        purchases = fit_purchases(repeats, last, age, weights)
    spending = _fit_spending(values) if purchases else None
    frame = lifetimes[[*keys, "n_customers"]].copy()
    frame["alive_probability"] = np.nan
    frame["expected_orders_12m"] = np.nan
    if purchases is not None:
        periods = _DAYS_OF_A_YEAR / float(lifetimes["period_days"].iloc[0])
        frame["alive_probability"] = alive_probability(purchases, repeats, last, age)
        frame["expected_orders_12m"] = expected_purchases(
            purchases, repeats, last, age, periods=periods
        )
    for name in ("r", "alpha", "a", "b"):
        frame[f"purchase_{name}"] = getattr(purchases, name, np.nan)
    for name in ("p", "q", "v"):
        frame[f"value_{name}"] = getattr(spending, name, np.nan)
    return frame


def _says_enough(lifetimes: pd.DataFrame, weights: Array) -> bool:
    if not len(lifetimes):
        return False
    span = float((lifetimes["age_periods"] * lifetimes["period_days"]).max())
    returning = float(weights[lifetimes["n_repeats"].to_numpy() > 0].sum())
    return (
        span >= _SHORTEST_SPAN_DAYS
        and weights.sum() >= _FEWEST_CUSTOMERS
        and returning >= _FEWEST_RETURNING
    )


def _fit_spending(values: pd.DataFrame) -> ValueModel | None:
    rows = values.sort_values(["n_purchase_days", "mean_purchase_value"])
    fitted = fit_values(
        rows["n_purchase_days"].to_numpy(dtype=float),
        rows["mean_purchase_value"].to_numpy(dtype=float),
        rows["n_customers"].to_numpy(dtype=float),
    )
    return fitted if fitted is not None and fitted.q > 1 else None
