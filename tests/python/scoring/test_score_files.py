"""Files are scored row by row as the build would have, whatever they hold."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from example_model import HEADER, example_model, model_content, write_example_model

from mall_segments.errors import InputError, ModelError
from mall_segments.scoring.files import ADDED_COLUMNS, Reading, score_file

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model import Model
    from mall_segments.scoring.files import ScoredFile

GOOD = "900,Male,30,60,50"


def write_customers(path: Path, *lines: str, header: str = HEADER) -> str:
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return str(path)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(
    tmp_path: Path,
    *lines: str,
    header: str = HEADER,
    model: Model | None = None,
    **options: Any,
) -> tuple[ScoredFile, list[dict[str, str]], list[dict[str, str]]]:
    """Score a CSV file; answer what became of it, the output and the rejected rows."""
    source = write_customers(tmp_path / "customers.csv", *lines, header=header)
    output, rejected = tmp_path / "out.csv", tmp_path / "rejected.csv"
    model = model or example_model()
    scored = score_file(source, str(output), rejected, model=model, **options)
    assert rejected.exists() == bool(scored.n_rejected)
    return scored, read_csv(output), read_csv(rejected) if rejected.exists() else []


def test_adds_the_segment_to_every_column_of_the_file(tmp_path: Path) -> None:
    scored, rows, rejected = score(tmp_path, "0001,Male,19,15,39", "2,f,21,15.0,81")

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (2, 0, 0)
    assert list(rows[0]) == [*HEADER.split(","), *ADDED_COLUMNS]
    assert rejected == []
    assert rows[0] | {"distance": "", "membership": ""} == {
        "CustomerID": "0001",
        "Gender": "Male",
        "Age": "19",
        "Annual Income (k$)": "15",
        "Spending Score (1-100)": "39",
        "segment_id": "4",
        "segment_name": "Low income and low spending",
        "persona": "Persona 4",
        "distance": "",
        "second_segment_id": "1",
        "membership": "",
        "is_outlier": "false",
        "is_imputed": "false",
        "main_reason": "annual_income_kusd",
    }
    assert rows[1]["Annual Income (k$)"] == "15.0"


def test_rejects_rows_with_every_reason(tmp_path: Path) -> None:
    scored, rows, rejected = score(
        tmp_path,
        "1,Male,19,15,39",
        "2,Male,0,15,101",
        ",Male,19,15,39",
        "4,Male,19,15,39",
        "4,Male,19,15,39",
        "5,Male,19,15,39",
        "5,Male,19,15,40",
        "<<<<<<< HEAD,,,,",
        "6,Male,x,15,39",
        "8,Male,19.5,15,39",
        "Exported 2026-11-21,,,,",
        *(f"{number},Male,30,60,50" for number in range(100, 200)),
    )

    assert [row["CustomerID"] for row in rows[:3]] == ["1", "4", "100"]
    assert {row["source_row"]: row["rejection_reasons"] for row in rejected} == {
        "2": "age_years: below 1; spending_score: above 100",
        "3": "customer_id: missing",
        "5": "duplicate row",
        "6": "customer_id: rows with the same id differ",
        "7": "customer_id: rows with the same id differ",
        "8": "merge-conflict marker; no feature value",
        "9": "age_years: not a number",
        "10": "age_years: not a whole number",
        "11": "no feature value",
    }
    assert (scored.n_scored, scored.n_rejected) == (102, 9)
    assert scored.reasons["customer_id: rows with the same id differ"] == 2


def test_imputes_missing_values_and_says_so(tmp_path: Path) -> None:
    scored, rows, _ = score(tmp_path, "1,Male,,15,39", "2,Male,19,?,39", GOOD)

    assert [row["is_imputed"] for row in rows] == ["false", "true", "false"]
    assert scored.n_imputed == 1


def test_counts_no_imputed_value_of_a_rejected_row(tmp_path: Path) -> None:
    scored, _, _ = score(tmp_path, "1,Male,20,15,", "2,Male,-5,15,", GOOD)

    assert (scored.n_scored, scored.n_rejected, scored.n_imputed) == (2, 1, 1)


def test_a_model_that_rejects_missing_values_rejects_them(tmp_path: Path) -> None:
    content = model_content() | {"missing_values": "reject"}
    strict = write_example_model(tmp_path / "model.json", content)

    _, rows, rejected = score(
        tmp_path, "1,Male,,15,39", "2,Male,19,?,39", "3,,19,15,39", model=strict
    )

    assert [row["CustomerID"] for row in rows] == ["3"]
    assert [row["rejection_reasons"] for row in rejected] == [
        "age_years: missing",
        "annual_income_kusd: missing",
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_every_format_has_the_order_of_the_file(tmp_path: Path, suffix: str) -> None:
    lines = [
        f"{n},Male,{20 + n % 50},{n % 130},{1 + n % 100 + 100 * (n % 97 == 0)}"
        for n in range(1, 30_000)
    ]
    # A repeated id is looked up for every row, and must not change their order.
    source = write_customers(tmp_path / "customers.csv", *lines, lines[0])
    output = tmp_path / f"out.{suffix}"

    score_file(source, str(output), None, model=example_model())

    read = {"csv": "read_csv", "parquet": "read_parquet", "jsonl": "read_json"}[suffix]
    found = duckdb.sql(f"select \"CustomerID\" from {read}('{output}')").fetchall()
    accepted = [n for n in range(1, 30_000) if n % 97]
    assert [int(row[0]) for row in found] == accepted


def test_json_lines_keep_texts_as_they_came(tmp_path: Path) -> None:
    source = write_customers(tmp_path / "customers.csv", '007,"=1+1",19,15,39')
    output = tmp_path / "out.jsonl"

    score_file(source, str(output), None, model=example_model())

    row = json.loads(output.read_text())
    assert (row["CustomerID"], row["Gender"], row["segment_id"]) == ("007", "=1+1", 4)


def test_reads_parquet_with_numbers(tmp_path: Path) -> None:
    source, output = tmp_path / "customers.parquet", tmp_path / "out.parquet"
    duckdb.sql(f"""
        copy (
            select * from (values
                (1, 'Male', 19, 15.4, 39), (2, 'Female', null, 500, 1),
                (3, 'Male', 20, 'nan'::double, 50)
            ) as t ("CustomerID", "Gender", "Age", "Annual Income (k$)", "Score")
        ) to '{source}'
    """)

    scored = score_file(str(source), str(output), None, model=example_model())

    assert (scored.n_scored, scored.n_imputed) == (3, 1)
    found = duckdb.sql(f"select \"CustomerID\", segment_id, is_outlier from '{output}'")
    assert found.fetchall()[:2] == [(1, 4, False), (2, 3, True)]


def test_cells_are_written_as_they_came_but_harmless(tmp_path: Path) -> None:
    _, rows, _ = score(
        tmp_path,
        '"C,1","=1+1",19,15,39,"says ""hi"""',
        '-2,+x,19,15,39,"two\nlines"',
        '3,"a;=cmd();b",19,15,39,"x;-5"',
        header=f"{HEADER},=cmd()",
    )

    assert [(row["CustomerID"], row["Gender"], row["'=cmd()"]) for row in rows] == [
        ("C,1", "'=1+1", 'says "hi"'),
        ("-2", "'+x", "two\nlines"),
        ("3", "a;'=cmd();b", "x;'-5"),
    ]


