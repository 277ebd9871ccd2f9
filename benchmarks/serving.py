"""Compare the service with the published design, and publish models under load.

``python benchmarks/serving.py`` needs ``wrk`` and a home in which something is
published (MALL_SEGMENTS_HOME). Both services run with the same number of workers and
take turns; each round is one measurement, and the median of the ratios counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import joblib
import pandas as pd
import uvloop
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from mall_segments.publishing.generations import (
    MODEL,
    new_generation,
    read_current,
    rollback,
    seal_generation,
)
from mall_segments.home import find_home
from mall_segments.model_file import write_model
from mall_segments.publishing.sealed_json import read_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS: Final = Path(__file__).parent
BIN: Final = Path(sys.executable).parent
RESULTS: Final = BENCHMARKS / "results" / "serving.json"
FEATURES: Final = ["Annual Income (k$)", "Spending Score (1-100)"]
BATCH: Final = 10_000
BUILD_IDS: Final = (
    "20260101T000000.000000Z-00000001",
    "20260102T000000.000000Z-00000002",
)
CUSTOMER: Final = (
    b'{"CustomerID":7,"Annual Income (k$)":15,"Spending Score (1-100)":39}'
)
REQUEST: Final = (
    b"POST /predict_cluster HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(CUSTOMER), CUSTOMER)
)


@dataclass(frozen=True)
class Server:
    """A running service: its process, with workers beneath it, and its address."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def cpu_seconds(self) -> float:
        """What the process and its workers have used."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            check=False,
            text=True,
        )
        ticks = 0
        for pid in [str(self.process.pid), *listed.stdout.split()]:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(command: list[object], port: int, **environment: str) -> Iterator[Server]:
    """Run a service until the body ends."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=BENCHMARKS,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield Server(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Wait until customers are answered, and a little longer for all the workers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as asking:
                asking.sendall(REQUEST)
                if asking.recv(4096).startswith(b"HTTP/1.1 200 "):
                    time.sleep(3)
                    return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(port)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def our_command(home: Path, port: int, n_workers: int) -> list[object]:
    """Return how the service is started, access log and all."""
    options = ["--port", port, "--workers", n_workers]
    return [BIN / "mall-segments", "--home", home, "serve", *options]


def published_command(port: int, n_workers: int) -> list[object]:
    """Return how the published design is started."""
    options = ["--workers", n_workers, "--bind", f"127.0.0.1:{port}"]
    return [BIN / "gunicorn", *options, "serving_published_design:app"]


def fit_published_design(folder: Path) -> None:
    """Fit and dump what the published design loads."""
    customers = pd.read_csv(BENCHMARKS.parent / "seeds" / "Mall_Customers.csv")
    features = customers[FEATURES].to_numpy(float)
    scaler = StandardScaler().fit(features)
    kmeans = KMeans(5, n_init=10, random_state=42).fit(scaler.transform(features))
    joblib.dump(scaler, folder / "scaler.joblib")
    joblib.dump(kmeans, folder / "kmeans.joblib")


def measure(
    server: Server, path: str, *, n_customers: int, connections: int, seconds: int
) -> dict[str, float]:
    """Load a service with wrk; answer what it measured, per customer, too."""
    used = server.cpu_seconds
    finished = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", "30s"),
            *("--script", BENCHMARKS / "serving.lua", f"{server.url}{path}"),
            *("--", str(n_customers)),
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    if found["n_failed"]:
        raise RuntimeError(finished.stdout)
    customers = found["n_requests"] * n_customers
    found["customers_per_second"] = customers / found["seconds"]
    found["cpu_us_per_customer"] = 1e6 * (server.cpu_seconds - used) / customers
    return found


def compare(home: Path, *, n_workers: int, n_rounds: int, seconds: int) -> Any:
    """Measure both services in turns."""
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        fit_published_design(Path(folder))
        ours, theirs = free_port(), free_port()
        with (
            serving(our_command(home, ours, n_workers), ours) as our_service,
            serving(
                published_command(theirs, n_workers), theirs, PUBLISHED_DESIGN=folder
            ) as published,
        ):
            for _ in range(n_rounds):
                one = {"n_customers": 1, "connections": 8, "seconds": seconds}
                many = {"n_customers": BATCH, "connections": 2, "seconds": seconds}
                rounds.append(
                    {
                        "published_one": measure(published, "/predict_cluster", **one),
                        "ours_one": measure(our_service, "/predict_cluster", **one),
                        "ours_many": measure(our_service, "/predict_cluster", **many),
                        "published_lists": measure(
                            published, "/predict_clusters", **many
                        ),
                    }
                )

    def ratio(over: str, under: str, figure: str) -> float:
        return statistics.median(
            each[over][figure] / each[under][figure] for each in rounds
        )

    return {
        "n_workers": n_workers,
        "single_throughput": ratio("ours_one", "published_one", "customers_per_second"),
        "single_p99": ratio("ours_one", "published_one", "p99_ms"),
        "single_cpu": ratio("ours_one", "published_one", "cpu_us_per_customer"),
        "batch_throughput": ratio("ours_many", "published_one", "customers_per_second"),
        "batch_throughput_over_lists": ratio(
            "ours_many", "published_lists", "customers_per_second"
        ),
        "rounds": rounds,
    }


