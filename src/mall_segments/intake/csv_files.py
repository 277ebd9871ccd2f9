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
import sys
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from mall_segments.errors import InputError
from mall_segments.intake.columns import count_recognised
from mall_segments.intake.strange_files import (
    LEAST_RECOGNISED,
    refuse_binary,
    refuse_odd_tables,
    refuse_other_text,
)
from mall_segments.intake.text_encodings import (
    check_encoding,
    check_mark,
    guess_encoding,
    is_wide,
    marked_encoding,
)
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mall_segments.intake.columns import ColumnSettings

DELIMITERS: Final = (",", ";", "\t", "|")

_HEAD_SIZES: Final = (2**16, 2**20, 2**24)
_CHUNK_SIZE: Final = 2**18
_SAMPLED_BYTES: Final = 2**16
_SAMPLED_ROWS: Final = 30
_GZIP_MAGIC: Final = b"\x1f\x8b"
# The last one would be taken for the mark of the encoding at the start of a file.
_NEEDS_QUOTES: Final = re.compile('[",\r\n\ufeff]')
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)", re.IGNORECASE)
_LONGEST_CELL: Final = 2**26
USUAL_LINE: Final = 2**20


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """How one CSV file is written, or the ``copy`` that is read in its place.

    ``rows`` are the header as it stands in the file and some of the rows below;
    ``has_rows`` is whether anything but blank lines follows it. ``is_plain`` is whether
    the engine may read the file as it is. ``longest_line`` is in bytes, at least; exact
    beyond 1 MB. ``original_delimiter`` is that of the file where ``path`` is its copy.
    """

    path: str
    encoding: str = "utf-8"
    delimiter: str = ","
    original_delimiter: str = ""
    n_lines_before_header: int = 0
    has_header: bool = True
    has_quotes: bool = False
    is_gzip: bool = False
    is_plain: bool = True
    longest_line: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    has_rows: bool = True
    notes: tuple[str, ...] = ()
    copy: Copy | None = field(default=None, repr=False, compare=False)


def inspect_csv(path: Path, settings: ColumnSettings, *, source: str) -> CsvFile:
    """Find out how a CSV file is written, or why it is none."""
    with _open(path) as opened:
        head = opened.read(_HEAD_SIZES[0])
    if not head:
        raise InputError(f"{source} is empty: it has no header and no rows.")
    codec, encoding = marked_encoding(head), settings.encoding
    if encoding:
        codec = check_mark(check_encoding(encoding), head, source=source)
    if not is_wide(codec):
        refuse_binary(head, path.suffix, source)
    scan = _Scan(path)
    if not is_wide(codec):
        codec = _codec_of(scan, encoding and codec, settings, source)
    file = _find_header(path, codec, settings, source)
    notes = []
    if codec != "utf-8":
        why = "`encoding` says so" if encoding else "it is not UTF-8"
        hint = "" if encoding or is_wide(codec) else "; `encoding` names another"
        notes.append(f"Read as {codec}, since {why}{hint}.")
    if file.n_lines_before_header:
        notes.append(f"Skipped {file.n_lines_before_header} lines above the header.")
    return replace(
        file,
        has_quotes=scan.n_quotes > 0,
        is_gzip=_is_gzip(path),
        # The engine does not see a quote that is open at the end of the file.
        is_plain=codec == "utf-8"
        and scan.n_kinds_of_line_ends <= 1
        and scan.n_quotes % 2 == 0,
        longest_line=scan.longest_line,
        notes=tuple(notes),
    )


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
            self.path = self.file.name

    def close(self) -> None:
        """Delete the file."""
        self.file.close()

    def __del__(self) -> None:
        """Delete the file with what reads it."""
        self.close()


def _codec_of(
    scan: _Scan, wanted: str | None, settings: ColumnSettings, source: str
) -> str:
    """Return the encoding of a text whose ASCII letters take one byte."""
    if scan.nul_line is not None:
        raise InputError(
            f"{source} holds a NUL byte, first in line {scan.nul_line:,}: it is no "
            "text, or a damaged copy. Export it again."
        )
    if wanted == "utf-8" and not scan.is_utf_8:
        raise InputError(
            f"{source} is not the UTF-8 that `encoding` says, first in line "
            f"{scan.broken_line:,}."
        )
    if wanted or scan.is_utf_8:
        return wanted or "utf-8"
    return guess_encoding(bytes(scan.sample), settings, source=source)


