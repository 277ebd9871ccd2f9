"""Mistakes in the settings in words: the setting, the value found, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from mall_segments.errors import SettingsError
from mall_segments.wording import plain, shorten, suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Sections = Mapping[str, type[BaseModel]]
"""What the mapping under each key is made of; the whole under an empty one."""

_MOST_LISTED: Final = 20


def right_place(name: object, sections: Sections) -> str:
    """Return where a top-level name belongs, or the one it resembles."""
    for setting in ("segmentations", "features"):
        if name in sections[setting].model_fields:
            return f" It belongs into an entry of `{setting}`."
    return suggestion(str(name), sections[""].model_fields)


def settings_error(sentences: Sequence[str]) -> SettingsError:
    """Put all mistakes into one error, so that a user can correct them at once."""
    distinct = list(dict.fromkeys(sentences))
    if len(distinct) == 1:
        return SettingsError(distinct[0])
    lines = "\n".join(f"  - {sentence}" for sentence in distinct[:_MOST_LISTED])
    more = len(distinct) - _MOST_LISTED
    tail = f"\n  and {more} more." if more > 0 else ""
    return SettingsError(f"{len(distinct)} settings cannot be used:\n{lines}{tail}")


def sentences_of(
    error: ErrorDetails, mapping: Mapping[str, Any], sections: Sections
) -> list[str]:
    """Say an error of pydantic in the words of the settings."""
    kind, place = error["type"], _place(error["loc"], mapping)
    if kind == "sentence":
        return str(error["ctx"]["problem"]).replace("{place}", place).split("\n")
    if kind == "extra_forbidden":
        return [_unknown_key(error["loc"], mapping, sections)]
    if kind == "missing":
        needed = _MISSING.get(str(error["loc"][-1]), "it is required")
        return [f"`{place}` is missing; {needed}."]
    if kind == "refused":
        allowed = error["ctx"]["allowed"]
    elif kind == "literal_error":
        words = re.findall("'([^']*)'", error["ctx"]["expected"])
        allowed = f"allowed: {', '.join(words)}"
    elif kind in ("model_type", "dict_type", "model_attributes_type"):
        section = _section_of(error["loc"], sections)
        keys = ", ".join(section.model_fields) if section else "names and values"
        allowed = f"it must be a mapping with {keys}"
    else:
        allowed = _TYPES.get(kind, error["msg"].lower())
    return [f"`{place}` is {shorten(error['input'])}; {allowed}."]


_MISSING: Final = {
    "name": "every entry needs one",
    "features": "it must be a list of at least one feature",
    "segmentations": "it must be a list of at least one segmentation",
}

_TYPES: Final = {
    "bool_type": "it must be true or false",
    "int_type": "it must be a whole number",
    "bool_parsing": "it must be true or false",
    "tuple_type": "it must be a list",
}


def _section_of(loc: Sequence[int | str], sections: Sections) -> type[BaseModel] | None:
    """Return what the settings at a place are made of."""
    names = [part for part in loc if isinstance(part, str)]
    return sections.get(names[-1] if names else "")


def _place(loc: Sequence[int | str], mapping: Any) -> str:
    """Write a place as a user would: ``features[age].minimum``."""
    text = ""
    value: Any = mapping
    for part in loc:
        if isinstance(part, int):
            has_part = isinstance(value, list | tuple) and part < len(value)
            value = value[part] if has_part else None
            name = value.get("name") if isinstance(value, Mapping) else None
            text += f"[{plain(name) if isinstance(name, str) and name else part}]"
        elif isinstance(value, Mapping) or not text:
            value = value.get(part) if isinstance(value, Mapping) else None
            text += f".{plain(part)}" if text else plain(part)
    return text or "the settings"


def _unknown_key(
    loc: Sequence[int | str], mapping: Mapping[str, Any], sections: Sections
) -> str:
    key, owner = str(loc[-1]), loc[:-1]
    section = _section_of(owner, sections)
    allowed = list(section.model_fields) if section else []
    where = f"`{_place(owner, mapping)}`" if owner else "the vars of dbt_project.yml"
    hint = suggestion(key, allowed) if owner else right_place(key, sections)
    return (
        f"`{plain(key)}` in {where} is no setting.{hint} Allowed: {', '.join(allowed)}."
    )
