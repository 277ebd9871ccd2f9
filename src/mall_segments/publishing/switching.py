"""Writing generations: under a hidden name, flushed, renamed, and switched to at once.

Whatever kills a build, readers find the generation before or the generation after, and
the next build removes what was left behind.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mall_segments.errors import PublishError
from mall_segments.home import published_folder
from mall_segments.publishing.generations import (
    CURRENT,
    MANIFEST,
    MANIFEST_FORMAT,
    file_sha256,
    generation_folder,
    generations_folder,
    linked_build_id,
    list_generations,
    read_generation,
    refuse_os_errors,
    relative_files,
    verify_generation,
    ways_out,
)
from mall_segments.publishing.sealed_json import write_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOCK: Final = ".lock"
_NEXT_LINK: Final = ".current-next"
_REMOVED: Final = ".removed-"
_UNFINISHED: Final = ".tmp-"
_WRITE_BITS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draft:
    """A generation being written, in ``folder`` until it has its name."""

    build_id: str
    folder: Path
    previous_build_id: str | None


@contextmanager
def new_generation(
    home: Path, build_id: str, *, keep_generations: int
) -> Iterator[Draft]:
    """Publish what the body of the ``with`` statement writes, or nothing.

    The body writes into ``draft.folder`` and ends with `seal_generation`. Of the older
    generations those are kept first that the current one replaced, one by one.
    """
    if keep_generations < 1:
        raise PublishError(f"keep_generations={keep_generations} is less than 1")
    with publish_lock(home):
        draft = _new_draft(home, build_id, linked_build_id(home))
        try:
            yield draft
            _flush(draft.folder)
            draft.folder.rename(generation_folder(home, build_id))
            _flush_path(generations_folder(home))
            _switch(home, build_id)
        except BaseException:
            shutil.rmtree(draft.folder, ignore_errors=True)
            if linked_build_id(home) != build_id:
                _remove(home, build_id)
            raise
        _prune(home, keep_generations)


@contextmanager
def replaced_generation(home: Path, build_id: str) -> Iterator[Draft]:
    """Put what the body writes in the place of a generation of the same name.

    The body ends with `seal_generation`. The two folders change places in one step, so
    that readers find one or the other. Call it within `publish_lock`.
    """
    previous = read_generation(generation_folder(home, build_id)).manifest
    draft = _new_draft(home, build_id, previous.get("previous_build_id"))
    try:
        yield draft
        _flush(draft.folder)
        _exchange(draft.folder, generation_folder(home, build_id))
        _flush_path(generations_folder(home))
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)


def seal_generation(draft: Draft, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the manifest of a draft: the content given and every file found."""
    manifest = {
        "format": MANIFEST_FORMAT,
        "build_id": draft.build_id,
        "previous_build_id": draft.previous_build_id,
        **content,
        "files": {
            name: {
                "bytes": (draft.folder / name).stat().st_size,
                "sha256": file_sha256(draft.folder / name),
            }
            for name in sorted(relative_files(draft.folder))
        },
    }
    write_sealed(draft.folder / MANIFEST, manifest)
    return manifest


def rollback(home: Path, to: str | None = None) -> str:
    """Switch ``published/current`` to an earlier generation, verified first.

    By default it is the one that the current one replaced.
    """
    published = published_folder(home)
    if not published.is_dir():
        raise PublishError(f"nothing is published in {published} yet")
    with publish_lock(home):
        kept = list_generations(home)
        current = linked_build_id(home)
        earlier = [each for each in kept if current is None or each < current]
        # Where nothing tells what the current one replaced, it was the one before it.
        target = to or _replaced_by(home, current) or max(earlier, default=None)
        if target is None:
            raise PublishError(
                f"{current} is the first generation published, so none is earlier; "
                f"{ways_out(home)}"
            )
        if target not in kept:
            raise PublishError(
                f"there is no generation {target} to roll back to; {ways_out(home)}"
            )
        verify_generation(generation_folder(home, target))
        _switch(home, target)
    return target


@contextmanager
def publish_lock(home: Path) -> Iterator[None]:
    """Let one process at a time write to ``published/``, if the disk lets it."""
    # The kernel releases the lock with the process, however that ends.
    published = published_folder(home)
    with refuse_os_errors(f"{published} cannot be written"):
        generations_folder(home).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(published / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PublishError(
                    f"another build is publishing to {published} right now; "
                    "wait until it ends and try again"
                ) from None
            yield
        finally:
            os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Let a file be written beside its place, and put it there when it is complete."""
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        draft.unlink(missing_ok=True)  # Of a process that was killed.
        yield draft
        draft.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PublishError(f"{path} cannot be written: {reason}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _new_draft(home: Path, build_id: str, previous_build_id: str | None) -> Draft:
    # Under the lock nobody else is writing, so hidden folders belong to killed builds.
    for entry in generations_folder(home).iterdir():
        if entry.name.startswith((_UNFINISHED, _REMOVED)):
            shutil.rmtree(entry)
    folder = generations_folder(home) / f"{_UNFINISHED}{build_id}"
    folder.mkdir()
    return Draft(build_id, folder, previous_build_id)


def _replaced_by(home: Path, build_id: str | None) -> str | None:
    """Name the generation that another one replaced; None where nothing tells."""
    if build_id is None:
        return None
    try:
        manifest = read_generation(generation_folder(home, build_id)).manifest
    except PublishError:
        return None
    previous: str | None = manifest.get("previous_build_id")
    return previous


def _flush(folder: Path) -> None:
    if not (folder / MANIFEST).is_file():
        raise PublishError(f"{folder / MANIFEST} is missing")
    folders = [folder]
    for path in folder.rglob("*"):
        if path.is_dir():
            folders.append(path)
            continue
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITE_BITS)
        _flush_path(path)
    for inner in reversed(folders):
        _flush_path(inner)


def _flush_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _switch(home: Path, build_id: str) -> None:
    link = published_folder(home) / CURRENT
    following = link.with_name(_NEXT_LINK)
    following.unlink(missing_ok=True)
    following.symlink_to(Path("generations") / build_id)
    following.replace(link)
    with refuse_os_errors(
        f"{build_id} is current now, but a power cut could undo it: {link.parent} "
        "cannot be flushed"
    ):
        _flush_path(link.parent)


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change places in one step; Python itself cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise PublishError("this system cannot exchange two folders in one step")
    ends = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if rename(*ends, _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _remove(home: Path, build_id: str) -> None:
    # Renamed first, so that a kill leaves no half generation under a valid name.
    folder = generation_folder(home, build_id)
    hidden = folder.with_name(f"{_REMOVED}{build_id}")
    try:
        folder.rename(hidden)
        shutil.rmtree(hidden)
    except FileNotFoundError:
        return
    except OSError as error:
        _logger.warning("%s could not be removed: %s", folder, error.strerror)


def _prune(home: Path, keep_generations: int) -> None:
    kept = list_generations(home)
    ranked: list[str] = []
    build_id = linked_build_id(home)
    while build_id in kept and build_id not in ranked:
        ranked.append(build_id)
        build_id = _replaced_by(home, build_id)
    ranked += [other for other in reversed(kept) if other not in ranked]
    for surplus in ranked[keep_generations:]:
        _remove(home, surplus)
