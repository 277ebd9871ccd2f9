"""Numbers as the world writes them: ``15,5``, ``1.234,50 €``, ``15k``, ``(12)``.

A column of clean numbers costs a cast. Any other is looked at as a whole: its values
are counted by their shape (each digit a 9), and every way of writing numbers is asked
how many of them it reads. Where two ways read a column differently, neither is taken.
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
    from collections.abc import Iterator, Sequence

    import duckdb

    from mall_segments.settings import Numbers

NO_VALUES: Final = (
    *("", "?", "-", "--", ".", "unknown", "n/a", "na", "null", "none", "nan", "#n/a"),
    *("<na>", "nil", "missing", "(null)", "\\n"),
)
"""Cells that say that there is no value, in lower case."""

# What stands at the ends of a cell and prints nothing: blanks of all widths, marks.
_EDGE: Final = r"[\s\pZ\x{AD}\x{200B}-\x{200F}\x{2060}\x{FEFF}]"
# Nearly all cells are letters of ASCII, which is a tenth as dear to see.
_TRIMMED: Final = "[!-~]([ -~]*[!-~])?"
_BLANKS: Final = "\\s\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE: Final = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad"

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
    "R$": "brl reais",
    "Rp": "idr rp rp. rupiah",
    "Fr.": "chf fr fr. sfr",
    "kr": "sek nok dkk kr kr.",
    "zł": "pln",
    "₽": "rub",
    "R": "zar",
}
_SCALES: Final = {"k": 1e3, "tsd": 1e3, "mio": 1e6, "M": 1e6}
_MOST_SHAPES: Final = 5_000
_LONGEST_NUMBER: Final = 60
_SMALL_SHARE: Final = 0.01
_GROUP: Final = 3


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How the numbers of one column are written.

    Attributes
    ----------
    is_plain : bool
        Whether a cast reads every number of the column rightly.
    decimal : str
        ``.`` or ``,``.
    thousands : str
        ``.``, ``,``, a space for blanks of any width, an apostrophe for any of them, or
        nothing.
    affixes : tuple of str
        What stands before or after the digits without changing them: signs and codes of
        currencies, ``%``.
    scales : tuple of (str, float)
        What stands after them and what it multiplies by: ``k`` by 1000.
    """

    is_plain: bool = True
    decimal: str = "."
    thousands: str = ""
    affixes: tuple[str, ...] = ()
    scales: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        """How a note says it: the setting that reads the same."""
        return f"decimal {shorten(self.decimal)}, thousands " + (
            shorten(self.thousands) if self.thousands else "none"
        )


PLAIN: Final = NumberFormat()


def text_sql(expression: str) -> str:
    """Return the SQL of a cell's text: trimmed, null where it says that it has none."""
    text = (
        f"case when regexp_full_match({expression}, {quote_text(_TRIMMED)}) "
        f"then {expression} else regexp_replace({expression}, "
        f"{quote_text(f'^{_EDGE}+|{_EDGE}+$')}, '', 'g') end"
    )
    listed = ", ".join(map(quote_text, NO_VALUES))
    return f"case when lower({text}) not in ({listed}) then {text} end"


def id_sql(expression: str) -> str:
    """Return the SQL of a customer id from a text or number.

    The one rule: an id is its trimmed text, and whole digits with a fraction of zeros
    lose the fraction, as spreadsheets and data frames add one (``17850.0`` is
    ``17850``). Nothing else is changed: ``1`` and ``0001`` are two customers, ``C001``
    and ``c001`` are, too.
    """
    text = text_sql(f"cast({expression} as varchar)")
    return (
        f"case when contains({text}, '.') "
        f"then regexp_replace({text}, '^([0-9]+)[.]0+$', '\\1') else {text} end"
    )


def number_sql(text_expression: str, form: NumberFormat) -> str:
    """Return the SQL of a number, null where the text is none in this format.

    Parameters
    ----------
    text_expression : str
        SQL of the type VARCHAR: the cell as it stands in the file.
    form : NumberFormat
        How the column writes numbers.

    Returns
    -------
    str
        SQL of the type DOUBLE.
    """
    if form.is_plain:
        return f"try_cast({text_expression} as double)"
    bare = f"regexp_replace({text_expression}, {_class(_INVISIBLE)}, '', 'g')"
    names = "['opened', 'first', 'second', 'digits', 'scale', 'last', 'closed']"
    parts = f"regexp_extract({bare}, {quote_text(_pattern(form))}, {names}, 'i')"
    digits = f"{parts}.digits"
    if form.thousands:
        separator = quote_text(_SEPARATORS[form.thousands])
        digits = f"regexp_replace({digits}, {separator}, '', 'g')"
    if form.decimal == ",":
        digits = f"replace({digits}, ',', '.')"
    signs = f"{parts}.first || {parts}.second || {parts}.last"
    is_negative = (
        f"{parts}.opened <> '' or contains({signs}, '-') or contains({signs}, '−')"  # noqa: RUF001
    )
    number = (
        f"try_cast(case when (({parts}.opened = '') = ({parts}.closed = '')) then "
        f"case when {is_negative} then '-' else '' end || {digits} end as double)"
    )
    for suffix, factor in form.scales:
        is_scaled = f"lower({parts}.scale) = {quote_text(suffix.lower())}"
        number += f" * case when {is_scaled} then {factor!r} else 1 end"
    # 1e999 is beyond what a double holds.
    return f"case when isfinite({number}) then {number} end"


