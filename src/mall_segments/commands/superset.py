"""``mall-segments superset``."""

from pathlib import Path

import click

from mall_segments.home import published_folder
from mall_segments.publishing.generations import CURRENT, DATABASE


@click.command("superset")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("mall_segments_superset.zip"),
    show_default=True,
    help="The zip file to write.",
)
@click.option(
    "--database",
    help="The published DuckDB file, as the machine that runs Superset sees it "
    "[default: the one published here]",
)
@click.pass_obj
def command(home: Path, output: Path, database: str | None) -> None:
    """Pack the dashboard for import into Superset.

    Run it in the project folder; then `superset import-dashboards -p ZIP -u USER`, or
    Dashboards, Import in the browser.
    """
    from mall_segments.bi.superset import write_bundle  # noqa: PLC0415

    file = database or str(published_folder(home) / CURRENT / DATABASE)
    n_charts = write_bundle(output, database=file)
    click.echo(f"{output} has a dashboard of {n_charts} charts on {file}")
