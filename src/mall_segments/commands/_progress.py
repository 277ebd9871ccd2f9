"""A bar for commands that take more than two seconds, and lines where none fits."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

SILENCE: Final = 10.0
"""Seconds after which a line says what takes so long."""


class Heartbeat:
    """Says after each silence how long it takes, and what."""

    def __init__(self, say: Callable[[str], None], what: Callable[[], str]) -> None:
        self._say = say
        self._what = what
        self._began = self._heard = time.monotonic()
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        self._thread.join()

    def hear(self) -> float:
        """Begin the silence anew, and return the seconds since all began."""
        self._heard = time.monotonic()
        return self._heard - self._began

    def _run(self) -> None:
        while not self._has_ended.wait(SILENCE / 10):
            if time.monotonic() - self._heard >= SILENCE:
                # Where nothing can be written, whoever writes next says so.
                with suppress(OSError):
                    self._say(f"  ... {self.hear():.0f} s: {self._what()}")


class ProgressBar:
    """One line on the terminal, rewritten; in a file, a line after each silence."""

    def __init__(self, *, is_shown: bool = True) -> None:
        self._stream = sys.stderr
        self.is_shown = is_shown and self._stream.isatty()
        self._step = ""
        self._lines: AbstractContextManager[object] = nullcontext()
        if is_shown and not self.is_shown:
            self._lines = Heartbeat(
                lambda line: self._write(f"{line}\n"), lambda: self._step
            )

    def __enter__(self) -> Self:
        self._lines.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__(None, None, None)
        if self.is_shown:
            self._write("\r\x1b[K")

    def show(self, step: str, share: float) -> None:
        """Say what is done next, and which share of all was done before."""
        self._step = step
        if self.is_shown:
            done = round(20 * share)
            bar = "#" * done + "-" * (20 - done)
            self._write(f"\r\x1b[K[{bar}] {share:4.0%} {step[:50]}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
