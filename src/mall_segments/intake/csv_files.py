"""Find out how a CSV file is written: encoding, delimiter, where its header stands.

Files called CSV come in many dialects, and some are no tables at all. What is read
here are bytes: the head of the file to find its form, and one pass over the whole of
it to be sure of its encoding. Its rows are the engine's to read.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from mall_segments.intake.columns import count_recognised, list_columns, looks_like_data
from mall_segments.errors import InputError
from mall_segments.settings import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mall_segments.intake.columns import ColumnSettings

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENGINE_ENCODINGS: Final = ("utf-8", "latin-1")

_HEAD_SIZES: Final = (2**16, 2**20, 2**24)
# Larger ones take memory from the system each time.
_CHUNK_SIZE: Final = 2**18
_LINES_LOOKED_AT: Final = 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_BINARY_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x7fELF", "a program"),
)
_CONTROL_BYTES: Final = bytes(
    byte for byte in (*range(32), 127) if byte not in b"\t\n\r\x0c\x1a"
)
_LATIN_1_CONTROLS: Final = bytes(range(0x80, 0xA0))
_WINDOWS_1252_GAPS: Final = b"\x81\x8d\x8f\x90\x9d"
_LARGEST_CONTROL_SHARE: Final = 0.01
_LEAST_WIDE_SHARE: Final = 0.3
_LEAST_RECOGNISED: Final = 2
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """How one CSV file is written.

    Attributes
    ----------
    path : Path
        The file.
    encoding : str
        One of ``ENGINE_ENCODINGS``, which the engine reads, or another codec name,
        which means that the file is copied to UTF-8 first.
    is_gzip : bool
        Whether it is compressed.
    delimiter : str
        One of the keys of ``DELIMITERS``.
    n_lines_before_header : int
        Comments and blank lines above the header.
    header : tuple of str
        The header as it stands in the file.
    has_rows : bool
        Whether anything but blank lines follows the header.
    n_quotes : int
        How many bytes read as a quotation mark.
    longest_line : int
        Bytes in the longest line, at least; exact beyond 1 MB.
    notes : tuple of str
        What a user should know about how the file is read.
    """

    path: Path
    encoding: str
    is_gzip: bool
    delimiter: str
    n_lines_before_header: int
    header: tuple[str, ...]
    has_rows: bool
    n_quotes: int
    longest_line: int
    notes: tuple[str, ...]


def inspect_csv(path: Path, settings: ColumnSettings, *, source: str) -> CsvFile:
    """Find out how a CSV file is written, or why it is none.

    Parameters
    ----------
    path : Path
        A regular file that exists.
    settings : ColumnSettings
        The aliases, by which the header is told from other lines.
    source : str
        How errors name the file.

    Returns
    -------
    CsvFile
        Its form.

    Raises
    ------
    InputError
        If it is empty, binary, a web page, an LFS pointer, a file with unresolved
        merge conflicts, or has no header that can be found.
    OSError
        If it cannot be read.
    """
    head = _read_head(path, _HEAD_SIZES[0])
    if not head:
        raise InputError(f"{source} is empty: it has no header and no rows.")
    encoding = _marked_encoding(head)
    if not encoding.startswith("utf-16") and not encoding.startswith("utf-32"):
        _refuse_binary(path, head, source)
    scan = _Scan.of(path)
    if not encoding.startswith(("utf-16", "utf-32")):
        if scan.nul_line is not None:
            raise InputError(
                f"{source} holds a NUL byte, first in line {scan.nul_line:,}: it is no "
                "text, or a damaged copy. Export it again."
            )
        encoding = scan.encoding
    header = _find_header(path, encoding, settings, source)
    return CsvFile(
        path=path,
        encoding=encoding,
        is_gzip=_is_gzip(path),
        delimiter=header.delimiter,
        n_lines_before_header=header.n_lines_before,
        header=header.cells,
        has_rows=header.has_rows,
        n_quotes=scan.n_quotes,
        longest_line=scan.longest_line,
        notes=tuple(_notes(encoding, header)),
    )


def copy_as_utf_8(file: CsvFile, folder: Path, *, source: str) -> Path:
    """Copy a file in an encoding that the engine does not read to UTF-8.

    Parameters
    ----------
    file : CsvFile
        The file to copy, of any size: it is copied in chunks.
    folder : Path
        Where copies are kept. A copy that is as old as its file is used again.
    source : str
        How errors name the file.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    InputError
        If the file breaks its own encoding.
    OSError
        If the copy cannot be written.
    """
    name = hashlib.sha256(os.fsencode(file.path.absolute())).hexdigest()[:32]
    copy = folder / f"{name}.csv"
    modified = file.path.stat().st_mtime_ns
    if copy.exists() and copy.stat().st_mtime_ns == modified:
        return copy
    folder.mkdir(parents=True, exist_ok=True)
    decoder = codecs.getincrementaldecoder(file.encoding)()
    handle, unfinished = tempfile.mkstemp(dir=folder, suffix=".unfinished")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as target:
            for chunk in _chunks(file.path):
                target.write(decoder.decode(chunk))
            target.write(decoder.decode(b"", final=True))
        os.utime(unfinished, ns=(modified, modified))
        Path(unfinished).replace(copy)
    except UnicodeError as error:
        raise InputError(
            f"{source} looks like {file.encoding} but breaks its rules "
            f"({error.reason if isinstance(error, UnicodeDecodeError) else error}): "
            "it may be cut off. Save it as UTF-8."
        ) from None
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return copy


def split_record(
    text: str, start: int, delimiter: str
) -> tuple[tuple[str, ...], int | None]:
    r"""Split the record that begins at a position into its cells.

    Parameters
    ----------
    text : str
        Text of a CSV file.
    start : int
        Where the record begins.
    delimiter : str
        The character between cells.

    Returns
    -------
    cells : tuple of str
        The cells, without their quotes.
    end : int or None
        Where the next record begins; None if the text ends within a quote.

    Examples
    --------
    >>> split_record('a,"b ""x"", c"\r\n1,2', 0, ",")
    (('a', 'b "x", c'), 16)
    """
    ends = re.compile(rf"{re.escape(delimiter)}|\r\n|\n|\r")
    cells: list[str] = []
    at = start
    while True:
        cell = ""
        if text.startswith('"', at):
            close = _closing_quote(text, at)
            if close is None:
                return tuple(cells), None
            cell = text[at + 1 : close].replace('""', '"')
            at = close + 1
        found = ends.search(text, at)
        cells.append(cell + text[at : found.start() if found else len(text)])
        if found is None:
            return tuple(cells), len(text)
        at = found.end()
        if found.group() != delimiter:
            return tuple(cells), at


def _closing_quote(text: str, opening: int) -> int | None:
    at = opening + 1
    while True:
        close = text.find('"', at)
        if close < 0:
            return None
        if not text.startswith('"', close + 1):
            return close
        at = close + 2


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def _open(path: Path) -> IO[bytes]:
    if _is_gzip(path):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _read_head(path: Path, size: int) -> bytes:
    with _open(path) as file:
        return file.read(size)


def _chunks(path: Path) -> Iterator[bytes]:
    with _open(path) as file:
        while chunk := file.read(_CHUNK_SIZE):
            yield chunk


def _marked_encoding(head: bytes) -> str:
    """Return the encoding that a byte order mark or the place of NULs tells, or ''."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:4096]
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd >= _LEAST_WIDE_SHARE and even == 0:
        return "utf-16-le"
    if even >= _LEAST_WIDE_SHARE and odd == 0:
        return "utf-16-be"
    return ""


