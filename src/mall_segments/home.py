"""Where things live: the working database and the published generations."""

import os
from pathlib import Path

from mall_segments.errors import MallSegmentsError
from mall_segments.wording import is_storable, shorten

HOME_VARIABLE = "MALL_SEGMENTS_HOME"


def find_home(home: str | Path | None = None) -> Path:
    """Find the folder that holds ``warehouse/`` and ``published/``, or will.

    Where the caller does not know it, ``MALL_SEGMENTS_HOME`` decides, and without it
    the current folder, which is the project folder for every dbt and make command.

    >>> find_home("/srv/segments").as_posix()
    '/srv/segments'
    """
    found = Path(home or os.environ.get(HOME_VARIABLE) or Path.cwd()).absolute()
    if not is_storable(str(found)):
        raise MallSegmentsError(
            f"the home is {shorten(str(found))}, whose name is not UTF-8: choose "
            f"another by {HOME_VARIABLE} or --home"
        )
    return found


def warehouse_file(home: Path) -> Path:
    """Name the working database that ``dbt build`` writes to."""
    return home / "warehouse" / "mall_segments_working.duckdb"


def published_folder(home: Path) -> Path:
    """Name the folder that holds ``generations/`` and the link ``current``."""
    return home / "published"
