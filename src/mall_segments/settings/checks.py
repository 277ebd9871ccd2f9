"""What must hold between settings, each mistake a sentence."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mall_segments.wording import plain, shorten, suggestion

if TYPE_CHECKING:
    from mall_segments.settings import Settings


def two_sources(settings: Settings) -> list[str]:
    """Find sources of which two are named."""
    return [
        f"`{what}_path` and `{what}_model` are both set; {what} come from one of them."
        for what in ("customers", "orders")
        if getattr(settings, f"{what}_path") and getattr(settings, f"{what}_model")
    ]


def repeated(settings: Settings) -> list[str]:
    """Find names and labels that are there twice."""
    problems = []
    for setting in ("features", "segmentations"):
        names = Counter(entry.name for entry in getattr(settings, setting))
        problems += [
            f"`{setting}` holds {shorten(name)} twice; names are unique."
            for name, times in names.items()
            if times > 1
        ]
    labels = Counter(feature.label.casefold() for feature in settings.features)
    problems += [
        f"`features` holds the label {shorten(label)} twice; segments are named by "
        "it, so each is unique."
        for label, times in labels.items()
        if times > 1
    ]
    return problems


def undefined_features(settings: Settings) -> list[str]:
    """Find features that segmentations use and nothing defines."""
    names = [feature.name for feature in settings.columns]
    problems = []
    for segmentation in settings.segmentations:
        place = f"`segmentations[{plain(segmentation.name)}].features`"
        if not segmentation.features:
            problems.append(
                f"{place} is []; it needs at least one of: {', '.join(names)}."
            )
        problems += [
            f"{place} holds {shorten(name)}, which `features` does not define."
            f"{suggestion(name, names)} Allowed: {', '.join(names)}."
            for name in segmentation.features
            if name not in names
        ]
    return problems


def shared_aliases(settings: Settings) -> list[str]:
    """Find headers that would be read as two columns."""
    # Recognition compares headers in this way, so two spellings that it takes for one
    # would let two columns read the same one.
    from mall_segments.intake.columns import normalise  # noqa: PLC0415

    owners: dict[str, tuple[str, str]] = {}
    problems = []
    columns = [
        ("customer_id", ("customer_id", *settings.customer_id.aliases)),
        *((column.name, (column.name, *column.aliases)) for column in settings.columns),
    ]
    for column, aliases in columns:
        for alias in aliases:
            key = normalise(alias)
            owner, spelling = owners.setdefault(key, (column, alias))
            if key and owner != column:
                problems.append(
                    f"{shorten(alias)} names {owner} and {column} (the former as "
                    f"{shorten(spelling)}); an alias may belong to one column."
                )
    return problems


def impossible_shares(settings: Settings) -> list[str]:
    """Find shares that not all segments can hold."""
    problems = []
    for segmentation in settings.segmentations:
        share = segmentation.min_segment_share
        share = settings.min_segment_share if share is None else share
        least = segmentation.min_segments
        if segmentation.n_segments == "auto" and share * least > 1:
            problems.append(
                f"`min_segment_share` is {share:g}; the {least} segments that "
                f"`segmentations[{plain(segmentation.name)}]` has at least cannot each "
                f"hold that share: at most {1 / least:g}."
            )
    return problems
