"""The build's models run without dbt, and mean what they mean there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from reference_model import model_content, write_reference_model

from mall_segments.errors import ModelError
from mall_segments.scoring import build_sql
from mall_segments.scoring.build_sql import create_models
from mall_segments.scoring.model_settings import find_segmentation, project_vars

if TYPE_CHECKING:
    from pathlib import Path

RECOGNISED = {
    "customer_id": "CustomerID",
    "gender": "Gender",
    "age_years": "Age",
    "annual_income_kusd": "Income",
    "spending_score": "Score",
}
CHECKING = (
    "stg_mall__customers",
    "int_duplicate_customer_ids",
    "int_customers_checked",
)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, Any]:
    content = model_content()
    content["gender"]["female"].append("la d'Arc")
    model = write_reference_model(tmp_path / "model.json", content)
    return project_vars(model, find_segmentation(model, None), missing_values="impute")


def checked(variables: dict[str, Any], rows: list[tuple[Any, ...]]) -> dict[int, Any]:
    """Return the checked rows of a customer file of texts, by row number."""
    with duckdb.connect() as connection:
        connection.execute("""
            create schema build;
            create table build.base_mall__customers (
                source_row bigint, "CustomerID" varchar, "Gender" varchar,
                "Age" varchar, "Income" varchar, "Score" varchar
            )
        """)
        connection.executemany(
            "insert into build.base_mall__customers values ($1, $2, $3, $4, $5, $6)",
            [(number, *row) for number, row in enumerate(rows, start=1)],
        )
        create_models(
            connection,
            CHECKING,
            kind="view",
            schema="build",
            shared={},
            settings=variables,
            recognised=RECOGNISED,
        )
        found = connection.execute("""
            select source_row, customer_id, gender, age_years, rejection_reasons
            from build.int_customers_checked
            order by source_row
        """).fetchall()
    return {row[0]: row[1:] for row in found}


def test_reads_cells_as_the_build_does(variables: dict[str, Any]) -> None:
    rows = checked(
        variables,
        [
            (" 0001 ", "F", "19", "1,500.00", "39"),
            ("2", "LA D'ARC", "19", "15", "39"),
            ("3", "x", " ? ", "15", "39"),
            ("4", "male", "old", "15", "101"),
            ("n/a", "m", "19", "15", "39"),
        ],
    )

    assert rows[1] == ("0001", "female", 19, "annual_income_kusd: above 1000")
    assert rows[2] == ("2", "female", 19, None)
    assert rows[3] == ("3", "unknown", None, None)
    assert rows[4] == (
        "4",
        "male",
        None,
        "age_years: not a number; spending_score: above 100",
    )
    assert rows[5][3] == "customer_id: missing"


def test_no_whole_number_is_a_missing_id_or_a_mark(variables: dict[str, Any]) -> None:
    """Scoring asks the build's SQL only about ids that are no whole number."""
    numbers = ["0", "-1", "1", "7", "007", "99", "999", "9999", "99999", "-999", "+5"]
    rows = checked(variables, [(number, "f", "19", "15", "39") for number in numbers])

    assert [reasons for *_, reasons in rows.values()] == [None] * len(numbers)


def test_names_an_installation_that_lacks_its_sql(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build_sql, "PACKAGED", tmp_path)
    with pytest.raises(ModelError, match="installation of mall-segments is incomplete"):
        checked(variables, [("1", "f", "19", "15", "39")])


def test_names_a_model_that_is_gone(
    variables: dict[str, Any],
) -> None:
    with (
        duckdb.connect() as connection,
        pytest.raises(ModelError, match=r"int_no_such_model\.sql is not in"),
    ):
        create_models(
            connection,
            ["int_no_such_model"],
            kind="view",
            schema="build",
            shared={},
            settings=variables,
            recognised=RECOGNISED,
        )
