"""Suites that compare a generation with the one it replaced.

A build from other customers may differ, and how much is too much is a judgement:

- What chance alone explains never counts. A feature's move counts when the
  Kolmogorov-Smirnov test gives it a chance below `CHANCE`, a segment's when it passes
  `DEVIATIONS` standard errors, which is as unlikely.
- Beyond the first limit the audit warns, beyond the second it fails, unless the
  caller accepts the drift, because the customers were changed on purpose.
- The same input with the same settings must give the same customers, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mall_segments.audit.evidence import (
    CUSTOMER_GROUPS,
    PREVIOUS_GENERATION,
    same_input,
)
from mall_segments.audit.expectations import (
    LARGEST,
    Suite,
    between,
    equal,
    n_rows,
    warn,
)
from mall_segments.clustering.exploration import (
    MAJOR_INDEX,
    MODERATE_INDEX,
    feature_drift,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mall_segments.audit.evidence import Evidence
    from mall_segments.audit.expectations import Expectation

CHANCE: Final = 0.001
"""Probability below which a difference is not taken for chance."""

DEVIATIONS: Final = 3.29
"""Standard errors that a difference passes by chance with that probability."""

SHIFTS: Final = (0.2, 0.5)
"""Moves of a mean, in standard deviations: small and medium by Cohen (1988)."""

SHARE_CHANGES: Final = (0.05, 0.15)
"""Changes of a segment's share of the customers, warned about and refused."""

FEWEST_CUSTOMERS: Final = (0.8, 0.5)
"""Customers with a value, as a share of those before, warned about and refused."""


def history_suites(evidence: Evidence, *, accept_drift: bool) -> Iterator[Suite]:
    """Yield the suites that compare with the previous generation.

    Parameters
    ----------
    evidence : Evidence
        What is audited.
    accept_drift : bool
        Whether customers that differ beyond the second limit only warn, too.
    """

    def limited(
        column: str, limits: tuple[float, float], meaning: str
    ) -> Iterator[Expectation]:
        first, second = limits
        yield warn(between(column, 0, first, meaning=f"{meaning} at most {first:g}"))
        refusal = between(column, 0, second, meaning=f"{meaning} at most {second:g}")
        yield warn(refusal) if accept_drift else refusal

    def enough(least: float) -> Expectation:
        return between(
            "customer_ratio",
            least,
            LARGEST,
            meaning=f"is at least {least:g} of the customers before",
        )

    n_features = len(_common_features(evidence))
    fewer, fewest = FEWEST_CUSTOMERS
    yield Suite(
        name="previous generation, features",
        frame=lambda evidence: evidence.read("previous_drift", chance=CHANCE),
        keys=("feature",),
        expectations=(
            n_rows(n_features, n_features),
            *limited("surprising_index", (MODERATE_INDEX, MAJOR_INDEX), "is"),
            *limited("surprising_shift", SHIFTS, "is"),
            warn(enough(fewer)),
            warn(enough(fewest)) if accept_drift else enough(fewest),
        ),
        needs=(PREVIOUS_GENERATION,),
    )
    yield Suite(
        name="previous generation, drift",
        frame=_drift,
        keys=("feature",),
        expectations=(
            n_rows(n_features),
            *(
                equal(column, f"{column}_recomputed", "is what both generations give")
                for column in (
                    "population_stability_index",
                    "ks_statistic",
                    "ks_p_value",
                    "previous_n_customers",
                    "previous_mean",
                )
            ),
        ),
        needs=(PREVIOUS_GENERATION, CUSTOMER_GROUPS),
    )
    yield Suite(
        name="previous generation, segments",
        frame=_shares,
        keys=("segmentation", "segment_id"),
        expectations=(
            n_rows(2 * len(_comparable(evidence))),
            *limited("surprising_change", SHARE_CHANGES, "is"),
        ),
        needs=(PREVIOUS_GENERATION,),
    )
    if same_input(evidence):
        yield Suite(
            name="previous generation, same input",
            frame=lambda evidence: evidence.read("previous_drift", chance=CHANCE),
            keys=("feature",),
            expectations=(
                n_rows(len(evidence.settings.features)),
                between("population_stability_index", 0, 0, meaning="is 0: same input"),
                equal("current_mean", "previous_mean", "is as before: same input"),
                equal(
                    "current_n_customers",
                    "previous_n_customers",
                    "is as before: same input",
                ),
            ),
            needs=(PREVIOUS_GENERATION,),
        )


def _shares(evidence: Evidence) -> pd.DataFrame:
    return evidence.read(
        "previous_shares", comparable=_comparable(evidence), deviations=DEVIATIONS
    )


def _comparable(evidence: Evidence) -> list[str]:
    """Segmentations that both generations were asked for in the same words."""
    if evidence.previous is None:
        return []
    now, before = (
        {
            segmentation["name"]: segmentation
            for segmentation in generation.manifest["settings"]["segmentations"]
        }
        for generation in (evidence.generation, evidence.previous)
    )
    return [name for name in now if now[name] == before.get(name)]


def _drift(evidence: Evidence) -> pd.DataFrame:
    previous = evidence.read("previous_values", common=_common_features(evidence))
    current = evidence.select(
        "SELECT * FROM memory.main.observed_values WHERE isfinite(value)"
    )
    recomputed = feature_drift(previous, current)
    evidence.connection.register("recomputed_drift", recomputed)
    return evidence.read("recomputed_drift")


def _common_features(evidence: Evidence) -> list[str]:
    """Features that the previous generation has, too."""
    if evidence.previous is None:
        return []
    before = [
        feature["name"]
        for feature in evidence.previous.manifest["settings"]["features"]
    ]
    return [
        feature.name for feature in evidence.settings.features if feature.name in before
    ]
