"""The command ``mall-segments``: one module of ``mall_segments.commands`` each."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from mall_segments import commands
from mall_segments.errors import MallSegmentsError
from mall_segments.home import HOME_VARIABLE, find_home
from mall_segments.wording import is_storable, plain, shorten, suggestion


def _keep_places_of_closed_streams() -> None:
    """Let no file or connection take the number of a standard stream."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:  # noqa: PLR2004 - the standard error is the last of them
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - it knows no other way
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


class _Commands(click.Group):
    """Every module of the package `mall_segments.commands`, by its name.

    A module offers its ``click`` command as ``command`` and imports what is heavy
    inside it, so that ``--help`` answers at once.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands, in the order of the alphabet."""
        modules = Path(commands.__file__).parent.glob("[!_]*.py")
        return sorted(module.stem.replace("_", "-") for module in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command of this name; None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that arguments begin with; suggest one that is like it."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            ctx.fail(
                f"There is no command {plain(args[0])!r}.{suggestion(args[0], known)}"
            )
        return super().resolve_command(ctx, args)

    def make_context(
        self, info_name: str | None, args: list[str], *others: Any, **extra: Any
    ) -> click.Context:
        """Refuse arguments that are not Unicode, which no file or query may hold."""
        for argument in args:
            if not is_storable(argument):
                raise click.UsageError(
                    f"The argument {shorten(argument)} is not UTF-8; name files and "
                    "columns in UTF-8."
                )
        return super().make_context(info_name, args, *others, **extra)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; say in a sentence which stream or file fails it."""
        _keep_places_of_closed_streams()
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - to the end
        if isinstance(sys.stdout, TextIOWrapper):
            # A persona may have letters that the terminal's encoding has not.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            # click ends quietly where nobody reads what is written.
            reason = error.strerror or str(error)
            told = f"{error.filename} cannot be read or written: {reason}"
            if error.filename is None:
                told = f"the standard output cannot be written: {reason}"
                # Python would try once more at its end, and complain.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.ClickException(told).show()
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; show a refusal as one error, not as a traceback."""
        try:
            return super().invoke(ctx)
        except MallSegmentsError as error:
            raise click.ClickException(str(error)) from None
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing == "mall_segments" or not missing:
                raise
            raise click.ClickException(
                f"{ctx.invoked_subcommand} needs the package {missing}, which is not "
                "installed: pip install 'mall-segments[serve,audit,report]'"
            ) from None
        except RuntimeError as error:
            # So the engine ends a query where Python would raise KeyboardInterrupt.
            if str(error) != "Query interrupted":
                raise
            raise click.Abort from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mall-segments")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds warehouse/ and published/ "
    f"[default: ${HOME_VARIABLE}, else the current folder]",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None) -> None:
    """Segment a shop's customers: build, use, check and serve the segments."""
    ctx.obj = find_home(home)
