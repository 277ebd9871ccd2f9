"""Find out how a CSV file is written, and copy what the engine would misread.

The engine reads what is plain: UTF-8, one kind of line end, quotes that its strict
reader takes. Everything else is read by Python's ``csv`` and copied to a file without a
name, which the system removes when the process ends, however it does.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import count_recognised
from mall_segments.intake.files import begins_with, path_literals
from mall_segments.intake.strange_files import (
    LEAST_RECOGNISED,
    refuse_binary,
    refuse_odd_tables,
)
from mall_segments.intake.text_encodings import (
    guess_encoding,
    is_wide,
    marked_encoding,
    named_encoding,
)
from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mall_segments.intake.columns import ColumnSettings

DELIMITERS: Final = (",", ";", "\t", "|")

_HEAD_SIZE: Final = 2**16
_CHUNK_SIZE: Final = 2**18
_SAMPLED_LINES: Final = 1000
_SAMPLED_TEXTS: Final = 200
_SAMPLED_ROWS: Final = 30
_LONGEST_HEADER: Final = 2**24
_LONGEST_LINE: Final = 2**26
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """How one CSV file is written, or the ``copy`` that is read in its place.

    ``rows`` are the header as it stands in the file and some of the rows below, blank
    ones empty; ``has_rows`` is whether anything but blank lines follows it.
    ``is_plain`` is whether the engine may read the file as it is.
    """

    path: str
    encoding: str = "utf-8"
    delimiter: str = ","
    n_lines_before_header: int = 0
    has_header: bool = True
    has_quotes: bool = False
    is_gzip: bool = False
    is_plain: bool = True
    rows: tuple[tuple[str, ...], ...] = ()
    has_rows: bool = True
    notes: tuple[str, ...] = ()
    copy: Copy | None = field(default=None, repr=False, compare=False)


class Copy:
    """A file that has no name in any folder and is gone with this object."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives on
        self.path = f"/proc/self/fd/{self.file.fileno()}"
        if not Path(self.path).exists():
            # Where no such folder is, the file has a name until it is closed.
            self.file.close()
            named = tempfile.NamedTemporaryFile(suffix=".csv")  # noqa: SIM115
            self.file = cast("IO[bytes]", named)
            self.path = named.name

    def __del__(self) -> None:
        """Delete the file with what reads it."""
        self.file.close()


def inspect_csv(path: Path, settings: ColumnSettings, *, source: str) -> CsvFile:
    """Find out how a CSV file is written, or why it is none."""
    with _open(path) as opened:
        head = opened.read(_HEAD_SIZE)
    if not head:
        raise InputError(f"{source} is empty: it has no header and no rows.")
    codec, why = marked_encoding(head), "it is not UTF-8"
    if settings.encoding:
        codec = named_encoding(settings.encoding, head, source=source)
        why = "`encoding` says so"
    if not is_wide(codec):
        refuse_binary(head, path.suffix, source)
    n_quotes, is_plain = _scan(path)
    if not (settings.encoding or is_wide(codec)):
        codec, why = "utf-8", f"{why}; `encoding` names another"
        if n_quotes < 0:
            codec = guess_encoding(_sample(path), settings, source=source)
    file = _find_header(path, codec, settings, source)
    notes = [f"Read as {codec}, since {why}."] if codec != "utf-8" else []
    if file.n_lines_before_header:
        notes.append(f"Skipped {file.n_lines_before_header} lines above the header.")
    return replace(
        file,
        has_quotes=n_quotes > 0,
        is_gzip=_is_gzip(path),
        is_plain=is_plain and codec == "utf-8",
        notes=tuple(notes),
    )


