"""JSON files that carry their own SHA-256, so that damage is noticed when read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mall_segments.errors import FormatError, PublishError

SEAL = "sha256"


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


def read_sealed(path: Path, version: int) -> dict[str, Any]:
    """Read a JSON object of a version of its format.

    Raises `PublishError` if it does not match its seal, and `FormatError` if it is of
    another version.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        found, expected = content.get(SEAL), canonical_sha256(content)
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error.strerror}") from None
    except (AttributeError, ValueError, RecursionError) as error:
        raise PublishError(f"{path} holds no JSON object ({error})") from None
    if found != expected:
        raise PublishError(
            f"{path} was changed after it was written: its {SEAL} says "
            f"{str(found)[:16]}..., its content gives {expected[:16]}..."
        )
    if content.get("format") != version:
        raise FormatError(
            f"{path} has the format {content.get('format')!r}; this version reads "
            f"{version}: build anew, or use the version that wrote it"
        )
    return content
