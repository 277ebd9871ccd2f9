"""Numbers as the world writes them: ``15,5``, ``1.234,50 €``, ``15k``, ``(12)``.

A column of clean numbers costs a cast. Any other is looked at as a whole: its values
are counted by their shape (each digit a 9), and every way of writing numbers is asked
how many of them it reads. Where two ways read a column differently, neither is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.number_marks import (
    INVISIBLE,
    Shape,
    find_affixes,
    visible,
)
from mall_segments.publishing.tables import quote_text
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from mall_segments.settings import Numbers

NO_VALUES: Final = (
    *("", "?", "-", "--", ".", "unknown", "n/a", "na", "null", "none", "nan", "#n/a"),
    *("<na>", "nil", "missing", "(null)", "\\n", "n.a.", "–", "—"),  # noqa: RUF001
)
"""Cells that say that there is no value, in lower case."""

# What stands at the ends of a cell and prints nothing: blanks of all widths, marks.
_EDGE: Final = r"[\s\pZ\x{AD}\x{200B}-\x{200F}\x{2060}\x{FEFF}]"
_BLANKS: Final = "\\s\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"

_SEPARATORS: Final = {
    "": "",
    ".": "[.]",
    ",": "[,]",
    " ": "[ \xa0\u2000-\u200a\u202f\u205f\u3000]",
    "'": "['\u2019\u02bc`\xb4]",
}
_MOST_SHAPES: Final = 5_000
_LONGEST_NUMBER: Final = 60
_SMALL_SHARE: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How the numbers of one column are written.

    ``is_plain``: a cast reads every number of the column rightly, and no more.
    ``decimal``: ``.`` or ``,``. ``thousands``: ``.``, ``,``, a space for blanks of any
    width, an apostrophe for any of them, or nothing. ``affixes`` stand beside the
    digits without changing them, as signs and codes of currencies and ``%`` do.
    ``scales`` stand after them with what they multiply by: ``k`` by 1000.
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
    bare = f"regexp_replace({text_expression}, '[{INVISIBLE}]', '', 'g')"
    names = "['opened', 'first', 'second', 'digits', 'scale', 'last', 'closed']"
    found = f"regexp_extract({bare}, {quote_text(_pattern(form))}, {names}, 'i')"
    digits = "parts.digits"
    if form.thousands:
        separator = quote_text(_SEPARATORS[form.thousands])
        digits = f"regexp_replace({digits}, {separator}, '', 'g')"
    if form.decimal == ",":
        digits = f"replace({digits}, ',', '.')"
    signs = "parts.first || parts.second || parts.last"
    is_negative = f"parts.opened <> '' or regexp_matches({signs}, '[-−]')"  # noqa: RUF001
    number = (
        "try_cast(case when (parts.opened = '') = (parts.closed = '') then "
        f"case when {is_negative} then '-' else '' end || {digits} end as double)"
    )
    for suffix, factor in form.scales:
        is_scaled = f"lower(parts.scale) = {quote_text(suffix.lower())}"
        number += f" * case when {is_scaled} then {factor!r} else 1 end"
    number = f"list_transform([{found}], lambda parts: {number})"
    # 1e999 is beyond what a double holds.
    return f"list_filter({number}, lambda number: isfinite(number))[1]"


def detect_number_format(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    *,
    shown: str,
    odd_counts: tuple[int, int] | None = None,
    numbers: Numbers | None = None,
    delimiter: str = "",
    in_thousands: bool = False,
) -> NumberFormat:
    """Find out how a column of text writes numbers.

    ``odd_counts`` are what `odd_counts_sql` counts, where it was asked before.
    """
    is_set = numbers is not None and (numbers.decimal or numbers.thousands)
    if odd_counts is None:
        aggregates = odd_counts_sql("cell", "try_cast(cell as double)")
        (odd_counts,) = connection.execute(
            f"select {', '.join(aggregates)} "  # noqa: S608
            f"from (select {column} as cell from {relation})"
        ).fetchall()
    n_odd, n_miscast = odd_counts
    if not (n_odd or n_miscast or is_set):
        return PLAIN
    form = _choose_format(
        _read_shapes(connection, relation, column),
        numbers=numbers,
        delimiter=delimiter,
        in_thousands=in_thousands,
        shown=shown,
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


def _choose_format(
    shapes: Sequence[Shape],
    *,
    numbers: Numbers | None,
    delimiter: str,
    in_thousands: bool,
    shown: str,
) -> NumberFormat:
    """Choose the one format that reads the shapes."""
    affixes, scales = find_affixes(shapes, in_thousands=in_thousands, shown=shown)
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


def _read_shapes(
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


def _reads(form: NumberFormat, shape: Shape) -> bool:
    return _compiled(form).match(visible(shape.text)) is not None


def _value(form: NumberFormat, shape: Shape) -> str:
    """Return the digits that a format reads, with a point for the decimal."""
    found = _compiled(form).match(visible(shape.text))
    digits = found.group(4) if found else ""
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
