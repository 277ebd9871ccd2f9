"""Numbers are read as they are written, and two readings are no reading."""

from __future__ import annotations

import duckdb
import pytest

from mall_segments.errors import InputError
from mall_segments.intake.number_formats import (
    PLAIN,
    NumberFormat,
    detect_number_format,
    id_sql,
    number_sql,
    text_sql,
)
from mall_segments.settings import Numbers


def detect(values: list[str], **options: object) -> tuple[NumberFormat, list[object]]:
    """Return the format found, and the numbers that its SQL reads."""
    with duckdb.connect() as connection:
        connection.execute("create table shop (income varchar)")
        connection.executemany(
            "insert into shop values (?)", [[value] for value in values]
        )
        form = detect_number_format(
            connection,
            "shop",
            '"income"',
            shown="'Income'",
            **options,  # type: ignore[arg-type]
        )
        rows = connection.execute(f"select {number_sql('income', form)} from shop")
        return form, [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["15,5", "17"], [15.5, 17]),
        (["15.000,00", "1.234.567,5", "9"], [15_000, 1_234_567.5, 9]),
        (["15 000", "16\u202f000", "17\xa0000", "900"], [15_000, 16_000, 17_000, 900]),
        (["1 234,5", "1 234,25"], [1234.5, 1234.25]),
        (["15'000", "1\u2019234.50"], [15_000, 1234.5]),
        (["150,000.00", "9.5"], [150_000, 9.5]),
        (["1,50,000.5", "15,000.5"], [150_000.5, 15_000.5]),
        (["$15.5", "-$3", "($4.25)", "5 USD"], [15.5, -3, -4.25, 5]),
        (["€ 15.000,50", "15 EUR", "-€3"], [15_000.5, 15, -3]),
        (["R$ 1.234,50", "R$ 900"], [1234.5, 900]),
        (["Rp 1.500,5", "Rp. 2"], [1500.5, 2]),
        (["1 500,5 zł", "2 PLN"], [1500.5, 2]),
        (["15k", "16.5k", "900"], [15_000, 16_500, 900]),
        (["15k€", "$1.2M"][:1], [15_000]),
        (["39%", "40 %"], [39, 40]),
        (["(15)", "4-", "\u22125", "- 6", "+7"], [-15, -4, -5, -6, 7]),
        (["15\u200b", "\ufeff16", "\xa017\t"], [15, 16, 17]),
        (["1_000", "inf", "1e999", "NaN", "15"], [None, None, None, None, 15]),
        (["1,5E+3", "2,5"], [1500, 2.5]),
        (["(15", "15)", "1.2.3", "€", "k", "15,5"], [None] * 5 + [15.5]),
    ],
)
def test_reads_numbers_as_the_world_writes_them(
    values: list[str], numbers: list[float | None]
) -> None:
    form, found = detect(values, delimiter=";")

    assert found == numbers
    assert form != PLAIN


@pytest.mark.parametrize(
    "values",
    [
        ["15", "16.5", "-3", "+4", "1e5", ".5", "5."],
        ["", "n/a", "?", "15"],
        ["abc", "15"],
        ["0.845", "15.123"],
        ["1234.567", "9.845"],
        ["9.845", "5678", "2.500"],
    ],
)
def test_clean_numbers_cost_a_cast(values: list[str]) -> None:
    form, _ = detect(values, delimiter=";")

    assert form == PLAIN
    assert number_sql("income", form) == "try_cast(income as double)"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", ""])
def test_three_digits_after_a_point_may_be_thousands(delimiter: str) -> None:
    values = ["9.845", "555", "12.289"]

    with pytest.raises(InputError, match=r"'12.289' may be 12289 or 12.289") as caught:
        detect(values, delimiter=delimiter)
    _, by_point = detect(values, numbers=Numbers(decimal=","))
    _, by_comma = detect(values, numbers=Numbers(decimal=".", thousands="none"))

    assert '`numbers: {decimal: ",", thousands: "."}`' in str(caught.value)
    assert by_point == [9845, 555, 12_289]
    assert by_comma == [9.845, 555, 12.289]


def test_a_comma_is_no_decimal_where_commas_separate_cells() -> None:
    _, numbers = detect(["15,000", "16,000"], delimiter=",")

    assert numbers == [15_000, 16_000]
    with pytest.raises(InputError, match=r"may be 15000 or 15\.000"):
        detect(["15,000", "15,000"], delimiter=";")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["15,5", "16.5", "17.5"], "mixes two ways of writing numbers"),
        (["€15", "$15"], "is in more than one currency: '$15' and '€15'"),
        (["39%", "0.4"], "holds '39%' and, without %, '0.4'"),
    ],
)
def test_refuses_a_column_that_mixes(values: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match="'Income'") as caught:
        detect(values)
    assert sentence in str(caught.value)


def test_a_k_is_the_unit_where_thousands_are_counted() -> None:
    _, numbers = detect(["15k", "16.5k"], in_thousands=True)

    assert numbers == [15, 16.5]
    with pytest.raises(InputError, match="without k, '900'"):
        detect(["15k", "900"], in_thousands=True)


def test_a_rare_mistake_is_no_second_way() -> None:
    _, numbers = detect(["15.5"] * 500 + ["16,5"])

    assert numbers[-1] is None


@pytest.mark.parametrize(
    ("cell", "identity"),
    [
        ("17850.0", "17850"),
        ("17850.00", "17850"),
        (" 17850\t", "17850"),
        ("0001", "0001"),
        ("1.50", "1.50"),
        ("c001", "c001"),
        ("C001.0", "C001.0"),
        ("n/a", None),
        (" ", None),
    ],
)
def test_one_rule_makes_an_id_of_a_cell(cell: str, identity: str | None) -> None:
    found = duckdb.execute(f"select {id_sql('cell')} from (select $1 as cell)", [cell])

    assert found.fetchall() == [(identity,)]


def test_text_is_trimmed_of_all_that_prints_nothing() -> None:
    cell = "\ufeff \xa0\tMüller & Söhne\u200b \r\n"

    found = duckdb.execute(
        f"select {text_sql('cell')} from (select $1 as cell)", [cell]
    )

    assert found.fetchall() == [("Müller & Söhne",)]
