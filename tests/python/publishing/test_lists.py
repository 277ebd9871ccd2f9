"""Lists hold the customers asked for, and nothing that a spreadsheet would run."""

import zipfile
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from python_calamine import CalamineWorkbook

from mall_segments.cli import main
from mall_segments.publishing.generations import read_current
from small_warehouse import open_warehouse, publish, write_project


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = write_project(tmp_path_factory.mktemp("lists") / "home")
    publish(home)
    return home


def export(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(
        main, ["--home", str(home), "export", *map(str, arguments)]
    )


def ids_in(path: Path) -> list[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT customer_id FROM '{path}'"
            if path.suffix == ".parquet"
            else f"SELECT customer_id FROM read_csv('{path}', all_varchar = true)"
        ).fetchall()
    return [row[0] for row in rows]


def sheets_of(path: Path) -> dict[str, list[list[object]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_workbook_has_a_sheet_per_segment_and_one_of_definitions(
    home: Path, tmp_path: Path
) -> None:
    result = export(home, "--output", tmp_path / "lists.xlsx")

    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "        3 customers: 1 sensible",
        "        2 customers: 2 target",
        f"written to {tmp_path / 'lists.xlsx'}",
    ]
    sheets = sheets_of(tmp_path / "lists.xlsx")
    assert list(sheets) == ["definitions", "1 sensible", "2 target"]
    assert [row[0] for row in sheets["2 target"]] == ["customer_id", "0004", "0005"]
    header = sheets["2 target"][0]
    assert header == [
        "customer_id",
        "segment_id",
        "segment_name",
        "persona",
        "main_reason",
        "holdout_bucket",
        "gender",
        "annual_income_kusd",
        "spending_score",
    ]
    said = [cell for row in sheets["definitions"] for cell in row]
    assert {"invite", "save", read_current(home).build_id} <= set(said)
    assert "Number of the segment." not in said  # It describes another table.


def test_a_folder_gets_a_file_per_segment(home: Path, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        result = export(home, "--output", tmp_path / kind, "--format", kind)

        assert result.exit_code == 0, result.output
        assert {path.name: ids_in(path) for path in (tmp_path / kind).iterdir()} == {
            f"income_spending_1_sensible.{kind}": ["0001", "0002", "0003"],
            f"income_spending_2_target.{kind}": ["0004", "0005"],
        }


@pytest.mark.parametrize("name", ["2", "target", "High income and HIGH spending"])
def test_a_segment_is_found_by_its_id_name_or_persona(
    home: Path, tmp_path: Path, name: str
) -> None:
    export(home, "--segment", name, "--output", tmp_path / "list.csv")

    assert ids_in(tmp_path / "list.csv") == ["0004", "0005"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--joined"], ["0005"]),
        (["--moved"], ["0001"]),
        (["--left"], ["0009"]),
        (["--joined", "--left", "--moved"], ["0001", "0005", "0009"]),
        (["--left", "--moved", "--segment", "1"], ["0001", "0009"]),
        (["--joined", "--segment", "2"], ["0005"]),
    ],
)
def test_lists_who_joined_left_or_moved(
    home: Path, tmp_path: Path, flags: list[str], expected: list[str]
) -> None:
    result = export(home, *flags, "--output", tmp_path / "list.csv")

    assert result.exit_code == 0, result.output
    assert ids_in(tmp_path / "list.csv") == expected


def test_who_left_a_former_segment_is_not_put_into_one_of_now(tmp_path: Path) -> None:
    home = write_project(tmp_path / "home")
    connection = open_warehouse()
    connection.execute(
        """
        INSERT INTO fct_customer_movements VALUES
        ('income_spending', '0010', 1, 'another name', NULL, NULL, 'left'),
        ('income_spending', '0011', 7, 'a former one', NULL, NULL, 'left')
        """
    )
    publish(home, connection)

    result = export(home, "--left", "--output", tmp_path / "lists")
    export(home, "--left", "--output", tmp_path / "lists.xlsx")

    assert result.output.splitlines()[:3] == [
        "        1 customers: 1 another name",
        "        1 customers: 1 sensible",
        "        1 customers: 7 a former one",
    ]
    found = {path.name: ids_in(path) for path in (tmp_path / "lists").iterdir()}
    assert found["income_spending_1_sensible.csv"] == ["0009"]
    assert found["income_spending_7_a_former_one.csv"] == ["0011"]
    names = list(sheets_of(tmp_path / "lists.xlsx"))
    assert names == ["definitions", "1 another name", "1 sensible", "7 a former one"]


def test_the_control_group_is_left_out(home: Path, tmp_path: Path) -> None:
    # Of the customers 1 to 5, the buckets are 20, 40, 60, 80 and 0.
    for percent, expected in (
        (0, ["0001", "0002", "0003", "0004", "0005"]),
        (20, ["0001", "0002", "0003", "0004"]),
        (41, ["0003", "0004"]),
    ):
        export(home, "--holdout", percent, "--output", tmp_path / "list.parquet")
        assert ids_in(tmp_path / "list.parquet") == expected


def test_nothing_in_a_list_is_a_formula(tmp_path: Path) -> None:
    home = write_project(tmp_path / "home")
    connection = open_warehouse()
    connection.execute("UPDATE dim_customers SET gender = '=1+1'")
    publish(home, connection)

    export(home, "--output", tmp_path / "list.csv")
    export(home, "--output", tmp_path / "list.xlsx")

    assert ",'=1+1," in (tmp_path / "list.csv").read_text()
    header, first = sheets_of(tmp_path / "list.xlsx")["2 target"][:2]
    assert first[header.index("gender")] == "=1+1"
    # A formula would be stored as one.
    with zipfile.ZipFile(tmp_path / "list.xlsx") as archive:
        for name in archive.namelist():
            assert b"<f>" not in archive.read(name)


@pytest.mark.parametrize(
    ("arguments", "complaint", "exit_code"),
    [
        (["--segment", "targt"], "Did you mean 'target'? It has 1 (sensible), 2", 1),
        (["--segmentation", "other"], "has no segmentation 'other'", 1),
        (["--generation", "other"], "there is no generation other", 1),
        (["--joined", "--segment", "1"], "nobody is in this list", 1),
        (["--left", "--holdout", "5"], "those of --left are gone", 2),
        (["--output", "list.doc"], "ends with none of .csv, .parquet and .xlsx", 2),
        (["--format", "csv"], "--format csv does not fit", 2),
        (["--holdout", "100"], "100 is not in the range", 2),
    ],
)
def test_refuses_what_it_cannot_list(
    home: Path, tmp_path: Path, arguments: list[str], complaint: str, exit_code: int
) -> None:
    output = [] if "--output" in arguments else ["--output", tmp_path / "list.xlsx"]

    result = export(home, *output, *arguments)

    assert result.exit_code == exit_code
    assert complaint in " ".join(result.stderr.split())
    assert list(tmp_path.glob("*list*")) == []


def test_says_so_where_it_cannot_write(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = export(home, "--output", tmp_path / "file" / "list.csv")

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
