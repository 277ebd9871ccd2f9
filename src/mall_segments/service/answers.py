"""Answer customers in JSON, fast where the same values come again.

Values lie on their features' grids, so a shop asks for far fewer points than it has
customers. Each is computed and spelled once and remembered; what is remembered belongs
to one model and goes with it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mall_segments.scoring.assigning import Assigner, Assignment
from mall_segments.scoring.records import (
    FieldError,
    InvalidCustomerError,
    RecordReader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mall_segments.model_file import Model, Segmentation
    from mall_segments.scoring.records import Layout

    Values = tuple[Any, ...]

MOST_LAYOUTS: Final = 64
MOST_ERRORS: Final = 100

_MOST_REMEMBERED: Final = 65_536
_MOST_READINGS: Final = 1024
_FEW_POINTS: Final = 16
_POINTS_AT_ONCE: Final = 1000
_CUSTOMERS_AT_ONCE: Final = 500


class InvalidBatchError(Exception):
    """Customers that cannot be assigned.

    Attributes
    ----------
    errors : list of (int or None, FieldError)
        Position in the batch (None for the batch itself) and error, the first ones.
    n_invalid : int
        How many customers have any.
    """

    def __init__(
        self, errors: list[tuple[int | None, FieldError]], n_invalid: int
    ) -> None:
        super().__init__(f"{n_invalid:,} customers cannot be assigned")
        self.errors = errors
        self.n_invalid = n_invalid


class Answered(NamedTuple):
    """Assignments in JSON, and how many customers are of which segment."""

    text: str
    n_customers: Mapping[int, int]


class _Answer(NamedTuple):
    """One assignment: a JSON object without its opening brace, and its segment."""

    segment_id: int
    rest: str


# The encoder itself, as `json.dumps` takes a while to find it.
_spell: Final = json.JSONEncoder().encode
_spell_text: Final = json.encoder.encode_basestring_ascii


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """How customers with the same fields are read."""

    layout: Layout
    is_complete: bool
    values: Callable[[Mapping[str, Any]], Values]
    others: Callable[[Mapping[str, Any]], object]
    valid_others: set[object]
    id_field: str | None


class Answers:
    """The answers of one model for one of its segmentations.

    Parameters
    ----------
    model : Model
        The published model.
    segmentation : Segmentation
        One of its segmentations.
    """

    def __init__(self, model: Model, segmentation: Segmentation) -> None:
        self.segmentation = segmentation.name
        self._assigner = Assigner(model, segmentation)
        self._reader = RecordReader(model, self._assigner.features)
        self._ending = _json(
            {"segmentation": segmentation.name, "build_id": model.build_id}
        )[1:]
        self._beginnings = {
            segment.segment_id: _json(
                {
                    "segment_id": segment.segment_id,
                    "segment_name": segment.segment_name,
                    "persona": segment.persona,
                }
            )[1:-1]
            for segment in segmentation.segments
        }
        self._readings: dict[tuple[str, ...], _Reading] = {}
        self._remembered: dict[Values, _Answer] = {}

    def one(self, record: Mapping[str, Any]) -> Answered:
        """Answer one customer.

        Raises
        ------
        InvalidCustomerError
            If it cannot be assigned.
        """
        reading = self._reading(tuple(record))
        self._reader.check(record, reading.layout)
        values = reading.values(record)
        answer = self._remembered.get(values)
        if answer is None:
            answer = self._remember(values, self._assigner.assign(values))
        beginning = "{"
        if reading.id_field is not None:
            beginning = f'{{"customer_id":{_spell(record[reading.id_field])},'
        return Answered(beginning + answer.rest, {answer.segment_id: 1})

    def many(
        self, records: Sequence[object], *, has_booleans: bool
    ) -> Iterator[Answered | None]:
        """Answer a batch, all of it or nothing, in small steps.

        Parameters
        ----------
        records : sequence of object
            The customers.
        has_booleans : bool
            Whether any value may be true or false. Python takes those for 1 and 0, so
            that every customer is then looked at, and not only values never seen.

        Yields
        ------
        Answered or None
            None wherever a step is done, and at last the answers in the order of the
            customers.

        Raises
        ------
        InvalidBatchError
            If any cannot be assigned.
        """
        try:
            groups = self._groups(records)
            yield None
            is_valid = not has_booleans and all(map(self._is_valid, groups))
        except (TypeError, InvalidCustomerError):
            # No object, a value that is none of ours, or fields of two meanings.
            is_valid = False
        yield None
        if not is_valid:
            for _ in self._check_each(records):
                yield None
        texts = [""] * len(records)
        n_customers: Counter[int] = Counter()
        for group in groups:
            known: dict[Values, _Answer] = {}
            for _ in self._find(group, known):
                yield None
            n_customers.update(map(itemgetter(0), map(known.__getitem__, group.values)))
            yield None
            found = _texts(group, known)
            if len(groups) == 1:
                texts = found
            else:
                for position, text in zip(group.positions, found, strict=True):
                    texts[position] = text
            yield None
        yield Answered(f"[{','.join(texts)}]", n_customers)

    def _groups(self, records: Sequence[object]) -> list[_Group]:
        """Put customers with the same fields together, as they are read alike."""
        if not set(map(type, records)) <= {dict}:
            raise TypeError
        customers: Sequence[Any] = records
        layouts = list(map(tuple, customers))
        positions: dict[tuple[str, ...], Sequence[int]] = dict.fromkeys(
            layouts, range(len(layouts))
        )
        if len(positions) > MOST_LAYOUTS:
            detail = (
                f"the customers have {len(positions):,} different sets of fields; at "
                f"most {MOST_LAYOUTS} are read at once"
            )
            raise InvalidBatchError([(None, FieldError(field=None, detail=detail))], 1)
        if len(positions) > 1:
            found: dict[tuple[str, ...], list[int]] = {names: [] for names in positions}
            for position, names in enumerate(layouts):
                found[names].append(position)
            positions.update(found)
        groups = []
        for names, own in positions.items():
            members = [customers[position] for position in own]
            reading = self._reading(names)
            values = list(map(reading.values, members))
            groups.append(_Group(reading, own, members, values))
        return groups

    def _is_valid(self, group: _Group) -> bool:
        """Whether all customers are valid, judged by one for each set of values."""
        reading, members = group.reading, group.members
        if not reading.is_complete:
            return False
        if reading.id_field is not None:
            ids = list(map(itemgetter(reading.id_field), members))
            if not self._reader.are_ids(ids):
                return False
        points = dict(zip(group.values, members, strict=True))
        others = dict(zip(map(reading.others, members), members, strict=True))
        try:
            for values in points.keys() - self._remembered.keys():
                self._reader.check(points[values], reading.layout)
            for value in others.keys() - reading.valid_others:
                self._reader.check(others[value], reading.layout)
        except InvalidCustomerError:
            return False
        if len(reading.valid_others) >= _MOST_REMEMBERED:
            reading.valid_others.clear()
        reading.valid_others.update(others)
        return True

    def _check_each(self, records: Sequence[object]) -> Iterator[None]:
        """Look at every customer, and refuse the batch if any is invalid."""
        errors: list[tuple[int | None, FieldError]] = []
        n_invalid = 0
        for position, record in enumerate(records):
            found = self._errors(record)
            n_invalid += bool(found)
            room = MOST_ERRORS - len(errors)
            errors += [(position, error) for error in found[:room]]
            if position % _CUSTOMERS_AT_ONCE == _CUSTOMERS_AT_ONCE - 1:
                yield
        if n_invalid:
            raise InvalidBatchError(errors, n_invalid)

    def _errors(self, record: object) -> Sequence[FieldError]:
        if type(record) is not dict:
            return [FieldError(field=None, detail="a customer must be an object")]
        try:
            self._reader.check(record, self._reading(tuple(record)).layout)
        except InvalidCustomerError as error:
            return error.errors
        return []

    def _find(self, group: _Group, known: dict[Values, _Answer]) -> Iterator[None]:
        """Find the answer for each set of values of a group, and remember it."""
        missing = []
        for values in dict.fromkeys(group.values):
            answer = self._remembered.get(values)
            if answer is None:
                missing.append(values)
            else:
                known[values] = answer
        for start in range(0, len(missing), _POINTS_AT_ONCE):
            yield
            points = missing[start : start + _POINTS_AT_ONCE]
            assignments = (
                self._assigner.assign_many(points)
                if len(points) > _FEW_POINTS
                else map(self._assigner.assign, points)
            )
            for values, assignment in zip(points, assignments, strict=True):
                known[values] = self._remember(values, assignment)

    def _reading(self, names: tuple[str, ...]) -> _Reading:
        reading = self._readings.get(names)
        if reading is None:
            layout = self._reader.layout(names)
            reading = _Reading(
                layout=layout,
                is_complete=not self._reader.absent(layout),
                values=layout.getter(self._reader.needed),
                others=_getter(layout, [*self._reader.others, "gender"]),
                valid_others=set(),
                id_field=layout.fields.get("customer_id"),
            )
            if len(self._readings) >= _MOST_READINGS:
                self._readings.clear()
            self._readings[names] = reading
        return reading

    def _remember(self, values: Values, assignment: Assignment) -> _Answer:
        segment_id = assignment.segment.segment_id
        answer = _Answer(
            segment_id=segment_id,
            rest=(
                f"{self._beginnings[segment_id]},"
                f'"distance":{assignment.distance!r},'
                f'"second_segment_id":{assignment.second_segment_id},'
                f'"membership":{assignment.membership!r},'
                f'"is_outlier":{"true" if assignment.is_outlier else "false"},'
                f'"is_imputed":{"true" if assignment.is_imputed else "false"},'
                f"{self._ending}"
            ),
        )
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[values] = answer
        return answer


@dataclass(frozen=True)
class _Group:
    """Customers of a batch that have the same fields."""

    reading: _Reading
    positions: Sequence[int]
    members: list[Mapping[str, Any]]
    values: list[Values]


def _getter(
    layout: Layout, names: Sequence[str]
) -> Callable[[Mapping[str, Any]], object]:
    """Return what fetches the values of those fields that are there."""
    fields = [layout.fields[name] for name in names if name in layout.fields]
    return itemgetter(*fields) if fields else lambda _: None


def _texts(group: _Group, known: Mapping[Values, _Answer]) -> list[str]:
    """Spell the answers of a group, with the customers' ids if they have any."""
    rests = [known[values].rest for values in group.values]
    field = group.reading.id_field
    if field is None:
        return ["{" + rest for rest in rests]
    ids: list[Any] = list(map(itemgetter(field), group.members))
    kinds = set(map(type, ids))
    spell = str if kinds == {int} else _spell_text if kinds == {str} else _spell
    return [
        f'{{"customer_id":{customer_id},{rest}'
        for customer_id, rest in zip(map(spell, ids), rests, strict=True)
    ]


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))
