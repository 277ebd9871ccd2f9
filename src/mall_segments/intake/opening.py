"""Open a customer file of any kind: what the engine reads, and how its cells read.

This is the one way in for the build and for ``score``. Whatever cannot be read is
refused by name before any model runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

from mall_segments.intake.number_formats import (
    PLAIN,
    NumberFormat,
    id_sql,
    number_sql,
    text_sql,
)
from mall_segments.publishing.tables import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["text", "number", "whole", "row number"]


@dataclass(frozen=True, kw_only=True)
class OpenedColumn:
    """Where a canonical column is and how SQL reads it.

    Attributes
    ----------
    name : str
        Canonical name: ``customer_id`` or a column of the settings.
    column : str
        Its name in the relation; empty where ids are the numbers of the rows.
    kind : {"text", "number", "whole", "row number"}
        What its cells are: text (all of CSV and Excel), numbers or whole numbers of
        Parquet, or no cells at all.
    numbers : NumberFormat
        How its text writes numbers.
    """

    name: str
    column: str
    kind: Kind = "text"
    numbers: NumberFormat = PLAIN

    @property
    def text_sql(self) -> str:
        """SQL of the cell as text: trimmed, null where it is blank or no value."""
        if self.kind == "row number":
            return "cast(source_row as varchar)"
        cell = quote_identifier(self.column)
        if self.kind == "whole":
            return f"cast({cell} as varchar)"
        return text_sql(cell if self.kind == "text" else f"cast({cell} as varchar)")

    @property
    def number_sql(self) -> str:
        """SQL of the cell as a double; null where it is no number."""
        cell = quote_identifier(self.column)
        if self.kind == "text":
            return number_sql(cell, self.numbers)
        number = f"cast({cell} as double)"
        if self.kind == "whole":
            return number
        return f"case when isfinite({number}) then {number} end"

    @property
    def id_sql(self) -> str:
        """SQL of the cell as a customer id: see `number_formats.id_sql`."""
        if self.kind in ("row number", "whole"):
            return self.text_sql
        cell = quote_identifier(self.column)
        if self.kind == "number":
            # 1e16 would be written as such.
            cell = f"coalesce(cast(try_cast({cell} as decimal(38, 6)) as varchar), '')"
        return id_sql(cell)


@dataclass(frozen=True, kw_only=True)
class OpenedCustomers:
    """One or more files that hold customers, recognised and ready to be read.

    Attributes
    ----------
    source : str
        How errors and notes name the input.
    paths : tuple of Path
        The files as the user named them, in the order in which they are read.
    relation : str
        What follows ``from`` in a query. It has the columns ``column_names`` and, where
        rows may be too long, ``surplus_column``; all are text unless the file is
        Parquet. No column is ever named ``source_row``.
    source_row : str
        SQL over ``relation``: the number of the row, counted from 1 over all files.
    header : tuple of str
        The columns as they stand in the file.
    column_names : tuple of str
        The same as the relation names them: unique (case ignored) and not blank.
    columns : mapping of str to OpenedColumn
        Canonical name to where it is. A column that the file does not have is absent.
    surplus_column : str or None
        The column of ``relation`` that holds what a row has beyond the last header.
    is_temporary : bool
        Whether ``relation`` reads a copy that lives as long as this object.
    notes : tuple of str
        What a user should know about how the input is read.
    """

    source: str
    paths: tuple[Path, ...]
    relation: str
    source_row: str
    header: tuple[str, ...]
    column_names: tuple[str, ...]
    columns: Mapping[str, OpenedColumn]
    surplus_column: str | None = None
    notes: tuple[str, ...] = ()
    copies: tuple[IO[bytes], ...] = field(default=(), repr=False, compare=False)

    @property
    def is_temporary(self) -> bool:
        """Whether the relation reads a copy that is gone with this object."""
        return bool(self.copies)
