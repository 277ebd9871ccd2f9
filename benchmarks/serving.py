"""Compare the service with the published design: Flask, joblib and scikit-learn.

``python benchmarks/serving.py`` needs a home in which something is published
(MALL_SEGMENTS_HOME). Both run with one worker and take turns, so that what else the
processors do meets both alike; the median of the rounds' ratios counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import joblib
import pandas as pd
import uvloop
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from mall_segments.home import find_home

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS: Final = Path(__file__).parent
BIN: Final = Path(sys.executable).parent
RESULTS: Final = BENCHMARKS / "results" / "serving.json"
FEATURES: Final = ["Annual Income (k$)", "Spending Score (1-100)"]
BATCH: Final = 10_000


@dataclass
class Load:
    """Requests of a few connections for some seconds, and what came of them."""

    port: int
    requests: list[bytes]
    until: float
    n_sent: int = 0
    n_failed: int = 0
    seconds: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection after the other, as the published design closes each."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport: Any = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Read an answer, then ask again."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not found or len(body) < int(length):
            return
        self._load.seconds.append(time.perf_counter() - self._asked)
        self._load.n_failed += not head.startswith(b"HTTP/1.1 200 ")
        if b"connection: close" not in head.lower():
            self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """Open another one until the time is over."""
        if time.perf_counter() < self._load.until:
            loop = asyncio.get_running_loop()
            task = loop.create_connection(
                lambda: Client(self._load), "127.0.0.1", self._load.port
            )
            self._task = loop.create_task(task)

    def _ask(self) -> None:
        self._received = b""
        if time.perf_counter() >= self._load.until:
            self._transport.close()
            return
        self._asked = time.perf_counter()
        self._load.n_sent += 1
        self._transport.write(
            self._load.requests[self._load.n_sent % len(self._load.requests)]
        )


def customer(number: int) -> dict[str, Any]:
    """Return a customer with every column of the file."""
    return {
        "CustomerID": number,
        "Gender": "Female",
        "Age": 18 + number % 53,
        "Annual Income (k$)": 15 + number * 7919 % 123,
        "Spending Score (1-100)": 1 + number * 104_729 % 100,
    }


def request_of(content: object) -> bytes:
    """Return a whole request."""
    body = json.dumps(content).encode()
    return (
        b"POST /predict_cluster HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


ONE: Final = [request_of(customer(number)) for number in range(1, 1000)]
MANY: Final = [request_of([customer(number) for number in range(BATCH)])]


def measure(
    server: Server, requests: list[bytes], *, seconds: float
) -> dict[str, float]:
    """Load a service; return customers per second, their cost, and the times."""
    is_batch = requests is MANY

    async def run() -> Load:
        started = time.perf_counter()
        load = Load(server.port, requests, started + seconds)
        loop = asyncio.get_running_loop()
        for _ in range(2 if is_batch else 8):
            await loop.create_connection(lambda: Client(load), "127.0.0.1", load.port)
        await asyncio.sleep(seconds + 0.2)
        return load

    used = server.cpu_seconds
    load = uvloop.run(run())
    if load.n_failed or not load.seconds:
        raise RuntimeError(f"{load.n_failed} of {load.n_sent} requests failed")
    n_customers = len(load.seconds) * (BATCH if is_batch else 1)
    times = sorted(load.seconds)
    return {
        "customers_per_second": n_customers / seconds,
        "cpu_us_per_customer": 1e6 * (server.cpu_seconds - used) / n_customers,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
    }


@dataclass(frozen=True)
class Server:
    """A running service with its workers, and the port it listens on."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def cpu_seconds(self) -> float:
        """What the process and its workers have used."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            check=False,
            text=True,
        ).stdout.split()
        ticks = 0
        for pid in (str(self.process.pid), *children):
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[Server]:
    """Run a service until the body ends."""
    process = subprocess.Popen(
        command,
        cwd=BENCHMARKS,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(
                    ("127.0.0.1", port), timeout=60
                ) as asking:
                    asking.sendall(ONE[0])
                    if asking.recv(4096).startswith(b"HTTP/1.1 200 "):
                        break
            except OSError:
                time.sleep(0.1)
            if time.monotonic() > deadline:
                raise TimeoutError(port)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def fit_published_design(folder: Path) -> None:
    """Fit and dump what the published design loads."""
    customers = pd.read_csv(BENCHMARKS.parent / "seeds" / "Mall_Customers.csv")
    features = customers[FEATURES].to_numpy(float)
    scaler = StandardScaler().fit(features)
    kmeans = KMeans(5, n_init=10, random_state=42).fit(scaler.transform(features))
    joblib.dump(scaler, folder / "scaler.joblib")
    joblib.dump(kmeans, folder / "kmeans.joblib")


def compare(home: Path, *, n_rounds: int, seconds: float) -> dict[str, Any]:
    """Measure both services in turns."""
    ours, theirs = free_port(), free_port()
    serve = "from mall_segments.cli import main; main()"
    our_command = [sys.executable, "-c", serve, "--home", str(home), "serve"]
    our_command += ["--port", str(ours)]
    published = [
        str(BIN / "gunicorn"),
        "--workers",
        "1",
        "--bind",
        f"127.0.0.1:{theirs}",
    ]
    published.append("serving_published_design:app")
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        fit_published_design(Path(folder))
        with (
            serving(our_command, ours) as our_service,
            serving(published, theirs, PUBLISHED_DESIGN=folder) as published_service,
        ):
            rounds = [
                {
                    "published_one": measure(published_service, ONE, seconds=seconds),
                    "ours_one": measure(our_service, ONE, seconds=seconds),
                    "ours_many": measure(our_service, MANY, seconds=seconds),
                }
                for _ in range(n_rounds)
            ]

    def ratio(over: str, figure: str) -> float:
        return statistics.median(
            each[over][figure] / each["published_one"][figure] for each in rounds
        )

    return {
        "single_throughput": ratio("ours_one", "customers_per_second"),
        "single_p99": ratio("ours_one", "p99_ms"),
        "single_cpu": ratio("ours_one", "cpu_us_per_customer"),
        "batch_throughput": ratio("ours_many", "customers_per_second"),
        "batch_cpu": ratio("ours_many", "cpu_us_per_customer"),
        "rounds": rounds,
    }


def main() -> None:
    """Measure, write the results, and print what counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    results = {
        "n_processors": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "comparison": compare(
            find_home(None), n_rounds=chosen.rounds, seconds=chosen.seconds
        ),
    }
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(
        {key: value for key, value in results["comparison"].items() if key != "rounds"}
    )


if __name__ == "__main__":
    main()
