"""Published generations: complete folders, and one link that says which is current.

``published/generations/<build_id>/`` is written under a hidden name, flushed to disk,
renamed and never changed again. ``published/current`` is a relative symbolic link that
one rename switches. Whatever kills a build, readers find the generation before or the
generation after, and the next build removes what was left behind.
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mall_segments.errors import PublishError
from mall_segments.home import published_folder
from mall_segments.publishing.sealed_json import (
    BrokenSealError,
    read_sealed,
    write_sealed,
)

CURRENT = "current"
DATABASE = "mall_segments.duckdb"
LOCK = ".lock"
MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
MODEL = "model.json"

_BUILD_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")
_NEXT_LINK = ".current-next"
_REMOVED = ".removed-"
_UNFINISHED = ".tmp-"
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draft:
    """A generation being written.

    Attributes
    ----------
    build_id : str
        The name the generation will have.
    folder : Path
        Where to write its files until then.
    previous_build_id : str or None
        The generation that is current while this one is written.
    """

    build_id: str
    folder: Path
    previous_build_id: str | None


@dataclass(frozen=True)
class Generation:
    """A published generation whose manifest was read and found intact.

    Attributes
    ----------
    build_id : str
        The name of the generation.
    folder : Path
        Its own folder, not the link: it stays the same when a build switches the link.
    manifest : Mapping
        The content of ``manifest.json``.
    """

    build_id: str
    folder: Path
    manifest: Mapping[str, Any]

    def file(self, name: str) -> Path:
        """Find one file of the generation, verified by size and SHA-256.

        Raises
        ------
        PublishError
            If the manifest does not list the file, or the file is not the one listed.
        """
        files = self.manifest["files"]
        if name not in files:
            raise PublishError(
                f"{self.folder} has no {name}; it has {', '.join(sorted(files))}"
            )
        _verify_file(self.folder, name, files[name])
        return self.folder / name


def new_build_id(invocation: str, *, now: datetime | None = None) -> str:
    """Name a build by its time (UTC) and the first 8 hex digits of its invocation.

    Names sort in the order of time. An invocation that does not begin with 8 hex
    digits (every dbt invocation id does) is hashed to some.

    Examples
    --------
    >>> moment = datetime(2026, 11, 21, 10, 55, 0, 123456, tzinfo=UTC)
    >>> new_build_id("0f8e12ab-3c4d-4e5f-8a9b-0c1d2e3f4a5b", now=moment)
    '20261121T105500.123456Z-0f8e12ab'
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    digits = invocation[:8].lower()
    if not re.fullmatch(r"[0-9a-f]{8}", digits):
        digits = hashlib.sha256(invocation.encode()).hexdigest()[:8]
    return f"{moment:%Y%m%dT%H%M%S.%f}Z-{digits}"


def list_generations(home: Path) -> list[str]:
    """List the build ids of the generations kept, oldest first, unverified."""
    folder = _generations_folder(home)
    if not folder.is_dir():
        return []
    with _refuse_os_errors(f"{folder} cannot be listed"):
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if _BUILD_ID.fullmatch(entry.name) and entry.is_dir()
        )


def generation_folder(home: Path, build_id: str) -> Path:
    """Name the folder of a generation, whether or not it exists."""
    return _generations_folder(home) / build_id


def current_generation(home: Path) -> Path | None:
    """Find the folder ``published/current`` points to, unverified.

    Returns
    -------
    Path or None
        The generation's own folder; None when nothing was published yet.

    Raises
    ------
    PublishError
        If ``published/current`` is not a link to an existing generation.
    """
    while (build_id := _linked_build_id(home)) is not None:
        folder = generation_folder(home, build_id)
        if folder.is_dir():
            return folder
        # Between the two looks, builds may have replaced and removed it.
        if _linked_build_id(home) == build_id:
            raise PublishError(
                f"{_link(home)} points to the generation {build_id}, which does not "
                f"exist; {_ways_out(home)}"
            )
    return None


def read_current(home: Path) -> Generation:
    """Read the manifest of the current generation.

    A reader that takes all its files from the ``Generation`` returned reads one
    generation, even when a build publishes the next one meanwhile. It has until the
    generation is pruned, ``keep_generations`` builds later, to open them; a file once
    open stays readable.

    Raises
    ------
    PublishError
        If nothing was published yet, or the manifest is damaged.
    """
    while True:
        folder = current_generation(home)
        if folder is None:
            raise PublishError(
                f"nothing is published in {published_folder(home)} yet; "
                "run `make build` or `dbt build` first"
            )
        try:
            return read_generation(folder)
        except PublishError:
            # Between the two reads, builds may have replaced and removed it.
            if current_generation(home) == folder:
                raise


