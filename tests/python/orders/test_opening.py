import gzip
import json

import duckdb
import pytest
import xlsxwriter

from mall_segments.errors import InputError
from mall_segments.intake.functions import FUNCTIONS
from mall_segments.orders.opening import open_orders
from mall_segments.settings import parse_settings

HEADER = "customer,order,date,amount"


def settings(**orders):
    return parse_settings(
        {
            "features": [{"name": "score"}],
            "segmentations": [{"name": "s", "features": ["score"]}],
            "numbers": orders.pop("numbers", {}),
            "orders": orders,
        }
    )


def opened(path, **orders):
    with duckdb.connect() as connection:
        return open_orders(connection, str(path), settings(**orders))


def written(folder, *dates, amount="12.50", header=HEADER, name="orders.csv"):
    lines = [header, *(f"C{at},O{at},{date},{amount}" for at, date in enumerate(dates))]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2010-12-09", "2010-12-09 20:01:00", "2010-12-09T20:01:00"], "iso"),
        (["13/4/2010 8:26", "3/4/2010 18:26"], "day_first"),
        (["13.4.10", "3.4.10"], "day_first"),
        (["4/13/2010", "4/3/2010"], "month_first"),
        (["20101209", "20091201"], "compact"),
    ],
)
def test_tells_how_dates_are_written(tmp_path, dates, expected):
    assert opened(written(tmp_path, *dates)).date_format == expected


def test_looks_at_all_dates_before_it_calls_them_ambiguous(tmp_path):
    path = written(tmp_path, *["03/04/2010"] * 30_000, "25/04/2010")

    assert opened(path).date_format == "day_first"


def test_refuses_dates_that_could_be_both_and_obeys_the_setting(tmp_path):
    path = written(tmp_path, "03/04/2010", "12/11/2010")

    with pytest.raises(InputError, match=r"column 'date'.*'03/04/2010'.*day_first"):
        opened(path)
    assert opened(path, day_first=True).date_format == "day_first"
    assert opened(path, day_first=False).date_format == "month_first"


def test_refuses_a_setting_that_the_dates_contradict(tmp_path):
    path = written(tmp_path, "04/25/2010")

    with pytest.raises(InputError, match=r"day_first` is true, but .* up to 25"):
        opened(path, day_first=True)


def test_refuses_dates_written_in_both_ways(tmp_path):
    with pytest.raises(InputError, match=r"largest first number is 25 .* is 31"):
        opened(written(tmp_path, "25/04/2010", "04/31/2010"))


def test_refuses_a_column_without_a_date(tmp_path):
    with pytest.raises(InputError, match=r"'date' is a date .*'soon', 'later'"):
        opened(written(tmp_path, "soon", "later"))


def test_refuses_times_that_no_engine_reads(tmp_path):
    with pytest.raises(InputError, match=r"is a date .*'4/13/2010 8:26 PM'.* Allowed"):
        opened(written(tmp_path, "4/13/2010 8:26 PM", "4/14/2010 8:26 AM"))


def test_refuses_a_column_without_a_number(tmp_path):
    path = written(tmp_path, "2010-12-09", amount="much")

    with pytest.raises(InputError, match=r"'amount' is a number: 'much'"):
        opened(path)


def test_reads_types_of_parquet(tmp_path):
    path = tmp_path / "orders.parquet"
    duckdb.sql(
        'COPY (SELECT 17850.0 AS "Customer ID", 1 AS Invoice, 2.5::DOUBLE AS Amount, '
        f"'2010-12-09 20:00+02'::TIMESTAMPTZ AS \"InvoiceDate\") TO '{path}'"
    )

    found = opened(path)

    assert found.columns == {
        "customer_id": "float",
        "order_id": "integer",
        "ordered_at": "moment",
        "amount": "float",
    }
    moment = duckdb.sql(f"SELECT ordered_at::varchar FROM {found.relation}").fetchall()
    assert moment == [("2010-12-09 18:00:00",)]


def amounts(path, **orders):
    found = opened(path, **orders)
    number = found.numbers["amount"]
    return [
        row[0]
        for row in duckdb.sql(f"SELECT {number} FROM {found.relation}").fetchall()
    ]


