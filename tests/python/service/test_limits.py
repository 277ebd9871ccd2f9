"""The service bounds what one client may take."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from running_service import CUSTOMER, problem_of, wait_until

from mall_segments.service import connection as connections

if TYPE_CHECKING:
    from running_service import RunningService

FULL_CUSTOMER = {"CustomerID": 1234567, "Gender": "Female", **CUSTOMER}


def test_a_full_batch_with_every_column_of_the_file_fits(
    shared_service: RunningService,
) -> None:
    body = json.dumps([FULL_CUSTOMER] * 10_000).encode()
    assert len(body) > 2**20

    response = shared_service.send(body)

    assert response.status_code == 200
    assert len(response.json()) == 10_000


def test_a_longer_batch_is_refused(shared_service: RunningService) -> None:
    response = shared_service.predict([{"Income": 1}] * 10_001)

    problem = problem_of(response, 413, "too-many-customers")
    assert "more than 10,000 customers" in problem["detail"]


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_may_have_two_mebibytes_and_not_a_byte_more(
    shared_service: RunningService, *, is_chunked: bool
) -> None:
    customer = json.dumps(CUSTOMER).encode()
    body = customer + b" " * (2 * 2**20 - len(customer))

    def send(content: bytes) -> int:
        chunks = (content[at : at + 2**16] for at in range(0, len(content), 2**16))
        response = shared_service.client.post(
            "/predict_cluster",
            content=chunks if is_chunked else content,
            headers={"content-type": "application/json"},
        )
        return response.status_code

    assert send(body) == 200
    assert send(body + b" ") == 413


def test_a_mebibyte_and_a_byte_of_blanks_is_no_json(
    shared_service: RunningService,
) -> None:
    problem_of(shared_service.send(b" " * (2**20 + 1)), 400, "invalid-json")


def test_a_huge_body_is_not_read_to_its_end(shared_service: RunningService) -> None:
    with shared_service.connect() as connection:
        connection.sendall(
            b"POST /predict_cluster HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: 100000000000\r\n\r\n"
        )
        n_sent = 0
        with suppress(OSError):
            while n_sent < 2**28:
                connection.sendall(b" " * 2**20)
                n_sent += 2**20

    assert n_sent < 2**28


def test_a_slow_body_is_given_up(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_BODY_SECONDS", 0.3)
    with service.connect() as connection:
        connection.sendall(
            b"POST /predict_cluster HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:mall-segments:slow-body" in answer


@pytest.mark.parametrize("beginning", [b"", b"POST /predict_cluster HTTP/1.1\r\nHos"])
def test_slow_headers_are_given_up(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(connections, "MOST_HEADER_SECONDS", 0.3)
    with service.connect() as connection:
        connection.sendall(beginning)
        assert connection.recv(4096) == b""


def test_slow_headers_of_a_second_request_are_given_up(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_HEADER_SECONDS", 0.3)
    with service.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"alive" not in answer:
            answer += connection.recv(4096)
        connection.sendall(b"GET /health HTTP/1.1\r\nHos")
        assert connection.recv(4096) == b""


@pytest.mark.parametrize("part", ["headers", "trailers", "one header"])
def test_endless_headers_and_trailers_are_refused(
    shared_service: RunningService, part: str
) -> None:
    head = b"POST /predict_cluster HTTP/1.1\r\nHost: x\r\n"
    head += b"Content-Type: application/json\r\n"
    if part == "trailers":
        head += b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    piece = (
        b"x" * 4000 if part == "one header" else b"X-Header: " + b"x" * 4000 + b"\r\n"
    )
    with shared_service.connect() as connection:
        connection.sendall(head + (b"X-Header: " if part == "one header" else b""))
        n_sent = 0
        with suppress(OSError):
            while n_sent < 2**24:
                connection.sendall(piece)
                n_sent += len(piece)

    assert n_sent < 2**24


def test_a_long_header_within_the_limit_is_taken(
    shared_service: RunningService,
) -> None:
    response = shared_service.client.get("/health", headers={"x-header": "x" * 60_000})

    assert response.status_code == 200


def test_answers_that_nobody_reads_are_given_up(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_UNREAD_SECONDS", 0.3)
    body = json.dumps([FULL_CUSTOMER] * 5000).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(10)
        head = (
            "POST /predict_cluster HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with suppress(OSError):
            for _ in range(8):
                connection.sendall(head + body)
        wait_until(lambda: not service.n_connections())


def raw(service: RunningService, *parts: bytes) -> bytes:
    """Send bytes, and return what comes back until the connection is idle or closed."""
    with service.connect() as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.05)
        answer = connection.recv(65_536)
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65_536)
        return answer


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (b"Content-Length: 2\r\n", b"host is missing"),
        (b"Host: a\r\nHost: a\r\nContent-Length: 2\r\n", b"host is given twice"),
        (
            b"Host: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n",
            b"content-type is given twice",
        ),
    ],
)
def test_ambiguous_headers_are_refused(
    shared_service: RunningService, headers: bytes, detail: bytes
) -> None:
    answer = raw(
        shared_service,
        b"POST /predict_cluster HTTP/1.1\r\nContent-Type: application/json\r\n"
        + headers
        + b"\r\n{}",
    )

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"urn:mall-segments:invalid-headers" in answer
    assert detail in answer


@pytest.mark.parametrize("is_split", [True, False])
@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_an_offer_of_http_2_is_ignored(
    shared_service: RunningService, method: bytes, *, is_split: bool
) -> None:
    """Java's client makes one by default, as does ``curl --http2``."""
    body = json.dumps(CUSTOMER).encode() if method == b"POST" else b""
    path = b"/predict_cluster" if method == b"POST" else b"/health"
    head = (
        method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
        b"Content-Type: application/json\r\n"
        + b"Content-Length: %d\r\n\r\n"
        % len(body)
    )
    parts = (head, body) if is_split and body else (head + body,)
    with shared_service.connect() as connection:
        for _ in range(2):
            for part in parts:
                connection.sendall(part)
                time.sleep(0.05)
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            assert (b"segment_id" if body else b"alive") in answer


