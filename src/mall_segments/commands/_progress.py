"""A bar for commands that take more than two seconds, and lines where none fits."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, Self

SILENCE: Final = 10.0
"""Seconds after which a line says what takes so long."""


class ProgressBar:
    """One line on the terminal, rewritten; in a file, a line after each silence."""

    def __init__(self, *, is_shown: bool = True) -> None:
        self._stream = sys.stderr
        self.is_shown = is_shown and self._stream.isatty()
        self._step = ""
        self._began = time.monotonic()
        self._has_ended = threading.Event()
        self._lines = threading.Thread(target=self._say_lines, daemon=True)
        if is_shown and not self.is_shown:
            self._lines.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        if self._lines.is_alive():
            self._lines.join()
        if self.is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, step: str, share: float) -> None:
        """Say what is done next, and which share of all was done before."""
        self._step = step
        if self.is_shown:
            done = round(20 * share)
            bar = "#" * done + "-" * (20 - done)
            self._stream.write(f"\r\x1b[K[{bar}] {share:4.0%} {step[:50]}")
            self._stream.flush()

    def _say_lines(self) -> None:
        while not self._has_ended.wait(SILENCE):
            seconds = time.monotonic() - self._began
            self._stream.write(f"  ... {seconds:.0f} s: {self._step}\n")
            self._stream.flush()
