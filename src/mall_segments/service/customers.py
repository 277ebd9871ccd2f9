"""Read customers from JSON, by the rules that a build has for the rows of a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from mall_segments.intake.columns import normalise
from mall_segments.scoring.assignment import Assigner
from mall_segments.service.problems import ProblemError, field_problem
from mall_segments.service.values import ID, customer_fields
from mall_segments.wording import compact, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from mall_segments.model import Model

MOST_NAMES: Final = 64
LONGEST_NAME: Final = 100
MOST_ERRORS: Final = 100

_AT_ONCE: Final = 100

_COMPLAINTS: Final = {
    "greater_than_equal": "below {ge:.15g}",
    "less_than_equal": "above {le:.15g}",
    "multiple_of": "not a whole number",
    "finite_number": "not finite",
    "string_too_long": "longer than {max_length} characters",
}


class CustomerReader:
    """Finds and checks the values of customers that come as JSON objects.

    ``adapter`` validates a list of customers, ``assigners`` assign them, each to the
    segmentation of its name.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.assigners = {
            each.name: Assigner(model, each) for each in model.segmentations
        }
        self.spellings = {
            ID: (ID, *model.customer_id_aliases),
            **{each.name: (each.name, *each.aliases) for each in model.columns},
        }
        self.names: dict[str, str] = {}
        for name, spellings in self.spellings.items():
            for spelling in spellings:
                self.names[spelling] = name
                self.names.setdefault(normalise(spelling), name)
        self._is_number = {each.name: each.type == "number" for each in model.columns}
        # Cast, because a type checker takes no fields that only the model knows.
        make = cast("Any", TypedDict)
        customer = with_config(ConfigDict(extra="forbid"))(
            make("Customer", customer_fields(model))
        )
        self.adapter: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(
            list[
                Annotated[
                    customer,  # type: ignore[valid-type]
                    BeforeValidator(_by_column),
                    AfterValidator(_not_empty),
                ]
            ]
        )

    def read(self, content: object, needed: Sequence[str]) -> list[dict[str, Any]]:
        """Return one customer, or a list of them, by columns; all or nothing.

        Numbers are floats, categories levels, None is what is missing.
        """
        is_list = isinstance(content, list)
        if not isinstance(content, dict | list):
            raise _refuse([field_problem("it must be an object or a list of them")])
        records = content if isinstance(content, list) else [content]
        fields = _Fields(self, needed)
        customers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        n_invalid = 0
        for start in range(0, len(records), _AT_ONCE):
            chunk = records[start : start + _AT_ONCE]
            try:
                customers += self.adapter.validate_python(chunk, context=fields)
            except ValidationError as invalid:
                found = self._explain(invalid, chunk, fields)
                n_invalid += len(found)
                errors += [
                    field_problem(why, name, start + row if is_list else None)
                    for row, reasons in found.items()
                    for name, why in reasons.items()
                ]
            if len(errors) >= MOST_ERRORS:
                break
        if errors:
            raise _refuse(errors[:MOST_ERRORS], n_invalid)
        return customers

    def _explain(
        self, invalid: ValidationError, records: Sequence[Any], fields: _Fields
    ) -> dict[int, dict[str | None, str]]:
        """Return what is wrong by customer and the name of the field as it was sent."""
        found: dict[int, dict[str | None, str]] = {}
        for error in invalid.errors(include_url=False):
            row, *place = error["loc"]
            name = None
            if place:
                sent = fields.layout(tuple(records[int(row)])).sent
                name = sent.get(str(place[0]), str(place[0]))
            # Of a value that may be one of several kinds, the first kind complains.
            found.setdefault(int(row), {}).setdefault(name, self._complain(error))
        return found

    def _complain(self, error: ErrorDetails) -> str:
        """Say what is wrong with a value in the words of the build."""
        value = error["input"]
        if isinstance(value, _Refused):
            return value.why
        if error["type"] in _COMPLAINTS:
            return _COMPLAINTS[error["type"]].format(**error.get("ctx", {}))
        if len(error["loc"]) == 1:
            return error["msg"]
        return _unlike(value, self._is_number.get(str(error["loc"][1])))


class _Refused(NamedTuple):
    """Stands for a value that cannot be told, so that its column is refused."""

    why: str


class _Layout(NamedTuple):
    """Under which name customers with the same fields keep each column."""

    sent: Mapping[str, str]
    refused: Mapping[str, _Refused]


