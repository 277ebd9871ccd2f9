"""The dashboard of ``superset/``, packed for import into a Superset."""

import json
import re
import zipfile
from pathlib import Path

from mall_segments.errors import InputError

BUNDLE = Path("superset")
ROOT = "mall_segments_dashboard"

_URI = re.compile(r"^sqlalchemy_uri: .*$", re.MULTILINE)
# The earliest a zip file can hold, so that the same bundle gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(target: Path, *, database: str, folder: Path = BUNDLE) -> int:
    """Pack the dashboard, its charts, data sets and connection as one zip file.

    Parameters
    ----------
    target : Path
        The zip file to write.
    database : str
        Where Superset finds the published DuckDB file, an absolute path on the
        machine that runs Superset.
    folder : Path
        Holds the YAML files, as Superset exports them.

    Returns
    -------
    int
        The number of charts.

    Raises
    ------
    InputError
        If the folder is not there, the path of the database cannot be part of an
        address, or the zip file cannot be written.
    """
    files = sorted(folder.rglob("*.yaml"))
    if not files:
        raise InputError(
            f"{folder} has no dashboard; it is a part of the project folder, so run "
            "the command there"
        )
    if not database.startswith("/") or "?" in database:
        raise InputError(
            f"the database {database!r} must be an absolute path without a question "
            "mark, as Superset's machine has it"
        )
    uri = json.dumps(f"duckdb:///{database}", ensure_ascii=False)
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for file in files:
                name = file.relative_to(folder)
                content = file.read_text("utf-8")
                if name.parts[0] == "databases":
                    content = _URI.sub(
                        lambda _: f"sqlalchemy_uri: {uri}", content, count=1
                    )
                bundle.writestr(
                    zipfile.ZipInfo(f"{ROOT}/{name.as_posix()}", _EPOCH), content
                )
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}") from None
    return sum(file.parent.name == "charts" for file in files)
