"""Check the rows of a customer file and assign them, by the SQL of the build.

A build runs its models over every row, with all the text functions that takes. Here
they run over the few rows that can differ: each distinct combination of cells under the
segmentation's features, each distinct cell under the other features, and those rows
that cannot be judged by their cells alone (an id that is missing, repeated or no id;
surplus cells; a cell that is rejected). All other rows are what their cells are.

The rows themselves are passed over as few times as that takes. Parquet is read where
it lies; CSV is loaded once, its whole numbers as numbers where nothing is lost by it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import duckdb

from mall_segments.errors import InputError
from mall_segments.intake.inputs import SURPLUS_COLUMN
from mall_segments.scoring.build_sql import create_models
from mall_segments.scoring.model_settings import project_vars
from mall_segments.scoring.whole_numbers import (
    CUSTOMERS,
    count_texts,
    find_whole_numbers,
    is_read_exactly,
    measure_files,
)
from mall_segments.publishing.tables import quote_identifier, quote_text, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mall_segments.intake.inputs import CustomerInput
    from mall_segments.model_file import Model, Segmentation
    from mall_segments.scoring.build_sql import Kind

    Steps = Callable[[str], None]

REJECTED: Final = "rejected"
RESULTS: Final = "results"
WHOLE_NUMBERS: Final = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    }
)

_CELLS: Final = "combinations.cells"
_JUDGED: Final = "combinations.judged"
_QUESTIONED: Final = "questioned.base_mall__customers"
_REPEATED: Final = "repeated"
_LEFT_OUT: Final = "left_out"

_CHECKING_MODELS: Final = (
    "stg_mall__customers",
    "int_duplicate_customer_ids",
    "int_customers_checked",
)
_ASSIGNING_MODELS: Final = (
    "int_combinations",
    "int_combinations_imputed",
    "int_customer_combinations",
    "int_scalers",
    "int_customer_points",
    "int_segment_distances",
    "int_segment_points",
    "int_combination_segments",
)
_NUMBERS: Final = (*WHOLE_NUMBERS, "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
# Beyond this the engine takes a hash table.
_LARGEST_RANGE: Final = 2**20
_LAST_MODEL: Final = "fct_customer_segments"
_SHARED: Final = {
    name: f"model.{name}"
    for name in ("int_feature_statistics", "int_scaler_parameters", "segments")
}


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """A customer file on a connection, checked and assigned.

    The connection holds the tables ``results`` (see :attr:`joined`) and ``rejected``
    (source_row, rejection_reasons and the columns of the file, as it has them).

    Attributes
    ----------
    n_rows, n_rejected, n_imputed : int
        Rows of the file, those rejected, and those scored with an imputed value.
    reasons : mapping of str to int
        How many rejected rows each reason holds for.
    rows : str
        The SQL that follows ``from``: all rows of the file, named ``customers``.
    joined, order : str
        The same with the columns of ``results`` and without the rejected rows, and what
        follows to have them in the order of the file.
    is_loaded : bool
        Whether ``customers`` is a table.
    types : mapping of str to str
        The type of every column of ``customers``.
    texts_as_numbers : frozenset of str
        Columns that hold numbers and are text in the file: those very numbers, as the
        engine writes them.
    distinct_cells : mapping of str to str
        Column to a query for the distinct cells under it, where they are known.
    key_cells : mapping of str to str
        Column of a feature of the segmentation to that of ``results`` with its cell.
    number_columns : frozenset of str
        Columns known to hold nothing but whole numbers.
    """

    n_rows: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    rows: str
    joined: str
    order: str
    is_loaded: bool
    types: Mapping[str, str]
    texts_as_numbers: frozenset[str]
    distinct_cells: Mapping[str, str]
    key_cells: Mapping[str, str]
    number_columns: frozenset[str]

    def parts(self, n_parts: int) -> list[str]:
        """Return :attr:`joined` in parts, one after the other; one if it has none."""
        if not self.is_loaded:
            return [self.joined]
        bounds = [self.n_rows * at // n_parts for at in range(n_parts + 1)]
        return [
            f"{self.joined} where {CUSTOMERS}.rowid >= {start} "
            f"and {CUSTOMERS}.rowid < {end}"
            for start, end in pairwise(bounds)
        ]


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    customers: CustomerInput,
    *,
    model: Model,
    segmentation: Segmentation,
    step: Steps,
) -> CheckedRows:
    """Read a customer file, check its rows and assign the accepted ones.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        An empty database.
    customers : CustomerInput
        The file, inspected.
    model : Model
        The model.
    segmentation : Segmentation
        The segmentation of the model to assign to.
    step : callable
        Called with what is done next.

    Returns
    -------
    CheckedRows
        What the connection now holds.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    work = _Work(connection, customers, model, segmentation)
    step("reading")
    with _reading(customers):
        work.read(find_whole_numbers(connection, customers))
    step("checking")
    _load_model(connection, model, segmentation)
    # Nearly always the cells were read exactly, so nothing waits for the answer.
    with ThreadPoolExecutor(1) as thread:
        is_read_exactly = thread.submit(work.is_read_exactly)
        work.assign_combinations()
    with _reading(customers):
        is_exact = is_read_exactly.result()
        if not is_exact:
            work.read({})
    if not is_exact:
        work.assign_combinations()
    work.judge_questioned_rows()
    return work.checked()


