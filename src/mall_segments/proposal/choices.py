"""Which columns of a file customers are segmented by, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from pydantic import TypeAdapter, ValidationError

from mall_segments.errors import InputError
from mall_segments.intake.columns import compact_words, header_words, normalise
from mall_segments.settings.values import ColumnName
from mall_segments.wording import compact, shorten

if TYPE_CHECKING:
    from mall_segments.proposal.facts import ColumnFacts, FileFacts

Use = Literal["customer id", "gender", "number", "category", "left out"]

_LONGEST_NAME: Final = 48
_SKEWED: Final = 2.0
_UNIT: Final = re.compile(
    r"\s*(?:[(\[](?P<unit>[^()\[\]]{1,12})[)\]]|(?P<sign>[%€$£]))\s*$"
)
_CODE: Final = re.compile(r"(?=.*\d)[\w./-]{2,24}")
_MOST_MISSING: Final = 0.5
_MOST_LEVELS: Final = 12
_FREE_TEXT: Final = 0.5
_MOST_FAR: Final = 0.02
_ALIKE: Final = 0.95
_MOST_FEATURES: Final = 8
_LEAST_NUMBERS: Final = 2

# Words and headers as they are compared: letters and digits only.
_WORDS: Final = {
    "id": """id ids no nr num number code key uuid customer client member user kunde
        kundennummer kundennr cliente clientid customerid custid memberid userid musteri
        pelanggan""",
    "code": """zip zipcode postcode postal plz phone telephone tel mobile fax id uuid
        iban latitude longitude lat lon lng""",
    "gender": """gender genre sex genero sexo geschlecht sexe genere cinsiyet
        jeniskelamin 性别 性別""",
    "result": """cluster clusters clusterid segment segments segmentid segmentname
        persona""",
    "female": """female f w woman femenino femenina feminino mujer mulher weiblich frau
        femme feminin femmina donna kadin perempuan 女 女性""",
    "male": """male m man masculino hombre homem maennlich mannlich mann homme masculin
        maschio uomo erkek lakilaki 男 男性""",
}
_MEANING: Final = {kind: frozenset(text.split()) for kind, text in _WORDS.items()}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a column is used as, under which name, and why.

    ``settings`` are those of its feature beyond name, type and aliases, each with its
    reason. ``female`` and ``male`` are the levels of a gender that mean so.
    """

    header: str
    use: Use
    why: str
    name: str = ""
    settings: dict[str, tuple[object, str]] = field(default_factory=dict)
    why_not_clustered: str = ""
    female: tuple[str, ...] = ()
    male: tuple[str, ...] = ()

    @property
    def is_clustered(self) -> bool:
        """Whether the segmentation uses it."""
        return self.use in ("number", "category") and not self.why_not_clustered

    @property
    def unit(self) -> str:
        """What the header has in brackets at its end; a range, as in (1-100), is none.

        >>> [
        ...     Choice(header=header, use="number", why="").unit
        ...     for header in ("Spend (EUR)", "Discount %", "Score (1-100)")
        ... ]
        ['EUR', '%', '']
        """
        found = _UNIT.search(self.header) if self.use == "number" else None
        unit = (found["unit"] or found["sign"]).strip() if found else ""
        return "" if any(map(str.isdigit, unit)) else unit

    @property
    def label(self) -> str:
        """What the feature is called in names of segments: its header, without unit.

        >>> Choice(header="Annual_Spend (1-100)", use="number", why="").label
        'annual spend'
        """
        header = _UNIT.sub("", self.header) if self.use == "number" else self.header
        plain = re.sub(r"[_\s]+", " ", header).strip().lower()
        is_fit = plain and plain.isprintable() and len(plain) <= _LONGEST_NAME
        return plain if is_fit else self.name.replace("_", " ")


def choose(facts: FileFacts) -> list[Choice]:
    """Choose a use for every column of a file, in the order of the file."""
    id_column = _id_column(facts)
    names: set[str] = set()
    readings: set[str] = set()
    choices = []
    for column in facts.columns:
        reading = normalise(column.header)
        if reading in readings or not compact(column.header):
            choice = _left_out(column, "its header cannot be told from another one")
        elif column is id_column:
            why = f"{column.n_distinct:,} different values in {column.n_rows:,} rows"
            choice = Choice(header=column.header, use="customer id", why=why)
        else:
            choice = _choose_one(column, names)
        readings.add(reading)
        names.add(choice.name)
        choices.append(choice)
    choices = _cluster(choices, facts)
    if not any(choice.is_clustered for choice in choices):
        reasons = "; ".join(
            f"{shorten(choice.header)}: {choice.why}" for choice in choices[:10]
        )
        raise InputError(
            f"No column describes customers, so there is nothing to segment them by. "
            f"{reasons}"
        )
    return choices


def _id_column(facts: FileFacts) -> ColumnFacts | None:
    """Find the column with a value of its own in nearly every row that is an id.

    It is named like one; else it is the first whose texts look like codes.
    """
    unique = [
        column
        for column in facts.columns
        if column.n_missing <= 0.01 * column.n_rows
        and column.n_distinct >= 0.95 * column.n_rows
        and (column.is_whole or not column.is_number)
        and not column.is_date
    ]
    named = [
        column
        for column in unique
        if set(header_words(column.header)) & _MEANING["id"]
        or compact(column.header) in _MEANING["id"]
    ]
    codes = [
        column
        for column in unique
        if not (column.is_number or set(header_words(column.header)) & _MEANING["code"])
        and all(map(_CODE.fullmatch, column.levels))
    ]
    return next(iter([*named, *codes]), None)


