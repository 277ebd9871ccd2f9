"""What the summary says of features that are skewed, or reach far."""

from __future__ import annotations

import duckdb
import pytest

from mall_segments.publishing.notes import feature_notes


def notes(maximum: float, **feature: object) -> list[str]:
    """Return the notes on a hundred customers, of whom the last spends the most."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table dim_customers as
            select range as customer_id, if(range = 100, ?, range % 10) as spend
            from range(1, 101)
            """,
            [maximum],
        )
        connection.execute(
            """
            create table fct_feature_summary as
            select 'spend' as feature, skewness(spend) as skewness,
                min(spend) as minimum, max(spend) as maximum, 16e0 as upper_fence,
                2e0 as p25, 7e0 as p75, count(*) filter (spend > 16) as n_outliers,
                count(*) as n_customers
            from dim_customers
            """
        )
        settings = {
            "features": [
                {"name": "spend", "clip": None, "transform": "none", **feature}
            ],
            "segmentations": [{"features": ["spend"]}],
        }
        return [*feature_notes(connection, settings)]


def test_a_value_that_stands_alone_is_named_with_who_has_it() -> None:
    (note,) = notes(1000)
    assert note.startswith("spend reaches 1,000 (customer 100), far beyond 16,")
    assert "`clip: [0.01, 0.99]`" in note


def test_a_skewed_feature_is_advised_a_logarithm() -> None:
    (note,) = notes(35)
    assert note.startswith("spend is skewed (skewness ")
    assert "`transform: log`" in note


@pytest.mark.parametrize("feature", [{"clip": [0.01, 0.99]}, {"transform": "log"}])
def test_nothing_is_said_of_what_is_plain_or_tamed(feature: dict[str, object]) -> None:
    assert notes(9) == []
    assert notes(1000, **feature) == []
