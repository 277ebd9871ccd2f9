"""``mall-segments push``."""

from pathlib import Path

import click

from mall_segments.commands import _options
from mall_segments.commands._progress import ProgressBar
from mall_segments.publishing.generations import find_generation


@click.command("push")
@click.argument("destination", required=False)
@click.option(
    "--config",
    type=_options.FILE,
    default="push.yml",
    show_default=True,
    help="What destinations there are.",
)
@click.option("--schema", metavar="NAME", help="[default: mall_segments]")
@_options.generation
@click.pass_obj
def command(
    home: Path,
    destination: str | None,
    config: Path,
    schema: str | None,
    build_id: str | None,
) -> None:
    r"""Load the published tables into Postgres or another warehouse.

    DESTINATION is an entry of push.yml, such as

    \b
        reporting: {url_variable: REPORTING_URL, schema: mall_segments}

    Without it, MALL_SEGMENTS_PUSH_URL holds the address. In Postgres, readers see the
    former tables until all new ones are there.
    """
    from mall_segments.bi.destinations import Postgres, find_destination  # noqa: PLC0415

    found = find_destination(destination, config, schema=schema)
    generation = find_generation(home, build_id)
    with ProgressBar() as bar:
        if isinstance(found, Postgres):
            from mall_segments.bi.postgres import push_to_postgres  # noqa: PLC0415

            place = found.place
            counts = push_to_postgres(generation, found, progress=bar.show)
        else:
            from mall_segments.bi.warehouses import push_with_dlt  # noqa: PLC0415

            place = f"{found.destination}, schema {found.schema}"
            counts = push_with_dlt(generation, found, progress=bar.show)
    click.echo(
        f"{generation.build_id}: {len(counts)} tables with "
        f"{sum(counts.values()):,} rows are in {place}"
    )
