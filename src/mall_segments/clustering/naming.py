"""Names, personas and actions from the level of each feature in a segment."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from mall_segments.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from mall_segments.settings import Feature

LEVELS = ("low", "average", "high")

LEVEL_THRESHOLD = 0.5
"""Standard deviations from the customers' mean at which a level is not average."""

MAX_FEATURES_NAMED = 3
"""Features a name mentions; with more, only the most unusual of them."""

MAX_DIGITS = 15
"""Significant digits tried to tell two centroids apart."""

PERSONAS = "seeds/segment_personas.csv"


def level_of(z_score: float) -> str:
    """Say whether a centroid is low, average or high among all customers.

    Parameters
    ----------
    z_score : float
        Centroid less the mean of all customers, in their standard deviations.

    Returns
    -------
    str
        ``low`` below -0.5, ``high`` above 0.5, else ``average``. About a third of
        normally distributed customers fall on each level.

    Examples
    --------
    >>> [level_of(z_score) for z_score in (-0.6, -0.5, 0.0, 0.7)]
    ['low', 'average', 'average', 'high']
    """
    if z_score < -LEVEL_THRESHOLD:
        return "low"
    return "high" if z_score > LEVEL_THRESHOLD else "average"


def name_segments(
    z_scores: Sequence[Mapping[str, float]],
    centroids: Sequence[Mapping[str, float]],
    features: Sequence[Feature],
    *,
    taken: Collection[str] = (),
) -> list[str]:
    """Name the segments of one segmentation, no two alike.

    Parameters
    ----------
    z_scores : sequence of mappings from feature name to float
        Centroid of each segment in standard deviations from all customers.
    centroids : sequence of mappings from feature name to float
        The same centroids in original units.
    features : sequence of Feature
        Settings of the features in use, of which ``name``, ``label`` and
        ``level_words`` are read.
    taken : collection of str
        Names other segments of this segmentation already have.

    Returns
    -------
    list of str
        Such as "High income and low spending". Segments that would share a name are
        told apart by their centroid: "Average income and spending (age 52)".

    Notes
    -----
    A level is named by its own word and the feature's label ("low income"). Another
    word in ``level_words`` replaces both ("older", "frequent visits").

    Examples
    --------
    >>> from mall_segments.settings import Feature
    >>> income, spending = (
    ...     Feature(name=name, label=name, aliases=(), minimum=0, maximum=200)
    ...     for name in ("income", "spending")
    ... )
    >>> name_segments(
    ...     [{"income": 1.2, "spending": -0.9}],
    ...     [{"income": 88, "spending": 17}],
    ...     [income, spending],
    ... )
    ['High income and low spending']
    """
    plain = [_plain_name(scores, features) for scores in z_scores]
    counts = Counter(plain)
    names: list[str] = []
    used = set(taken)
    for place, name in enumerate(plain):
        alike = [other for other, text in enumerate(plain) if text == name]
        if counts[name] > 1 or name in used:
            name = _qualified_name(  # noqa: PLW2901
                name, place, alike, z_scores, centroids, features, used
            )
        used.add(name)
        names.append(name)
    return names


def choose_personas(
    levels: Sequence[Mapping[str, str]], personas: pd.DataFrame
) -> list[tuple[str, str]]:
    """Find the persona and the recommended action for each of some segments.

    Parameters
    ----------
    levels : sequence of mappings from feature name to level
        For each segment, of the features the segmentation uses.
    personas : pandas.DataFrame
        Rows of ``seeds/segment_personas.csv``: ``priority``, one column per feature
        holding a level or nothing for any, ``persona``, ``recommended_action``.

    Returns
    -------
    list of tuples of str
        Persona and recommended action of the first row by priority whose levels all
        hold. A level asked of a feature that the segmentation does not use never
        holds; a feature without a column may have any level.

    Raises
    ------
    SettingsError
        If a column is missing, a cell holds no level, or no row matches.
    """
    if not levels:
        return []
    names = [str(column) for column in personas.columns]
    cells = (personas[column].tolist() for column in personas.columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    features = _check_personas(rows, names)
    # dbt loads seeds as text, whose order would put 100 before 20.
    rows.sort(key=lambda row: int(row["priority"]))
    return [_choose_persona(own, rows, features) for own in levels]


def _choose_persona(
    levels: Mapping[str, str],
    rows: Sequence[Mapping[Any, Any]],
    features: Sequence[str],
) -> tuple[str, str]:
    for row in rows:
        asked = {name: _cell(row[name]) for name in features}
        if all(not level or levels.get(name) == level for name, level in asked.items()):
            return str(row["persona"]), str(row["recommended_action"])
    found = ", ".join(f"{name} {level}" for name, level in levels.items())
    raise SettingsError(
        f"{PERSONAS} has no row for a segment with {found}; its last row must leave "
        "every feature blank to match any segment."
    )


def _plain_name(z_scores: Mapping[str, float], features: Sequence[Feature]) -> str:
    """Join a phrase per feature; features that are average in a row share one."""
    mentioned = list(features)
    if len(mentioned) > MAX_FEATURES_NAMED:
        unusual = sorted(
            (
                feature
                for feature in mentioned
                if level_of(z_scores[feature.name]) != "average"
            ),
            key=lambda feature: -abs(z_scores[feature.name]),
        )[:MAX_FEATURES_NAMED]
        mentioned = [feature for feature in mentioned if feature in unusual]
    phrases: list[str] = []
    average: list[str] = []
    for feature in mentioned:
        level = level_of(z_scores[feature.name])
        word = str(getattr(feature.level_words, level))
        if word == level == "average":
            average.append(feature.label)
            continue
        phrases += _average_phrase(average)
        average = []
        phrases.append(f"{word} {feature.label}" if word == level else word)
    phrases += _average_phrase(average)
    text = _enumerate(phrases) or "average customers"
    return text[0].upper() + text[1:]


def _average_phrase(labels: Sequence[str]) -> list[str]:
    return [f"average {_enumerate(labels)}"] if labels else []


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
    z_scores: Sequence[Mapping[str, float]],
    centroids: Sequence[Mapping[str, float]],
    features: Sequence[Feature],
    used: Collection[str],
) -> str:
    """Add the value of the feature in which segments of the same name differ most."""

    def spread(feature: Feature) -> float:
        values = [z_scores[other][feature.name] for other in alike]
        return max(values) - min(values)

    feature = max(features, key=spread)
    values = [centroids[other][feature.name] for other in alike]
    value = centroids[place][feature.name]
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


def _cell(value: object) -> str:
    """Return the level in a cell, or nothing for a blank, None or NaN."""
    return value.strip() if isinstance(value, str) else ""


def _check_personas(
    rows: Sequence[Mapping[Any, Any]], columns: Sequence[str]
) -> list[str]:
    """Return the feature columns, all of whose cells hold a level or nothing."""
    required = ("priority", "persona", "recommended_action")
    missing = [column for column in required if column not in columns]
    if missing:
        raise SettingsError(
            f"{PERSONAS} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(columns)}."
        )
    features = [column for column in columns if column not in required]
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
        for feature in features:
            level = _cell(row[feature])
            if level not in ("", *LEVELS):
                raise SettingsError(
                    f"{PERSONAS}, priority {row['priority']}: {feature} is "
                    f"'{level}'; allowed are {', '.join(LEVELS)} or nothing for any."
                )
    return features
