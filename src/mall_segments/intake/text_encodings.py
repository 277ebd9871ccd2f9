"""Find out in which encoding a text file is written, or refuse to guess.

UTF-8 is proved by decoding the whole file; UTF-16 and UTF-32 by their mark or the place
of their zeros. For the rest, the names and levels of the settings decide where one
encoding shows more of them than another; then charset-normalizer, where it is certain.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import count_recognised

if TYPE_CHECKING:
    from mall_segments.intake.columns import ColumnSettings

_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# In the order of preference where they fit equally well.
_WESTERN: Final = "cp1252"
_ASIAN: Final = ("gb18030", "cp932", "big5", "cp949")
_WITH_LANGUAGE: Final = ("cp1250", "cp1254", "cp1257")
_OTHER_SCRIPTS: Final = ("cp1251", "cp1253", "cp1255", "cp1256", "cp874")
_CANDIDATES: Final = (_WESTERN, *_ASIAN, *_WITH_LANGUAGE, *_OTHER_SCRIPTS)
_LEAST_WIDE_SHARE: Final = 0.3
_LEAST_COHERENCE: Final = 0.4
_LEAST_IN_RUNS: Final = 0.3
_ENOUGH_LETTERS: Final = 20
_SAMPLED_BYTES: Final = 4096


def marked_encoding(head: bytes) -> str:
    """Return the encoding that a byte order mark or the place of NULs tells, or ''."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:_SAMPLED_BYTES]
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd >= _LEAST_WIDE_SHARE and even == 0:
        return "utf-16-le"
    if even >= _LEAST_WIDE_SHARE and odd == 0:
        return "utf-16-be"
    return ""


def is_wide(encoding: str) -> bool:
    """Whether a letter takes two bytes or four, so that bytes are no letters."""
    return encoding.replace("_", "-").startswith(("utf-16", "utf-32"))


def check_encoding(name: str) -> str:
    """Return the codec of an encoding that a setting names.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise InputError(
            f"`encoding` is {name!r}, which is no encoding that is known; some are "
            f"utf-8, utf-16, {', '.join(_CANDIDATES)}."
        ) from None


def guess_encoding(sample: bytes, settings: ColumnSettings, *, source: str) -> str:
    """Return the encoding of a text that is not UTF-8.

    Parameters
    ----------
    sample : bytes
        Whole lines, among them some that are not ASCII.
    settings : ColumnSettings
        The names and levels that may stand in the text.
    source : str
        How an error names the file.

    Raises
    ------
    InputError
        If several encodings give different text and nothing decides between them.
    """
    # Letters of two bytes stand in runs; accented ones stand among plain letters.
    high = len(re.findall(rb"[\x80-\xff]", sample))
    in_runs = sum(map(len, re.findall(rb"[\x80-\xff]{2,}", sample)))
    wide = in_runs >= _LEAST_IN_RUNS * high
    candidates = [name for name in _CANDIDATES if wide or name not in _ASIAN]
    texts = {name: text for name in candidates if (text := _decoded(sample, name))}
    known = {name: _known_words(text, settings) for name, text in texts.items()}
    most = max(known.values(), default=0)
    if most and (found := [name for name in texts if known[name] == most]):
        # With the same words known in both, the first of two western ones is as good.
        if not set(found[:2]) <= set(_ASIAN):
            return found[0]
        texts = {name: texts[name] for name in found}
    return _by_statistics(sample, texts, source)


def _by_statistics(sample: bytes, texts: dict[str, str], source: str) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - rarely needed

    matches = list(from_bytes(sample, cp_isolation=[*texts])) if texts else []
    names = [match.encoding.replace("_", "-") for match in matches]
    best = names[0] if names else ""
    asian = [name for name in names if name in _ASIAN]
    if best in _ASIAN and len(asian) == 1:
        return best
    scripts = [name for name in names if name in _OTHER_SCRIPTS]
    if scripts == [best]:
        return best
    n_letters = sum(not letter.isascii() for letter in texts.get(best, ""))
    if (
        best in _WITH_LANGUAGE
        and matches[0].coherence >= _LEAST_COHERENCE
        and n_letters >= _ENOUGH_LETTERS
    ):
        return best
    if best and not {best} & {*_ASIAN, *_OTHER_SCRIPTS} and _WESTERN in texts:
        return _WESTERN
    guesses = ", ".join(asian or scripts or names or _CANDIDATES)
    raise InputError(
        f"{source} is not UTF-8, and its encoding is not clear; it may be {guesses}. "
        "Say which by `encoding`, or save the file as UTF-8."
    )


def _decoded(sample: bytes, encoding: str) -> str:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _known_words(text: str, settings: ColumnSettings) -> int:
    """Count columns and levels that the settings know by words beyond ASCII."""
    rows = [re.split(r'[,;\t|"]+', line) for line in text.splitlines()]
    cells = {cell.strip().casefold() for row in rows for cell in row}
    cells = {cell for cell in cells if not cell.isascii()}
    levels = {
        spelling.casefold()
        for column in settings.columns
        for spellings in (column.levels or {}).values()
        for spelling in spellings
    }
    return count_recognised(sorted(cells), settings) + len(cells & levels)
