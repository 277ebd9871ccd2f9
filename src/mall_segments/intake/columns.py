"""Find the customer id and the columns of the settings among those of a file.

Headers and aliases are compared without case, spaces, punctuation, accents and units,
so ``Annual_Income_(k$)``, ``AnnualIncome`` and ``annual income`` are one name. A header
that no alias fits is never guessed at: the refusal says how to name it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from mall_segments.errors import InputError
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mall_segments.settings import CustomerIdColumn, Feature, Numbers, Settings


def compact_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    # The dotless i of Turkish is an i in most headers.
    bare = "".join(
        "i" if character == "\u0131" else character
        for character in decomposed
        if not unicodedata.combining(character)
    )
    return re.findall(r"[^\W_]+", bare)


# As headers are compared, where marks of sounds are left out.
_UNIT: Final = "|".join(
    compact_words(
        """
        k t mil miles milhares mille mila migliaia tausend tsd thousand thousands ribu
        bin 千 万
        brl chf cny cop dolar dolares dolari dollar dollari dollars eur euro euros
        gbp idr inr jpy keur krw kusd lira mxn reais rupiah rub tl try usd yen yuan
        ドル 千ドル 万ドル 円 千円 万円 美元 千美元 万美元 元 千元 万元 人民币
        ano anos anni annees ans jahr jahre jahren punkte puntos puan tahun yas
        year years yil yr yrs 岁 歳 年 分
        """
    )
)
_LINK: Final = "a|de|di|do|da|em|en|in|of|out|sobre|to"
# What may end a header: "1 100", "0 to 10" or "out of 100", then "in k$".
_ENDINGS: Final = (
    re.compile(rf"(.+?) (?:\d+(?: (?:{_LINK}))* \d+|(?:(?:{_LINK}) )+\d+)"),
    re.compile(rf"(.+?)(?:(?: (?:{_LINK}))* (?:{_UNIT}))+"),
)
_FILLERS: Final = ("de", "del", "des", "di", "do", "da", "du")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*%?")
_CURRENCY: Final = re.compile(r"(\b(us|r|a|c|ca|hk|nt|s))?[$£¥€₺₹₽]", re.IGNORECASE)
MARKER: Final = re.compile(r"\s*([<=>|])\1{6}")
_MOST_COLUMNS: Final = 10_000
_SHOWN_COLUMNS: Final = 12
_LONGEST_COMPARED: Final = 200
_SHOWN_ALIASES: Final = 4
_LONGEST_SUGGESTED: Final = 40
_MOST_COMPARED: Final = 200
_LEAST_LIKENESS: Final = 0.75
_LONGEST_SPLIT: Final = 4
_SHORTEST_SHARED: Final = 5
_LEAST_NUMBERS: Final = 0.5
_INDEX: Final = re.compile(
    r"(unnamed\W.*|index|row ?names?|row|x|_c0|\.+1|no\.?|nr\.?|#)?"
)


@dataclass(frozen=True, kw_only=True)
class KnownColumns:
    """The columns a file may have, of a model that was built before or of nothing.

    ``required`` are the canonical names that must be there, ``aliases_in`` the setting
    that adds aliases, if one does. ``encoding``, ``sheet`` and ``numbers`` say how the
    file is written, as the settings of these names do.
    """

    customer_id: CustomerIdColumn
    columns: Sequence[Feature]
    required: Collection[str] = ()
    aliases_in: str = ""
    encoding: str | None = None
    sheet: str | None = None
    numbers: Numbers | None = None


ColumnSettings: TypeAlias = "Settings | KnownColumns"


def is_sealed(settings: ColumnSettings) -> bool:
    """Whether advice about settings would not help."""
    return isinstance(settings, KnownColumns)


@dataclass(frozen=True, kw_only=True)
class RecognisedColumns:
    """Which column of a file holds what.

    ``columns`` maps canonical names to headers as they stand in the file, ``positions``
    to their places, from 0; ``extra`` are headers that are not read, ``absent`` the
    canonical names that a build does without.
    """

    columns: Mapping[str, str]
    positions: Mapping[str, int]
    extra: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the columns that were not read or found."""
        extra = [f"Columns not read: {list_columns(self.extra)}."] if self.extra else []
        absent = [
            f"No {name} column: {name} is unknown for every customer."
            for name in self.absent
            if name != "customer_id"
        ]
        return (*extra, *absent)


