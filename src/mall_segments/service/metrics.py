"""Count and log requests; nothing of it says who asked, or about whom."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mall_segments.service.access_log import AccessLog

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
BUILD_HEADER: Final = b"mall-segments-build-id"

_CLIENT_CLOSED_REQUEST: Final = 499
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10)


class Metrics:
    """What is counted in one process, or in all workers of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mall_segments_requests",
            "Requests answered.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mall_segments_request_seconds",
            "Time from the request's headers to the end of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._customers = Counter(
            "mall_segments_customers",
            "Customers assigned.",
            ["segmentation", "segment_id"],
            registry=self._registry,
        )
        self._is_current = Gauge(
            "mall_segments_model_is_current",
            "1 while the model in use is the published one, 0 while that is refused.",
            registry=self._registry,
            multiprocess_mode="livemin",
        )
        self._switches = Counter(
            "mall_segments_model_switches",
            "Models loaded since the start, the first one included.",
            registry=self._registry,
        )
        # Labels are few, and finding them takes longer than counting.
        self._requests_of = cache(self._requests.labels)
        self._seconds_of = cache(self._seconds.labels)
        self._customers_of = cache(self._customers.labels)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer and the time it took."""
        self._requests_of(route, status).inc()
        self._seconds_of(route).observe(seconds)

    def count_customers(
        self, segmentation: str, n_customers: Mapping[int, int]
    ) -> None:
        """Count customers by their segment."""
        for segment_id, n_own in n_customers.items():
            self._customers_of(segmentation, segment_id).inc(n_own)

    def show_model(self, *, is_current: bool, is_switched: bool) -> None:
        """Show whether the published model is the one in use."""
        self._is_current.set(is_current)
        if is_switched:
            self._switches.inc()

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        folder = os.environ.get(MULTIPROCESS_VARIABLE)
        if not folder:
            return generate_latest(self._registry)
        forget_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class MetricsMiddleware:
    """Counts and logs every request, and names the generation that answered it."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, access_log: AccessLog | None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, then count and log it, whatever became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        notes = scope.setdefault("state", {})
        status = 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if "build_id" in notes:
                    message["headers"].append(
                        (BUILD_HEADER, notes["build_id"].encode())
                    )
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except ClientDisconnect:
            status = _CLIENT_CLOSED_REQUEST
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.count_request(route, status, seconds)
            if self._access_log:
                self._access_log.add(
                    {
                        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                        "method": scope["method"],
                        "route": route,
                        "status": status,
                        "milliseconds": round(seconds * 1000, 3),
                        "customers": notes.get("n_customers", 0),
                        "build_id": notes.get("build_id"),
                    }
                )


def forget_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that died; the server starts others silently."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            # Another user's process may have the number by now.
            with suppress(PermissionError):
                os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
