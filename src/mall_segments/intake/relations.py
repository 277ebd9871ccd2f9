"""Which files a path names, and the SQL that reads them."""

from __future__ import annotations

import glob
import re
from itertools import accumulate, groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import list_columns
from mall_segments.intake.csv_files import USUAL_LINE, CsvFile
from mall_segments.publishing.tables import quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["text", "number", "whole", "other", "row number"]

COUNTED_ROW: Final = "row_number() over ()"
LONGEST_LINE: Final = 2**26

_PARQUET_MAGIC: Final = b"PAR1"
_SHOWN_PATH: Final = 200
_WHOLE_TYPES: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_NUMBER_TYPES: Final = re.compile(r"DOUBLE|FLOAT|DECIMAL\(.*\)")
_NESTED_TYPES: Final = re.compile(r"\[|STRUCT|MAP|UNION|LIST", re.IGNORECASE)


def find_files(text: str) -> tuple[Path, ...]:
    """Return the files that a path or a pattern names, in the order of their names."""
    shown = shorten(text, limit=_SHOWN_PATH)
    if "://" in text:
        raise InputError(
            f"{shown} is a remote address: only files on this machine are read. "
            "Download it, or mount it."
        )
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            raise InputError(
                f"{shown} is a folder. To read the files in it, name them by a "
                f"pattern: {shorten(str(path / '*.csv'), limit=_SHOWN_PATH)}."
            )
        if path.exists():
            paths = [path]
        else:
            # A pattern may be absolute, which the glob of pathlib cannot be.
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207
            paths = sorted(entry for entry in map(Path, names) if not entry.is_dir())
    except OSError as error:
        raise InputError(system_error(error, shown)) from None
    if path.is_symlink() and not path.exists():
        raise InputError(f"{shown} is a link to a file that does not exist.")
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


def system_error(error: OSError, source: str) -> str:
    """Say why the system does not let a file be read."""
    place = file_name(Path(error.filename)) if error.filename else source
    if isinstance(error, PermissionError):
        return f"{place} may not be read by this user: its permissions forbid it."
    return f"{place} cannot be read: {error.strerror or error}."


def first_lines(error: Exception) -> str:
    """Return what an engine complains of, without its context and its own remedies."""
    stripped = (line.strip() for line in str(error).splitlines())
    context = ("LINE ", "Possible solutions")
    lines = [*takewhile(lambda line: not line.startswith(context), stripped)]
    return shorten(" ".join(" ".join(lines).split()), limit=300)


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def refuse_different_headers(
    paths: Sequence[Path], headers: Sequence[tuple[str, ...]]
) -> None:
    """Refuse files of one input whose columns are not the same in the same order."""
    first = tuple(cell.strip() for cell in headers[0])
    for path, header in zip(paths, headers, strict=True):
        cells = tuple(cell.strip() for cell in header)
        if cells != first:
            only = [cell for cell in cells if cell not in first]
            lacking = [cell for cell in first if cell not in cells]
            differences = [
                f"only the {place} has {list_columns(cells)}"
                for place, cells in (("former", lacking), ("latter", only))
                if cells
            ] or ["the same columns stand in another order"]
            raise InputError(
                f"{file_name(paths[0])} and {file_name(path)} have different headers: "
                f"{'; '.join(differences)}. The files of one input must share one."
            )


def csv_relation(files: Sequence[CsvFile], names: Sequence[str]) -> str:
    """Return what reads CSV files in their order, every column as text."""

    def form(file: CsvFile) -> tuple[object, ...]:
        return (
            file.delimiter,
            file.has_header,
            file.is_gzip,
            file.n_lines_before_header,
            file.has_quotes,
            file.longest_line > USUAL_LINE,
        )

    calls = [_csv_call(list(group), names) for _, group in groupby(files, key=form)]
    if len(calls) == 1:
        return calls[0]
    parts = [f"select * from {call}" for call in calls]  # noqa: S608
    return f"({' union all '.join(parts)})"


def _csv_call(
    files: Sequence[CsvFile],
    names: Sequence[str],
    changes: Mapping[str, str] | None = None,
) -> str:
    """Return the call that reads files of one form, with some options changed."""
    form = files[0]
    types = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    options = {
        "auto_detect": "false",
        "header": str(form.has_header).lower(),
        "skip": str(form.n_lines_before_header),
        "delim": quote_text(form.delimiter),
        "quote": "'\"'",
        "escape": "'\"'",
        "compression": "'gzip'" if form.is_gzip else "'none'",
        # A short row is padded, a long one is cut: both stay rows.
        "null_padding": "true",
        "strict_mode": "false",
        "columns": f"{{{types}}}",
        # The parallel reader refuses line breaks within quotes.
        "parallel": "false" if form.has_quotes else "true",
    }
    if any(file.longest_line > USUAL_LINE for file in files):
        options["max_line_size"] = str(LONGEST_LINE)
    options.update(changes or {})
    paths = ", ".join(_path_literal(file.path) for file in files)
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv([{paths}], {listed})"


def _path_literal(path: str) -> str:
    """Return a path as the engine reads it, where brackets and stars are patterns."""
    return quote_text(re.sub(r"([*?\[{])", r"[\1]", path))


def has_odd_quotes(connection: duckdb.DuckDBPyConnection, file: CsvFile) -> bool:
    """Whether the engine's strict reader refuses a row for more than its length."""
    names = [f"c{place}" for place in range(len(file.rows[0]) + 1)]
    changes = {"strict_mode": "true", "null_padding": "true"}
    call = _csv_call([file], names, changes)
    try:
        connection.execute(f"select count(*) from {call}").fetchall()  # noqa: S608
    except duckdb.Error:
        return True
    return False


def parquet_kind(
    kind: str, *, name: str, header: str, is_number: bool, source: str
) -> Kind:
    """Return what a column of Parquet holds, refusing what its use cannot be."""
    if _WHOLE_TYPES.fullmatch(kind):
        return "whole"
    if _NUMBER_TYPES.fullmatch(kind):
        return "number"
    if kind == "VARCHAR":
        return "text"
    is_label = kind.startswith("ENUM")
    is_usable = not _NESTED_TYPES.search(kind) and not is_number
    if is_label or (is_usable and not (name == "customer_id" and kind == "BOOLEAN")):
        return "other"
    raise InputError(
        f"{source}: the column {shorten(header)}, read as {name}, is of type "
        f"{shorten(kind)}; it must be a number or text."
    )


def parquet_row(n_rows: Sequence[int]) -> str:
    """Return the row's number over all files, which any thread can tell."""
    firsts = ", ".join(map(str, accumulate(n_rows[:-1], initial=1)))
    return f"[{firsts}][cast(file_index as bigint) + 1] + file_row_number"


def parquet_call(paths: Sequence[Path]) -> str:
    """Return the call that reads Parquet files in their order."""
    literals = ", ".join(_path_literal(str(path.absolute())) for path in paths)
    return (
        f"read_parquet([{literals}], union_by_name = true, hive_partitioning = false, "
        "binary_as_string = true)"
    )
