"""The tour through the published tables answers as it shows."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from shared_project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

NOTEBOOK = PROJECT / "docs" / "tour.ipynb"


def run_cells(notebook: dict[str, Any]) -> Iterator[str]:
    """Run the code of a notebook; yield what each cell ends with, as text."""
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), "tour", "exec"), names)  # noqa: S102 - our own
        if last is None:
            yield ""
            continue
        code = compile(ast.Expression(last.value), "tour", "eval")
        yield repr(eval(code, names))  # noqa: S307 - our own


def test_every_cell_answers_as_it_shows(
    published_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_HOME", str(published_home))
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    shown = [
        "".join(line for each in cell["outputs"] for line in each["data"]["text/plain"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]

    assert [*run_cells(notebook)] == shown
    assert sum(map(bool, shown)) == 5
