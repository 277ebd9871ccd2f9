"""What every Python model begins with."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys

def loaded():
    return {name for name in sys.modules if name.split(".")[0] in ("scipy", "sklearn")}

import mall_segments.boundary
first = loaded()
for room in ("clustering", "orders", "publishing", "report"):
    package = importlib.import_module(f"mall_segments.{room}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(sorted(loaded() - first))
"""


def test_no_two_threads_load_scipy_at_once():
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    assert found.stdout == "[]\n"
