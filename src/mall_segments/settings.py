"""Settings of a build: read from the vars of ``dbt_project.yml`` and checked by name.

dbt hands its vars over as one mapping. :func:`parse_settings` turns that mapping into
frozen dataclasses or refuses it with every mistake it found, each named with the value
found and what is allowed. Only the standard library is imported here, because the
check runs before any model does.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard

from mall_segments.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Scaler = Literal["standard", "minmax", "robust", "none"]
MissingValues = Literal["impute", "reject"]

SCALERS: Final = ("standard", "minmax", "robust", "none")
MISSING_VALUES: Final = ("impute", "reject")

_LARGEST_SEED: Final = 2**32 - 1
_LARGEST_VALUE: Final = 1e15
_LONGEST_NAME: Final = 48


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Columns of the models and marts: a feature of the same name would appear twice.
RESERVED_COLUMNS: Final = _words(
    """
    age_band build_id centroid chosen_by customer_id customer_share customers distance
    feature gender inertia is_chosen is_fitted is_imputed is_outlier label maximum mean
    median membership minimum n_customers n_fitted n_segments persona point_id
    raw_values reasons recommended_action rejection_reasons resolution row_number scaler
    second_distance second_segment_id segment_id segment_name segmentation source_file
    source_row std value
    """
)

# Words the engine takes for its own in the place of a column name.
RESERVED_WORDS: Final = _words(
    """
    all analyse analyze and any array as asc asymmetric between both by case cast check
    coalesce collate column columns constraint create cross default deferrable desc
    describe distinct do else end except exists extract false fetch filter for foreign
    from full glob group grouping having ilike in initially inner intersect interval
    into is isnull join lambda lateral leading left like limit map natural not notnull
    null nullif offset on only or order outer overlaps over partition pivot
    pivot_longer pivot_wider placing position positional primary qualify references
    returning right row rows select semi show similar some struct substring summarize
    symmetric table tablesample then to trailing trim true try_cast union unique unpivot
    using values variadic when where window with
    """
)

_RESERVED_SUFFIXES: Final = ("_scaled", "_center", "_scale", "_is_missing")


@dataclass(frozen=True, kw_only=True)
class LevelWords:
    """The words for a low, an average and a high centroid of one feature."""

    low: str = "low"
    average: str = "average"
    high: str = "high"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A numeric input column.

    Attributes
    ----------
    name : str
        Column name in every model, with its unit at the end.
    label : str
        Word for the feature in segment names; the name without underscores by default.
    aliases : tuple of str
        Headers the column is recognised by, best first.
    minimum, maximum : float
        Smallest and largest value accepted, both included, in the feature's unit.
    resolution : float
        Step to which values are grouped into points, in the feature's unit.
    is_whole : bool
        Whether a value with a fraction is rejected.
    level_words : LevelWords
        Words for the levels in segment names.
    """

    name: str
    label: str
    aliases: tuple[str, ...]
    minimum: float
    maximum: float
    resolution: float = 1.0
    is_whole: bool = False
    level_words: LevelWords = field(default_factory=LevelWords)


@dataclass(frozen=True, kw_only=True)
class CustomerIdColumn:
    """Headers the customer id is recognised by, best first."""

    aliases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GenderColumn:
    """Headers the gender is recognised by, and the spellings of its values."""

    aliases: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """One configured clustering of the customers.

    Attributes
    ----------
    name : str
        Value of the column ``segmentation``.
    features : tuple of str
        Names of the features it clusters on, in the order of the distance's sum.
    scaler : {"standard", "minmax", "robust", "none"}
        How the features are scaled before distances are taken.
    n_segments : int or "auto"
        The number of segments, or ``"auto"`` to choose it.
    min_segments, max_segments : int
        Range ``"auto"`` chooses from, both included.
    random_seed : int
        Seed of everything random in this segmentation.
    """

    name: str
    features: tuple[str, ...]
    scaler: Scaler = "standard"
    n_segments: int | Literal["auto"] = "auto"
    min_segments: int = 2
    max_segments: int = 10
    random_seed: int = 42

    @property
    def least_segments(self) -> int:
        """The smallest number of segments this segmentation could end with."""
        if isinstance(self.n_segments, int):
            return self.n_segments
        return self.min_segments


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of a build; see the comments in ``dbt_project.yml``."""

    customer_id: CustomerIdColumn
    gender: GenderColumn
    features: tuple[Feature, ...]
    segmentations: tuple[Segmentation, ...]
    customers_path: str | None = None
    missing_values: MissingValues = "impute"
    max_rejected_share: float = 0.2
    min_segment_share: float = 0.05
    export_rows_limit: int = 5_000_000
    keep_generations: int = 3

    def feature(self, name: str) -> Feature:
        """Return the feature of this name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)


