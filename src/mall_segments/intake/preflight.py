"""What must hold before any model runs: settings, disk, and a file that can be read."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError, PublishError
from mall_segments.home import published_folder, warehouse_file
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.intake.relations import first_lines
from mall_segments.intake.shapes import refuse_orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mall_segments.settings import Settings

# What a build of a few customers takes, twice over.
LEAST_FREE_MEGABYTES: Final = 32
_FEW_PER_SEGMENT: Final = 10


def check_disk(home: Path) -> None:
    """Refuse to build where the disk is all but full."""
    for folder in (warehouse_file(home).parent, published_folder(home)):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        megabytes = shutil.disk_usage(existing).free / 1e6
        if megabytes < LEAST_FREE_MEGABYTES:
            raise PublishError(
                f"The disk of {folder} has {megabytes:.1f} MB free, and a build needs "
                f"at least {LEAST_FREE_MEGABYTES} MB; free some, or set "
                "MALL_SEGMENTS_HOME to a folder on another disk."
            )


def open_for_build(
    connection: duckdb.DuckDBPyConnection, settings: Settings, path: str | Path
) -> OpenedCustomers:
    """Open the file that a build reads."""
    opened = open_customers(
        connection,
        path,
        settings,
        encoding=settings.encoding,
        sheet=settings.sheet,
        numbers=settings.numbers,
        generate_ids=settings.customer_id.generate,
    )
    try:
        refuse_orders(connection, opened)
    except duckdb.Error as error:
        raise InputError(
            f"{opened.source} cannot be read: {first_lines(error)}"
        ) from None
    return opened


def build_notes(opened: OpenedCustomers, settings: Settings) -> Iterator[str]:
    """Yield what the user of a build should know about its customers."""
    yield from opened.notes
    n_rows = opened.facts.n_rows if opened.facts else 0
    for segmentation in settings.segmentations:
        least = segmentation.least_segments
        if n_rows < _FEW_PER_SEGMENT * least:
            yield (
                f"{opened.source} has {n_rows:,} rows, fewer than {_FEW_PER_SEGMENT} "
                f"for each of the {least} segments of {segmentation.name}: they would "
                "say little about other customers."
            )
