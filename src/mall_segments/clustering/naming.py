"""Names, personas and actions from what stands out in a segment."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from mall_segments.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from mall_segments.settings import Feature


LEVEL_THRESHOLD: Final = 0.5
"""Standard deviations from the customers' mean at which a level is not average."""

MAX_FEATURES_NAMED: Final = 3
"""Features a name mentions; with more, only the most unusual of them."""

MAX_DIGITS: Final = 15
"""Significant digits tried to tell two centroids apart."""

MOSTLY: Final = 0.5
"""Share of a segment from which a level of a category may stand for it."""

UNUSUAL: Final = 0.15
"""How far that share must exceed the share of all customers."""

PERSONAS: Final = "seeds/segment_personas.csv"

NO_ACTION: Final = "None: these customers do not form segments."


@dataclass(frozen=True)
class Traits:
    """What a segment is named by.

    ``z_scores`` and ``means`` are per number: centroid less the mean of all customers,
    in their standard deviations, and the mean in original units. ``shares`` are per
    category and level: its share of the segment and of all customers.
    """

    z_scores: Mapping[str, float]
    means: Mapping[str, float]
    shares: Mapping[str, Mapping[str, tuple[float, float]]]

    def levels(self) -> dict[str, str]:
        """Return the level of each number and the typical level of each category."""
        found = {name: level_of(score) for name, score in self.z_scores.items()}
        for name in self.shares:
            if typical := self.typical(name):
                found[name] = typical
        return found

    def typical(self, category: str) -> str | None:
        """Return the level that most of the segment has and most others have not."""
        unusual = [
            (own - overall, level)
            for level, (own, overall) in self.shares[category].items()
            if own >= MOSTLY and own - overall >= UNUSUAL
        ]
        return max(unusual)[1] if unusual else None

    def unusualness(self, feature: Feature) -> float:
        """Say by how much a feature sets the segment apart."""
        if feature.type == "number":
            return abs(self.z_scores[feature.name])
        shares = self.shares[feature.name].values()
        # A difference of one half is as telling as two standard deviations.
        return max((4 * (own - overall) for own, overall in shares), default=0.0)


def level_of(z_score: float) -> str:
    """Say whether a centroid is low, average or high among all customers.

    About a third of normally distributed customers fall on each level.

    Examples
    --------
    >>> [level_of(z_score) for z_score in (-0.6, -0.5, 0.0, 0.7)]
    ['low', 'average', 'average', 'high']
    """
    if z_score < -LEVEL_THRESHOLD:
        return "low"
    return "high" if z_score > LEVEL_THRESHOLD else "average"


def name_segments(
    segments: Sequence[Traits],
    features: Sequence[Feature],
    previous_names: Sequence[str | None],
) -> list[str]:
    """Name the segments of one segmentation, no two alike.

    A level is named by its own word and the feature's label ("low income"); another
    word in ``level_words`` replaces both ("older"). Segments that would share a name
    are told apart by their centroid: "Average income (age 52)". A former name is kept
    as long as it is true.

    Examples
    --------
    >>> from mall_segments.settings import Feature
    >>> features = [Feature(name="income"), Feature(name="spending")]
    >>> traits = Traits({"income": 1.2, "spending": -0.9}, {}, {})
    >>> name_segments([traits], features, [None])
    ['High income and low spending']
    """
    plain = [_plain_name(traits, features) for traits in segments]
    names = [
        before
        if before and (before == name or before.startswith(f"{name} ("))
        else None
        for name, before in zip(plain, previous_names, strict=True)
    ]
    counts = Counter(plain)
    used = {name for name in names if name}
    for place, name in enumerate(plain):
        if names[place]:
            continue
        if counts[name] > 1 or name in used:
            alike = [other for other, text in enumerate(plain) if text == name]
            name = _qualified_name(  # noqa: PLW2901
                name, place, alike, segments, features, used
            )
        used.add(name)
        names[place] = name
    return [name or "" for name in names]


def name_parts(segments: Sequence[Traits], features: Sequence[Feature]) -> list[str]:
    """Name parts that are no segments by where they lie: "Part 1 of 4 along income".

    The feature is the number in which they differ most; parts are counted by its mean.
    """
    feature = _most_spread(segments, features)
    if feature is None:
        return [
            f"Part {place + 1} of {len(segments)}" for place in range(len(segments))
        ]
    scores = [traits.z_scores[feature.name] for traits in segments]
    order = sorted(range(len(segments)), key=scores.__getitem__)
    return [
        f"Part {order.index(place) + 1} of {len(segments)} along {feature.label}"
        for place in range(len(segments))
    ]


def _most_spread(
    segments: Sequence[Traits], features: Sequence[Feature]
) -> Feature | None:
    """Return the number in which segments differ most, if there is a number."""
    numbers = [feature for feature in features if feature.type == "number"]

    def spread(feature: Feature) -> float:
        scores = [traits.z_scores[feature.name] for traits in segments]
        return max(scores) - min(scores)

    return max(numbers, key=spread, default=None)


def choose_personas(
    segments: Sequence[Traits],
    names: Sequence[str],
    features: Sequence[Feature],
    personas: pd.DataFrame,
) -> list[tuple[str, str]]:
    """Find the persona and the recommended action for each segment of a segmentation.

    ``personas`` are rows of ``seeds/segment_personas.csv``: ``priority``, one column
    per feature holding a level or nothing for any, ``persona``, ``recommended_action``.
    The first row by priority whose levels all hold is taken; a row without any level
    fits no segment. Segments that no row fits are called by their name. No two are
    alike.

    Raises
    ------
    SettingsError
        If a column is missing or a cell holds no level.
    """
    rows, columns = _persona_rows(personas)
    found = []
    for traits, name in zip(segments, names, strict=True):
        row = _fitting(rows, columns, traits.levels())
        found.append(
            (str(row["persona"]), str(row["recommended_action"]))
            if row
            else (name, _action(traits, features))
        )
    counts = Counter(persona for persona, _ in found)
    return [
        (
            persona
            if counts[persona] == 1
            else f"{persona}: {name[0].lower()}{name[1:]}",
            action,
        )
        for (persona, action), name in zip(found, names, strict=True)
    ]


