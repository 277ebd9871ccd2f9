"""What FastAPI cannot know of the service: its problems, and the model's columns."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from mall_segments.service.bodies import MOST_CUSTOMERS
from mall_segments.service.connection import MOST_BODY_SECONDS
from mall_segments.service.customers import MOST_NAMES
from mall_segments.service.limits import MOST_BODY_BYTES
from mall_segments.service.problems import MEDIA_TYPE
from mall_segments.service.schemas import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from mall_segments.model import Model
    from mall_segments.service.customers import CustomerReader

_JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{model}"
_CUSTOMER: Final = {"$ref": _REFERENCE.format(model="Customer")}
_BUILD_HEADER: Final = {
    "Mall-Segments-Build-Id": {
        "description": "The generation whose model answered.",
        "schema": {"type": "string"},
    }
}


def _problems(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": _REFERENCE.format(model="Problem")}
    return {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, text in descriptions.items()
    }


PREDICTION_RESPONSES: Final = {
    200: {
        "description": "One assignment, or a list in the customers' order.",
        "headers": _BUILD_HEADER,
    },
    **_problems(
        {
            400: "Ambiguous headers, or no valid JSON: a NaN, a key twice, too deep.",
            408: f"The body was not there within {MOST_BODY_SECONDS:g} seconds.",
            413: f"Over {MOST_BODY_BYTES:,} bytes or {MOST_CUSTOMERS:,} customers.",
            415: "The body is not application/json in UTF-8, or is compressed.",
            422: "A field or the query is wrong; nothing is assigned.",
            503: "No model is loaded yet.",
        }
    ),
}
MODEL_RESPONSES: Final = {
    200: {"headers": _BUILD_HEADER},
    **_problems({503: "No model is loaded yet."}),
}
METRICS_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Metrics.", "content": {"text/plain": {"schema": {}}}}
}
_CUSTOMERS: Final = {"type": "array", "items": _CUSTOMER, "maxItems": MOST_CUSTOMERS}
PREDICTION_REQUEST: Final = {
    "parameters": [
        {
            "name": "segmentation",
            "in": "query",
            "description": "What to assign to; the model's first by default.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {_JSON: {"schema": {"anyOf": [_CUSTOMER, _CUSTOMERS]}}},
    },
}


@lru_cache(maxsize=1)
def describe(app: FastAPI, reader: CustomerReader | None) -> dict[str, Any]:
    """Return the OpenAPI document with the fields of the model in use."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    components = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=_REFERENCE)
    components.update(problem.pop("$defs"))
    components["Problem"] = problem
    components["Customer"] = {"type": "object"}
    if reader is None:
        return document
    components["Customer"] = _customer(reader)
    operation = document["paths"]["/predict_cluster"]["post"]
    operation["parameters"][0]["schema"]["enum"] = [
        each.name for each in reader.model.segmentations
    ]
    one = _example(reader.model)
    operation["requestBody"]["content"][_JSON]["examples"] = {
        "one": {"value": one},
        "list": {"value": [{"customer_id": "0007", **one}, one]},
    }
    return document


def _customer(reader: CustomerReader) -> dict[str, Any]:
    customer: dict[str, Any] = reader.adapter.json_schema()["$defs"]["Customer"]
    for column in reader.model.columns:
        for alias in column.aliases[:1]:
            customer["properties"][alias] = customer["properties"][column.name]
    return customer | {
        "description": (
            "Fields are recognised as the columns of a file are: case, spaces, "
            "punctuation and units are ignored, and every alias of the model is known. "
            "A missing value is null. A feature may be absent, too, unless there are "
            "fields that are not recognised: one of them may be it, misspelt."
        ),
        "additionalProperties": True,
        "maxProperties": MOST_NAMES,
    }


def _example(model: Model) -> dict[str, Any]:
    """Return a customer that the model can assign, as a file would name its columns."""
    return {
        (column.aliases or [column.name])[0]: column.imputed
        if column.type == "number"
        else next(iter(column.levels or {"unknown": []}))
        for column in model.columns
    }
