"""Find the customer id, the gender and the features among the columns of a file.

Headers and aliases are compared without case, spaces, punctuation, accents and units,
so ``Annual_Income_(k$)``, ``AnnualIncome`` and ``annual income`` are one name. A header
that no alias fits is never guessed at: the refusal says how to name it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from mall_segments.errors import InputError
from mall_segments.settings import CustomerIdColumn, Feature, GenderColumn, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_UNIT_WORDS: Final = frozenset(
    word
    for text in (
        "k mil miles thousand thousands",
        "cop dolares dollar dollars eur euro euros gbp inr keur kusd mxn usd",
        "ano anos puntos year years yr yrs",
    )
    for word in text.split()
)
_UNIT_LINKS: Final = frozenset({"a", "de", "en", "in", "of", "out", "sobre", "to"})
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*%?")
_SHOWN_COLUMNS: Final = 12
_SHOWN_ALIASES: Final = 4
_LONGEST_SPLIT: Final = 4
_SHORTEST_SCALED: Final = 3
_LONGEST_SUGGESTED: Final = 40
_LONGEST_COMPARED: Final = 200
_MOST_COMPARED: Final = 200
_SHORTEST_SHARED: Final = 3
_LEAST_LIKENESS: Final = 0.75


class ColumnSettings(Protocol):
    """The part of the settings that says which columns a file must have."""

    @property
    def customer_id(self) -> CustomerIdColumn:
        """How the customer id is recognised."""

    @property
    def gender(self) -> GenderColumn:
        """How the gender is recognised."""

    @property
    def features(self) -> Sequence[Feature]:
        """The features, each with its aliases."""


@dataclass(frozen=True, kw_only=True)
class RecognisedColumns:
    """Which column of a file holds what.

    Attributes
    ----------
    columns : mapping of str to str
        Canonical name (``customer_id``, ``gender``, each feature) to the header as it
        stands in the file. ``gender`` is absent where the file has no such column.
    extra : tuple of str
        Headers that are not read, in the order of the file.
    """

    columns: Mapping[str, str]
    extra: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the columns that were not read or found."""
        notes = []
        if self.extra:
            notes.append(f"Columns not read: {list_columns(self.extra)}.")
        if "gender" not in self.columns:
            notes.append("No gender column: gender is unknown for every customer.")
        return tuple(notes)


def normalise(header: str) -> str:
    """Return a header as it is compared: no case, punctuation, accents or units.

    Parameters
    ----------
    header : str
        A column header or an alias.

    Returns
    -------
    str
        Letters and digits only; empty when the header has none.

    Examples
    --------
    >>> normalise("Annual_Income_(k$)"), normalise(" AnnualIncome ")
    ('annualincome', 'annualincome')
    >>> normalise("Spending Score (1-100)"), normalise("Spending.Score..1.100.")
    ('spendingscore', 'spendingscore')
    >>> normalise("Age (years)"), normalise("Género"), normalise("CUST_ID")
    ('age', 'genero', 'custid')
    >>> normalise("Income (monthly)")
    'incomemonthly'
    """
    return "".join(_without_units(_words(header)))


def _words(header: str) -> list[str]:
    # "AnnualIncome" is two words, as "annual_income" is.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header[:_LONGEST_COMPARED])
    # A currency is a unit as good as a word, and "/100" is "of 100".
    spaced = re.sub(r"/(?=\s*\d)", " of ", re.sub(r"[$£¥€]", " usd ", spaced))
    decomposed = unicodedata.normalize("NFKD", spaced.casefold())
    bare = "".join(
        character for character in decomposed if not unicodedata.combining(character)
    )
    return re.findall(r"[^\W_]+", bare)


def _without_units(words: list[str]) -> list[str]:
    kept = _without_scale(words)
    while len(kept) > 1 and kept[-1] in _UNIT_WORDS:
        kept = kept[:-1]
        while len(kept) > 1 and kept[-1] in _UNIT_LINKS:
            kept = kept[:-1]
    # "ID de cliente" is "ID cliente", and "Puntuación del gasto" "puntuación gasto".
    return [word for word in kept if word not in ("de", "del")] or kept