def _action(traits: Traits, features: Sequence[Feature]) -> str:
    """Recommend what can be said of any segment: where to begin and what to measure."""
    feature = max(features, key=traits.unusualness)
    return (
        f"Start from what sets them apart, {_phrase(traits, feature)}: try one offer "
        "that answers it with half of them and measure it against the other half."
    )


def _phrase(traits: Traits, feature: Feature) -> str:
    """Say one feature of a segment in words: "low income", "contract monthly"."""
    if feature.type == "category":
        typical = traits.typical(feature.name)
        return f"{feature.label} {typical}" if typical else f"mixed {feature.label}"
    level = level_of(traits.z_scores[feature.name])
    word = str(getattr(feature.level_words, level))
    return f"{word} {feature.label}" if word == level else word


def _is_average(traits: Traits, feature: Feature) -> bool:
    if feature.type == "category":
        return traits.typical(feature.name) is None
    return level_of(traits.z_scores[feature.name]) == "average"


def _plain_name(traits: Traits, features: Sequence[Feature]) -> str:
    """Join a phrase per feature; features that are average in a row share one."""
    mentioned = [
        feature
        for feature in features
        if feature.type == "number" or not _is_average(traits, feature)
    ]
    if len(mentioned) > MAX_FEATURES_NAMED:
        unusual = sorted(
            (feature for feature in mentioned if not _is_average(traits, feature)),
            key=lambda feature: -traits.unusualness(feature),
        )[:MAX_FEATURES_NAMED]
        mentioned = [feature for feature in mentioned if feature in unusual]
    phrases = []
    for is_average, run in groupby(
        mentioned, lambda each: _phrase(traits, each) == f"average {each.label}"
    ):
        if is_average:
            phrases.append(f"average {_enumerate([each.label for each in run])}")
        else:
            phrases += [_phrase(traits, each) for each in run]
    text = _enumerate(phrases) or "average customers"
    return text[0].upper() + text[1:]


def _enumerate(texts: Sequence[str]) -> str:
    """Join texts with commas and a final "and", unless one of them has its own.

    >>> _enumerate(["a", "b", "c"]), _enumerate(["a", "b and c"]), _enumerate([])
    ('a, b and c', 'a, b and c', '')
    """
    if len(texts) < 2 or any(" and " in text for text in texts):  # noqa: PLR2004
        return ", ".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _qualified_name(
    name: str,
    place: int,
    alike: Sequence[int],
    segments: Sequence[Traits],
    features: Sequence[Feature],
    used: Collection[str],
) -> str:
    """Add the value of the number in which segments of the same name differ most."""
    feature = _most_spread([segments[other] for other in alike], features)
    if feature is not None:
        values = [segments[other].means[feature.name] for other in alike]
        value = segments[place].means[feature.name]
        for digits in range(2, MAX_DIGITS + 1):
            text = _number(value, digits)
            qualified = f"{name} ({feature.label} {text})"
            shared = [_number(other, digits) for other in values].count(text) > 1
            if not shared and qualified not in used:
                return qualified
    number = 2
    while f"{name} ({number})" in used:
        number += 1
    return f"{name} ({number})"


def _number(value: float, digits: int) -> str:
    """Write a value with some significant digits, but whole numbers in full.

    >>> _number(51.53, 2), _number(51.53, 3), _number(123456.7, 2)
    ('52', '51.5', '123457')
    """
    rounded = float(f"{value:.{digits}g}")
    if abs(value) >= 10**digits:
        rounded = round(value)
    return f"{rounded:.15g}"


def _fitting(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    levels: Mapping[str, str],
) -> Mapping[str, object] | None:
    for row in rows:
        asked = {name: level for name in columns if (level := _cell(row[name]))}
        if asked and all(levels.get(name) == level for name, level in asked.items()):
            return row
    return None


def _cell(value: object) -> str:
    """Return the level in a cell, or nothing for a blank, None or NaN."""
    return value.strip() if isinstance(value, str) else ""


def _persona_rows(
    personas: pd.DataFrame,
) -> tuple[list[dict[str, object]], list[str]]:
    """Return the rules by priority and their feature columns, or refuse them."""
    columns = [str(column) for column in personas.columns]
    required = ("priority", "persona", "recommended_action")
    missing = [column for column in required if column not in columns]
    if missing:
        raise SettingsError(
            f"{PERSONAS} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(columns)}."
        )
    rows: list[dict[str, object]] = [
        dict(zip(columns, row, strict=True)) for row in personas.to_numpy(dtype=object)
    ]
    for row in rows:
        if not re.fullmatch("[0-9]+", str(row["priority"])):
            raise SettingsError(
                f"{PERSONAS}, persona {row['persona']}: priority is "
                f"'{row['priority']}'; a whole number is expected."
            )
        for column in ("persona", "recommended_action"):
            if not _cell(row[column]):
                raise SettingsError(
                    f"{PERSONAS}, priority {row['priority']}: {column} is empty; "
                    "every row needs one."
                )
    # dbt loads seeds as text, whose order would put 100 before 20.
    rows.sort(key=lambda row: int(str(row["priority"])))
    return rows, [column for column in columns if column not in required]