@contextmanager
def _reading(customers: CustomerInput) -> Iterator[None]:
    """Say of errors in the body that the input cannot be read."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise InputError(
            f"{customers.source} cannot be read: {reason(error)}"
        ) from None


def _load_model(
    connection: duckdb.DuckDBPyConnection, model: Model, segmentation: Segmentation
) -> None:
    """Create the tables that a build fits, from the model."""
    names = [feature.name for feature in model.features]
    centroid_columns = ", ".join(f"scaled_centroid_{name} double" for name in names)
    connection.execute(f"""
        create schema model;
        create table model.int_feature_statistics (feature varchar, median double);
        create table model.int_scaler_parameters (
            segmentation varchar, feature varchar, center double, scale double
        );
        create table model.segments (
            segmentation varchar, segment_id bigint, segment_name varchar,
            persona varchar, outlier_distance double, {centroid_columns}
        );
    """)
    for feature in model.features:
        connection.execute(
            "insert into model.int_feature_statistics values ($1, $2)",
            [feature.name, feature.median],
        )
    for scaled in segmentation.features:
        connection.execute(
            "insert into model.int_scaler_parameters values ($1, $2, $3, $4)",
            [segmentation.name, scaled.name, scaled.center, scaled.scale],
        )
    for segment in segmentation.segments:
        row = [
            segmentation.name,
            segment.segment_id,
            segment.segment_name,
            segment.persona,
            segment.outlier_distance,
            *(segment.scaled_centroid.get(name) for name in names),
        ]
        places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        connection.execute(f"insert into model.segments values ({places})", row)  # noqa: S608


class _Work:
    """One file on its way from rows to results; each step leaves tables behind."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        customers: CustomerInput,
        model: Model,
        segmentation: Segmentation,
    ) -> None:
        self._connection = connection
        self._customers = customers
        self._recognised = customers.columns.columns
        self._model = model
        self._segmentation = segmentation
        self._cells = {
            feature.name: _Cell(
                alias=f"cell_{position}", name=self._recognised[feature.name]
            )
            for position, feature in enumerate(model.features)
        }
        used = [feature.name for feature in segmentation.features]
        self._keys = [self._cells[name] for name in used]
        self._others = [cell for name, cell in self._cells.items() if name not in used]
        self._id = quote_identifier(self._recognised["customer_id"])
        self._rows = CUSTOMERS
        self._row = f"{CUSTOMERS}.rowid + 1"
        self._types: dict[str, str] = {}
        self._texts_as_numbers: frozenset[str] = frozenset()
        self._counted_texts: dict[str, str] = {}
        self._number_columns: frozenset[str] = frozenset()
        self._numbering: tuple[_Digit, ...] = ()

    def read(self, types: Mapping[str, str]) -> None:
        """Make the rows ready to be passed over, and count the cells they hold.

        Parameters
        ----------
        types : mapping of str to str
            Columns of a CSV file to read as numbers of a type, if all of them can be.
        """
        self._connection.execute("""
            drop schema if exists combinations cascade;
            create schema combinations;
        """)
        self._texts_as_numbers = frozenset()
        self._counted_texts = {}
        if self._customers.is_numbered_in_place:
            self._rows = f"{self._customers.relation} as {CUSTOMERS}"
            self._row = self._customers.source_row
        elif not self._load_numbers(types):
            self._load(self._customers.relation)
        self._count_cells()

    def _load_numbers(self, types: Mapping[str, str]) -> bool:
        """Load a CSV file with numbers for texts, if all are; say so."""
        relation = self._customers.exact_relation(types)
        if not types or relation is None:
            return False
        try:
            self._load(relation)
        except duckdb.Error:
            return False
        self._texts_as_numbers = frozenset(types)
        return True

    def is_read_exactly(self) -> bool:
        """Whether the cells that were read as numbers are written as the engine would.

        It has a cursor of its own: other queries may run meanwhile.
        """
        if not self._texts_as_numbers:
            return True
        counted = {
            cell.name: f"select {cell.alias}, n_rows from {_CELLS} where kind = {kind}"  # noqa: S608
            for kind, cells in enumerate(self._kinds())
            for cell in cells
        }
        texts = [
            name
            for name in self._types
            if name not in self._texts_as_numbers | counted.keys()
        ]
        with self._connection.cursor() as cursor:
            self._counted_texts = count_texts(cursor, texts)
            return is_read_exactly(
                cursor,
                self._customers.column_names,
                measure_files(self._customers),
                self._texts_as_numbers,
                counted | self._counted_texts,
            )

    def _load(self, relation: str) -> None:
        self._connection.execute(
            f"create or replace table {CUSTOMERS} as select * from {relation}"  # noqa: S608
        )

    def _kinds(self) -> list[list[_Cell]]:
        """Return the cells that form a combination together.

        Those under the segmentation's features form one kind of combination, those
        under each other feature another. Cells that a kind leaves out are null, and
        here null rejects nothing; see `_is_questioned`.
        """
        return [self._keys, *([cell] for cell in self._others)]

    def _count_cells(self) -> None:
        described = self._connection.execute(
            f"describe select * from {self._rows}"  # noqa: S608
        ).fetchall()
        self._types = {row[0]: row[1] for row in described}
        selects = [
            f"select {kind} as kind, {self._only(cells)}, count(*) as n_rows "  # noqa: S608
            f"from {self._rows} group by all"
            for kind, cells in enumerate(self._kinds())
        ]
        self._connection.execute(
            f"create or replace table {_CELLS} as {' union all '.join(selects)}"
        )

    def _only(self, cells: Sequence[_Cell]) -> str:
        return ", ".join(
            f"{cell.column if cell in cells else 'null'} as {cell.alias}"
            for cell in self._cells.values()
        )

    def assign_combinations(self) -> None:
        """Run the build over combinations of cells, as if each were a customer."""
        named = [
            f"{self._as_in_file(cell.name, cell.alias)} as {cell.column}"
            for cell in self._cells.values()
        ]
        if "gender" in self._recognised:
            gender = quote_identifier(self._recognised["gender"])
            named.append(f"cast(null as varchar) as {gender}")
        self._connection.execute(f"""
            create view combinations.base_mall__customers as
            select
                rowid + 1 as source_row,
                'combination ' || (rowid + 1) as {self._id},
                {", ".join(named)}
            from {_CELLS};
        """)  # noqa: S608
        self._create_models("combinations", _CHECKING_MODELS, missing_values="impute")
        self._create_models("combinations", _ASSIGNING_MODELS)
        self._connection.execute("""
            create view combinations.fct_segment_points as
            select points.*, segments.segment_name, cast(null as double) as silhouette
            from combinations.int_segment_points as points
            inner join model.segments as segments
                on points.segment_id = segments.segment_id
        """)
        self._create_models("combinations", [_LAST_MODEL])
        self._connection.execute(f"""
            create table {_JUDGED} as
            select
                cells.*,
                'combination ' || (cells.rowid + 1) as combination,
                {self._is_questioned()} as is_questioned
            from {_CELLS} as cells
            inner join combinations.int_customers_checked as checked
                on cells.rowid + 1 = checked.source_row;
        """)  # noqa: S608
        self._numbering = self._number_combinations()
        self._connection.execute(f"""
            create or replace table {RESULTS} as
            select
                {", ".join(f"judged.{cell.alias}" for cell in self._keys)},
                {self._number("judged", [cell.alias for cell in self._keys])} as number,
                judged.n_rows,
                assigned.segment_id,
                assigned.segment_name,
                segments.persona,
                assigned.distance,
                assigned.second_segment_id,
                assigned.membership,
                assigned.is_outlier,
                assigned.is_imputed
            from {_JUDGED} as judged
            inner join combinations.{_LAST_MODEL} as assigned
                on judged.combination = assigned.customer_id
            inner join model.segments as segments
                on assigned.segment_id = segments.segment_id
            where judged.kind = 0 and not judged.is_questioned;
        """)  # noqa: S608

    def _is_questioned(self) -> str:
        """Return the condition under which rows with a combination are rejected."""
        rejected = "not checked.is_accepted"
        if self._model.missing_values == "impute":
            return rejected
        texts = {
            cell: f"checked.{name}_text is null" for name, cell in self._cells.items()
        }
        missing = [
            f"kind = 0 and ({' or '.join(texts[cell] for cell in self._keys)})",
            *(
                f"kind = {kind} and {texts[cell]}"
                for kind, cell in enumerate(self._others, start=1)
            ),
        ]
        return " or ".join([rejected, *missing])

    def _number_combinations(self) -> tuple[_Digit, ...]:
        """Return how a combination of whole numbers is one number; empty if it is not.

        By one number of a small range the engine finds a row's result in an array.
        That is fast, and it alone leaves the rows in their order: from a hash table
        they come as they are found. Only combinations with a result need a number:
        what is out of range for it is rejected, and may be far out.
        """
        if not all(self._types[cell.name].startswith(_NUMBERS) for cell in self._keys):
            return ()
        numbering: list[_Digit] = []
        weight = 1
        for cell in self._keys:
            are_whole, has_null, lowest, highest = self._connection.execute(f"""
                select
                    bool_and({cell.alias} is null or coalesce(
                        try_cast({cell.alias} as bigint) = {cell.alias}, false
                    )),
                    bool_or({cell.alias} is null and not is_questioned),
                    try_cast(min({cell.alias}) filter (not is_questioned) as bigint),
                    try_cast(max({cell.alias}) filter (not is_questioned) as bigint)
                from {_JUDGED}
                where kind = 0
            """).fetchall()[0]  # noqa: S608
            if not are_whole:
                return ()
            lowest, highest = lowest or 0, highest or 0
            null = self._first_absent(cell, highest + 1) if has_null else None
            digit = _Digit(
                lowest=lowest,
                highest=highest if null is None else null,
                null=null,
                weight=weight,
            )
            numbering.append(digit)
            weight *= digit.highest - digit.lowest + 1
        return tuple(numbering) if weight <= _LARGEST_RANGE else ()

    def _first_absent(self, cell: _Cell, lowest: int) -> int:
        """Return the first whole number from `lowest` on that no row has."""
        found = self._connection.execute(f"""
            select min(number) from (
                select cast({lowest} as hugeint) as number
                union all
                select cast({cell.alias} as hugeint) + 1
                from {_JUDGED}
                where {cell.alias} >= {lowest}
            )
            where number not in (
                select cast({cell.alias} as hugeint)
                from {_JUDGED}
                where {cell.alias} is not null
            )
        """).fetchall()  # noqa: S608
        return int(found[0][0])

    def _number(self, relation: str, columns: Sequence[str]) -> str:
        """Return the number of the combination in a row; null where it has none."""
        return (
            " + ".join(
                f"(cast({digit.cell(f'{relation}.{column}')} as bigint) "
                f"- {digit.lowest}) * {digit.weight}"
                for column, digit in zip(columns, self._numbering, strict=False)
            )
            or "cast(null as bigint)"
        )

    def judge_questioned_rows(self) -> None:
        """Run the build over the rows in question, and keep those it rejects.

        In question are rows that their cells alone do not decide, and those whose
        cells are rejected and take the reasons along.
        """
        found = [*self._with_questioned_ids(), *self._with_questioned_cells()]
        # The exact relation has none, since it takes no row with more cells.
        if self._customers.has_surplus_column and SURPLUS_COLUMN in self._types:
            found.append(f"where {CUSTOMERS}.{SURPLUS_COLUMN} is not null")
        rows = " union ".join(f"{self._select_as_in_file()} {each}" for each in found)
        self._connection.execute(f"""
            create schema questioned;
            create table {_QUESTIONED} as
            {rows or f"{self._select_as_in_file()} where false"};
        """)
        self._create_models("questioned", _CHECKING_MODELS)
        self._connection.execute(f"""
            create table {REJECTED} as
            select questioned.*, checked.rejection_reasons
            from {_QUESTIONED} as questioned
            inner join questioned.int_customers_checked as checked
                on questioned.source_row = checked.source_row
            where not checked.is_accepted
        """)  # noqa: S608

    def _select_as_in_file(self) -> str:
        columns = ", ".join(
            f"{self._as_in_file(name, f'{CUSTOMERS}.{quote_identifier(name)}')} "
            f"as {quote_identifier(name)}"
            for name in self._types
        )
        return f"select {self._row} as source_row, {columns} from {self._rows}"  # noqa: S608

    def _as_in_file(self, name: str, cell: str) -> str:
        return f"cast({cell} as varchar)" if name in self._texts_as_numbers else cell

    def _with_questioned_cells(self) -> Iterator[str]:
        kinds = self._connection.execute(
            f"select distinct kind from {_JUDGED} where is_questioned"  # noqa: S608
        ).fetchall()
        for (kind,) in kinds:
            questioned = f"{_JUDGED} where kind = {kind} and is_questioned"
            cells = self._kinds()[kind]
            yield (
                f"semi join (from {questioned}) as judged "
                f"on {_same_cells(CUSTOMERS, 'judged', cells)} "
                f"where {self._are_near(questioned, cells)}"
            )

    def _are_near(self, questioned: str, cells: Sequence[_Cell]) -> str:
        """Return a condition that rows in question meet, and few others.

        To compare takes the engine less than to join.
        """
        conditions = ["true"]
        for cell in cells:
            if not self._types[cell.name].startswith(_NUMBERS):
                continue
            lowest, highest, n_nulls = self._connection.execute(
                f"select min({cell.alias})::varchar, max({cell.alias})::varchar, "  # noqa: S608
                f"count(*) - count({cell.alias}) from {questioned}"
            ).fetchall()[0]
            column = f"{CUSTOMERS}.{cell.column}"
            ranges = [f"{column} is null"] if n_nulls else []
            if lowest is not None:
                ranges.append(
                    f"{column} between {quote_text(lowest)} and {quote_text(highest)}"
                )
            conditions.append(f"({' or '.join(ranges)})")
        return " and ".join(conditions)

    def _with_questioned_ids(self) -> Iterator[str]:
        """Find rows whose id may be repeated, or may be no id.

        Equal ids have equal numbers; whatever else has (7 and 007), the build's SQL
        tells apart.
        """
        name = self._recognised["customer_id"]
        found = self._connection.execute(
            f"select try_cast({quote_text(name)} as bigint)"
        ).fetchall()
        is_number_like = found[0][0] is not None
        key = f"try_cast({CUSTOMERS}.{self._id} as bigint)"
        has_others = self._find_repeated(key)
        if is_number_like or has_others:
            condition = "true" if is_number_like else f"{key} is null"
            yield from self._with_unusual_ids(condition)
            text = f"trim(cast({CUSTOMERS}.{self._id} as varchar))"
            key = f"coalesce({key}, cast(hash({text}) >> 1 as bigint))"
            self._find_repeated(key)
        else:
            self._number_columns = frozenset([name])
        if self._count(f"from {_REPEATED}"):
            yield (
                f"where {key} in (select {key} from {self._rows} "  # noqa: S608
                f"where {key} >> 6 in (select number_group from {_REPEATED}) "
                "group by all having count(*) > 1)"
            )

    def _find_repeated(self, key: str) -> bool:
        """Find groups of numbers in which one is repeated; answer if any is null.

        64 numbers share a group. Where each is there once, it has as many rows as bits,
        and a scan is all it takes to know.
        """
        self._connection.execute(f"""
            create or replace table {_REPEATED} as
            select {key} >> 6 as number_group
            from {self._rows}
            group by {key} >> 6
            having
                {key} >> 6 is null
                or count(*) > bit_count(
                    bit_or(cast(1 as ubigint) << cast({key} & 63 as ubigint))
                );
        """)  # noqa: S608
        return bool(self._count(f"from {_REPEATED} where number_group is null"))

    def _with_unusual_ids(self, condition: str) -> Iterator[str]:
        """Find rows whose id is missing, a header or the mark of a conflict."""
        self._connection.execute(f"""
            create schema ids;
            create view ids.base_mall__customers as
            {self._select_as_in_file()} where {condition};
        """)
        self._create_models("ids", ["stg_mall__customers"], kind="view")
        self._connection.execute("""
            create table ids.unusual as
            select source_row
            from ids.stg_mall__customers
            where customer_id is null or is_repeated_header or is_conflict_marker
        """)
        yield f"where {self._row} in (select source_row from ids.unusual)"  # noqa: S608

    def checked(self) -> CheckedRows:
        """Count what the tables hold, and say how to join them."""
        n_rows = self._sum(f"n_rows from {_CELLS} where kind = 0")
        # Rows that are rejected for their combination have no result to be joined.
        self._connection.execute(f"""
            create table {_LEFT_OUT} as
            select {REJECTED}.source_row, {RESULTS}.is_imputed
            from {REJECTED}
            inner join {RESULTS} on {_same_cells(REJECTED, RESULTS, self._keys)}
        """)  # noqa: S608
        n_imputed = self._sum(f"n_rows from {RESULTS} where is_imputed")
        n_imputed -= self._count(f"from {_LEFT_OUT} where is_imputed")
        reasons = self._connection.execute(f"""
            select reason, count(*)
            from (
                select unnest(string_split(rejection_reasons, '; ')) as reason
                from {REJECTED}
            )
            group by reason
            order by count(*) desc, reason
        """).fetchall()  # noqa: S608
        return CheckedRows(
            n_rows=n_rows,
            n_rejected=self._count(f"from {REJECTED}"),
            n_imputed=n_imputed,
            reasons=dict(reasons),
            rows=self._rows,
            joined=self._join(),
            order="" if self._numbering else f"order by {self._row}",
            is_loaded=self._rows == CUSTOMERS,
            types=self._types,
            texts_as_numbers=self._texts_as_numbers,
            distinct_cells={
                cell.name: f"select {cell.alias} from {_CELLS}"  # noqa: S608
                for cell in self._cells.values()
            }
            | {
                name: f"select cell from ({counted})"  # noqa: S608
                for name, counted in self._counted_texts.items()
            },
            key_cells={cell.name: cell.alias for cell in self._keys},
            number_columns=self._number_columns | self._texts_as_numbers,
        )

    def _join(self) -> str:
        """Return the rows that have a result, joined to it."""
        joined = f"{self._rows} inner join {RESULTS} on "
        joined += (
            f"{self._row_number()} = {RESULTS}.number and {self._can_have_number()}"
            if self._numbering
            else _same_cells(CUSTOMERS, RESULTS, self._keys)
        )
        if self._count(f"from {_LEFT_OUT}"):
            joined += f" anti join {_LEFT_OUT} on {self._row} = {_LEFT_OUT}.source_row"
        return joined

    def _row_number(self) -> str:
        return self._number(CUSTOMERS, [cell.column for cell in self._keys])

    def _can_have_number(self) -> str:
        """Return the condition without which a number means another combination."""
        cells = [f"{CUSTOMERS}.{cell.column}" for cell in self._keys]
        return " and ".join(
            f"{digit.cell(cell)} between {digit.lowest} and {digit.highest}"
            for cell, digit in zip(cells, self._numbering, strict=True)
        )

    def _count(self, rows: str) -> int:
        return self._sum(f"1 {rows}")

    def _sum(self, numbers: str) -> int:
        found = self._connection.execute(
            f"select coalesce(sum(n), 0) from (select {numbers}) as numbers (n)"  # noqa: S608
        ).fetchall()
        return int(found[0][0])

    def _create_models(
        self,
        schema: str,
        models: Sequence[str],
        *,
        kind: Kind = "table",
        missing_values: str | None = None,
    ) -> None:
        create_models(
            self._connection,
            models,
            kind=kind,
            schema=schema,
            shared=_SHARED,
            settings=project_vars(
                self._model,
                self._segmentation,
                missing_values=missing_values or self._model.missing_values,
            ),
            recognised=self._recognised,
        )


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A feature's column of the file, and its name where combinations are kept."""

    alias: str
    name: str

    @property
    def column(self) -> str:
        return quote_identifier(self.name)


@dataclass(frozen=True, kw_only=True)
class _Digit:
    """What a cell adds to the number of its combination, if that has a result.

    Where some have a result without that cell, `null` stands for it: a number that no
    row has.
    """

    lowest: int
    highest: int
    null: int | None
    weight: int

    def cell(self, cell: str) -> str:
        """Return the SQL of a cell, or of what stands for it."""
        return cell if self.null is None else f"coalesce({cell}, {self.null})"


def _same_cells(rows: str, combinations: str, cells: Sequence[_Cell]) -> str:
    """Return the condition that joins rows to combinations; null equals null."""
    return " and ".join(
        f"{rows}.{cell.column} is not distinct from {combinations}.{cell.alias}"
        for cell in cells
    )