@lru_cache(maxsize=2**15)
def normalise(header: str) -> str:
    """Return a header as it is compared: no case, punctuation, accents or units.

    >>> normalise("Annual_Income_(k$)"), normalise(" AnnualIncome ")
    ('annualincome', 'annualincome')
    >>> normalise("Spending Score (1-100)"), normalise("Spending.Score..1.100.")
    ('spendingscore', 'spendingscore')
    >>> normalise("Age (years)"), normalise("Género"), normalise("CUST_ID")
    ('age', 'genero', 'custid')
    >>> normalise("Income (monthly)")
    'incomemonthly'
    """
    text = " ".join(header_words(header))
    for ending in _ENDINGS:
        if found := ending.fullmatch(text):
            text = found[1]
    words = text.split()
    # "ID de cliente" is "ID cliente", and "Puntuación del gasto" "puntuación gasto".
    return "".join([word for word in words if word not in _FILLERS] or words)


@lru_cache(maxsize=2**15)
def header_words(header: str) -> list[str]:
    """Return the words of a header as they are compared."""
    # "AnnualIncome" is two words, as "annual_income" is.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header[:_LONGEST_COMPARED])
    # A currency is a unit as good as a word, and "/100" is "of 100".
    spaced = re.sub(r"/(?=\s*\d)", " of ", re.sub(_CURRENCY, " usd ", spaced))
    return compact_words(spaced)


def recognise_columns(
    header: Sequence[str],
    settings: ColumnSettings,
    *,
    source: str = "the file",
    rows: Sequence[Sequence[str]] = (),
) -> RecognisedColumns:
    """Map the customer id and each column of the settings to a column of the file.

    Of several columns that fit, the one whose alias comes first is read; one that
    agrees with the alias in its unit, too, goes before one that does not. A column
    without a name is called ``column_1``, ``column_2``, … by its place. ``rows`` are
    some, by which a hint tells columns of numbers from others.
    """
    if len(header) > _MOST_COLUMNS:
        raise InputError(
            f"{source} has {len(header):,} columns; at most {_MOST_COLUMNS:,} are "
            "read. Keep those that are needed."
        )
    aliases, required = known_aliases(settings), required_columns(settings)
    found: dict[str, int] = {}
    for name, best in match_columns(header, settings).items():
        if len(best) > 1:
            raise InputError(_tie(name, [header[at] for at in best], settings, source))
        if best and best[0] not in found.values():
            found[name] = best[0]
    # Of orders, 'order' and 'date' may well stand side by side.
    if not (isinstance(settings, KnownColumns) and settings.aliases_in):
        _refuse_split_header(header, aliases, found, required, source)
    missing = [name for name in aliases if name in required and name not in found]
    if missing:
        raise InputError(_refusal(header, settings, found, missing, rows, source))
    read = set(found.values())
    return RecognisedColumns(
        columns={name: header[at] for name, at in found.items()},
        positions=found,
        extra=tuple(text for at, text in enumerate(header) if at not in read),
        absent=tuple(
            name for name in aliases if name not in found and not is_sealed(settings)
        ),
    )


def required_columns(settings: ColumnSettings) -> Collection[str]:
    """Return what must be there: for a build, the id, the numbers and what it clusters.

    A category may be absent unless a segmentation clusters on it.
    """
    if isinstance(settings, KnownColumns):
        return settings.required
    clustered = {
        feature
        for segmentation in settings.segmentations
        for feature in segmentation.features
    }
    needed = [
        column.name
        for column in settings.columns
        if column.type == "number" or column.name in clustered
    ]
    return (*(() if settings.customer_id.generate else ("customer_id",)), *needed)


