"""``mall-segments summary``."""

from pathlib import Path

import click

from mall_segments.publishing.generations import MODEL, Generation, read_current
from mall_segments.model import Model, Segmentation, load_model


@click.command("summary")
@click.pass_obj
def command(home: Path) -> None:
    """Say in a few lines what the current generation found and where to look."""
    from mall_segments.audit.saving import (  # noqa: PLC0415
        JSON_FILE,
        audit_folder,
        full_report,
    )

    generation = read_current(home)
    model = load_model(generation.file(MODEL))
    for segmentation in model.segmentations:
        click.echo(f"{segmentation.name}: {_describe(segmentation)}")
    found = [_counts(generation), _segments(model)]
    audit = audit_folder(home, generation.build_id) / JSON_FILE
    if audit.is_file():
        found.append(_audit(audit))
    click.echo(f"{'; '.join(found)}: see {full_report(home, generation)}")


def _describe(segmentation: Segmentation) -> str:
    largest_first = sorted(
        segmentation.segments,
        key=lambda segment: (-segment.n_customers, segment.segment_id),
    )
    return ", ".join(
        f"{segment.persona} {segment.customer_share:.0%}" for segment in largest_first
    )


def _counts(generation: Generation) -> str:
    counts = generation.manifest["input"]
    return (
        f"{counts['accepted']:,} customers accepted, {counts['imputed']:,} of them "
        f"with imputed values, {counts['rejected']:,} rows rejected"
    )


def _segments(model: Model) -> str:
    return ", ".join(
        f"{len(segmentation.segments)} segments in {segmentation.name}"
        for segmentation in model.segmentations
    )


def _audit(path: Path) -> str:
    from mall_segments.report.page import read_audit  # noqa: PLC0415

    audit = read_audit(path)
    verdict = "passed" if audit.has_passed else "failed"
    n_warnings = audit.counts.get("warning", 0)
    return f"audit {verdict}" + (
        f" with {n_warnings} warning{'s' * (n_warnings > 1)}" if n_warnings else ""
    )
