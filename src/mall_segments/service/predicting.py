"""From the body of a request to the body of its answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import TypeAdapter

from mall_segments.scoring.assignment import assign
from mall_segments.service.bodies import parse_json
from mall_segments.service.schemas import Assignment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.model import Model, ModelSegmentation
    from mall_segments.service.customers import CustomerReader, Customers

_ONE: Final = TypeAdapter(Assignment)
_MANY: Final = TypeAdapter(list[Assignment])


class Predicted(NamedTuple):
    """Assignments in JSON, and how many customers each segment got."""

    body: bytes
    n_customers: Mapping[int, int]


def predict(
    reader: CustomerReader, segmentation: ModelSegmentation, body: bytes
) -> Predicted:
    """Assign the customers of a request, all of them or none."""
    content = parse_json(body)
    customers = reader.read(content, segmentation.features)
    answers = _answer(reader.model, segmentation, customers)
    return Predicted(
        _MANY.dump_json(answers)
        if isinstance(content, list)
        else _ONE.dump_json(answers[0]),
        Counter(answer["segment_id"] for answer in answers),
    )


def _answer(
    model: Model, segmentation: ModelSegmentation, customers: Customers
) -> list[Assignment]:
    if not customers.n:
        return []
    found = assign(model, segmentation, customers.columns)
    segments, features = segmentation.segments, segmentation.features
    answers: list[Assignment] = [
        {
            "segment_id": segments[segment].segment_id,
            "segment_name": segments[segment].segment_name,
            "persona": segments[segment].persona,
            "distance": distance,
            "second_segment_id": segments[second].segment_id,
            "membership": membership,
            "is_outlier": outlier,
            "is_imputed": imputed,
            "main_reason": features[reason],
            "segmentation": segmentation.name,
            "build_id": model.build_id,
        }
        for segment, distance, second, membership, outlier, imputed, reason in zip(
            found.segment.tolist(),
            found.distance.tolist(),
            found.second.tolist(),
            found.membership.tolist(),
            found.is_outlier.tolist(),
            found.is_imputed.tolist(),
            found.reason.tolist(),
            strict=True,
        )
    ]
    for place, customer_id in customers.ids.items():
        answers[place] = {"customer_id": customer_id, **answers[place]}
    return answers
