"""Write scored and rejected customers: whole files or none, or a stream."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from mall_segments.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["csv", "parquet", "jsonl"]

SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

_UNFINISHED: Final = ".unfinished"


@contextmanager
def whole_files(*targets: Path) -> Iterator[list[Path]]:
    """Let the body write files that appear at the end, each complete, or not at all.

    It yields where to write each: a hidden file beside its target. Whatever a killed
    process left there is removed by the next one that writes the same target.
    """
    unfinished: list[Path] = []
    locks: list[int] = []
    target: Path | None = None
    try:
        for target in targets:
            _remove_leftovers(target)
            name = f".{target.name}.{secrets.token_hex(4)}{_UNFINISHED}"
            path = target.with_name(name)
            locks.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
            unfinished.append(path)
            fcntl.flock(locks[-1], fcntl.LOCK_EX)
        yield list(unfinished)
        for target, path, lock in zip(targets, unfinished, locks, strict=True):
            os.fsync(lock)
            path.replace(target)
            _flush_folder(target.parent)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"{target or error.filename} cannot be written: {error.strerror or error}"
        ) from None
    finally:
        for path in unfinished:
            path.unlink(missing_ok=True)
        for lock in locks:
            os.close(lock)


@contextmanager
def stream(sink: BinaryIO) -> Iterator[Path]:
    """Let the body write to a path whose content goes to a stream as it comes.

    If the reader of the stream went away, that is a `BrokenPipeError`, and any other
    reason why it cannot be written an `InputError`.
    """
    reading, writing = os.pipe()
    failures: list[OSError] = []

    def pump() -> None:
        with os.fdopen(reading, "rb") as source:
            try:
                shutil.copyfileobj(source, sink, 2**20)
                sink.flush()
            except OSError as error:
                failures.append(error)

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        yield Path(f"/dev/fd/{writing}")
    finally:
        os.close(writing)
        thread.join()
        for failure in failures:
            if isinstance(failure, BrokenPipeError):
                raise failure
            raise InputError(
                f"the standard output cannot be written: {failure.strerror}"
            ) from None


def _remove_leftovers(target: Path) -> None:
    for path in target.parent.glob(f".{glob.escape(target.name)}.*{_UNFINISHED}"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            # The kernel releases a lock with its process, however that ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