SETTING_NAMES: Final = tuple(entry.name for entry in fields(Settings))


def shorten(value: object, limit: int = 60) -> str:
    r"""Return a value as an error shows it: quoted if text, one line, not too long.

    >>> shorten("income\nspending")
    "'income\\nspending'"
    >>> shorten(float("nan")), shorten(True), shorten(None)
    ('nan', 'true', 'null')
    >>> shorten("x" * 1_000_000, limit=12)
    "'xxxxxxx...' (1,000,000 characters)"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if len(value) + 2 <= limit:
            return repr(value)
        kept = value[: max(limit - 5, 1)]
        return f"{kept + '...'!r} ({len(value):,} characters)"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def suggestion(name: str, allowed: Collection[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed name, or nothing.

    >>> suggestion("segmentation", ["segmentations", "features"])
    " Did you mean 'segmentations'?"
    >>> suggestion("qwerty", ["segmentations"])
    ''
    """
    close = difflib.get_close_matches(name[:200].lower(), list(allowed), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def compact(text: str) -> str:
    """Return text as headers are compared: letters and digits only, no accents or case.

    >>> compact("Annual Income (k$)"), compact("GÉNERO ")
    ('annualincomek', 'genero')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _right_place(name: object) -> str:
    """Return where a top-level name belongs, or the one it resembles."""
    for setting, keys in (
        ("segmentations", _SEGMENTATION_KEYS),
        ("features", _FEATURE_KEYS),
    ):
        if name in keys and name not in SETTING_NAMES:
            return f" It belongs into an entry of `{setting}`."
    return suggestion(str(name), SETTING_NAMES)


class _Problems:
    """The mistakes found so far, so that a user can correct all of them at once."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def raise_if_any(self) -> None:
        if not self.sentences:
            return
        if len(self.sentences) == 1:
            raise SettingsError(self.sentences[0])
        shown = self.sentences[:20]
        lines = "\n".join(f"  - {sentence}" for sentence in shown)
        more = len(self.sentences) - len(shown)
        tail = f"\n  and {more} more." if more else ""
        raise SettingsError(
            f"{len(self.sentences)} settings cannot be used:\n{lines}{tail}"
        )


def parse_settings(mapping: Mapping[str, Any]) -> Settings:
    """Return the settings of a build from the vars of ``dbt_project.yml``.

    Parameters
    ----------
    mapping : mapping of str to object
        One entry per top-level var. ``customer_id``, ``gender``, ``features`` and
        ``segmentations`` are required; the rest have the defaults of
        :class:`Settings`.

    Returns
    -------
    Settings
        The settings, complete and consistent.

    Raises
    ------
    SettingsError
        If anything cannot be used. Every mistake found is named, with the value found
        and what is allowed.
    """
    problems = _Problems()
    if not _is_mapping(mapping):
        raise SettingsError(
            f"The settings must be a mapping of names to values, not "
            f"{shorten(mapping)}."
        )
    reader = _Reader(mapping, "", problems)
    reader.refuse_unknown_keys(SETTING_NAMES)
    customer_id = _read_customer_id(reader, problems)
    gender = _read_gender(reader, problems)
    features = _read_features(reader, problems)
    _refuse_shared_aliases(customer_id, gender, features, problems)
    named = mapping.get("features")
    segmentations = _read_segmentations(
        reader,
        problems,
        # A feature that is itself wrong is named once, not again where it is used.
        feature_names=_declared_names(named),
    )
    customers_path = reader.optional_text("customers_path")
    if customers_path is not None and "\x00" in customers_path:
        problems.add("`customers_path` holds a NUL character, which no path may.")
    missing_values = reader.choice("missing_values", MISSING_VALUES, default="impute")
    max_rejected_share = reader.share("max_rejected_share", default=0.2)
    min_segment_share = reader.share("min_segment_share", default=0.05)
    export_rows_limit = reader.whole("export_rows_limit", 1, default=5_000_000)
    keep_generations = reader.whole("keep_generations", 1, default=3)
    _refuse_impossible_shares(min_segment_share, segmentations, problems)
    problems.raise_if_any()
    return Settings(
        customers_path=customers_path,
        customer_id=customer_id,
        gender=gender,
        features=features,
        segmentations=segmentations,
        missing_values=missing_values,  # type: ignore[arg-type]
        max_rejected_share=max_rejected_share,
        min_segment_share=min_segment_share,
        export_rows_limit=export_rows_limit,
        keep_generations=keep_generations,
    )


def check_project_vars(
    project_vars: Mapping[str, Any] | None,
    command_line_vars: Mapping[str, Any] | None,
    *,
    project_name: str = "mall_segments",
) -> None:
    """Refuse vars that no setting has, as a misspelt one would else be ignored.

    Parameters
    ----------
    project_vars : mapping or None
        The ``vars:`` of ``dbt_project.yml``, plain or under the project's name.
    command_line_vars : mapping or None
        What ``--vars`` gave.
    project_name : str
        Name of the project, under which dbt also reads vars.

    Raises
    ------
    SettingsError
        If a var is no setting; it says which are, and the closest one.
    """
    problems = _Problems()
    sources = (
        ("the vars of dbt_project.yml", project_vars),
        ("--vars", command_line_vars),
    )
    for source, mapping in sources:
        if mapping is None:
            continue
        if not _is_mapping(mapping):
            problems.add(
                f"{source} must map names of settings to values, "
                f"not {shorten(mapping)}."
            )
            continue
        scoped = mapping.get(project_name)
        names = [name for name in mapping if name != project_name]
        names.extend(scoped if _is_mapping(scoped) else ())
        for name in names:
            if name not in SETTING_NAMES:
                problems.add(
                    f"{source}: `{_plain(name)}` is no setting."
                    f"{_right_place(name)} Allowed: {', '.join(SETTING_NAMES)}."
                )
    problems.raise_if_any()


class _Reader:
    """Reads the keys of one mapping and notes each that cannot be used."""

    def __init__(
        self, mapping: Mapping[str, Any], path: str, problems: _Problems
    ) -> None:
        self.mapping = mapping
        self.path = path
        self.problems = problems

    def name(self, key: str) -> str:
        return f"`{self.path}.{key}`" if self.path else f"`{key}`"

    def place(self) -> str:
        return f"`{self.path}`" if self.path else "the vars of dbt_project.yml"

    def refuse_unknown_keys(self, allowed: Collection[str]) -> None:
        for key in self.mapping:
            if key not in allowed:
                hint = suggestion(str(key), allowed)
                if not self.path:
                    hint = _right_place(key)
                self.problems.add(
                    f"`{_plain(key)}` in {self.place()} is no setting."
                    f"{hint} Allowed: {', '.join(allowed)}."
                )

    def refuse(self, key: str, allowed: str) -> None:
        if key in self.mapping:
            self.problems.add(
                f"{self.name(key)} is {shorten(self.mapping[key])}; {allowed}."
            )
        else:
            self.problems.add(f"{self.name(key)} is missing; {allowed}.")

    def value(
        self, key: str, is_allowed: Callable[[Any], bool], allowed: str, default: Any
    ) -> Any:
        if key not in self.mapping and default is not None:
            return default
        value = self.mapping.get(key)
        if key not in self.mapping or not is_allowed(value):
            self.refuse(key, allowed)
            return default
        return value

    def optional_text(self, key: str) -> str | None:
        value = self.mapping.get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            self.refuse(
                key, "a path or glob of CSV or Parquet files, or null for the seed"
            )
            return None
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.value(
            key, _is_text, "it must be text that is not empty", default or None
        )
        return value if isinstance(value, str) else ""

    def texts(
        self, key: str, default: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        allowed = (
            "it must be a list of texts that are not empty, in quotes where one looks "
            "like a number or a yes"
        )
        value = self.value(key, _is_list_of_texts, allowed, default)
        return tuple(value) if value is not None else ()

    def choice(
        self, key: str, allowed: tuple[str, ...], default: str | None = None
    ) -> str:
        value = self.value(
            key,
            lambda found: isinstance(found, str) and found in allowed,
            f"allowed: {', '.join(allowed)}",
            default,
        )
        return str(value)

    def number(self, key: str, default: float | None = None) -> float | None:
        value = self.value(
            key, _is_number, "it must be a finite number below 1e15", default
        )
        return None if value is None else float(value)

    def share(self, key: str, default: float) -> float:
        value = self.value(
            key,
            lambda found: _is_number(found) and 0 <= found < 1,
            "it must be a number from 0 up to, but not including, 1",
            default,
        )
        return float(value)

    def whole(
        self, key: str, least: int, most: int | None = None, *, default: int
    ) -> int:
        bound = (
            f"from {least} to {most}" if most is not None else f"of at least {least}"
        )
        value = self.value(
            key,
            lambda found: _is_whole(found, least, most),
            f"it must be a whole number {bound}",
            default,
        )
        return int(value)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.value(
            key,
            lambda found: isinstance(found, bool),
            "it must be true or false",
            default,
        )
        return bool(value)

    def section(self, key: str, allowed_keys: tuple[str, ...]) -> _Reader | None:
        value = self.mapping.get(key)
        if not _is_mapping(value):
            self.refuse(key, f"it must be a mapping with {', '.join(allowed_keys)}")
            return None
        path = f"{self.path}.{key}" if self.path else key
        section = _Reader(value, path, self.problems)
        section.refuse_unknown_keys(allowed_keys)
        return section

    def entries(
        self, key: str, what: str, allowed_keys: tuple[str, ...]
    ) -> list[_Reader]:
        value = self.mapping.get(key)
        if not isinstance(value, list | tuple) or not value:
            self.refuse(key, f"it must be a list of at least one {what}")
            return []
        readers = []
        for index, entry in enumerate(value):
            path = f"{key}[{index}]"
            if not _is_mapping(entry):
                self.problems.add(
                    f"`{path}` is {shorten(entry)}; a {what} must be a mapping with "
                    f"{', '.join(allowed_keys)}."
                )
                continue
            name = entry.get("name")
            if isinstance(name, str) and name:
                path = f"{key}[{_plain(name)}]"
            reader = _Reader(entry, path, self.problems)
            reader.refuse_unknown_keys(allowed_keys)
            readers.append(reader)
        return readers


def _plain(name: object, limit: int = 60) -> str:
    text = repr(name)[1:-1] if isinstance(name, str) else repr(name)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\x00" not in value


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < _LARGEST_VALUE  # neither infinity nor NaN is
    )


def _is_whole(value: object, least: int, most: int | None) -> bool:
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value >= least
        and (most is None or value <= most)
    )


