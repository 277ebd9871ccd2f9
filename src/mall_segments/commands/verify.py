"""``mall-segments verify``."""

from pathlib import Path

import click

from mall_segments.errors import PublishError
from mall_segments.publishing.generations import (
    generation_folder,
    list_generations,
    read_current,
    verify_generation,
)


@click.command("verify")
@click.argument("build_id", required=False)
@click.pass_obj
def command(home: Path, build_id: str | None) -> None:
    """Check every file and table of a generation against its manifest.

    Without BUILD_ID it is the current generation.
    """
    if build_id is None:
        folder = read_current(home).folder
    elif build_id in list_generations(home):
        folder = generation_folder(home, build_id)
    else:
        raise PublishError(
            f"there is no generation {build_id}; kept are "
            + (", ".join(list_generations(home)) or "none")
        )
    manifest = verify_generation(folder, deep=True).manifest
    click.echo(
        f"{folder.name} is intact: "
        f"{len(manifest['files'])} files, {len(manifest['tables'])} tables"
    )
