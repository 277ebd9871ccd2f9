"""Find out in which encoding a text file is written, or refuse to guess.

UTF-8 is proved by decoding the whole file; UTF-16 and UTF-32 by their mark or the place
of their zeros. For the rest, the names and levels of the settings decide where one
encoding shows more of them than another, then the share of words that read like a
language the encoding is made for. Some encodings only a setting names: nothing in a
text tells old ones of the Mac and of DOS from those of Windows, or the scripts of one
byte from each other. What was guessed is always said.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import count_recognised
from mall_segments.wording import shorten

if TYPE_CHECKING:
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
    "cp1252": "äöüß àâæçéèêëîïôœùûüÿ áéíñóúü àáâãçéêíóôõúü àèéìíîòóù æøåé åäöé "
    "áæðéíóöþúý àçèéíïòóúü áèéëïóöü",
    "cp1250": "ąćęłńóśźż áčďéěíňóřšťúůýž áäčďéíĺľňóôŕšťúýž áéíóöőúüű čćđšž ăâîşţ",
    "cp1254": "çğ\u0131İöşüâîû",
    "cp1257": "ąčęėįšųūž āčēģīķļņšūž äõöüšž",
}
# The two bytes of the usual characters: Korean, simplified and traditional Chinese,
# and Japanese, whose signs come first. Few of one are usual in another.
_USUAL: Final = {
    "cp949": re.compile(rb"([\xb0-\xc8][\xa1-\xfe])+"),
    "gb18030": re.compile(rb"([\xb0-\xd7][\xa1-\xfe])+"),
    "big5": re.compile(rb"([\xa4-\xc6][\x40-\xfe])+"),
    "cp932": re.compile(rb"([\x81-\x97][\x40-\xfc])+"),
}
_OTHER_SCRIPTS: Final = ("cp1251", "cp1253", "cp1255", "cp1256", "cp874")
_CANDIDATES: Final = (*_ALPHABETS, *_USUAL, *_OTHER_SCRIPTS)
_NAMED_ONLY: Final = ("mac-roman", "cp850")
# What may stand beside letters and numbers: marks of degrees, quotes, ordinals, money.
_SIGNS: Final = "°§«»¡¿ªº·£¥¢¤€–—‘’“”„…•½\xa0\xad\xb4"  # noqa: RUF001
_WORDS: Final = re.compile(r"[a-zA-Z\x80-\uffff]*[\x80-\uffff][a-zA-Z\x80-\uffff]*")
# No word has money or a capital within, or several letters and none of them plain.
_MISPLACED: Final = re.compile(
    r"[£¥¢¤][^\W\d]|[^\W\d][£¥¢¤]|[a-z][À-ÞŒŠŚŤŽŹŸŁŞŻĽ]|[A-Z][À-ÞŒŠŚŤŽŹŸ][a-z]|"
    r"^[^a-zA-Z]{2,}$"
)
_LEAST_SHARE: Final = 0.5
# Nobody writes the sign that this byte is in cp1252; a byte of the other range is no
# letter or sign in ISO 8859-15.
_EURO: Final = b"\xa4"
_OF_WINDOWS: Final = re.compile(rb"[\x80-\x9f]")
_LEAST_WIDE_SHARE: Final = 0.3
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


def named_encoding(name: str, head: bytes, *, source: str) -> str:
    """Return the codec that a setting names, of a file that begins in this way."""
    try:
        # There are codecs of no text, such as base64, and of single words.
        b"a,".decode(name, "replace")
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = ("utf-8", "utf-16", *_CANDIDATES, "iso8859-15", *_NAMED_ONLY)
        raise InputError(
            f"`encoding` is {shorten(name)}, which is no encoding that is known; some "
            f"are {', '.join(known)}."
        ) from None
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
    texts = {}
    for name in _CANDIDATES:
        try:
            texts[name] = sample.decode(name)
        except UnicodeDecodeError:
            continue
    has_signs_only = {*texts.get("cp1252", "é")} <= {*map(chr, range(128)), *_SIGNS}
    known = {name: _known_words(text, settings) for name, text in texts.items()}
    most = max(known.values(), default=0)
    shares = {
        name: _share_of_words(text, name)
        for name, text in texts.items()
        if known[name] == most
    }
    found = max(shares, key=shares.__getitem__, default="")
    if has_signs_only:
        found = "cp1252"
    elif not most and shares.get(found, 0) < _LEAST_SHARE:
        likely = [name for name in texts if name not in _ALPHABETS] or _CANDIDATES
        raise InputError(
            f"{source} is not UTF-8, and its encoding is not clear; it may be "
            f"{', '.join([*likely, *_NAMED_ONLY])}. Say which by `encoding`, or save "
            "the file as UTF-8."
        )
    if found == "cp1252" and _EURO in sample and not _OF_WINDOWS.search(sample):
        return "iso8859-15"
    return found


def _share_of_words(text: str, encoding: str) -> float:
    """Return the share of words that read like a language of the encoding."""
    words = {word for word in _WORDS.findall(text) if any(map(str.isalpha, word))}
    if encoding in _ALPHABETS:
        alphabets = [
            {*alphabet, *alphabet.upper(), *_SIGNS}
            for alphabet in _ALPHABETS[encoding].split()
        ]
        fitting = [
            word
            for word in words
            if not _MISPLACED.search(word)
            and any({*re.sub("[a-zA-Z]", "", word)} <= each for each in alphabets)
        ]
    else:
        usual = _USUAL.get(encoding, re.compile(rb"(?!)"))
        fitting = [word for word in words if usual.fullmatch(word.encode(encoding))]
    return len(fitting) / max(len(words), 1)


def _known_words(text: str, settings: ColumnSettings) -> int:
    """Count columns and levels that the settings know by words beyond ASCII."""
    cells = {cell.strip().casefold() for cell in re.split(r'[,;\t|"\r\n]+', text)}
    cells = {cell for cell in cells if not cell.isascii()}
    levels = {
        spelling.casefold()
        for column in settings.columns
        for spellings in (column.levels or {}).values()
        for spelling in spellings
    }
    return count_recognised(sorted(cells), settings) + len(cells & levels)
