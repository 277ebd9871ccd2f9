"""Numbers as the world writes them: ``15,5``, ``1.234,50 €``, ``15k``, ``(12)``.

A column of clean numbers costs a cast. Any other is looked at as a whole: its values
are counted by their shape (each digit a 9), one pattern parts a shape into signs, marks
and digits, and every way of writing numbers is asked how many of them it reads. Where
two ways read a column differently, neither is taken.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.publishing.tables import quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import duckdb

    from mall_segments.settings import Numbers

NO_VALUES: Final = (
    *("", "?", "-", "--", ".", "unknown", "n/a", "na", "null", "none", "nan", "#n/a"),
    *("<na>", "nil", "missing", "(null)", "\\n", "n.a.", "–", "—"),  # noqa: RUF001
)
"""Cells that say that there is no value, in lower case."""

# What stands at the ends of a cell and prints nothing: blanks of all widths, marks.
_EDGE: Final = r"[\s\pZ\x{AD}\x{200B}-\x{200F}\x{2060}\x{FEFF}]"
_INVISIBLE: Final = "[\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad]"
_BLANKS: Final = "\\s\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"

_SEPARATORS: Final = {
    "": "",
    ".": "[.]",
    ",": "[,]",
    " ": "[ \xa0\u2000-\u200a\u202f\u205f\u3000]",
    "'": "['\u2019\u02bc`\xb4]",
}
_CURRENCIES: Final = {
    "$": "us$ usd dollar dollars mxn cop clp ars a$ aud ca$ c$ cad hk$ hkd s$ sgd nt$",
    "€": "eur euro euros",
    "£": "gbp pound pounds",
    "¥": "jpy yen cny rmb yuan 円 元 ￥",
    "₺": "try tl ytl",
    "₹": "inr rs rs. rupees",
    "R$": "r$ brl reais",
    "Rp": "idr rp rp. rupiah",
    "Fr.": "chf fr fr. sfr",
    "kr": "sek nok dkk kr kr.",
    "zł": "zł pln",
    "₽": "rub",
    "R": "r zar",
}
# A capital M is a million; a small one would be a thousand elsewhere.
_SCALE: Final = re.compile(r"((?i:k|tsd|mio)|M)?(.*)")
_FACTORS: Final = {"": 1.0, "k": 1e3, "tsd": 1e3, "mio": 1e6, "m": 1e6}
_CURRENCY: Final = r"[$€£¥₺₹₽]|usd|eur|gbp|chf|brl|inr|idr|jpy|cny|dollars?|euros?"
_THOUSANDS: Final = (
    rf"(?<![^\W\d])[kt]\s*({_CURRENCY})|\bk\b|\b(tsd|tausend|miles|milhares|migliaia|ribu|"
    r"thousands?|bin)\b|1[.,' ]?000|\b000s?\b|千|万"
)
# One number, in the words of Python and of the engine: bracket, sign, mark, sign,
# digits, mark, sign, bracket.
_MARK: Final = f"[^-0-9()+\u2212{_BLANKS}]*?"
_WITHIN: Final = "[0-9.,'\u2019\u02bc`\xb4 \xa0\u2000-\u200a\u202f\u205f\u3000]"
_PARTS: Final = f"[{_BLANKS}]*".join(
    [
        *("^([(]?)", "([-+\u2212]?)", f"((?:rp|rs|fr|kr)[.]|{_MARK})", "([-+\u2212]?)"),
        f"([.,]?[0-9](?:{_WITHIN}*[0-9])?[.,]?(?:e[-+]?[0-9]+)?)",
        *("([^-0-9()+\u2212]*?)", "(-?)", "([)]?)$"),
    ]
)
_NAMES: Final = (
    "['opened', 'first', 'before', 'second', 'digits', 'after', 'last', 'closed']"
)
_MOST_SHAPES: Final = 5_000
_LONGEST_NUMBER: Final = 60
_SMALL_SHARE: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How the numbers of one column are written.

    ``is_plain``: a cast reads every number of the column rightly, and no more.
    ``decimal``: ``.`` or ``,``. ``thousands``: ``.``, ``,``, a space for blanks of any
    width, an apostrophe for any of them, or nothing. ``marks`` are what may stand
    before and after the digits, with a ``#`` between, and what each multiplies by:
    ``#k`` by 1000, ``$#`` by 1.
    """

    is_plain: bool = True
    decimal: str = "."
    thousands: str = ""
    marks: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        """How a note says it: the setting that reads the same."""
        return f"decimal {shorten(self.decimal)}, thousands " + (
            shorten(self.thousands) if self.thousands else "none"
        )

    @property
    def is_noted(self) -> bool:
        """Whether numbers are read otherwise than a reader of the file may think."""
        has_factors = any(factor != 1 for _, factor in self.marks)
        return self.decimal != "." or bool(self.thousands) or has_factors


