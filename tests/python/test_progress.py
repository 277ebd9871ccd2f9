"""The bar is for people at a terminal, and leaves nothing behind."""

from __future__ import annotations

import io

import pytest

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
