"""Gates refuse by name before anything is fitted, and dbt is told in one sentence."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml
from mall_segments.intake.inputs import CustomerInput, inspect_input

from mall_segments.errors import InputError, PublishError
from mall_segments.intake.functions import register_functions
from mall_segments.intake.preflight import (
    admit_input,
    check_disk,
    check_gates,
    check_points,
)
from mall_segments.settings import Settings, parse_settings

PROJECT = Path(__file__).parents[2]
SEED = PROJECT / "seeds" / "Mall_Customers.csv"
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
SETTINGS = parse_settings(VARS)
HEADER = "id,gender,age,income,score"


def with_segments(n_segments: int, name: str = "income_spending") -> Settings:
    return replace(
        SETTINGS,
        segmentations=tuple(
            replace(segmentation, n_segments=n_segments)
            for segmentation in SETTINGS.segmentations
            if segmentation.name == name
        ),
    )


def customers(folder: Path, rows: list[str], header: str = HEADER) -> CustomerInput:
    path = folder / "shop.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return inspect_input(path, SETTINGS, copies=folder)


def refusal(folder: Path, rows: list[str], settings: Settings = SETTINGS) -> str:
    with pytest.raises(InputError) as caught:
        check_points(customers(folder, rows), settings)
    return str(caught.value)


@pytest.mark.parametrize("full", ["warehouse", "published"])
def test_a_disk_that_is_all_but_full_is_refused(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / full).mkdir()

    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=31_900_000 if folder.name == full else 32_000_000)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with pytest.raises(
        PublishError, match=rf"{full} has 31\.9 MB free, and a build needs at least 32"
    ):
        check_disk(tmp_path)
    (tmp_path / full).rmdir()
    check_disk(tmp_path)


def test_the_published_file_passes() -> None:
    check_points(inspect_input(SEED, SETTINGS, copies=Path()), SETTINGS)


def test_as_many_segments_as_distinct_points_pass(tmp_path: Path) -> None:
    rows = [f"{number},F,20,{number},50" for number in range(1, 6)]

    check_points(customers(tmp_path, rows), with_segments(5))


def test_more_segments_than_customers_are_refused(tmp_path: Path) -> None:
    rows = [f"{number},F,20,{number},50" for number in range(1, 6)]

    message = refusal(tmp_path, rows, with_segments(6))

    assert "has 5 customers with a value of annual_income_kusd and spending" in message
    assert "`segmentations[income_spending].n_segments` is 6" in message
    assert message.endswith("at most 5 is possible.")


def test_more_segments_than_distinct_points_are_refused(tmp_path: Path) -> None:
    rows = [f"{number},F,20,{number % 3},50" for number in range(1, 9)]

    message = refusal(tmp_path, rows, with_segments(4))

    assert "has 3 distinct points of annual_income_kusd and spending_score" in message
    assert "(8 customers)" in message
    assert "`segmentations[income_spending].n_segments` is 4" in message
    assert message.endswith("at most 3 is possible.")


def test_more_segments_than_the_published_file_has_points_are_refused() -> None:
    seed = inspect_input(SEED, SETTINGS, copies=Path())

    with pytest.raises(InputError, match=r"n_segments` is 500, and at most 196"):
        check_points(seed, with_segments(500))
    check_points(seed, with_segments(196))
    with pytest.raises(InputError, match=r"196 distinct points .* is 197"):
        check_points(seed, with_segments(197))


def test_identical_customers_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, [f"{number},F,20,30,50" for number in range(30)])

    assert "1 distinct point of annual_income_kusd and spending_score" in message
    assert "`segmentations[income_spending].min_segments` is 2" in message


def test_values_in_one_step_of_resolution_are_one_point(tmp_path: Path) -> None:
    rows = [f"{number},F,20,30.{number},50" for number in range(1, 5)]

    assert "1 distinct point" in refusal(tmp_path, rows)


@pytest.mark.parametrize(
    "income",
    ["", "?", "abc", "nan", "inf", "-inf", "1e308", "-5", "100000", "1,2", "0x10"],
)
def test_customers_without_a_usable_value_do_not_count(
    income: str, tmp_path: Path
) -> None:
    quoted = f'"{income}"'
    rows = [f"{number},F,20,{quoted},{number}" for number in range(1, 30)]

    message = refusal(tmp_path, rows)

    assert "none of 29 rows has an id and a usable value" in message
    assert "'income' in 0, 'score' in 29 rows" in message


def test_customers_without_an_id_do_not_count(tmp_path: Path) -> None:
    message = refusal(tmp_path, [f" ,F,20,{number},50" for number in range(9)])

    assert "none of 9 rows has an id" in message


def test_a_fraction_counts_only_where_it_may_stand(tmp_path: Path) -> None:
    incomes = [f"{number},F,20,{number}.5,50" for number in range(9)]
    scores = [f"{number},F,20,30,{number}.5" for number in range(1, 9)]

    check_points(customers(tmp_path, incomes), with_segments(2))
    assert "'score' in 0 rows" in refusal(tmp_path, scores)


def test_thousands_separators_are_understood(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS,
        features=tuple(
            replace(feature, maximum=200_000) for feature in SETTINGS.features
        ),
    )
    rows = [f'{number},F,20,"1{number}0,000.00",50' for number in range(4)]

    check_points(customers(tmp_path, rows), replace(settings, segmentations=FOUR))
    assert "'income' in 0" in refusal(tmp_path, rows)


FOUR = with_segments(4).segmentations


def test_points_that_come_late_are_found(tmp_path: Path) -> None:
    rows = [f"{number},F,20,30,50" for number in range(20_000)]

    late = customers(tmp_path, [*rows, "x,F,20,31,50"])
    check_points(late, with_segments(2))

    assert "20,001 customers" in refusal(
        tmp_path, [*rows, "x,F,20,31,50"], with_segments(3)
    )


def test_parquet_is_gated_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select i as id, 'F' as gender, 20 as age, i % 3 as income, "
            f"5 as score from range(50) t(i)) to '{path}' (format parquet)"
        )
    shop = inspect_input(path, SETTINGS, copies=tmp_path)

    check_points(shop, with_segments(3))
    with pytest.raises(InputError, match="3 distinct points"):
        check_points(shop, with_segments(4))


def test_a_hostile_column_name_is_only_a_name(tmp_path: Path) -> None:
    header = 'id,gender,age,"x""); drop table y; --",score'
    feature = replace(
        SETTINGS.feature("annual_income_kusd"), aliases=('x"); drop table y; --',)
    )
    settings = replace(
        SETTINGS, features=(SETTINGS.features[0], feature, SETTINGS.features[2])
    )
    path = tmp_path / "shop.csv"
    rows = "\n".join(f"{number},F,20,{number},50" for number in range(1, 9))
    path.write_text(f"{header}\n{rows}\n", encoding="utf-8")

    check_points(inspect_input(path, settings, copies=tmp_path), settings)


# What the checked rows of the published file count.
COUNTS = {
    ("input rows", ""): 200,
    ("accepted customers", ""): 200,
    ("rejected rows", ""): 0,
    ("imputed customers", ""): 0,
    ("distinct values", "age_years"): 51,
    ("distinct values", "annual_income_kusd"): 64,
    ("distinct values", "spending_score"): 84,
    ("complete customers", "income_spending"): 200,
    ("distinct points", "income_spending"): 196,
    ("complete customers", "age_income_spending"): 200,
    ("distinct points", "age_income_spending"): 200,
}


def gate(settings: Settings = SETTINGS, **changes: int) -> str:
    """Return the refusal of the counts with changes; keys are measure__subject."""
    counts = dict(COUNTS)
    for key, value in changes.items():
        measure, _, subject = key.partition("__")
        counts[measure.replace("_", " "), subject] = value
    with pytest.raises(InputError) as caught:
        check_gates(counts, settings)
    return str(caught.value)


def test_the_counts_of_the_published_file_pass() -> None:
    check_gates(COUNTS, SETTINGS)


def test_no_rows_are_refused() -> None:
    assert gate(input_rows=0) == "The customer file has a header but no rows."


def test_no_accepted_customers_are_refused() -> None:
    message = gate(accepted_customers=0, rejected_rows=200)

    assert message.startswith("All 200 rows of the customer file are rejected;")


def test_too_large_a_share_of_rejected_rows_is_refused() -> None:
    message = gate(rejected_rows=41, accepted_customers=159)

    assert "41 of 200 customers are rejected, a share of 0.2050" in message
    assert "`max_rejected_share` allows 0.2" in message
    check_gates({**COUNTS, ("rejected rows", ""): 40}, SETTINGS)


def test_blank_lines_and_subtotals_do_not_count_as_rejected_customers() -> None:
    rejected = {
        ("input rows", ""): 266,
        ("rejected rows", ""): 66,
        ("rows without a customer", ""): 66,
    }

    check_gates({**COUNTS, **rejected}, SETTINGS)
    assert "66 of 266 customers are rejected" in gate(input_rows=266, rejected_rows=66)


def test_the_gates_answer_the_counts_they_admit() -> None:
    counts = pd.DataFrame(
        [(*key, n) for key, n in COUNTS.items()], columns=["measure", "subject", "n"]
    )

    admitted = admit_input(counts, {**VARS, "home": "elsewhere"})

    assert len(admitted) == len(counts)
    assert admitted["measure"].is_monotonic_increasing
    with pytest.raises(InputError, match="has a header but no rows"):
        admit_input(counts.assign(n=0), VARS)


def test_a_constant_feature_is_refused_by_name() -> None:
    message = gate(distinct_values__spending_score=1)

    assert "the same value of spending_score" in message
    assert "`segmentations[income_spending].features`" in message


def test_a_constant_feature_that_nothing_clusters_on_passes() -> None:
    check_gates({**COUNTS, ("distinct values", "age_years"): 1}, with_segments(5))


def test_too_few_complete_customers_are_refused() -> None:
    message = gate(
        complete_customers__age_income_spending=2,
        distinct_points__age_income_spending=2,
    )

    assert "The customer file has 2 customers with a value of age_years and" in message
    assert "`segmentations[age_income_spending].n_segments` is 3" in message


def test_no_complete_customer_is_refused() -> None:
    message = gate(
        complete_customers__income_spending=0, distinct_points__income_spending=0
    )

    assert "has 0 customers with a value of annual_income_kusd" in message


def test_too_few_distinct_points_are_refused() -> None:
    message = gate(with_segments(197))

    assert "196 distinct points of annual_income_kusd and spending_score" in message
    assert "is 197, and at most 196 is possible." in message


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as connected:
        register_functions(connected)
        yield connected


def ask(connection: Any, function: str, request: object) -> dict[str, Any]:
    # dbt asks through a cursor of the connection that has the functions.
    rows = (
        connection.cursor()
        .execute(f"select {function}($1)", [json.dumps(request)])
        .fetchall()
    )
    answer = json.loads(rows[0][0])
    assert isinstance(answer, dict)
    return answer


def test_dbt_is_told_that_all_is_well(connection: Any) -> None:
    request = {"settings": VARS, "command_line_vars": {}, "seed_path": str(SEED)}

    answer = ask(connection, "mall_segments_preflight", request)

    assert answer == {"error": None, "notes": []}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"settings": {**VARS, "missing_values": "drop"}},
            "`missing_values` is 'drop'",
        ),
        ({"settings": {**VARS, "scalar": 1}}, "`scalar`"),
        ({"settings": None}, "must be a mapping of names to values"),
        ({"command_line_vars": {"feature": []}}, "Did you mean 'features'?"),
        ({"settings": {**VARS, "customers_path": "gone.csv"}}, "no such file"),
        ({"seed_path": "gone.csv"}, "does not exist: it is the seed"),
    ],
)
def test_dbt_is_told_what_stops_the_build(
    connection: Any, changes: dict[str, Any], sentence: str
) -> None:
    request = {"settings": VARS, "seed_path": str(SEED), **changes}

    answer = ask(connection, "mall_segments_preflight", request)

    assert sentence in answer["error"]
    assert "Traceback" not in answer["error"]


def test_dbt_learns_which_column_is_which(connection: Any) -> None:
    header = ["ID", "Sexo", "Edad", "Ingreso anual (k$)", "Score", "x"]

    answer = ask(
        connection, "mall_segments_recognise", {"header": header, "settings": VARS}
    )

    assert answer == {
        "error": None,
        "columns": {
            "customer_id": "ID",
            "gender": "Sexo",
            "age_years": "Edad",
            "annual_income_kusd": "Ingreso anual (k$)",
            "spending_score": "Score",
        },
        "extra": ["x"],
    }


def test_dbt_learns_how_to_read_a_path(connection: Any, tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    path.write_bytes("ID;Sexo;Edad;Ingreso;Score;é\n1;F;20;30;40;x\n".encode("utf-16"))
    request = {
        "settings": {**VARS, "customers_path": str(path)},
        "copies": str(tmp_path / "copies"),
    }

    answer = ask(connection, "mall_segments_input", request)

    assert answer["error"] is None
    assert answer["header"] == ["ID", "Sexo", "Edad", "Ingreso", "Score", "é"]
    assert answer["surplus_column"] == "surplus_cells"
    assert answer["paths"] == [str(path)]
    assert answer["extra"] == ["é"]
    rows = connection.execute(f"select * from {answer['relation']}").fetchall()
    assert rows == [("1", "F", "20", "30", "40", "x", None)]


def test_a_copy_goes_into_the_warehouse_of_the_home_folder(
    connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_HOME", str(tmp_path / "home"))
    path = tmp_path / "shop.csv"
    path.write_bytes(f"{HEADER}\n1,F,20,30,40\n".encode("utf-16"))

    answer = ask(
        connection,
        "mall_segments_input",
        {"settings": {**VARS, "customers_path": str(path)}},
    )

    assert str(tmp_path / "home" / "warehouse" / "copies") in answer["relation"]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "3", '"x"', "{}", '{"header": 3, "settings": 4}']
)
@pytest.mark.parametrize(
    "function",
    ["mall_segments_preflight", "mall_segments_recognise", "mall_segments_input"],
)
def test_no_request_makes_a_function_raise(
    connection: Any, function: str, text: str | None
) -> None:
    rows = connection.execute(f"select {function}($1)", [text]).fetchall()

    assert json.loads(rows[0][0])["error"]
