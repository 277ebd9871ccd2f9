"""Files are scored as the build would have, whatever they hold."""

from __future__ import annotations

import csv
import json
import random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from reference_model import model_content, write_reference_model

from mall_segments.errors import InputError, ModelError
from mall_segments.intake.inputs import inspect_input
from mall_segments.scoring import files
from mall_segments.scoring.assigning import Assigner
from mall_segments.scoring.build_sql import create_models
from mall_segments.scoring.files import ADDED_COLUMNS, score_file
from mall_segments.scoring.model_settings import (
    ModelColumns,
    find_segmentation,
    project_vars,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model
    from mall_segments.scoring.files import ScoredFile

HEADER = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)"
HEADER_REASONS = (
    "header row repeated; age_years: not a number; "
    "annual_income_kusd: not a number; spending_score: not a number"
)


def write_customers(path: Path, *lines: str, header: str = HEADER) -> str:
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return str(path)


def score(
    model: Model, tmp_path: Path, *lines: str, header: str = HEADER, **options: Any
) -> tuple[ScoredFile, list[dict[str, str]], list[dict[str, str]]]:
    """Score a CSV file; answer what became of it, the output and the rejected rows."""
    source = write_customers(tmp_path / "customers.csv", *lines, header=header)
    output, rejected = tmp_path / "out.csv", tmp_path / "rejected.csv"
    scored = score_file(source, str(output), rejected, model=model, **options)
    return scored, read_csv(output), read_csv(rejected)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_adds_the_segment_to_every_column_of_the_file(
    model: Model, tmp_path: Path
) -> None:
    scored, rows, rejected = score(
        model, tmp_path, "0001,Male,19,15,39", "2,f,21,15.0,81"
    )

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (2, 0, 0)
    assert scored.build_id == model.build_id
    assert list(rows[0]) == [*HEADER.split(","), *ADDED_COLUMNS]
    assert rejected == []
    expected = Assigner(model, model.segmentations[0]).assign((15, 39))
    assert rows[0] == {
        "CustomerID": "0001",
        "Gender": "Male",
        "Age": "19",
        "Annual Income (k$)": "15",
        "Spending Score (1-100)": "39",
        "segment_id": "4",
        "segment_name": "Low income and low spending",
        "persona": "Persona 4",
        "distance": repr(expected.distance),
        "second_segment_id": str(expected.second_segment_id),
        "membership": rows[0]["membership"],
        "is_outlier": "false",
        "is_imputed": "false",
    }
    assert float(rows[0]["membership"]) == pytest.approx(expected.membership, abs=1e-15)
    assert rows[1]["Annual Income (k$)"] == "15.0"


def test_rejects_rows_with_the_reasons_of_the_build(
    model: Model, tmp_path: Path
) -> None:
    scored, rows, rejected = score(
        model,
        tmp_path,
        "1,Male,19,15,39",
        "2,Male,0,15,101",
        ",Male,19,15,39",
        "4,Male,19,15,39",
        "4,Male,19,15,39",
        "5,Male,19,15,39",
        "5,Male,19,15,40",
        "CustomerID,Gender,Age,Income,Score",
        "<<<<<<< HEAD,,,,",
        "6,Male,x,15,39",
        "7,Male,19,15,39,surplus",
    )

    assert [row["CustomerID"] for row in rows] == ["1", "4"]
    assert {
        row["source_row"]: (row["CustomerID"], row["rejection_reasons"])
        for row in rejected
    } == {
        "2": ("2", "age_years: below 1; spending_score: above 100"),
        "3": ("", "customer_id: missing"),
        "5": ("4", "duplicate row"),
        "6": ("5", "customer_id: rows with the same id differ"),
        "7": ("5", "customer_id: rows with the same id differ"),
        "8": ("CustomerID", HEADER_REASONS),
        "9": ("<<<<<<< HEAD", "merge-conflict marker"),
        "10": ("6", "age_years: not a number"),
        "11": ("7", "more cells than the header has"),
    }
    assert (scored.n_scored, scored.n_rejected) == (2, 9)
    assert scored.reasons["customer_id: rows with the same id differ"] == 2