PLAIN: Final = NumberFormat()


@dataclass(frozen=True)
class Shape:
    """Values that differ in their digits only.

    An example, how many there are, and of how many of them a cast makes a number, and
    no number or infinity.
    """

    text: str
    example: str
    n: int
    n_cast: int
    n_infinite: int

    @property
    def parts(self) -> tuple[str, ...]:
        """What stands before the digits, the digits and what stands after, if any."""
        return _parts(self.text)


@cache
def _parts(text: str) -> tuple[str, ...]:
    found = re.match(_PARTS, re.sub(_INVISIBLE, "", text), re.IGNORECASE)
    if not found or bool(found[1]) != bool(found[8]):
        return ()
    return found[3], found[5], re.sub(f"[{_BLANKS}]", "", found[6])


def text_sql(expression: str) -> str:
    """Return the SQL of a cell's text: trimmed, null where it says that it has none."""
    return _text_sql(expression, "{text}")


def id_sql(expression: str) -> str:
    """Return the SQL of a customer id from a text or number.

    The one rule: an id is its trimmed text, and whole digits with a fraction of zeros
    lose the fraction, as spreadsheets and data frames add one (``17850.0`` is
    ``17850``). Nothing else is changed: ``1`` and ``0001`` are two customers, ``C001``
    and ``c001`` are, too.
    """
    whole = r"regexp_replace({text}, '^([0-9]+)[.]0+$', '\1')"
    return _text_sql(f"cast({expression} as varchar)", whole)


def _text_sql(cell: str, value: str) -> str:
    """Return what a cell is where its text says anything.

    Nearly all cells are ASCII without blanks at their ends, which is soon seen.
    """
    trimmed = f"regexp_replace({cell}, {quote_text(f'^{_EDGE}+|{_EDGE}+$')}, '', 'g')"
    listed = ", ".join(map(quote_text, NO_VALUES))
    is_plain = (
        f"strlen({cell}) = length({cell}) and {cell} >= '!' and right({cell}, 1) >= '!'"
    )
    has_point = "" if value == "{text}" else f" when contains({cell}, '.') then "
    plain = (has_point and has_point + value.format(text=cell)) + f" else {cell}"
    return (
        f"case when {is_plain} then "
        f"case when lower({cell}) in ({listed}) then null{plain} end "
        f"when lower({trimmed}) not in ({listed}) then {value.format(text=trimmed)} end"
    )


def number_sql(text_expression: str, form: NumberFormat) -> str:
    """Return the SQL of a number, null where the text is none in this format."""
    if form.is_plain:
        return f"try_cast({text_expression} as double)"
    bare = f"regexp_replace({text_expression}, {quote_text(_INVISIBLE)}, '', 'g')"
    found = f"regexp_extract({bare}, {quote_text(_PARTS)}, {_NAMES}, 'i')"
    is_number = (
        "(parts.opened = '') = (parts.closed = '') and "
        f"regexp_full_match(parts.digits, {quote_text(_digits_pattern(form))})"
    )
    signs = "parts.first || parts.second || parts.last"
    is_negative = f"parts.opened <> '' or regexp_matches({signs}, '[-\u2212]')"
    digits = "parts.digits"
    if form.thousands:
        separator = quote_text(_SEPARATORS[form.thousands])
        digits = f"regexp_replace({digits}, {separator}, '', 'g')"
    digits = f"replace({digits}, ',', '.')"
    after = f"regexp_replace(parts.after, '[{_BLANKS}]', '', 'g')"
    factors = " ".join(
        f"when {quote_text(marks)} then {factor!r}" for marks, factor in form.marks
    )
    number = (
        f"case when {is_number} then "
        f"try_cast(case when {is_negative} then '-' else '' end || {digits} as double) "
        f"* case parts.before || '#' || {after} {factors} end end"
    )
    number = f"list_transform([{found}], lambda parts: {number})"
    # 1e999 is beyond what a double holds.
    return f"list_filter({number}, lambda number: isfinite(number))[1]"


