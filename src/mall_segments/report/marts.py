"""Read what is published, and remember where every number came from.

Only aggregates are read: points, bins and marts, never a table with one row per
customer. Each row keeps its table and key, and writes them beside every number, so that
a reader, or a test, can look any of them up.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from markupsafe import Markup

from mall_segments.errors import PublishError
from mall_segments.model import ModelSegmentation
from mall_segments.publishing.tables import quote_identifier, reason
from mall_segments.report.features import FeatureView
from mall_segments.report.svg import MINUS, element

SMALLEST: Final = 1e-6
"""Values nearer to 0 are written as 0."""

NOT_COMPUTED: Final = Markup("\N{EN DASH}")


@dataclass(frozen=True)
class Row:
    """A row of a table, or of a query in parentheses, and the key that finds it."""

    mart: str
    key: Mapping[str, Any]
    content: Mapping[str, Any]

    def __getitem__(self, column: str) -> Any:
        """Read a value."""
        return self.content[column]

    @property
    def source(self) -> Markup:
        """The attributes that say where the numbers inside an element come from."""
        return Markup('data-mart="{}" data-key="{}"').format(
            self.mart, json.dumps(self.key, ensure_ascii=False)
        )

    def count(self, column: str) -> Markup:
        """Write a count: 1,234."""
        return self._number(column, 0)

    def percent(self, column: str, *, digits: int = 1) -> Markup:
        """Write a share of 1 in percent: 40.5 %."""
        return self._number(column, digits, factor=100, unit=" %")

    def decimal(self, column: str, *, digits: int = 2) -> Markup:
        """Write a number with a fixed number of decimals: 0.55."""
        return self._number(column, digits)

    def probability(self, column: str) -> Markup:
        """Write a probability with three decimals, a tiny one with its power of ten."""
        number = self[column]
        if number is None or number >= 0.001 or number == 0:  # noqa: PLR2004
            return self._number(column, 3)
        written = f"{number:.0e}".replace("e-0", "e-").replace("-", MINUS)
        return self._data(column, written)

    def signed(self, column: str, *, digits: int = 2) -> Markup:
        """Write a difference with its sign: +1.26."""
        return self._number(column, digits, sign="+")

    def value(self, column: str, unit: str = "") -> Markup:
        """Write whole numbers as such, others with three digits that tell something."""
        number = float(self[column] or 0)
        unit = f" {unit}" if unit else ""
        if number.is_integer() or abs(number) < SMALLEST:
            return self._number(column, 0, unit=unit)
        digits = max(0, 2 - math.floor(math.log10(abs(number))))
        return self._number(column, digits, unit=unit)

    def text(self, column: str) -> Markup:
        """Write a text, whatever its direction."""
        content = self[column]
        if content is None:
            return NOT_COMPUTED
        return element("bdi", str(content), data_column=quote_identifier(column))

    def _data(self, column: str, written: str) -> Markup:
        return element(
            "data",
            written,
            value=self[column],
            data_column=quote_identifier(column),
        )

    def _number(
        self,
        column: str,
        digits: int,
        *,
        factor: float = 1,
        sign: str = "",
        unit: str = "",
    ) -> Markup:
        number = self[column]
        if number is None:
            return NOT_COMPUTED
        # Adding 0 makes a zero of a negative one.
        rounded = round(number * factor, digits) + 0
        written = f"{rounded:{sign},.{digits}f}".replace("-", MINUS)
        return self._data(column, written + unit)


class Marts:
    """The tables of one published database, opened read-only."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def arrays(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run a query and return its columns as arrays of numbers."""
        found = self._connection.execute(sql, list(parameters)).fetchnumpy()
        return [np.asarray(column, dtype=np.float64) for column in found.values()]

    def columns(self, mart: str) -> list[str]:
        """List the columns of a table."""
        return [row["column_name"] for row in self.query(f"DESCRIBE {mart}")]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query; decimals come as floats, and what is not finite as None."""
        result = self._connection.execute(sql, list(parameters))
        names = [column[0] for column in result.description]
        return [
            dict(zip(names, map(_plain, row), strict=True)) for row in result.fetchall()
        ]

    def rows(
        self,
        mart: str,
        *key: str,
        where: Mapping[str, Any] | None = None,
        order: str = "",
    ) -> list[Row]:
        """Read the rows of a table, or of a query in parentheses, in order of a key.

        The columns of ``where`` are a part of the key. ``order`` goes before the key.
        """
        where = where or {}
        names = list(dict.fromkeys([*where, *key]))
        conditions = [
            f"{quote_identifier(name)} = ${number}"
            for number, name in enumerate(where, 1)
        ]
        sorting = [*filter(None, [order]), *map(quote_identifier, names)]
        found = self.query(
            f"SELECT * FROM {mart} "  # noqa: S608 - names are quoted
            f"WHERE {' AND '.join(conditions) or 'true'} "
            f"ORDER BY {', '.join(sorting) or '1'}",
            list(where.values()),
        )
        return [Row(mart, {name: row[name] for name in names}, row) for row in found]


@dataclass(frozen=True)
class Subject:
    """A segmentation to describe: its tables, its model and its words for readers."""

    marts: Marts
    segmentation: ModelSegmentation
    features: Mapping[str, FeatureView]
    labels: Mapping[int, str]

    @property
    def name(self) -> str:
        """The name of the segmentation."""
        return self.segmentation.name

    def rows(self, mart: str, *key: str, order: str = "") -> list[Row]:
        """Read the rows of a table that are of this segmentation."""
        where = {"segmentation": self.name}
        return self.marts.rows(mart, *key, where=where, order=order)

    def totals(self, mart: str, *key: str, **formulas: str) -> list[Row]:
        """Read totals over the rows of a table, for each value of the key."""
        columns = ", ".join(map(quote_identifier, ("segmentation", *key)))
        totals = ", ".join(f"{sql} AS {name}" for name, sql in formulas.items())
        query = f"(SELECT {columns}, {totals} FROM {mart} GROUP BY ALL)"  # noqa: S608
        return self.rows(query, *key)


@contextmanager
def open_marts(database: Path) -> Iterator[Marts]:
    """Open a published database; a table or column that it lacks is a PublishError."""
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            yield Marts(connection)
    except duckdb.Error as error:
        raise PublishError(
            f"the report cannot be drawn from {database}: {reason(error)}"
        ) from None


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
