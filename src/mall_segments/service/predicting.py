"""From the body of a request to the answer about each customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.service.bodies import parse_json

if TYPE_CHECKING:
    from mall_segments.model import ModelSegmentation
    from mall_segments.service.customers import CustomerReader
    from mall_segments.service.schemas import Assignment


def predict(
    reader: CustomerReader, segmentation: ModelSegmentation, body: bytes
) -> Assignment | list[Assignment]:
    """Assign one customer or a list of them, all or none."""
    content = parse_json(body)
    segments, features = segmentation.segments, segmentation.features
    customers = reader.read(content, features)
    if not customers:
        return []
    found = reader.assigners[segmentation.name].assign(
        {name: [each.get(name) for each in customers] for name in features}
    )
    columns = (
        *(found.segment, found.distance, found.second, found.membership),
        *(found.is_outlier, found.is_imputed, found.reason),
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
            *(column.tolist() for column in columns), strict=True
        )
    ]
    for answer, customer in zip(answers, customers, strict=True):
        if "customer_id" in customer:
            answer["customer_id"] = customer["customer_id"]
    return answers if isinstance(content, list) else answers[0]
