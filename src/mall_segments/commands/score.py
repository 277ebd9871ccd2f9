"""``mall-segments score``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mall_segments.commands._progress import ProgressBar
from mall_segments.model import Model, load_model
from mall_segments.publishing.generations import MODEL, read_current

if TYPE_CHECKING:
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

    named = dict(column.partition("=")[::2] for column in columns)
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
        columns=named,
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
