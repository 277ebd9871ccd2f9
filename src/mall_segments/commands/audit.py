"""``mall-segments audit``."""

import shutil
from pathlib import Path

import click

from mall_segments.commands._options import FILE
from mall_segments.commands._progress import ProgressBar
from mall_segments.publishing.generations import find_generation

_WIDEST_LINE = 200


@click.command("audit")
@click.option(
    "--generation",
    "build_id",
    metavar="BUILD_ID",
    help="Audit this generation instead of the current one.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="NAME",
    help="Run this suite only; may be given more than once. Nothing is kept then.",
)
@click.option("--json", "json_file", type=FILE, help="Write the results here as JSON.")
@click.option(
    "--html", "html_file", type=FILE, help="Write the results here as a page."
)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Run the suites in tests/quality of this folder, too.  [default: this one]",
)
@click.option(
    "--accept-drift",
    is_flag=True,
    help="Only warn about customers that differ much from those before: they were "
    "changed on purpose.",
)
@click.option("--all", "is_complete", is_flag=True, help="Show every expectation.")
@click.option("--quiet", is_flag=True, help="Show the results only if something fails.")
@click.pass_context
def command(
    context: click.Context,
    build_id: str | None,
    suites: tuple[str, ...],
    json_file: Path | None,
    html_file: Path | None,
    project: Path,
    *,
    accept_drift: bool,
    is_complete: bool,
    quiet: bool,
) -> None:
    """Check all that BI tools read against what is expected of it.

    Exits with 1 if an expectation fails. The results are kept in
    published/audits/BUILD_ID/ with a copy of the report that shows them, unless --json
    or --html says where to write them.
    """
    home: Path = context.obj
    build_id = find_generation(home, build_id).build_id
    with ProgressBar() as bar:
        bar.show("Great Expectations", 0)
        # It takes seconds to import.
        from mall_segments.audit import console, saving  # noqa: PLC0415
        from mall_segments.audit.run import audit_generation  # noqa: PLC0415

        audit = audit_generation(
            home,
            build_id,
            accept_drift=accept_drift,
            suites=suites,
            project=project,
            progress=bar.show,
        )
    if not (quiet and audit.has_passed):
        width = min(shutil.get_terminal_size((120, 40)).columns, _WIDEST_LINE)
        click.echo(console.render_text(audit, width=width, is_complete=is_complete))
    if json_file:
        saving.write_json(json_file, audit)
    if html_file:
        saving.write_page(html_file, audit)
    if not (json_file or html_file or suites):
        folder = saving.save_audit(home, audit)
        if not quiet:
            click.echo(f"\nMore in {folder / saving.HTML_FILE}")
    click.echo(audit.verdict)
    context.exit(0 if audit.has_passed else 1)