def detect_number_format(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    *,
    shown: str,
    numbers: Numbers | None = None,
    delimiter: str = "",
    in_thousands: bool = False,
) -> NumberFormat:
    """Find out how a column of text writes numbers, or refuse two ways of reading it.

    ``numbers`` is what the settings say, ``delimiter`` what separates the cells of the
    file, and ``in_thousands`` whether thousands are counted anyway.
    """
    shapes = _read_shapes(connection, relation, column)
    marks = _find_marks(shapes, in_thousands=in_thousands, shown=shown)
    formats = [
        NumberFormat(is_plain=False, decimal=decimal, thousands=thousands, marks=marks)
        for thousands, decimal in product(("", ",", ".", " ", "'"), (".", ","))
        if thousands != decimal and _is_set(numbers, decimal, thousands)
    ]
    best = _choose(formats, shapes, delimiter, shown)
    # A cast must read the same values as the format, and no others.
    if not best.is_noted and all(
        shape.n_cast == (shape.n if _reads(best, shape) else 0) and not shape.n_infinite
        for shape in shapes
    ):
        return PLAIN
    return best


def is_odd_sql(cell: str, value: str) -> str:
    """Return whether a cast, the value, misreads a cell or reads it one of two ways.

    A cast takes more than people mean by a number: 1_000, nan and infinity. Points may
    stand between thousands: 9.845.
    """
    pattern = r"'\s*[-+]?[1-9]\d{0,2}([.]\d{3})+\s*'"
    return (
        f"not isfinite({value}) or contains({cell}, '_') or "
        f"contains({cell}, '.') and regexp_full_match({cell}, {pattern})"
    )


def _read_shapes(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str
) -> list[Shape]:
    """Count the values of a column by their shape, the most frequent first."""
    # A leading zero tells 0.845 from 9.845, which might be thousands.
    shape = r"regexp_replace(value, '(^|[^0-9])0([.,])', '\1' || chr(1) || '\2')"
    shape = f"replace(regexp_replace({shape}, '[0-9]', '9', 'g'), chr(1), '0')"
    # A cast takes more than people mean by a number: 1_000, nan and infinity.
    rows = connection.execute(
        f"select {shape} as shape, min(value), count(*), "  # noqa: S608
        "count(*) filter (where isfinite(number)), "
        "count(*) filter (where not isfinite(number)) from (select "
        f"coalesce({text_sql(column)}, '') as value, "
        f"try_cast({column} as double) as number "
        f"from {relation}) where number is not null or "
        f"(length(value) <= {_LONGEST_NUMBER} and regexp_matches(value, '[0-9]')) "
        f"group by shape order by count(*) desc, shape limit {_MOST_SHAPES}"
    ).fetchall()
    return [Shape(*row) for row in rows]


def _find_marks(
    shapes: Sequence[Shape], *, in_thousands: bool, shown: str
) -> tuple[tuple[str, float], ...]:
    """Return what stands beside the digits of a column, refusing what cannot mix."""
    marks = {"#": 1.0}
    examples: dict[str, str] = {}
    for shape in shapes:
        if not shape.parts:
            continue
        before, _, after = shape.parts
        scale, rest = ("", after) if _currency(after) else _SCALE.findall(after)[0]
        names = {_currency(mark) for mark in (before, rest) if mark}
        if "" in names:
            continue
        factor = _FACTORS[scale.lower()] * (1e-3 if scale and in_thousands else 1)
        marks[f"{before}#{after}"] = factor
        names |= {"k"} if scale else set()
        if not names & {"k", "%"} and re.search("[1-9]", shape.example):
            names |= {"bare"}
        for name in sorted(names):
            examples.setdefault(name, shorten(shape.example))
    currencies = [examples[name] for name in examples if name not in ("k", "%", "bare")]
    if len(currencies) > 1:
        raise InputError(
            f"{shown} is in more than one currency: {currencies[0]} and "
            f"{currencies[1]}. Convert it to one."
        )
    for mark in ("%", "k") if in_thousands else ("%",):
        if mark in examples and "bare" in examples:
            raise InputError(
                f"{shown} holds {examples[mark]} and, without {mark}, "
                f"{examples['bare']}: whether both count the same is unclear. Write "
                f"all of its numbers with {mark} or none."
            )
    return tuple(sorted(marks.items()))


@cache
def _currency(mark: str) -> str:
    """Return the currency that a sign or code is one of, `%`, or nothing."""
    known = {"%": "%"} | {
        spelling: sign
        for sign, codes in _CURRENCIES.items()
        for spelling in (sign.lower(), *codes.split())
    }
    is_sign = len(mark) == 1 and unicodedata.category(mark) == "Sc"
    return known.get(mark.lower(), mark if is_sign else "")