def read_generation(folder: Path) -> Generation:
    """Read and check the manifest of one generation, but none of its other files.

    Raises
    ------
    PublishError
        If the manifest is missing, damaged, or belongs to another generation.
    """
    path = folder / MANIFEST
    try:
        manifest = read_sealed(path)
    except FileNotFoundError:
        raise PublishError(f"{path} is missing: {folder.name} is damaged") from None
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error.strerror}") from None
    except BrokenSealError as error:
        raise PublishError(f"{path} {error}: {folder.name} is damaged") from None
    if manifest.get("format") != MANIFEST_FORMAT:
        raise PublishError(
            f"{path} has the format {manifest.get('format')!r}; "
            f"this version reads {MANIFEST_FORMAT}"
        )
    if manifest.get("build_id") != folder.name:
        raise PublishError(
            f"{path} belongs to the generation {manifest.get('build_id')!r}, "
            f"not to {folder.name}"
        )
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(map(_is_listing, files.values())):
        raise PublishError(f"{path} has no usable list of files")
    return Generation(folder.name, folder, manifest)


def verify_generation(folder: Path, *, deep: bool = False) -> Generation:
    """Check every file of a generation against its manifest.

    Hidden files (names that begin with a dot) are ignored: file managers and
    network file systems leave them.

    Parameters
    ----------
    folder : Path
        The generation's own folder, not the link to it.
    deep : bool
        Also open the database and check the columns, row count and content
        checksum of every table.

    Raises
    ------
    PublishError
        If a file is missing, has another size or SHA-256, or is not listed; if a
        table is not the one published. The message names the file or table.
    """
    generation = read_generation(folder)
    files = generation.manifest["files"]
    for name, listing in files.items():
        _verify_file(folder, name, listing)
    with _refuse_os_errors(f"{folder} cannot be listed"):
        found = {name for name in _relative_files(folder) if not _is_hidden(name)}
    surplus = sorted(found - set(files) - {MANIFEST})
    if surplus:
        raise PublishError(
            f"{folder / surplus[0]} is not in {MANIFEST}: it was not published"
        )
    if deep:
        from mall_segments.publishing.tables import verify_tables  # noqa: PLC0415

        verify_tables(
            folder / DATABASE,
            generation.manifest["tables"],
            written_by=generation.manifest["versions"]["duckdb"],
        )
    return generation


