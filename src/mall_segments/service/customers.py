"""Read customers from JSON, by the rules that a build has for the rows of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import TypeAdapter, ValidationError
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

# In the words of the build; anything else is said by pydantic.
_COMPLAINTS: Final = {
    "greater_than_equal": "below {ge:.15g}",
    "less_than_equal": "above {le:.15g}",
    "multiple_of": "not a whole number",
    "string_too_long": "longer than {max_length} characters",
    "value_error": "{error}",
}


class _InvalidError(Exception):
    """What is wrong with a customer, by the name of the field as it was sent."""

    def __init__(self, fields: Mapping[str | None, str]) -> None:
        super().__init__()
        self.fields = fields


class CustomerReader:
    """Finds and checks the values of customers that come as JSON objects.

    ``adapter`` validates one customer, ``assigners`` assign them, each to the
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
        # Cast, because a type checker takes no fields that only the model knows.
        make = cast("Any", TypedDict)
        self.adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(
            make("Customer", customer_fields(model))
        )

    def read(self, content: object, needed: Sequence[str]) -> list[dict[str, Any]]:
        """Return one customer, or a list of them, by columns; all or nothing.

        Numbers are floats, categories levels, None is what is missing.
        """
        if not isinstance(content, dict | list):
            raise _refuse([field_problem("it must be an object or a list of them")])
        is_list = isinstance(content, list)
        customers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        n_invalid = 0
        columns: dict[str, str | None] = {}
        for place, record in enumerate(content if is_list else [content]):
            try:
                customers.append(self._read_one(record, needed, columns))
            except _InvalidError as invalid:
                n_invalid += 1
                errors += [
                    field_problem(why, name, place if is_list else None)
                    for name, why in invalid.fields.items()
                ]
                if len(errors) >= MOST_ERRORS:
                    break
        if errors:
            raise _refuse(errors[:MOST_ERRORS], n_invalid)
        return customers

    def _read_one(
        self, record: Any, needed: Sequence[str], columns: dict[str, str | None]
    ) -> dict[str, Any]:
        """Read a customer; ``columns`` are those of the request's names so far."""
        if not isinstance(record, dict):
            raise _InvalidError({None: "a customer must be an object"})
        sent: dict[str, str] = {}
        unknown: list[str] = []
        for name in record:
            column = self._column(name, columns)
            if column is None:
                unknown.append(name)
            elif column in sent:
                sent[column] = self._better(column, sent[column], name)
            else:
                sent[column] = name
        self._refuse_absent(sent, unknown, needed)
        values = {column: record[name] for column, name in sent.items()}
        try:
            customer = self.adapter.validate_python(values)
        except ValidationError as invalid:
            wrong: dict[str | None, str] = {}
            for error in invalid.errors(include_url=False):
                # Of a value of several kinds, the first kind complains.
                wrong.setdefault(sent[str(error["loc"][0])], _complaint(error))
            raise _InvalidError(wrong) from None
        if all(value is None for name, value in customer.items() if name != ID):
            raise _InvalidError({None: "no feature value"})
        return customer

    def _better(self, column: str, first: str, second: str) -> str:
        """Return which of two fields to read: the one whose alias comes first."""
        spellings = [compact(each) for each in self.spellings[column]]
        both = [each for each in spellings if each in (compact(first), compact(second))]
        if not both or compact(first) == compact(second):
            listed = _listed([first, second])
            raise _InvalidError({second: f"{listed} all name {column}: leave one"})
        return first if compact(first) == both[0] else second

    def _column(self, name: str, columns: dict[str, str | None]) -> str | None:
        """Find a field's column; unknown names cost time, so they are few and short."""
        if name not in columns:
            if len(columns) == MOST_NAMES:
                detail = f"over {MOST_NAMES} different fields; at most {MOST_NAMES}"
                raise _refuse([field_problem(f"{detail} are read")])
            if len(name) > LONGEST_NAME:
                detail = f"a name of {len(name):,} characters; at most {LONGEST_NAME}"
                raise _refuse([field_problem(f"{detail} are read", name)])
            columns[name] = self.names.get(name) or self.names.get(normalise(name))
        return columns[name]

    def _refuse_absent(
        self, sent: Mapping[str, str], unknown: Sequence[str], needed: Sequence[str]
    ) -> None:
        """Refuse a customer without columns that must be there.

        One that is absent is a missing value, unless all of them are, or there are
        fields that are not recognised: one of them may be it, misspelt.
        """
        absent = [name for name in needed if name not in sent]
        is_reject = self.model.missing_values == "reject"
        if absent and (is_reject or unknown or len(absent) == len(needed)):
            seen = f"; not recognised: {_listed(unknown[:3])}" if unknown else ""
            null = "" if is_reject else ", or null to have it imputed"
            raise _InvalidError(
                {
                    name: f"absent{seen}; send it as "
                    f"{_listed(self.spellings[name][:2])}{null}"
                    for name in absent
                }
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shorten(name, limit=40) for name in names)


def _complaint(error: ErrorDetails) -> str:
    if error["input"] is None:
        return "missing"
    if words := _COMPLAINTS.get(error["type"]):
        return words.format(**error["ctx"])
    return f"{error['msg']}, not {shorten(error['input'])}"


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
