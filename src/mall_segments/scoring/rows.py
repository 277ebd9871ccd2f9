"""The rows of a customer file on a connection: read, checked and assigned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.strange_files import unique_names
from mall_segments.intake.values import refuse_orders
from mall_segments.publishing.csv_cells import may_run
from mall_segments.publishing.tables import quote_identifier, reason
from mall_segments.scoring.assignment import assignment_sql, render, told
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mall_segments.intake.opening import OpenedCustomers
    from mall_segments.model import Model, ModelSegmentation

    Steps = Callable[[str], None]

REJECTED: Final = "rejected"
"""The table that :func:`check_rows` leaves, with the cells and the reasons."""

_SHOWN_REASONS: Final = 3
_MOST: Final = 0.5
_AT_ONCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """What is known of the rows before any is written.

    ``reasons`` says how many rejected rows each holds for, the most frequent first.
    ``scored`` is SQL of the other rows in the order of the file, with what
    `assignment.told` adds; ``cells`` maps columns of the file to their names in it and
    in ``rejected``. ``texts`` are cells that may hold formulas, with the SQL of whether
    one is no number.
    """

    n_rows: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    scored: str
    cells: Mapping[str, str]
    texts: Mapping[str, str]


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    *,
    model: Model,
    segmentation: ModelSegmentation,
    step: Steps,
) -> CheckedRows:
    """Read a customer file and check its rows."""
    try:
        step("reading")
        cells = _read(connection, opened, model)
        step("checking")
        return _check(connection, opened, model, segmentation, cells)
    except duckdb.Error as error:
        raise InputError(f"{opened.source} cannot be read: {reason(error)}") from None


def _read(
    connection: duckdb.DuckDBPyConnection, opened: OpenedCustomers, model: Model
) -> dict[str, str]:
    """Make the relation ``canonical``; answer the names of the file's cells in it.

    What would be parsed anew by each reading is kept; Parquet is read where it lies.
    """
    cells = {name: f"cell_{at}" for at, name in enumerate(opened.column_names)}
    named = [f"{quote_identifier(name)} as {cell}" for name, cell in cells.items()]
    is_counted = " over (" in opened.source_row
    source_row = "cast(null as bigint)" if is_counted else opened.source_row
    rows = f"(select {source_row} as source_row, * from {opened.relation})"  # noqa: S608
    canonical = render(
        "reading.sql",
        "reading",
        _described(model, opened),
        rows,
        named,
        has_texts=False,
    )
    if is_counted:
        # Rows that are kept are numbered already, and not counted one by one.
        connection.execute(f"create temp table kept as {canonical}")
        canonical = "select * replace (rowid + 1 as source_row) from kept"
    connection.execute(f"create temp view canonical as {canonical}")
    return cells


def _described(model: Model, opened: OpenedCustomers) -> dict[str, Any]:
    """Describe an opened file as ``sql/reading.sql`` wants it."""
    customer_id = opened.columns.get("customer_id")
    columns = []
    for column in _columns(model, opened):
        found = opened.columns[column["name"]]
        cells = {"text": found.text_sql, "header": found.column, "number": None}
        if column["type"] == "number":
            cells["number"] = found.number_sql
        columns.append({**column, **cells, "is_text": found.kind == "text"})
    return {
        "customer_id": customer_id
        and {
            "text": customer_id.id_sql,
            "number": f"cast({quote_identifier(customer_id.column)} as bigint)"
            if customer_id.kind == "whole"
            else None,
            "header": customer_id.column,
            "is_text": customer_id.kind == "text",
        },
        "columns": columns,
        "surplus": opened.surplus_column and quote_identifier(opened.surplus_column),
    }


def _columns(model: Model, opened: OpenedCustomers) -> list[dict[str, Any]]:
    """Describe the columns of the model that a file has, as ``sql/`` wants them."""
    return [
        column.model_dump() for column in model.columns if column.name in opened.columns
    ]


def _check(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    model: Model,
    segmentation: ModelSegmentation,
    cells: Mapping[str, str],
) -> CheckedRows:
    has_id = "customer_id" in opened.columns
    columns = _columns(model, opened)
    checking = render(
        "checking.sql",
        "checking",
        columns,
        "canonical",
        "duplicates" if has_id and _find_duplicates(connection, columns) else None,
        model.missing_values,
        needs_id=has_id,
    )
    connection.execute(
        f"create temp table {REJECTED} as "  # noqa: S608
        f"select * from ({checking}) where not is_accepted"
    )
    n_rows = opened.facts.n_rows
    n_rejected = _count(connection, REJECTED)
    reasons = _count_reasons(connection)
    if n_rejected > _MOST * n_rows:
        refuse_orders(connection, opened)
    if n_rejected == n_rows:
        raise InputError(_nothing_scored(connection, opened, model, cells, reasons))
    # Where all are accepted, the checks need not be asked again.
    condition = " where is_accepted" if n_rejected else ""
    accepted = f"(select * from ({checking}){condition})"  # noqa: S608
    assigned = assignment_sql(model, segmentation, accepted)
    is_imputed = " or ".join(
        f"{name} is null"
        for name in segmentation.features
        if model.column(name).type == "number"
    )
    n_imputed, n_others = (
        _count(connection, f"{relation} where {is_imputed or 'false'}")
        for relation in ("canonical", REJECTED)
    )
    names = unique_names(opened.header, ())
    return CheckedRows(
        n_rows=n_rows,
        n_rejected=n_rejected,
        n_imputed=n_imputed - n_others,
        reasons=reasons,
        scored=f"({told(segmentation, assigned)})",
        cells=dict(zip(names, cells.values(), strict=True)),
        texts=_risky(connection, _texts(connection, opened, model, cells)),
    )


def _texts(
    connection: duckdb.DuckDBPyConnection,
    opened: OpenedCustomers,
    model: Model,
    cells: Mapping[str, str],
) -> dict[str, str]:
    """Return the cells of text, with the SQL of whether one is no number."""
    types = {
        name: kind
        for name, kind, *_ in connection.execute("describe canonical").fetchall()
    }
    numbers = {
        found.column: "customer_number" if name == "customer_id" else name
        for name, found in opened.columns.items()
        if name == "customer_id" or model.column(name).type == "number"
    }
    return {
        cell: f"{numbers[name]} is null" if name in numbers else "true"
        for name, cell in cells.items()
        if types[cell] == "VARCHAR"
    }


def _risky(
    connection: duckdb.DuckDBPyConnection, texts: Mapping[str, str]
) -> dict[str, str]:
    """Keep the cells among which there is one that a spreadsheet might run."""
    names = list(texts)
    found: list[bool] = []
    # The engine takes long over thousands of expressions at once.
    for start in range(0, len(names), _AT_ONCE):
        asked = ", ".join(
            f"bool_or({texts[cell]} and {may_run(cell)})"
            for cell in names[start : start + _AT_ONCE]
        )
        found += connection.execute(f"select {asked} from canonical").fetchall()[0]  # noqa: S608
    return {
        cell: texts[cell] for cell, is_any in zip(names, found, strict=True) if is_any
    }


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    found = connection.execute(f"select count(*) from {rows}").fetchall()  # noqa: S608
    return int(found[0][0])


def _find_duplicates(
    connection: duckdb.DuckDBPyConnection, columns: list[dict[str, Any]]
) -> bool:
    """Make the table of repeated ids; answer whether there are any."""
    query = render("checking.sql", "duplicates", columns, "canonical")
    connection.execute(f"create temp table duplicates as {query}")
    return _count(connection, "duplicates") > 0


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
    cells: Mapping[str, str],
    reasons: Mapping[str, int],
) -> str:
    """Say why no row can be scored, with an example of each frequent reason."""
    if not reasons:
        return f"{opened.source} has no customers: there is no row below the header."
    said = []
    for why, n_times in [*reasons.items()][:_SHOWN_REASONS]:
        example, hint = "", ""
        column = opened.columns.get(why.split(":")[0])
        if column is not None and column.column:
            found = connection.execute(
                f"select {cells[column.column]}, source_row from {REJECTED} "  # noqa: S608
                "where contains(rejection_reasons, $1) order by source_row limit 1",
                [why],
            ).fetchall()
            value, row = found[0]
            example = f", such as {shorten(value)} in row {row:,}"
            unit = column.name != "customer_id" and model.column(column.name).unit
            hint = f" (its unit is {unit})" if unit and ": above" in why else ""
        said.append(f"{why} ({n_times:,} rows{example}){hint}")
    return f"{opened.source}: no row of it can be scored: {'; '.join(said)}."
