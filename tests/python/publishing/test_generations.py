import errno
import fcntl
import logging
import os
import shutil
import stat
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mall_segments.errors import FormatError, PublishError
from mall_segments.publishing import generations, switching
from mall_segments.publishing.generations import (
    current_generation,
    find_generation,
    generation_folder,
    list_generations,
    read_current,
    read_generation,
    verify_generation,
)
from mall_segments.publishing.sealed_json import write_sealed
from mall_segments.publishing.switching import (
    new_generation,
    publish_lock,
    replaced_generation,
    rollback,
    seal_generation,
)

MOMENT = datetime(2026, 11, 21, 10, 55, tzinfo=UTC)


def build_id_of(number: int) -> str:
    moment = MOMENT + timedelta(microseconds=number)
    return f"{moment:%Y%m%dT%H%M%S.%f}Z-{number:08x}"


def build(home: Path, number: int, *, keep: int = 3) -> str:
    """Publish a generation of two small files; a higher number is a later build."""
    build_id = build_id_of(number)
    with new_generation(home, build_id, keep_generations=keep) as draft:
        (draft.folder / "parquet").mkdir()
        (draft.folder / "parquet" / "dim_segments.parquet").write_text(f"{number}")
        (draft.folder / "model.json").write_text(f"model {number}")
        seal_generation(draft, {"tables": {}})
    return build_id


def current_build(home: Path) -> str | None:
    folder = current_generation(home)
    return folder.name if folder else None


def hidden_entries(home: Path) -> list[str]:
    return [path.name for path in (home / "published" / "generations").glob(".*")]


def rewrite_manifest(folder: Path, changes: Mapping[str, Any]) -> None:
    """Change a manifest as somebody would who also renews its seal."""
    manifest = {**read_generation(folder).manifest, **changes}
    (folder / "manifest.json").unlink()
    write_sealed(folder / "manifest.json", manifest)


