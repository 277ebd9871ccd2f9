"""``mall-segments report``."""

import shutil
import tempfile
from pathlib import Path

import click

from mall_segments.errors import PublishError
from mall_segments.generations import DATABASE, MODEL, read_current


@click.command("report")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this file.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write pictures of its charts, as SVG and PNG, to this folder.",
)
@click.option(
    "--audit",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Show this result of `mall-segments audit` (JSON) in it.",
)
@click.pass_obj
def command(
    home: Path, output: Path | None, pictures: Path | None, audit: Path | None
) -> None:
    """Say where the report of the current generation is, or write it elsewhere."""
    from mall_segments.report import AUDIT, PICTURES, REPORT, write_report  # noqa: PLC0415

    if audit and not output:
        raise click.UsageError("--audit needs --output: a generation never changes")
    generation = read_current(home)
    if not (output or pictures):
        click.echo(generation.file(REPORT))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(generation.file(MODEL), folder / MODEL)
        if audit:
            shutil.copyfile(audit, folder / AUDIT)
        elif AUDIT in generation.manifest["files"]:
            shutil.copyfile(generation.file(AUDIT), folder / AUDIT)
        write_report(folder, generation.file(DATABASE))
        try:
            if output:
                shutil.copyfile(folder / REPORT, output)
                click.echo(output)
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
                for picture in sorted((folder / PICTURES).iterdir()):
                    shutil.copyfile(picture, pictures / picture.name)
                click.echo(pictures)
        except OSError as error:
            raise PublishError(
                f"{error.filename} cannot be written: {error.strerror}"
            ) from None
