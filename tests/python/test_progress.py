"""The bar is for people at a terminal, and leaves nothing behind."""

from __future__ import annotations

import io
import time

import pytest

from mall_segments.commands import _progress
from mall_segments.commands._progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_each_step_and_then_an_empty_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with ProgressBar() as bar:
        bar.show("reading", 0.25)
        bar.show("x" * 200, 1)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines == [
        "",
        "[#####---------------]  25% reading",
        f"[{'#' * 20}] 100% {'x' * 50}",
        "",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nobody_else_sees_anything(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with ProgressBar(is_shown=not is_terminal) as bar:
        bar.show("reading", 0.25)
    assert stream.getvalue() == ""


def test_a_file_gets_a_line_after_each_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(_progress, "SILENCE", 0.01)
    with ProgressBar() as bar:
        bar.show("customers", 0.25)
        # The first lines may be older than the step.
        while stream.getvalue().count(" s: customers\n") < 2:
            time.sleep(0.01)

    assert stream.getvalue().startswith("  ... 0 s: ")
    assert "\x1b" not in stream.getvalue()


def test_nothing_is_said_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(_progress, "SILENCE", 0.01)
    with ProgressBar() as bar:
        bar.show("customers", 0.25)
    said = stream.getvalue()
    time.sleep(0.05)

    assert stream.getvalue() == said
