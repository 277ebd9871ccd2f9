"""What the user of a generation should know of its features, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mall_segments.publishing.tables import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SKEWED: Final = 2.0
"""Skewness from which a few large values draw segments of their own."""

FAR: Final = 5.0
"""Interquartile ranges above the upper fence at which a value stands alone."""

_SMALL_SHARE: Final = 0.01


def feature_notes(connection: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield notes on skewed features and on values that stand alone."""
    used = {name for each in settings["segmentations"] for name in each["features"]}
    features = {feature["name"]: feature for feature in settings["features"]}
    rows = connection.execute(
        "SELECT feature, skewness, minimum, maximum, upper_fence, p75 - p25, "
        "n_outliers, n_customers FROM fct_feature_summary ORDER BY feature"
    ).fetchall()
    for name, skewness, minimum, maximum, fence, spread, n_outliers, n in rows:
        feature = features.get(name)
        if name not in used or not feature or feature["clip"]:
            continue
        if feature["transform"] != "none":
            continue
        is_alone = n_outliers <= max(_SMALL_SHARE * n, 1)
        if is_alone and spread > 0 and maximum > fence + FAR * spread:
            customer = _who_has(connection, name, maximum)
            yield (
                f"{name} reaches {maximum:,g} (customer {customer}), far beyond "
                f"{fence:,g}, below which nearly all customers lie: "
                "`clip: [0.01, 0.99]` in its settings keeps single values from "
                "drawing segments."
            )
        elif minimum >= 0 and (skewness or 0) > SKEWED:
            yield (
                f"{name} is skewed (skewness {skewness:.1f}): `transform: log` in its "
                "settings keeps a few large values from making segments of their own."
            )


def _who_has(connection: Any, name: str, value: float) -> str:
    column = quote_identifier(name)
    (found,) = connection.execute(
        f"SELECT min(customer_id) FROM dim_customers WHERE {column} >= ?",  # noqa: S608
        [value],
    ).fetchone()
    return str(found)
