"""The HTTP interface: assign customers, and tell about the model in use."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mall_segments.home import find_home
from mall_segments.scoring.records import InvalidCustomerError
from mall_segments.service.access_log import AccessLog
from mall_segments.service.answers import Answered, InvalidBatchError
from mall_segments.service.metrics import CONTENT_TYPE, Metrics
from mall_segments.service.openapi import describe_service, route_options
from mall_segments.service.problems import ProblemError
from mall_segments.service.requests import (
    chosen_answers,
    invalid_customers,
    read_customers,
)
from mall_segments.service.store import LoadedModel, ModelStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

    from mall_segments.service.answers import Answers

ACCESS_LOG_VARIABLE: Final = "MALL_SEGMENTS_ACCESS_LOG"
BUILD_HEADER: Final = "mall-segments-build-id"
SECONDS_BETWEEN_LOOKS: Final = 1.0

_PREDICTION: Final = "/predict_cluster"
_JSON: Final = "application/json"
_NOTES: Final = "mall_segments"
_CLIENT_CLOSED_REQUEST: Final = 499
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000

_logger = logging.getLogger("uvicorn.error")
_PROBLEMS: Final = {404: "unknown-path", 405: "unknown-method"}


def create_app(home: Path | None = None, *, has_access_log: bool = False) -> FastAPI:
    """Return the service for the generations published in a home.

    Parameters
    ----------
    home : Path, optional
        The folder that holds ``published/``, see `find_home`.
    has_access_log : bool
        Whether each request is logged to the standard output.

    Returns
    -------
    fastapi.FastAPI
        An ASGI application. It loads the model when it starts, and while it runs looks
        every second whether another one is published.
    """
    service = _Service(
        ModelStore(find_home(home)), AccessLog() if has_access_log else None
    )
    app = _Application(
        service,
        lifespan=service.lifespan,
        # The interactive pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: _answer_http_error,
            ProblemError: _answer_problem,
            Exception: _answer_failure,
        },
    )
    for name, method in (
        ("predict_cluster", "POST"),
        ("segments", "GET"),
        ("model", "GET"),
        ("health", "GET"),
        ("ready", "GET"),
        ("metrics", "GET"),
    ):
        app.add_api_route(
            f"/{name}",
            getattr(service, f"answer_{name}"),
            methods=[method],
            operation_id=name,
            **route_options(name),
        )

    def describe() -> dict[str, Any]:
        return describe_service(app.routes, service.store.current)

    app.openapi = describe  # type: ignore[method-assign]
    return app


def app_of_environment() -> FastAPI:
    """Return the service as environment variables describe it, for worker processes."""
    app = create_app(has_access_log=bool(os.environ.get(ACCESS_LOG_VARIABLE)))
    # What is loaded by now stays, and a batch is many objects but no garbage: looking
    # for some in either would only make requests wait.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
    return app


class _Service:
    """What the routes share: the model in use, the metrics and the access log."""

    def __init__(self, store: ModelStore, access_log: AccessLog | None) -> None:
        self.store = store
        self.metrics = Metrics()
        self.access_log = access_log

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Load the model, and watch for others while the body runs."""
        await self._look()
        watch = asyncio.create_task(self._watch())
        yield
        watch.cancel()
        if self.access_log:
            self.access_log.flush()

    async def answer_predict_cluster(self, request: Request) -> Response:
        """Assign one customer, or a list of them, to their segments."""
        # Taken once for each request: all of the answer is of one generation.
        loaded = self._current(request)
        try:
            answers = chosen_answers(request.scope["query_string"], loaded)
            content, body = await read_customers(
                request.scope["headers"], request.receive
            )
            if isinstance(content, dict):
                answered = answers.one(content)
            else:
                has_booleans = b"true" in body or b"false" in body
                answered = await _answer_batch(
                    answers, content, has_booleans=has_booleans
                )
        except (InvalidCustomerError, InvalidBatchError, ProblemError) as error:
            problem = _problem(error)
            problem.headers[BUILD_HEADER] = loaded.build_id
            raise problem from None
        request.scope[_NOTES]["n_customers"] = sum(answered.n_customers.values())
        self.metrics.count_customers(answers.segmentation, answered.n_customers)
        return Response(
            answered.text, headers={BUILD_HEADER: loaded.build_id}, media_type=_JSON
        )

    async def answer_segments(self, request: Request) -> Response:
        """List every segment of every segmentation."""
        loaded = self._current(request)
        headers = {BUILD_HEADER: loaded.build_id}
        return Response(loaded.segments_json, headers=headers, media_type=_JSON)

    async def answer_model(self, request: Request) -> Response:
        """Describe the model in use: its features, scalers and settings."""
        loaded = self._current(request)
        headers = {BUILD_HEADER: loaded.build_id}
        return Response(loaded.model_json, headers=headers, media_type=_JSON)

    async def answer_health(self) -> Response:
        """Tell that the process is alive."""
        return Response('{"status":"alive"}', media_type=_JSON)

    async def answer_ready(self, request: Request) -> Response:
        """Tell whether customers can be assigned, and by the published model."""
        loaded = self._current(request)
        content = {
            "status": "stale" if self.store.problem else "ready",
            "build_id": loaded.build_id,
            "problem": self.store.problem,
        }
        return Response(json.dumps(content), media_type=_JSON)

    async def answer_metrics(self) -> Response:
        """Count requests, times and customers, for Prometheus."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    def _current(self, request: Request) -> LoadedModel:
        loaded = self.store.current
        if loaded is None:
            detail = self.store.problem or "nothing is published"
            raise ProblemError(503, "no-model", "No model is loaded", detail)
        request.scope[_NOTES]["build_id"] = loaded.build_id
        return loaded

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await self._look()
            if self.access_log:
                await asyncio.to_thread(self.access_log.flush)

    async def _look(self) -> None:
        is_switched = await asyncio.to_thread(self.store.refresh)
        self.metrics.show_model(
            is_current=self.store.problem is None, is_switched=is_switched
        )


async def _answer_batch(
    answers: Answers, customers: list[Any], *, has_booleans: bool
) -> Answered:
    for answered in answers.many(customers, has_booleans=has_booleans):
        if answered is not None:
            return answered
        # Single customers are answered between the steps of a batch.
        await asyncio.sleep(0)
    return Answered(text="[]", n_customers={})


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, InvalidCustomerError):
        return invalid_customers([(None, wrong) for wrong in error.errors], 1)
    if isinstance(error, InvalidBatchError):
        return invalid_customers(error.errors, error.n_invalid)
    if isinstance(error, ProblemError):
        return error
    raise error


async def _answer_problem(_: Request, error: Exception) -> Response:
    return _problem(error).response()


async def _answer_http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return ProblemError(
        error.status_code,
        _PROBLEMS.get(error.status_code, "http"),
        error.detail,
        error.detail,
        headers=error.headers,
    ).response()


async def _answer_failure(_: Request, __: Exception) -> Response:
    return ProblemError(
        500, "failure", "The service failed", "the service's log says how"
    ).response()


class _Application(FastAPI):
    """FastAPI, observed; customers do not wait for its router and what is around it."""

    def __init__(self, service: _Service, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, then count and log it, whatever became of it."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        started = time.perf_counter()
        notes: dict[str, Any] = {"n_customers": 0, "build_id": None}
        scope[_NOTES] = notes
        is_prediction = scope["path"] == _PREDICTION and scope["method"] == "POST"
        status = 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if is_prediction:
                await self._predict(scope, receive, observe)
            else:
                await super().__call__(scope, receive, observe)
        except ClientDisconnect:
            status = _CLIENT_CLOSED_REQUEST
        finally:
            seconds = time.perf_counter() - started
            route = (
                _PREDICTION
                if is_prediction
                else getattr(scope.get("route"), "path", "unknown")
            )
            self._service.metrics.count_request(route, status, seconds)
            if self._service.access_log:
                self._service.access_log.add(
                    method=scope["method"],
                    route=route,
                    status=status,
                    seconds=seconds,
                    n_customers=notes["n_customers"],
                    build_id=notes["build_id"],
                )

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what the router would have done in the end, for a third of the time."""
        request = Request(scope, receive)
        try:
            response = await self._service.answer_predict_cluster(request)
        except ProblemError as problem:
            response = problem.response()
        except ClientDisconnect:
            raise
        except Exception as error:
            _logger.exception("A request failed")
            response = await _answer_failure(request, error)
        await response(scope, receive, send)
