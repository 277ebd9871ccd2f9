"""The service keeps to its own OpenAPI document, whatever is sent."""

from __future__ import annotations

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
N_PARTS = 5
N_CASES_PER_MODE = 1000
N_CASES_IN_SHORT = 25
POSITIVE, NEGATIVE = (
    schemathesis.GenerationMode.POSITIVE,
    schemathesis.GenerationMode.NEGATIVE,
)


def run_cases(service: RunningService, *, part: int, n_cases: int) -> dict[int, int]:
    """Send generated requests to every operation; answer how many by status."""
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    statuses: dict[int, int] = {}
    with requests.Session() as session:

        def send(case: Any) -> None:
            response = case.call(session=session)
            status = response.status_code
            statuses[status] = statuses.get(status, 0) + 1
            case.validate_response(response, checks=CHECKS)

        for found in schema.get_all_operations():
            operation = found.ok()
            # Where nothing is sent, nothing can be wrong with it.
            for mode in (POSITIVE, NEGATIVE) if operation.body else (POSITIVE,):
                strategy = operation.as_strategy(generation_mode=mode)
                check = settings(
                    max_examples=n_cases,
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
    statuses = run_cases(shared_service, part=N_PARTS, n_cases=N_CASES_IN_SHORT)

    assert sum(statuses.values()) >= 2 * N_CASES_IN_SHORT
    assert statuses[200] > 0


@pytest.mark.slow  # 10,000 requests in all, about a minute for each part
@pytest.mark.parametrize("part", range(N_PARTS))
def test_ten_thousand_generated_requests_are_answered_as_documented(
    shared_service: RunningService, part: int
) -> None:
    statuses = run_cases(shared_service, part=part, n_cases=N_CASES_PER_MODE)

    assert sum(statuses.values()) >= 2 * N_CASES_PER_MODE
    assert statuses[200] > N_CASES_PER_MODE / 20
    assert set(statuses) <= {200, 400, 405, 413, 415, 422}