def test_imputes_missing_values_and_says_so(model: Model, tmp_path: Path) -> None:
    scored, rows, _ = score(
        model, tmp_path, "1,Male,,15,39", "2,Male,19,?,39", "3,Male,19,unknown,"
    )

    assert [row["is_imputed"] for row in rows] == ["false", "true", "true"]
    assert scored.n_imputed == 2
    expected = Assigner(model, model.segmentations[0]).assign((None, 39))
    assert float(rows[1]["distance"]) == expected.distance


def test_a_model_that_rejects_missing_values_rejects_them(tmp_path: Path) -> None:
    content = model_content() | {"missing_values": "reject"}
    strict = write_reference_model(tmp_path / "model.json", content)

    _, rows, rejected = score(
        strict, tmp_path, "1,Male,,15,39", "2,Male,19,?,39", "3,,19,15,39"
    )

    assert [row["CustomerID"] for row in rows] == ["3"]
    assert [row["rejection_reasons"] for row in rejected] == [
        "age_years: missing",
        "annual_income_kusd: missing",
    ]


def test_assigns_to_the_segmentation_asked_for(model: Model, tmp_path: Path) -> None:
    line = "1,Male,64,19,3"
    _, rows, _ = score(model, tmp_path, line, segmentation="age_income_spending")

    expected = Assigner(model, model.segmentations[1]).assign((64, 19, 3))
    assert rows[0]["segment_name"] == expected.segment.segment_name
    assert float(rows[0]["distance"]) == expected.distance


def test_an_unknown_segmentation_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no segmentation 'vip'"):
        score(model, tmp_path, "1,Male,64,19,3", segmentation="vip")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_every_format_holds_the_same(model: Model, tmp_path: Path, suffix: str) -> None:
    lines = [f"{n},Male,{20 + n % 50},{n % 130},{1 + n % 100}" for n in range(1, 400)]
    source = write_customers(tmp_path / "customers.csv", *lines)
    output = tmp_path / f"out.{suffix}"

    score_file(source, str(output), None, model=model)

    read = {"csv": "read_csv", "parquet": "read_parquet", "jsonl": "read_json"}[suffix]
    rows = duckdb.sql(f"select * from {read}('{output}')").fetchall()
    assert [int(row[0]) for row in rows] == list(range(1, 400))
    assigner = Assigner(model, model.segmentations[0])
    for row in rows:
        expected = assigner.assign((float(row[3]), float(row[4])))
        assert row[5] == expected.segment.segment_id
        assert row[8] == expected.distance