def test_connect_is_refused(shared_service: RunningService) -> None:
    answer = raw(shared_service, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_strange_names_cost_neither_time_nor_memory(
    shared_service: RunningService,
) -> None:
    """Names that grow when they are compared; those of a request are few."""
    strange = "\ufdfa" * 90
    customers = [
        CUSTOMER | {f"{strange}{row}{number}": 1 for number in range(20)}
        for row in range(20)
    ]
    refused = shared_service.predict(customers)
    problem = problem_of(refused, 422, "invalid-customer")
    assert "at most 64 are read" in problem["detail"]

    names = len(shared_service.app.state.store.current.names)
    shared_service.predict(CUSTOMER | {f"{strange}{number}": 1 for number in range(20)})
    assert len(shared_service.app.state.store.current.names) == names


def test_single_customers_are_answered_while_batches_are(
    shared_service: RunningService,
) -> None:
    batch = json.dumps([FULL_CUSTOMER | {"Income": n % 999} for n in range(10_000)])
    statuses: list[int] = []

    def send_batches() -> None:
        statuses.extend(
            shared_service.send(batch.encode()).status_code for _ in range(3)
        )

    thread = threading.Thread(target=send_batches)
    thread.start()
    while thread.is_alive():
        assert shared_service.predict(CUSTOMER).status_code == 200
        time.sleep(0.01)
    thread.join()

    assert statuses == [200, 200, 200]


def test_a_client_that_hangs_up_is_no_trouble(shared_service: RunningService) -> None:
    for _ in range(20):
        with shared_service.connect() as connection:
            connection.sendall(
                b"POST /predict_cluster HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )

    assert shared_service.predict(CUSTOMER).status_code == 200


def test_a_body_that_comes_after_its_answer_is_taken_for_no_headers(
    shared_service: RunningService,
) -> None:
    """An unknown segmentation is refused before the body; the connection goes on."""
    body = b"[" + b" " * 300_000 + b"]"
    head = (
        "POST /predict_cluster?segmentation=none HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    address = ("127.0.0.1", shared_service.port)
    with socket.create_connection(address, timeout=10) as connection:
        for request in (head, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            connection.sendall(request)
            if request is head:
                time.sleep(0.2)
                for start in range(0, len(body), 50_000):
                    connection.sendall(body[start : start + 50_000])
                    time.sleep(0.01)
            answer = connection.recv(65_536)
            status = answer.split(b" ", 2)[1]
            assert status == (b"422" if request is head else b"200"), answer