def detect_number_format(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    *,
    numbers: Numbers | None = None,
    delimiter: str = "",
    in_thousands: bool = False,
    shown: str = "",
) -> NumberFormat:
    """Find out how a column of text writes numbers.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the relation can be read.
    relation : str
        What follows ``from`` in a query.
    column : str
        SQL of the column, quoted; its type is VARCHAR.
    numbers : Numbers, optional
        The setting ``numbers``; what it says is not found out.
    delimiter : str
        What separates the cells of the file: a comma cannot be the decimal, too, where
        nothing else speaks for it.
    in_thousands : bool
        Whether the feature counts thousands, so that ``15k`` is 15 of them.
    shown : str
        How an error names the column.

    Returns
    -------
    NumberFormat
        The format; ``PLAIN`` where a cast reads every number.

    Raises
    ------
    InputError
        If the column can be read in two ways, or mixes two. It shows values and the
        setting that decides.
    """
    is_set = numbers is not None and (numbers.decimal or numbers.thousands)
    number = "try_cast(cell as double)"
    n_odd, n_miscast = connection.execute(
        f"select {', '.join(odd_counts_sql('cell', number))} "  # noqa: S608
        f"from (select {column} as cell from {relation})"
    ).fetchall()[0]
    if not (n_odd or n_miscast or is_set):
        return PLAIN
    form = choose_format(
        read_shapes(connection, relation, column),
        numbers=numbers,
        delimiter=delimiter,
        in_thousands=in_thousands,
        shown=shown or column,
    )
    return replace(form, is_plain=False) if n_miscast else form


def odd_counts_sql(column: str, number: str) -> tuple[str, str]:
    """Return aggregates: values a cast might misread, and values it does misread.

    ``number`` is the cast of ``column``. It takes more than people mean by a number:
    ``1_000``, ``nan`` and infinity.
    """
    no_number = f"case when {number} is null then {text_sql(column)} end"
    is_miscast = f"{number} is not null and contains({column}, '_')"
    return (
        f"count({no_number}) + count(*) filter (where {is_grouped_sql(column)})",
        f"count(*) filter (where not isfinite({number}) or ({is_miscast}))",
    )


def is_grouped_sql(column: str) -> str:
    """Return whether a cell may have points between its thousands: 9.845."""
    return rf"regexp_full_match({column}, '\s*[-+]?[1-9]\d{{0,2}}([.]\d{{3}})+\s*')"


@dataclass(frozen=True)
class Shape:
    """Values that differ in their digits only.

    An example, how many there are, and of how many of them a cast makes a number.
    """

    text: str
    example: str
    n: int
    n_cast: int


def choose_format(
    shapes: Sequence[Shape],
    *,
    numbers: Numbers | None = None,
    delimiter: str = "",
    in_thousands: bool = False,
    shown: str = "the column",
) -> NumberFormat:
    """Choose the one format that reads the shapes; see `detect_number_format`."""
    affixes, scales = _affixes(shapes, in_thousands=in_thousands, shown=shown)
    formats = [
        NumberFormat(
            is_plain=False,
            decimal=decimal,
            thousands=thousands,
            affixes=affixes,
            scales=scales,
        )
        for thousands, decimal in product(("", ",", ".", " ", "'"), (".", ","))
        if thousands != decimal and _is_set(numbers, decimal, thousands)
    ]
    read = {
        form: {shape for shape in shapes if _reads(form, shape)} for form in formats
    }
    counts = {form: sum(shape.n for shape in read[form]) for form in formats}
    best = max(formats, key=lambda form: counts[form])
    in_any = sum(shape.n for shape in set().union(*read.values()))
    if in_any - counts[best] > _SMALL_SHARE * in_any:
        other = max(
            formats, key=lambda form: sum(shape.n for shape in read[form] - read[best])
        )
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
        evidence = sum(shape.n for shape in read[best] - read[other])
        if evidence > _SMALL_SHARE * sum(shape.n for shape in disputed):
            continue
        if disputed:
            best = _settle(best, other, disputed, shapes, delimiter, shown)
    # A cast must read the same values as the format, and no others.
    is_plain = best.decimal == "." and not (best.thousands or affixes or scales)
    if is_plain and all(
        shape.n_cast == (shape.n if shape in read[best] else 0) for shape in shapes
    ):
        return PLAIN
    return best


