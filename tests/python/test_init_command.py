"""`mall-segments init` writes settings that fit a shop's own file, with its reasons."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import xlsxwriter
import yaml
from click.testing import CliRunner, Result

from mall_segments.cli import main
from mall_segments.settings import Settings, parse_settings

N = 300


def shop() -> pd.DataFrame:
    """Make a table with a column of every kind that files of customers have."""
    random = np.random.default_rng(1)
    orders = random.poisson(4, N)
    return pd.DataFrame(
        {
            "Client Nr": [f"C{number:04d}" for number in range(N)],
            "Sex": random.choice(["F", "M"], N),
            "Annual Spend (€)": np.exp(random.normal(5, 1.6, N)).round(2),
            "Orders": orders,
            "Order lines": orders * 2,
            "Region": random.choice(["N", "S", "E", "W"], N),
            "Joined": pd.date_range("2020-01-01", periods=N).strftime("%d/%m/%Y"),
            "Notes": [f"note {number}" for number in range(N)],
            "zip": random.integers(10_000, 99_999, N),
            "Const": 3,
            "Empty": None,
            "row": range(1, N + 1),
            "balance": random.normal(0, 100, N).round(2),
            "churned": random.integers(0, 2, N),
            "Cluster": random.integers(0, 5, N),
            "median": random.normal(50, 10, N).round(),
        }
    )


def init(file: Path, output: Path, *arguments: object) -> Result:
    return CliRunner().invoke(
        main, ["init", str(file), "--output", str(output), *map(str, arguments)]
    )


def written(path: Path) -> Settings:
    return parse_settings(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_every_column_gets_the_use_that_fits_it(tmp_path: Path, kind: str) -> None:
    file, output = tmp_path / f"shop.{kind}", tmp_path / "segments.yml"
    if kind == "csv":
        shop().to_csv(file, index=False)
    elif kind == "parquet":
        shop().to_parquet(file, index=False)
    else:
        write_workbook(file, shop())

    result = init(file, output)

    assert result.exit_code == 0, result.output
    settings = written(output)
    assert settings.customers_path == str(file)
    assert settings.customer_id.aliases == ("Client Nr",)
    assert settings.gender is not None
    assert (settings.gender.female, settings.gender.male) == (("F",), ("M",))
    assert {feature.name: feature.type for feature in settings.features} == {
        "annual_spend": "number",
        "orders": "number",
        "order_lines": "number",
        "region": "category",
        "balance": "number",
        "churned": "category",
        "median_value": "number",
    }
    assert settings.feature("annual_spend").transform == "log"
    assert settings.feature("orders").transform == "none"
    assert settings.feature("balance").minimum is None
    (segmentation,) = settings.segmentations
    assert segmentation.name == "customers"
    assert segmentation.features == (
        "annual_spend",
        "orders",
        "balance",
        "median_value",
    )
    text = output.read_text()
    for reason in (
        "transform: log # its skewness is",
        "Not segmented by: it goes with 'Orders'",
        "#   zip: a code, which is no measure",
        "#   Const: every value is '3'",
        "#   Empty: it is empty",
        "#   Notes: texts of its own",
        "#   Joined: dates",
        "#   row: it numbers the rows",
        "#   Cluster: segments of an earlier analysis",
    ):
        assert reason in text
    lines = result.output.splitlines()
    assert lines[0].split()[:4] == ["Client", "Nr", "customer", "id"]
    assert lines[-1] == f"  mall-segments build --settings {output}"


def write_workbook(path: Path, frame: pd.DataFrame) -> None:
    workbook = xlsxwriter.Workbook(str(path))
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, list(frame))
    for number, row in enumerate(frame.astype(object).to_numpy().tolist(), start=1):
        sheet.write_row(number, 0, row)
    workbook.close()


def test_a_file_without_ids_gets_the_numbers_of_its_rows(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    shop()[["Orders", "balance"]].to_csv(file, index=False)

    assert init(file, output).exit_code == 0
    assert written(output).customer_id.generate
    assert written(output).gender is None


def test_codes_are_ids_whatever_their_header(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    frame = shop()[["Notes", "Client Nr", "Orders", "balance"]]
    frame.rename(columns={"Client Nr": "Card"}).to_csv(file, index=False)

    assert init(file, output).exit_code == 0
    assert written(output).customer_id.aliases == ("Card",)


def test_ranges_and_units_are_no_part_of_a_name(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    values = np.random.default_rng(4).normal(0, 1, (N, 2))
    headers = ["Rating (1-10)", "Discount %"]
    pd.DataFrame(values, columns=headers).to_csv(file, index=False)

    assert init(file, output).exit_code == 0
    assert [(each.label, each.unit) for each in written(output).features] == [
        ("rating", ""),
        ("discount", "%"),
    ]


def test_where_numbers_are_few_categories_count_too(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    shop()[["Client Nr", "Orders", "Region"]].to_csv(file, index=False)

    assert init(file, output).exit_code == 0
    assert written(output).segmentations[0].features == ("orders", "region")


def test_at_most_eight_features_are_segmented_by(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    values = np.random.default_rng(2).normal(0, 1, (N, 12))
    pd.DataFrame(values, columns=[f"v{number}" for number in range(12)]).to_csv(
        file, index=False
    )

    assert init(file, output).exit_code == 0
    assert len(written(output).features) == 12
    assert len(written(output).segmentations[0].features) == 8


@pytest.mark.parametrize(
    "headers",
    [
        ["select", "Customer ID", "%", "2nd visit"],
        ["a_text", "A (k$)", "A", "a b"],
        ["note: # x", "it's", 'in "quotes"', "a: [b]"],
        ["收入", "Größe", "x" * 90, "x" * 91],
    ],
)
def test_any_header_becomes_a_name_that_settings_take(
    tmp_path: Path, headers: list[str]
) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    values = np.random.default_rng(3).normal(0, 1, (N, len(headers)))
    pd.DataFrame(values, columns=headers).to_csv(file, index=False)

    result = init(file, output)

    assert result.exit_code == 0, result.output
    assert written(output).features


def test_orders_are_named_too(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    shop().to_csv(file, index=False)
    (tmp_path / "orders.csv").write_text("order_id\n1\n")

    assert init(file, output, "--orders", tmp_path / "orders.csv").exit_code == 0
    assert written(output).orders_path == str(tmp_path / "orders.csv")
    result = init(file, output, "--force", "--orders", tmp_path / "gone.csv")
    assert f"there is no file {tmp_path / 'gone.csv'}" in result.stderr


def test_settings_that_are_there_are_kept(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    shop().to_csv(file, index=False)
    output.write_text("mine")

    result = init(file, output)

    assert result.exit_code == 1
    assert "is there already; --force replaces it" in result.stderr
    assert output.read_text() == "mine"
    assert init(file, output, "--force").exit_code == 0


def test_refuses_a_file_that_describes_nobody(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    shop()[["Client Nr", "Notes", "Const"]].to_csv(file, index=False)

    result = init(file, output)

    assert result.exit_code == 1
    assert "No column describes customers" in result.stderr
    assert "'Const': every value is '3'" in result.stderr
    assert not output.exists()


def test_numbers_that_are_none_or_endless_count_as_missing(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.parquet", tmp_path / "segments.yml"
    frame = shop()
    frame["balance"] = [float("nan"), float("inf"), *frame["balance"][2:]]
    duckdb.sql(f"copy frame to '{file}'")

    assert init(file, output).exit_code == 0
    assert written(output).feature("balance").type == "number"


def test_numbers_beyond_what_can_be_summed_are_refused(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.csv", tmp_path / "segments.yml"
    frame = shop()
    frame.loc[0, "balance"] = 1e300
    frame.to_csv(file, index=False)

    result = init(file, output)

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert f"{str(file)!r} cannot be read: " in result.stderr


def test_names_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    result: Any = init(tmp_path / "gone.csv", tmp_path / "segments.yml")

    assert result.exit_code == 1
    assert "gone.csv" in result.stderr