def match_columns(
    header: Sequence[str], settings: ColumnSettings
) -> dict[str, list[int]]:
    """Return the places of the columns that fit each canonical name best.

    There are none if nothing fits, and several if they fit equally well.
    """
    with_units: dict[str, list[int]] = {}
    without_units: dict[str, list[int]] = {}
    for at, text in enumerate(name_blanks(header)):
        if not MARKER.match(text):
            with_units.setdefault("".join(header_words(text)), []).append(at)
            without_units.setdefault(normalise(text), []).append(at)
    without_units.pop("", None)

    def best(spellings: Sequence[str]) -> list[int]:
        """Return the columns that fit the earliest alias, with its unit if any does."""
        keys = map(normalise, spellings)
        fitting = next((without_units[key] for key in keys if key in without_units), [])
        for spelling in spellings:
            exact = with_units.get("".join(header_words(spelling)), [])
            if preferred := [at for at in fitting if at in exact]:
                return preferred
        return fitting

    return {
        name: best(spellings) for name, spellings in known_aliases(settings).items()
    }


def name_blanks(header: Sequence[str]) -> list[str]:
    """Call columns without a name by their place, such as ``column_1``."""
    return [
        text if text.strip() else f"column_{place}"
        for place, text in enumerate(header, start=1)
    ]


def count_recognised(cells: Sequence[str], settings: ColumnSettings) -> int:
    """Count the columns that a row of cells would name if it were the header."""
    return sum(map(bool, match_columns(cells, settings).values()))


def looks_like_data(cells: Sequence[str]) -> bool:
    """Whether a first row holds values rather than names: any of it is a number."""
    return any(_NUMBER.fullmatch(cell.strip()) for cell in cells)


def list_columns(header: Iterable[str], limit: int = _SHOWN_COLUMNS) -> str:
    """Return columns as an error lists them: quoted, the first few, none too long.

    >>> list_columns(["Age", ""])
    "'Age', (no name)"
    >>> list_columns(f"x{number}" for number in range(10_000))[-20:]
    "'x11' and 9,988 more"
    """
    columns = list(header)
    shown = [
        shorten(column, limit=40) if column.strip() else "(no name)"
        for column in columns[:limit]
    ]
    more = len(columns) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def known_aliases(settings: ColumnSettings) -> dict[str, tuple[str, ...]]:
    """Every spelling by the column it names, its own name first unless it is listed."""
    listed = {"customer_id": settings.customer_id.aliases}
    listed |= {column.name: column.aliases for column in settings.columns}
    return {
        name: aliases if name in aliases else (name, *aliases)
        for name, aliases in listed.items()
    }


def _tie(
    name: str, columns: Sequence[str], settings: ColumnSettings, source: str
) -> str:
    """Say which columns fit equally well, and what would tell them apart."""
    advice = "Remove or rename all but one"
    if len({"".join(header_words(column)) for column in columns}) > 1:
        advice += (
            ", or put the exact header of the one to read first in "
            f"{_alias_setting(name, settings)} of dbt_project.yml"
        )
    return (
        f"{source}: the columns {list_columns(columns)} all fit {name}, and none fits "
        f"better. {advice}."
    )


def _alias_setting(name: str, settings: ColumnSettings) -> str:
    """Return the setting that holds the aliases of a column."""
    if isinstance(settings, KnownColumns) and settings.aliases_in:
        return f"`{settings.aliases_in}.{name}`"
    if name in ("customer_id", "gender"):
        return f"`{name}.aliases`"
    return f"`features[{name}].aliases`"


