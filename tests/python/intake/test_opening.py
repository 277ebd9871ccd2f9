"""Any customer file is read as it is written, or refused by name."""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from mall_segments.errors import InputError
from mall_segments.intake.csv_files import inspect_csv
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.settings import parse_settings

PROJECT = Path(__file__).parents[3]
SEED = PROJECT / "seeds" / "Mall_Customers.csv"
SETTINGS = parse_settings(
    yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
).of_customer_files()

HEADER = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)"
ROWS = [
    "1,Male,19,15,39",
    "2,Male,21,15,81",
    "3,Female,20,16,6",
    "4,Female,23,16,77",
]
FIRST = ("1", "Male", "19", "15", "39")


def table(header: str = HEADER, rows: list[str] = ROWS, end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def semicolons(text: str) -> str:
    return text.replace(",", ";")


def zipped(text: str) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("xl/workbook.xml", text)
    return target.getvalue()


@dataclass(frozen=True)
class Accepted:
    """How many rows are read, the first of them, and what notes say."""

    n_rows: int = 4
    first: tuple[str | None, ...] = FIRST
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """A part of the sentence that refuses the file."""

    sentence: str


FILES: dict[str, tuple[str | bytes, Accepted | Refused]] = {
    # As published, and in other spellings of the same.
    "as_published": (table(), Accepted()),
    "crlf": (table(end="\r\n"), Accepted()),
    "carriage_returns_only": (table(end="\r"), Accepted()),
    "no_final_line_end": (table().rstrip("\n"), Accepted()),
    "mixed_line_ends": (
        table(rows=[ROWS[0] + "\r", *ROWS[1:]]),
        Accepted(),
    ),
    "blank_lines_between_rows": (
        table(rows=["", ROWS[0], "", "", *ROWS[1:], ""]),
        Accepted(),
    ),
    "byte_order_mark": ("\ufeff" + table(), Accepted()),
    "byte_order_mark_and_quotes": (
        '\ufeff"CustomerID",Gender,Age,Income,Score\n1,Male,19,15,39\n',
        Accepted(n_rows=1),
    ),
    "everything_quoted": (
        "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(","))
            for line in [HEADER, *ROWS]
        ),
        Accepted(),
    ),
    "one_quoted_cell": (table(rows=['1,"Male",19,15,39', *ROWS[1:]]), Accepted()),
    "quoted_commas_and_quotes": (
        'CustomerID,Name,Gender,Age,Income,Score\n1,"Doe, ""J""",Male,19,15,39\n',
        Accepted(n_rows=1, first=("1", 'Doe, "J"', "Male", "19", "15", "39")),
    ),
    "quoted_line_break": (
        'CustomerID,Note,Gender,Age,Income,Score\n1,"a\nb",Male,19,15,39\n',
        Accepted(n_rows=1, first=("1", "a\nb", "Male", "19", "15", "39")),
    ),
    "line_break_in_the_header": (
        'CustomerID,Gender,Age,"Annual\nIncome",Score\n1,Male,19,15,39\n',
        Accepted(n_rows=1),
    ),
    "inch_mark_in_a_cell": (
        'CustomerID,Shoe,Gender,Age,Income,Score\n1,9",Male,19,15,39\n',
        Accepted(
            n_rows=1,
            first=("1", '9"', "Male", "19", "15", "39"),
        ),
    ),
    "thousands_separators": (
        'id,gender,age,income,score\n1,Male,19,"1,000.00",39\n',
        Accepted(n_rows=1, first=("1", "Male", "19", "1,000.00", "39")),
    ),
    "dollars_instead_of_thousands": (
        'id,gender,age,income,score\n1,Male,19,"150,000.00",39\n',
        Refused("counts k$, and the values go up to 150,000"),
    ),
    "zero_padded_ids": (
        table(rows=["0001,Male,19,15,39"]),
        Accepted(n_rows=1, first=("0001", "Male", "19", "15", "39")),
    ),
    "spaces_around_cells": (
        table(rows=["1,Male,19,15,39 "]),
        Accepted(n_rows=1, first=("1", "Male", "19", "15", "39 ")),
    ),
    "missing_values_of_all_kinds": (
        table(rows=["1,?,,unknown,n/a"]),
        Accepted(n_rows=1, first=("1", "?", None, "unknown", "n/a")),
    ),
    # Other delimiters.
    "semicolons": (
        semicolons(table()),
        Accepted(),
    ),
    "tabs": (table().replace(",", "\t"), Accepted()),
    "bars": (table().replace(",", "|"), Accepted()),
    "semicolons_and_commas_in_the_header": (
        "ID;Gender;Age;Income, gross;Income;Score\n1;Male;19;x;15;39\n",
        Accepted(
            n_rows=1,
            first=("1", "Male", "19", "x", "15", "39"),
            note="'Income, gross'",
        ),
    ),
    "separator_line_of_excel": (
        "sep=;\n" + semicolons(table()),
        Accepted(note="Skipped 1 lines"),
    ),
    # Other encodings.
    "utf_16": (
        table().encode("utf-16"),
        Accepted(note="utf-16"),
    ),
    "utf_16_big_endian": (
        b"\xfe\xff" + table().encode("utf-16-be"),
        Accepted(note="utf-16"),
    ),
    "utf_16_without_a_mark": (
        table().encode("utf-16-le"),
        Accepted(note="utf-16-le"),
    ),
    "utf_16_big_endian_without_a_mark": (
        table().encode("utf-16-be"),
        Accepted(note="utf-16-be"),
    ),
    "utf_16_with_an_emoji": (
        table(rows=["\U0001f600,Male,19,15,39"]).encode("utf-16"),
        Accepted(
            n_rows=1,
            first=("\U0001f600", *FIRST[1:]),
            note="utf-16",
        ),
    ),
    "utf_32": (
        table().encode("utf-32"),
        Accepted(note="utf-32"),
    ),
    "latin_1": (
        "ID,Género,Edad,Ingreso,Puntuación\né1,Male,19,15,39\n".encode("latin-1"),
        Accepted(
            n_rows=1,
            first=("é1", *FIRST[1:]),
            note="cp1252",
        ),
    ),
    "windows_1252": (
        "ID,Género,Edad,Ingreso (k€),Puntuación\n1,Male,19,15,39\n".encode("cp1252"),
        Accepted(n_rows=1, note="cp1252"),
    ),
    "accents_in_utf_8": (
        "ID,Género,Edad,Ingreso,Puntuación\né1,Male,19,15,39\n",
        Accepted(n_rows=1, first=("é1", *FIRST[1:])),
    ),
    "compressed": (
        gzip.compress(table().encode()),
        Accepted(),
    ),
    # Headers.
    "spanish": (
        table(
            "ID,Sexo,Edad,Ingreso anual (k$),Puntuacion de gatos (1-100)",
            ["1,Masculino,19,15,39"],
        ),
        Accepted(n_rows=1, first=("1", "Masculino", "19", "15", "39")),
    ),
    "unnamed_first_column": (
        ",CustomerID,Sex,Age,Income,Score\n0,1,Male,19,15,39\n",
        Accepted(n_rows=1, first=("0", *FIRST), note="Columns not read: (no name)."),
    ),
    "unnamed_columns_and_totals": (
        "ID,Sex,Age,,Income,Score,,\n1,Male,19,,15,39,,\n,,,15 Count,2,,,\n",
        Accepted(
            n_rows=2,
            first=("1", "Male", "19", None, "15", "39", None, None),
            note="(no name), (no name), (no name)",
        ),
    ),
    "cluster_columns_added": (
        table(HEADER + ",Cluster,Label", [row + ",2,x" for row in ROWS]),
        Accepted(first=(*FIRST, "2", "x"), note="'Cluster', 'Label'"),
    ),
    "two_extra_columns_of_one_name": (
        table(HEADER + ",x,X,x", [row + ",1,2,3" for row in ROWS]),
        Accepted(
            first=(*FIRST, "1", "2", "3"),
            note="'x', 'X', 'x'",
        ),
    ),
    "names_the_models_use": (
        table(HEADER + ",source_row,surplus_cells", [row + ",7,8" for row in ROWS]),
        Accepted(first=(*FIRST, "7", "8")),
    ),
    "no_gender": (
        "id,age,income,score\n1,19,15,39\n",
        Accepted(n_rows=1, first=("1", "19", "15", "39"), note="gender is unknown"),
    ),
    "sql_in_the_header": (
        table(HEADER + """,x'); drop table y; --""", [row + ",1" for row in ROWS]),
        Accepted(first=(*FIRST, "1"), note="drop table"),
    ),
    "jinja_in_the_header": (
        table(HEADER + ",{{ 1 / 0 }}{% raw %}", [row + ",1" for row in ROWS]),
        Accepted(first=(*FIRST, "1")),
    ),
    "script_in_the_header": (
        "<script>alert(1)</script>,ID,Gender,Age,Income,Score\nx,1,Male,19,15,39\n",
        Accepted(n_rows=1, first=("x", *FIRST)),
    ),
    "hash_before_the_header": (
        "#CustomerID,Gender,Age,Income,Score\n1,Male,19,15,39\n",
        Accepted(n_rows=1),
    ),
    "comments_above_the_header": (
        "# from the shop\n#,a,b\n\n" + table(),
        Accepted(note="Skipped 3 lines"),
    ),
    "comments_with_a_quote_and_crlf": (
        '# 9" shoes\r\n\r\n' + table(end="\r\n"),
        Accepted(note="Skipped 2 lines"),
    ),
    "ten_thousand_columns": (
        ",".join([HEADER, *(f"x{number}" for number in range(9_995))])
        + "\n"
        + ",".join([ROWS[0], *["1"] * 9_995])
        + "\n",
        Accepted(n_rows=1, first=(*FIRST, *["1"] * 9_995), note="and 9,983 more"),
    ),
    "a_name_of_a_megabyte": (
        table(HEADER + "," + "x" * 2**20, [row + ",1" for row in ROWS]),
        Accepted(
            first=(*FIRST, "1"),
            note="(1,048,576 characters)",
        ),
    ),
    "a_cell_of_three_megabytes": (
        table(HEADER + ",note", [ROWS[0] + "," + "x" * 3_000_000]),
        Accepted(
            n_rows=1,
            first=(*FIRST, "x" * 3_000_000),
        ),
    ),
    # Rows that do not fit the header.
    "short_rows": (
        table(rows=["1,Male", "2,Male,21,15,81", "3"]),
        Accepted(
            n_rows=3,
            first=("1", "Male", None, None, None),
        ),
    ),
    "one_long_row": (
        table(rows=[*ROWS, "5,Male,21,15,81,9,9"]),
        Accepted(n_rows=5),
    ),
    "a_comma_at_the_end_of_rows": (
        table(rows=[row + "," for row in ROWS]),
        Accepted(),
    ),
    "a_conflict_marker_among_rows": (
        table(rows=[*ROWS, "<<<<<<< HEAD"]),
        Accepted(n_rows=5),
    ),
    "header_repeated_among_rows": (table(rows=[*ROWS, HEADER]), Accepted(n_rows=5)),
    "every_row_longer_than_the_header": (
        table(rows=[f"{number},{row}" for number, row in enumerate(ROWS)]),
        Refused("4 of 4 rows have more cells than the header has columns (5)"),
    ),
    # No header, or another one.
    "no_header": (
        semicolons("\n".join(ROWS)),
        Refused("has no header: its first row looks like a customer's values, '1'"),
    ),
    "junk_above_the_header": (
        "Column1,Column2,Column3,Column4,Column5\n" + table(),
        Refused("the header stands in line 2, below 'Column1,Column2,"),
    ),
    "numbers_above_the_header": (
        "0,1,2,3,4\n" + table(),
        Refused("the header stands in line 2, below '0,1,2,3,4'"),
    ),
    "title_above_the_header": (
        "Mall customers 2024\n\n" + table(),
        Refused("the header stands in line 3, below 'Mall customers 2024'"),
    ),
    "anonymous_columns": (
        "x1,x2\n15,39\n15,81\n",
        Refused(
            "no column is recognised as customer_id, age_years, annual_income_kusd, "
            "spending_score"
        ),
    ),
    "split_header": (
        table(
            "CustomerID,Gender,Age,Annual,Income,(k$),Spending,Score,(1-100)",
            ["1,Male,19,15,39,,,,"],
        ),
        Refused("the header is split: the columns 'Annual', 'Income' together"),
    ),
    "spaces_between_columns": (
        "CustomerID Gender Age Annual Income ( Spending Score (1-100)\n1 Male 19 15 39",
        Refused("is not CSV: its first line is one cell"),
    ),
    "a_required_column_absent": (
        "customer_id,gender,customer_age,annual_income,spending_score\n1,Male,19,15,39\n",
        Refused("no column is recognised as age_years."),
    ),
    "a_column_named_x": (
        "CustomerID,Genre,Age,x,Spending_Score\n1,Male,19,15,39\n",
        Refused("no column is recognised as annual_income_kusd."),
    ),
    "no_id": (
        "gender,age,income,score\nMale,19,15,39\n",
        Refused("no column is recognised as customer_id."),
    ),
    "a_required_column_twice": (
        table(HEADER + ",age", [row + ",20" for row in ROWS]),
        Refused("the columns 'Age', 'age' all fit age_years"),
    ),
    # Nothing in it, or something else.
    "empty": ("", Refused("is empty: it has no header and no rows")),
    "a_byte_order_mark_only": ("\ufeff", Refused("nothing but blank or comment lines")),
    "blank_lines_only": ("\n\n  \r\n", Refused("nothing but blank or comment lines")),
    "comments_only": ("# a\n# b\n", Refused("nothing but blank or comment lines")),
    "header_only": (HEADER + "\n", Refused("has a header but no rows")),
    "header_and_blank_lines": (HEADER + "\n\n \n", Refused("has a header but no rows")),
    "header_and_empty_cells": (HEADER + "\n,,,,\n", Refused("a header but no rows")),
    "header_without_a_line_end": (HEADER, Refused("has a header but no rows")),
    "quote_never_closed": (
        table(rows=[ROWS[0], '2,"Male,21,15,81', *ROWS[2:]]),
        Refused("a quote in line 3 is opened and not properly closed"),
    ),
    "two_quotes_never_closed": (
        table(rows=[ROWS[0], '2,"Male,21,15,81', '3,"Female,20,16,6', ROWS[3]]),
        Refused("is opened and not properly closed"),
    ),
    "quote_never_closed_in_the_header": (
        '"CustomerID,Gender,Age,Income,Score\n1,Male,19,15,39\n',
        Refused("the header opens a quote that is never closed"),
    ),
    "nul_byte": (
        table(rows=[ROWS[0], "2,Ma\0le,21,15,81", *ROWS[2:]]),
        Refused("holds a NUL byte, first in line 3"),
    ),
    "nul_byte_far_down": (
        table(rows=ROWS * 10_000 + ["5,Ma\0le,21,15,81"]),
        Refused("holds a NUL byte, first in line 40,002"),
    ),
    "lfs_pointer": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3780\n",
        Refused("is a Git LFS pointer"),
    ),
    "conflict_marker_in_the_header": (
        f"<<<<<<< HEAD\n{HEADER}\n=======\nid,sex\n>>>>>>> theirs\n",
        Refused("begins with a merge-conflict marker ('<<<<<<< HEAD')"),
    ),
    "web_page": (
        "\n<!DOCTYPE html>\n<html><body>CustomerID,Gender,Age</body></html>\n",
        Refused("is a web page or XML, not CSV: it begins '<!DOCTYPE html>'"),
    ),
    "xml": ('<?xml version="1.0"?>\n<a/>\n', Refused("is a web page or XML")),
    "json": ('[{"CustomerID": 1, "Gender": "Male"}]\n', Refused("is JSON, not CSV")),
    "excel_workbook": (zipped("x"), Refused("cannot be read as a workbook")),
    "old_excel_workbook": (
        b"\xd0\xcf\x11\xe0" + bytes(600),
        Refused("cannot be read as a workbook"),
    ),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(99), Refused("is an image")),
    "random_bytes": (bytes(range(256)) * 20, Refused("is a binary file")),
    "utf_16_cut_off": (
        table().encode("utf-16")[:-1],
        Refused("looks like utf-16 but breaks its rules"),
    ),
    "compressed_and_cut_off": (
        gzip.compress(table().encode())[:-9],
        Refused("is compressed and cut off or damaged"),
    ),
    "parquet_cut_off": (
        b"PAR1 and no more",
        Refused('cannot be read: "Invalid Input Error: No magic bytes'),
    ),
}
ACCEPTED = {
    name: (content, expected)
    for name, (content, expected) in FILES.items()
    if isinstance(expected, Accepted)
}
REFUSED = {
    name: (content, expected)
    for name, (content, expected) in FILES.items()
    if isinstance(expected, Refused)
}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def inspect(path: Path | str, **options: Any) -> OpenedCustomers:
    with duckdb.connect() as connection:
        return open_customers(connection, path, SETTINGS.model_copy(update=options))


