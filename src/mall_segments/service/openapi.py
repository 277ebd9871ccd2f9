"""The OpenAPI document: what may be asked, and every answer there is."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from mall_segments.scoring.model_settings import plain
from mall_segments.scoring.records import LONGEST_ID, MOST_FIELDS
from mall_segments.service import schemas
from mall_segments.service.problems import MEDIA_TYPE
from mall_segments.service.requests import (
    MOST_BODY_BYTES,
    MOST_BODY_SECONDS,
    MOST_CUSTOMERS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from mall_segments.model_file import Feature, Model
    from mall_segments.service.store import LoadedModel

_JSON: Final = "application/json"
_BUILD_HEADER: Final = {
    "Mall-Segments-Build-Id": {
        "description": "The generation whose model answered.",
        "schema": {"type": "string"},
    }
}
_PROBLEMS: Final = {
    400: "The body is not valid JSON: a NaN, a key twice, nested too deeply.",
    408: f"The body was not there within {MOST_BODY_SECONDS:g} seconds.",
    413: f"More than {MOST_BODY_BYTES:,} bytes or {MOST_CUSTOMERS:,} customers.",
    415: "The body is not application/json in UTF-8, or is compressed.",
    422: "A field or the query is wrong; the errors name it, and nothing is assigned.",
    503: "No model is loaded yet.",
}
_ANSWERS: Final[dict[str, tuple[str, Any]]] = {
    "segments": ("Every segment.", schemas.Segments),
    "model": ("The model.", schemas.ModelDescription),
    "health": ("Alive.", schemas.Health),
    "ready": ("A model is loaded.", schemas.Readiness),
}


def route_options(name: str) -> dict[str, Any]:
    """Return what FastAPI is told about one route."""
    if name == "predict_cluster":
        return _prediction_options()
    if name == "metrics":
        text = {"text/plain": {"schema": {"type": "string"}}}
        return {"responses": {200: {"description": "Metrics.", "content": text}}}
    description, model = _ANSWERS[name]
    responses: dict[int, Any] = {200: {"description": description, "model": model}}
    if name in ("segments", "model"):
        responses[200]["headers"] = _BUILD_HEADER
    if name != "health":
        responses[503] = _problem(_PROBLEMS[503])
    return {"responses": responses, "response_model": None}


def describe_service(
    routes: Sequence[BaseRoute], loaded: LoadedModel | None
) -> dict[str, Any]:
    """Return the OpenAPI document, with the fields of the model in use."""
    document = get_openapi(
        title="mall-segments",
        version=version("mall-segments"),
        summary="Assigns mall customers to the published segments.",
        routes=routes,
    )
    components = document["components"]["schemas"]
    components["Customer"] = _customer(loaded.model) if loaded else {"type": "object"}
    problem = schemas.Problem.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    components.update(problem.pop("$defs"))
    components["Problem"] = problem
    operation = document["paths"]["/predict_cluster"]["post"]
    names = [name for name in loaded.answers if name] if loaded else []
    operation["parameters"][0]["schema"]["enum"] = names
    return document


def _prediction_options() -> dict[str, Any]:
    customer = {"$ref": "#/components/schemas/Customer"}
    example = {"Age": 19, "Annual Income (k$)": 15, "Spending Score (1-100)": 39}
    return {
        "response_model": None,
        "responses": {
            200: {
                "description": "One assignment, or a list in the customers' order.",
                "model": schemas.Assignment | list[schemas.Assignment],
                "headers": _BUILD_HEADER,
                "content": {
                    _JSON: {
                        "examples": {
                            "one": {"value": schemas.ASSIGNMENT_EXAMPLE},
                            "list": {"value": [schemas.ASSIGNMENT_EXAMPLE]},
                        }
                    }
                },
            },
            **{status: _problem(text) for status, text in _PROBLEMS.items()},
        },
        "openapi_extra": {
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
                "content": {
                    _JSON: {
                        "schema": {
                            "anyOf": [
                                customer,
                                {
                                    "type": "array",
                                    "items": customer,
                                    "maxItems": MOST_CUSTOMERS,
                                },
                            ]
                        },
                        "examples": {
                            "one": {"value": example},
                            "list": {
                                "value": [
                                    {"customer_id": "0007", **example},
                                    {
                                        "annual_income_kusd": 77,
                                        "spending_score": None,
                                    },
                                ]
                            },
                        },
                    }
                },
            },
        },
    }


def _customer(model: Model) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "customer_id": {
            "type": ["string", "integer", "null"],
            "maxLength": LONGEST_ID,
            "description": "Handed back with the answer.",
        },
        "gender": {"type": ["string", "null"], "description": "Checked, not used."},
    }
    for feature in model.features:
        schema = _feature(feature, is_nullable=model.missing_values == "impute")
        for name in (feature.name, *feature.aliases[:1]):
            properties[name] = schema
    return {
        "type": "object",
        "description": (
            "Fields are recognised as the columns of a file are: case, spaces, "
            "punctuation and units are ignored, and every alias of the model is known. "
            "A missing value is null. A feature may be absent, too, unless there are "
            "fields that are not recognised: one of them may be it, misspelt."
        ),
        "properties": properties,
        "maxProperties": MOST_FIELDS,
    }


def _feature(feature: Feature, *, is_nullable: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": ["number", "null"] if is_nullable else "number",
        "description": "Also known as " + ", ".join(feature.aliases) + ".",
    }
    if feature.minimum is not None:
        schema["minimum"] = plain(feature.minimum)
    if feature.maximum is not None:
        schema["maximum"] = plain(feature.maximum)
    if feature.is_whole:
        schema["multipleOf"] = 1
    return schema


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