def _left_out(column: ColumnFacts, why: str) -> Choice:
    return Choice(header=column.header, use="left out", why=why)


def _choose_one(column: ColumnFacts, names: set[str]) -> Choice:
    why_not = _why_not(column)
    if why_not:
        return _left_out(column, why_not)
    if column.is_number and column.n_distinct > 2:  # noqa: PLR2004
        return _number(column, names)
    shown = ", ".join(map(shorten, column.levels[:4]))
    more = ", ..." if column.n_distinct > 4 else ""  # noqa: PLR2004
    why = f"{column.n_distinct} levels: {shown}{more}"
    female = tuple(
        level for level in column.levels if compact(level) in _MEANING["female"]
    )
    male = tuple(level for level in column.levels if compact(level) in _MEANING["male"])
    if compact(column.header) in _MEANING["gender"] and (female or male):
        return Choice(
            header=column.header, use="gender", why=why, female=female, male=male
        )
    return Choice(
        header=column.header, use="category", why=why, name=_name(column, names)
    )


def _why_not(column: ColumnFacts) -> str:
    """Say why a column does not describe customers; nothing if it does."""
    only = column.levels[0] if column.levels else column.minimum
    is_text = not column.is_number
    span = column.maximum - column.minimum + 1
    rules = (
        (not column.n_values, "it is empty"),
        (column.n_distinct == 1, f"every value is {shorten(only)}"),
        (
            column.n_missing > _MOST_MISSING * column.n_rows,
            f"{column.n_missing / max(column.n_rows, 1):.0%} of its cells are blank",
        ),
        (bool(column.problem), column.problem),
        (
            compact(column.header) in _MEANING["result"],
            "segments of an earlier analysis",
        ),
        (
            column.is_date,
            "dates; give orders with --orders and recency is made of them",
        ),
        (
            column.is_number
            and bool(set(header_words(column.header)) & _MEANING["code"]),
            "a code, which is no measure",
        ),
        (
            column.is_whole and column.n_distinct == column.n_values == span,
            "it numbers the rows",
        ),
        (
            is_text and column.n_distinct > _FREE_TEXT * column.n_values,
            "texts of its own in most rows: names, notes or ids",
        ),
        (
            is_text and column.n_distinct > _MOST_LEVELS,
            f"{column.n_distinct:,} different texts, more than {_MOST_LEVELS}",
        ),
    )
    return next((reason for applies, reason in rules if applies), "")


def _number(column: ColumnFacts, names: set[str]) -> Choice:
    settings: dict[str, tuple[object, str]] = {}
    if column.minimum >= 0:
        settings["minimum"] = 0, "no value is below; such a one would be rejected"
    if abs(column.skewness) > _SKEWED:
        is_log = column.skewness > 0 and column.minimum >= 0
        reason = f"its skewness is {column.skewness:.1f}"
        if column.skewness > 0:
            reason += ": few large values would make segments of their own"
        settings["transform"] = "log" if is_log else "yeo_johnson", reason
    if 0 < column.n_far <= _MOST_FAR * column.n_values:
        settings["clip"] = [0.01, 0.99], f"{column.n_far:,} values lie far from others"
    why = f"from {column.minimum:,.6g} to {column.maximum:,.6g}"
    if column.n_missing:
        why += f", {column.n_missing / column.n_rows:.1%} blank"
    return Choice(
        header=column.header,
        use="number",
        why=why,
        name=_name(column, names),
        settings=settings,
    )


def _cluster(choices: list[Choice], facts: FileFacts) -> list[Choice]:
    """Choose what the segmentation uses: up to eight numbers, none told by another."""
    used: list[str] = []
    result = []
    n_numbers = sum(choice.use == "number" for choice in choices)
    for choice in choices:
        why_not = ""
        alike = [
            other
            for other in used
            if abs(facts.correlations.get((other, choice.header), 0)) > _ALIKE
        ]
        if choice.use not in ("number", "category"):
            pass
        elif choice.use == "category" and n_numbers >= _LEAST_NUMBERS:
            why_not = "described in each segment; add it to segment by it, too"
        elif alike:
            why_not = f"it goes with {shorten(alike[0])}, so it says little more"
        elif len(used) >= _MOST_FEATURES:
            why_not = f"{_MOST_FEATURES} features are as many as people follow"
        chosen = replace(choice, why_not_clustered=why_not)
        if chosen.is_clustered:
            used.append(choice.header)
        result.append(chosen)
    return result


def _name(column: ColumnFacts, names: set[str]) -> str:
    """Make a name that settings allow: lower-case letters, digits and underscores."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.header)
    plain = re.sub(r"[^a-z0-9]+", "_", "_".join(compact_words(apart))).strip("_")
    if not plain or not plain[0].isalpha():
        plain = f"feature_{plain}".strip("_")
    plain = plain[: _LONGEST_NAME - 9].rstrip("_")
    try:
        TypeAdapter(ColumnName).validate_python(plain)
    except ValidationError:
        plain = f"{plain}_value"
    name, number = plain, 2
    while name in names:
        name, number = f"{plain}_{number}", number + 1
    return name
