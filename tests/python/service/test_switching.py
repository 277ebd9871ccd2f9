"""A model published while the service runs is taken over; a broken one is not."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from running_service import RunningService, wait_until
from served_model import (
    FIRST_BUILD,
    SECOND_BUILD,
    model_content,
    publish_model,
    reference_model,
)

from mall_segments.model import write_model
from mall_segments.publishing.generations import MANIFEST, MODEL, file_sha256
from mall_segments.publishing.sealed_json import canonical_sha256
from mall_segments.publishing.switching import rollback
from mall_segments.service.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMER = {"Annual Income (k$)": 15, "Spending Score (1-100)": 39}
N_BYTE_CHANGES = 200


def second_content() -> dict[str, Any]:
    """Return a model whose every segment has another name and persona."""
    content = model_content(SECOND_BUILD)
    for segmentation in content["segmentations"]:
        for segment in segmentation["segments"]:
            segment["segment_name"] = "second " + segment["segment_name"]
            segment["persona"] = "second " + segment["persona"]
    return content


def generation_of(answer: dict[str, Any]) -> str:
    """Return the generation of an answer, none of which may be of another."""
    is_second = answer["build_id"] == SECOND_BUILD
    assert answer["segment_name"].startswith("second ") == is_second
    assert answer["persona"].startswith("second ") == is_second
    return str(answer["build_id"])


def test_takes_over_what_is_published(service: RunningService, home: Path) -> None:
    assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD

    publish_model(home, second_content())

    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)
    assert generation_of(service.predict(CUSTOMER).json()) == SECOND_BUILD
    assert service.client.get("/segments").json()["build_id"] == SECOND_BUILD
    assert service.client.get("/model").json()["build_id"] == SECOND_BUILD


def test_goes_back_with_a_rollback(service: RunningService, home: Path) -> None:
    publish_model(home, second_content())
    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)

    rollback(home)

    wait_until(lambda: service.ready()["build_id"] == FIRST_BUILD)


@pytest.mark.slow  # about 10 s of load
def test_no_request_fails_and_none_mixes_while_models_are_published(
    service: RunningService, home: Path
) -> None:
    publish_model(home, second_content())
    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)
    batch = [{**CUSTOMER, "customer_id": number} for number in range(50)]
    is_over = threading.Event()
    seen: dict[str, int] = {}
    failures: list[str] = []
    lock = threading.Lock()

    def ask(content: object) -> None:
        with httpx.Client(base_url=service.url, timeout=30) as client:
            while not is_over.is_set():
                try:
                    response = client.post("/predict_cluster", json=content)
                    answers = response.json()
                    answers = answers if isinstance(answers, list) else [answers]
                    found = {generation_of(answer) for answer in answers}
                    found.add(response.headers["mall-segments-build-id"])
                    (build_id,) = found
                except (httpx.HTTPError, AssertionError, KeyError, ValueError) as error:
                    failures.append(repr(error))
                    return
                with lock:
                    seen[build_id] = seen.get(build_id, 0) + 1

    threads = [
        threading.Thread(target=ask, args=[content])
        for content in (CUSTOMER, CUSTOMER, CUSTOMER, batch)
    ]
    for thread in threads:
        thread.start()
    for build_id in (FIRST_BUILD, SECOND_BUILD) * 3:
        rollback(home, build_id)
        wait_until(lambda wanted=build_id: service.ready()["build_id"] == wanted)
        time.sleep(0.3)
    is_over.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert set(seen) == {FIRST_BUILD, SECOND_BUILD}
    assert sum(seen.values()) > 300


def tampered(text: str, change: str) -> str:
    if change == "truncated":
        return text[: len(text) // 2]
    content = json.loads(text)
    if change == "outdated":
        content["format"] = 0
    elif change == "resealed":
        content["segmentations"][0]["segments"][0]["persona"] = "forged"
    content["sha256"] = canonical_sha256(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("truncated", "has"),
        ("outdated", "has"),
        ("resealed", "has"),
        ("swapped", "has"),
        ("gone", "cannot be read"),
        ("no manifest", "manifest.json cannot be read: No such file"),
        ("a folder", "is not a regular file"),
    ],
)
def test_a_tampered_model_is_refused_and_the_last_good_one_serves(
    service: RunningService, home: Path, change: str, reason: str
) -> None:
    assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD
    path = publish_model(home, second_content())
    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)
    path.chmod(0o600)

    if change == "swapped":
        write_model(path, reference_model())
    elif change in ("gone", "a folder"):
        path.unlink()
        if change == "a folder":
            path.mkdir()
    elif change == "no manifest":
        path.with_name(MANIFEST).unlink()
    else:
        path.write_text(tampered(path.read_text(), change))

    wait_until(lambda: service.ready()["status"] == "stale")
    state = service.ready()
    assert state["build_id"] == SECOND_BUILD
    assert reason in state["problem"]
    assert "/" not in state["problem"]
    assert generation_of(service.predict(CUSTOMER).json()) == SECOND_BUILD
    assert service.client.get("/health").status_code == 200
    assert "mall_segments_model_is_current 0.0" in service.client.get("/metrics").text

    rollback(home, FIRST_BUILD)

    wait_until(lambda: service.ready()["status"] == "ready")
    assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD


@pytest.mark.parametrize("change", ["outdated", "swapped"])
def test_a_model_that_was_never_right_is_not_taken_over(
    service: RunningService, home: Path, tmp_path: Path, change: str
) -> None:
    """Sealed and listed in a manifest, but of another format or another build."""
    prepared = tmp_path / "prepared"
    path = publish_model(prepared, second_content())
    path.chmod(0o600)
    if change == "swapped":
        write_model(path, reference_model())
    else:
        path.write_text(tampered(path.read_text(), change))
    manifest = path.with_name(MANIFEST)
    content = json.loads(manifest.read_text())
    content["files"][MODEL] = {
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
    }
    content["sha256"] = canonical_sha256(content)
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(content))
    generations = home / "published" / "generations"
    shutil.copytree(path.parent, generations / SECOND_BUILD)

    rollback(home, SECOND_BUILD)

    wait_until(lambda: service.ready()["status"] == "stale")
    expected = "has the format 0" if change == "outdated" else "belongs to the build"
    assert expected in service.ready()["problem"]
    assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD


def test_changed_bytes_are_all_refused(home: Path) -> None:
    store = ModelStore(home)
    assert store.refresh()
    loaded = store.current
    path = publish_model(home, second_content())
    path.chmod(0o600)
    intact = path.read_bytes()
    random_ = random.Random(1)

    for _ in range(N_BYTE_CHANGES):
        at = random_.randrange(len(intact))
        change = random_.randrange(1, 256)
        path.write_bytes(intact[:at] + bytes([intact[at] ^ change]) + intact[at + 1 :])
        assert not store.refresh()
        assert store.current is loaded
        assert store.problem is not None
        assert "was changed after it was published" in store.problem

    path.write_bytes(intact)
    assert store.refresh()
    assert store.problem is None


def test_a_failure_of_its_own_does_not_end_the_watch(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(home)
    store.refresh()
    publish_model(home, second_content())

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("mall_segments.service.store.load_model", fail)
        assert not store.refresh()
    assert store.problem == "unexpected ZeroDivisionError"
    assert store.current is not None
    assert store.current.model.build_id == FIRST_BUILD

    assert store.refresh()
    assert store.current.model.build_id == SECOND_BUILD


def test_a_look_that_fails_is_not_the_last(
    service: RunningService, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_looks = 0

    def fail(_: object) -> bool:
        nonlocal n_looks
        n_looks += 1
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(ModelStore, "refresh", fail)
        wait_until(lambda: n_looks > 1)
    publish_model(home, second_content())

    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)


def test_without_a_model_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with RunningService(home) as service:
        assert service.client.get("/health").status_code == 200
        for path in ("/ready", "/segments", "/model"):
            refused = service.client.get(path)
            assert refused.status_code == 503
            assert "nothing is published" in refused.json()["detail"]
            assert str(tmp_path) not in refused.text
        assert service.predict(CUSTOMER).status_code == 503
        assert service.client.get("/openapi.json").status_code == 200

        publish_model(home, model_content())

        wait_until(lambda: service.client.get("/ready").status_code == 200)
        assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD


def test_names_no_folder_to_the_public(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    path = publish_model(home, model_content())
    path.chmod(0o600)
    path.write_text("{")
    store = ModelStore(home)

    assert not store.refresh()
    assert store.problem is not None
    assert "home" not in store.problem
    assert "model.json has" in store.problem


@pytest.mark.parametrize(
    "target", ["my own files/next shop", "../a b\nc", "/srv/x y", "generations/a b"]
)
def test_a_link_elsewhere_is_not_told_to_the_public(
    service: RunningService, home: Path, target: str
) -> None:
    link = home / "published" / "current"
    link.unlink()
    link.symlink_to(target)

    wait_until(lambda: service.ready()["status"] == "stale")

    assert service.ready()["problem"] == "current points to no generation"
    assert generation_of(service.predict(CUSTOMER).json()) == FIRST_BUILD


def test_a_change_that_keeps_size_and_time_is_noticed(home: Path) -> None:
    store = ModelStore(home)
    assert store.refresh()
    path = home / "published" / "current" / MODEL
    before = path.stat()
    path.chmod(0o600)

    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    path.chmod(before.st_mode)

    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        *(before.st_ino, before.st_size, before.st_mtime_ns),
    )
    assert not store.refresh()
    assert store.problem is not None
    assert "was changed after it was published" in store.problem
    assert store.current is not None


def test_the_document_follows_the_model(service: RunningService, home: Path) -> None:
    content = second_content()
    content["columns"][1]["maximum"] = 150.0
    publish_model(home, content)
    wait_until(lambda: service.ready()["build_id"] == SECOND_BUILD)

    def maximum() -> float:
        document = service.client.get("/openapi.json").json()
        customer = document["components"]["schemas"]["Customer"]
        (number, *_) = customer["properties"]["age_years"]["anyOf"]
        return float(number["maximum"])

    wait_until(lambda: maximum() == 150)
    assert service.predict(CUSTOMER | {"Age": 130}).status_code == 200
