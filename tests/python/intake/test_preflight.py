"""The file is refused by name before any model runs, and dbt is told in a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import yaml

from mall_segments.errors import PublishError
from mall_segments.intake.functions import check_disk, register_functions

PROJECT = Path(__file__).parents[3]
SEED = PROJECT / "seeds" / "Mall_Customers.csv"
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
HEADER = "id,gender,age,income,score"


def shop(folder: Path, rows: list[str]) -> Path:
    path = folder / "shop.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


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
    path.write_bytes(
        "ID;Sexo;Edad;Ingreso;Score;é\n1;F;20;30,5;40;x\n".encode("utf-16")
    )
    request = {"settings": {**VARS, "customers_path": str(path)}}

    answer = ask(connection, "mall_segments_input", request)

    assert answer["error"] is None
    columns = answer["columns"]
    rows = connection.execute(
        f"select {columns['customer_id']['id_sql']}, {columns['gender']['text_sql']}, "
        f"{columns['annual_income_kusd']['number_sql']}, {answer['surplus_column']} "
        f"from (select {answer['source_row']} as source_row, * "
        f"from {answer['relation']})"
    ).fetchall()
    assert rows == [("1", "F", 30.5, None)]


def test_the_seed_is_opened_as_any_file(connection: Any) -> None:
    answer = ask(
        connection, "mall_segments_input", {"settings": VARS, "seed_path": str(SEED)}
    )

    counted = connection.execute(f"select count(*) from {answer['relation']}")
    assert counted.fetchall() == [(200,)]


def test_models_of_a_build_read_what_its_preflight_opened(
    connection: Any, tmp_path: Path
) -> None:
    path = shop(tmp_path, [f"{number},F,20,{number},50" for number in range(30)])
    request = {"settings": {**VARS, "customers_path": str(path)}}
    path.write_bytes(path.read_text("utf-8").encode("utf-16"))
    ask(connection, "mall_segments_preflight", request)
    first = ask(connection, "mall_segments_input", request)

    again = ask(connection, "mall_segments_input", request)
    ask(connection, "mall_segments_preflight", request)
    path.write_bytes((HEADER + "\n1,F,20,3,4\n").encode("utf-16"))
    ask(connection, "mall_segments_preflight", request)
    later = ask(connection, "mall_segments_input", request)

    assert again == first
    counted = connection.execute(f"select count(*) from {later['relation']}")
    assert counted.fetchall() == [(1,)]


def test_with_a_model_of_customers_no_file_is_looked_at(connection: Any) -> None:
    settings = {**VARS, "customers_model": "shop_customers"}

    answer = ask(
        connection,
        "mall_segments_preflight",
        {"settings": settings, "seed_path": "gone.csv"},
    )

    assert answer == {"error": None, "notes": []}


ROWS = [
    f"{number},F,{20 + number % 40},{15 + number},{1 + number}" for number in range(60)
]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [f"{number % 20},F,20,{number},50" for number in range(60)],
            "looks like orders: 60 rows have 20 ids in 'id', with different values",
        ),
        (
            [f"{number % 20},F,20,30,50" for number in range(60)],
            "repeats its rows: 60 rows have 20 ids in 'id', with the same values",
        ),
        (
            [f"{number},F,20,{number * 1000},50" for number in range(1, 60)],
            "read as annual_income_kusd, is too large: annual_income_kusd counts",
        ),
        (
            [f"{number},F,20,30,0.{number:02}" for number in range(1, 60)],
            "has 59 of 59 numbers that are not from 1 to 100, for example '0.01'",
        ),
        (
            [f"{n},F,20,{(n - 29.5) / 17.318:.4f},50" for n in range(60)],
            "has 30 of 60 numbers that are not from 0 to 1000, for example '-0.0289'",
        ),
        (
            [f"{number},F,{number + 200},30,50" for number in range(60)],
            "has 60 of 60 numbers that are not from 1 to 120, for example '200'",
        ),
        (
            [f"{number},F,young,30,50" for number in range(60)],
            "read as age_years, holds no number in 60 values, for example 'young'",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_no_customers_are_is_said_before_any_model_runs(
    connection: Any, rows: list[str], sentence: str, tmp_path: Path
) -> None:
    settings = {**VARS, "customers_path": str(shop(tmp_path, rows))}

    answer = ask(connection, "mall_segments_preflight", {"settings": settings})

    assert sentence in (answer["error"] or str(answer))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [*ROWS, HEADER, *(row.replace(",", "x,", 1) for row in ROWS)],
        [*ROWS, ROWS[0], ROWS[1]],
        [*ROWS, "x,F,a,b,c", "100,F,20,30,40"],
        [*ROWS, "Total,,,,", "Exported 2026-01-31,,,,"],
        [f"{number},F,20,{number % 2},50" for number in range(60)],
    ],
    ids=["clean", "header repeated", "a few twice", "words", "footer", "zero or one"],
)
def test_what_only_looks_odd_is_read(
    connection: Any, rows: list[str], tmp_path: Path
) -> None:
    settings = {**VARS, "customers_path": str(shop(tmp_path, rows))}

    assert ask(connection, "mall_segments_preflight", {"settings": settings}) == {
        "error": None,
        "notes": [],
    }


def test_few_customers_per_segment_are_said(connection: Any, tmp_path: Path) -> None:
    settings = {**VARS, "customers_path": str(shop(tmp_path, ROWS[:15]))}

    answer = ask(connection, "mall_segments_preflight", {"settings": settings})

    assert "has 15 rows, fewer than 10 for each of the 2" in answer["notes"][0]


def test_rows_are_numbered_where_the_user_wants_ids(
    connection: Any, tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("age,income,score\n" + "20,30,40\n" * 30, encoding="utf-8")
    generated = {**VARS["customer_id"], "generate": True}
    settings = {**VARS, "customers_path": str(path), "customer_id": generated}

    answer = ask(connection, "mall_segments_input", {"settings": settings})

    ids = connection.execute(
        f"select {answer['columns']['customer_id']['id_sql']} from (select "
        f"{answer['source_row']} as source_row, * from {answer['relation']})"
    ).fetchall()
    assert ids == [(str(number),) for number in range(1, 31)]
    seed = {"seed_path": str(path)}
    notes = ask(connection, "mall_segments_preflight", {"settings": settings, **seed})[
        "notes"
    ]
    assert "No id column: the rows are numbered from 1." in notes


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
