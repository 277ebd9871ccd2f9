"""``mall-segments init``."""

import shlex
from pathlib import Path

import click

from mall_segments.commands._name import command_name
from mall_segments.commands._options import FILE
from mall_segments.errors import InputError, SettingsError

_WIDEST = 72


@click.command("init")
@click.argument("file")
@click.option("--orders", help="A file of the customers' orders.")
@click.option(
    "-o",
    "--output",
    type=FILE,
    default="segments.yml",
    show_default=True,
    help="Where to write the settings.",
)
@click.option("--force", is_flag=True, help="Replace settings that are there already.")
def command(file: str, orders: str | None, output: Path, **flags: bool) -> None:
    """Look at a file of customers and write settings that fit it.

    FILE is CSV, Parquet or Excel. What each column would be used as, and why, is shown;
    the settings build at once, and can be changed first.
    """
    import duckdb  # noqa: PLC0415 - heavy
    import yaml  # noqa: PLC0415 - heavy

    from mall_segments.proposal.choices import choose  # noqa: PLC0415 - heavy
    from mall_segments.proposal.facts import look_at  # noqa: PLC0415 - heavy
    from mall_segments.proposal.settings_file import (  # noqa: PLC0415 - heavy
        settings_text,
    )
    from mall_segments.settings import parse_settings  # noqa: PLC0415 - heavy

    if output.exists() and not flags["force"]:
        raise SettingsError(f"{output} is there already; --force replaces it")
    paths = [Path(each).expanduser().absolute() for each in (file, orders) if each]
    for path in paths[1:]:
        if not path.is_file():
            raise InputError(f"there is no file {path}")
    with duckdb.connect() as connection:
        facts = look_at(connection, str(paths[0]))
    choices = choose(facts)
    text = settings_text(
        choices,
        customers=paths[0],
        orders=paths[1] if orders else None,
        output=output,
    )
    parse_settings(yaml.safe_load(text))
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}") from None
    width = min(max(len(choice.header) for choice in choices), 30)
    for choice in choices:
        told = [choice.why]
        told += [
            choice.settings[of][1]
            for of in ("transform", "clip")
            if of in choice.settings
        ]
        use = "described" if choice.why_not_clustered else choice.use
        reasons = choice.why_not_clustered or "; ".join(told)
        click.echo(f"{choice.header[:30]:<{width}}  {use:<11}  {reasons[:_WIDEST]}")
    click.echo(
        f"\nThe reasons are in {output}, too. Next:\n"
        f"  {command_name()} build --settings {shlex.quote(str(output))}"
    )
