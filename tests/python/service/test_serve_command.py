"""`mall-segments serve` as an operator sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from running_service import is_ready, wait_until
from served_model import FIRST_BUILD, SECOND_BUILD, model_content, publish_model

from mall_segments.service.access_log import AccessLog
from mall_segments.service.metrics import forget_dead_workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUSTOMER = {"CustomerID": 424242, "Annual Income (k$)": 15, "Score": 39}
N_KILLS = 2
MALL_SEGMENTS = (
    sys.executable,
    "-c",
    "from mall_segments.cli import main; main()",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def serving(
    home: Path, *options: str, port: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve in a process group of its own, which is ended afterwards."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [*MALL_SEGMENTS, "--home", home, "serve", "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_ready(url) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process, url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_logs_requests_but_nobody(home: Path) -> None:
    with serving(home) as (process, url):
        httpx.post(f"{url}/predict_cluster", json=CUSTOMER)
        httpx.post(f"{url}/predict_cluster?segmentation=secret", json=CUSTOMER)
        httpx.get(f"{url}/secret")
        process.terminate()
        output, errors = process.communicate(timeout=30)

    lines = [json.loads(line) for line in output.splitlines()]
    asked = [line for line in lines if line["route"] != "/ready"]
    assert [
        (line["method"], line["route"], line["status"], line["customers"])
        for line in asked
    ] == [
        ("POST", "/predict_cluster", 200, 1),
        ("POST", "/predict_cluster", 422, 0),
        ("GET", "unknown", 404, 0),
    ]
    assert asked[0]["build_id"] == FIRST_BUILD
    assert set(asked[0]) == {
        *("time", "method", "route", "status", "milliseconds", "customers"),
        "build_id",
    }
    for private in ("127.0.0.1:", "secret", "424242"):
        assert private not in output
    assert process.returncode == 0
    assert "Traceback" not in errors
    # The engine tells of what Python never collected.
    assert "leaked" not in errors


def test_refuses_to_start_without_a_model(tmp_path: Path) -> None:
    finished = subprocess.run(
        [*MALL_SEGMENTS, "--home", tmp_path, "serve", "--port", str(free_port())],
        capture_output=True,
        check=False,
        text=True,
    )

    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: nothing is published in")


def test_ends_its_requests_when_told_to_stop(home: Path) -> None:
    batch = [CUSTOMER | {"Annual Income (k$)": number / 10} for number in range(9000)]
    with serving(home, "--no-access-log") as (process, url), httpx.Client() as client:
        request = client.build_request("POST", f"{url}/predict_cluster", json=batch)
        response = client.send(request, stream=True)
        process.terminate()
        assert response.status_code == 200
        assert len(json.loads(response.read())) == 9000
        response.close()
        output, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert output == ""


@pytest.mark.slow(seconds=15)  # restarts
def test_killed_at_any_moment_it_starts_again_and_serves(home: Path) -> None:
    port = free_port()
    for number in range(N_KILLS):
        with serving(home, port=port) as (process, url):
            answer = httpx.post(f"{url}/predict_cluster", json=CUSTOMER).json()
            assert answer["segment_id"] == 4
            time.sleep(0.05 * number)
            process.kill()
            process.wait()


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)],
        capture_output=True,
        check=True,
        text=True,
    )
    return [int(pid) for pid in listed.stdout.split()]


@pytest.mark.slow  # about 10 s: several processes start
def test_workers_share_metrics_survive_kills_and_switch_models(home: Path) -> None:
    with serving(home, "--workers", "2") as (process, url):
        for _ in range(20):
            httpx.post(f"{url}/predict_cluster", json=CUSTOMER)
        metrics = httpx.get(f"{url}/metrics").text
        labels = 'segment_id="4",segmentation="income_spending"'
        assert f"mall_segments_customers_total{{{labels}}} 20.0" in metrics

        children = workers_of(process)
        os.kill(children[-1], signal.SIGKILL)
        wait_until(lambda: is_ready(url))
        wait_until(lambda: len(workers_of(process)) == len(children))

        publish_model(home, model_content(SECOND_BUILD))

        def build_ids() -> set[str]:
            answers = [
                httpx.post(f"{url}/predict_cluster", json=CUSTOMER) for _ in range(8)
            ]
            return {answer.headers["mall-segments-build-id"] for answer in answers}

        wait_until(lambda: build_ids() == {SECOND_BUILD})


def test_the_gauge_of_a_dead_worker_is_forgotten(
    tmp_path: Path,
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    alive = f"gauge_livemin_{os.getpid()}.db"
    for name in (alive, f"gauge_livemin_{dead.pid}.db", f"counter_{dead.pid}.db"):
        (tmp_path / name).touch()

    forget_dead_workers(tmp_path)

    left = {path.name for path in tmp_path.iterdir()}
    assert left == {alive, f"counter_{dead.pid}.db"}


def test_an_access_log_that_nobody_reads_stops_nothing(
    home: Path,
) -> None:
    """Its pipe is full; requests, another model and the end do not wait for it."""
    reading, writing = os.pipe()
    port = free_port()
    process = subprocess.Popen(
        [*MALL_SEGMENTS, "--home", home, "serve", "--port", str(port)],
        stdout=writing,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url))
        with httpx.Client(base_url=url) as client:
            for _ in range(1000):
                assert client.get("/health").status_code == 200
        publish_model(home, model_content(SECOND_BUILD))
        wait_until(lambda: httpx.get(f"{url}/ready").json()["build_id"] == SECOND_BUILD)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serves_with_the_standard_output_closed(home: Path, workers: str) -> None:
    port = free_port()
    command = [*MALL_SEGMENTS, "--home", str(home), "serve", "--port", str(port)]
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command, "--workers", workers],
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url) or process.poll() is not None)
        assert httpx.get(f"{url}/health").status_code == 200
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_an_access_log_that_cannot_be_written_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog(writing)
    for number in range(3):
        log.add({"number": number})
    log.close()
    os.close(writing)

    assert [record.getMessage() for record in caplog.records] == [
        "Lines of the access log are lost: Broken pipe"
    ]
