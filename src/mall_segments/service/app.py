"""The HTTP interface: assign customers, and tell about the model in use."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from mall_segments.errors import ModelError
from mall_segments.home import find_home
from mall_segments.service import openapi, schemas
from mall_segments.service.access_log import AccessLog
from mall_segments.service.limits import LimitsMiddleware
from mall_segments.service.metrics import CONTENT_TYPE, Metrics, MetricsMiddleware
from mall_segments.service.predicting import predict
from mall_segments.service.problems import CLOSE, ProblemError, install_handlers
from mall_segments.service.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mall_segments.model import Model, ModelSegmentation
    from mall_segments.service.customers import CustomerReader

ACCESS_LOG_VARIABLE: Final = "MALL_SEGMENTS_ACCESS_LOG"
SECONDS_BETWEEN_LOOKS: Final = 1.0

_JSON: Final = "application/json"
_LARGE_BODY_BYTES: Final = 8 * 2**10
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000

router: Final = APIRouter()
_logger = logging.getLogger("uvicorn.error")


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
        # Routes of an included router are looked for once more in each request.
        routes=router.routes,
        # /metrics tells what there is to know; asking for others takes time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.store = ModelStore(find_home(home))
    app.state.metrics = Metrics()
    app.state.access_log = AccessLog() if has_access_log else None
    # One batch after the other, so that single customers wait for one at most.
    app.state.batches = asyncio.Lock()
    install_handlers(app)
    app.add_middleware(LimitsMiddleware)
    app.add_middleware(
        MetricsMiddleware, metrics=app.state.metrics, access_log=app.state.access_log
    )
    app.openapi = (  # type: ignore[method-assign]
        lambda: openapi.describe(app, app.state.store.current)
    )
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


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model, and watch for others while the body runs."""
    await _look(app)
    watch = asyncio.create_task(_watch(app))
    yield
    watch.cancel()
    if app.state.access_log:
        await asyncio.to_thread(app.state.access_log.close)
    # What Python does not collect at its end, the engine reports as its own leaks.
    gc.unfreeze()


async def _watch(app: FastAPI) -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            await _look(app)
        except Exception:
            # Whatever one look stumbles over, the next one may not.
            _logger.exception("The published model could not be looked for")


async def _look(app: FastAPI) -> None:
    store: ModelStore = app.state.store
    is_switched = await asyncio.to_thread(store.refresh)
    if is_switched:
        # Whoever asks for the document finds it ready.
        await asyncio.to_thread(app.openapi)
    app.state.metrics.show_model(
        is_current=store.problem is None, is_switched=is_switched
    )


def _check_type(request: Request) -> None:
    """Refuse a body that is not JSON in UTF-8, as it is."""
    essence, _, parameters = (
        request.headers.get("content-type", "").lower().partition(";")
    )
    charset = parameters.replace(" ", "").replace('"', "")
    if essence.strip() != _JSON or charset not in ("", "charset=utf-8"):
        raise ProblemError(
            415,
            "unsupported-type",
            "The body is of another type",
            "send application/json in UTF-8",
            headers={"accept": _JSON, **CLOSE},
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(
            415,
            "unsupported-encoding",
            "The body is compressed",
            "send it as it is",
            headers={"accept-encoding": "identity", **CLOSE},
        )


@router.post(
    "/predict_cluster",
    operation_id="predict_cluster",
    response_model=schemas.Assignment | list[schemas.Assignment],
    responses=openapi.PREDICTION_RESPONSES,
    openapi_extra=openapi.PREDICTION_REQUEST,
)
async def predict_cluster(request: Request) -> Response:
    """Assign one customer, or a list of them, to their segments."""
    state, loaded = request.app.state, _loaded(request)
    segmentation = _segmentation(request, loaded.model)
    _check_type(request)
    body: bytes = request.state.body
    if len(body) < _LARGE_BODY_BYTES:
        predicted = predict(loaded, segmentation, body)
    else:
        async with state.batches:
            predicted = await asyncio.to_thread(predict, loaded, segmentation, body)
    request.state.n_customers = sum(predicted.n_customers.values())
    state.metrics.count_customers(segmentation.name, predicted.n_customers)
    return Response(predicted.body, media_type=_JSON)


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


def _segmentation(request: Request, model: Model) -> ModelSegmentation:
    """Return the segmentation that the query names, the first by default."""
    pairs = request.query_params.multi_items()
    for name, _ in pairs:
        if name != "segmentation":
            raise _invalid_query(name, "the only parameter is segmentation")
    if len(pairs) > 1:
        raise _invalid_query("segmentation", "it is to be given once")
    try:
        return model.segmentation(pairs[0][1] if pairs else None)
    except ModelError as error:
        raise _invalid_query("segmentation", str(error)) from None


def _invalid_query(name: str, detail: str) -> ProblemError:
    shown = name[:100]
    return ProblemError(
        422,
        "invalid-query",
        "The query cannot be understood",
        f"{shown}: {detail}",
        errors=[{"detail": detail, "field": shown, "pointer": "#"}],
    )
