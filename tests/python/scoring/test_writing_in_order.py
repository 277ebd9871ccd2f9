"""Rows are written at several places at a time, and come out as by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.scoring import files
from mall_segments.scoring.files import score_file
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
def test_the_output_is_that_of_one_query(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    output_suffix: str,
) -> None:
    source = tmp_path / f"customers.{suffix}"
    duckdb.execute(f"copy ({CUSTOMERS}) to '{source}'")
    whole, output = (tmp_path / f"{n}.{output_suffix}" for n in ("whole", "output"))
    score_file(str(source), str(whole), None, model=model)
    monkeypatch.setattr(files, "_FEWEST_ROWS", 1)

    scored = score_file(str(source), str(output), None, model=model)

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (3988, 12, 8)
    ids = duckdb.execute(
        f"""select "CustomerID"::bigint from '{output}' where segment_id is not null"""
    ).fetchall()
    assert ids == sorted(ids)
    assert len(ids) == 3988
    assert duckdb.execute(f"from '{output}'").fetchall() == (
        duckdb.execute(f"from '{whole}'").fetchall()
    )
    assert sorted(tmp_path.iterdir()) == sorted([source, whole, output])


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