def test_nothing_is_current_before_the_first_build(tmp_path: Path) -> None:
    assert current_generation(tmp_path) is None
    assert list_generations(tmp_path) == []
    with pytest.raises(PublishError, match=r"nothing is published in .* yet"):
        read_current(tmp_path)
    with pytest.raises(PublishError, match=r"nothing is published in .* yet"):
        rollback(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_publishes_read_only_files_behind_a_relative_link(tmp_path: Path) -> None:
    build_id = build(tmp_path, 1)

    link = tmp_path / "published" / "current"
    assert link.readlink() == Path("generations") / build_id
    for path in link.resolve().rglob("*"):
        if path.is_file():
            assert not stat.S_IMODE(path.stat().st_mode) & 0o222
    assert verify_generation(link.resolve()).build_id == build_id
    assert hidden_entries(tmp_path) == []


def test_a_home_that_is_moved_keeps_its_current_generation(tmp_path: Path) -> None:
    build_id = build(tmp_path / "before", 1)

    (tmp_path / "before").rename(tmp_path / "after")

    assert current_build(tmp_path / "after") == build_id


def test_flushes_every_file_and_folder_before_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    flush, rename = os.fsync, os.replace

    def note_flush(descriptor: int) -> None:
        names = {path.stat().st_ino: path.name for path in tmp_path.rglob("*")}
        steps.append(names[os.fstat(descriptor).st_ino])
        flush(descriptor)

    def note_switch(source: Path, target: Path) -> None:
        steps.append(f"switch to {target.name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(os, "replace", note_switch)

    build_id = build(tmp_path, 1)

    assert sorted(steps[:3]) == ["dim_segments.parquet", "manifest.json", "model.json"]
    assert steps[3:] == [
        "parquet",
        f".tmp-{build_id}",
        "generations",
        "switch to current",
        "published",
    ]


def test_keeps_the_last_generations(tmp_path: Path) -> None:
    built = [build(tmp_path, number, keep=3) for number in range(5)]

    assert list_generations(tmp_path) == built[-3:]
    assert current_build(tmp_path) == built[-1]


def test_keeps_what_the_current_generation_replaced_before_what_was_rolled_back(
    tmp_path: Path,
) -> None:
    first, second, third = (build(tmp_path, number) for number in range(3))
    rollback(tmp_path, first)

    fourth = build(tmp_path, 3, keep=2)

    assert list_generations(tmp_path) == [first, fourth]
    assert rollback(tmp_path) == first
    assert second < third


def test_never_prunes_the_current_generation(tmp_path: Path) -> None:
    build(tmp_path, 1)
    # The clock went back, so the new build does not sort last.
    last = build(tmp_path, 0, keep=1)

    assert list_generations(tmp_path) == [last]


def test_refuses_to_keep_nothing(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="keep_generations=0 is less than 1"):
        build(tmp_path, 1, keep=0)


def test_a_generation_that_cannot_be_removed_does_not_stop_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = build(tmp_path, 1)
    remove = shutil.rmtree

    def refuse(path: Path, **options: Any) -> None:
        if path.name == f".removed-{first}":
            raise OSError(16, "Device or resource busy", str(path))
        remove(path, **options)

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(shutil, "rmtree", refuse)
        second = build(tmp_path, 2, keep=1)

    assert current_build(tmp_path) == second
    assert "could not be removed: Device or resource busy" in caplog.text
    assert hidden_entries(tmp_path) == [f".removed-{first}"]
    build(tmp_path, 3, keep=1)
    assert hidden_entries(tmp_path) == []


def test_removes_what_killed_builds_left_behind(tmp_path: Path) -> None:
    build(tmp_path, 1)
    folder = tmp_path / "published" / "generations"
    (folder / ".tmp-20261121T105500.000009Z-00000009" / "parquet").mkdir(parents=True)
    (folder / ".removed-20261121T105500.000008Z-00000008").mkdir()
    (tmp_path / "published" / ".current-next").symlink_to("nowhere")

    build(tmp_path, 2)

    assert hidden_entries(tmp_path) == []
    assert not (tmp_path / "published" / ".current-next").is_symlink()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_while_writing_changes_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    first = build(tmp_path, 1)
    build_id = build_id_of(2)

    def fail() -> None:
        with new_generation(tmp_path, build_id, keep_generations=1) as draft:
            (draft.folder / "model.json").write_text("half")
            raise error

    with pytest.raises(error):
        fail()

    assert current_build(tmp_path) == first
    assert list_generations(tmp_path) == [first]
    assert hidden_entries(tmp_path) == []


def test_refuses_a_generation_without_a_manifest(tmp_path: Path) -> None:
    with (
        pytest.raises(PublishError, match=r"manifest\.json is missing"),
        new_generation(tmp_path, build_id_of(1), keep_generations=3),
    ):
        pass

    assert list_generations(tmp_path) == hidden_entries(tmp_path) == []


@pytest.mark.parametrize("step", ["mkdir", "fsync", "rename", "symlink", "replace"])
def test_a_full_disk_at_any_step_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = build(tmp_path, 1)
    act = getattr(os, step)

    def fail(*arguments: Any, **options: Any) -> Any:
        if step == "rename" and ".removed" in str(arguments[1]):
            return act(*arguments, **options)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(
            PublishError, match="cannot be written: No space left on device"
        ):
            build(tmp_path, 2)

    assert current_build(tmp_path) == first
    assert list_generations(tmp_path) == [first]
    assert hidden_entries(tmp_path) == []
    third = build(tmp_path, 3)
    assert current_build(tmp_path) == third


def test_an_error_after_the_switch_keeps_the_new_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, 1)
    flush = switching._flush_path

    def fail(folder: Path) -> None:
        if folder.name == "published":
            raise OSError(5, "Input/output error")
        flush(folder)

    with monkeypatch.context() as patched:
        patched.setattr(switching, "_flush_path", fail)
        said = f"{build_id_of(2)} is current now, but .* flushed: Input/output error"
        with pytest.raises(PublishError, match=said):
            build(tmp_path, 2)

    current = read_current(tmp_path)
    assert current.build_id == list_generations(tmp_path)[-1]
    assert verify_generation(current.folder).file("model.json").read_text() == "model 2"


def test_of_two_builds_at_once_one_is_refused(tmp_path: Path) -> None:
    publishing, refused = threading.Event(), threading.Event()

    def win() -> None:
        build_id = build_id_of(1)
        with new_generation(tmp_path, build_id, keep_generations=3) as draft:
            publishing.set()
            refused.wait(10)
            seal_generation(draft, {})

    winner = threading.Thread(target=win)
    winner.start()
    publishing.wait(10)
    with pytest.raises(PublishError, match="another build is publishing"):
        build(tmp_path, 2)
    with pytest.raises(PublishError, match="another build is publishing"):
        rollback(tmp_path)
    refused.set()
    winner.join()

    assert current_build(tmp_path) == build_id_of(1)
    assert build(tmp_path, 3) == current_build(tmp_path)


def test_refuses_a_home_that_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    with pytest.raises(PublishError, match="cannot be written: Not a directory"):
        build(home, 1)


def test_a_reader_keeps_the_generation_it_opened(tmp_path: Path) -> None:
    build(tmp_path, 0)
    with (tmp_path / "published" / "current" / "model.json").open() as opened:
        for number in range(1, 10):
            build(tmp_path, number, keep=1)
        assert opened.read() == "model 0"


def test_a_reader_never_sees_the_link_missing_or_a_generation_torn(
    tmp_path: Path,
) -> None:
    build(tmp_path, 0)
    stop = threading.Event()
    seen: set[str] = set()
    errors: list[str] = []

    def read() -> None:
        while not stop.is_set():
            current = read_current(tmp_path)
            try:
                model = current.file("model.json").read_text()
                table = current.file("parquet/dim_segments.parquet").read_text()
            except (OSError, PublishError) as error:
                # Only a generation that enough later builds replaced may be gone.
                if current.build_id in list_generations(tmp_path):
                    errors.append(str(error))
                continue
            seen.add(table)
            if model != f"model {table}":
                errors.append(f"{model} beside {table}")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 41):
        build(tmp_path, number)
    stop.set()
    for reader in readers:
        reader.join()

    assert errors == []
    assert len(seen) > 1


