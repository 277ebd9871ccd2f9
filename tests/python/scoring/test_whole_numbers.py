"""Cells that are read as numbers go out as they came in, and in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from mall_segments.scoring.files import score_file

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
