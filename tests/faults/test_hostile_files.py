"""Hostile customer files through whole builds: refused by name, or made harmless.

How each kind of file is read is tested in test_inputs; here, what dbt says in the end.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import duckdb
import pytest
from builds import BuildServer, check_complete, published_files

from mall_segments.publishing.generations import read_current

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)"
ROWS = [f"{n},Male,{20 + n},{30 + n % 40},{1 + 7 * n % 100}" for n in range(60)]


def text(rows: list[str], header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def with_incomes(income: str) -> bytes:
    return text([f"{n},Male,{20 + n},{income},{n + 1}" for n in range(60)])


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty: it has no header and no rows"),
    "header_only": (text([]), "has a header but no rows"),
    "nul_bytes": (text([*ROWS, "61,Ma\0le,20,30,40"]), "holds a NUL byte, first in"),
    "truncated_quote": (text([*ROWS, '61,"Male,20,30']), "opened and not properly"),
    "a_page_renamed": (b"<html><script>{{ 1/0 }}</script>", "is a web page or XML"),
    "a_binary_file_renamed": (bytes(range(256)) * 99, "is a binary file"),
    "sql_for_a_header": (
        text(ROWS, "a'); drop table b; --,{{ 1/0 }},c,d,e"),
        "no column is recognised as customer_id",
    ),
    "identical_customers": (text(["1,Male,20,30,40"] * 9), "has 1 distinct point"),
    "one_point": (text([f"{n},F,{n},30,40" for n in range(9)]), "has 1 distinct point"),
    "fewer_customers_than_segments": (text(ROWS[:1]), "has 1 customer with"),
    "all_missing": (with_incomes("?"), "none of 60 rows has an id and a usable value"),
    "not_a_number": (with_incomes("NaN"), "none of 60 rows has an id and a usable"),
    "infinity": (with_incomes("inf"), "none of 60 rows has an id and a usable value"),
    "absurd": (with_incomes("1e308"), "none of 60 rows has an id and a usable value"),
    "negative": (with_incomes("-5"), "none of 60 rows has an id and a usable value"),
    "constant": (with_incomes("50"), "Every customer has the same value of annual_in"),
    "mostly_wrong": (
        text([*ROWS[:20], *(f"{n},Male,-23,30,40" for n in range(100, 140))]),
        "40 of 60 customers are rejected, a share of 0.6667",
    ),
}


@pytest.mark.slow(seconds=25)
def test_files_that_cannot_be_used_are_refused_in_a_sentence(
    server: BuildServer, home: Path, tmp_path: Path
) -> None:
    before = published_files(home)
    paths: dict[Path, str] = {}
    for name, (content, sentence) in REFUSED.items():
        path = tmp_path / f"{name}.csv"
        path.write_bytes(content)
        paths[path] = sentence
    paths[tmp_path] = "is a folder. To read the files in it"
    paths[tmp_path / "absent.csv"] = "no such file (seen from "
    for path, sentence in paths.items():
        succeeded, output = server.build(
            home, "--no-write-json", "--fail-fast", customers=path
        )
        assert not succeeded
        assert sentence in output
        assert "Traceback" not in output
        assert published_files(home) == before


@pytest.mark.slow
def test_hostile_cells_and_headers_are_only_text(
    server: BuildServer, home: Path, tmp_path: Path
) -> None:
    hostile = [
        "'); drop table customers; --",
        "{{ 1 / 0 }}{% for x in y %}",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "x" * 2**20,
    ]
    names = [*HEADER.split(","), *(f"{cell[:40]}" for cell in hostile)]
    rows = [[*row.split(","), *hostile] for row in ROWS]
    for row in rows[1:]:
        row[-1] = "short"
    for row, cell in zip(rows, hostile[:4], strict=False):
        row[0] = f"{cell} {row[0]}"
        row[1] = cell
    for row, age in zip(rows[10:], ("-23", "inf", "NaN", "1e308"), strict=False):
        row[2] = age
    path = tmp_path / "Tom's {shop} [1].csv"
    with path.open("w", encoding="utf-16", newline="") as file:
        csv.writer(file).writerows([names, *rows])

    before = read_current(home).build_id
    succeeded, output = server.build(home, "--no-write-json", customers=path)

    assert succeeded, output
    check_complete(home, before)
    folder = read_current(home).folder
    with duckdb.connect(str(folder / "mall_segments.duckdb"), read_only=True) as base:
        reasons = base.execute(
            """
            select rejection_reasons from fct_rejected_customers order by source_row
            """
        ).fetchall()
        ids = base.execute("select customer_id from dim_customers").fetchall()
    assert [reason for (reason,) in reasons] == [
        "age_years: below 1",
        "age_years: not finite",
        "age_years: above 120",
    ]
    assert {(f"{cell} {n}",) for n, cell in enumerate(hostile[:4])} <= set(ids)
    assert len(ids) == len(ROWS) - len(reasons)
    published = (folder / "segmented_mall_customers.csv").read_text("utf-8")
    assert "'=cmd|" in published
    assert ",=cmd|" not in published
    for page in folder.glob("*.html"):
        assert "<script>alert(1)" not in page.read_text("utf-8")