def copy_plainly(rows: Iterable[Sequence[str]], file: CsvFile) -> CsvFile:
    """Write the rows below a header as the engine reads them without a doubt."""
    copy, n_columns = Copy(), len(file.rows[0])
    text = io.TextIOWrapper(copy.file, encoding="utf-8", newline="")
    longest = 0
    for row in rows:
        if not row:
            continue
        surplus = next((cell for cell in row[n_columns:] if cell), "")
        padding = [""] * (n_columns - len(row))
        cells = [*row[:n_columns], *padding, surplus]
        longest = max(longest, text.write(",".join(map(_quoted, cells)) + "\n"))
    text.flush()
    text.detach()
    return CsvFile(
        path=copy.path,
        original_delimiter=file.original_delimiter,
        has_header=False,
        has_quotes=True,
        longest_line=longest * 4,
        rows=file.rows,
        has_rows=file.has_rows,
        notes=file.notes,
        copy=copy,
    )


def read_rows(file: CsvFile, *, source: str) -> Iterator[list[str]]:
    """Yield the rows below the header, as Python's ``csv`` reads them."""
    previous = csv.field_size_limit(_LONGEST_CELL)
    path = Path(file.path)
    line = 1
    try:
        with (
            _open(path) as raw,
            io.TextIOWrapper(raw, encoding=_codec(file.encoding), newline="") as text,
        ):
            for _ in range(file.n_lines_before_header):
                text.readline()
            reader = csv.reader(
                _without_nul(text, source), delimiter=file.delimiter, strict=True
            )
            for row in reader:
                if line > 1:
                    yield row
                line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise InputError(
                f"{source} has a cell of more than {_LONGEST_CELL:,} characters in "
                f"line {line + file.n_lines_before_header:,}. Is a line break missing?"
            ) from None
        raise InputError(
            f"{source}: a quote in line {line + file.n_lines_before_header:,} is "
            "opened and not properly closed, so the file may be cut off, and where its "
            "rows end is unclear. Close it, or double a quote that belongs to a value."
        ) from None
    except UnicodeError as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        raise InputError(
            f"{source} looks like {file.encoding} but breaks its rules ({reason}): it "
            "may be cut off or in another encoding, which `encoding` names. Save it as "
            "UTF-8."
        ) from None
    finally:
        csv.field_size_limit(previous)


def _quoted(cell: str) -> str:
    # Python's writer leaves a return bare where lines end with a feed.
    if _NEEDS_QUOTES.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _without_nul(lines: Iterable[str], source: str) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise InputError(
                f"{source} holds a NUL character, first in line {number:,}: it is no "
                "text, or a damaged copy. Export it again."
            )
        yield line


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def _open(path: Path) -> IO[bytes]:
    if _is_gzip(path):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


class _Scan:
    """What one pass over the bytes of a file finds."""

    def __init__(self, path: Path) -> None:
        self.is_utf_8 = True
        self.n_quotes = 0
        self.longest_line = 0
        self.nul_line: int | None = None
        self.broken_line = 0
        self.sample = bytearray()
        ends = {b"\r\n": 0, b"\n": 0, b"\r": 0}
        decoder = codecs.getincrementaldecoder("utf-8")()
        n_lines, line_length, last = 1, 0, b""
        with _open(path) as file:
            while chunk := file.read(_CHUNK_SIZE):
                if chunk.endswith(b"\r"):
                    chunk += file.read(1)
                # Nearly all is ASCII, and asking costs a tenth of decoding.
                if self.is_utf_8 and (not chunk.isascii() or decoder.getstate()[0]):
                    self._decode(decoder, chunk, n_lines)
                if not chunk.isascii() and len(self.sample) < _SAMPLED_BYTES:
                    self._keep(last + chunk, is_first=n_lines == 1)
                self.n_quotes += chunk.count(b'"')
                if self.nul_line is None and (at := chunk.find(0)) >= 0:
                    self.nul_line = n_lines + chunk.count(b"\n", 0, at)
                both, feeds, returns = map(chunk.count, (b"\r\n", b"\n", b"\r"))
                ends[b"\r\n"] += both
                ends[b"\n"] += feeds - both
                ends[b"\r"] += returns - both
                n_lines += feeds
                line_length = self._measure(chunk, line_length)
                last = chunk[chunk.rfind(b"\n") + 1 :][:_SAMPLED_BYTES]
        if self.is_utf_8:
            self._decode(decoder, b"", n_lines, is_last=True)
        self.n_kinds_of_line_ends = sum(map(bool, ends.values()))

    def _decode(
        self,
        decoder: codecs.IncrementalDecoder,
        chunk: bytes,
        n_lines: int,
        *,
        is_last: bool = False,
    ) -> None:
        try:
            decoder.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            self.is_utf_8 = False
            self.broken_line = n_lines + chunk.count(b"\n", 0, error.start)

    def _keep(self, text: bytes, *, is_first: bool) -> None:
        for number, line in enumerate(text.splitlines(keepends=True)):
            if not line.isascii() or (is_first and number == 0):
                self.sample += line
            if len(self.sample) >= _SAMPLED_BYTES:
                return

    def _measure(self, chunk: bytes, line_length: int) -> int:
        end = b"\n" if b"\n" in chunk else b"\r"
        first, last = chunk.find(end), chunk.rfind(end)
        line_length += first if first >= 0 else len(chunk)
        self.longest_line = max(self.longest_line, line_length)
        return len(chunk) - last if last >= 0 else line_length


