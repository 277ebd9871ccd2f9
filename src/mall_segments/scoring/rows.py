"""The rows of a customer file on a connection: read, checked and assigned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.publishing.tables import quote_identifier, reason
from mall_segments.scoring.assignment import assignment_sql
from mall_segments.scoring.columns import described, to_check
from mall_segments.scoring.results import told
from mall_segments.scoring.templates import render
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mall_segments.intake.opening import OpenedCustomers
    from mall_segments.model import Model, ModelSegmentation

    Steps = Callable[[str], None]

SCORED: Final = "scored"
REJECTED: Final = "rejected"
"""Relations that :func:`check_rows` leaves, in the order of the file."""

_SHOWN_REASONS: Final = 3


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """What is known of the rows before any is written.

    Attributes
    ----------
    n_rows, n_rejected, n_imputed : int
        Rows of the file, those rejected, and those with an imputed value among the
        others.
    reasons : mapping of str to int
        How many rejected rows each reason holds for, the most frequent first.
    cells : mapping of str to str
        Column of the file to its name in the relations ``scored`` and ``rejected``.
    texts : frozenset of str
        Columns of the file that are text.
    """

    n_rows: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    cells: Mapping[str, str]
    texts: frozenset[str]


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    *,
    model: Model,
    segmentation: ModelSegmentation,
    step: Steps,
) -> CheckedRows:
    """Read a customer file and check its rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection on which the file was opened. Afterwards it has ``rejected``
        (``source_row``, the cells and ``rejection_reasons``) and ``scored`` (the cells
        and what `results.told` adds).
    opened : OpenedCustomers
        The file.
    model : Model
        The model.
    segmentation : ModelSegmentation
        The segmentation of the model to assign to.
    step : callable
        Called with what is done next.

    Returns
    -------
    CheckedRows
        What was found.

    Raises
    ------
    InputError
        If the file cannot be read, or no row of it can be scored.
    """
    try:
        step("reading")
        _read(connection, opened)
        step("checking")
        return _check(connection, opened, model, segmentation)
    except duckdb.Error as error:
        raise InputError(f"{opened.source} cannot be read: {reason(error)}") from None


def _read(connection: duckdb.DuckDBPyConnection, opened: OpenedCustomers) -> None:
    """Keep what would be parsed anew by each reading; Parquet numbers its own rows."""
    rows = f"select {opened.source_row} as source_row, * from {opened.relation}"  # noqa: S608
    is_counted = " over (" in opened.source_row
    names = {name.casefold() for name in opened.column_names}
    if is_counted and "rowid" not in names:
        # So rows are numbered without being counted one by one.
        connection.execute(f"create temp table cells as from {opened.relation}")
        rows = "select rowid + 1 as source_row, * from cells"
    kind = "table" if is_counted and "rowid" in names else "view"
    connection.execute(f"create temp {kind} customers as {rows}")


def _check(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    model: Model,
    segmentation: ModelSegmentation,
) -> CheckedRows:
    cells = {name: f"cell_{at}" for at, name in enumerate(opened.column_names)}
    kept = [f"{quote_identifier(name)} as {cell}" for name, cell in cells.items()]
    _view(
        connection,
        "canonical",
        render("reading.sql", "reading", described(model, opened), "customers", kept),
    )
    has_id = "customer_id" in opened.columns
    columns = to_check(model, opened)
    _view(
        connection,
        "checked",
        render(
            "checking.sql",
            "checking",
            columns,
            "canonical",
            "duplicates" if has_id and _find_duplicates(connection, columns) else None,
            model.missing_values,
            needs_id=has_id,
        ),
    )
    numbers = [
        name
        for name in segmentation.features
        if model.column(name).type == "number"
    ]
    missing = " or ".join(f"{name} is null" for name in numbers) or "false"
    counted = connection.execute(f"""
        select
            count(*),
            count(*) filter (not is_accepted),
            count(*) filter (is_accepted and ({missing}))
        from checked
    """).fetchall()  # noqa: S608
    n_rows, n_rejected, n_imputed = counted[0]
    connection.execute(f"""
        create temp table {REJECTED} as
        select source_row, {", ".join(cells.values())}, rejection_reasons
        from checked
        where not is_accepted {"" if n_rejected else "and false"}
    """)  # noqa: S608
    reasons = _count_reasons(connection)
    if n_rejected == n_rows:
        raise InputError(_nothing_scored(connection, opened, model, n_rows, reasons))
    _view(connection, "accepted", "select * from checked where is_accepted")
    assigned = assignment_sql(model, segmentation, "accepted")
    _view(connection, SCORED, told(segmentation, assigned))
    types = connection.execute("describe customers").fetchall()
    return CheckedRows(
        n_rows=n_rows,
        n_rejected=n_rejected,
        n_imputed=n_imputed,
        reasons=reasons,
        cells=cells,
        texts=frozenset(name for name, kind, *_ in types if kind == "VARCHAR"),
    )


def _view(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    connection.execute(f"create temp view {name} as {query}")


def _find_duplicates(
    connection: duckdb.DuckDBPyConnection, columns: list[dict[str, object]]
) -> bool:
    """Make the table of repeated ids; answer whether there are any."""
    query = render("checking.sql", "duplicates", columns, "canonical")
    connection.execute(f"create temp table duplicates as {query}")
    found = connection.execute("select count(*) from duplicates").fetchall()
    return bool(found[0][0])


def _count_reasons(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        connection.execute(f"""
            select reason, count(*) as n_rows
            from (
                select unnest(string_split(rejection_reasons, '; ')) as reason
                from {REJECTED}
            )
            group by reason
            order by n_rows desc, reason
        """).fetchall()  # noqa: S608
    )


def _nothing_scored(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    model: Model,
    n_rows: int,
    reasons: Mapping[str, int],
) -> str:
    """Say why no row can be scored, with an example of each frequent reason."""
    if not n_rows:
        return f"{opened.source} has no customers: there is no row below the header."
    said = []
    for why, n_times in [*reasons.items()][:_SHOWN_REASONS]:
        example, hint = "", ""
        column = opened.columns.get(why.split(":")[0])
        if column is not None and column.column:
            found = connection.execute(
                f"select {quote_identifier(column.column)}, source_row "  # noqa: S608
                f"from {REJECTED} inner join customers using (source_row) "
                "where contains(rejection_reasons, $1) order by source_row limit 1",
                [why],
            ).fetchall()
            value, row = found[0]
            example = f", such as {shorten(value)} in row {row:,}"
            unit = column.name != "customer_id" and model.column(column.name).unit
            hint = f" (its unit is {unit})" if unit and ": above" in why else ""
        said.append(f"{why} ({n_times:,} rows{example}){hint}")
    return (
        f"{opened.source}: none of its {n_rows:,} rows can be scored: {'; '.join(said)}."
    )
