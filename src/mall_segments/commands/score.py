"""``mall-segments score``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mall_segments.commands._progress import ProgressBar
from mall_segments.model import load_model
from mall_segments.publishing.generations import MODEL, read_current

if TYPE_CHECKING:
    from mall_segments.scoring.files import Reading, ScoredFile

SOME_REJECTED = 3

_SHOWN_REASONS = 8


@click.command("score")
@click.argument("file")
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="Write here: .csv, .parquet, .jsonl, or - for the standard output (default).",
)
@click.option(
    "--rejected",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write rejected rows here [default: <output>_rejected.csv; none with -].",
)
@click.option(
    "--segmentation", metavar="NAME", help="Assign to this one [default: the first]."
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["csv", "parquet", "jsonl"]),
    help="[default: as the output's name ends; csv with -]",
)
@click.option(
    "--model",
    "model_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A model.json [default: the one published].",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=HEADER",
    help="The column NAME is under HEADER, as in customer_id=Kennziffer. Repeatable.",
)
@click.option("--encoding", metavar="NAME", help="Of text files [default: found out].")
@click.option("--sheet", metavar="NAME", help="Of a workbook [default: the first].")
@click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="What numbers have before their fraction [default: found out per column].",
)
@click.option(
    "--thousands",
    type=click.Choice([".", ",", " ", "'", "none"]),
    help="What they have between thousands [default: found out per column].",
)
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    file: str,
    output: str,
    rejected: Path | None,
    segmentation: str | None,
    output_format: str | None,
    model_path: Path | None,
    columns: tuple[str, ...],
    *,
    quiet: bool,
    **formats: str | None,
) -> None:
    """Assign every customer of FILE to a segment, as the build would have.

    FILE is CSV, Excel or Parquet, a quoted pattern of many, or - for the standard
    input. Its columns are recognised, its rows checked and missing values imputed as in
    a build; only the segmentation's own columns must be there. The output has all its
    columns and segment_id, segment_name, persona, distance, second_segment_id,
    membership, is_outlier, is_imputed and main_reason. Rejected rows go to a file of
    their own, with their reasons. Files appear complete or not at all.

    \b
    Exit codes:
      0  every row is scored
      1  nothing is written: the message says why
      2  the command line is wrong
      3  written, but some rows were rejected
    """  # noqa: D301 - click keeps the lines of what follows the escape
    from mall_segments.scoring.files import PIPE, score_file  # noqa: PLC0415

    # Ended like this, it removes what it has not finished, as when interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if rejected is None and output != PIPE:
        rejected = Path(output).with_name(f"{Path(output).stem}_rejected.csv")
    model = load_model(model_path or read_current(ctx.obj).file(MODEL))
    with ProgressBar(is_shown=not quiet) as bar:
        try:
            scored = score_file(
                file,
                output,
                rejected,
                model=model,
                segmentation=segmentation,
                output_format=output_format,  # type: ignore[arg-type]
                reading=_reading(columns, **formats),
                progress=bar.show if bar.is_shown else None,
            )
        except BrokenPipeError:
            # Whoever reads the pipe has read enough, as `head` does.
            ctx.exit(1)
    if not quiet:
        _summarise(scored, output, rejected)
    ctx.exit(SOME_REJECTED if scored.n_rejected else 0)


def _reading(
    columns: tuple[str, ...],
    *,
    encoding: str | None,
    sheet: str | None,
    decimal: Any,
    thousands: Any,
) -> Reading:
    from mall_segments.scoring.files import Reading  # noqa: PLC0415
    from mall_segments.settings import Numbers  # noqa: PLC0415

    for column in columns:
        if not all(column.partition("=")):
            raise click.BadParameter(
                f"{column!r} is not NAME=HEADER, such as customer_id=Kennziffer.",
                param_hint="--column",
            )
    return Reading(
        encoding=encoding,
        sheet=sheet,
        numbers=Numbers(decimal=decimal, thousands=thousands),
        columns=dict(column.partition("=")[::2] for column in columns),
    )


def _summarise(scored: ScoredFile, output: str, rejected: Path | None) -> None:
    for note in scored.notes:
        click.echo(note, err=True)
    imputed = f", {scored.n_imputed:,} with imputed values" if scored.n_imputed else ""
    click.echo(
        f"{scored.n_scored:,} customers scored{imputed} "
        f"({scored.segmentation}, build {scored.build_id})"
        + (f": {output}" if output != "-" else ""),
        err=True,
    )
    if scored.n_rejected:
        place = f": {rejected}" if rejected else ""
        click.echo(f"{scored.n_rejected:,} rows rejected{place}", err=True)
        for reason, n_rows in [*scored.reasons.items()][:_SHOWN_REASONS]:
            click.echo(f"  {n_rows:,}  {reason}", err=True)
        more = len(scored.reasons) - _SHOWN_REASONS
        if more > 0:
            click.echo(f"  and {more} more reasons", err=True)
