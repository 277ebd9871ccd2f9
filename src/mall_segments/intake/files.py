"""Which files a path names, and in what words the system and the engine complain."""

from __future__ import annotations

import glob
import re
import zlib
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import list_columns
from mall_segments.publishing.tables import quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN_PATH: Final = 200


def find_files(text: str) -> tuple[Path, ...]:
    """Return the files that a path or a pattern names, in the order of their names."""
    shown = shorten(text, limit=_SHOWN_PATH)
    if "://" in text:
        raise InputError(
            f"{shown} is a remote address: only files on this machine are read. "
            "Download it, or mount it."
        )
    path = Path(text).expanduser()
    with refusing_broken_files(shown):
        if path.is_dir():
            raise InputError(
                f"{shown} is a folder. To read the files in it, name them by a "
                f"pattern: {file_name(path / '*.csv')}."
            )
        paths = [path]
        if not (path.exists() or path.is_symlink()):
            # A pattern may be absolute, which the glob of pathlib cannot be.
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207
            paths = sorted(entry for entry in map(Path, names) if not entry.is_dir())
    if not paths:
        what = "no file fits the pattern" if glob.has_magic(text) else "no such file"
        raise InputError(f"{shown}: {what} (seen from {file_name(Path.cwd())}).")
    for entry in paths:
        if not entry.is_file():
            raise InputError(
                f"{file_name(entry)} is no regular file, or a broken link."
            )
    return tuple(paths)


def file_name(path: Path) -> str:
    """Return a path as errors show it."""
    return shorten(str(path), limit=_SHOWN_PATH)


def source_name(paths: Sequence[Path]) -> str:
    """Return several paths as errors show them."""
    if len(paths) == 1:
        return file_name(paths[0])
    return f"{file_name(paths[0])} and {len(paths) - 1:,} more"


def begins_with(path: Path, magic: bytes) -> bool:
    """Whether a file begins with some bytes, which say what it is."""
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def path_literals(paths: Sequence[str]) -> str:
    """Return paths as the engine reads them, where brackets and stars are patterns."""
    literals = [quote_text(re.sub(r"([*?\[{])", r"[\1]", path)) for path in paths]
    return f"[{', '.join(literals)}]"


@contextmanager
def refusing_broken_files(source: str) -> Iterator[None]:
    """Say by name what the system, a decompressor or the engine complains of."""
    try:
        yield
    except OSError as error:
        place = file_name(Path(error.filename)) if error.filename else source
        raise InputError(
            f"{place} cannot be read: {error.strerror or error}."
        ) from None
    except (EOFError, zlib.error):
        raise InputError(
            f"{source} is compressed and cut off or damaged: copy it again."
        ) from None
    except duckdb.Error as error:
        # Without its context and its own remedies, and a row that may be of any length.
        lines = [line.strip() for line in str(error).splitlines()]
        ends, cell = ("LINE ", "Possible "), "Original Line"
        kept = takewhile(lambda line: not line.startswith(ends), lines)
        said = " ".join(line for line in kept if not line.startswith(cell))
        raise InputError(
            f"{source} cannot be read: {shorten(' '.join(said.split()), limit=300)}"
        ) from None


def refuse_different_headers(
    paths: Sequence[Path], headers: Sequence[Sequence[str]]
) -> None:
    """Refuse files of one input whose columns are not the same in the same order."""
    first, *others = [[cell.strip() for cell in header] for header in headers]
    for path, cells in zip(paths[1:], others, strict=True):
        if cells != first:
            differing = [cell for cell in first if cell not in cells]
            differing += [cell for cell in cells if cell not in first]
            raise InputError(
                f"{file_name(paths[0])} and {file_name(path)} have different headers: "
                f"{list_columns(differing) or 'the order'} differs. The files of one "
                "input must share one."
            )