class Client(asyncio.Protocol):
    """One connection; notes each answer's generation, or that it is mixed."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._received = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def ask(self, due: float) -> None:
        """Send a customer that was due at some time."""
        self._sent = due
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """Read an answer; the next request takes the connection then."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        if found and len(body) >= int(length):
            self._received = b""
            self._pace.note(head, body, time.perf_counter() - self._sent)
            self._pace.idle.append(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Count a connection that the service closed."""
        if not self._pace.is_over:
            self._pace.n_failed += 1


class Pace:
    """Requests at a steady rate, whether or not the answers keep up."""

    def __init__(self) -> None:
        self.idle: list[Client] = []
        self.is_over = False
        self.n_failed = 0
        self.n_mixed = 0
        self.by_build: dict[str, int] = {}
        self.seconds: list[float] = []

    def note(self, head: bytes, body: bytes, seconds: float) -> None:
        """Check that an answer is whole, and all of one generation."""
        if not head.startswith(b"HTTP/1.1 200 "):
            self.n_failed += 1
            return
        answer = json.loads(body)
        build_id = str(answer["build_id"])
        names = (answer["segment_name"], answer["persona"])
        is_own = all(name.startswith(build_id[-8:]) for name in names)
        if not is_own or build_id.encode() not in head:
            self.n_mixed += 1
        self.by_build[build_id] = self.by_build.get(build_id, 0) + 1
        self.seconds.append(seconds)

    async def run(self, port: int, *, rate: int, seconds: int) -> Self:
        """Send requests for some seconds, each at its time."""
        loop = asyncio.get_running_loop()
        clients = [
            (await loop.create_connection(lambda: Client(self), "127.0.0.1", port))[1]
            for _ in range(64)
        ]
        self.idle = list(clients)
        started = time.perf_counter()
        for number in range(rate * seconds):
            due = started + number / rate
            while (now := time.perf_counter()) < due or not self.idle:
                await asyncio.sleep(max(due - now, 0.0005))
            self.idle.pop().ask(due)
        while len(self.idle) + self.n_failed < len(clients):
            await asyncio.sleep(0.01)
        self.is_over = True
        return self


def publish(home: Path, content: dict[str, Any], build_id: str) -> None:
    """Publish a model whose every name begins with its own generation."""
    mark = build_id[-8:]
    renamed = json.loads(json.dumps(content | {"build_id": build_id}))
    for segmentation in renamed["segmentations"]:
        for segment in segmentation["segments"]:
            for name in ("segment_name", "persona"):
                segment[name] = f"{mark} {segment[name]}"
    with new_generation(home, build_id, keep_generations=3) as draft:
        write_model(draft.folder / MODEL, renamed)
        seal_generation(draft, {"tables": {}, "versions": {"duckdb": "none"}})


async def load_and_publish(home: Path, port: int, *, rate: int, seconds: int) -> Pace:
    """Send requests while two generations take turns, one every two seconds."""

    async def take_turns() -> None:
        for number in range(seconds):
            await asyncio.sleep(2)
            await asyncio.to_thread(rollback, home, BUILD_IDS[number % 2])

    turns = asyncio.create_task(take_turns())
    pace = await Pace().run(port, rate=rate, seconds=seconds)
    turns.cancel()
    return pace


def switch_under_load(home: Path, *, rate: int, seconds: int) -> Any:
    """Publish generations under load, and count what went wrong."""
    content = read_sealed(read_current(home).file(MODEL))
    del content["sha256"]
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder)
        for build_id in BUILD_IDS:
            publish(own, content, build_id)
        port = free_port()
        with serving(our_command(own, port, 1), port):
            pace = uvloop.run(load_and_publish(own, port, rate=rate, seconds=seconds))
    milliseconds = sorted(1000 * each for each in pace.seconds)
    return {
        "requests_per_second": rate,
        "seconds": seconds,
        "n_requests": len(pace.seconds),
        "n_failed": pace.n_failed,
        "n_mixed": pace.n_mixed,
        "answers_by_generation": pace.by_build,
        "p50_ms": milliseconds[len(milliseconds) // 2],
        "p99_ms": milliseconds[len(milliseconds) * 99 // 100],
    }


def main() -> None:
    """Measure, write the results, and print what counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt-get install wrk")
    home = find_home(None)
    results = {
        "n_processors": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "comparison": compare(
            home,
            n_workers=chosen.workers,
            n_rounds=chosen.rounds,
            seconds=chosen.seconds,
        ),
        "switching": switch_under_load(
            home, rate=chosen.rate, seconds=4 * chosen.seconds
        ),
    }
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    comparison = {**results["comparison"]}
    del comparison["rounds"]
    print(json.dumps({"comparison": comparison, "switching": results["switching"]}))


if __name__ == "__main__":
    main()