class _Fields:
    """Finds the columns among the names of one request's fields.

    Names that nobody knows cost time, so they are few and short, and none is kept.
    """

    def __init__(self, reader: CustomerReader, needed: Sequence[str]) -> None:
        self._reader = reader
        self._needed = needed
        self._columns: dict[str, str | None] = {}
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def layout(self, names: tuple[str, ...]) -> _Layout:
        """Return where the columns are among these names."""
        known = self._layouts.get(names)
        if known is None:
            known = self._layouts[names] = self._find(names)
        return known

    def _find(self, names: Sequence[str]) -> _Layout:
        found: dict[str, list[str]] = {}
        unknown: list[str] = []
        for name in names:
            column = self._column(name)
            if column is None:
                unknown.append(name)
            else:
                found.setdefault(column, []).append(name)
        sent: dict[str, str] = {}
        refused: dict[str, _Refused] = {}
        for column, candidates in found.items():
            best = candidates
            if len(candidates) > 1:
                best = self._best(column, candidates)
            sent[column] = best[-1]
            if len(best) > 1:
                refused[column] = _Refused(
                    f"{_listed(best)} all name {column}: leave one"
                )
        return _Layout(sent, refused | self._absent(sent, unknown))

    def _column(self, name: str) -> str | None:
        if name not in self._columns:
            if len(self._columns) == MOST_NAMES:
                detail = f"over {MOST_NAMES} different fields; at most {MOST_NAMES}"
                raise _refuse([field_problem(f"{detail} are read")])
            if len(name) > LONGEST_NAME:
                detail = f"a name of {len(name):,} characters; at most {LONGEST_NAME}"
                raise _refuse([field_problem(f"{detail} are read", name)])
            names = self._reader.names
            self._columns[name] = names.get(name) or names.get(normalise(name))
        return self._columns[name]

    def _best(self, column: str, sent: Sequence[str]) -> list[str]:
        """Return the fields of a column whose alias, with its unit, comes first."""
        spellings = [compact(each) for each in self._reader.spellings[column]]

        def rank(name: str) -> int:
            key = compact(name)
            return spellings.index(key) if key in spellings else len(spellings)

        least = min(map(rank, sent))
        return [name for name in sent if rank(name) == least]

    def _absent(
        self, sent: Mapping[str, str], unknown: Sequence[str]
    ) -> dict[str, _Refused]:
        """Return why columns are refused that are needed and must be there.

        One that is absent is a missing value, unless all of them are, or there are
        fields that are not recognised: one of them may be it, misspelt.
        """
        absent = [name for name in self._needed if name not in sent]
        is_reject = self._reader.model.missing_values == "reject"
        if not (is_reject or unknown or len(absent) == len(self._needed)):
            return {}
        seen = f"; not recognised: {_listed(unknown[:3])}" if unknown else ""
        null = "" if is_reject else ", or null to have it imputed"
        spellings = self._reader.spellings
        return {
            name: _Refused(
                f"absent{seen}; send it as {_listed(spellings[name][:2])}{null}"
            )
            for name in absent
        }


def _by_column(record: Any, info: ValidationInfo[_Fields]) -> dict[str, Any]:
    """Return a customer's values by the columns that their fields name."""
    if type(record) is not dict:
        raise PydanticCustomError("customer", "a customer must be an object")
    layout: _Layout = info.context.layout(tuple(record))
    values = {column: record[name] for column, name in layout.sent.items()}
    return {**values, **layout.refused}


def _not_empty(customer: dict[str, Any]) -> dict[str, Any]:
    if all(value is None for name, value in customer.items() if name != ID):
        raise PydanticCustomError("customer", "no feature value")
    return customer


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shorten(name, limit=40) for name in names)


def _unlike(value: object, is_number: bool | None) -> str:  # noqa: FBT001
    """Say that a value is none of a number, a category or, by None, an id."""
    if value is None:
        return "missing"
    if is_number and type(value) is int:
        # A whole number of any size is a number, but not every one is a float.
        return "not finite"
    if not is_number and isinstance(value, str):
        return "not a text but half a character or NUL"
    wanted = {True: "a number", False: "a text", None: "a text or a whole number"}
    return f"not {wanted[is_number]} but {_kind(value)}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _refuse(errors: Sequence[Mapping[str, Any]], n_invalid: int = 1) -> ProblemError:
    name = f"{errors[0]['field']}: " if "field" in errors[0] else ""
    least = "at least " if len(errors) == MOST_ERRORS else ""
    more = f" ({least}{n_invalid:,} customers in all)" if n_invalid > 1 else ""
    return ProblemError(
        422,
        "invalid-customer",
        "A customer cannot be assigned",
        f"{name}{errors[0]['detail']}{more}; nothing was assigned",
        errors=errors,
    )
