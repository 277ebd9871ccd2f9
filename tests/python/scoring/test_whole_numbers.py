"""Cells that are read as numbers go out as they came in, and in their order."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.scoring.files import score_file
from mall_segments.scoring.whole_numbers import Body, count_texts, is_read_exactly

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model

HEADER = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)"
# More rows than are looked at before the file is read.
USUAL = [f"{n},Male,{20 + n % 50},{n % 130},{1 + n % 100}" for n in range(1, 1200)]


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("007,Male,19,15,39", "\n"),
        ("-5,Exxé,+19,,39", "\r\n"),
        ("5000,Male,19,1e1,39", "\r\n"),
        # As long as the number it means, and as much shorter as another is longer.
        ("0xFFFFF,Male,19,15,39", "\n"),
        ("1e4,Male, 19,0015,39", "\n"),
        ("12345678901234567890,,19,15,39", "\n"),
        ("C5,Male,19,15.0,39", "\n"),
        ("-5,,20,,39", "\n"),
    ],
)
def test_cells_go_out_as_they_came_in(
    model: Model, tmp_path: Path, line: str, end: str
) -> None:
    lines = [*USUAL, line, "6000,Male,20,16,40"]
    source, output = tmp_path / "customers.csv", tmp_path / "out.csv"
    # Without an end of its last line.
    source.write_bytes(end.join([HEADER, *lines]).encode())

    score_file(str(source), str(output), None, model=model)

    written = output.read_text(encoding="utf-8").splitlines()[1:]
    assert [",".join(row.split(",")[:5]) for row in written] == lines


@pytest.mark.parametrize(
    ("lines", "n_rejected"),
    [
        (["5000,Male,19,15,39,surplus"], 1),
        (["5000,Male,19"], 0),
        (["", "5000,Male,19,15,39"], 0),
        (["5000,Male,19,15,39", "5000,Male,19,15,40"], 2),
        (["5000,Male,19,15,1000"], 1),
    ],
)
def test_rows_of_another_shape_are_read_as_ever(
    model: Model, tmp_path: Path, lines: list[str], n_rejected: int
) -> None:
    outcomes = []
    for usual in (USUAL, ["x1,Male,19,15,39", *USUAL[1:]]):
        source, output = tmp_path / "customers.csv", tmp_path / "out.csv"
        source.write_text("\n".join([HEADER, *usual, *lines, ""]), encoding="utf-8")
        scored = score_file(str(source), str(output), None, model=model)
        outcomes.append((output.read_text().splitlines()[2:], scored.reasons))

    assert outcomes[0] == outcomes[1]
    assert scored.n_rejected == n_rejected


@pytest.mark.parametrize(
    ("form", "income", "segmentation"),
    [
        ("csv", "range % 130", "income_spending"),
        ("csv", "(range % 1300) / 10", "income_spending"),
        ("parquet", "range % 130", "income_spending"),
        ("parquet", "range % 130", "age_income_spending"),
    ],
)
def test_rows_stay_in_their_order(
    model: Model, tmp_path: Path, form: str, income: str, segmentation: str
) -> None:
    source, output = tmp_path / f"customers.{form}", tmp_path / "out.parquet"
    duckdb.execute(f"""
        copy (
            select
                (range * 7919) % 300_007 as id,
                1 + range % 101 as age,
                {income} as income,
                1 + range % 97 as score
            from range(300_000)
        ) to '{source}'
    """)

    scored = score_file(
        str(source), str(output), None, model=model, segmentation=segmentation
    )

    assert scored.n_scored == 300_000
    ids = duckdb.execute(f"select id from '{output}'").fetchall()
    assert [int(id_) for (id_,) in ids] == [n * 7919 % 300_007 for n in range(300_000)]


@pytest.mark.parametrize("seed", range(20))
def test_the_bytes_of_numbers_are_known_without_writing_them(seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311
    powers = [10**n for n in range(18)]
    edges = [0, *powers, *(power - 1 for power in powers)]
    edges += [-edge for edge in edges]
    numbers = [drawn.choice([None, *edges]) for _ in range(drawn.randrange(50))]
    cells = ["" if number is None else str(number) for number in numbers]
    n_bytes = len("".join(cells)) + len(cells)
    connection = duckdb.connect()
    connection.execute(
        "create table customers as select unnest($1::bigint[]) as n", [numbers]
    )

    answers = [
        is_read_exactly(
            connection,
            ["n"],
            [
                Body(
                    n_bytes=n_bytes + more,
                    n_marks=len(numbers),
                    n_returns=0,
                    has_mixed_ends=False,
                )
            ],
            numbers={"n": "BIGINT"},
            counted={},
        )
        for more in (-1, 0, 1)
    ]

    assert answers == [False, True, False]


@pytest.mark.parametrize("cells", ["ab", "a'bcdefgh", ""])
@pytest.mark.parametrize("later", [None, "new"])
def test_texts_are_counted_whichever_come_first(cells: str, later: str | None) -> None:
    texts = [*cells, None] * 2000 + [later]
    connection = duckdb.connect()
    connection.execute(
        "create table customers as select unnest($1::varchar[]) as t", [texts]
    )

    query = count_texts(connection, ["t"])["t"]

    found = connection.execute(f"from ({query}) where n_rows > 0").fetchall()
    assert dict(found) == Counter(texts)