def refusal(path: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        inspect(path, **options)
    return str(caught.value)


def read(customers: OpenedCustomers) -> list[tuple[str | None, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"select * from {customers.relation}").fetchall()


def test_the_project_tries_at_least_sixty_kinds_of_files() -> None:
    assert len(ACCEPTED) >= 40
    assert len(REFUSED) >= 30


@pytest.mark.parametrize("name", ACCEPTED)
def test_reads_every_row_of_a_file_that_can_be_read(name: str, tmp_path: Path) -> None:
    content, expected = ACCEPTED[name]

    customers = inspect(write(tmp_path / "shop.csv", content))
    rows = read(customers)

    assert len(rows) == expected.n_rows
    assert rows[0][:-1] == expected.first
    assert expected.note in " ".join(customers.notes)
    assert len(customers.column_names) == len(customers.header) == len(expected.first)
    assert len({name.casefold() for name in customers.column_names}) == len(
        customers.header
    )


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_a_file_that_cannot_be_read_by_name(name: str, tmp_path: Path) -> None:
    content, expected = REFUSED[name]
    path = write(tmp_path / "shop.csv", content)

    message = refusal(path)

    assert expected.sentence in message
    assert str(path) in message
    assert len(message) < 3000


def test_reads_the_published_file_whole() -> None:
    customers = inspect(SEED)

    assert len(read(customers)) == 200
    assert customers.notes == ()
    assert not customers.copies


def test_cells_beyond_the_header_are_kept_apart(tmp_path: Path) -> None:
    content, _ = ACCEPTED["one_long_row"]

    rows = read(inspect(write(tmp_path / "shop.csv", content)))

    assert [row[-1] for row in rows] == [None, None, None, None, "9"]


def test_names_are_made_unique_without_touching_those_that_are(tmp_path: Path) -> None:
    header = f"{HEADER},,x,X,x,source_row"

    customers = inspect(write(tmp_path / "a.csv", table(header, ["1,F,20,15,39"])))

    assert customers.column_names == (
        *HEADER.split(","),
        "column_6",
        "x",
        "X (2)",
        "x (3)",
        "source_row (2)",
    )


def test_a_million_rows_are_inspected_and_read(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select i as id, 'F' as sex, 18 + i % 50 as age, i % 90 as income, "
            f"1 + i % 100 as score from range(1000000) t(i)) to '{tmp_path}/big.csv'"
        )

    customers = inspect(tmp_path / "big.csv")

    with duckdb.connect() as connection:
        counted = connection.execute(
            f"select count(*), count(surplus_cells) from {customers.relation}"
        ).fetchall()
    assert counted == [(1_000_000, 0)]


def test_a_byte_that_is_no_utf_8_is_found_at_the_end_of_a_large_file(
    tmp_path: Path,
) -> None:
    rows = [f"{number},Male,19,15,39" for number in range(100_000)]
    content = table(rows=rows).encode() + b"x\xe9,Male,19,15,39\n"

    rows_read = read(inspect(write(tmp_path / "shop.csv", content)))

    assert len(rows_read) == 100_001
    assert rows_read[-1][0] == "xé"


@pytest.mark.parametrize("n_bytes_before", [2**18 - 1, 2**18, 2**20 - 1])
def test_a_letter_of_two_bytes_may_be_anywhere(
    tmp_path: Path, n_bytes_before: int
) -> None:
    lines = table(rows=ROWS * 20_000).encode()
    content = lines[:n_bytes_before] + "é".encode() + lines[n_bytes_before:]
    whole = write(tmp_path / "whole.csv", content)
    broken = write(tmp_path / "broken.csv", content.replace(b"\xc3\xa9", b"\xc3"))

    forms = [inspect_csv(path, SETTINGS, source="it") for path in (whole, broken)]

    assert [form.encoding for form in forms] == ["utf-8", "cp1252"]


def test_a_copy_has_no_name_and_is_gone_with_what_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "shop.csv", table().encode("utf-16"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    customers = inspect(path)

    assert customers.copies
    assert len(read(customers)) == 4
    assert [*(tmp_path / "temporary").iterdir()] == []
    for copy in customers.copies:
        copy.file.close()
    with pytest.raises(duckdb.IOException):
        read(customers)


def test_a_file_changed_within_its_time_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", table().encode("utf-16"))
    os.utime(path, ns=(1, 1))
    inspect(path)
    write(path, table(rows=ROWS[:2]).encode("utf-16"))
    os.utime(path, ns=(1, 1))

    assert len(read(inspect(path))) == 2


def test_a_glob_reads_all_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", table(rows=ROWS[2:]))
    write(tmp_path / "a.csv", table(rows=ROWS[:2]))
    (tmp_path / "folder.csv").mkdir()

    customers = inspect(str(tmp_path / "*.csv"))

    assert [row[0] for row in read(customers)] == ["1", "2", "3", "4"]


def test_a_glob_goes_into_folders(tmp_path: Path) -> None:
    (tmp_path / "2024" / "01").mkdir(parents=True)
    write(tmp_path / "2024" / "01" / "a.csv", table())

    assert len(read(inspect(str(tmp_path / "**" / "*.csv")))) == 4


def test_files_of_one_glob_may_be_written_differently(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "\ufeff" + table(end="\r\n"))
    write(tmp_path / "b.csv", semicolons(table()))
    write(tmp_path / "c.csv", table().encode("utf-16"))
    write(tmp_path / "d.csv", "# comment\n" + table())
    write(tmp_path / "e.csv", HEADER)

    customers = inspect(str(tmp_path / "*.csv"))

    assert len(read(customers)) == 16
    assert any("c.csv': Read as utf-16" in note for note in customers.notes)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("id,gender,age,income,score", "different headers: 'CustomerID', 'Gender'"),
        (HEADER + ",x", "have different headers: 'x' differs"),
        (
            "Gender,CustomerID,Age,Annual Income (k$),Spending Score (1-100)",
            "have different headers: the order differs",
        ),
    ],
)
def test_files_of_one_glob_must_share_their_header(
    other: str, sentence: str, tmp_path: Path
) -> None:
    write(tmp_path / "a.csv", table())
    write(tmp_path / "b.csv", table(other))

    message = refusal(str(tmp_path / "*.csv"))

    assert sentence in message
    assert "a.csv" in message
    assert "b.csv" in message


def test_csv_and_parquet_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", table())
    parquet(tmp_path / "b.parquet", "1 as id")

    message = refusal(str(tmp_path / "*"))

    assert "a.csv' is CSV and" in message
    assert "b.parquet' is Parquet" in message


def parquet(path: Path, columns: str, n_rows: int = 4) -> Path:
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {columns} from range({n_rows})) to '{path}' (format parquet)"
        )
    return path


