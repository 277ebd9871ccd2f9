"""The HTTP interface: assign customers, and tell about the model in use."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi_offline import FastAPIOffline

from mall_segments.errors import ModelError
from mall_segments.home import find_home
from mall_segments.service import openapi, schemas
from mall_segments.service.access_log import AccessLog
from mall_segments.service.bodies import read_json, refuse_ambiguous_headers
from mall_segments.service.metrics import CONTENT_TYPE, Metrics, MetricsMiddleware
from mall_segments.service.predicting import predict
from mall_segments.service.problems import ProblemError, install_handlers, invalid_query
from mall_segments.service.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mall_segments.service.customers import CustomerReader

ACCESS_LOG_VARIABLE: Final = "MALL_SEGMENTS_ACCESS_LOG"
SECONDS_BETWEEN_LOOKS: Final = 1.0

_LARGE_BODY_BYTES: Final = 8 * 2**10

router: Final = APIRouter(dependencies=[Depends(refuse_ambiguous_headers)])


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
    app = FastAPIOffline(
        title="mall-segments",
        version=version("mall-segments"),
        summary="Assigns customers to the published segments.",
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        routes=router.routes,
        # /metrics tells what there is to know; asking for others takes time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.store = ModelStore(find_home(home))
    app.state.metrics = Metrics()
    app.state.access_log = AccessLog() if has_access_log else None
    install_handlers(app)
    app.add_middleware(
        MetricsMiddleware, metrics=app.state.metrics, access_log=app.state.access_log
    )
    app.openapi = (  # type: ignore[method-assign]
        lambda: openapi.describe(app, app.state.store.current)
    )
    return app


def app_of_environment() -> FastAPI:
    """Return the service as environment variables describe it, for worker processes."""
    return create_app(has_access_log=bool(os.environ.get(ACCESS_LOG_VARIABLE)))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model, and watch for others while the body runs."""
    await _look(app)
    watch = asyncio.create_task(_watch(app))
    yield
    watch.cancel()
    if app.state.access_log:
        app.state.access_log.close()


async def _watch(app: FastAPI) -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        await _look(app)


async def _look(app: FastAPI) -> None:
    store: ModelStore = app.state.store
    is_switched = await asyncio.to_thread(store.refresh)
    app.state.metrics.show_model(
        is_current=store.problem is None, is_switched=is_switched
    )


@router.post(
    "/predict_cluster",
    operation_id="predict_cluster",
    responses=openapi.PREDICTION_RESPONSES,
    openapi_extra=openapi.PREDICTION_REQUEST,
)
async def predict_cluster(
    request: Request, query: Annotated[schemas.PredictionQuery, Query()]
) -> schemas.Assignment | list[schemas.Assignment]:
    """Assign one customer, or a list of them, to their segments."""
    state, loaded = request.app.state, _loaded(request)
    try:
        segmentation = loaded.model.segmentation(query.segmentation)
    except ModelError as error:
        raise invalid_query("segmentation", str(error)) from None
    body = await read_json(request)
    if len(body) < _LARGE_BODY_BYTES:
        found = predict(loaded, segmentation, body)
    else:
        found = await asyncio.to_thread(predict, loaded, segmentation, body)
    answers = found if isinstance(found, list) else [found]
    request.state.n_customers = len(answers)
    state.metrics.count_customers(
        segmentation.name, Counter(answer["segment_id"] for answer in answers)
    )
    return found


@router.get("/segments", operation_id="segments", responses=openapi.MODEL_RESPONSES)
async def segments(request: Request) -> schemas.Segments:
    """List every segment of every segmentation."""
    return schemas.Segments.model_validate(_loaded(request).model)


@router.get("/model", operation_id="model", responses=openapi.MODEL_RESPONSES)
async def model(request: Request) -> schemas.ModelDescription:
    """Describe the model in use: its features, scalers and settings."""
    return schemas.ModelDescription.model_validate(_loaded(request).model)


@router.get("/health", operation_id="health")
async def health() -> schemas.Health:
    """Tell that the process is alive."""
    return schemas.Health()


@router.get("/ready", operation_id="ready", responses=openapi.MODEL_RESPONSES)
async def ready(request: Request) -> schemas.Readiness:
    """Tell whether customers can be assigned, and by the published model."""
    problem = request.app.state.store.problem
    return schemas.Readiness(
        status="stale" if problem else "ready",
        build_id=_loaded(request).model.build_id,
        problem=problem,
    )


@router.get("/metrics", operation_id="metrics", responses=openapi.METRICS_RESPONSES)
async def metrics(request: Request) -> Response:
    """Count requests, times and customers, for Prometheus."""
    text = await asyncio.to_thread(request.app.state.metrics.text)
    return Response(text, headers={"content-type": CONTENT_TYPE})


def _loaded(request: Request) -> CustomerReader:
    """Return the model in use, which a request takes once."""
    store: ModelStore = request.app.state.store
    if store.current is None:
        detail = store.problem or "nothing is published"
        raise ProblemError(503, "no-model", "No model is loaded", detail)
    request.state.build_id = store.current.model.build_id
    return store.current
