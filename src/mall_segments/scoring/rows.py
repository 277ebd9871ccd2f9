"""Check the rows of a customer file and assign them, by the SQL of the build.

A build runs its models over every row, with all the text functions that takes. Here
they run over the few rows that can differ: each distinct combination of cells under the
segmentation's features, each distinct cell under the other features, and those rows
that cannot be judged by their cells alone (an id that is missing, repeated or no id;
surplus cells; a cell that is rejected). All other rows are what their cells are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np

from mall_segments.errors import InputError
from mall_segments.inputs import SURPLUS_COLUMN
from mall_segments.scoring.build_sql import create_views
from mall_segments.scoring.model_settings import project_vars
from mall_segments.tables import quote_identifier, quote_text, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mall_segments.inputs import CustomerInput
    from mall_segments.model_file import Model, Segmentation

    Steps = Callable[[str], None]

CUSTOMERS: Final = "customers"
REJECTED: Final = "rejected"
RESULTS: Final = "results"

_CHECKING_MODELS: Final = (
    "stg_mall__customers",
    "int_duplicate_customer_ids",
    "int_customers_checked",
)
_ASSIGNING_MODELS: Final = (
    "int_customers_grouped",
    "int_customers_imputed",
    "int_feature_points",
    "int_segment_distances",
    "int_segment_points",
)
_LAST_MODEL: Final = "fct_customer_segments"
_SHARED: Final = {
    name: f"model.{name}"
    for name in ("int_feature_statistics", "int_scaler_parameters", "segments")
}


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """A customer file on a connection, checked and assigned.

    The connection holds the tables ``customers`` (the file as it came; row number
    ``rowid + 1``), ``results`` (see :attr:`join`) and ``rejected`` (source_row,
    rejection_reasons).

    Attributes
    ----------
    n_rows, n_rejected, n_imputed : int
        Rows of the file, those rejected, and those scored with an imputed value.
    reasons : mapping of str to int
        How many rejected rows each reason holds for.
    distinct_cells : mapping of str to str
        Column of a feature to a query for the distinct cells under it.
    key_cells : mapping of str to str
        Column of a feature of the segmentation to that of ``results`` with its cell.
    number_columns : frozenset of str
        Columns known to hold nothing but whole numbers.
    join : str
        The SQL that follows ``from customers``: it adds the columns of ``results`` and
        leaves out the rejected rows.
    """

    n_rows: int
    n_rejected: int
    n_imputed: int
    reasons: Mapping[str, int]
    distinct_cells: Mapping[str, str]
    key_cells: Mapping[str, str]
    number_columns: frozenset[str]
    join: str


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
    step("reading")
    try:
        connection.execute(
            f"create table {CUSTOMERS} as select * from {customers.relation}"  # noqa: S608
        )
    except duckdb.Error as error:
        raise InputError(
            f"{customers.source} cannot be read: {reason(error)}"
        ) from None
    step("checking")
    _load_model(connection, model, segmentation)
    work = _Work(connection, customers, model, segmentation)
    work.assign_combinations()
    work.question_rows()
    work.judge_questioned_rows()
    return work.checked()


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
        self._recognised = customers.columns.columns
        self._has_surplus_column = customers.has_surplus_column
        self._model = model
        self._segmentation = segmentation
        self._cells = {
            feature.name: _Cell(
                alias=f"cell_{position}",
                column=quote_identifier(self._recognised[feature.name]),
            )
            for position, feature in enumerate(model.features)
        }
        used = [feature.name for feature in segmentation.features]
        self._keys = [self._cells[name] for name in used]
        self._others = [cell for name, cell in self._cells.items() if name not in used]
        self._id = quote_identifier(self._recognised["customer_id"])
        self._number_columns: frozenset[str] = frozenset()

    def assign_combinations(self) -> None:
        """Run the build over combinations of cells, as if each were a customer.

        The cells under the segmentation's features form one kind of combination, those
        under each other feature another. Cells that a kind leaves out are null, and
        here null rejects nothing; see `_is_questioned`.
        """
        kinds = [self._keys, *([cell] for cell in self._others)]
        selects = [
            f"select distinct {kind} as kind, {self._only(cells)} from {CUSTOMERS}"  # noqa: S608
            for kind, cells in enumerate(kinds)
        ]
        named = [f"{cell.alias} as {cell.column}" for cell in self._cells.values()]
        if "gender" in self._recognised:
            gender = quote_identifier(self._recognised["gender"])
            named.append(f"cast(null as varchar) as {gender}")
        self._connection.execute(f"""
            create schema combinations;
            create table combinations.cells as {" union all ".join(selects)};
            create view combinations.base_mall__customers as
            select
                rowid + 1 as source_row,
                'combination ' || (rowid + 1) as {self._id},
                {", ".join(named)}
            from combinations.cells;
        """)  # noqa: S608
        self._create_views("combinations", _CHECKING_MODELS, missing_values="impute")
        self._create_views("combinations", _ASSIGNING_MODELS)
        self._connection.execute("""
            create view combinations.fct_segment_points as
            select points.*, segments.segment_name, cast(null as double) as silhouette
            from combinations.int_segment_points as points
            inner join model.segments as segments
                on points.segment_id = segments.segment_id
        """)
        self._create_views("combinations", [_LAST_MODEL])
        self._connection.execute(f"""
            create table combinations.judged as
            select cells.*, {self._is_questioned()} as is_questioned
            from combinations.cells as cells
            inner join combinations.int_customers_checked as checked
                on cells.rowid + 1 = checked.source_row;

            create table {RESULTS} as
            select
                {", ".join(f"cells.{cell.alias}" for cell in self._keys)},
                assigned.segment_id,
                assigned.segment_name,
                segments.persona,
                assigned.distance,
                assigned.second_segment_id,
                assigned.membership,
                assigned.is_outlier,
                assigned.is_imputed
            from combinations.cells as cells
            inner join combinations.{_LAST_MODEL} as assigned
                on 'combination ' || (cells.rowid + 1) = assigned.customer_id
            inner join model.segments as segments
                on assigned.segment_id = segments.segment_id
            where cells.kind = 0;
        """)  # noqa: S608

    def _only(self, cells: Sequence[_Cell]) -> str:
        return ", ".join(
            f"{cell.column if cell in cells else 'null'} as {cell.alias}"
            for cell in self._cells.values()
        )

    def _is_questioned(self) -> str:
        """Return the condition under which rows with a combination are questioned."""
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

    def question_rows(self) -> None:
        """Find the rows that their cells alone do not decide."""
        self._connection.execute("create table questioned (source_row bigint)")
        self._question_ids()
        if self._has_surplus_column:
            self._question(f"from {CUSTOMERS} where {SURPLUS_COLUMN} is not null")
        kinds = self._connection.execute(
            "select distinct kind from combinations.judged where is_questioned"
        ).fetchall()
        for (kind,) in kinds:
            cells = self._keys if kind == 0 else [self._others[kind - 1]]
            judged = (
                "select * from combinations.judged "  # noqa: S608
                f"where kind = {kind} and is_questioned"
            )
            self._question(
                f"from {CUSTOMERS} semi join ({judged}) as judged "
                f"on {_same_cells('judged', cells)}"
            )

    def _question(self, rows: str) -> None:
        self._connection.execute(
            f"insert into questioned select {CUSTOMERS}.rowid + 1 {rows}"
        )

    def _question_ids(self) -> None:
        """Question rows whose id may be repeated, or may be no id.

        Equal ids have equal numbers; whatever else has (7 and 007), the build's SQL
        tells apart. Sorting numbers costs a fraction of grouping texts.
        """
        name = quote_text(self._recognised["customer_id"])
        found = self._connection.execute(f"select try_cast({name} as bigint)")
        is_number_like = found.fetchall()[0][0] is not None
        key = f"try_cast({self._id} as bigint)"
        keys = self._fetch_numbers(key)
        if is_number_like or np.ma.is_masked(keys):
            self._question_unusual_ids("true" if is_number_like else f"{key} is null")
            text_key = f"hash(trim(cast({self._id} as varchar)))"
            key = f"coalesce({key}, cast({text_key} >> 1 as bigint))"
            keys = self._fetch_numbers(key)
        else:
            self._number_columns = frozenset([self._recognised["customer_id"]])
        if np.any(keys[1:] < keys[:-1]):
            keys.sort()
        if np.any(keys[1:] == keys[:-1]):
            self._question(
                f"from {CUSTOMERS} where {key} in ("  # noqa: S608
                f"select {key} from {CUSTOMERS} group by 1 having count(*) > 1)"
            )

    def _fetch_numbers(self, expression: str) -> np.ndarray[Any, Any]:
        query = f"select {expression} as number from {CUSTOMERS}"  # noqa: S608
        return np.asanyarray(self._connection.execute(query).fetchnumpy()["number"])

    def _question_unusual_ids(self, condition: str) -> None:
        """Question rows whose id is missing, a header or the mark of a conflict."""
        self._connection.execute(f"""
            create schema ids;
            create view ids.base_mall__customers as
            select rowid + 1 as source_row, *
            from {CUSTOMERS}
            where {condition};
        """)  # noqa: S608
        self._create_views("ids", ["stg_mall__customers"])
        self._connection.execute("""
            insert into questioned
            select source_row
            from ids.stg_mall__customers
            where customer_id is null or is_repeated_header or is_conflict_marker
        """)

    def judge_questioned_rows(self) -> None:
        """Run the build over the questioned rows, and keep those it rejects."""
        self._connection.execute(f"""
            create schema questioned_rows;
            create table questioned_rows.base_mall__customers as
            select rowid + 1 as source_row, *
            from {CUSTOMERS}
            where rowid + 1 in (select source_row from questioned);
        """)  # noqa: S608
        self._create_views("questioned_rows", _CHECKING_MODELS)
        self._connection.execute(f"""
            create table {REJECTED} as
            select source_row, rejection_reasons
            from questioned_rows.int_customers_checked
            where not is_accepted
        """)  # noqa: S608

    def checked(self) -> CheckedRows:
        """Count what the tables hold, and say how to join them."""
        n_rows = self._count(f"from {CUSTOMERS}")
        n_rejected = self._count(f"from {REJECTED}")
        join = f"inner join {RESULTS} on {_same_cells(RESULTS, self._keys)}"
        if n_rejected:
            join += (
                f" anti join {REJECTED}"
                f" on {CUSTOMERS}.rowid + 1 = {REJECTED}.source_row"
            )
        n_imputed = 0
        if self._count(f"from {RESULTS} where is_imputed"):
            n_imputed = self._count(f"from {CUSTOMERS} {join} where is_imputed")
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
            n_rejected=n_rejected,
            n_imputed=n_imputed,
            reasons=dict(reasons),
            distinct_cells={
                self._recognised[name]: f"select {cell.alias} from combinations.cells"  # noqa: S608
                for name, cell in self._cells.items()
            },
            key_cells={
                self._recognised[name]: cell.alias
                for name, cell in self._cells.items()
                if cell in self._keys
            },
            number_columns=self._number_columns,
            join=join,
        )

    def _count(self, rows: str) -> int:
        found = self._connection.execute(f"select count(*) {rows}").fetchall()
        return int(found[0][0])

    def _create_views(
        self, schema: str, models: Sequence[str], *, missing_values: str | None = None
    ) -> None:
        create_views(
            self._connection,
            models,
            schema=schema,
            shared=_SHARED
            | {"dim_customers": f"{quote_identifier(schema)}.int_customers_imputed"},
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
    column: str


def _same_cells(relation: str, cells: Sequence[_Cell]) -> str:
    """Return the condition that joins rows to combinations; null equals null."""
    return " and ".join(
        f"{CUSTOMERS}.{cell.column} is not distinct from {relation}.{cell.alias}"
        for cell in cells
    )
