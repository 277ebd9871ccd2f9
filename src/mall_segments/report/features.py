"""How the report names features and segmentations, and grades what is unusual."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mall_segments.model_file import Feature, Model

# Standard deviations from the mean of all customers at which the shade changes.
_SHADES: Final = (0.25, 0.75, 1.25)


@dataclass(frozen=True)
class FeatureView:
    """A feature: its column, the word for it in a sentence, and its full title."""

    name: str
    label: str
    title: str
    resolution: float
    median: float


def feature_views(model: Model) -> dict[str, FeatureView]:
    """Name the features for readers, by column.

    A feature's first alias is its header in a customer file, which says its unit.
    """
    return {
        feature.name: FeatureView(
            feature.name,
            feature.label,
            _title(feature),
            feature.resolution,
            feature.median,
        )
        for feature in model.features
    }


def segmentation_titles(model: Model) -> dict[str, str]:
    """Name the segmentations for readers: by their features, if these differ."""
    labels = {feature.name: feature.label for feature in model.features}
    titles = {
        segmentation.name: listed([labels[part.name] for part in segmentation.features])
        for segmentation in model.segmentations
    }
    found = list(titles.values())
    return {
        name: title if found.count(title) == 1 else name.replace("_", " ")
        for name, title in titles.items()
    }


def listed(parts: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["age"]), listed(["age", "income", "spending"])
    ('age', 'age, income and spending')
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def shade(z_score: float | None) -> int:
    """Grade a z-score from -3 (far below the mean) to 3 (far above).

    Examples
    --------
    >>> [shade(z) for z in (-1.6, -0.3, 0.2, 0.8, None)]
    [-3, -1, 0, 2, 0]
    """
    if z_score is None:
        return 0
    grade = sum(abs(z_score) >= limit for limit in _SHADES)
    return grade if z_score > 0 else -grade


def level(z_score: float | None) -> str:
    """Say in words how a mean compares with that of all customers."""
    return {
        -3: "far below average",
        -2: "below average",
        -1: "slightly below average",
        0: "about average",
        1: "slightly above average",
        2: "above average",
        3: "far above average",
    }[shade(z_score)]


def _title(feature: Feature) -> str:
    return feature.aliases[0] if feature.aliases else feature.label