def _scan(path: Path) -> tuple[int, bool]:
    """Count the quotes, -1 in what is not UTF-8; answer whether the bytes are plain."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_quotes, has_nul, ends = 0, False, [0, 0, 0]
    with _open(path) as file:
        try:
            while chunk := file.read(_CHUNK_SIZE):
                if chunk.endswith(b"\r"):
                    chunk += file.read(1)
                decoder.decode(chunk)
                n_quotes += chunk.count(b'"')
                has_nul = has_nul or 0 in chunk
                both, feeds, returns = map(chunk.count, (b"\r\n", b"\n", b"\r"))
                kinds = (both, feeds - both, returns - both)
                ends = [sum(each) for each in zip(ends, kinds, strict=True)]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return -1, False
    # The engine does not see a quote that is open at the end of the file.
    return n_quotes, not has_nul and n_quotes % 2 == 0 and ends.count(0) > 1


def _sample(path: Path) -> bytes:
    """Return the first line and others that are not ASCII alone."""
    with _open(path) as raw, io.TextIOWrapper(raw, encoding="latin-1") as text:
        first = text.readline(_HEAD_SIZE)
        lines = iter(lambda: text.readline(_HEAD_SIZE), "")
        others = (line for line in lines if not line.isascii())
        sample = "".join([first, *islice(others, _SAMPLED_TEXTS)])
    return sample.encode("latin-1")


def _find_header(
    path: Path, encoding: str, settings: ColumnSettings, source: str
) -> CsvFile:
    """Find out where the header stands, and what it and the rows below say."""
    lines: list[str] = []
    n_letters = 0
    with _open_text(path, encoding, errors="replace") as text:
        while len(lines) < _SAMPLED_LINES and n_letters < _LONGEST_HEADER:
            if not (line := text.readline(_LONGEST_HEADER)):
                break
            lines.append(line)
            n_letters += len(line)
        is_whole = not text.read(1)
    delimiters: tuple[str, ...] = DELIMITERS
    for at, line in enumerate(lines):
        separator = _SEPARATOR_LINE.fullmatch(line.strip('\ufeff\r\n "'))
        if separator and separator[1] in DELIMITERS:
            delimiters = (separator[1],)
        elif not _is_blank(line):
            rows, delimiter = _best_split(lines[at:], delimiters, settings)
            n_known = count_recognised(rows[0], settings) if rows else 0
            if n_known >= LEAST_RECOGNISED or not line.lstrip().startswith("#"):
                break
    else:
        raise InputError(
            f"{source} holds nothing but blank or comment lines in its first "
            f"{len(lines):,}: it has no header."
        )
    if len(line) >= _LONGEST_HEADER:
        raise InputError(
            f"{source}: the first line is longer than {_LONGEST_HEADER // 2**20} MB: "
            "it is no header."
        )
    body = "".join(lines[at:])
    refuse_odd_tables(rows, settings, source=source, text=body, n_lines_above=at)
    return CsvFile(
        path=str(path.absolute()),
        encoding=encoding,
        delimiter=delimiter,
        n_lines_before_header=at,
        rows=rows,
        has_rows=not (is_whole and all(map(_is_blank, lines[at + 1 :]))),
    )


def _is_blank(line: str) -> bool:
    return not line.strip().strip(',;\t|" ')


def _best_split(
    lines: Sequence[str], delimiters: Sequence[str], settings: ColumnSettings
) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Split by the delimiter that gives most known columns, then most columns."""
    splits = [(_first_rows(lines, delimiter), delimiter) for delimiter in delimiters]
    return max(
        splits,
        key=lambda split: (
            (count_recognised(split[0][0], settings), len(split[0][0]))
            if split[0]
            else (0, 0)
        ),
    )


def _first_rows(lines: Sequence[str], delimiter: str) -> tuple[tuple[str, ...], ...]:
    csv.field_size_limit(_LONGEST_LINE)
    rows: list[tuple[str, ...]] = []
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    # The rows before one that is broken are a sample, too.
    with suppress(csv.Error):
        rows.extend(tuple(row) for row in islice(reader, _SAMPLED_ROWS))
    return tuple(rows)


def copy_plainly(rows: Iterable[Sequence[str]], file: CsvFile) -> CsvFile:
    """Write the rows below a header as the engine reads them without a doubt."""
    n_columns = len(file.rows[0])
    copy = Copy()
    text = io.TextIOWrapper(copy.file, encoding="utf-8", newline="")
    writer = csv.writer(
        text, delimiter=file.delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n"
    )
    for row in filter(None, rows):
        padding = [""] * (n_columns - len(row))
        surplus = next((cell for cell in row[n_columns:] if cell), "")
        writer.writerow([*row[:n_columns], *padding, surplus])
    text.flush()
    text.detach()
    return replace(
        file,
        path=copy.path,
        encoding="utf-8",
        n_lines_before_header=0,
        has_header=False,
        has_quotes=True,
        is_gzip=False,
        is_plain=True,
        copy=copy,
    )


