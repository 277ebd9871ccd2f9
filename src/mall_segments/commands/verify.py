"""``mall-segments verify``."""

from pathlib import Path

import click

from mall_segments.publishing.generations import find_generation, verify_generation


@click.command("verify")
@click.argument("build_id", required=False)
@click.pass_obj
def command(home: Path, build_id: str | None) -> None:
    """Check every file and table of a generation against its manifest.

    Without BUILD_ID it is the current generation.
    """
    folder = find_generation(home, build_id).folder
    manifest = verify_generation(folder, deep=True).manifest
    click.echo(
        f"{folder.name} is intact: "
        f"{len(manifest['files'])} files, {len(manifest['tables'])} tables"
    )
