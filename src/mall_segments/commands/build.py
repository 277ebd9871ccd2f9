"""``mall-segments build``."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mall_segments.commands._name import command_name
from mall_segments.commands._options import FILE
from mall_segments.errors import InputError, SettingsError
from mall_segments.home import warehouse_file
from mall_segments.publishing.generations import refuse_os_errors

# Of a refusal of a file whose columns are others than the settings name.
_UNRECOGNISED = "no column is recognised as"


@click.command("build")
@click.argument("file", required=False, type=click.Path())
@click.option(
    "--orders", type=click.Path(), help="A file of orders, or a glob of many."
)
@click.option(
    "--settings",
    type=FILE,
    help="Settings in YAML, as `mall-segments init` writes them.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warn", "error"]),
    help="Show what dbt says instead of a line per stage; VERBOSE=1 shows info.",
)
@click.option(
    "--private", is_flag=True, help="Let nobody but you read what is written."
)
@click.option("--no-audit", is_flag=True, help="Do not audit what was published.")
@click.pass_context
def command(
    context: click.Context,
    /,
    file: str | None,
    orders: str | None,
    settings: Path | None,
    log_level: str | None,
    **flags: bool,
) -> None:
    """Build, publish and audit the segments of FILE, or of the settings.

    FILE is a CSV, Parquet or Excel file of customers, or a glob of many; without it
    the settings say what is read. Exits with 1 if nothing was published, or the audit
    failed.
    """
    from mall_segments.commands import audit, summary  # noqa: PLC0415
    from mall_segments.commands._dbt import run_dbt  # noqa: PLC0415

    if flags["private"]:
        os.umask(0o077)
        _make_private(warehouse_file(context.obj).parent)
    variables = _variables(file, orders, settings)
    if not log_level and os.environ.get("VERBOSE", "0") not in ("", "0"):
        log_level = "info"
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        click.echo(line)

    if not run_dbt(context.obj, variables, say=say, log_level=log_level):
        if file and not settings and any(_UNRECOGNISED in line for line in said):
            click.echo(
                "Settings for its own columns are made by:\n"
                f"  {command_name()} init {shlex.quote(file)}"
            )
        context.exit(1)
    exit_code = 0
    if not flags["no_audit"]:
        try:
            context.invoke(audit.command, accept_drift=True, quiet=True)
        except click.exceptions.Exit as ended:
            exit_code = ended.exit_code
    context.invoke(summary.command, next_steps=True)
    context.exit(exit_code)


def _make_private(folder: Path) -> None:
    """Hide what an earlier build left open to others, for it is written anew."""
    with refuse_os_errors(f"{folder} cannot be made private"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def _variables(
    file: str | None, orders: str | None, settings: Path | None
) -> dict[str, Any]:
    variables = _read_settings(settings) if settings else {}
    for given, what in ((file, "customers"), (orders, "orders")):
        if given is None:
            continue
        if Path(given).suffix.lower() in (".yml", ".yaml"):
            raise click.UsageError(
                f"{given} looks like settings: {command_name()} build --settings "
                f"{given}"
            )
        path = Path(given).expanduser().absolute()
        if not path.is_file() and not any(mark in given for mark in "*?["):
            raise InputError(f"there is no file {path}")
        variables[f"{what}_path"] = str(path)
        variables.pop(f"{what}_model", None)
    return variables


def _read_settings(path: Path) -> dict[str, Any]:
    """Read a settings file: the vars themselves, or as dbt_project.yml holds them."""
    import yaml  # noqa: PLC0415 - heavy

    from mall_segments.settings import check_project_vars  # noqa: PLC0415

    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None
    for scope in ("vars", "mall_segments"):
        if isinstance(content, Mapping) and isinstance(content.get(scope), Mapping):
            content = content[scope]
    if not isinstance(content, Mapping):
        raise SettingsError(f"{path} holds no settings: names and values are needed")
    check_project_vars(None, content)
    return dict(content)