def _find_header(
    path: Path, encoding: str, settings: ColumnSettings, source: str
) -> CsvFile:
    """Find out where the header stands, and what it and the rows below say."""
    for size in _HEAD_SIZES:
        with _open(path) as file:
            head = file.read(size + 1)
        is_whole = len(head) <= size
        decoder = codecs.getincrementaldecoder(_codec(encoding))("replace")
        text = decoder.decode(head, is_whole)
        lines = list(io.StringIO(text, newline=""))
        start, delimiters = _skip_preamble(lines, settings)
        if start == len(lines) and is_whole:
            raise InputError(
                f"{source} holds nothing but blank or comment lines: it has no header."
            )
        body = lines[start:] if is_whole else lines[start:-1]
        split = _best_split(body, delimiters, settings)
        if split is not None:
            rows, delimiter = split
            if count_recognised(rows[0], settings) < LEAST_RECOGNISED:
                refuse_other_text("".join(body), source)
            refuse_odd_tables(
                rows,
                settings,
                source=source,
                line_of=partial(_line_of, body, delimiter, start),
            )
            return CsvFile(
                path=str(path.absolute()),
                encoding=encoding,
                delimiter=delimiter,
                original_delimiter=delimiter,
                n_lines_before_header=start,
                rows=rows,
                has_rows=not is_whole
                or any(cell.strip() for row in rows[1:] for cell in row),
            )
        if is_whole:
            refuse_other_text("".join(body), source)
            raise InputError(
                f"{source}: the header opens a quote that is never closed: "
                f"{shorten(''.join(body)[:200])}."
            )
    raise InputError(
        f"{source}: the first line is longer than {_HEAD_SIZES[-1] // 2**20} MB: it is "
        "no header."
    )


def _skip_preamble(
    lines: Sequence[str], settings: ColumnSettings
) -> tuple[int, tuple[str, ...]]:
    """Return which line is the first that is neither blank nor a comment."""
    delimiters: tuple[str, ...] = DELIMITERS
    for at, line in enumerate(lines):
        bare = line.strip()
        separator = _SEPARATOR_LINE.fullmatch(line.strip('\ufeff\r\n "'))
        if separator and separator.group(1) in DELIMITERS:
            delimiters = (separator.group(1),)
        elif bare.startswith("#"):
            split = _best_split([line], delimiters, settings)
            if split and count_recognised(split[0][0], settings) >= LEAST_RECOGNISED:
                return at, delimiters
        elif bare.strip(',;\t|" '):
            return at, delimiters
    return len(lines), delimiters


def _best_split(
    lines: Sequence[str], delimiters: Sequence[str], settings: ColumnSettings
) -> tuple[tuple[tuple[str, ...], ...], str] | None:
    """Split by the delimiter that gives most known columns, then most columns."""
    splits = [
        (rows, delimiter)
        for delimiter in delimiters
        if (rows := _first_rows(lines, delimiter))
    ]
    return max(
        splits,
        key=lambda split: (count_recognised(split[0][0], settings), len(split[0][0])),
        default=None,
    )


def _line_of(lines: Sequence[str], delimiter: str, n_above: int, at: int) -> int:
    """Return the line, from 1, in which a row ends that is not blank."""
    reader = csv.reader(lines, delimiter=delimiter)
    next(islice(filter(None, reader), at, None))
    return n_above + reader.line_num


def _first_rows(lines: Sequence[str], delimiter: str) -> tuple[tuple[str, ...], ...]:
    previous = csv.field_size_limit(sys.maxsize)
    rows: list[tuple[str, ...]] = []
    try:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows.extend(tuple(row) for row in islice(filter(None, reader), _SAMPLED_ROWS))
    except csv.Error:
        # The rows before it are a sample, too.
        pass
    finally:
        csv.field_size_limit(previous)
    return tuple(rows)
