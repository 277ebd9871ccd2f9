"""Which files hold any of many texts, byte for byte."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    import numpy.typing as npt

    Keys = npt.NDArray[np.uint64]

_CHUNK: Final = 1 << 23
_LONGEST_KEY: Final = 8
_TABLE_BITS: Final = 20
_MIXER: Final = np.uint64(0x9E3779B97F4A7C15)

# Digits also occur in checksums, where shorter ones would be found by chance.
_BY_CHANCE: Final = re.compile(r"[0-9a-fA-F]{0,9}|.{0,5}", re.DOTALL)


def is_searchable(text: str) -> bool:
    """Whether a text is long enough not to stand in a file by chance.

    >>> is_searchable("K00017"), is_searchable("C00017"), is_searchable("12")
    (True, False, False)
    """
    return not _BY_CHANCE.fullmatch(text)


class ByteSearch:
    """A search for many texts at once, by a table of the last bytes of each."""

    def __init__(self, texts: Collection[str]) -> None:
        needles = [text.encode() for text in texts]
        self._longest = max(map(len, needles), default=1)
        self._key = min([_LONGEST_KEY, *map(len, needles)])
        self._needles: dict[int, list[bytes]] = defaultdict(list)
        for needle in needles:
            ending = int.from_bytes(needle[-self._key :], "little")
            self._needles[ending].append(needle)
        self._table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        self._table[_slots(np.array(list(self._needles), dtype=np.uint64))] = True

    def files_with_any(self, paths: Iterable[Path]) -> list[Path]:
        """Return those of the files that hold any of the texts."""
        return [path for path in paths if self._is_in(path)]

    def _is_in(self, path: Path) -> bool:
        kept = b""
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                data = kept + chunk
                if self._is_found(data):
                    return True
                # A text may lie across two chunks.
                kept = data[-(self._longest - 1) :] if self._longest > 1 else b""
        return False

    def _is_found(self, data: bytes) -> bool:
        n_places = max(0, len(data) - self._key + 1)
        values = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
        keys: Keys = np.zeros(n_places, dtype=np.uint64)
        for place in range(self._key):
            keys |= values[place : place + n_places] << np.uint64(8 * place)
        return any(
            data.endswith(needle, 0, int(start) + self._key)
            for start in np.flatnonzero(self._table[_slots(keys)])
            for needle in self._needles.get(int(keys[start]), ())
        )


def _slots(keys: Keys) -> Keys:
    slots: Keys = (keys * _MIXER) >> np.uint64(64 - _TABLE_BITS)
    return slots
