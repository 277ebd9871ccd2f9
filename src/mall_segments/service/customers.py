"""Read customers from JSON, by the rules that a build has for the rows of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, cast
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from typing_extensions import TypedDict

from mall_segments.intake.columns import normalise
from mall_segments.intake.number_formats import NO_VALUES
from mall_segments.service.problems import ProblemError
from mall_segments.wording import compact, is_storable, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from mall_segments.model import Model, ModelColumn

    # Fields that are to blame, if any is, and what is wrong with each.
    _Problems = list[tuple[str | None, str]]

MOST_NAMES: Final = 64
LONGEST_NAME: Final = 100
LONGEST_ID: Final = 256
MOST_ERRORS: Final = 100

_ID: Final = "customer_id"
_AT_ONCE: Final = 100

_COMPLAINTS: Final = {
    "greater_than_equal": "below {ge:.15g}",
    "less_than_equal": "above {le:.15g}",
    "multiple_of": "not a whole number",
    "finite_number": "not finite",
    "string_too_long": "longer than {max_length} characters",
}

# Squares of what is larger would not be finite.
_LARGEST: Final = 1e100


@dataclass(frozen=True)
class Customers:
    """Customers that were found valid.

    ``columns`` has, per column of the model, a value for each of them: a number, a
    level, or None where it is missing. ``ids`` has the id of each that sent one, by
    its place.
    """

    n: int
    columns: Mapping[str, list[Any]]
    ids: Mapping[int, Any]


@dataclass
class _Refusals:
    """What is wrong: the first errors, described, and how many customers have any."""

    is_list: bool
    errors: list[dict[str, Any]] = field(default_factory=list)
    n_invalid: int = 0

    def add(self, position: int, found: _Problems) -> None:
        """Add the errors of one customer: the field, where one is to blame, and why."""
        self.n_invalid += 1
        place = position if self.is_list else None
        room = MOST_ERRORS - len(self.errors)
        self.errors += [_describe(name, why, place) for name, why in found[:room]]


@dataclass(frozen=True)
class _Layout:
    """Where customers with the same fields keep each column, and what they lack."""

    fields: Mapping[str, str]
    problems: _Problems


class CustomerReader:
    """Finds and checks the values of customers that come as JSON objects.

    ``adapter`` validates a list of customers whose fields have the columns' names.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._columns = {column.name: column for column in model.columns}
        self._spellings = {
            _ID: (_ID, *model.customer_id_aliases),
            **{each.name: (each.name, *each.aliases) for each in model.columns},
        }
        self._names: dict[str, str] = {}
        for name, spellings in self._spellings.items():
            for spelling in spellings:
                self._names[spelling] = name
                self._names.setdefault(normalise(spelling), name)
        is_nullable = model.missing_values == "impute"
        fields: dict[str, Any] = {_ID: NotRequired[_ID_TYPE]}
        for column in model.columns:
            fields[column.name] = NotRequired[
                _number(column, _least(model, column), is_nullable=is_nullable)
                if column.type == "number"
                else _level(column)
            ]
        # Cast, because a type checker takes no fields that only the model knows.
        make = cast("Any", TypedDict)
        customer = with_config(ConfigDict(extra="forbid"))(make("Customer", fields))
        self.adapter: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(
            list[customer]  # type: ignore[valid-type]
        )

    def read(self, content: object, needed: Sequence[str]) -> Customers:
        """Check one customer, or a list of them, all or nothing."""
        is_list = isinstance(content, list)
        records = content if isinstance(content, list) else [content]
        customers, refusals = self._check(records, needed, is_list=is_list)
        columns = {
            name: [each.get(name) for each in customers] for name in self._columns
        }
        if not refusals.errors:
            for place, values in enumerate(zip(*columns.values(), strict=True)):
                if values.count(None) == len(values):
                    refusals.add(place, [(None, "no feature value")])
        if refusals.errors:
            raise _refuse(refusals)
        return Customers(
            n=len(customers),
            columns=columns,
            ids={at: each[_ID] for at, each in enumerate(customers) if _ID in each},
        )

    def _check(
        self, records: Sequence[Any], needed: Sequence[str], *, is_list: bool
    ) -> tuple[list[dict[str, Any]], _Refusals]:
        """Return the customers that are valid, by columns, and what is wrong."""
        refusals = _Refusals(is_list=is_list)
        columns_of = self._recognise(records)
        layouts: dict[tuple[str, ...], _Layout] = {}
        customers: list[dict[str, Any]] = []
        for start in range(0, len(records), _AT_ONCE):
            rows: list[dict[str, Any]] = []
            fields: list[tuple[int, Mapping[str, str]]] = []
            refused: dict[int, _Problems] = {}
            for position, record in enumerate(records[start : start + _AT_ONCE], start):
                if type(record) is not dict:
                    refused[position] = [(None, _no_object(is_list=is_list))]
                    continue
                names = tuple(record)
                layout = layouts.get(names)
                if layout is None:
                    layout = layouts[names] = self._layout(names, columns_of, needed)
                if layout.problems:
                    refused[position] = layout.problems
                    continue
                sent = layout.fields
                rows.append({name: record[key] for name, key in sent.items()})
                fields.append((position, sent))
            customers += self._validate(rows, fields, refused)
            for position in sorted(refused):
                refusals.add(position, refused[position])
            if len(refusals.errors) == MOST_ERRORS:
                break
        return customers, refusals

    def _recognise(self, records: Sequence[Any]) -> dict[str, str]:
        """Return the column of each field name that has one.

        Names that nobody knows cost time, so they are few and short, and none is kept.
        """
        names = set().union(*(each for each in records if type(each) is dict))
        if len(names) > MOST_NAMES:
            detail = f"{len(names):,} different fields; at most {MOST_NAMES} are read"
            raise _refuse_names(None, detail)
        for name in names:
            if len(name) > LONGEST_NAME:
                length = f"{len(name):,} characters; at most {LONGEST_NAME}"
                raise _refuse_names(name, f"a name of {length} are read")
        known = {
            name: self._names.get(name) or self._names.get(normalise(name))
            for name in names
        }
        return {name: column for name, column in known.items() if column is not None}

    def _layout(
        self, names: Sequence[str], columns_of: Mapping[str, str], needed: Sequence[str]
    ) -> _Layout:
        found: dict[str, list[str]] = {}
        for name in names:
            if name in columns_of:
                found.setdefault(columns_of[name], []).append(name)
        fields: dict[str, str] = {}
        problems: _Problems = []
        for column, sent in found.items():
            best = self._best(column, sent) if len(sent) > 1 else sent
            fields[column] = best[0]
            if len(best) > 1:
                problems.append(
                    (best[1], f"{_listed(best)} all name {column}: leave one")
                )
        unknown = [name for name in names if name not in columns_of]
        return _Layout(fields, problems + self._absent(fields, unknown, needed))

    def _best(self, column: str, sent: Sequence[str]) -> list[str]:
        """Return the fields of a column whose alias, with its unit, comes first."""
        spellings = [compact(each) for each in self._spellings[column]]

        def rank(name: str) -> int:
            key = compact(name)
            return spellings.index(key) if key in spellings else len(spellings)

        least = min(map(rank, sent))
        return [name for name in sent if rank(name) == least]

    def _absent(
        self, fields: Mapping[str, str], unknown: Sequence[str], needed: Sequence[str]
    ) -> _Problems:
        """Return an error for each column that is needed and must be there.

        One that is absent is a missing value, unless all of them are, or there are
        fields that are not recognised: one of them may be it, misspelt.
        """
        absent = [name for name in needed if name not in fields]
        is_reject = self.model.missing_values == "reject"
        if not absent or not (is_reject or unknown or len(absent) == len(needed)):
            return []
        seen = f"; not recognised: {_listed(unknown[:3])}" if unknown else ""
        null = "" if is_reject else ", or null to have it imputed"
        details = [
            f"absent{seen}; send it as {_listed(self._spellings[name][:2])}{null}"
            for name in absent
        ]
        return list(zip(absent, details, strict=True))

    def _validate(
        self,
        rows: list[dict[str, Any]],
        fields: Sequence[tuple[int, Mapping[str, str]]],
        refused: dict[int, _Problems],
    ) -> list[dict[str, Any]]:
        try:
            return self.adapter.validate_python(rows)
        except ValidationError as invalid:
            found: dict[int, dict[str, str]] = {}
            for error in invalid.errors(include_url=False):
                row, column = int(error["loc"][0]), str(error["loc"][1])
                # Of a value that may be one of several kinds, the first kind complains.
                found.setdefault(row, {}).setdefault(
                    column, self._complain(column, error)
                )
        for row, errors in found.items():
            position, sent = fields[row]
            refused[position] = [(sent[name], why) for name, why in errors.items()]
        return []

    def _complain(self, name: str, error: ErrorDetails) -> str:
        """Say what is wrong with a value in the words of the build."""
        value = error["input"]
        if error["type"] in _COMPLAINTS:
            return _COMPLAINTS[error["type"]].format(**error.get("ctx", {}))
        if value is None:
            return "missing"
        column = self._columns.get(name)
        if column and column.type == "number":
            # A whole number of any size is one, but not every one is a float.
            return (
                "not finite"
                if type(value) is int
                else f"not a number but {_kind(value)}"
            )
        if isinstance(value, str):
            return "not a text but half a character or NUL"
        wanted = "a text" if column else "a text or a whole number"
        return f"not {wanted} but {_kind(value)}"


