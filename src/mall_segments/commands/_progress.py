"""A bar for commands that take more than two seconds."""

from __future__ import annotations

import sys
from typing import Self


class ProgressBar:
    """One line on the terminal, rewritten; nothing where errors go to a file."""

    def __init__(self, *, is_shown: bool = True) -> None:
        self._stream = sys.stderr
        self.is_shown = is_shown and self._stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, step: str, share: float) -> None:
        """Say what is done next, and which share of all was done before."""
        if self.is_shown:
            done = round(20 * share)
            bar = "#" * done + "-" * (20 - done)
            self._stream.write(f"\r\x1b[K[{bar}] {share:4.0%} {step[:50]}")
            self._stream.flush()
