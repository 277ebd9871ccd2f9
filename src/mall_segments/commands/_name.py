"""What to type for this command, so that what it advises can be copied."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

_NAME: Final = "mall-segments"


def command_name() -> str:
    """Return the name of this command, or its path where the name is not found."""
    path = Path(sys.argv[0])
    found = shutil.which(_NAME)
    if path.name != _NAME or (found and Path(found).samefile(path)):
        return _NAME
    absolute = path.absolute()
    is_below = absolute.is_relative_to(Path.cwd())
    return os.path.relpath(absolute) if is_below else str(absolute)
