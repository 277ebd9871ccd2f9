"""Requests of every hostile kind are answered below 500, and others go on."""

from __future__ import annotations

import json
import random
import string
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from running_service import CUSTOMER

if TYPE_CHECKING:
    from running_service import RunningService

N_REQUESTS = 400
STRANGE_TEXTS = (
    "",
    "?",
    "\x00",
    "\ufdfa" * 60,
    "🙂",
    "\ud800",
    "'; drop",
    "../..",
    "1e5",
)


def value_of(draw: random.Random, depth: int = 0) -> Any:
    """Draw a JSON value that may be anything."""
    kind = draw.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [value_of(draw, depth + 1) for _ in range(draw.randrange(3))]
    if kind == 7:
        names = [name_of(draw) for _ in range(draw.randrange(3))]
        return {name: value_of(draw, depth + 1) for name in names}
    return draw.choice(
        [
            draw.choice([None, True, False]),
            draw.choice([0, -1, 10**300, -(10**30), 2**63, 1e308, 5e-324, -0.0]),
            draw.uniform(-10, 150),
            draw.randrange(-5, 130),
            draw.randrange(-5, 130),
            draw.choice(STRANGE_TEXTS),
        ]
    )


def name_of(draw: random.Random) -> str:
    """Draw a field's name: known, nearly known, or anything."""
    known = [*CUSTOMER, "Gender", "id", "Score", "annual_income_kusd", "Edad"]
    name = draw.choice(known)
    kind = draw.randrange(6)
    if kind == 0:
        return draw.choice(STRANGE_TEXTS)
    if kind == 1:
        return name.upper() + draw.choice(string.punctuation)
    if kind == 2:
        return "".join(draw.choices(string.printable, k=draw.randrange(120)))
    return name


def body_of(draw: random.Random) -> bytes:
    """Draw a body: valid, nearly valid, or bytes."""
    customers = [
        {name_of(draw): value_of(draw) for _ in range(draw.randrange(8))}
        for _ in range(draw.choice([1, 1, 2, 70]))
    ]
    content = draw.choice([customers, customers[0], value_of(draw), [CUSTOMER]])
    text = json.dumps(content).encode()
    kind = draw.randrange(8)
    if kind == 0:
        return text[: draw.randrange(len(text) + 1)]
    if kind == 1:
        return draw.randbytes(draw.randrange(200))
    if kind == 2:
        nested = draw.choice([b"[", b'{"a":', b"[[],"])
        return nested * draw.choice([10, 5_000, 200_000])
    if kind == 3:
        return text.replace(b":", draw.choice([b": NaN,", b"::", b':1,"Age":']), 1)
    return text


def raw_request(draw: random.Random) -> bytes:
    """Draw a request whose head is strange, too."""
    body = body_of(draw)[:100_000]
    headers = [b"Host: x", b"Content-Type: application/json"]
    headers += draw.choices(
        [
            b"Host: y",
            b"Content-Type: text/plain",
            b"Content-Encoding: gzip",
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
            b"Connection: Upgrade\r\nUpgrade: h2c",
            b"Connection: Upgrade\r\nUpgrade: websocket",
            b"Expect: 100-continue",
            b"Range: bytes=0-,1-",
            b"X-\xff: \xff",
            b"X-Long: " + b"x" * draw.choice([10, 70_000]),
            b" folded: header",
        ],
        k=draw.randrange(3),
    )
    if draw.random() < 0.8:
        headers.append(b"Content-Length: %d" % len(body))
    draw.shuffle(headers)
    method = draw.choice(
        [b"POST", b"POST", b"GET", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"BREW"]
    )
    target = draw.choice(
        [
            b"/predict_cluster",
            b"/predict_cluster?segmentation=%ff%00&x=1",
            b"/predict_cluster/..",
            b"/static-offline-docs/%00",
            b"/static-offline-docs/..%2f..%2fetc%2fpasswd",
            b"/docs?x=<script>",
            b"//x",
            b"*",
            b"/\xff",
            b"http://x:y/ready",
            b"/segments",
        ]
    )
    version = draw.choice(
        [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"FTP/9"]
    )
    return (
        b" ".join([method, target, version])
        + b"\r\n"
        + b"\r\n".join([*headers, b"", body])
    )


@pytest.mark.parametrize("seed", range(2))
def test_hostile_bodies_are_answered_below_500(
    shared_service: RunningService, seed: int
) -> None:
    draw = random.Random(seed)
    statuses: dict[int, int] = {}
    for _ in range(N_REQUESTS):
        response = shared_service.send(body_of(draw))
        assert response.status_code in (200, 400, 413, 422), response.text
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        if response.status_code == 200:
            answers = response.json()
            for answer in answers if isinstance(answers, list) else [answers]:
                assert answer["distance"] >= 0
                assert 0 < answer["membership"] <= 1

    assert {200, 400, 422} <= set(statuses)
    assert shared_service.predict(CUSTOMER).json()["segment_id"] == 4


def test_hostile_heads_are_answered_below_500(shared_service: RunningService) -> None:
    draw = random.Random(3)
    seen = set()
    for _ in range(N_REQUESTS):
        request = raw_request(draw)
        with shared_service.connect() as connection:
            connection.settimeout(0.5)
            answer = b""
            with suppress(OSError):
                connection.sendall(request)
                answer = connection.recv(4096)
        if answer:
            assert answer.startswith(b"HTTP/1.1 "), request[:300]
            status = int(answer[9:12])
            assert status < 500, request[:300]
            seen.add(status)

    assert {200, 400, 404, 405, 422} <= seen
    assert shared_service.predict(CUSTOMER).json()["segment_id"] == 4
