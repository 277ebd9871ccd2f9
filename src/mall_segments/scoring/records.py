"""Read customers from JSON, by the rules that a build has for the rows of a file."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Never

import msgspec

from mall_segments.intake.columns import list_columns, match_columns
from mall_segments.scoring.model_settings import ModelColumns, plain
from mall_segments.settings import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.model_file import Feature, Model

MOST_FIELDS: Final = 64
LONGEST_NAME: Final = 200
LONGEST_ID: Final = 256

_LARGEST: Final = sys.float_info.max
_SHOWN_FIELDS: Final = 3


class InvalidJsonError(Exception):
    """Why a text is not the JSON of one meaning that is asked for."""


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one field of a customer.

    ``field`` is the field as the customer names it, or the canonical name of one that
    is absent; None where no field is to blame.
    """

    field: str | None
    detail: str


class InvalidCustomerError(Exception):
    """A customer that cannot be assigned; ``errors`` has every reason."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where customers with the same fields keep what the model reads.

    Attributes
    ----------
    fields : mapping of str to str
        Canonical name to field, of those that are there.
    unknown : tuple of str
        Fields that are not read.
    """

    fields: Mapping[str, str]
    unknown: tuple[str, ...]

    def getter(self, names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
        """Return what fetches these values as a tuple; absent ones are None."""
        fields = [self.fields.get(name) for name in names]
        present = [field for field in fields if field is not None]
        if len(present) == len(fields) and len(fields) > 1:
            return itemgetter(*present)
        return lambda record: tuple(
            None if field is None else record[field] for field in fields
        )


class RecordReader:
    """Finds and checks the values of customers that come as JSON objects.

    Parameters
    ----------
    model : Model
        The published model: its aliases, ranges and handling of missing values.
    needed : sequence of str
        Features that the customer is assigned by. The others are checked, too, since a
        build rejects a customer for any of them, but may be absent.
    """

    def __init__(self, model: Model, needed: Sequence[str]) -> None:
        self._columns = ModelColumns.of(model)
        self._features = {feature.name: feature for feature in model.features}
        self._is_reject = model.missing_values == "reject"
        self.needed = tuple(needed)
        self.others = tuple(name for name in self._features if name not in needed)

    def layout(self, names: Sequence[str]) -> Layout:
        """Recognise the fields of a customer, as the header of a file is recognised.

        Raises
        ------
        InvalidCustomerError
            If there are too many fields, or two fit one feature equally well.
        """
        if len(names) > MOST_FIELDS:
            detail = f"it has {len(names):,} fields; at most {MOST_FIELDS} are read"
            raise InvalidCustomerError([FieldError(field=None, detail=detail)])
        readable = [name for name in names if len(name) <= LONGEST_NAME]
        fields: dict[str, str] = {}
        errors = []
        for name, positions in match_columns(readable, self._columns).items():
            if len(positions) > 1:
                found = [readable[position] for position in positions]
                detail = f"{list_columns(found)} all name {name}: leave one"
                errors.append(FieldError(field=found[1], detail=detail))
            elif positions:
                fields[name] = readable[positions[0]]
        if errors:
            raise InvalidCustomerError(errors)
        read = set(fields.values())
        return Layout(
            fields=fields, unknown=tuple(name for name in names if name not in read)
        )

    def check(self, record: Mapping[str, Any], layout: Layout) -> None:
        """Refuse a customer that a build would reject.

        Raises
        ------
        InvalidCustomerError
            With an error for each field that is wrong.
        """
        errors = self.absent(layout)
        for name in self._features:
            field = layout.fields.get(name)
            if field is not None:
                problem = self._problem(self._features[name], record[field])
                if problem:
                    errors.append(FieldError(field=field, detail=problem))
        for name, problem_with in (
            ("customer_id", self.id_problem),
            ("gender", _gender_problem),
        ):
            field = layout.fields.get(name)
            problem = problem_with(record[field]) if field is not None else None
            if problem:
                errors.append(FieldError(field=field, detail=problem))
        if errors:
            raise InvalidCustomerError(errors)

    def absent(self, layout: Layout) -> list[FieldError]:
        """Return an error for each feature that is needed and must be there.

        A feature that is absent is a missing value, unless all of them are, or there
        are fields that are not recognised: one of them may be the feature, misspelt.
        """
        absent = [name for name in self.needed if name not in layout.fields]
        is_needed = self._is_reject or layout.unknown or len(absent) == len(self.needed)
        if not absent or not is_needed:
            return []
        unknown = (
            f"; not recognised: {list_columns(layout.unknown, _SHOWN_FIELDS)}"
            if layout.unknown
            else ""
        )
        return [
            FieldError(
                field=name,
                detail=f"absent{unknown}{self._advice(self._features[name])}",
            )
            for name in absent
        ]

    def id_problem(self, value: object) -> str | None:
        """Say what is wrong with a customer id, or None."""
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return None
        if not isinstance(value, str):
            return f"not a text or a whole number but {_kind(value)}"
        if len(value) > LONGEST_ID:
            return f"longer than {LONGEST_ID} characters"
        return None

    def are_ids(self, values: Sequence[Any]) -> bool:
        """Whether `id_problem` finds nothing wrong with any of the values."""
        kinds = set(map(type, values))
        if not kinds <= {int, str, type(None)}:
            return False
        texts = [value for value in values if type(value) is str]
        return max(map(len, texts), default=0) <= LONGEST_ID

    def _advice(self, feature: Feature) -> str:
        names = list_columns([feature.name, *feature.aliases[:1]])
        null = "" if self._is_reject else ", or null to have it imputed"
        return f"; send it as {names}{null}"

    def _problem(self, feature: Feature, value: object) -> str | None:
        """Say what is wrong with a value in the words of the build, or None."""
        if value is None:
            return "missing" if self._is_reject else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"not a number but {_kind(value)}"
        return _number_problem(feature, value)


def parse_json(body: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no NaN, no key twice, not too deep.

    Parameters
    ----------
    body : bytes
        The text.

    Returns
    -------
    object
        What it says.

    Raises
    ------
    InvalidJsonError
        If it is not that.

    Examples
    --------
    >>> parse_json(b'{"Age": 30}')
    {'Age': 30}
    """
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        # It is three times as fast, but refuses half a character that is escaped, and
        # does not say as well what is wrong.
        return _parse_slowly(body)
    # There is a colon between each key and its value, so one that was dropped, because
    # it came again, leaves one over. Those in texts only cost time.
    if body.count(b":") != _count_pairs(content):
        return _parse_slowly(body)
    return content


def _parse_slowly(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise InvalidJsonError("it is nested too deeply") from None
    except (json.JSONDecodeError, _RefusedJsonError) as error:
        raise InvalidJsonError(str(error)) from None
    except ValueError:
        raise InvalidJsonError("it holds a number of too many digits") from None


class _RefusedJsonError(Exception):
    """What the parser alone would let pass."""


def _count_pairs(content: object) -> int:
    if isinstance(content, dict):
        return len(content)
    if isinstance(content, list) and set(map(type, content)) == {dict}:
        return sum(map(len, content))
    return 0


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RefusedJsonError(f"it names the key {shorten(key)} twice")
            seen.add(key)
    return content


def _refuse_constant(constant: str) -> Never:
    raise _RefusedJsonError(f"it holds {constant}, which is not a number")


def _number_problem(feature: Feature, value: float) -> str | None:
    if not -_LARGEST <= value <= _LARGEST:
        return "not finite"
    if feature.minimum is not None and value < feature.minimum:
        return f"below {plain(feature.minimum)}"
    if feature.maximum is not None and value > feature.maximum:
        return f"above {plain(feature.maximum)}"
    if feature.is_whole and value != math.floor(value):
        return "not a whole number"
    return None


def _gender_problem(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None
    return f"not a text but {_kind(value)}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return "a number"
