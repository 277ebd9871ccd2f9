"""Score a whole customer file with a published model."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import duckdb

from mall_segments.intake.csv_cells import FORMULA_START, neutralised
from mall_segments.errors import InputError
from mall_segments.intake.inputs import inspect_input
from mall_segments.scoring.lines import Lines, copy_rows
from mall_segments.scoring.model_settings import ModelColumns, find_segmentation
from mall_segments.scoring.output import SUFFIXES, Format, stream, whole_files
from mall_segments.scoring.rows import (
    REJECTED,
    RESULTS,
    WHOLE_NUMBERS,
    CheckedRows,
    check_rows,
)
from mall_segments.scoring.whole_numbers import (
    CUSTOMERS,
    has_few_cells,
    length_of_numbers,
)
from mall_segments.publishing.tables import quote_identifier, quote_text, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mall_segments.intake.inputs import CustomerInput
    from mall_segments.model_file import Model

    Progress = Callable[[str, float], None]

PIPE: Final = "-"
ADDED_COLUMNS: Final = (
    "segment_id",
    "segment_name",
    "persona",
    "distance",
    "second_segment_id",
    "membership",
    "is_outlier",
    "is_imputed",
)

_NAMES: Final = ("segment_name", "persona")
_STANDARD_INPUT: Final = "standard input"
_LINE_COLUMN: Final = "line"
_LINE: Final = f"{RESULTS}.{_LINE_COLUMN}"
_NEEDS_QUOTES: Final = '[",\\r\\n]'
# Of less, a part of a file is not worth a thread.
_FEWEST_ROWS: Final = 100_000
_SECONDS_BETWEEN_REPORTS: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """What became of a customer file.

    Attributes
    ----------
    build_id : str
        The generation whose model was used.
    segmentation : str
        What the customers were assigned to.
    n_scored, n_rejected, n_imputed : int
        Customers written, rows rejected, and customers with an imputed value among
        those written.
    reasons : mapping of str to int
        How many rejected rows each reason holds for, the most frequent first.
    notes : tuple of str
        What a user should know about how the file was read.
    """

    build_id: str
    segmentation: str
    n_scored: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    notes: tuple[str, ...]


def score_file(
    source: str,
    output: str,
    rejected: Path | None,
    *,
    model: Model,
    segmentation: str | None = None,
    output_format: Format | None = None,
    progress: Progress | None = None,
) -> ScoredFile:
    """Assign every customer of a file to a segment and write the result.

    Parameters
    ----------
    source : str
        A CSV or Parquet file, a pattern of many, or ``-`` for the standard input.
    output : str
        The file to write, or ``-`` for the standard output. It appears complete or
        not at all.
    rejected : Path or None
        The CSV file for rejected rows and their reasons; likewise complete or not
        there. None writes none.
    model : Model
        The published model.
    segmentation : str, optional
        The segmentation to assign to; the model's first by default.
    output_format : {"csv", "parquet", "jsonl"}, optional
        By default what the suffix of ``output`` says, and CSV for a pipe.
    progress : callable, optional
        Called from another thread with the current step and its share done, 0 to 1.

    Returns
    -------
    ScoredFile
        What became of it.

    Raises
    ------
    InputError
        If the file cannot be read or the result not be written.
    ModelError
        If the model has no such segmentation.
    BrokenPipeError
        If the reader of the standard output went away.
    """
    chosen = find_segmentation(model, segmentation)
    form = output_format or _format_of(output)
    _refuse_targets(source, output, rejected)
    with tempfile.TemporaryDirectory(prefix="mall-segments-") as folder:
        workspace = Path(folder)
        reports = _Reports(progress)
        try:
            reports.step("inspecting")
            path = source
            if source == PIPE:
                path = str(_spool(sys.stdin.buffer, workspace))
            customers = inspect_input(path, ModelColumns.of(model), copies=workspace)
            with (
                duckdb.connect(config=_config(workspace)) as connection,
                reports.of(connection),
            ):
                checked = check_rows(
                    connection,
                    customers,
                    model=model,
                    segmentation=chosen,
                    step=reports.step,
                )
                reports.step("writing")
                _write(connection, customers, checked, output, rejected, form)
        except InputError as error:
            if source != PIPE:
                raise
            raise InputError(str(error).replace(path, _STANDARD_INPUT)) from None
    return ScoredFile(
        build_id=model.build_id,
        segmentation=chosen.name,
        n_scored=checked.n_rows - checked.n_rejected,
        n_rejected=checked.n_rejected,
        n_imputed=checked.n_imputed,
        reasons=checked.reasons,
        notes=customers.notes,
    )


def _config(workspace: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "temp_directory": str(workspace / "spilled"),
        # The rows are then what passes by, and the results what they are looked up in.
        "disabled_optimizers": "join_order,build_side_probe_side",
    }


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


def _spool(stdin: BinaryIO, workspace: Path) -> Path:
    """Keep what comes through a pipe, since a file is looked at before it is read."""
    path = workspace / "standard input"
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file, 2**20)
    except OSError as error:
        raise InputError(
            f"{_STANDARD_INPUT} cannot be kept in {workspace}: {error.strerror}"
        ) from None
    return path


def _write(
    connection: duckdb.DuckDBPyConnection,
    customers: CustomerInput,
    checked: CheckedRows,
    output: str,
    rejected: Path | None,
    form: Format,
) -> None:
    writer = _Writer(connection, customers, checked)
    targets = [rejected] if rejected is not None else []
    targets += [Path(output)] if output != PIPE else []
    try:
        if not targets:
            _write_to_pipe(writer, form)
            return
        with whole_files(*targets) as paths:
            if rejected is not None:
                writer.write_rejected(paths[0])
            if output == PIPE:
                _write_to_pipe(writer, form)
            else:
                writer.write_scored(paths[-1], form)
    except duckdb.Error as error:
        place = output if output != PIPE else "standard output"
        raise InputError(f"{place} cannot be written: {reason(error)}") from None


def _write_to_pipe(writer: _Writer, form: Format) -> None:
    try:
        with stream(sys.stdout.buffer) as path:
            writer.write_scored(path, form)
    except (BrokenPipeError, InputError):
        # Python would try once more at its end to write what is left, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


class _Writer:
    """Writes what `check_rows` left on a connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        customers: CustomerInput,
        checked: CheckedRows,
    ) -> None:
        self._connection = connection
        self._checked = checked
        self._source = customers.source
        self._names = customers.column_names
        taken = {name.casefold() for name in self._names}
        self._added = [
            name if name not in taken else f"{name} (mall_segments)"
            for name in ADDED_COLUMNS
        ]

    def write_scored(self, path: Path, form: Format) -> None:
        """Write the accepted customers with what was found out about them."""
        write = {
            "csv": self._write_csv,
            "parquet": self._write_parquet,
            "jsonl": self._write_json,
        }[form]
        n_written = write(path)
        # Parquet is read more than once, so it could have changed between.
        if n_written != self._checked.n_rows - self._checked.n_rejected:
            raise InputError(f"{self._source} was changed while it was read.")

    def _write_parquet(self, path: Path) -> int:
        self._number_names()
        cells = [
            f"{self._cell_in_file(name)} as {quote_identifier(name)}"
            for name in self._names
        ]
        cells += [
            f"{RESULTS}.{name} as {quote_identifier(added)}"
            for name, added in zip(ADDED_COLUMNS, self._added, strict=True)
        ]
        rows = f"{self._checked.joined} {self._checked.order}"
        query = f"select {', '.join(cells)} from {rows}"  # noqa: S608
        return copy_rows(self._connection, query, str(path), "format parquet")

    def _write_json(self, path: Path) -> int:
        """Write JSON lines, of which the result is spelled once, as for CSV."""
        added = zip(self._added, ADDED_COLUMNS, strict=True)
        self._spell_results(f"',' || {_json(dict(added))}[2:]")
        own = f"{_json({name: self._cell_in_file(name) for name in self._names})}[:-2]"
        return self._write_lines(
            path,
            f"concat({own}, {_LINE})",
            lambda: f"{_length_of_texts(own)} + {_length_of_texts(_LINE)}",
        )

    def _spell_results(self, spelled: str) -> None:
        """Add the column `_LINE` to the results, by its SQL."""
        self._connection.execute(f"""
            alter table {RESULTS} add column {_LINE_COLUMN} varchar;
            update {RESULTS} set {_LINE_COLUMN} = {spelled};
        """)  # noqa: S608

    def _write_lines(
        self, path: Path, text: str, n_bytes: Callable[[], str], header: str = ""
    ) -> int:
        """Write lines by their SQL; `n_bytes` gives the SQL of their lengths' sum."""
        parts = self._checked.parts(self._count_parts(path))
        lines = Lines(
            text=text,
            n_bytes=n_bytes() if len(parts) > 1 else "",
            parts=parts,
            order=self._checked.order,
            header=header,
        )
        return lines.write(self._connection, path)

    def _cell_in_file(self, name: str) -> str:
        cell = f"{CUSTOMERS}.{quote_identifier(name)}"
        is_text = name in self._checked.texts_as_numbers
        return f"cast({cell} as varchar)" if is_text else cell

    def write_rejected(self, path: Path) -> None:
        """Write the rejected rows as they came, with their place and reasons."""
        cells = [
            f"{neutralised(f'{quote_identifier(name)}::varchar')} "
            f"as {quote_identifier(self._neutralised_name(name))}"
            for name in self._names
        ]
        cells += ["source_row", "rejection_reasons"]
        query = f"select {', '.join(cells)} from {REJECTED} order by source_row"  # noqa: S608
        copy_rows(self._connection, query, str(path), "format csv, header")

    def _number_names(self) -> None:
        """Turn the few names of the results into numbers, as Parquet stores them."""
        for name in _NAMES:
            self._connection.execute(f"""
                create type {name}_number as enum (
                    select distinct {name} from model.segments
                );
                alter table {RESULTS} alter {name} type {name}_number;
            """)  # noqa: S608

    def _write_csv(self, path: Path) -> int:
        """Write CSV of ready-made cells.

        Most of a line is the result, which few customers have to themselves: it is
        spelled once for each combination of cells, together with those cells where
        they end the line. Other cells are looked at for quotes only in columns that
        need some. The engine writes the line as one cell, since each costs it time.
        """
        n_own = len(self._names)
        while n_own and self._is_part_of_result(self._names[n_own - 1]):
            n_own -= 1
        own, shared = self._names[:n_own], self._names[n_own:]
        results = [
            *((self._checked.key_cells[name], self._is_text(name)) for name in shared),
            *((name, name in _NAMES) for name in ADDED_COLUMNS),
        ]
        spelled = ", ".join(
            f"coalesce({_csv_cell(cell) if is_text else f'{cell}::varchar'}, '')"
            for cell, is_text in results
        )
        self._spell_results(f"concat_ws(',', {spelled})")
        cells = {name: self._csv_cell_of(name) for name in own}
        separated = [f"{cell}, ','" for cell in cells.values()]

        def n_bytes() -> str:
            lengths = [self._length_of(name, cell) for name, cell in cells.items()]
            commas = f"count(*) * {len(own)}"
            return " + ".join([*lengths, commas, _length_of_texts(_LINE)])

        return self._write_lines(
            path,
            f"concat({', '.join([*separated, _LINE])})",
            n_bytes,
            header=",".join(map(self._csv_text, [*self._names, *self._added])),
        )

    def _length_of(self, name: str, cell: str) -> str:
        if self._is_whole(name):
            return length_of_numbers(self._connection, name)
        return _length_of_texts(cell)

    def _is_part_of_result(self, name: str) -> bool:
        return name in self._checked.key_cells and (
            self._is_text(name) or self._is_whole(name)
        )

    def _is_text(self, name: str) -> bool:
        return self._checked.types[name] == "VARCHAR"

    def _is_whole(self, name: str) -> bool:
        return self._checked.types[name] in WHOLE_NUMBERS

    def _csv_cell_of(self, name: str) -> str:
        cell = f"{CUSTOMERS}.{quote_identifier(name)}"
        text = cell if self._is_text(name) else f"cast({cell} as varchar)"
        return _csv_cell(text) if self._is_risky(name) else text

    def _is_risky(self, name: str) -> bool:
        """Whether any cell of a column needs quotes or could be taken for a formula."""
        if self._is_whole(name) or name in self._checked.number_columns:
            return False
        column = quote_identifier(name)
        cells = self._checked.distinct_cells.get(name)
        if cells is None:
            is_repetitive = has_few_cells(self._connection, self._checked.rows, name)
            distinct = "distinct" if is_repetitive else ""
            cells = f"select {distinct} {column} from {self._checked.rows}"  # noqa: S608
        found = self._connection.execute(f"""
            select bool_or(
                regexp_matches(cell, {quote_text(_NEEDS_QUOTES)})
                or regexp_matches(cell, {quote_text(FORMULA_START)})
            )
            from (select cast(cell as varchar) as cell from ({cells}) as cells (cell))
        """).fetchall()  # noqa: S608
        return bool(found[0][0])

    def _csv_text(self, text: str) -> str:
        found = self._connection.execute(f"select {_csv_cell('$1::varchar')}", [text])
        return str(found.fetchall()[0][0])

    def _neutralised_name(self, name: str) -> str:
        found = self._connection.execute(f"select {neutralised('$1::varchar')}", [name])
        return str(found.fetchall()[0][0])

    def _count_parts(self, path: Path) -> int:
        """Return how many parts of the rows are worth writing at a time."""
        if not path.is_file():
            return 1
        found = self._connection.execute("select current_setting('threads')").fetchall()
        n_parts = min(int(found[0][0]), self._checked.n_rows // _FEWEST_ROWS)
        return max(n_parts, 1)


def _length_of_texts(expression: str) -> str:
    """Return the SQL of the bytes of texts together; null has none."""
    return f"coalesce(sum(strlen({expression})), 0)"


def _json(cells: Mapping[str, str]) -> str:
    """Return the SQL of a JSON object, by the SQL of its cells."""
    packed = [f"{quote_identifier(name)} := {cell}" for name, cell in cells.items()]
    return f"cast(to_json(struct_pack({', '.join(packed)})) as varchar)"


def _csv_cell(expression: str) -> str:
    """Return the SQL that spells a text as a cell of a CSV file; null is empty."""
    text = neutralised(expression)
    return (
        f"case when regexp_matches({expression}, {quote_text(_NEEDS_QUOTES)}) "
        f"""then '"' || replace({text}, '"', '""') || '"' else {text} end"""
    )


class _Reports:
    """Tells how far the work is, from a thread of its own."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._step = ""

    def step(self, name: str) -> None:
        self._step = name
        if self._progress:
            self._progress(name, 0.0)

    @contextmanager
    def of(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Report the progress of the queries of a connection while the body runs."""
        if self._progress is None:
            yield
            return
        progress, finished = self._progress, threading.Event()
        # The engine knows its progress only where it has a bar, if one unseen.
        connection.execute("set enable_progress_bar = true")
        connection.execute("set enable_progress_bar_print = false")

        def report() -> None:
            while not finished.wait(_SECONDS_BETWEEN_REPORTS):
                share = connection.query_progress() / 100
                progress(self._step, min(max(share, 0.0), 1.0))

        thread = threading.Thread(target=report, daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()
