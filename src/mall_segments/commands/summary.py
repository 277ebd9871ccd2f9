"""``mall-segments summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mall_segments.commands._name import command_name
from mall_segments.publishing import generations
from mall_segments.publishing.generations import Generation, read_current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mall_segments.model import Model, ModelSegmentation


_SENTENCES = {
    "fct_segmentation_verdicts": """
        SELECT segmentation || ': ' || sentence FROM fct_segmentation_verdicts
        ORDER BY segmentation
    """,
    "fct_segment_migrations": """
        SELECT DISTINCT segmentation || ': segment ' || to_segment_id || ' is now '
            || to_segment_name || ', no longer ' || from_segment_name AS said
        FROM fct_segment_migrations WHERE movement = 'renamed' ORDER BY said
    """,
}


@click.command("summary")
@click.option("--next-steps", is_flag=True, help="Also say what can be done with it.")
@click.pass_obj
def command(home: Path, /, **flags: bool) -> None:
    """Say in a few lines what the current generation found and where to look."""
    from mall_segments.audit import saving  # noqa: PLC0415 - heavy
    from mall_segments.model import load_model  # noqa: PLC0415 - heavy

    generation = read_current(home)
    model = load_model(generation.file(generations.MODEL))
    for segmentation in model.segmentations:
        click.echo(f"{segmentation.name}: {_describe(segmentation)}")
    for sentence in _said_by_tables(generation):
        click.echo(sentence)
    found = [_counts(generation), _segments(model)]
    audit = saving.audit_folder(home, generation.build_id) / saving.JSON_FILE
    if audit.is_file():
        found.append(_audit(audit))
    click.echo(f"{'; '.join(found)}: see {saving.full_report(home, generation)}")
    if flags["next_steps"]:
        for line in _next_steps(model):
            click.echo(line)


def _next_steps(model: Model) -> Iterator[str]:
    """Yield what can be done next, each with the command to type for it."""
    segments = _largest_first(model.segmentation())
    shown = next(
        (each for each in segments if "target" in each.persona.casefold()), segments[0]
    )
    steps = {
        "report --open": "look at it",
        "export": "lists of all segments, in Excel",
        f"export --segment {shown.segment_id} -o list.csv": (
            f"the {shown.n_customers:,} of {shown.persona!r}"
        ),
        "score FILE": "segments of other customers",
    }
    width = max(map(len, steps))
    yield "\nNext:"
    for arguments, purpose in steps.items():
        yield f"  {command_name()} {arguments:<{width}}  {purpose}"


def _largest_first(segmentation: ModelSegmentation) -> list[Any]:
    return sorted(
        segmentation.segments,
        key=lambda segment: (-segment.n_customers, segment.segment_id),
    )


def _describe(segmentation: ModelSegmentation) -> str:
    return ", ".join(
        f"{segment.persona} {segment.customer_share:.0%}"
        for segment in _largest_first(segmentation)
    )


def _said_by_tables(generation: Generation) -> list[str]:
    """Return how sure each segmentation is, and which segments got other names."""
    import duckdb  # noqa: PLC0415 - heavy

    from mall_segments.publishing.notes import feature_notes  # noqa: PLC0415 - heavy

    tables = generation.manifest["tables"]
    sentences: list[str] = []
    database = str(generation.file(generations.DATABASE))
    with duckdb.connect(database, read_only=True) as connection:
        for table, query in _SENTENCES.items():
            if table in tables:
                rows = connection.execute(query).fetchall()
                sentences += [sentence for (sentence,) in rows]
        if "fct_feature_summary" in tables:
            sentences += feature_notes(connection, generation.manifest["settings"])
    return sentences


def _counts(generation: Generation) -> str:
    counts = generation.manifest["input"]
    return (
        f"{counts['accepted']:,} customers accepted, {counts['imputed']:,} of them "
        f"with imputed values, {counts['rejected']:,} rows rejected"
    )


def _segments(model: Model) -> str:
    return ", ".join(
        f"{segmentation.n_segments} "
        f"{'parts' if segmentation.verdict == 'no segments' else 'segments'} "
        f"in {segmentation.name}"
        for segmentation in model.segmentations
    )


def _audit(path: Path) -> str:
    from mall_segments.report.page import read_audit  # noqa: PLC0415 - heavy

    audit = read_audit(path)
    verdict = "passed" if audit.has_passed else "failed"
    n_warnings = audit.counts.get("warning", 0)
    return f"audit {verdict}" + (
        f" with {n_warnings} warning{'s' * (n_warnings > 1)}" if n_warnings else ""
    )
