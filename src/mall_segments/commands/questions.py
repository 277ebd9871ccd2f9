"""``mall-segments questions``."""

from pathlib import Path

import click

from mall_segments.commands._options import FILE
from mall_segments.commands._progress import ProgressBar
from mall_segments.publishing.generations import DATABASE, read_current


@click.command("questions")
@click.option(
    "--output",
    "-o",
    type=FILE,
    help="Write a Markdown file instead of to the terminal.",
)
@click.option("--sql", "with_sql", is_flag=True, help="Show the queries as well.")
@click.pass_obj
def command(home: Path, output: Path | None, *, with_sql: bool) -> None:
    """Answer the questions of analyses/questions from the current generation.

    Run it in the project folder.
    """
    from mall_segments.bi.questions import answer_questions, read_questions  # noqa: PLC0415

    database = read_current(home).file(DATABASE)
    with ProgressBar() as bar:
        page = answer_questions(
            database, read_questions(), with_sql=with_sql, progress=bar.show
        )
    if output is None:
        click.echo(page, nl=False)
    else:
        output.write_text(page, encoding="utf-8")
        click.echo(f"{output} written")
