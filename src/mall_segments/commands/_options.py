"""What options of several commands take, and the one that they share."""

from pathlib import Path

import click

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

generation = click.option(
    "--generation", "build_id", metavar="BUILD_ID", help="[default: current]"
)