def _declared_names(entries: object) -> tuple[str, ...]:
    if not isinstance(entries, list | tuple):
        return ()
    names = (entry.get("name") for entry in entries if _is_mapping(entry))
    return tuple(name for name in names if isinstance(name, str))


def _read_customer_id(reader: _Reader, problems: _Problems) -> CustomerIdColumn:
    section = reader.section("customer_id", ("aliases",))
    if section is None:
        return CustomerIdColumn(aliases=())
    return CustomerIdColumn(aliases=_read_aliases(section, problems, default=None))


def _read_gender(reader: _Reader, problems: _Problems) -> GenderColumn:
    section = reader.section("gender", ("aliases", "female", "male"))
    if section is None:
        return GenderColumn(aliases=(), female=(), male=())
    gender = GenderColumn(
        aliases=_read_aliases(section, problems, default=None),
        female=section.texts("female"),
        male=section.texts("male"),
    )
    male = {spelling.strip().casefold() for spelling in gender.male}
    for spelling in gender.female:
        if spelling.strip().casefold() in male:
            problems.add(
                f"`gender.female` and `gender.male` both hold {shorten(spelling)}; "
                "a spelling may stand for one of them."
            )
    return gender


def _read_aliases(
    reader: _Reader, problems: _Problems, default: tuple[str, ...] | None
) -> tuple[str, ...]:
    aliases = reader.texts("aliases", default)
    for alias in aliases:
        if not compact(alias):
            problems.add(
                f"{reader.name('aliases')} holds {shorten(alias)}; an alias needs a "
                "letter or a digit."
            )
    return aliases


