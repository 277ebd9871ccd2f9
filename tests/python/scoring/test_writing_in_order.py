"""Rows are written at several places at a time, and come out as by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.scoring import files, rows
from mall_segments.scoring.files import score_file
from mall_segments.scoring.lookups import (
    create_lists,
    create_set,
    element,
    is_member,
)
from mall_segments.scoring.parts import Part, write_parts

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model

# Of every thousand: an id twice, a value far out of range, two that are missing.
CUSTOMERS = """
    select
        if(range % 1000 = 999, range, range + 1) as "CustomerID",
        if(range % 2 = 0, 'Male', 'Female') as "Gender",
        18 + range % 50 as "Age",
        if(range % 500 = 7, null, 15 + range % 120) as "Annual Income (k$)",
        if(range % 1000 = 8, 1000000000, 1 + range % 97) as "Spending Score (1-100)"
    from range(4000)
"""


@pytest.mark.parametrize("output_suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_output_is_that_of_one_query_with_a_join(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    output_suffix: str,
) -> None:
    source = tmp_path / f"customers.{suffix}"
    duckdb.execute(f"copy ({CUSTOMERS}) to '{source}'")
    joined, output = (tmp_path / f"{n}.{output_suffix}" for n in ("joined", "output"))
    monkeypatch.setattr(rows, "LONGEST_LIST", 0)
    score_file(str(source), str(joined), None, model=model)
    monkeypatch.undo()
    monkeypatch.setattr(files, "_FEWEST_ROWS", 1)

    scored = score_file(str(source), str(output), None, model=model)

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (3988, 12, 8)
    ids = duckdb.execute(
        f"""select "CustomerID"::bigint from '{output}' where segment_id is not null"""
    ).fetchall()
    assert ids == sorted(ids)
    assert len(ids) == 3988
    assert duckdb.execute(f"from '{output}'").fetchall() == (
        duckdb.execute(f"from '{joined}'").fetchall()
    )
    assert sorted(tmp_path.iterdir()) == sorted([source, joined, output])


def test_a_value_far_out_of_range_does_not_keep_others_from_lists(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "customers.parquet"
    duckdb.execute(f"copy ({CUSTOMERS}) to '{source}'")
    lengths = []

    def noted(*arguments: object) -> None:
        lengths.append(arguments[-1])
        create_lists(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "create_lists", noted)

    score_file(str(source), str(tmp_path / "out.parquet"), None, model=model)

    # 120 incomes and 97 scores, and either may be missing.
    assert lengths == [121 * 98, 121 * 98]


def test_parts_follow_each_other_whichever_is_written_first(tmp_path: Path) -> None:
    connection = duckdb.connect()
    parts = [
        Part(
            query=f"select range as n from range({start}, {end})",
            options=f"format csv, header {start == 0}",
        )
        # The first takes longest.
        for start, end in ((0, 300_000), (300_000, 300_001), (300_001, 300_100))
    ]
    path = tmp_path / "numbers.csv"
    path.touch()

    n_rows = write_parts(connection, parts, path)

    assert n_rows == 300_100
    assert path.read_text() == "\n".join(["n", *map(str, range(300_100)), ""])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "queries",
    [
        # The second would take days.
        ["select error('no such luck')", "from range(1000000000000)"],
        ["from range(10)", "select error('no such luck')"],
    ],
)
def test_a_part_that_fails_ends_the_others_and_leaves_nothing(
    tmp_path: Path, queries: list[str]
) -> None:
    connection = duckdb.connect()
    parts = [Part(query=query, options="format csv") for query in queries]
    path = tmp_path / "numbers.csv"
    path.touch()

    with pytest.raises(duckdb.Error, match="no such luck"):
        write_parts(connection, parts, path)

    assert list(tmp_path.iterdir()) == [path]


def test_elements_are_found_by_their_number() -> None:
    connection = duckdb.connect()
    connection.execute("""
        create table named as
        select *
        from (values (3, 'c', 0.3), (0, 'a', 0.1)) as named (number, name, size)
    """)

    create_lists(connection, "lists", "named", ["size", "name"], 5)

    cells = [element("lists", column, "number") for column in ("name", "size")]
    found = connection.execute(
        f"select {', '.join(cells)} from range(5) as numbers (number)"
    ).fetchall()
    assert [name for name, _ in found] == ["a", None, None, "c", None]
    assert [float(size) for _, size in found if size is not None] == [0.1, 0.3]


def test_members_of_a_set_are_found() -> None:
    connection = duckdb.connect()
    members = {0, 63, 64, 1000}
    connection.execute("create table members as select unnest($1) as n", [[*members]])

    create_set(connection, "chosen", "select n from members", 1000)

    found = connection.execute(
        f"select n from range(1001) as numbers (n) where {is_member('chosen', 'n')}"
    ).fetchall()
    assert {n for (n,) in found} == members