def _choose(
    formats: Sequence[NumberFormat],
    shapes: Sequence[Shape],
    delimiter: str,
    shown: str,
) -> NumberFormat:
    """Choose the one format that reads the shapes."""
    read = {
        form: {shape for shape in shapes if _reads(form, shape)} for form in formats
    }
    best = max(formats, key=lambda form: _count(read[form]))
    in_any = _count(set().union(*read.values()))
    if in_any - _count(read[best]) > _SMALL_SHARE * in_any:
        other = max(formats, key=lambda form: _count(read[form] - read[best]))
        raise InputError(
            f"{shown} mixes two ways of writing numbers: {_example(read[best])} and "
            f"{_example(read[other] - read[best])}. {_advice(best, other)}"
        )
    for other in formats:
        disputed = {
            shape
            for shape in read[best] & read[other]
            if _value(best, shape) != _value(other, shape)
        }
        evidence = _count(read[best] - read[other])
        if disputed and evidence <= _SMALL_SHARE * _count(disputed):
            best = _settle(best, other, disputed, shapes, delimiter, shown)
    return best


def _count(shapes: Collection[Shape]) -> int:
    return sum(shape.n for shape in shapes)


def _is_set(numbers: Numbers | None, decimal: str, thousands: str) -> bool:
    if numbers is None:
        return True
    wanted = "" if numbers.thousands == "none" else numbers.thousands
    return numbers.decimal in (None, decimal) and wanted in (None, thousands)


@cache
def _digits_pattern(form: NumberFormat) -> str:
    """Return the regular expression of the digits of one number."""
    decimal = _SEPARATORS[form.decimal]
    whole = "[0-9]+"
    if form.thousands:
        separator = _SEPARATORS[form.thousands]
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+|[0-9]+)"
        if form.thousands == ",":
            # Lakhs: 1,50,000.
            lakhs = f"[1-9][0-9]?(?:{separator}[0-9]{{2}})+{separator}[0-9]{{3}}"
            whole = f"(?:{lakhs}|{whole})"
    return f"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][-+]?[0-9]+)?"


@cache
def _reads(form: NumberFormat, shape: Shape) -> bool:
    if not shape.parts:
        return False
    before, digits, after = shape.parts
    is_marked = any(f"{before}#{after}" == marks for marks, _ in form.marks)
    return is_marked and re.fullmatch(_digits_pattern(form), digits) is not None


def _value(form: NumberFormat, shape: Shape) -> str:
    """Return the digits that a format reads, with a point for the decimal."""
    _, digits, _ = shape.parts
    if form.thousands:
        digits = re.sub(_SEPARATORS[form.thousands], "", digits)
    return digits.replace(",", ".")


def _settle(
    best: NumberFormat,
    other: NumberFormat,
    disputed: set[Shape],
    shapes: Sequence[Shape],
    delimiter: str,
    shown: str,
) -> NumberFormat:
    """Choose between two readings of the same digits, or refuse the column."""
    has_point = "." in next(iter(disputed)).text
    plain = [shape.text for shape in shapes if re.fullmatch(r"[-+]?9+", shape.text)]
    by_point = [form for form in (best, other) if form.decimal == "."]
    # Decimals of one length have a point in every value; thousands have none below.
    has_short = any(len(text.strip("-+")) <= 3 for text in plain)  # noqa: PLR2004
    if delimiter == "," and len(by_point) == 1 and not (has_point and has_short):
        return by_point[0]
    without = [form for form in (best, other) if not form.thousands]
    has_long = any(len(text.strip("-+")) > 3 for text in plain)  # noqa: PLR2004
    if without and has_long and has_point:
        return without[0]
    shape = _most_frequent(disputed)
    as_written = replace(shape, text=shape.example)
    readings = sorted({_value(form, as_written) for form in (best, other)}, key=len)
    raise InputError(
        f"{shown}: {_example(disputed)} may be {' or '.join(readings)}, and nothing in "
        f"the column decides. {_advice(best, other)}"
    )


def _most_frequent(shapes: Collection[Shape]) -> Shape:
    return max(shapes, key=lambda shape: (shape.n, shape.text))


def _example(shapes: Collection[Shape]) -> str:
    return shorten(_most_frequent(shapes).example)


def _advice(*forms: NumberFormat) -> str:
    ways = " or ".join(
        f'`numbers: {{decimal: "{form.decimal}", thousands: '
        f'"{form.thousands or "none"}"}}`'
        for form in dict.fromkeys(forms)
    )
    return f"Say how numbers are written by the setting {ways}."


def counts_thousands(text: str) -> bool:
    """Whether a header, a unit or a name says that thousands are counted.

    >>> counts_thousands("Annual Income (k$)"), counts_thousands("annual_income_kusd")
    (True, True)
    >>> counts_thousands("Annual Income ($)")
    False
    """
    return re.search(_THOUSANDS, text.replace("_", " "), re.IGNORECASE) is not None


def has_currency(text: str) -> bool:
    """Whether a header or a unit names a currency."""
    pattern = rf"(?<![^\W\d])({_CURRENCY})(?![^\W\d])"
    return re.search(pattern, text.replace("_", " "), re.IGNORECASE) is not None
