"""``mall-segments serve``."""

from pathlib import Path

import click

from mall_segments.model import load_model
from mall_segments.publishing.generations import MODEL, read_current


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that answer.",
)
@click.option(
    "--access-log/--no-access-log",
    default=True,
    show_default=True,
    help="Log requests to the standard output, without personal data.",
)
@click.pass_obj
def command(
    home: Path, host: str, port: int, workers: int, *, access_log: bool
) -> None:
    """Answer over HTTP which segment a customer belongs to.

    POST /predict_cluster takes one customer or a list of them; GET /segments, /model,
    /health, /ready, /metrics and /openapi.json tell the rest. A model published while
    the service runs is in use within two seconds; no request is dropped.
    """
    # The workers load it again; what is wrong with it is said here, once.
    load_model(read_current(home).file(MODEL))

    from mall_segments.service.server import run_service  # noqa: PLC0415

    run_service(
        home, host=host, port=port, n_workers=workers, has_access_log=access_log
    )