def test_reads_parquet_with_numbers(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "customers.parquet"
    duckdb.sql(f"""
        copy (
            select *
            from (values (1, 'Male', 19, 15.4, 39), (2, 'Female', null, 500, 1))
                as t ("CustomerID", "Gender", "Age", "Annual Income (k$)", "Score")
        ) to '{source}'
    """)
    output = tmp_path / "out.parquet"

    scored = score_file(str(source), str(output), None, model=model)

    rows = duckdb.sql(
        f"select \"CustomerID\", segment_id, is_outlier from '{output}'"
    ).fetchall()
    assert scored.n_scored == 2
    assert rows == [(1, 4, False), (2, 3, True)]


def test_cells_are_written_as_they_came_but_harmless(
    model: Model, tmp_path: Path
) -> None:
    _, rows, rejected = score(
        model,
        tmp_path,
        '"C,1","=1+1",19,15,39,"says ""hi"""',
        '-2,+x,19,"1,00",39,"two\nlines"',
        'C3,"é, ü",19,15,39,',
        header=f"{HEADER},=cmd()",
    )

    (first, third), (second,) = rows, rejected
    assert [*first][5] == "'=cmd()"
    assert (first["CustomerID"], first["Gender"]) == ("C,1", "'=1+1")
    assert first["'=cmd()"] == 'says "hi"'
    assert third["Gender"] == "é, ü"
    assert (second["CustomerID"], second["Gender"]) == ("-2", "'+x")
    assert second["'=cmd()"] == "two\nlines"


def test_a_result_with_commas_and_quotes_stays_one_cell(tmp_path: Path) -> None:
    content = model_content()
    for segment in content["segmentations"][0]["segments"]:
        segment["segment_name"] = 'low, "careful"'
        segment["persona"] = "=persona"
    model = write_reference_model(tmp_path / "model.json", content)

    _, (row,), _ = score(model, tmp_path, "1,Male,19,15,39")

    assert row["segment_name"] == 'low, "careful"'
    assert row["persona"] == "'=persona"
    assert row["is_imputed"] == "false"


def test_columns_of_the_file_keep_their_names(model: Model, tmp_path: Path) -> None:
    _, (row,), _ = score(
        model, tmp_path, "1,Male,19,15,39,x,y", header=f"{HEADER},Segment_ID,distance"
    )

    assert (row["Segment_ID"], row["distance"]) == ("x", "y")
    assert row["segment_id (mall_segments)"] == "4"
    assert float(row["distance (mall_segments)"]) > 0


def test_features_may_stand_anywhere_in_the_file(model: Model, tmp_path: Path) -> None:
    _, (row,), _ = score(
        model, tmp_path, "39,1,15,19,m", header="Score,ID,Income,Age,Genre"
    )

    assert [*row][:5] == ["Score", "ID", "Income", "Age", "Genre"]
    assert (row["Score"], row["ID"], row["Income"]) == ("39", "1", "15")
    assert row["segment_id"] == "4"


@pytest.mark.parametrize("n_customers", [1, 3])
def test_a_file_of_rejected_rows_gives_an_output_without_rows(
    model: Model, tmp_path: Path, n_customers: int
) -> None:
    lines = [f"{n},Male,-1,15,39" for n in range(n_customers)]
    scored, rows, rejected = score(model, tmp_path, *lines)

    assert scored.n_scored == 0
    assert rows == []
    assert len(rejected) == len(lines)


def test_an_output_without_rows_has_the_types_of_others(
    model: Model, tmp_path: Path
) -> None:
    types = []
    for line in ("1,Male,-1,15,39", "1,Male,19,15,39"):
        source = write_customers(tmp_path / "customers.csv", line)
        output = tmp_path / "out.parquet"
        score_file(source, str(output), None, model=model)
        types.append(duckdb.sql(f"describe select * from '{output}'").fetchall())

    assert types[0] == types[1]
    assert [row[1] for row in types[0]][5:8] == ["BIGINT", "VARCHAR", "VARCHAR"]


def test_a_file_that_cannot_be_recognised_is_refused(
    model: Model, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no column is recognised as customer_id"):
        score(model, tmp_path, "1,2,3", header="Age,Income,Score")

    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("out.xlsx", "ends in '.xlsx', which says no format"),
        ("out", "ends in 'nothing', which says no format"),
        ("nowhere/out.csv", "there is no folder"),
        ("folder.csv", "is a folder; name a file"),
        ("customers.csv", "is the customer file itself"),
        ("rejected.csv", "both scored and rejected rows"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    model: Model, tmp_path: Path, output: str, complaint: str
) -> None:
    source = write_customers(tmp_path / "customers.csv", "1,Male,19,15,39")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=complaint):
        score_file(
            source, str(tmp_path / output), tmp_path / "rejected.csv", model=model
        )


def test_tells_how_far_it_is(model: Model, tmp_path: Path) -> None:
    steps: list[str] = []

    def progress(step: str, share: float) -> None:
        assert 0 <= share <= 1
        if step not in steps:
            steps.append(step)

    score(model, tmp_path, "1,Male,19,15,39", progress=progress)

    assert steps == ["inspecting", "reading", "checking", "writing"]


def test_the_progress_moves_on(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SECONDS_BETWEEN_REPORTS", 0.005)
    source = tmp_path / "customers.parquet"
    duckdb.sql(f"""
        copy (select range as id, 20 as age, range % 150 as income, 50 as score
        from range(500_000)) to '{source}'
    """)
    shares: list[float] = []

    def progress(step: str, share: float) -> None:
        if step == "writing":
            shares.append(share)

    output = str(tmp_path / "out.csv")
    score_file(str(source), output, None, model=model, progress=progress)

    assert len({share for share in shares if 0 < share < 1}) > 1


IDS = (
    *("1", "2", "3", "4", "5", "6", "7", "007", " 7", "7 ", "C1", "c1", "C2", "C3"),
    *("", "?", "N/A", "CustomerID", "customerid", "<<<<<<< HEAD", "=======", "1.5"),
    *("12345678901234567890", "-1", "0", "nan", "é"),
)
AGES = ("19", "20", "", "0", "121", "19.5", "abc", "1e1", " 30 ", "nan", "inf", "-")
INCOMES = ("15", "15.4", "15.5", "", "?", "1,000", "1,000.50", "-1", "1e300", "0", "x")
SCORES = ("39", "1", "100", "0", "101", "39.5", "", "null", "50.0", "five")


def messy_lines(seed: int, n_lines: int) -> list[str]:
    """Return lines with every kind of cell; ids repeat, and some lines do."""
    random_ = random.Random(seed)  # noqa: S311 - test data
    fresh = [f"id{number}" for number in range(n_lines)]
    lines = []
    for number in range(n_lines):
        cells = [
            random_.choice((*IDS, *fresh[number : number + 1] * 40)),
            random_.choice(("Male", "f", "", "x")),
            random_.choice((*AGES, *("33",) * 30)),
            random_.choice((*INCOMES, *("60",) * 30)),
            random_.choice((*SCORES, *("50",) * 30)),
        ]
        if random_.random() < 0.03:
            cells.append("surplus")
        line = ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)
        lines += [line] * random_.choice((1, 1, 1, 2))
    return lines


def by_the_build(
    model: Model, source: str, missing_values: str, copies: Path
) -> dict[int, tuple[Any, ...]]:
    """Run every row through the build's models; answer the outcome by row number."""
    customers = inspect_input(source, ModelColumns.of(model), copies=copies)
    segmentation = find_segmentation(model, None)
    with duckdb.connect() as connection:
        connection.execute("create schema build; create schema model")
        connection.execute(
            f"create table build.raw as select * from {customers.relation};"
            "create table build.base_mall__customers as "
            "select rowid + 1 as source_row, * from build.raw"
        )
        connection.execute(
            "create table model.int_feature_statistics (feature varchar, median double)"
        )
        for feature in model.features:
            connection.execute(
                "insert into model.int_feature_statistics values ($1, $2)",
                [feature.name, feature.median],
            )
        create_models(
            connection,
            (
                "stg_mall__customers",
                "int_duplicate_customer_ids",
                "int_customers_checked",
                "int_customers_imputed",
            ),
            kind="view",
            schema="build",
            shared={"int_feature_statistics": "model.int_feature_statistics"},
            settings=project_vars(model, segmentation, missing_values=missing_values),
            recognised=customers.columns.columns,
        )
        rejected = connection.execute(
            "select source_row, rejection_reasons from build.int_customers_checked "
            "where not is_accepted"
        ).fetchall()
        accepted = connection.execute(
            "select source_row, annual_income_kusd, is_annual_income_kusd_imputed, "
            "spending_score, is_spending_score_imputed from build.int_customers_imputed"
        ).fetchall()
    assigner = Assigner(model, segmentation)
    outcomes: dict[int, tuple[Any, ...]] = {row: (why,) for row, why in rejected}
    for row, income, no_income, spending, no_spending in accepted:
        values = (None if no_income else income, None if no_spending else spending)
        assigned = assigner.assign(values)
        outcomes[row] = (
            assigned.segment.segment_id,
            assigned.distance,
            assigned.second_segment_id,
            assigned.is_outlier,
            assigned.is_imputed,
        )
    return outcomes


@pytest.mark.parametrize("missing_values", ["impute", "reject"])
@pytest.mark.parametrize("seed", range(6))
def test_few_rows_are_looked_at_and_all_come_out_right(
    tmp_path: Path, seed: int, missing_values: str
) -> None:
    content = model_content() | {"missing_values": missing_values}
    model = write_reference_model(tmp_path / "model.json", content)
    source = write_customers(
        tmp_path / "customers.csv", *messy_lines(seed, 30 * 4 ** (seed % 3))
    )
    output, rejected = tmp_path / "out.jsonl", tmp_path / "rejected.csv"

    score_file(source, str(output), rejected, model=model)

    expected = by_the_build(model, source, missing_values, tmp_path)
    outcomes: dict[int, tuple[Any, ...]] = {
        int(row["source_row"]): (row["rejection_reasons"],)
        for row in read_csv(rejected)
    }
    accepted_rows = [row for row in sorted(expected) if len(expected[row]) > 1]
    scored = [json.loads(line) for line in output.read_text().splitlines()]
    for source_row, row in zip(accepted_rows, scored, strict=True):
        outcomes[source_row] = (
            row["segment_id"],
            row["distance"],
            row["second_segment_id"],
            row["is_outlier"],
            row["is_imputed"],
        )
    assert outcomes == expected
