"""``mall-segments forget``."""

import sys
from pathlib import Path

import click

from mall_segments.commands._progress import ProgressBar
from mall_segments.errors import InputError


@click.command("forget")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Read ids from this file, one a line; - is the standard input.",
)
@click.pass_obj
def command(home: Path, ids: tuple[str, ...], file: str | None) -> None:
    """Erase customers from all that is kept: generations, snapshot, working database.

    Counts and averages stay as they were published. Every file is searched afterwards,
    and published/forgotten.log says when how many were erased, but not who.
    """
    from mall_segments.publishing.forgetting import (  # noqa: PLC0415 - heavy
        forget_customers,
    )

    wanted = {*ids, *(_read_ids(file) if file else ())}
    wanted = {each.strip() for each in wanted} - {""}
    if not wanted:
        raise click.UsageError("name at least one customer, or a --file of ids")
    with ProgressBar() as bar:
        forgotten = forget_customers(home, wanted, bar.show)
    n_found = len(forgotten.found)
    if not n_found:
        click.echo(f"none of the {len(wanted):,} customers is held here")
        return
    click.echo(
        f"{n_found:,} of {len(wanted):,} customers were erased from "
        f"{', '.join(forgotten.rewritten)}"
    )
    click.echo(f"searched {forgotten.n_files:,} files: none holds their ids")
    if forgotten.n_unsearchable:
        click.echo(
            f"{forgotten.n_unsearchable:,} ids are too short to be told from other "
            "numbers in a file; queries found none of them in any table"
        )
    click.echo(
        "Your own files are left alone: erase them there too, or the next build "
        "publishes them again."
    )


def _read_ids(file: str) -> list[str]:
    if file == "-" and sys.stdin is None:
        raise InputError("the standard input is closed: name a file of ids")
    with click.open_file(file, encoding="utf-8-sig") as lines:
        try:
            text: str = lines.read()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{file} is not UTF-8: it has the byte "
                f"{error.object[error.start]:#04x} at {error.start:,}"
            ) from None
    return text.splitlines()