def _is_set(numbers: Numbers | None, decimal: str, thousands: str) -> bool:
    if numbers is None:
        return True
    wanted = "" if numbers.thousands == "none" else numbers.thousands
    return numbers.decimal in (None, decimal) and wanted in (None, thousands)


def read_shapes(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str
) -> list[Shape]:
    """Count the values of a column by their shape, the most frequent first."""
    # A leading zero tells 0.845 from 9.845, which might be thousands.
    shape = r"regexp_replace(value, '(^|[^0-9])0([.,])', '\1' || chr(1) || '\2')"
    shape = f"replace(regexp_replace({shape}, '[0-9]', '9', 'g'), chr(1), '0')"
    rows = connection.execute(
        f"select {shape} as shape, min(value), count(*), "  # noqa: S608
        "count(try_cast(cell as double)) "
        f"from (select {column} as cell, {text_sql(column)} as value from {relation}) "
        f"where length(value) <= {_LONGEST_NUMBER} and regexp_matches(value, '[0-9]') "
        f"group by shape order by count(*) desc, shape limit {_MOST_SHAPES}"
    ).fetchall()
    return [Shape(*row) for row in rows]


def _class(characters: str) -> str:
    return quote_text(f"[{characters}]")


@cache
def _currency_of() -> dict[str, str]:
    """Every sign and code, in lower case, by the currency it is one of."""
    known = {
        spelling: sign
        for sign, codes in _CURRENCIES.items()
        for spelling in (sign.lower(), *codes.split())
    }
    signs = (chr(code) for code in range(0x20, 0x10000))
    for sign in signs:
        if unicodedata.category(sign) == "Sc":
            known.setdefault(sign, sign)
    return known


def _pattern(form: NumberFormat) -> str:
    """Return the regular expression, of Python and of the engine, for one number."""
    affixes = "|".join(map(re.escape, sorted(form.affixes, key=len, reverse=True)))
    affix = f"(?:{affixes})?" if affixes else ""
    scales = "|".join(suffix for suffix, _ in form.scales)
    blank = f"[{_BLANKS}]*"
    decimal = _SEPARATORS[form.decimal]
    whole = "[0-9]+"
    if form.thousands:
        separator = _SEPARATORS[form.thousands]
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+|[0-9]+)"
        if form.thousands == ",":
            # Lakhs: 1,50,000.
            lakhs = f"[1-9][0-9]?(?:{separator}[0-9]{{2}})+{separator}[0-9]{{3}}"
            whole = f"(?:{lakhs}|{whole})"
    digits = f"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:e[-+]?[0-9]+)?"
    sign = "([-+\u2212]?)"
    return (
        f"^{blank}([(]?){blank}{sign}{blank}{affix}{blank}{sign}{blank}({digits})"
        f"{blank}((?:{scales})?){blank}{affix}{blank}(-?){blank}([)]?){blank}$"
    )


@cache
def _compiled(form: NumberFormat) -> re.Pattern[str]:
    return re.compile(_pattern(form), re.IGNORECASE)


def _visible(text: str) -> str:
    return re.sub(f"[{_INVISIBLE}]", "", text)


def _reads(form: NumberFormat, shape: Shape) -> bool:
    return _compiled(form).match(_visible(shape.text)) is not None


def _value(form: NumberFormat, shape: Shape) -> str:
    """Return the digits that a format reads, with a point for the decimal."""
    found = _compiled(form).match(_visible(shape.text))
    digits = found.group(4) if found else ""
    if form.thousands:
        digits = re.sub(_SEPARATORS[form.thousands], "", digits)
    return digits.replace(",", ".")


