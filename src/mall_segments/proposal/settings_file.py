"""The settings file that a proposal is written to, with a reason for each choice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mall_segments.proposal.choices import Choice


def settings_text(
    choices: Sequence[Choice], *, customers: Path, orders: Path | None, output: Path
) -> str:
    """Return settings in YAML that `mall-segments build --settings` takes."""
    environment = Environment(  # noqa: S701 - no page, and values are quoted.
        loader=PackageLoader("mall_segments.proposal"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": _plain, "yaml": _yaml}
    by_use = {choice.use: choice for choice in reversed(choices)}
    features, labels = [], set()
    for choice in choices:
        if choice.use in ("number", "category"):
            # Segments are named by labels, so no two may be the same.
            label = choice.name if choice.label.casefold() in labels else choice.label
            labels.add(label.casefold())
            features.append((choice, label))
    return environment.get_template("settings.yml.j2").render(
        customers=customers,
        orders=orders,
        output=output,
        id=by_use.get("customer id"),
        gender=by_use.get("gender"),
        features=features,
        clustered=[choice.name for choice in choices if choice.is_clustered],
        left_out=[choice for choice in choices if choice.use == "left out"],
    )


def _yaml(value: Any) -> str:
    """Spell a value as JSON does, which YAML reads alike; plain words as they are."""
    if value in ("log", "yeo_johnson"):
        return str(value)
    return json.dumps(
        str(value) if isinstance(value, Path) else value, ensure_ascii=False
    )


def _plain(text: object) -> str:
    """Return text that cannot end a comment."""
    return " ".join(repr(str(text))[1:-1].split())
