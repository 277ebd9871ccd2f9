"""The service, run in a thread of the tests as `mall-segments serve` runs it."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import httpx
import uvicorn

from mall_segments.service.app import create_app
from mall_segments.service.connection import PatientProtocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_SECONDS = 30

CUSTOMER = {"Age": 19, "Annual Income (k$)": 15, "Spending Score (1-100)": 39}


def problem_of(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """Check that a response is a problem detail of this kind, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:mall-segments:{kind}"
    assert problem["title"]
    assert problem["detail"]
    return problem


class RunningService:
    """A service in a thread, and a client that talks to it."""

    def __init__(self, home: Path) -> None:
        self.app = create_app(home)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http=PatientProtocol,
                ws="none",
                access_log=False,
                log_config=None,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self.client = httpx.Client(base_url=self.url, timeout=MOST_SECONDS)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(MOST_SECONDS)
        self._socket.close()
        assert not self._thread.is_alive()

    def predict(self, content: object, **parameters: str) -> httpx.Response:
        """Send customers as JSON."""
        return self.send(json.dumps(content).encode(), **parameters)

    def send(
        self,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> httpx.Response:
        """Send any body as JSON, or as other headers say."""
        return self.client.post(
            "/predict_cluster",
            content=body,
            headers={"content-type": "application/json"}
            if headers is None
            else headers,
            params=parameters,
        )

    def ready(self) -> dict[str, Any]:
        """Ask whether the service is ready."""
        answer: dict[str, Any] = self.client.get("/ready").json()
        return answer

    def n_connections(self) -> int:
        """Count the connections that the server holds."""
        return len(self._server.server_state.connections)

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(MOST_SECONDS)
        return connection


def is_ready(url: str) -> bool:
    """Whether a service answers there that has a model."""
    try:
        return httpx.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = MOST_SECONDS) -> None:
    """Wait for a condition, but not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