def _refuse_binary(path: Path, head: bytes, source: str) -> None:
    kind = next((kind for magic, kind in _BINARY_KINDS if head.startswith(magic)), "")
    n_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if kind or n_controls > _LARGEST_CONTROL_SHARE * len(head):
        what = kind or "a binary file"
        raise InputError(
            f"{source} is {what}, whatever its name ends in ({path.suffix or 'nothing'}"
            "): a customer file is CSV or Parquet. Export it as one of them."
        )


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """What one pass over the bytes of a file found."""

    encoding: str
    n_quotes: int
    longest_line: int
    nul_line: int | None

    @classmethod
    def of(cls, path: Path) -> _Scan:
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_utf_8, n_quotes, n_bytes, line_length, longest_line = True, 0, 0, 0, 0
        nul_place: int | None = None
        high_controls: set[int] = set()
        for chunk in _chunks(path):
            # Nearly all is ASCII, and asking costs a tenth of decoding.
            if not chunk.isascii() or decoder.getstate()[0]:
                is_utf_8 = is_utf_8 and _continues(decoder, chunk)
                high_controls.update(filter(chunk.__contains__, _LATIN_1_CONTROLS))
            if b'"' in chunk:
                n_quotes += chunk.count(b'"')
            if nul_place is None and (at := chunk.find(0)) >= 0:
                nul_place = n_bytes + at
            n_bytes += len(chunk)
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            line_length += first if first >= 0 else len(chunk)
            longest_line = max(longest_line, line_length)
            if last >= 0:
                line_length = len(chunk) - last
        is_utf_8 = is_utf_8 and _continues(decoder, b"", final=True)
        return cls(
            encoding="utf-8" if is_utf_8 else _single_byte_encoding(high_controls),
            n_quotes=n_quotes,
            longest_line=longest_line,
            nul_line=None if nul_place is None else _line_of(path, nul_place),
        )


