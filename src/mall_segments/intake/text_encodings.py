"""Find out in which encoding a text file is written, or refuse to guess.

UTF-8 is proved by decoding the whole file; UTF-16 and UTF-32 by their mark or the place
of their zeros. For the rest, the names and levels of the settings decide where one
encoding shows more of them than another; then charset-normalizer, where it is certain.
Some encodings only a setting names: nothing in a text tells old ones of the Mac and of
DOS from those of Windows, and what was guessed is always said.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import count_recognised
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.intake.columns import ColumnSettings

_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# The letters beyond ASCII of the languages that an encoding is made for, the encodings
# in the order of preference.
_ALPHABETS: Final = {
    "cp1252": (
        *("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíóôõúü", "àèéìíîòóù", "æøåé"),
        *("åäöé", "áæðéíóöþúý", "àçèéíïòóúü", "áèéëïóöü"),
    ),
    "cp1250": (
        *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž"),
        "ăâîşţ",
    ),
    "cp1254": ("çğ\u0131İöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
}
# What may stand beside letters and numbers: marks of degrees, quotes, ordinals, money.
_SIGNS: Final = "°§«»¡¿ªº·£¥¢¤€–—‘’“”„…•½\xa0\xad\xb4"  # noqa: RUF001
_WORDS: Final = re.compile(r"[a-zA-Z\x80-\u1fff]*[\x80-\u1fff][a-zA-Z\x80-\u1fff]*")
# No word has money or a capital within, or several letters and none of them plain.
_MISPLACED: Final = re.compile(
    r"[£¥¢¤][^\W\d]|[^\W\d][£¥¢¤]|[a-z][À-ÞŒŠŽŸ]|[A-Z][À-ÞŒŠŽŸ][a-z]|^[^a-zA-Z]{2,}$"
)
_HALF_WIDTH: Final = re.compile("[\uff61-\uff9f]")
_MOST: Final = 0.5
_ASIAN: Final = ("gb18030", "cp932", "big5", "cp949")
_OTHER_SCRIPTS: Final = ("cp1251", "cp1253", "cp1255", "cp1256", "cp874")
_CANDIDATES: Final = ("cp1252", *_ASIAN, "cp1250", "cp1254", "cp1257", *_OTHER_SCRIPTS)
_NAMED_ONLY: Final = ("mac-roman", "cp850")
# Nobody writes the sign that this byte is in cp1252; a byte of the other range is no
# letter or sign in ISO 8859-15.
_EURO: Final = b"\xa4"
_OF_WINDOWS: Final = re.compile(rb"[\x80-\x9f]")
_LEAST_WIDE_SHARE: Final = 0.3
_LEAST_IN_RUNS: Final = 0.3
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
    """Return the codec of an encoding that a setting names."""
    try:
        # There are codecs of no text, such as base64, and of single words.
        b"a,".decode(name, "replace")
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        known = ("utf-8", "utf-16", *_CANDIDATES, "iso8859-15", *_NAMED_ONLY)
        raise InputError(
            f"`encoding` is {shorten(name)}, which is no encoding that is known; some "
            f"are {', '.join(known)}."
        ) from None


def check_mark(codec: str, head: bytes, *, source: str) -> str:
    """Return a codec whose order of bytes is known, from what a file begins with."""
    if codec not in ("utf-16", "utf-32"):
        return codec
    found = marked_encoding(head)
    if not found.startswith(codec):
        raise InputError(
            f"{source} is not the {codec} that `encoding` says: no byte order mark is "
            f"at its start. Leave the setting out, or name {codec}-le or {codec}-be."
        )
    return found


def guess_encoding(sample: bytes, settings: ColumnSettings, *, source: str) -> str:
    """Return the encoding of a text that is not UTF-8."""
    found = _guess(sample, settings, source)
    if found == "cp1252" and _EURO in sample and not _OF_WINDOWS.search(sample):
        return "iso8859-15"
    return found


def _guess(sample: bytes, settings: ColumnSettings, source: str) -> str:
    # Letters of other scripts stand in runs; accented ones stand among plain letters.
    high = len(re.findall(rb"[\x80-\xff]", sample))
    in_runs = sum(map(len, re.findall(rb"[\x80-\xff]{2,}", sample)))
    wide = in_runs >= _LEAST_IN_RUNS * high
    candidates = [name for name in _CANDIDATES if wide or name in _ALPHABETS]
    texts = {name: text for name in candidates if (text := _decoded(sample, name))}
    if {sign for sign in texts.get("cp1252", "é") if not sign.isascii()} <= {*_SIGNS}:
        return "cp1252"
    known = {name: _known_words(text, settings) for name, text in texts.items()}
    most = max(known.values(), default=0)
    if most:
        texts = {name: text for name, text in texts.items() if known[name] == most}
        # With the same words known in both, a script is told by these words alone.
        if not set(list(texts)[:2]) <= set(_ASIAN):
            first, *_ = texts
            return _by_alphabet(texts) if first in _ALPHABETS else first
    return _by_statistics(texts, sample, source)


def _by_statistics(texts: dict[str, str], sample: bytes, source: str) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - rarely needed

    matches = list(from_bytes(sample, cp_isolation=[*texts])) if texts else []
    names = [match.encoding.replace("_", "-") for match in matches]
    best = names[0] if names else ""
    asian = [name for name in names if name in _ASIAN]
    scripts = [name for name in names if name in _OTHER_SCRIPTS]
    if (best in _ASIAN and len(asian) == 1) or scripts == [best]:
        return best
    if best in _ALPHABETS and (found := _by_alphabet(texts, least=_MOST)):
        return found
    guesses = ", ".join([*(asian or scripts or names or _CANDIDATES), *_NAMED_ONLY])
    raise InputError(
        f"{source} is not UTF-8, and its encoding is not clear; it may be {guesses}. "
        "Say which by `encoding`, or save the file as UTF-8."
    )


def _by_alphabet(texts: Mapping[str, str], *, least: float = 0.0) -> str:
    """Return the encoding in which most words are of a language that it is made for.

    There is none if fewer than a share of them are in the best.
    """
    shares = {
        name: _share_of_words(texts[name], name) for name in _ALPHABETS if name in texts
    }
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= least else ""


def _share_of_words(text: str, encoding: str) -> float:
    words = set(_WORDS.findall(text))
    alphabets = [
        {*alphabet, *alphabet.upper(), *_SIGNS} for alphabet in _ALPHABETS[encoding]
    ]
    n_fitting = sum(
        _MISPLACED.search(word) is None
        and any(
            {sign for sign in word if not sign.isascii()} <= each for each in alphabets
        )
        for word in words
    )
    return n_fitting / len(words) if words else 1.0


def _decoded(sample: bytes, encoding: str) -> str:
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return ""
    n_letters = sum(not letter.isascii() for letter in text)
    # Which other scripts of one byte look like in Shift-JIS.
    is_half_width = len(_HALF_WIDTH.findall(text)) > _MOST * n_letters
    return "" if encoding == "cp932" and is_half_width else text


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