def _least(model: Model, column: ModelColumn) -> float:
    """Return the smallest value accepted; logarithms are taken of values from 0."""
    if column.minimum is not None:
        return column.minimum
    axes = [axis for each in model.segmentations for axis in each.coordinates]
    is_log = any(a.feature == column.name and a.transform == "log" for a in axes)
    return 0.0 if is_log else -_LARGEST


def _number(column: ModelColumn, least: float, *, is_nullable: bool) -> Any:
    number = Annotated[
        float,
        Strict(),
        Field(
            ge=least,
            le=_LARGEST if column.maximum is None else column.maximum,
            multiple_of=1 if column.is_whole else None,
            allow_inf_nan=False,
        ),
    ]
    described = Field(description=_known_as(column))
    if not is_nullable:
        return Annotated[number, described]
    return Annotated[
        number | _MISSING | None, described, Field(union_mode="left_to_right")
    ]


def _missing(text: str) -> None:
    if text.strip().lower() not in NO_VALUES:
        raise ValueError("a number")


_MISSING = Annotated[
    str,
    Strict(),
    AfterValidator(_missing),
    WithJsonSchema({"enum": list(NO_VALUES), "description": "A missing value."}),
]

_ID_TYPE = Annotated[
    Annotated[int, Strict()]
    | Annotated[str, Strict(), Field(max_length=LONGEST_ID)]
    | None,
    Field(union_mode="left_to_right", description="Handed back with the answer."),
]


