"""``mall-segments superset``."""

from pathlib import Path

import click

from mall_segments.commands._options import FILE
from mall_segments.home import published_folder
from mall_segments.publishing.generations import CURRENT, DATABASE, read_current


@click.command("superset")
@click.option(
    "--output",
    "-o",
    type=FILE,
    default="mall_segments_superset.zip",
    show_default=True,
    help="The zip file to write.",
)
@click.option(
    "--uri",
    help="Where Superset finds the tables: duckdb:////path or "
    "postgresql://user@host/db [default: the DuckDB file published here]",
)
@click.option("--schema", help="Of the tables in Postgres [default: mall_segments]")
@click.pass_obj
def command(home: Path, output: Path, uri: str | None, schema: str | None) -> None:
    """Make a dashboard of the current generation for import into Superset.

    Then `superset import-dashboards -p ZIP -u USER`, or Dashboards, Import in the
    browser. Make it anew when settings changed.
    """
    from mall_segments.bi.superset import write_bundle  # noqa: PLC0415

    found = uri or f"duckdb:///{published_folder(home) / CURRENT / DATABASE}"
    n_charts = write_bundle(output, read_current(home), uri=found, schema=schema)
    click.echo(f"{output} has a dashboard of {n_charts} charts")
