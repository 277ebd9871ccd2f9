"""What to type for this command, so that what it advises can be copied."""

import os
import shutil
import sys
from pathlib import Path


def command_name() -> str:
    """Return the name of this command, or its path where the name is not found."""
    path = Path(sys.argv[0])
    is_own = path.name == "mall-segments" and not shutil.which(path.name)
    return os.path.relpath(path) if is_own else "mall-segments"
