"""``mall-segments generations``."""

from pathlib import Path

import click

from mall_segments.errors import ModelError, PublishError
from mall_segments.publishing.generations import (
    MODEL,
    current_generation,
    generation_folder,
    list_generations,
    read_generation,
)


@click.command("generations")
@click.pass_obj
def command(home: Path) -> None:
    """List the generations kept, oldest first; * marks the current one."""
    build_ids = list_generations(home)
    current = current_generation(home)
    if not build_ids:
        click.echo("nothing is published yet")
    for build_id in build_ids:
        folder = generation_folder(home, build_id)
        mark = "*" if folder == current else " "
        click.echo(f"{mark} {build_id}  {_summary(folder)}")


def _summary(folder: Path) -> str:
    from mall_segments.model import load_model  # noqa: PLC0415 - heavy

    try:
        manifest = read_generation(folder).manifest
        load_model(folder / MODEL)
    except (ModelError, PublishError) as error:
        if "has the format" in str(error):
            return str(error).partition(" ")[2]
        return "damaged: mall-segments verify says where"
    return f"{manifest['input']['accepted']:,} customers"