def test_a_reader_looks_again_when_what_it_found_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, 0)
    current = read_current(tmp_path).build_id
    found = iter(["20200101T000000.000000Z-00000000", current, current])
    monkeypatch.setattr(generations, "linked_build_id", lambda _: next(found))
    folder = generations.current_generation(tmp_path)
    assert folder == generations.generation_folder(tmp_path, current)


@pytest.mark.parametrize(
    "name", ["model.json", "parquet/dim_segments.parquet", "manifest.json"]
)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-2],
        lambda data: data[:0],
        lambda data: data + b"0",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
    ],
    ids=["truncated", "emptied", "appended", "flipped"],
)
def test_names_the_damaged_file(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    build(tmp_path, 1)
    folder = read_current(tmp_path).folder
    path = folder / name
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(damage(data))

    with pytest.raises(PublishError) as caught:
        verify_generation(folder)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["model.json", "manifest.json"])
def test_names_a_missing_file(tmp_path: Path, name: str) -> None:
    build(tmp_path, 1)
    folder = read_current(tmp_path).folder
    (folder / name).unlink()

    with pytest.raises(PublishError, match=f"{name}.*is damaged"):
        verify_generation(folder)


def test_names_a_file_that_was_not_published(tmp_path: Path) -> None:
    build(tmp_path, 1)
    folder = read_current(tmp_path).folder
    (folder / "mall_segments.duckdb.wal").write_bytes(b"later changes")

    with pytest.raises(PublishError, match=r"duckdb\.wal is not in manifest\.json"):
        verify_generation(folder)


def test_ignores_files_that_file_managers_leave(tmp_path: Path) -> None:
    build(tmp_path, 1)
    folder = read_current(tmp_path).folder
    (folder / ".DS_Store").write_bytes(b"")

    assert verify_generation(folder).build_id == folder.name


def test_names_a_file_replaced_by_a_link(tmp_path: Path) -> None:
    build(tmp_path, 1)
    folder = read_current(tmp_path).folder
    (folder / "model.json").rename(tmp_path / "model.json")
    (folder / "model.json").symlink_to(tmp_path / "model.json")

    with pytest.raises(PublishError, match=r"model\.json is not a regular file"):
        verify_generation(folder)