def _affixes(
    shapes: Sequence[Shape], *, in_thousands: bool, shown: str
) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    """Return what stands beside the digits of a column, refusing what cannot mix."""
    currencies: dict[str, dict[str, Shape]] = {}
    with_mark: dict[str, list[Shape]] = {"%": [], "k": []}
    bare: list[Shape] = []
    scales: dict[str, float] = {}
    for shape in shapes:
        marks = list(_marks(shape))
        for mark in marks:
            if mark in _currency_of():
                currencies.setdefault(_currency_of()[mark], {})[mark] = shape
            elif mark == "%":
                with_mark["%"].append(shape)
            else:
                scales[mark] = _SCALES[mark]
                with_mark["k"].append(shape)
        if not {"%", *_SCALES} & set(marks) and _is_number_like(shape):
            bare.append(shape)
    if len(currencies) > 1:
        first, second = [next(iter(found.values())) for found in currencies.values()][
            :2
        ]
        raise InputError(
            f"{shown} is in more than one currency: {shorten(first.example)} and "
            f"{shorten(second.example)}. Convert it to one."
        )
    for mark, is_strict in (("%", True), ("k", in_thousands)):
        if is_strict and with_mark[mark] and bare:
            raise InputError(
                f"{shown} holds {shorten(with_mark[mark][0].example)} and, without "
                f"{mark}, {shorten(bare[0].example)}: whether both count the same is "
                f"unclear. Write all of its numbers with {mark} or none."
            )
    affixes = [mark for found in currencies.values() for mark in found]
    affixes += ["%"] if with_mark["%"] else []
    factor = 1e-3 if in_thousands else 1
    return tuple(sorted(affixes)), tuple(
        (mark, value * factor) for mark, value in sorted(scales.items())
    )


def _marks(shape: Shape) -> Iterator[str]:
    """Yield the currency, the scale and the percent sign beside one number."""
    parts = re.fullmatch(
        r"[(]?\s*[-+\u2212]?\s*(?P<before>(?:rp|rs|fr|kr)[.]|[^\d\s(+\u2212-]*(?<![,.'\d]))\s*[-+\u2212]?"
        r"\s*[.,]?\d(?:[\d.,'\u2019\s]*\d)?[.,]?(?:[eE][-+]?\d+)?"
        r"\s*(?P<after>[^\d\s)-]*?)\s*(?P<last>[^\d\s)-]*)\s*-?\s*[)]?",
        _visible(shape.text),
        re.IGNORECASE,
    )
    if parts is None:
        return
    found = [part for part in parts.group("before", "after", "last") if part]
    marks = [
        mark
        for part in found
        for mark in (
            [part.lower()]
            if part.lower() in _currency_of() or part == "%"
            else [part if part in _SCALES else part.lower()]
            if part in _SCALES or part.lower() in _SCALES
            else _split(part)
        )
    ]
    if len(marks) >= len(found) and "" not in marks:
        yield from marks


def _split(part: str) -> list[str]:
    """Split ``k€`` into its scale and its currency; [""] if it is something else."""
    scale, rest = part[0], part[1:].lower()
    scale = scale if scale in _SCALES else scale.lower()
    return [scale, rest] if scale in _SCALES and rest in _currency_of() else [""]


def _is_number_like(shape: Shape) -> bool:
    return (
        re.fullmatch(r"[-+]?[\d.,]*[1-9][\d.,]*", _visible(shape.example)) is not None
    )


def _settle(
    best: NumberFormat,
    other: NumberFormat,
    disputed: set[Shape],
    shapes: Sequence[Shape],
    delimiter: str,
    shown: str,
) -> NumberFormat:
    """Choose between two readings of the same digits, or refuse the column."""
    by_comma = [form for form in (best, other) if form.decimal == ","]
    by_point = [form for form in (best, other) if form.decimal == "."]
    example = _example(disputed)
    if delimiter == "," and by_comma and by_point:
        is_point = "." in next(iter(disputed)).text
        short = any(re.fullmatch(r"[-+]?9{1,3}", shape.text) for shape in shapes)
        # Decimals of one length have a point in every value; thousands have none below.
        if not is_point or not short:
            return by_point[0]
    if any(re.fullmatch(r"[-+]?9{4,}", shape.text) for shape in shapes):
        without = [form for form in (best, other) if not form.thousands]
        if without and "." in next(iter(disputed)).text:
            return without[0]
    readings = " or ".join(
        sorted({_value(form, _as_example(disputed)) for form in (best, other)}, key=len)
    )
    raise InputError(
        f"{shown}: {example} may be {readings}, and nothing in the column decides. "
        f"{_advice(best, other)}"
    )


def _as_example(shapes: set[Shape]) -> Shape:
    shape = max(shapes, key=lambda shape: (shape.n, shape.text))
    return replace(shape, text=shape.example)


def _example(shapes: set[Shape]) -> str:
    return shorten(_as_example(shapes).example)


def _advice(*forms: NumberFormat) -> str:
    ways = " or ".join(
        f'`numbers: {{decimal: "{form.decimal}", thousands: '
        f'"{form.thousands or "none"}"}}`'
        for form in dict.fromkeys(forms)
    )
    return f"Say how numbers are written by the setting {ways}."
