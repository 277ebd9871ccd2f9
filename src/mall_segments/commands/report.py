"""``mall-segments report``."""

from pathlib import Path

import click

from mall_segments.commands._options import FILE, FOLDER
from mall_segments.commands._progress import ProgressBar
from mall_segments.publishing.generations import DATABASE, MODEL, read_current


@click.command("report")
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
@click.option("-o", "--output", type=FILE, help="Write the report to this file.")
@click.option(
    "--pictures",
    type=FOLDER,
    help="Write pictures of its maps, as SVG and PNG, to this folder.",
)
@click.option(
    "--audit",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Show this result of `mall-segments audit` (JSON) in it "
    "[default: that of its last audit]",
)
@click.pass_obj
def command(
    home: Path,
    *,
    is_opened: bool,
    output: Path | None,
    pictures: Path | None,
    audit: Path | None,
) -> None:
    """Say where the report of the current generation is, or write it elsewhere.

    Once `mall-segments audit` has run, it is the report that shows its result.
    """
    from mall_segments.audit import saving  # noqa: PLC0415
    from mall_segments.report import copy_report  # noqa: PLC0415

    if audit and not output:
        raise click.UsageError("--audit needs --output: a generation never changes")
    generation = read_current(home)
    if output or pictures:
        for name in (MODEL, DATABASE):
            generation.file(name)
        saved = saving.audit_folder(home, generation.build_id) / saving.JSON_FILE
        with ProgressBar() as bar:
            copy_report(
                generation.folder,
                output=output,
                audit=audit or (saved if saved.is_file() else None),
                pictures=pictures,
                progress=bar.show,
            )
        written = list(filter(None, (output, pictures)))
    else:
        written = [saving.full_report(home, generation)]
    for path in written:
        click.echo(path)
    if is_opened:
        page = output or saving.full_report(home, generation)
        # A machine without a browser has been told the path already.
        click.launch(page.absolute().as_uri())
