"""How the report names features, segments and segmentations, and grades the unusual."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mall_segments.model import Model

# Standard deviations from the mean of all customers at which the shade changes.
_SHADES: Final = (0.25, 0.75, 1.25)

_LEVELS: Final = (
    "far below average",
    "below average",
    "slightly below average",
    "about average",
    "slightly above average",
    "above average",
    "far above average",
)


@dataclass(frozen=True)
class FeatureView:
    """A feature: its column, the word for it in a sentence, its unit and its title."""

    name: str
    label: str
    unit: str

    @property
    def title(self) -> str:
        """The feature as a heading of its own, with its unit."""
        title = self.label[:1].upper() + self.label[1:]
        return f"{title} ({self.unit})" if self.unit else title

    def with_unit(self, value: float) -> str:
        """Write a value briefly, with its unit.

        >>> FeatureView("age", "age", "years").with_unit(38.849)
        '38.8 years'
        """
        written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
        return f"{written} {self.unit}".strip()


def feature_views(model: Model) -> dict[str, FeatureView]:
    """Name the columns for readers, in the order of the settings."""
    return {
        column.name: FeatureView(
            column.name,
            column.label,
            # "Orders (orders)" says nothing more than "Orders".
            "" if column.unit.casefold() == column.label.casefold() else column.unit,
        )
        for column in model.columns
    }


def segmentation_titles(model: Model) -> dict[str, str]:
    """Name the segmentations for readers: by their features, if few and different."""
    titles = {
        segmentation.name: listed(
            [model.column(name).label for name in segmentation.features]
        )
        if len(segmentation.features) <= 4  # noqa: PLR2004 - a longer title says less
        else segmentation.name.replace("_", " ")
        for segmentation in model.segmentations
    }
    times = Counter(titles.values())
    return {
        name: title if times[title] == 1 else name.replace("_", " ")
        for name, title in titles.items()
    }


def segment_labels(
    segments: Sequence[Mapping[str, Any]], *, claims: bool
) -> dict[int, str]:
    """Label segments by persona, or by what tells them apart where personas repeat.

    Of rows of ``dim_segments`` that make no claim to be segments, none has a persona.
    """
    times = Counter(row["persona"] for row in segments)
    return {
        row["segment_id"]: row["persona"]
        if claims and times[row["persona"]] == 1
        else row["segment_name"]
        for row in segments
    }


def listed(parts: Sequence[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["age"]), listed(["age", "income", "spending"])
    ('age', 'age, income and spending')
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def shortened(text: str, length: int) -> str:
    """Cut a text that a picture has no room for.

    >>> shortened("Careful savers", 20), shortened("Well-off customers", 12)
    ('Careful savers', 'Well-off cu…')
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def shade(z_score: float | None) -> int:
    """Grade a z-score from -3 (far below the mean) to 3 (far above).

    >>> [shade(z) for z in (-1.6, -0.3, 0.2, 0.8, None)]
    [-3, -1, 0, 2, 0]
    """
    if z_score is None:
        return 0
    grade = sum(abs(z_score) >= limit for limit in _SHADES)
    return grade if z_score > 0 else -grade


def level(z_score: float | None) -> str:
    """Say in words how a mean compares with that of all customers."""
    return _LEVELS[shade(z_score) + 3]
