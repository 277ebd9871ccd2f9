"""Files that people published, and those of bug reports, are read as agreed.

They stand beside the project, not in it; where they do not, nothing is tested here.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from mall_segments.errors import InputError
from mall_segments.intake.functions import preflight
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.settings import parse_settings

PROJECT = Path(__file__).parents[3]
SHARED = PROJECT.parent / "shared"
if not SHARED.exists():
    SHARED = PROJECT.parents[1] / "shared"
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
SETTINGS = parse_settings(VARS)

pytestmark = pytest.mark.skipif(
    not SHARED.exists(), reason="the published files stand beside the project"
)


def variants() -> list[dict[str, str]]:
    index = SHARED / "variants" / "INDEX.tsv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter="\t"))


def opened(path: Path, **options: Any) -> OpenedCustomers:
    with duckdb.connect() as connection:
        return open_customers(connection, path, SETTINGS, **options)


@pytest.mark.parametrize("variant", variants(), ids=lambda variant: variant["file"])
def test_a_published_file_is_read_or_refused_as_agreed(
    variant: dict[str, str],
) -> None:
    path = SHARED / "variants" / variant["file"]

    # The two that may be either are read: comments are skipped, extra columns left.
    if variant["expected_outcome"].startswith("reject file"):
        with pytest.raises(InputError, match=variant["file"]):
            opened(path)
        return
    customers = opened(path)
    counted = duckdb.execute(f"select count(*) from {customers.relation}").fetchall()
    assert counted == [(int(variant["rows"]),)]


def case(name: str) -> Path:
    (folder,) = (SHARED / "cases").glob(f"{name}-*")
    return folder


def asked(name: str) -> str:
    """Return what the preflight of a case answers, as JSON."""
    folder = case(name)
    (path,) = [*folder.glob("customers.*")]
    changes = {}
    if (folder / "vars.yml").exists():
        text = (folder / "vars.yml").read_text("utf-8")
        changes = yaml.safe_load(text.replace("@D", str(folder)))
    settings = {**VARS, "customers_path": str(path), **changes}
    try:
        return json.dumps(preflight({"settings": settings}))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("01", "No gender column: gender is unknown for every customer."),
        ("02", "are read with decimal ',', thousands none"),
        ("05", "says another unit: annual_income_kusd counts thousands"),
        ("07", "says another unit: annual_income_kusd counts thousands"),
        ("08", "says another unit: annual_income_kusd counts thousands"),
        ("14", '"notes": []'),
        ("24", "Is it 'column_1'?"),
        ("31", "200 of 200 values of 'Gender' are unknown ('1', '0'): declare them"),
        ("45", "the column 'Age', read as age_years, is of type 'TIMESTAMP'"),
        ("50", "nothing in the column decides"),
        ("51", '"notes": ['),
        ("62", "Divide them by 1,000"),
        ("63", "looks like orders: 300 rows have 40 ids in 'CustomerID'"),
    ],
)
def test_a_reported_file_is_read_or_named(name: str, sentence: str) -> None:
    assert sentence in asked(name)


def test_only_the_columns_of_a_segmentation_are_needed_to_score() -> None:
    customers = opened(
        case("70") / "customers.csv",
        required=["annual_income_kusd", "spending_score"],
        is_sealed=True,
    )

    assert set(customers.columns) >= {"annual_income_kusd", "spending_score"}


@pytest.mark.parametrize(
    "name",
    [
        "age_first",
        "cr_with_some_crlf",
        "crlf_with_some_lf",
        "income_first",
        "lf_with_some_cr",
    ],
)
def test_mixed_line_ends_change_no_value(name: str) -> None:
    path = case("80") / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as text:
        expected = [tuple(row) for row in list(csv.reader(text))[1:] if row]

    customers = opened(path)

    rows = duckdb.execute(f"select * from {customers.relation}").fetchall()
    assert [row[:-1] for row in rows] == expected


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("date_income", "is of type 'TIMESTAMP'; it must be a number or text"),
        ("fuzz08", "is of type 'BOOLEAN'; it must be a number or text"),
        ("fuzz39", "cannot be read: 'Invalid Input Error: Failed to read file"),
    ],
)
def test_parquet_that_cannot_be_read_is_named(name: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(case("81") / f"{name}.parquet")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_column_of_a_file_is_special() -> None:
    customers = opened(case("81") / "evil_cols.parquet")

    assert customers.header[7] == "source_row"
    assert customers.column_names[7] == "source_row (2)"
    rows = duckdb.execute(
        f"select {customers.source_row} as source_row, * from {customers.relation}"
    ).fetchall()
    assert [row[0] for row in rows] == list(range(1, 201))
    assert rows[0][8:] == ("=1+1",) * 6
