"""``mall-segments rollback``."""

from pathlib import Path

import click

from mall_segments.publishing.switching import rollback


@click.command("rollback")
@click.argument("build_id", required=False)
@click.pass_obj
def command(home: Path, build_id: str | None) -> None:
    """Make an earlier generation the current one.

    Without BUILD_ID it is the generation that the current one replaced. It is
    verified first; `mall-segments generations` lists those kept.
    """
    click.echo(f"published/current is now {rollback(home, build_id)}")