def read_rows(file: CsvFile, *, source: str) -> Iterator[list[str]]:
    """Yield the rows below the header, as Python's ``csv`` reads them."""
    csv.field_size_limit(_LONGEST_LINE)
    line = n_above = file.n_lines_before_header
    try:
        with _open_text(Path(file.path), file.encoding) as text:
            for _ in range(n_above):
                text.readline()
            lines = _without_nul(text, n_above, source)
            reader = csv.reader(lines, delimiter=file.delimiter, strict=True)
            for row in reader:
                if line > n_above:
                    yield row
                line = n_above + reader.line_num
    except csv.Error as error:
        if "field limit" in str(error):
            raise InputError(
                f"{source} has a cell of more than {_LONGEST_LINE:,} characters in "
                f"line {line + 1:,}. Is a line break missing?"
            ) from None
        raise InputError(
            f"{source}: a quote in line {line + 1:,} is opened and not properly "
            "closed, so the file may be cut off, and where its rows end is unclear. "
            "Close it, or double a quote that belongs to a value."
        ) from None
    except UnicodeError as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        raise InputError(
            f"{source} looks like {file.encoding} but breaks its rules ({reason}): it "
            "may be cut off or in another encoding, which `encoding` names. Save it as "
            "UTF-8."
        ) from None


def _without_nul(lines: Iterable[str], n_above: int, source: str) -> Iterator[str]:
    for number, line in enumerate(lines, start=n_above + 1):
        if "\0" in line:
            raise InputError(
                f"{source} holds a NUL byte, first in line {number:,}: it is no text, "
                "or a damaged copy. Export it again."
            )
        yield line


def _is_gzip(path: Path) -> bool:
    return begins_with(path, b"\x1f\x8b")


def _open(path: Path) -> IO[bytes]:
    if _is_gzip(path):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


@contextmanager
def _open_text(
    path: Path, encoding: str, errors: str = "strict"
) -> Iterator[io.TextIOWrapper]:
    """Open a file as text without its byte order mark, its line ends as they are."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with (
        _open(path) as raw,
        io.TextIOWrapper(raw, encoding=codec, errors=errors, newline="") as text,
    ):
        yield text


def csv_relation(files: Sequence[CsvFile], names: Sequence[str]) -> str:
    """Return what reads CSV files in their order, every column as text."""

    def form(file: CsvFile) -> tuple[object, ...]:
        start = (file.has_header, file.n_lines_before_header)
        return (file.delimiter, file.is_gzip, file.has_quotes, *start)

    calls = [_csv_call(list(group), names) for _, group in groupby(files, key=form)]
    if len(calls) == 1:
        return calls[0]
    parts = [f"select * from {call}" for call in calls]  # noqa: S608
    return f"({' union all '.join(parts)})"


def has_odd_quotes(connection: duckdb.DuckDBPyConnection, file: CsvFile) -> bool:
    """Whether the engine's strict reader refuses a row for more than its length."""
    names = [f"c{place}" for place in range(len(file.rows[0]) + 1)]
    call = _csv_call([file], names, is_strict=True)
    try:
        connection.execute(f"select count(*) from {call}").fetchall()  # noqa: S608
    except duckdb.Error:
        return True
    return False


def _csv_call(
    files: Sequence[CsvFile], names: Sequence[str], *, is_strict: bool = False
) -> str:
    """Return the call that reads files of one form."""
    form = files[0]
    types = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    options = {
        "auto_detect": False,
        "header": form.has_header,
        "skip": form.n_lines_before_header,
        "delim": quote_text(form.delimiter),
        "quote": "'\"'",
        "escape": "'\"'",
        "compression": "'gzip'" if form.is_gzip else "'none'",
        # A short row is padded, a long one is cut: both stay rows.
        "null_padding": True,
        "strict_mode": is_strict,
        "columns": f"{{{types}}}",
        "max_line_size": _LONGEST_LINE,
        # The parallel reader refuses line breaks within quotes.
        "parallel": not form.has_quotes,
    }
    paths = path_literals([file.path for file in files])
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({paths}, {listed})"