_FEATURE_KEYS: Final = (
    "name",
    "label",
    "aliases",
    "minimum",
    "maximum",
    "resolution",
    "is_whole",
    "level_words",
)


def _read_features(reader: _Reader, problems: _Problems) -> tuple[Feature, ...]:
    features: list[Feature] = []
    for entry in reader.entries("features", "feature", _FEATURE_KEYS):
        name = _read_name(entry, is_column=True)
        minimum, maximum = entry.number("minimum"), entry.number("maximum")
        if minimum is not None and maximum is not None and minimum >= maximum:
            problems.add(
                f"{entry.name('minimum')} is {minimum:g} and {entry.name('maximum')} "
                f"is {maximum:g}; minimum must be less than maximum."
            )
        resolution = entry.number("resolution")
        if resolution is not None and resolution <= 0:
            entry.refuse("resolution", "it must be a number greater than 0")
        feature = Feature(
            name=name,
            label=entry.text("label", default=name.replace("_", " ")),
            aliases=_read_aliases(entry, problems, default=()),
            minimum=minimum if minimum is not None else 0.0,
            maximum=maximum if maximum is not None else 0.0,
            resolution=resolution or 1.0,
            is_whole=entry.flag("is_whole", default=False),
            level_words=_read_level_words(entry),
        )
        if any(name == other.name for other in features):
            problems.add(f"`features` holds {shorten(name)} twice; names are unique.")
        features.append(feature)
    _refuse_repeated_labels(features, problems)
    return tuple(features)