def _refuse_split_header(
    header: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    found: Mapping[str, int],
    required: Collection[str],
    source: str,
) -> None:
    """Refuse neighbouring columns that only together spell an alias.

    ``Annual,Income,(k$)`` is one header split in three. The values beneath are then
    shifted, so reading the column ``Income`` would read another one's values.
    """
    for name in aliases:
        if name == "customer_id" or name not in required:
            continue
        wanted = set(map(normalise, aliases[name]))
        for start, n_parts in product(range(len(header)), range(2, _LONGEST_SPLIT + 1)):
            if not start <= found.get(name, start) < start + n_parts:
                continue
            parts = header[start : start + n_parts]
            joined = normalise(" ".join(parts))
            if joined in wanted and joined not in map(normalise, parts):
                raise InputError(
                    f"{source}: the header is split: the columns {list_columns(parts)} "
                    f"together spell {shorten(' '.join(parts))}, which is {name}, so "
                    "the values beneath do not belong to their columns. Write the "
                    "header as one cell."
                )


def _refusal(
    header: Sequence[str],
    settings: ColumnSettings,
    found: Mapping[str, int],
    missing: Sequence[str],
    rows: Sequence[Sequence[str]],
    source: str,
) -> str:
    """Say what was found, what is missing, and what to do."""
    aliases = known_aliases(settings)
    numbers = {each.name for each in settings.columns if each.type == "number"}
    recognised = [
        f"{name} = {shorten(header[at], limit=40)}" for name, at in found.items()
    ]
    lines = [
        f"{source}: no column is recognised as {', '.join(missing)}.",
        f"  Columns found ({len(header):,}): {list_columns(header)}.",
        f"  Recognised: {', '.join(recognised) or 'none'}.",
    ]
    for name in missing:
        known = list_columns(aliases[name][1:], _SHOWN_ALIASES) or "nothing else"
        lines.append(f"  Missing: {name}, also known as {known}.")
        likely = _likely_columns(
            [normalise(alias) for alias in aliases[name]],
            header,
            found,
            rows,
            is_id=name == "customer_id",
            is_number=name in numbers,
        )
        if likely:
            lines.append(f"    Is it {' or '.join(map(shorten, likely))}?")
    places = ", ".join(_alias_setting(name, settings) for name in missing)
    is_of_model = isinstance(settings, KnownColumns) and not settings.aliases_in
    if len(header) > len(found) and is_of_model:
        lines.append(
            "  The model knows the aliases it was built with: rename the column in the "
            f"file, or add its header to {places} in dbt_project.yml and build again."
        )
    elif len(header) > len(found):
        lines.append(
            "  To read a column, add its header as it stands in the file to "
            f"{places} in dbt_project.yml."
        )
    if "customer_id" in missing and not is_sealed(settings):
        lines.append("  Without ids, `customer_id: {generate: true}` numbers the rows.")
    return "\n".join(lines)


def _likely_columns(
    wanted: Sequence[str],
    header: Sequence[str],
    found: Mapping[str, int],
    rows: Sequence[Sequence[str]],
    *,
    is_id: bool,
    is_number: bool,
) -> list[str]:
    """Return up to two unread columns that resemble a missing one in name and kind."""
    likely = []
    for at, text in enumerate(name_blanks(header[:_MOST_COMPARED])):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        n_numbers = sum(any(map(str.isdigit, cell)) for cell in cells)
        # What data frames write for their index may be the id.
        is_index = is_id and _INDEX.fullmatch(header[at].strip().lower())
        if (
            (is_index or _resembles(text, wanted))
            and at not in found.values()
            and len(text) <= _LONGEST_SUGGESTED
            and not MARKER.match(text)
            and not (is_number and n_numbers < _LEAST_NUMBERS * len(cells))
        ):
            likely.append(text)
    return likely[:2]


def _resembles(text: str, wanted: Sequence[str]) -> bool:
    name, words = normalise(text), header_words(text)
    is_within = any(
        word in words or (len(word) >= _SHORTEST_SHARED and word in name)
        for word in wanted
    )
    close = difflib.get_close_matches(name, wanted, n=1, cutoff=_LEAST_LIKENESS)
    return is_within or bool(close)