def _without_scale(words: list[str]) -> list[str]:
    """Drop an ending such as ``1 100``, ``0 to 10`` or ``out of 100``."""
    if len(words) < _SHORTEST_SCALED or not words[-1].isdigit():
        return words
    kept = words[:-1]
    while len(kept) > 1 and kept[-1] in _UNIT_LINKS:
        kept = kept[:-1]
    is_range = len(kept) > 1 and kept[-1].isdigit()
    if is_range:
        return kept[:-1]
    return kept if len(kept) < len(words) - 1 else words


def recognise_columns(
    header: Sequence[str], settings: ColumnSettings, *, source: str = "the file"
) -> RecognisedColumns:
    """Map the customer id, the gender and each feature to a column of the file.

    Of several columns that fit, the one whose alias comes first is read; one that
    agrees with the alias in its unit, too, goes before one that does not.

    Parameters
    ----------
    header : sequence of str
        The columns in the order of the file.
    settings : ColumnSettings
        The aliases: ``Settings``, or anything with ``customer_id``, ``gender`` and
        ``features``.
    source : str
        How errors name the file.

    Returns
    -------
    RecognisedColumns
        Where everything is. A file without a gender column is accepted, since no
        segment depends on gender.

    Raises
    ------
    InputError
        If the customer id or a feature has no column, or two that fit equally well.
        It lists the columns found, those missing, and how to name an alias.
    """
    aliases = _aliases(settings)
    found: dict[str, int] = {}
    for name, best in match_columns(header, settings).items():
        if len(best) > 1:
            raise InputError(_ambiguous(name, [header[at] for at in best], source))
        if best:
            found[name] = best[0]
    for feature in settings.features:
        parts = _split_parts(header, aliases[feature.name], found.get(feature.name))
        if parts:
            raise InputError(_split(feature.name, parts, source))
    missing = [name for name in aliases if name != "gender" and name not in found]
    if missing:
        raise InputError(_unrecognised(header, aliases, found, missing, source))
    read = set(found.values())
    return RecognisedColumns(
        columns={name: header[at] for name, at in found.items()},
        extra=tuple(text for at, text in enumerate(header) if at not in read),
    )


def match_columns(
    header: Sequence[str], settings: ColumnSettings
) -> dict[str, list[int]]:
    """Find the columns that fit each canonical name best.

    Parameters
    ----------
    header : sequence of str
        Names of columns, or of the fields of one customer.
    settings : ColumnSettings
        As for :func:`recognise_columns`.

    Returns
    -------
    dict of str to list of int
        Canonical name to positions in the header: none if nothing fits, several if
        they fit equally well.
    """
    names = _HeaderNames.of(header)
    return {
        name: names.best(spellings) for name, spellings in _aliases(settings).items()
    }


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


@dataclass(frozen=True)
class _HeaderNames:
    """The columns by their names with units and by their names without."""

    exact: Mapping[str, list[int]]
    normalised: Mapping[str, list[int]]

    @classmethod
    def of(cls, header: Sequence[str]) -> _HeaderNames:
        exact: dict[str, list[int]] = {}
        normalised: dict[str, list[int]] = {}
        for at, text in enumerate(header):
            exact.setdefault("".join(_words(text)), []).append(at)
            normalised.setdefault(normalise(text), []).append(at)
        return cls(exact, normalised)

    def best(self, spellings: Sequence[str]) -> list[int]:
        """Return the columns that fit the earliest alias, with its unit if any does."""
        for spelling in spellings:
            key = normalise(spelling)
            fitting = self.normalised.get(key, []) if key else []
            if fitting:
                return self._in_unit(fitting, spellings)
        return []

    def _in_unit(self, fitting: list[int], spellings: Sequence[str]) -> list[int]:
        for spelling in spellings:
            exact = self.exact.get("".join(_words(spelling)), [])
            if preferred := [at for at in fitting if at in exact]:
                return preferred
        return fitting


