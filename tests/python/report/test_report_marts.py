"""Numbers as they are written, and where each says it comes from."""

import re
from decimal import Decimal

import duckdb
import pytest

from mall_segments.report.marts import Marts, Row


def row(value: object) -> Row:
    return Row("table", {"id": 1}, {"n": value})


def written(figure: str) -> str:
    return re.sub("<[^>]*>", "", figure)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1234567, "1,234,567"), (0, "0"), (None, "\N{EN DASH}"), (10**20, f"{10**20:,}")],
)
def test_counts_are_grouped_by_thousands(value: object, expected: str) -> None:
    assert written(row(value).count("n")) == expected


def test_shares_are_written_in_percent() -> None:
    assert written(row(0.405).percent("n")) == "40.5 %"
    assert written(row(0.405).percent("n", digits=2)) == "40.50 %"


def test_differences_have_a_sign_that_is_not_a_hyphen() -> None:
    assert written(row(1.255).signed("n")) == "+1.25"
    assert written(row(-1.26).signed("n")) == "\N{MINUS SIGN}1.26"
    assert written(row(-0.001).signed("n")) == "+0.00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (55.296, "55.3"),
        (0.0123456, "0.0123"),
        (1234.5, "1,234"),
        (70.0, "70"),
        (-1e-12, "0"),
    ],
)
def test_values_show_three_digits(value: float, expected: str) -> None:
    assert written(row(value).value("n")) == expected


def test_a_figure_holds_the_whole_number() -> None:
    assert 'value="0.4050000000000001"' in row(0.4050000000000001).percent("n")


def test_texts_and_sources_are_escaped() -> None:
    hostile = Row("table", {"name": '"><b>'}, {"n": "<script>"})
    assert "&lt;script&gt;" in hostile.text("n")
    assert "<" not in hostile.source
    assert hostile.source.count('"') == 4


@pytest.fixture
def marts() -> Marts:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE sizes AS FROM (VALUES ('a', 1, 2::DECIMAL(9, 1)), "
        "('a', 2, 'nan'::DOUBLE), (NULL, 3, 4)) AS rows (name, n, share)"
    )
    return Marts(connection)


def test_rows_come_in_the_order_of_their_key(marts: Marts) -> None:
    rows = marts.rows("sizes", "name", "n", where={"name": "a"})
    assert [found["n"] for found in rows] == [1, 2]
    assert rows[0].key == {"name": "a", "n": 1}


def test_totals_are_rows_of_a_query(marts: Marts) -> None:
    query = "(SELECT name, sum(n) AS n FROM sizes GROUP BY name)"
    (total,) = marts.rows(query, where={"name": "a"})
    assert total["n"] == 3
    assert total.mart == query
    assert total.key == {"name": "a"}


def test_decimals_are_numbers_and_what_is_none_is_missing(marts: Marts) -> None:
    shares = [found["share"] for found in marts.rows("sizes", "n")]
    assert shares == [2.0, None, 4.0]
    assert not any(isinstance(share, Decimal) for share in shares)
