"""The service keeps to its own OpenAPI document, whatever is sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

if TYPE_CHECKING:
    from running_service import RunningService

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
SEGMENTATIONS = ("income_spending", "age_income_spending")
N_PARTS = 2
N_DRAWN_PER_MODE = 255
N_DRAWN_IN_SHORT = 8
N_CASES_PER_DRAWN = 10
N_BEFORE = 2
POSITIVE, NEGATIVE = (
    schemathesis.GenerationMode.POSITIVE,
    schemathesis.GenerationMode.NEGATIVE,
)


def cases_of(drawn: Any, before: list[Any]) -> list[Any]:
    """Return a case as it was drawn, and nine that it makes with the two before.

    Drawing takes far longer than sending, and each of the ten is another request: the
    body of one with the headers and query of another, both bodies in one list, and
    the body, alone and with each other, for a segmentation that there is.
    """
    cases = [drawn]
    if not drawn.operation.body:
        return cases
    make, media_type = drawn.operation.Case, drawn.media_type
    chosen = {"segmentation": SEGMENTATIONS[len(str(drawn.body)) % 2]}
    for other in before:
        bodies = [each.body for each in (other, drawn) if is_json(each.body)]
        cases += [
            make(
                headers=other.headers,
                query=other.query,
                body=drawn.body,
                media_type=media_type,
            ),
            make(
                headers=drawn.headers,
                query=drawn.query,
                body=other.body,
                media_type=other.media_type,
            ),
            make(
                headers=other.headers,
                query=other.query,
                body=in_one_list(bodies),
                media_type=media_type,
            ),
            make(query=chosen, body=in_one_list(bodies), media_type=media_type),
        ]
    return [*cases, make(query=chosen, body=drawn.body, media_type=media_type)]


def is_json(body: object) -> bool:
    return body is None or isinstance(body, dict | list | str | int | float)


def in_one_list(bodies: list[Any]) -> list[Any]:
    return [
        each for body in bodies for each in (body if isinstance(body, list) else [body])
    ]


def run_cases(service: RunningService, *, part: int, n_drawn: int) -> dict[int, int]:
    """Send generated requests to every operation; answer how many by status."""
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    statuses: dict[int, int] = {}
    before: deque[Any] = deque(maxlen=N_BEFORE)
    with requests.Session() as session:

        def send(case: Any) -> None:
            for each in cases_of(case, [*before]):
                response = each.call(session=session)
                status = response.status_code
                statuses[status] = statuses.get(status, 0) + 1
                each.validate_response(response, checks=CHECKS)
            if case.operation.body:
                before.append(case)

        for found in schema.get_all_operations():
            operation = found.ok()
            # Where nothing is sent, nothing can be wrong with it.
            for mode in (POSITIVE, NEGATIVE) if operation.body else (POSITIVE,):
                strategy = operation.as_strategy(generation_mode=mode)
                check = settings(
                    max_examples=n_drawn,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )(given(case=strategy)(send))
                seed(part)(check)()
    return statuses


def test_a_few_generated_requests_are_answered_as_documented(
    shared_service: RunningService,
) -> None:
    statuses = run_cases(shared_service, part=N_PARTS, n_drawn=N_DRAWN_IN_SHORT)

    n_combined = 2 * N_DRAWN_IN_SHORT - N_BEFORE
    assert sum(statuses.values()) >= n_combined * N_CASES_PER_DRAWN
    assert statuses[200] > 0


@pytest.mark.slow(seconds=50)  # 10,000 requests in all
@pytest.mark.parametrize("part", range(N_PARTS))
def test_ten_thousand_generated_requests_are_answered_as_documented(
    shared_service: RunningService, part: int
) -> None:
    statuses = run_cases(shared_service, part=part, n_drawn=N_DRAWN_PER_MODE)

    assert sum(statuses.values()) >= 10_000 / N_PARTS
    assert statuses[200] > 10_000 / N_PARTS / 20
    assert set(statuses) <= {200, 400, 405, 413, 415, 422}
