"""Text of any encoding and sheets of any workbook are read as UTF-8 CSV would be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
import yaml

from mall_segments.errors import InputError
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.settings import Numbers, parse_settings

PROJECT = Path(__file__).parents[3]
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
KADIN = "Kad\u0131n"
FOREIGN = parse_settings(
    {
        **VARS,
        "customer_id": {
            "aliases": ["ID", "客户编号", "顧客番号", "Müşteri No", "Číslo"]
        },
        "gender": {
            "aliases": ["性别", "性別", "Cinsiyet", "Genre", "Género", "Gender"],
            "female": ["女", "女性", KADIN, "Femme", "f"],
            "male": ["男", "男性", "Erkek", "Homme", "m"],
        },
    }
).of_customer_files()
HEADER = "ID,Gender,Age,Income,Score"


def opened(path: Path, **options: Any) -> OpenedCustomers:
    with duckdb.connect() as connection:
        return open_customers(connection, path, FOREIGN.model_copy(update=options))


def genders(customers: OpenedCustomers) -> set[str]:
    column = customers.columns["gender"].text_sql
    rows = duckdb.execute(f"select distinct {column} from {customers.relation}")
    return {row[0] for row in rows.fetchall()}


def table(header: str, first: str, second: str) -> str:
    rows = [
        f"{place},{first if place % 2 else second},{20 + place},{place},{place}"
        for place in range(1, 41)
    ]
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("encoding", "text", "found"),
    [
        ("gb18030", table("客户编号,性别,Age,Income,Score", "男", "女"), {"男", "女"}),
        ("gb18030", table(HEADER, "男", "女"), {"男", "女"}),
        (
            "cp932",
            table("顧客番号,性別,Age,Income,Score", "男性", "女性"),
            {"男性", "女性"},
        ),
        (
            "cp1254",
            table("Müşteri No,Cinsiyet,Age,Income,Score", KADIN, "Erkek"),
            {KADIN, "Erkek"},
        ),
        ("cp1252", table("ID,Género,Edad,Income,Score", "f", "niña"), {"f", "niña"}),
        ("gb18030", table(HEADER, "张伟", "王芳"), {"张伟", "王芳"}),
        *(
            (encoding, table(HEADER, first, second), {first, second})
            for encoding, first, second in (
                ("cp1252", "Ångström", "Größe"),
                ("cp1252", "Muñoz", "João"),
                ("cp1250", "Łukasz", "Żółć"),
                ("cp1250", "Dvořák", "Jiří"),
                ("cp1254", "İstanbul", "Çağlar"),
                ("cp1257", "Šarūnas", "Žemaitė"),
                ("gb18030", "王", "李"),
                ("cp949", "김민수", "김"),
                ("cp932", "田中", "鈴木"),
                ("big5", "陳大文", "王小明"),
            )
        ),
        ("utf-16", table(HEADER, "男", "é"), {"男", "é"}),
        ("iso8859-15", table(HEADER, "5 €", "f"), {"5 €", "f"}),
        ("iso8859-15", table(HEADER, "Besançon €", "œuvre"), {"Besançon €", "œuvre"}),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_an_encoding_is_found_by_what_the_text_says(
    encoding: str, text: str, found: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(text.encode(encoding))

    customers = opened(path)

    assert genders(customers) == found
    assert f"Read as {encoding}" in " ".join(customers.notes)


@pytest.mark.parametrize(
    ("encoding", "first", "second"),
    [
        ("cp1251", "мужской", "женский"),
        ("cp874", "สมชาย", "ก"),
    ],
)
def test_text_that_may_be_several_things_is_not_guessed_at(
    encoding: str, first: str, second: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(table(HEADER, first, second).encode(encoding))

    with pytest.raises(InputError, match=f"its encoding is not clear.*{encoding}"):
        opened(path)

    assert genders(opened(path, encoding=encoding)) == {first, second}


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("mac-roman", ["Mac Roman", "macroman", "macintosh", "mac-roman"]),
        ("iso8859-15", ["ISO 8859-15", "latin9", "iso_8859_15", "L9"]),
        ("cp850", ["IBM850", "cp850"]),
    ],
)
def test_what_nothing_in_a_text_tells_a_setting_names(
    codec: str, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(table(HEADER, "Orléans", "Besançon").encode(codec))

    for name in names:
        customers = opened(path, encoding=name)
        assert genders(customers) == {"Orléans", "Besançon"}
        assert f"Read as {codec}, since `encoding` says so." in customers.notes


@pytest.mark.parametrize("codec", ["mac-roman", "cp850"])
def test_it_is_among_those_that_a_refusal_names(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    towns = ["Orléans", "Besançon", "Sète", "Nîmes", "Köln", "Évreux", "Angoulême"]
    rows = [f"{n},{towns[n % 7]},{20 + n},{n},{n}" for n in range(1, 41)]
    path.write_bytes("\n".join([HEADER, *rows, ""]).encode(codec))

    with pytest.raises(InputError, match=f"its encoding is not clear.*{codec}"):
        opened(path)


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    """A sign alone may be a letter of another encoding."""
    path = tmp_path / "shop.csv"
    path.write_bytes(table(HEADER, "5 €", "f").encode("mac-roman"))

    assert (
        "Read as cp1252, since it is not UTF-8; `encoding` names another."
        in opened(path).notes
    )


@pytest.mark.parametrize("name", ["utf-16", "utf-32"])
def test_a_wide_encoding_begins_with_its_mark(name: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(table(HEADER, "f", "m"))

    with pytest.raises(InputError, match=f"is not the {name} that `encoding` says"):
        opened(path, encoding=name)


def test_zeros_are_as_good_as_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(table(HEADER, "f", "m").encode("utf-16-le"))

    assert genders(opened(path, encoding="utf-16")) == {"f", "m"}


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("klingon", "`encoding` is 'klingon', which is no encoding"),
        *(
            (name, f"`encoding` is '{name}', which is no encoding")
            for name in ("base64", "rot13", "zlib", "idna", "undefined")
        ),
        ("utf-8", "looks like utf-8 but breaks its rules"),
        ("ascii", "looks like ascii but breaks its rules"),
    ],
)
def test_a_wrong_encoding_is_named(
    encoding: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(table(HEADER, "niña", "f").encode("cp1252"))

    with pytest.raises(InputError) as caught:
        opened(path, encoding=encoding)
    assert sentence in str(caught.value)


def workbook(path: Path, *, title: bool = False, sheet: str = "Customers") -> Path:
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Notes").write(0, 0, "nothing")
        page = book.add_worksheet(sheet)
        above = 2 if title else 0
        if title:
            page.merge_range(0, 0, 0, 4, "Customers of 2026")
        page.write_row(above, 0, ["CustomerID", "Gender", "Age", "Income", "Score"])
        for place in range(30):
            page.write_row(above + 1 + place, 0, [17850 + place, "f", 20, 15.5, "39"])
        page.write(above + 1, 2, dt.date(2026, 1, 2).isoformat())
        if path.stem == "first":
            book.worksheets_objs.reverse()
    return path


def test_a_sheet_is_read_like_csv(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx", title=True)

    customers = opened(path, sheet="Customers")

    columns = customers.columns
    rows = duckdb.execute(
        f"select {columns['customer_id'].id_sql}, {columns['age_years'].number_sql}, "
        f"{columns['annual_income_kusd'].number_sql}, "
        f"{columns['spending_score'].number_sql} from {customers.relation}"
    ).fetchall()
    assert rows[:2] == [("17850", None, 15.5, 39.0), ("17851", 20.0, 15.5, 39.0)]
    assert len(rows) == 30
    assert customers.copies
    assert "Skipped 1 rows above the header." in customers.notes


@pytest.mark.parametrize(
    "numbers",
    [
        Numbers(decimal=",", thousands="."),
        Numbers(decimal=",", thousands="none"),
        Numbers(thousands="."),
    ],
)
def test_numbers_beside_text_with_commas_keep_their_values(
    tmp_path: Path, numbers: Numbers
) -> None:
    path = tmp_path / "shop.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, HEADER.split(","))
        for place in range(1, 31):
            income = 17.125 if place % 2 else "17,5"
            page.write_row(place, 0, [place, "f", 20, income, 50])

    customers = opened(path, numbers=numbers)

    column = customers.columns["annual_income_kusd"].number_sql
    rows = duckdb.execute(f"select distinct {column} from {customers.relation}")
    assert set(rows.fetchall()) == {(17.125,), (17.5,)}


def test_a_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx")

    with pytest.raises(InputError, match="has no sheet 'x'; it has 'Notes', 'Cust"):
        opened(path, sheet="x")
    with pytest.raises(InputError, match="is not CSV: its first line is one cell"):
        opened(path)


def test_an_empty_sheet_is_named_with_the_others(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Cover")
        book.add_worksheet("Data").write(0, 0, "ID")

    with pytest.raises(InputError, match="'Cover' is empty; `sheet` names another of"):
        opened(path)


def test_a_workbook_is_known_whatever_its_name_and_refused_cut_off(
    tmp_path: Path,
) -> None:
    path = workbook(tmp_path / "shop.csv")
    content = path.read_bytes()

    assert opened(path, sheet="Customers").copies
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is a zip archive or a workbook that is cut"):
        opened(path)


def test_numbers_of_a_file_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    rows = "\n".join(f"{place};f;20;1.{place};50" for place in range(100, 140))
    path.write_text(f"ID;Gender;Age;Income;Score\n{rows}\n", encoding="utf-8")

    with pytest.raises(InputError, match="nothing in the column decides"):
        opened(path)
    customers = opened(path, numbers=Numbers(decimal=".", thousands="none"))
    column = customers.columns["annual_income_kusd"].number_sql
    rows_read = duckdb.execute(f"select max({column}) from {customers.relation}")
    assert rows_read.fetchall() == [(1.139,)]