def _aliases(settings: ColumnSettings) -> dict[str, tuple[str, ...]]:
    """Every spelling by the column it names, the column's own name first."""
    return {
        "customer_id": ("customer_id", *settings.customer_id.aliases),
        "gender": ("gender", *settings.gender.aliases),
        **{
            feature.name: (feature.name, *feature.aliases)
            for feature in settings.features
        },
    }


def _setting(name: str) -> str:
    if name in ("customer_id", "gender"):
        return f"`{name}.aliases`"
    return f"`features[{name}].aliases`"


def _ambiguous(name: str, columns: list[str], source: str) -> str:
    return (
        f"{source}: the columns {list_columns(columns)} all fit {name}, and none fits "
        f"better. Remove or rename all but one, or put the exact header of the one to "
        f"read first in {_setting(name)} of dbt_project.yml."
    )


def _split_parts(
    header: Sequence[str], spellings: Sequence[str], found: int | None
) -> list[str]:
    """Return neighbouring columns that only together spell an alias, if there are any.

    ``Annual,Income,(k$)`` is one header split in three. The values beneath are then
    shifted, so reading the column ``Income`` would read another one's values.
    """
    wanted = {normalise(spelling) for spelling in spellings}
    words = [_words(text) for text in header]
    for start in range(len(header)):
        for end in range(start + 2, min(start + _LONGEST_SPLIT, len(header)) + 1):
            if found is not None and found not in range(start, end):
                continue
            joined = "".join(_without_units(list(chain(*words[start:end]))))
            parts = {"".join(_without_units(part)) for part in words[start:end]}
            if joined in wanted and joined not in parts:
                return list(header[start:end])
    return []


def _split(name: str, parts: list[str], source: str) -> str:
    return (
        f"{source}: the header is split: the columns {list_columns(parts)} together "
        f"spell {shorten(' '.join(parts))}, which is {name}, so the values beneath do "
        f"not belong to their columns. Write the header as one cell."
    )


def _unrecognised(
    header: Sequence[str],
    aliases: Mapping[str, tuple[str, ...]],
    found: Mapping[str, int],
    missing: Sequence[str],
    source: str,
) -> str:
    recognised = ", ".join(
        f"{name} = {shorten(header[at], limit=40)}" for name, at in found.items()
    )
    unread = [text for at, text in enumerate(header) if at not in found.values()]
    lines = [
        f"{source}: no column is recognised as {', '.join(missing)}.",
        f"  Columns found ({len(header):,}): {list_columns(header)}.",
        f"  Recognised: {recognised or 'none'}.",
    ]
    for name in missing:
        known = list_columns(aliases[name][1:], limit=_SHOWN_ALIASES)
        lines.append(f"  Missing: {name}, also known as {known or 'nothing else'}.")
        likely = _likely_columns(unread, aliases[name])
        if likely:
            lines.append(f"    Is it {' or '.join(shorten(text) for text in likely)}?")
    settings = ", ".join(map(_setting, missing))
    lines.append(
        f"  To read a column, add its header as it stands in the file to {settings} "
        "in dbt_project.yml."
    )
    return "\n".join(lines)


def _likely_columns(unread: Sequence[str], spellings: Sequence[str]) -> list[str]:
    """Return up to two unread columns whose name resembles one of the spellings."""
    wanted = [normalise(spelling) for spelling in spellings]
    likely = []
    short = [text for text in unread if len(text) <= _LONGEST_SUGGESTED]
    for text in short[:_MOST_COMPARED]:
        name = normalise(text)
        if name and (
            any(len(word) >= _SHORTEST_SHARED and word in name for word in wanted)
            or difflib.get_close_matches(name, wanted, n=1, cutoff=_LEAST_LIKENESS)
        ):
            likely.append(text)
    return likely[:2]