PARQUET = "1 as id, 'F' as gender, 20 as age, 15.5 as income, 39 as score"


def test_reads_parquet_with_its_types(tmp_path: Path) -> None:
    customers = inspect(parquet(tmp_path / "shop.parquet", PARQUET))

    rows = read(customers)
    assert len(rows) == 4
    assert [type(cell) for cell in rows[0][:3]] == [int, str, int]
    assert customers.surplus_column is None
    assert customers.columns["annual_income_kusd"].kind == "number"
    assert customers.columns["age_years"].kind == "whole"


def test_knows_parquet_whatever_its_name(tmp_path: Path) -> None:
    assert len(read(inspect(parquet(tmp_path / "shop.csv", PARQUET)))) == 4


def test_reads_many_parquet_files(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", PARQUET)
    parquet(tmp_path / "b.parquet", PARQUET.replace("1 as id", "'x' as id"))

    rows = read(inspect(str(tmp_path / "*.parquet")))

    assert sorted({row[0] for row in rows}) == ["1", "x"]


@pytest.mark.parametrize(
    ("columns", "n_rows", "sentence"),
    [
        (PARQUET, 0, "has columns but no rows"),
        ("1 as id, 2 as age", 4, "recognised as annual_income_kusd, spending_score"),
        (
            PARQUET.replace("20 as age", "[20] as age"),
            4,
            "the column 'age', read as age_years, is of type 'INTEGER[]'",
        ),
        (
            PARQUET.replace("1 as id", "{'a': 1} as id"),
            4,
            "it must be a number or text",
        ),
    ],
)
def test_refuses_parquet_that_cannot_be_used(
    columns: str, n_rows: int, sentence: str, tmp_path: Path
) -> None:
    assert sentence in refusal(parquet(tmp_path / "shop.parquet", columns, n_rows))


def test_parquet_files_must_share_their_columns(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", PARQUET)
    parquet(tmp_path / "b.parquet", PARQUET + ", 1 as x")

    assert "different headers: 'x' differs" in refusal(str(tmp_path / "*.parquet"))


@pytest.mark.parametrize(
    "name",
    ["a[1].csv", "a*.csv", "a?.csv", "it's.csv", "a {1,2}.csv", "ä.csv", "a\\b.csv"],
)
def test_a_name_with_signs_of_patterns_names_one_file(
    name: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, table(rows=ROWS[:1]))
    write(tmp_path / "a1.csv", table())

    assert len(read(inspect(path))) == 1


def test_refuses_paths_that_name_no_file(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "gone.csv")
    os.mkfifo(tmp_path / "pipe.csv")

    sentences = {
        tmp_path / "absent.csv": "no such file (seen from ",
        tmp_path / "*.txt": "no file fits the pattern (seen from ",
        tmp_path: "is a folder. To read the files in it",
        tmp_path / "link.csv": "is no regular file, or a broken link",
        tmp_path / "pipe.csv": "is no regular file",
        tmp_path / ("x" * 300): "cannot be read: File name too long",
        "s3://bucket/shop.csv": "is a remote address",
        "https://example.com/shop.csv": "is a remote address",
        "": "is a folder",
        "a\0b.csv": "no such file",
    }

    for path, sentence in sentences.items():
        assert sentence in refusal(path)


def test_a_home_folder_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "shop.csv", table())

    assert len(read(inspect("~/shop.csv"))) == 4


def test_a_relative_path_is_read_from_any_folder_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "shop.csv", table())
    monkeypatch.chdir(tmp_path)
    customers = inspect("shop.csv")
    monkeypatch.chdir("/")

    assert len(read(customers)) == 4