def _read_level_words(entry: _Reader) -> LevelWords:
    levels = tuple(word.name for word in fields(LevelWords))
    if "level_words" not in entry.mapping:
        return LevelWords()
    section = entry.section("level_words", levels)
    if section is None:
        return LevelWords()
    words = LevelWords(**{level: section.text(level, level) for level in levels})
    if len({words.low, words.average, words.high}) < len(levels):
        entry.refuse("level_words", "low, average and high need three different words")
    return words


def _read_name(entry: _Reader, *, is_column: bool) -> str:
    name = entry.mapping.get("name")
    rule = (
        f"a name has lower-case letters, digits and underscores, begins with a letter "
        f"and is at most {_LONGEST_NAME} characters long"
    )
    if not isinstance(name, str):
        entry.refuse("name", rule)
        return ""
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{_LONGEST_NAME - 1}}}", name):
        entry.refuse("name", rule)
    elif is_column and (name in RESERVED_COLUMNS or name.endswith(_RESERVED_SUFFIXES)):
        entry.refuse("name", "the models use this name for a column of their own")
    elif is_column and name in RESERVED_WORDS:
        entry.refuse("name", "SQL keeps this word for itself")
    return name


_SEGMENTATION_KEYS: Final = tuple(entry.name for entry in fields(Segmentation))