def _line_of(path: Path, place: int) -> int:
    """Return the number of the line in which a byte of a file is."""
    line = 1
    for chunk in _chunks(path):
        line += chunk.count(b"\n", 0, max(place, 0))
        place -= len(chunk)
    return line


def _continues(
    decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False
) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _single_byte_encoding(high_controls: set[int]) -> str:
    if not high_controls:
        return "latin-1"
    # The engine refuses these bytes in Latin-1; Windows gives most of them a meaning.
    return "iso8859-1" if high_controls.intersection(_WINDOWS_1252_GAPS) else "cp1252"


@dataclass(frozen=True, kw_only=True)
class _Header:
    """Where the header stands, and what it says."""

    cells: tuple[str, ...]
    delimiter: str
    n_lines_before: int
    has_rows: bool


def _find_header(
    path: Path, encoding: str, settings: ColumnSettings, source: str
) -> _Header:
    for size in _HEAD_SIZES:
        head = _read_head(path, size + 1)
        is_whole = len(head) <= size
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        decoder = codecs.getincrementaldecoder(codec)("replace")
        text = decoder.decode(head, is_whole)
        start, delimiters = _skip_preamble(text, settings)
        if start == len(text) and is_whole:
            raise InputError(
                f"{source} holds nothing but blank or comment lines: it has no header."
            )
        cells, end, delimiter = _best_split(text, start, delimiters, settings)
        if end is not None and (end < len(text) or is_whole):
            _refuse_other_kinds(text, start, cells, settings, source)
            rest = text[end:].strip().strip(delimiter + '"').strip()
            return _Header(
                cells=cells,
                delimiter=delimiter,
                n_lines_before=len(_LINE_END.findall(text, 0, start)),
                has_rows=not is_whole or bool(rest),
            )
        if is_whole:
            raise InputError(
                f"{source}: the header opens a quote that is never closed: "
                f"{shorten(text[start : start + 200])}."
            )
    raise InputError(
        f"{source}: the first line is longer than {_HEAD_SIZES[-1] // 2**20} MB: it is "
        "no header."
    )