def test_refuses_a_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "shop.csv", table())

    # The superuser may read anything, so permissions alone would prove nothing here.
    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbid)

    assert "cannot be read: Permission denied" in refusal(path)


def test_a_header_of_many_megabytes_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "x" * (2**24 + 10))

    assert "the first line is longer than 16 MB" in refusal(path)


def test_a_line_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mall_segments.intake.csv_files._LONGEST_LINE", 2**21)
    content, _ = ACCEPTED["a_cell_of_three_megabytes"]

    message = refusal(write(tmp_path / "shop.csv", content))

    assert "Maximum line size of 2097152 bytes exceeded" in message


def test_tells_how_a_file_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", '# "x"\n' + table().replace(",", ";"))

    file = inspect_csv(path, SETTINGS, source="shop.csv")

    assert (file.encoding, file.delimiter, file.is_gzip) == ("utf-8", ";", False)
    assert (file.n_lines_before_header, file.has_quotes) == (1, True)
    assert file.rows[0] == tuple(HEADER.split(","))
    assert file.is_plain


def test_a_feature_without_any_value_is_refused(tmp_path: Path) -> None:
    rows = [f"{place},f,,{place},{place}" for place in range(1, 31)]
    path = write(tmp_path / "shop.csv", table(HEADER, rows))

    with pytest.raises(InputError, match=r"'Age', read as .*holds no value in 30 rows"):
        inspect(path)


def test_more_columns_than_are_read_are_refused(tmp_path: Path) -> None:
    more = [f"c{number}" for number in range(10_000)]
    header = ",".join([HEADER, *more])
    path = write(tmp_path / "shop.csv", table(header, ROWS))

    with pytest.raises(InputError, match="columns; at most 10,000 are read"):
        inspect(path)
