"""Published generations as readers see them: complete folders, one of them current.

``published/generations/<build_id>/`` never changes once it has its name, and
``published/current`` is a relative symbolic link that one rename switches. Who reads
all files of one `Generation` reads one generation, whatever is published meanwhile.
"""

from __future__ import annotations

import hashlib
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mall_segments.errors import FormatError, LinkError, PublishError
from mall_segments.home import published_folder
from mall_segments.publishing.sealed_json import read_sealed
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CURRENT: Final = "current"
DATABASE: Final = "mall_segments.duckdb"
MANIFEST: Final = "manifest.json"
MANIFEST_FORMAT: Final = 2
MODEL: Final = "model.json"

_BUILD_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True)
class Generation:
    """A published generation whose manifest was read and found intact.

    Its folder is its own, not the link: it stays the same when a build switches that.
    """

    build_id: str
    folder: Path
    manifest: Mapping[str, Any]

    def file(self, name: str) -> Path:
        """Find one file of the generation, verified by size and SHA-256."""
        files = self.manifest["files"]
        if name not in files:
            raise PublishError(
                f"{self.folder} has no {name}; it has {', '.join(sorted(files))}"
            )
        if problem := _problem_of_file(self.folder, name, files[name]):
            raise PublishError(problem)
        return self.folder / name


def generations_folder(home: Path) -> Path:
    """Name the folder that holds the generations."""
    return published_folder(home) / "generations"


def generation_folder(home: Path, build_id: str) -> Path:
    """Name the folder of a generation, whether or not it exists."""
    return generations_folder(home) / build_id


def list_generations(home: Path) -> list[str]:
    """List the build ids of the generations kept, oldest first, unverified."""
    folder = generations_folder(home)
    if not folder.is_dir():
        return []
    with refuse_os_errors(f"{folder} cannot be listed"):
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if _BUILD_ID.fullmatch(entry.name) and entry.is_dir()
        )


def linked_build_id(home: Path) -> str | None:
    """Read which generation ``published/current`` names, whether or not it exists."""
    link = published_folder(home) / CURRENT
    try:
        target = link.readlink()
    except FileNotFoundError:
        return None
    except OSError:
        raise PublishError(
            f"{link} is not a link to a generation but something else; move it away"
        ) from None
    if target.parent != Path("generations") or not _BUILD_ID.fullmatch(target.name):
        raise LinkError(
            f"{link} points to {shorten(str(target))}, which is not a generation; "
            f"{ways_out(home)}"
        )
    return target.name


def ways_out(home: Path) -> str:
    """Say what helps when the link names no generation."""
    kept = list_generations(home)
    if not kept:
        return "no generation is kept: delete the link, if there is one, and build"
    return "name one of these with `mall-segments rollback`: " + ", ".join(kept)


def current_generation(home: Path) -> Path | None:
    """Find the folder ``published/current`` points to, unverified; None without one."""
    while (build_id := linked_build_id(home)) is not None:
        folder = generation_folder(home, build_id)
        if folder.is_dir():
            return folder
        # Between the two looks, builds may have replaced and removed it.
        if linked_build_id(home) == build_id:
            raise PublishError(
                f"{published_folder(home) / CURRENT} points to the generation "
                f"{build_id}, which does not exist; {ways_out(home)}"
            )
    return None


def read_current(home: Path) -> Generation:
    """Read the manifest of the current generation.

    A reader has until the generation is pruned, ``keep_generations`` builds later, to
    open its files; a file once open stays readable.
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


def find_generation(home: Path, build_id: str | None = None) -> Generation:
    """Read the manifest of the generation named, or of the current one."""
    if build_id is None:
        return read_current(home)
    kept = list_generations(home)
    if build_id not in kept:
        raise PublishError(
            f"there is no generation {build_id}; kept are {', '.join(kept) or 'none'}"
        )
    return read_generation(generation_folder(home, build_id))


def read_generation(folder: Path) -> Generation:
    """Read and check the manifest of one generation, but none of its other files."""
    path = folder / MANIFEST
    try:
        manifest = read_sealed(path, MANIFEST_FORMAT)
    except FormatError:
        raise
    except PublishError as error:
        raise PublishError(f"{error}: {folder.name} is damaged") from None
    if manifest.get("build_id") != folder.name:
        raise PublishError(
            f"{path} belongs to the generation {manifest.get('build_id')!r}, "
            f"not to {folder.name}"
        )
    return Generation(folder.name, folder, manifest)


def verify_generation(folder: Path, *, deep: bool = False) -> Generation:
    """Check every file of a generation against its manifest, but no hidden ones.

    File managers and network file systems leave those. ``deep`` also checks the model,
    and the columns, row count and content checksum of every table of the database.
    """
    generation = read_generation(folder)
    for problem in file_problems(generation).values():
        if problem:
            raise PublishError(problem)
    if deep:
        from mall_segments.model import load_model  # noqa: PLC0415 - heavy
        from mall_segments.publishing.tables import verify_tables  # noqa: PLC0415

        load_model(folder / MODEL)
        verify_tables(
            folder / DATABASE,
            generation.manifest["tables"],
            written_by=generation.manifest["versions"]["duckdb"],
        )
    return generation


def file_problems(generation: Generation) -> dict[str, str | None]:
    """Map each file that is listed or there to what is wrong with it."""
    folder, listed = generation.folder, generation.manifest["files"]
    with refuse_os_errors(f"{folder} cannot be listed"):
        found = {name for name in relative_files(folder) if not _is_hidden(name)}
    return {
        name: _problem_of_file(folder, name, listed.get(name))
        for name in sorted({*found, *listed} - {MANIFEST})
    }


def file_sha256(path: Path) -> str:
    """Hash a file of any size, reading it in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relative_files(folder: Path) -> Iterator[str]:
    """Name all that is in a folder and its subfolders but is no folder itself."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


@contextmanager
def refuse_os_errors(refusal: str) -> Iterator[None]:
    """Say what could not be done where the file system fails."""
    try:
        yield
    except OSError as error:
        culprit = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        raise PublishError(f"{refusal}: {reason}{culprit}") from None


def _problem_of_file(
    folder: Path, name: str, listing: Mapping[str, Any] | None
) -> str | None:
    path = folder / name
    if listing is None:
        return f"{path} is not in {MANIFEST}: it was not published"
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return f"{path} is not a regular file"
        if status.st_size != listing["bytes"]:
            return (
                f"{path} has {status.st_size} bytes, "
                f"but {listing['bytes']} were published: {folder.name} is damaged"
            )
        digest = file_sha256(path)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}): {folder.name} is damaged"
    if digest != listing["sha256"]:
        return (
            f"{path} was changed after it was published: its SHA-256 is "
            f"{digest[:16]}..., published was {listing['sha256'][:16]}..."
        )
    return None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