def _read_segmentations(
    reader: _Reader, problems: _Problems, feature_names: tuple[str, ...]
) -> tuple[Segmentation, ...]:
    segmentations: list[Segmentation] = []
    for entry in reader.entries("segmentations", "segmentation", _SEGMENTATION_KEYS):
        name = _read_name(entry, is_column=False)
        min_segments = entry.whole("min_segments", 2, default=2)
        max_segments = entry.whole("max_segments", 2, default=max(10, min_segments))
        if min_segments > max_segments:
            problems.add(
                f"{entry.name('min_segments')} is {min_segments} and "
                f"{entry.name('max_segments')} is {max_segments}; min_segments must "
                "not be more than max_segments."
            )
        n_segments = entry.value(
            "n_segments",
            lambda found: found == "auto" or _is_whole(found, 2, None),
            "it must be auto or a whole number of at least 2",
            "auto",
        )
        segmentation = Segmentation(
            name=name,
            features=_read_used_features(entry, problems, feature_names),
            scaler=entry.choice("scaler", SCALERS),  # type: ignore[arg-type]
            n_segments=n_segments,
            min_segments=min_segments,
            max_segments=max_segments,
            random_seed=entry.whole("random_seed", 0, _LARGEST_SEED, default=42),
        )
        if any(name == other.name for other in segmentations):
            problems.add(
                f"`segmentations` holds {shorten(name)} twice; names are unique."
            )
        segmentations.append(segmentation)
    return tuple(segmentations)


def _read_used_features(
    entry: _Reader, problems: _Problems, feature_names: tuple[str, ...]
) -> tuple[str, ...]:
    used = entry.texts("features")
    allowed = ", ".join(map(_plain, feature_names)) or "none, as `features` is empty"
    if not used and entry.mapping.get("features") in ([], ()):
        entry.refuse("features", f"it needs at least one of: {allowed}")
    for name in dict.fromkeys(used):
        if name not in feature_names:
            problems.add(
                f"{entry.name('features')} holds {shorten(name)}, which `features` "
                f"does not define.{suggestion(name, feature_names)} "
                f"Allowed: {allowed}."
            )
        if used.count(name) > 1:
            problems.add(f"{entry.name('features')} holds {shorten(name)} twice.")
    return used


def _refuse_repeated_labels(features: Iterable[Feature], problems: _Problems) -> None:
    seen: set[str] = set()
    for feature in features:
        label = feature.label.casefold()
        if label and label in seen:
            problems.add(
                f"`features` holds the label {shorten(feature.label)} twice; segments "
                "are named by it, so each is unique."
            )
        seen.add(label)


def _refuse_shared_aliases(
    customer_id: CustomerIdColumn,
    gender: GenderColumn,
    features: Iterable[Feature],
    problems: _Problems,
) -> None:
    owners: dict[str, tuple[str, str]] = {}
    columns = [
        ("customer_id", ("customer_id", *customer_id.aliases)),
        ("gender", ("gender", *gender.aliases)),
        *((feature.name, (feature.name, *feature.aliases)) for feature in features),
    ]
    for column, aliases in columns:
        for alias in aliases:
            key = compact(alias)
            owner, spelling = owners.setdefault(key, (column, alias))
            if key and owner != column:
                problems.add(
                    f"{shorten(alias)} names {owner} and {column} (the former as "
                    f"{shorten(spelling)}); an alias may belong to one column."
                )


def _refuse_impossible_shares(
    min_segment_share: float, segmentations: Iterable[Segmentation], problems: _Problems
) -> None:
    for segmentation in segmentations:
        if (
            segmentation.n_segments == "auto"
            and min_segment_share * segmentation.min_segments > 1
        ):
            problems.add(
                f"`min_segment_share` is {min_segment_share:g}; the "
                f"{segmentation.min_segments} segments that `segmentations"
                f"[{_plain(segmentation.name)}]` has at least cannot each hold that "
                f"share: at most {1 / segmentation.min_segments:g}."
            )