def seal_generation(draft: Draft, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the manifest of a draft: the content given and every file found.

    Returns
    -------
    Mapping
        The manifest as written, without its own SHA-256.
    """
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
            for name in sorted(_relative_files(draft.folder))
        },
    }
    write_sealed(draft.folder / MANIFEST, manifest)
    return manifest


@contextmanager
def new_generation(
    home: Path, build_id: str, *, keep_generations: int
) -> Iterator[Draft]:
    """Publish what the body of the ``with`` statement writes, or nothing.

    The body writes its files into ``draft.folder`` and ends with
    `seal_generation`. Then files and folders are flushed to disk and made
    read-only, the folder gets its name, the link is switched, and generations
    beyond the last ``keep_generations`` are removed: the current one and those it
    replaced, one by one, are kept first, then the newest of the others.
    When anything fails before the switch, nothing remains and nothing changed.

    Raises
    ------
    PublishError
        If another build is publishing, or the disk is full or not writable.
    """
    if keep_generations < 1:
        raise PublishError(f"keep_generations={keep_generations} is less than 1")
    published = published_folder(home)
    with _publish_lock(home), _refuse_os_errors(f"{published} cannot be written"):
        _remove_leftovers(home)
        draft = Draft(
            build_id=build_id,
            folder=_generations_folder(home) / f"{_UNFINISHED}{build_id}",
            previous_build_id=_linked_build_id(home),
        )
        try:
            draft.folder.mkdir()
            yield draft
            _complete(home, draft)
        except BaseException:
            shutil.rmtree(draft.folder, ignore_errors=True)
            if _linked_build_id(home) != build_id:
                _remove(home, build_id)
            raise
        _prune(home, keep_generations)


def rollback(home: Path, to: str | None = None) -> str:
    """Switch ``published/current`` to an earlier generation, verified first.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    to : str, optional
        The build id to switch to; otherwise the generation that the current one
        replaced.

    Returns
    -------
    str
        The build id that is current now.

    Raises
    ------
    PublishError
        If there is no such generation, it is damaged, or a build is publishing.
    """
    published = published_folder(home)
    if not published.is_dir():
        raise PublishError(f"nothing is published in {published} yet")
    with _publish_lock(home), _refuse_os_errors(f"{published} cannot be written"):
        kept = list_generations(home)
        target = _replaced_by_current(home, kept) if to is None else to
        if target not in kept:
            raise PublishError(
                f"there is no generation {target} to roll back to; {_ways_out(home)}"
            )
        verify_generation(generation_folder(home, target))
        _switch(home, target)
    return target


def file_sha256(path: Path) -> str:
    """Hash a file of any size, reading it in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _publish_lock(home: Path) -> Iterator[None]:
    # The kernel releases the lock with the process, however that ends.
    published = published_folder(home)
    with _refuse_os_errors(f"{published} cannot be written"):
        _generations_folder(home).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(published / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
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
def _refuse_os_errors(refusal: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        culprit = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        raise PublishError(f"{refusal}: {reason}{culprit}") from None


def _generations_folder(home: Path) -> Path:
    return published_folder(home) / "generations"


def _link(home: Path) -> Path:
    return published_folder(home) / CURRENT


def _linked_build_id(home: Path) -> str | None:
    link = _link(home)
    try:
        target = link.readlink()
    except FileNotFoundError:
        return None
    except OSError:
        raise PublishError(
            f"{link} is not a link to a generation but something else; move it away"
        ) from None
    named = Path(os.path.normpath(link.parent / target))
    if named.parent != _generations_folder(home) or not _BUILD_ID.fullmatch(named.name):
        raise PublishError(
            f"{link} points to {target}, which is not a generation; {_ways_out(home)}"
        )
    return named.name


def _ways_out(home: Path) -> str:
    kept = list_generations(home)
    if not kept:
        return "no generation is kept: delete the link, if there is one, and build"
    return "name one of these with `mall-segments rollback`: " + ", ".join(kept)


def _replaced_by_current(home: Path, kept: list[str]) -> str:
    current = _linked_build_id(home)
    if current is None:
        earlier = kept
    elif current in kept:
        try:
            manifest = read_generation(generation_folder(home, current)).manifest
        except PublishError:
            earlier = [build_id for build_id in kept if build_id < current]
        else:
            earlier = [manifest.get("previous_build_id") or ""]
    else:
        earlier = [build_id for build_id in kept if build_id < current]
    if not earlier or not earlier[-1]:
        raise PublishError(
            f"{current} is the first generation published, so none is earlier; "
            f"{_ways_out(home)}"
        )
    return earlier[-1]


def _is_listing(listing: object) -> bool:
    return (
        isinstance(listing, dict)
        and isinstance(listing.get("bytes"), int)
        and isinstance(listing.get("sha256"), str)
    )


def _verify_file(folder: Path, name: str, listing: Mapping[str, Any]) -> None:
    path = folder / name
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise PublishError(f"{path} is not a regular file")
        if status.st_size != listing["bytes"]:
            raise PublishError(
                f"{path} has {status.st_size} bytes, "
                f"but {listing['bytes']} were published: {folder.name} is damaged"
            )
        digest = file_sha256(path)
    except OSError as error:
        raise PublishError(
            f"{path} cannot be read ({error.strerror}): {folder.name} is damaged"
        ) from None
    if digest != listing["sha256"]:
        raise PublishError(
            f"{path} was changed after it was published: its SHA-256 is "
            f"{digest[:16]}..., published was {listing['sha256'][:16]}..."
        )


def _relative_files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _flush(folder: Path) -> None:
    folders = [folder]
    for path in folder.rglob("*"):
        if path.is_dir():
            folders.append(path)
            continue
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITE_BITS)
        _flush_path(path, os.O_RDONLY)
    for inner in reversed(folders):
        _flush_folder(inner)


def _flush_folder(folder: Path) -> None:
    _flush_path(folder, os.O_RDONLY | os.O_DIRECTORY)


def _flush_path(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _complete(home: Path, draft: Draft) -> None:
    if not (draft.folder / MANIFEST).is_file():
        raise PublishError(f"{draft.folder / MANIFEST} is missing")
    _flush(draft.folder)
    draft.folder.rename(generation_folder(home, draft.build_id))
    _flush_folder(_generations_folder(home))
    _switch(home, draft.build_id)


def _switch(home: Path, build_id: str) -> None:
    link = _link(home)
    following = link.with_name(_NEXT_LINK)
    following.unlink(missing_ok=True)
    following.symlink_to(Path("generations") / build_id)
    following.replace(link)
    _flush_folder(link.parent)


def _remove_leftovers(home: Path) -> None:
    # Under the lock nobody else is writing, so hidden folders belong to killed builds.
    for entry in _generations_folder(home).iterdir():
        if entry.name.startswith((_UNFINISHED, _REMOVED)):
            shutil.rmtree(entry)


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
    build_id = _linked_build_id(home)
    while build_id in kept and build_id not in ranked:
        ranked.append(build_id)
        try:
            manifest = read_generation(generation_folder(home, build_id)).manifest
        except PublishError:
            break
        build_id = manifest.get("previous_build_id")
    ranked += [other for other in reversed(kept) if other not in ranked]
    for surplus in ranked[keep_generations:]:
        _remove(home, surplus)
