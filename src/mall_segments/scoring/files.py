"""Score a whole customer file with a published model."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.columns import KnownColumns, list_columns, normalise
from mall_segments.intake.opening import open_customers
from mall_segments.memory import MEMORY_VARIABLE, memory_limit
from mall_segments.publishing.csv_cells import harmless, harmless_name
from mall_segments.publishing.tables import quote_identifier, quote_text, reason
from mall_segments.scoring.output import SUFFIXES, Format, stream, whole_files
from mall_segments.scoring.rows import REJECTED, CheckedRows, check_rows
from mall_segments.settings import CustomerIdColumn, Feature
from mall_segments.wording import shorten, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mall_segments.intake.opening import OpenedCustomers
    from mall_segments.model import Model, ModelSegmentation
    from mall_segments.settings import Numbers

    Progress = Callable[[str, float], None]

PIPE: Final = "-"
ADDED_COLUMNS: Final = {
    "segment_id": "bigint",
    "segment_name": "varchar",
    "persona": "varchar",
    "distance": "double",
    "second_segment_id": "bigint",
    "membership": "double",
    "is_outlier": "boolean",
    "is_imputed": "boolean",
    "main_reason": "varchar",
}
"""What is added to the columns of the file, by type."""

_OPTIONS: Final = {
    "csv": "format csv, header true",
    "parquet": "format parquet",
    "jsonl": "format json",
}
_ADVICE: Final = (
    "  For this file alone: --column NAME=HEADER, as in --column age=Years."
)
_STANDARD_INPUT: Final = "standard input"
_SECONDS_BETWEEN_REPORTS: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """What became of a customer file.

    Of ``n_scored`` customers, ``n_imputed`` have an imputed value. ``reasons`` says how
    many rejected rows each holds for, the most frequent first.
    """

    build_id: str
    segmentation: str
    n_scored: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is to be read where it does not say, or says it wrongly.

    ``columns`` maps canonical names to the headers of the columns that hold them.
    """

    encoding: str | None = None
    sheet: str | None = None
    numbers: Numbers | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def score_file(
    source: str,
    output: str,
    rejected: Path | None,
    *,
    model: Model,
    segmentation: str | None = None,
    output_format: Format | None = None,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> ScoredFile:
    """Assign every customer of a file to a segment and write the result.

    ``source`` may be a pattern of many files, and it and ``output`` ``-`` for a pipe.
    Files appear complete or not at all, ``rejected`` only where rows are. ``progress``
    is called from another thread with the current step and its share done, 0 to 1. A
    `BrokenPipeError` says that the reader of the standard output went away.
    """
    chosen = model.segmentation(segmentation)
    form = output_format or _format_of(output)
    if form == "csv":
        chosen = _harmless(chosen)
    reading = reading or Reading()
    columns = _known_columns(model, chosen, reading)
    _refuse_targets(source, output, rejected)
    _refuse_closed_streams(source, output)
    with tempfile.TemporaryDirectory(prefix="mall-segments-") as folder:
        workspace = Path(folder)
        path = source
        try:
            if source == PIPE:
                path = str(_spool(sys.stdin.buffer, workspace))
            with (
                _connected(workspace) as connection,
                _reported(connection, progress) as step,
            ):
                step("inspecting")
                opened = open_customers(connection, path, columns)
                _refuse_absent(opened, reading.columns)
                checked = check_rows(
                    connection, opened, model=model, segmentation=chosen, step=step
                )
                step("writing")
                _write(connection, checked, output, rejected, form)
        except InputError as error:
            raise InputError(_explained(str(error), source, path)) from None
    return ScoredFile(
        build_id=model.build_id,
        segmentation=chosen.name,
        n_scored=checked.n_rows - checked.n_rejected,
        n_rejected=checked.n_rejected,
        n_imputed=checked.n_imputed,
        reasons=checked.reasons,
        notes=opened.notes,
    )


def _known_columns(
    model: Model, segmentation: ModelSegmentation, reading: Reading
) -> KnownColumns:
    """Return the columns of a model as a file is searched for them."""
    allowed = ["customer_id", *(column.name for column in model.columns)]
    for name in reading.columns:
        if name not in allowed:
            raise InputError(
                f"{shorten(name)} is no column of the model."
                f"{suggestion(name, allowed)} Allowed: {', '.join(allowed)}."
            )

    def aliases(name: str, known: Sequence[str]) -> tuple[str, ...]:
        return (reading.columns[name],) if name in reading.columns else tuple(known)

    return KnownColumns(
        customer_id=CustomerIdColumn.model_construct(
            aliases=aliases("customer_id", model.customer_id_aliases)
        ),
        columns=[
            # Built as it is: no setting may be called gender, and a column is.
            Feature.model_construct(
                **column.model_dump(exclude={"aliases", "imputed"}),
                aliases=aliases(column.name, column.aliases),
            )
            for column in model.columns
        ],
        required=[*reading.columns, *segmentation.features],
        encoding=reading.encoding,
        sheet=reading.sheet,
        numbers=reading.numbers,
    )


def _refuse_absent(opened: OpenedCustomers, named: Mapping[str, str]) -> None:
    """Refuse a file whose column was recognised under another header than named."""
    for name, header in named.items():
        if normalise(opened.columns[name].column) != normalise(header):
            raise InputError(
                f"{opened.source} has no column {shorten(header)}; it has "
                f"{list_columns(opened.column_names)}."
            )


def _harmless(segmentation: ModelSegmentation) -> ModelSegmentation:
    """Name segments so that no spreadsheet runs their names."""
    segments = [
        each.model_copy(
            update={
                name: harmless_name(getattr(each, name))
                for name in ("segment_name", "persona")
            }
        )
        for each in segmentation.segments
    ]
    return segmentation.model_copy(update={"segments": segments})


def _explained(text: str, source: str, path: str) -> str:
    """Name the standard input as such, and say what helps where nothing is known."""
    if source == PIPE:
        text = text.replace(path, _STANDARD_INPUT)
    if "no column is recognised" in text:
        text += f"\n{_ADVICE}"
    if "Out of Memory" in text and os.environ.get(MEMORY_VARIABLE):
        text += f"\n  {MEMORY_VARIABLE} is {os.environ[MEMORY_VARIABLE]}: allow more."
    return text


@contextmanager
def _connected(workspace: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of its own, which keeps rows in the order of the file."""
    memory = memory_limit()
    with duckdb.connect() as connection:
        connection.execute(f"set temp_directory = {quote_text(str(workspace))}")
        # The rows are what passes by; what is looked up for them is the other side.
        # Of a list of texts, a join would be made for all rows, asked for or not.
        connection.execute(
            "set disabled_optimizers = 'join_order,build_side_probe_side,in_clause'"
        )
        # What is left of few rows would be kept back, and others pass it.
        connection.execute("set enable_caching_operators = false")
        if memory:
            connection.execute(f"set memory_limit = {quote_text(memory)}")
        yield connection


def _format_of(output: str) -> Format:
    if output == PIPE:
        return "csv"
    suffix = Path(output).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{output!r} ends in {suffix or 'nothing'!r}, which says no format: end it "
            f"in one of {', '.join(SUFFIXES)}, or name the format with --format."
        )
    return SUFFIXES[suffix]


def _refuse_targets(source: str, output: str, rejected: Path | None) -> None:
    targets = [Path(output)] if output != PIPE else []
    targets += [rejected] if rejected is not None else []
    for target in targets:
        if target.is_dir():
            raise InputError(f"{str(target)!r} is a folder; name a file to write.")
        if not target.parent.is_dir():
            raise InputError(
                f"{str(target)!r} cannot be written: there is no folder "
                f"{str(target.parent)!r}."
            )
        is_read = source != PIPE and target.exists() and Path(source).exists()
        if is_read and target.samefile(source):
            raise InputError(
                f"{str(target)!r} is the customer file itself; name another file."
            )
    if len(targets) > 1 and targets[0].absolute() == targets[1].absolute():
        raise InputError(
            f"{output!r} is to hold both scored and rejected rows; name two files."
        )


def _refuse_closed_streams(source: str, output: str) -> None:
    if source == PIPE and sys.stdin is None:
        raise InputError(f"the {_STANDARD_INPUT} is closed: name a file to score.")
    if output == PIPE and sys.stdout is None:
        raise InputError(
            "the standard output is closed: name a file to write with --output."
        )


def _spool(stdin: BinaryIO, workspace: Path) -> Path:
    """Keep what comes through a pipe, since a file is looked at before it is read."""
    path = workspace / "standard input"
    try:
        with path.open("wb") as file:
            is_open = True
            while is_open:
                # A signal that another thread takes would not end the reading.
                if select.select([stdin], [], [], _SECONDS_BETWEEN_REPORTS)[0]:
                    piece = os.read(stdin.fileno(), 2**20)
                    is_open = bool(piece)
                    file.write(piece)
    except OSError as error:
        raise InputError(
            f"{_STANDARD_INPUT} cannot be kept in {workspace}: {error.strerror}"
        ) from None
    return path


def _write(
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedRows,
    output: str,
    rejected: Path | None,
    form: Format,
) -> None:
    targets = [rejected] if rejected is not None and checked.n_rejected else []
    targets += [Path(output)] if output != PIPE else []
    try:
        with whole_files(*targets) as paths:
            if rejected in targets:
                cells = _cells(checked, "csv")
                cells += [
                    f"{name} as {_free_name(name, checked)}"
                    for name in ("source_row", "rejection_reasons")
                ]
                query = f"select {', '.join(cells)} from {REJECTED} order by source_row"  # noqa: S608
                _copy(connection, query, paths[0], "csv")
            if output == PIPE:
                _write_to_pipe(connection, checked, form)
            else:
                _write_scored(connection, checked, paths[-1], form)
            if rejected is not None and rejected not in targets:
                # What another run left there is not of this one.
                rejected.unlink(missing_ok=True)
    except duckdb.Error as error:
        place = output if output != PIPE else "standard output"
        raise InputError(f"{place} cannot be written: {reason(error)}") from None


def _write_to_pipe(
    connection: duckdb.DuckDBPyConnection, checked: CheckedRows, form: Format
) -> None:
    try:
        with stream(sys.stdout.buffer) as path:
            _write_scored(connection, checked, path, form)
    except (BrokenPipeError, InputError):
        # Python would try once more at its end to write what is left, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _write_scored(
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedRows,
    path: Path,
    form: Format,
) -> None:
    """Write the accepted customers with what was found out about them."""
    cells = _cells(checked, form)
    cells += [
        f"cast({name} as {kind}) as {_free_name(name, checked)}"
        for name, kind in ADDED_COLUMNS.items()
    ]
    query = f"select {', '.join(cells)} from {checked.scored}"  # noqa: S608
    n_written = _copy(connection, query, path, form)
    # Parquet is read more than once, so it could have changed between.
    if n_written != checked.n_rows - checked.n_rejected:
        raise InputError("the customer file was changed while it was read.")


def _free_name(name: str, checked: CheckedRows) -> str:
    """Return the name of a column of ours, another one where the file has it."""
    taken = {each.casefold() for each in checked.cells}
    while name in taken:
        name += " (mall_segments)"
    return quote_identifier(name)


def _cells(checked: CheckedRows, form: Format) -> list[str]:
    """Return the SQL of the cells of the file, each under the file's name for it."""
    if form != "csv":
        return [
            f"{cell} as {quote_identifier(name)}"
            for name, cell in checked.cells.items()
        ]
    safe = {
        cell: f"case when {is_risky} then {harmless(cell)} else {cell} end"
        for cell, is_risky in checked.texts.items()
    }
    return [
        f"{safe.get(cell, cell)} as {quote_identifier(harmless_name(name))}"
        for name, cell in checked.cells.items()
    ]


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, path: Path, form: Format
) -> int:
    """Write the rows of a query, in their order; answer how many there were."""
    copied = connection.execute(
        f"copy ({query}) to {quote_text(str(path))} "
        f"({_OPTIONS[form]}, use_tmp_file false, preserve_order true)"
    ).fetchall()
    return int(copied[0][0])


@contextmanager
def _reported(
    connection: duckdb.DuckDBPyConnection, progress: Progress | None
) -> Iterator[Callable[[str], None]]:
    """Yield what to call with each step; tell from a thread how far its queries are."""
    if progress is None:
        yield lambda _: None
        return
    steps, finished = [""], threading.Event()

    def step(name: str) -> None:
        steps.append(name)
        progress(name, 0.0)

    def report() -> None:
        while not finished.wait(_SECONDS_BETWEEN_REPORTS):
            share = connection.query_progress() / 100
            progress(steps[-1], min(max(share, 0.0), 1.0))

    # The engine knows its progress only where it has a bar, if one unseen.
    connection.execute("set enable_progress_bar = true")
    connection.execute("set enable_progress_bar_print = false")
    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield step
    finally:
        finished.set()
        thread.join()
