"""``mall-segments export``."""

from pathlib import Path

import click

from mall_segments.commands import _options
from mall_segments.publishing.generations import MODEL, find_generation


@click.command("export")
@click.option("--segmentation", metavar="NAME", help="Whose segments [default: first].")
@click.option(
    "--segment", metavar="ID", help="Only this segment: its id, name or persona."
)
@click.option(
    "--joined", is_flag=True, help="Only who joined since the last generation."
)
@click.option(
    "--left", is_flag=True, help="Who left since then, by their last segment."
)
@click.option("--moved", is_flag=True, help="Who moved here from another segment.")
@click.option(
    "--holdout",
    type=click.IntRange(0, 99),
    default=0,
    metavar="PERCENT",
    help="Leave out this share as a control group, always the same customers.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="segment_lists.xlsx",
    show_default=True,
    help="A file that ends with .xlsx, .csv or .parquet, or a folder of a file per "
    "segment.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "parquet", "xlsx"]),
    help="What the files in a folder are [default: csv].",
)
@_options.generation
@click.pass_obj
def command(
    home: Path,
    /,
    segmentation: str | None,
    segment: str | None,
    output: Path,
    kind: str | None,
    build_id: str | None,
    holdout: int,
    **flags: bool,
) -> None:
    """Write lists of the customers of each segment: Excel, CSV or Parquet.

    With more than one of --joined, --left and --moved, customers of each are listed.
    """
    from mall_segments.model import load_model  # noqa: PLC0415 - heavy
    from mall_segments.publishing.lists import (  # noqa: PLC0415 - heavy
        CHANGES,
        FORMATS,
        Wanted,
        find_segment,
        write_lists,
    )

    changes = tuple(change for change in CHANGES if flags[change])
    if holdout and "left" in changes:
        raise click.UsageError(
            "--holdout keeps back customers; those of --left are gone"
        )
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in FORMATS and (suffix or kind == "xlsx") and not output.is_dir():
        raise click.UsageError(
            f"--output {output} ends with none of .csv, .parquet and .xlsx"
        )
    if kind and suffix in FORMATS and kind != suffix:
        raise click.UsageError(f"--format {kind} does not fit --output {output}")
    generation = find_generation(home, build_id)
    chosen = load_model(generation.file(MODEL)).segmentation(segmentation)
    wanted = Wanted(
        segmentation=chosen,
        segment_id=None if segment is None else find_segment(chosen, segment),
        changes=changes,
        holdout=holdout,
    )
    lists = write_lists(
        generation, wanted, output, suffix if suffix in FORMATS else kind or "csv"
    )
    for each in lists:
        click.echo(f"{each.n_customers:>9,} customers: {each.segment_id} {each.label}")
    click.echo(f"written to {output}")
