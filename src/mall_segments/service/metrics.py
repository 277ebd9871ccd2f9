"""Metrics of the service for Prometheus; none of them says who asked."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

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
        registry = self._registry
        if os.environ.get(MULTIPROCESS_VARIABLE):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
