"""``mall-segments summary``."""

from pathlib import Path

import click

from mall_segments.generations import read_current
from mall_segments.home import published_folder
from mall_segments.model_file import Segmentation, load_model


@click.command("summary")
@click.pass_obj
def command(home: Path) -> None:
    """Say in a few lines what the current generation found and where it is."""
    generation = read_current(home)
    model = load_model(generation.file("model.json"))
    counts = generation.manifest["input"]
    click.echo(
        f"{counts['accepted']:,} customers accepted, {counts['rejected']:,} rows "
        f"rejected, {counts['imputed']:,} customers with imputed values"
    )
    for segmentation in model.segmentations:
        click.echo(f"{segmentation.name}: {_describe(segmentation)}")
    click.echo(f"published in {published_folder(home) / 'current'}")


def _describe(segmentation: Segmentation) -> str:
    largest_first = sorted(
        segmentation.segments,
        key=lambda segment: (-segment.n_customers, segment.segment_id),
    )
    return ", ".join(
        f"{segment.persona} {segment.customer_share:.0%}" for segment in largest_first
    )
