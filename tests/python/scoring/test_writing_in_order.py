"""Rows are written at several places at a time, and come out as by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.scoring import files
from mall_segments.scoring.files import score_file
from mall_segments.scoring.lines import Lines, copy_rows

if TYPE_CHECKING:
    from mall_segments.model_file import Model

# Of every thousand: an id twice, two values out of range, one of them far, and three
# that are missing.
CUSTOMERS = """
    select
        if(range % 1000 = 999, range, range + 1) as "CustomerID",
        if(range % 2 = 0, 'Male', 'Female') as "Gender",
        18 + range % 50 as "Age",
        if(range % 500 = 7, null, 15 + range % 120) as "Annual Income (k$)",
        case range % 1000
            when 8 then if(range > 3000, 2147483647, 999999999)
            when 9 then 101
            when 10 then 100
            when 11 then null
            else 1 + range % 97
        end as "Spending Score (1-100)"
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

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (3984, 16, 12)
    ids = duckdb.execute(
        f"""select "CustomerID"::bigint from '{output}' where segment_id is not null"""
    ).fetchall()
    assert ids == sorted(ids)
    assert len(ids) == 3984
    assert duckdb.execute(f"from '{output}'").fetchall() == (
        duckdb.execute(f"from '{whole}'").fetchall()
    )
    assert sorted(tmp_path.iterdir()) == sorted([source, whole, output])


def numbers(*parts: tuple[int, int]) -> Lines:
    return Lines(
        text="concat(range, ',')",
        n_bytes="coalesce(sum(strlen(range::varchar) + 1), 0)",
        parts=[f"range({start}, {end})" for start, end in parts],
        header="n",
    )


def test_parts_follow_each_other_whichever_is_written_first(tmp_path: Path) -> None:
    # The first takes longest.
    lines = numbers((0, 300_000), (300_000, 300_001), (7, 7), (300_001, 300_100))
    path = tmp_path / "numbers.csv"
    path.touch()

    n_rows = lines.write(duckdb.connect(), path)

    assert n_rows == 300_100
    expected = ["n", *(f"{n}," for n in range(300_100)), ""]
    assert path.read_text() == "\n".join(expected)
    assert list(tmp_path.iterdir()) == [path]


def test_few_rows_of_many_stay_in_their_order(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("""
        create table numbers as select range as n, range * 7 % 100 as k
        from range(20_000);
        create table digits as select range as k from range(100);
    """)
    path = tmp_path / "numbers.csv"
    rows = "numbers join digits on numbers.k = digits.k"
    few = "n % 2048 < 30 or n % 4096 > 4000"

    copy_rows(
        connection,
        f"select n from {rows} where {few}",
        str(path),
        "format csv, header false",
    )

    written = [int(line) for line in path.read_text().splitlines()]
    assert written == [n for n in range(20_000) if n % 2048 < 30 or n % 4096 > 4000]


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        # The second would take days.
        (
            "if(range = 7, error('no such luck'), 'x')",
            ["range(10)", "range(10, 10**12)"],
        ),
        ("if(range = 7, error('no such luck'), 'x')", ["range(8, 9)", "range(0, 9)"]),
    ],
)
def test_a_part_that_fails_ends_the_others_and_leaves_nothing(
    tmp_path: Path, texts: str, parts: list[str]
) -> None:
    lines = Lines(text=texts, n_bytes="count(*)", parts=parts)
    path = tmp_path / "numbers.csv"
    path.touch()

    with pytest.raises(duckdb.Error, match="no such luck"):
        lines.write(duckdb.connect(), path)

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n_parts", [2, 3])
def test_a_full_disk_is_told_as_such_and_ends_all_parts(n_parts: int) -> None:
    parts = [(0, 300_000), (300_000, 10**7), (10**7, 10**9)][:n_parts]
    # The last part would take minutes, and its length is not asked for.
    lines = numbers(*parts)

    with pytest.raises(OSError, match="No space left on device"):
        lines.write(duckdb.connect(), Path("/dev/full"))


def test_a_wrong_length_is_noticed(tmp_path: Path) -> None:
    lines = Lines(text="'abc'", n_bytes="count(*)", parts=["range(9)", "range(9, 19)"])
    path = tmp_path / "numbers.csv"
    path.touch()

    with pytest.raises(AssertionError, match="parts end at"):
        lines.write(duckdb.connect(), path)
