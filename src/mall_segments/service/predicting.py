"""From the body of a request to the body of its answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import TypeAdapter

from mall_segments.service.bodies import parse_json
from mall_segments.service.schemas import Assignment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.model import ModelSegmentation
    from mall_segments.service.customers import CustomerReader

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
    answers = _answer(reader, segmentation, customers)
    return Predicted(
        _MANY.dump_json(answers)
        if isinstance(content, list)
        else _ONE.dump_json(answers[0]),
        Counter(answer["segment_id"] for answer in answers),
    )


def _answer(
    reader: CustomerReader,
    segmentation: ModelSegmentation,
    customers: Sequence[Mapping[str, Any]],
) -> list[Assignment]:
    if not customers:
        return []
    segments, features = segmentation.segments, segmentation.features
    found = reader.assigners[segmentation.name].assign(
        {name: [each.get(name) for each in customers] for name in features}
    )
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
            "build_id": reader.model.build_id,
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
    for place, customer in enumerate(customers):
        if "customer_id" in customer:
            answers[place] = {
                "customer_id": customer["customer_id"],
                **answers[place],
            }
    return answers