def test_refuses_a_generation_under_another_name(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    shutil.rmtree(generation_folder(tmp_path, first))
    generation_folder(tmp_path, second).rename(generation_folder(tmp_path, first))

    with pytest.raises(PublishError, match=f"belongs to the generation '{second}'"):
        rollback(tmp_path, first)


def test_offers_only_files_of_the_generation(tmp_path: Path) -> None:
    build(tmp_path, 1)
    with pytest.raises(PublishError, match=r"has no ../secret; it has model\.json"):
        read_current(tmp_path).file("../secret")


def test_rolls_back_one_generation_at_a_time(tmp_path: Path) -> None:
    first, second, third = (build(tmp_path, number) for number in range(3))

    assert rollback(tmp_path) == second
    assert current_build(tmp_path) == second
    assert rollback(tmp_path) == first
    with pytest.raises(PublishError, match="is the first generation published"):
        rollback(tmp_path)
    assert rollback(tmp_path, third) == third
    assert current_build(tmp_path) == third


def test_rolls_back_past_a_build_that_was_itself_rolled_back(tmp_path: Path) -> None:
    first, _, bad = (build(tmp_path, number) for number in range(3))
    rollback(tmp_path, first)
    latest = build(tmp_path, 3)

    assert rollback(tmp_path) == first
    assert bad < latest


def test_refuses_to_roll_back_to_what_is_not_kept(tmp_path: Path) -> None:
    first = build(tmp_path, 1)
    second = build(tmp_path, 2, keep=1)

    with pytest.raises(PublishError, match=f"no generation {first} to roll back to"):
        rollback(tmp_path)
    with pytest.raises(PublishError, match=f"no generation ../x .*: {second}"):
        rollback(tmp_path, "../x")
    assert current_build(tmp_path) == second


def test_refuses_to_roll_back_to_a_damaged_generation(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    model = generation_folder(tmp_path, first) / "model.json"
    model.chmod(0o644)
    model.write_text("model 3")

    with pytest.raises(PublishError, match=f"{model} was changed"):
        rollback(tmp_path)
    assert current_build(tmp_path) == second


def test_rolls_back_from_a_generation_whose_manifest_is_damaged(
    tmp_path: Path,
) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    (generation_folder(tmp_path, second) / "manifest.json").unlink()

    assert rollback(tmp_path) == first


def test_rolls_back_when_the_current_generation_was_deleted(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    shutil.rmtree(generation_folder(tmp_path, second))

    with pytest.raises(PublishError, match=f"{second}, which does not exist"):
        read_current(tmp_path)
    assert rollback(tmp_path) == first


def test_rolls_back_to_the_newest_when_the_link_was_deleted(tmp_path: Path) -> None:
    build(tmp_path, 1)
    second = build(tmp_path, 2)
    (tmp_path / "published" / "current").unlink()

    assert rollback(tmp_path) == second


def test_refuses_a_link_that_leads_elsewhere(tmp_path: Path) -> None:
    build(tmp_path, 1)
    link = tmp_path / "published" / "current"
    link.unlink()
    link.symlink_to("/etc")

    with pytest.raises(PublishError, match="points to '/etc', which is not"):
        read_current(tmp_path)


def test_refuses_a_folder_where_the_link_belongs(tmp_path: Path) -> None:
    (tmp_path / "published" / "current").mkdir(parents=True)

    with pytest.raises(PublishError, match="is not a link to a generation"):
        build(tmp_path, 1)
    assert hidden_entries(tmp_path) == []


def test_a_generation_of_another_format_is_told_from_a_damaged_one(
    tmp_path: Path,
) -> None:
    build_id = build(tmp_path, 1)
    rewrite_manifest(read_current(tmp_path).folder, {"format": 1})

    with pytest.raises(FormatError, match="has the format 1; this version reads 2"):
        find_generation(tmp_path, build_id)
    with pytest.raises(FormatError):
        rollback(tmp_path, build_id)


def test_a_home_may_be_named_by_a_way_round(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    home = tmp_path / "elsewhere" / ".." / "home"

    first, second = build(home, 1), build(home, 2)

    assert list_generations(tmp_path / "home") == [first, second]
    assert current_build(home) == second
    assert rollback(home) == first


def test_says_so_where_files_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)

    with pytest.raises(PublishError, match="cannot be written: No locks available"):
        build(tmp_path, 1)
    assert list_generations(tmp_path) == []


def test_a_generation_is_replaced_in_one_step(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    is_replaced = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not is_replaced.is_set():
            text = (tmp_path / "published/current/model.json").read_text()
            seen.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        with publish_lock(tmp_path), replaced_generation(tmp_path, second) as draft:
            (draft.folder / "model.json").write_text(f"model {number}")
            seal_generation(draft, {"tables": {}})
    is_replaced.set()
    reader.join()

    assert len(set(seen)) > 1
    assert verify_generation(read_current(tmp_path).folder).build_id == second
    assert read_current(tmp_path).manifest["previous_build_id"] == first
    assert list_generations(tmp_path) == [first, second]
    assert hidden_entries(tmp_path) == []


def test_what_cannot_be_replaced_stays(tmp_path: Path) -> None:
    build_id = build(tmp_path, 1)

    with (
        pytest.raises(PublishError, match=r"manifest\.json is missing"),
        publish_lock(tmp_path),
        replaced_generation(tmp_path, build_id),
    ):
        pass

    assert verify_generation(read_current(tmp_path).folder).build_id == build_id
    assert hidden_entries(tmp_path) == []
