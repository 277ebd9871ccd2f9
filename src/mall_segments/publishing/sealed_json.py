"""JSON files that carry their own SHA-256, so that damage is noticed when read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = "sha256"


class BrokenSealError(Exception):
    """What is wrong with a sealed file; continues the sentence "the file ..."."""


def canonical_sha256(content: Mapping[str, Any]) -> str:
    """Hash a JSON object in its one canonical spelling, without its seal.

    Raises `ValueError` if it holds NaN or an infinity, which JSON cannot spell.

    >>> canonical_sha256({"b": 1, "a": 2}) == canonical_sha256({"a": 2, "b": 1})
    True
    """
    unsealed = {key: value for key, value in content.items() if key != SEAL}
    text = json.dumps(
        unsealed,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its seal as the last key."""
    unsealed = {key: value for key, value in content.items() if key != SEAL}
    sealed = {**unsealed, SEAL: canonical_sha256(unsealed)}
    text = json.dumps(sealed, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a JSON object; raise `BrokenSealError` if it does not match its seal."""
    data = path.read_bytes()
    try:
        content = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_distinct_keys,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise BrokenSealError("is not UTF-8 text") from None
    except ValueError as error:
        raise BrokenSealError(f"is not valid JSON ({error})") from None
    except RecursionError:
        raise BrokenSealError("is nested too deeply") from None
    if not isinstance(content, dict):
        raise BrokenSealError(f"holds a {type(content).__name__}, not a JSON object")
    found = content.get(SEAL)
    if not isinstance(found, str):
        raise BrokenSealError(f"has no {SEAL}")
    try:
        expected = canonical_sha256(content)
    except UnicodeEncodeError:
        raise BrokenSealError("holds text that is not Unicode") from None
    except ValueError:
        raise BrokenSealError("holds a number that is not finite") from None
    if found != expected:
        raise BrokenSealError(
            f"was changed after it was written: its {SEAL} says {found[:16]}..., "
            f"its content gives {expected[:16]}..."
        )
    return content


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise BrokenSealError(f"names the key {key!r} twice")
        content[key] = value
    return content


def _refuse_constant(constant: str) -> float:
    raise BrokenSealError(f"holds {constant}, which is not a number")