def test_reads_each_delimiter_and_quoted_cells(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text('Kunde;Datum;Betrag\n"Ohm; Söhne";2010-12-09;"1,5"\n')

    found = opened(path)

    rows = duckdb.sql(f"SELECT customer_id, amount FROM {found.relation}").fetchall()
    assert rows == [("Ohm; Söhne", "1,5")]
    assert amounts(path) == amounts(path, numbers={"decimal": ","}) == [1.5]


@pytest.mark.parametrize(
    ("written_as", "expected"),
    [
        (["12.50", "-3", "much", ""], [12.5, -3, None, None]),
        (["1,234.50", "99.90"], [1234.5, 99.9]),
        (["1.234,50 €", "-3,00 €", "99,90 €"], [1234.5, -3, 99.9]),
        (["$1,234.50", "($20.00)", "-$5.00"], [1234.5, -20, -5]),
        (["1 234,50", "1\u202f000,00"], [1234.5, 1000]),
        (["£1.2k", "£300"], [1200, 300]),
    ],
)
def test_reads_money_as_the_numbers_of_customers(tmp_path, written_as, expected):
    path = tmp_path / "orders.csv"
    lines = [f'C{at};2010-12-09;"{cell}"' for at, cell in enumerate(written_as)]
    path.write_text("\n".join(["customer;date;amount", *lines]), encoding="utf-8")

    assert amounts(path) == expected


def test_says_how_it_reads_what_may_surprise(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer;date;amount\nA;31/12/2010;1.234,50\nB;1/12/2010;7,00")

    numbers, dates = opened(path).notes

    assert "numbers of 'amount' are read with decimal ',', thousands '.'" in numbers
    assert "dates of 'date' are read with the day first" in dates


def test_refuses_money_written_in_two_ways_or_that_may_be_either(tmp_path):
    path = tmp_path / "orders.csv"
    header = "customer;date;amount\nA;2010-12-09;"
    path.write_text(header + "12,50\nB;2010-12-09;12.50")
    with pytest.raises(InputError, match=r"'amount' mixes two ways .*'12,50'"):
        opened(path)

    path.write_text(header + "1.234\nB;2010-12-09;2.345")
    with pytest.raises(InputError, match=r"'2.345' may be 2.345 or 2345|'1.234' may"):
        opened(path)
    assert amounts(path, numbers={"thousands": "."}) == [1234, 2345]
    assert amounts(path, numbers={"decimal": "."}) == [1.234, 2.345]


def test_reads_short_and_long_rows_line_breaks_in_cells_and_other_encodings(tmp_path):
    path = tmp_path / "orders.csv"
    lines = ["Kunde,Datum,Betrag,Text", 'Ä,2010-12-09,1,"a\nb"', "B,2010-12-09,2"]
    path.write_bytes("\n".join([*lines, "C,2010-12-09,3,a,b,c"]).encode("latin-1"))

    found = opened(path)

    rows = duckdb.sql(f"SELECT customer_id, amount FROM {found.relation}").fetchall()
    assert rows == [("Ä", "1"), ("B", "2"), ("C", "3")]


def test_refuses_files_that_do_not_belong_together(tmp_path):
    written(tmp_path, "2010-12-09", name="a.csv")
    written(tmp_path, "2010-12-09", name="b.csv", header="customer,date,order,amount")

    with pytest.raises(InputError, match=r"a\.csv' and .*b\.csv' have different"):
        opened(tmp_path / "*.csv")


def test_refuses_what_is_no_file_of_orders(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "orders.xlsx").write_text("x")
    bare = written(tmp_path, name="bare.csv")
    whole = gzip.compress(written(tmp_path, *["2010-12-09"] * 99).read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])

    for path, said in (
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "orders.xlsx", r"orders\.xlsx"),
        (tmp_path / "empty.csv", "empty.csv"),
        (bare, "only a header"),
        (tmp_path / "cut.csv.gz", "cut off or damaged"),
    ):
        with pytest.raises(InputError, match=said):
            opened(path)


def test_reads_a_workbook(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "orders.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        sheet.write_row(1, 0, ["C1", "O1", "2010-12-09", 12.5])

    found = opened(tmp_path / "orders.xlsx")

    rows = duckdb.sql(f"SELECT * FROM {found.relation}").fetchall()
    assert rows == [("C1", "O1", "2010-12-09", "12.5")]


def test_a_file_named_like_a_pattern_is_that_file(tmp_path):
    written(tmp_path, "2010-12-09", "2010-12-10", name="orders1.csv")
    found = opened(written(tmp_path, "2010-12-09", name="orders[1].csv"))

    assert duckdb.sql(f"SELECT count(*) FROM {found.relation}").fetchall() == [(1,)]


def test_the_function_answers_with_the_refusal():
    answer = FUNCTIONS["mall_segments_orders"](
        '{"settings": {"features": [{"name": "score"}], "orders_path": "none.csv", '
        '"segmentations": [{"name": "s", "features": ["score"]}]}}'
    )

    assert "'none.csv': no such file" in json.loads(answer)["error"]


def test_the_function_recognises_columns_for_an_engine_that_reads_itself():
    answer = FUNCTIONS["mall_segments_orders"](
        '{"settings": "{features: [{name: score}], orders: {day_first: true}, '
        'segmentations: [{name: s, features: [score]}]}", "relation": "files", '
        '"header": {"Client": "text", "Date": "text", "Total": "float"}}'
    )

    assert (
        "(select `Client` as customer_id, `Date` as ordered_at, `Total` as amount "
        "from files)" in answer
    )
    assert '"date_format": "day_first"' in answer
