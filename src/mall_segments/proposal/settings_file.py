"""The settings file that a proposal is written to, with a reason for each choice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mall_segments.proposal.choices import gender_spellings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mall_segments.proposal.choices import Choice
    from mall_segments.proposal.facts import FileFacts


def settings_text(
    facts: FileFacts,
    choices: Sequence[Choice],
    *,
    customers: Path,
    orders: Path | None,
    output: Path,
) -> str:
    """Return settings in YAML that `mall-segments build --settings` takes.

    Parameters
    ----------
    facts : FileFacts
        What the file holds.
    choices : sequence of Choice
        What its columns are used as.
    customers, orders : Path
        The files, absolute.
    output : Path
        What the settings file is called.
    """
    lines = [
        f"# What `mall-segments init` proposes for {_plain(customers.name)}.",
        "# Change it as you like, then:",
        f"#   mall-segments build --settings {_plain(str(output))}",
        "",
        f"customers_path: {_text(str(customers))}",
    ]
    if orders:
        lines.append(f"orders_path: {_text(str(orders))}")
    lines += ["", *_id_lines(choices), *_gender_lines(facts, choices), "", "features:"]
    labels: set[str] = set()
    for choice in choices:
        if choice.use in ("number", "category"):
            # Segments are named by labels, so no two may be the same.
            label = choice.name if choice.label.casefold() in labels else choice.label
            labels.add(label.casefold())
            lines += _feature_lines(choice, label)
    clustered = [choice for choice in choices if choice.is_clustered]
    lines += [
        "",
        "segmentations:",
        "  - name: customers",
        f"    features: [{', '.join(choice.name for choice in clustered)}]",
        "    n_segments: auto # or a whole number",
        "    min_segments: 2",
        "    max_segments: 10",
    ]
    left_out = [choice for choice in choices if choice.use == "left out"]
    if left_out:
        lines += ["", "# Left out:"]
        lines += [f"#   {_plain(each.header)}: {_plain(each.why)}" for each in left_out]
    return "\n".join(lines) + "\n"


def _id_lines(choices: Sequence[Choice]) -> list[str]:
    for choice in choices:
        if choice.use == "customer id":
            return [
                "customer_id:",
                f"  aliases: [{_text(choice.header)}] # {choice.why}",
            ]
    return [
        "# No column has an id for each customer, so rows are numbered; then customers",
        "# cannot be followed from build to build.",
        "customer_id:",
        "  generate: true",
    ]


def _gender_lines(facts: FileFacts, choices: Sequence[Choice]) -> list[str]:
    for column, choice in zip(facts.columns, choices, strict=True):
        if choice.use == "gender":
            female, male = gender_spellings(column)
            return [
                "gender:",
                f"  aliases: [{_text(choice.header)}]",
                f"  female: [{', '.join(map(_text, female))}]",
                f"  male: [{', '.join(map(_text, male))}]",
            ]
    return ["gender: null # no column holds it"]


def _feature_lines(choice: Choice, label: str) -> list[str]:
    lines = [
        f"  - name: {choice.name} # {_plain(choice.why)}",
        f"    label: {_text(label)}",
        *([f"    unit: {_text(choice.unit)}"] if choice.unit else []),
        f"    aliases: [{_text(choice.header)}]",
        f"    type: {choice.use}",
    ]
    for setting, value in choice.settings.items():
        lines.append(
            f"    {setting}: {_text(value)} # {_plain(choice.reasons[setting])}"
        )
    if choice.why_not_clustered:
        lines.append(f"    # Not segmented by: {_plain(choice.why_not_clustered)}.")
    return lines


def _text(value: Any) -> str:
    """Spell a value as JSON does, which YAML reads alike; plain words as they are."""
    if isinstance(value, str) and value in ("log", "yeo_johnson"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    """Return text that cannot end a comment."""
    return " ".join(repr(text)[1:-1].split())