def _level(column: ModelColumn) -> Any:
    """Return the type of a category: texts, or codes, that become its levels."""
    levels = {
        spelling.strip().lower(): level
        for level, spellings in (column.levels or {}).items()
        for spelling in (level, *spellings)
    }

    def to_level(value: str | int) -> str | None:
        text = str(value).strip()
        if not is_storable(text):
            raise ValueError("a text")
        if text.lower() in NO_VALUES:
            return None
        return text if column.levels is None else levels.get(text.lower())

    code = Annotated[str, Strict()] | Annotated[int, Strict()]
    return Annotated[
        Annotated[code, AfterValidator(to_level)] | None,
        Field(description=_known_as(column)),
    ]


def _known_as(column: ModelColumn) -> str:
    return f"Also known as {_listed(column.aliases)}." if column.aliases else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shorten(name, limit=40) for name in names)


def _refuse(refusals: _Refusals) -> ProblemError:
    first = refusals.errors[0]
    n_invalid = refusals.n_invalid
    name = f"{first['field']}: " if "field" in first else ""
    least = "at least " if len(refusals.errors) == MOST_ERRORS else ""
    more = f" ({least}{n_invalid:,} customers in all)" if n_invalid > 1 else ""
    return ProblemError(
        422,
        "invalid-customer",
        "A customer cannot be assigned",
        f"{name}{first['detail']}{more}; nothing was assigned",
        errors=refusals.errors,
    )


def _refuse_names(name: str | None, detail: str) -> ProblemError:
    refusals = _Refusals(is_list=False)
    refusals.add(0, [(name, detail)])
    return _refuse(refusals)


def _describe(name: str | None, detail: str, position: int | None) -> dict[str, Any]:
    """Return an error with a JSON pointer (RFC 6901) to its field."""
    described: dict[str, Any] = {"detail": detail}
    pointer = "#"
    if position is not None:
        described["customer"] = position
        pointer += f"/{position}"
    if name is not None:
        described["field"] = name[:LONGEST_NAME]
        token = described["field"].replace("~", "~0").replace("/", "~1")
        pointer += "/" + quote(token, safe="~", errors="replace")
    described["pointer"] = pointer
    return described


def _no_object(*, is_list: bool) -> str:
    if is_list:
        return "a customer must be an object"
    return "it must be an object or a list of them"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