def test_columns_of_the_file_keep_their_names(tmp_path: Path) -> None:
    _, (row,), _ = score(
        tmp_path, f"{GOOD},x,y", header=f"{HEADER},Segment_ID,distance"
    )

    assert (row["Segment_ID"], row["distance"]) == ("x", "y")
    assert row["segment_id (mall_segments)"] == "1"
    assert float(row["distance (mall_segments)"]) > 0


def test_the_rows_that_are_rejected_keep_their_names_too(tmp_path: Path) -> None:
    _, (row,), (refused,) = score(
        tmp_path,
        f"{GOOD},x,y",
        "901,Male,30,-1,50,v,w",
        header=f"{HEADER},source_row,Rejection_Reasons",
    )

    assert (row["source_row"], row["Rejection_Reasons"]) == ("x", "y")
    assert (refused["source_row"], refused["Rejection_Reasons"]) == ("v", "w")
    assert refused["source_row (mall_segments)"] == "2"
    assert refused["rejection_reasons (mall_segments)"] == "annual_income_kusd: below 0"

    # And what this run rejected is not left for the next one's.
    score(tmp_path, GOOD)
    assert not (tmp_path / "rejected.csv").exists()


def test_nothing_is_written_where_no_row_can_be_scored(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        score(tmp_path, *[f"Exported {day} May,,,," for day in range(1, 4)], ",f,30,9,")

    assert str(refusal.value).endswith(
        "customers.csv': no row of it can be scored: no feature value (3 rows); "
        "customer_id: missing (1 rows, such as null in row 4)."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("out.xlsx", "ends in '.xlsx', which says no format"),
        ("nowhere/out.csv", "there is no folder"),
        ("folder.csv", "is a folder; name a file"),
        ("customers.csv", "is the customer file itself"),
        ("rejected.csv", "both scored and rejected rows"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path, output: str, complaint: str
) -> None:
    source = write_customers(tmp_path / "customers.csv", GOOD)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=complaint):
        score_file(
            source,
            str(tmp_path / output),
            tmp_path / "rejected.csv",
            model=example_model(),
        )


def test_an_unknown_segmentation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no segmentation 'vip'"):
        score(tmp_path, GOOD, segmentation="vip")


@pytest.mark.parametrize(
    "size", ["plenty", "0", "0GB", "-1GB", "-1", "10", "101%", "none", "1e3GB", "1 G B"]
)
def test_a_size_of_memory_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_MEMORY", size)
    with pytest.raises(InputError) as refusal:
        score(tmp_path, GOOD)
    assert str(refusal.value) == (
        f"MALL_SEGMENTS_MEMORY is '{size}'; it must be a size such as 4GB or 500MB, or "
        "a share of this machine's memory such as 50%."
    )


@pytest.mark.parametrize("size", ["", "1GB", " 0.5 gib ", "300MB", "50%"])
def test_a_size_of_memory_may_be_written_in_many_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_MEMORY", size)
    scored, *_ = score(tmp_path, GOOD)
    assert scored.n_scored


def test_memory_that_is_not_enough_is_named_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_MEMORY", "1MB")
    with pytest.raises(InputError) as refusal:
        score(tmp_path, GOOD)
    assert "MALL_SEGMENTS_MEMORY is 1MB: allow more." in str(refusal.value)
    assert "SET threads" not in str(refusal.value)


def test_tells_how_far_it_is(tmp_path: Path) -> None:
    steps: list[str] = []

    def progress(step: str, share: float) -> None:
        assert 0 <= share <= 1
        if step not in steps:
            steps.append(step)

    score(tmp_path, GOOD, progress=progress)

    assert steps == ["inspecting", "reading", "checking", "writing"]


LINES = [f"{n},Male,{20 + n % 50},{15 + n},{1 + n % 100}" for n in range(1, 60)]


def by_column(*wanted: int) -> list[str]:
    return [",".join(line.split(",")[at] for at in wanted) for line in LINES]


@pytest.mark.parametrize(
    ("header", "lines", "reading"),
    [
        pytest.param(
            "CustomerID;Gender;Age;Annual Income (k$);Spending Score (1-100)",
            [f"{n};Male;19;{15 + n},5;39" for n in range(60)],
            Reading(),
            id="02 decimal commas",
        ),
        pytest.param(
            ",Gender,Age,Annual Income (k$),Spending Score (1-100)",
            LINES,
            Reading(columns={"customer_id": "column_1"}),
            id="24 an id without a header",
        ),
        pytest.param(
            "CustomerID,Annual Income (k$),Spending Score (1-100)",
            by_column(0, 3, 4),
            Reading(),
            id="70 no age",
        ),
        pytest.param(
            "Annual Income (k$),Spending Score (1-100)",
            by_column(3, 4),
            Reading(),
            id="70 no id",
        ),
        pytest.param(
            f"Kennziffer,{HEADER.partition(',')[2]}",
            LINES,
            Reading(columns={"customer_id": "Kennziffer"}),
            id="71 a header that no alias knows",
        ),
        pytest.param(
            f"{HEADER},surplus_cells",
            [f"{line},x" for line in LINES],
            Reading(),
            id="81 a column called like one of ours",
        ),
    ],
)
def test_files_that_people_have_are_scored(
    tmp_path: Path, header: str, lines: list[str], reading: Reading
) -> None:
    scored, rows, _ = score(tmp_path, *lines, header=header, reading=reading)

    assert scored.n_scored == len(rows) == len(lines)
    assert list(rows[0])[-len(ADDED_COLUMNS) :] == list(ADDED_COLUMNS)


@pytest.mark.parametrize(
    ("header", "line", "reading", "complaint"),
    [
        pytest.param(
            "Name,Colour", "x,y", Reading(), "--column NAME=HEADER", id="71 advice"
        ),
        pytest.param(
            HEADER,
            GOOD,
            Reading(columns={"custmer_id": "ID"}),
            "Did you mean 'customer_id'",
            id="a column the model has not",
        ),
        pytest.param(
            HEADER,
            GOOD,
            Reading(columns={"customer_id": "Kennziffer"}),
            "has no column 'Kennziffer'",
            id="a header the file has not",
        ),
    ],
)
def test_files_that_cannot_be_scored_get_advice(
    tmp_path: Path, header: str, line: str, reading: Reading, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        score(tmp_path, *[line] * 3, header=header, reading=reading)

    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_a_date_is_no_number(tmp_path: Path) -> None:
    source = tmp_path / "customers.parquet"
    duckdb.sql(f"""
        copy (select range as "CustomerID", date '2020-01-01' as "Annual Income (k$)",
        50 as "Score" from range(30)) to '{source}'
    """)
    with pytest.raises(InputError, match="DATE"):
        score_file(str(source), str(tmp_path / "o.csv"), None, model=example_model())
