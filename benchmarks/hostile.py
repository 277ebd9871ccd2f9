"""Send the service requests of every hostile kind, and watch it by its health.

``python benchmarks/hostile.py`` draws the requests that ``tests/python/service`` draws,
10,000 of them, while another connection asks ``/health`` without a pause. What counts:
no answer from 500 on, how much memory the server keeps, and how long health took at
most, beside what it took before anything hostile was sent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

TESTS: Final = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "python" / "service")]

from served_model import model_content, publish_model  # noqa: E402
from test_hostile import body_of, raw_request  # noqa: E402

BIN: Final = Path(sys.executable).parent
RESULTS: Final = Path(__file__).parent / "results" / "hostile.json"
JSON: Final = {"content-type": "application/json"}
SECONDS_OF_A_PROBE: Final = 5.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    (line,) = [each for each in status.splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


class Probe(threading.Thread):
    """Asks for health again and again, and keeps how long each answer took."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._is_over = threading.Event()
        self.milliseconds: list[float] = []

    def run(self) -> None:
        """Ask until told to stop."""
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._is_over.wait(0.002):
                started = time.perf_counter()
                client.get("/health").raise_for_status()
                self.milliseconds.append((time.perf_counter() - started) * 1000)

    def stop(self) -> dict[str, float]:
        """Return what was seen."""
        self._is_over.set()
        self.join()
        return {
            "n_asked": len(self.milliseconds),
            "median_milliseconds": statistics.median(self.milliseconds),
            "most_milliseconds": max(self.milliseconds),
        }


def watched(url: str, seconds: float) -> dict[str, float]:
    """Return how long health takes while nothing else is asked."""
    probe = Probe(url)
    probe.start()
    time.sleep(seconds)
    return probe.stop()


def send_raw(port: int, request: bytes) -> int:
    """Return the status of the answer to some bytes; 0 where there is none."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(0.2)
        with suppress(OSError):
            connection.sendall(request)
            answer = connection.recv(4096)
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def attack(url: str, port: int, n_requests: int) -> dict[str, int]:
    """Send hostile requests; one in ten has a strange head, too."""
    draw = random.Random(1)  # noqa: S311 - no secret
    statuses: dict[str, int] = {}
    with httpx.Client(base_url=url, timeout=60) as client:
        for number in range(n_requests):
            if number % 10:
                body = body_of(draw)
                answer = client.post("/predict_cluster", content=body, headers=JSON)
                status = answer.status_code
            else:
                status = send_raw(port, raw_request(draw))
            statuses[str(status)] = statuses.get(str(status), 0) + 1
    return dict(sorted(statuses.items()))


def measure(home: Path, n_requests: int) -> dict[str, Any]:
    """Serve a home, send everything, and return what was seen."""
    port = free_port()
    command = [BIN / "mall-segments", "--home", home, "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, "--no-access-log"]) as process:
        try:
            while True:
                with suppress(httpx.TransportError):
                    httpx.get(f"{url}/ready").raise_for_status()
                    break
                time.sleep(0.1)
            # The first requests load what stays.
            attack(url, port, n_requests // 20)
            idle = watched(url, SECONDS_OF_A_PROBE)
            before = megabytes(process)
            probe = Probe(url)
            probe.start()
            statuses = attack(url, port, n_requests)
            return {
                "n_requests": n_requests,
                "answers": statuses,
                "n_failures": sum(
                    n for status, n in statuses.items() if status >= "500"
                ),
                "megabytes_before": before,
                "megabytes_after": megabytes(process),
                "health_alone": idle,
                "health_meanwhile": probe.stop(),
            }
        finally:
            process.terminate()


def main() -> None:
    """Measure, write the results, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        publish_model(Path(folder), model_content())
        results = {
            "n_processors": os.cpu_count(),
            "load_average_before": os.getloadavg()[0],
            **measure(Path(folder), chosen.requests),
        }
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