def _skip_preamble(text: str, settings: ColumnSettings) -> tuple[int, tuple[str, ...]]:
    """Return where the first line begins that is neither blank nor a comment."""
    delimiters = tuple(DELIMITERS)
    at = 0
    while at < len(text):
        found = _LINE_END.search(text, at)
        end, following = (found.span()) if found else (len(text), len(text))
        line = text[at:end].strip()
        separator = _SEPARATOR_LINE.fullmatch(text[at:end].strip('\ufeff "'))
        if separator and separator.group(1) in DELIMITERS:
            delimiters = (separator.group(1),)
        elif line.startswith("#"):
            cells, _, _ = _best_split(text, at, delimiters, settings)
            if count_recognised(cells, settings) >= _LEAST_RECOGNISED:
                break
        elif line.strip(',;\t|" '):
            break
        at = following
    return at, delimiters


def _best_split(
    text: str, start: int, delimiters: tuple[str, ...], settings: ColumnSettings
) -> tuple[tuple[str, ...], int | None, str]:
    """Split by the delimiter that gives most known columns, then most columns."""
    splits = [
        (*split_record(text, start, delimiter), delimiter) for delimiter in delimiters
    ]
    return max(
        splits, key=lambda split: (count_recognised(split[0], settings), len(split[0]))
    )


def _refuse_other_kinds(
    text: str,
    start: int,
    cells: tuple[str, ...],
    settings: ColumnSettings,
    source: str,
) -> None:
    """Refuse what is no table, or has its header elsewhere; a header passes."""
    n_recognised = count_recognised(cells, settings)
    if n_recognised >= _LEAST_RECOGNISED:
        return
    first = text[start : start + 200]
    if first.startswith("version https://git-lfs"):
        raise InputError(
            f"{source} is a Git LFS pointer, not the file it points to: run "
            "`git lfs pull`."
        )
    if re.match(r"(<{7}|={7}|>{7}|\|{7})(\s|$)", first):
        raise InputError(
            f"{source} begins with a merge-conflict marker "
            f"({shorten(first.splitlines()[0])}): resolve the conflict first."
        )
    if re.match(r"<(!doctype|\?xml|!--|[a-z]+[\s>/])", first, re.IGNORECASE):
        raise InputError(
            f"{source} is a web page or XML, not CSV: it begins "
            f"{shorten(first.splitlines()[0])}. Download the file itself."
        )
    if re.match(r"[{[]\s*[\"{\[\]}]", first):
        raise InputError(
            f"{source} is JSON, not CSV: a customer file is CSV or Parquet."
        )
    _refuse_header_elsewhere(text, start, n_recognised, settings, source)
    if looks_like_data(cells):
        raise InputError(
            f"{source} has no header: its first row looks like a customer's values, "
            f"{list_columns(cells)}. Add a first row that names the columns."
        )
    if len(cells) == 1:
        raise InputError(
            f"{source} is not CSV: its first line is one cell, {list_columns(cells)}. "
            f"Columns must be separated by one of: {', '.join(DELIMITERS.values())}."
        )


def _refuse_header_elsewhere(
    text: str, start: int, n_recognised: int, settings: ColumnSettings, source: str
) -> None:
    n_lines = len(_LINE_END.findall(text, 0, start)) + 1
    at = start
    for line_number in range(n_lines, n_lines + _LINES_LOOKED_AT):
        cells, _, _ = _best_split(text, at, tuple(DELIMITERS), settings)
        n_columns = count_recognised(cells, settings)
        if n_columns > n_recognised and n_columns >= _LEAST_RECOGNISED:
            raise InputError(
                f"{source}: the header stands in line {line_number}, below "
                f"{shorten(text[start:].splitlines()[0])}. Remove the lines above it."
            )
        found = _LINE_END.search(text, at)
        if found is None:
            return
        at = found.end()


def _notes(encoding: str, header: _Header) -> Iterator[str]:
    if encoding != "utf-8":
        yield f"Read as {encoding}, since it is not UTF-8."
    if header.n_lines_before:
        yield f"Skipped {header.n_lines_before} lines above the header."
