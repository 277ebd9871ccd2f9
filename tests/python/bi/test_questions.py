"""The questions a marketer asks: each has a true answer, and the page shows it."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner
from shared_project import PROJECT, Project, alone_with

from mall_segments.bi.questions import (
    Question,
    answer_question,
    answer_questions,
    markdown_table,
    read_questions,
)
from mall_segments.cli import main
from mall_segments.errors import InputError
from mall_segments.model import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = PROJECT / "analyses" / "questions"
QUESTIONS = {question.name: question for question in read_questions(FOLDER)}
Rows = list[dict[str, Any]]
SHIPPED = "income_spending"


@pytest.fixture(scope="module")
def database(published_home: Path) -> Path:
    return published_home / "published" / "current" / "mall_segments.duckdb"


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[Any]:
    with duckdb.connect(str(database), read_only=True) as opened:
        yield opened


def ask(connection: Any, name: str) -> Rows:
    return answer_question(connection, QUESTIONS[name])


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """The shipped file, read without the project."""
    frame = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    frame.columns = ["id", "gender", "age", "income", "spending"]
    return frame


def test_at_least_ten_questions_are_asked_as_questions() -> None:
    assert len(QUESTIONS) >= 10
    assert set(QUESTIONS) == {path.stem for path in FOLDER.glob("*.sql")}
    assert len({question.text for question in QUESTIONS.values()}) == len(QUESTIONS)
    for question in QUESTIONS.values():
        assert re.fullmatch(r"[A-Z][^?]+\?", question.text)
        assert question.note
        assert "{" not in question.sql


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_an_answer(connection: Any, name: str) -> None:
    rows = ask(connection, name)
    assert rows
    for row in rows:
        assert not any(
            isinstance(value, float) and not math.isfinite(value)
            for value in row.values()
        )


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_does_not_depend_on_the_order_of_rows(
    connection: Any, name: str
) -> None:
    """Every table is read backwards; a query without a full order would show it."""
    tables = [
        table
        for (table,) in connection.execute(
            "select table_name from duckdb_tables()"
        ).fetchall()
    ]
    question = QUESTIONS[name]
    backwards = re.sub(
        rf"\bfrom ({'|'.join(tables)})\b",
        r"from (select * from \1 order by rowid desc)",
        question.sql,
    )
    assert backwards != question.sql
    assert (
        connection.execute(backwards).fetchall()
        == connection.execute(question.sql).fetchall()
    )


def test_no_question_names_a_column_of_the_shipped_file(published_home: Path) -> None:
    model = load_model(published_home / "published" / "current" / "model.json")
    # fct_customer_rfm has columns of its own that are called like features of orders.
    of_orders = {"recency_days", "n_orders", "total_spend"}
    names = {column.name for column in model.columns} - of_orders
    names |= {segmentation.name for segmentation in model.segmentations} | {"age_band"}
    for question in QUESTIONS.values():
        assert not names & set(re.findall(r"\w+", question.sql)), question.name


def test_segments_are_told_by_what_they_differ_in_most(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = [
        row
        for row in ask(connection, "who_is_in_each_segment")
        if (row["segmentation"], row["persona"]) == (SHIPPED, "Careful savers")
    ]
    savers = customers[(customers["income"] > 70) & (customers["spending"] < 39)]
    means = {row["feature"]: row["mean"] for row in rows}
    expected = {
        "annual_income_kusd": round(savers["income"].mean(), 1),
        "spending_score": round(savers["spending"].mean(), 1),
    }
    shown = expected.keys() & means.keys()
    assert shown
    assert {name: means[name] for name in shown} == {
        name: expected[name] for name in shown
    }


def test_the_frequent_levels_of_a_segment_are_those_above_the_average(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = ask(connection, "whom_does_each_segment_attract")
    women = 100 * (customers["gender"] == "Female").mean()
    assert {
        row["percent_of_all_customers"] for row in rows if row["level"] == "female"
    } == {round(women, 1)}
    assert all(
        row["percent_of_segment"] >= row["percent_of_all_customers"] for row in rows
    )


def test_the_worth_of_segments_is_what_their_customers_spent(connection: Any) -> None:
    rows = ask(connection, "what_is_each_segment_worth")
    (total,) = connection.execute(
        "select sum(total_spend) from fct_customer_rfm"
    ).fetchone()
    spent = sum(row["total_spend"] for row in rows if row["segmentation"] == SHIPPED)
    assert spent == pytest.approx(total, abs=len(rows))


def test_sureness_counts_the_customers_on_the_border(connection: Any) -> None:
    counted = connection.execute(
        "select count(*) from fct_customer_segments "
        "where segmentation = 'age_income_spending' and membership < 0.7"
    ).fetchone()[0]
    rows = ask(connection, "how_sure_are_we_of_each_segment")
    on_the_border = sum(
        row["n_customers"] * row["percent_on_the_border"] / 100
        for row in rows
        if row["segmentation"] == "age_income_spending"
    )
    assert on_the_border == pytest.approx(counted, abs=0.2)


def test_the_page_shows_the_answers_of_today(database: Path) -> None:
    shown = (PROJECT / "docs" / "questions.md").read_text("utf-8")
    assert shown == answer_questions(database, list(QUESTIONS.values())), (
        "docs/questions.md is out of date: "
        "run `mall-segments questions -o docs/questions.md` after two builds"
    )


def test_the_command_writes_the_page(
    published_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    arguments = ["--home", str(published_home), "questions"]
    printed = CliRunner().invoke(main, arguments)
    assert printed.exit_code == 0, printed.output
    page = tmp_path / "questions.md"
    written = CliRunner().invoke(main, [*arguments, "-o", str(page)])
    assert written.output == f"{page} written\n"
    assert page.read_text("utf-8") == printed.output


def test_the_command_says_where_to_run_it(
    published_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["--home", str(published_home), "questions"])
    assert result.exit_code == 1
    assert "run the command there" in result.output


def test_names_the_question_that_cannot_be_answered(connection: Any) -> None:
    question = Question("why", "Why?", "Because.", "select reason from dim_segments")
    with pytest.raises(InputError, match=r"why cannot be answered .* Binder Error"):
        answer_question(connection, question)


def test_hostile_text_stays_within_its_cell() -> None:
    table = markdown_table([{"persona": "a | b\n<script>alert(1)</script> `x` [y](z)"}])
    assert table.splitlines() == [
        "| persona |",
        "| --- |",
        "| a \\| b \\<script\\>alert(1)\\</script\\> \\`x\\` \\[y\\](z) |",
    ]


def test_an_answer_without_rows_says_so() -> None:
    assert markdown_table([]) == "No rows.\n"


def test_a_long_answer_is_cut_and_says_so() -> None:
    table = markdown_table([{"n": n} for n in range(15)])
    assert table.endswith("| 11 |\n\n3 more rows are not shown.\n")


def test_questions_of_absent_tables_are_named_and_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "small.duckdb"
    with duckdb.connect(str(file)) as small:
        small.execute("create table dim_segments as select 1 as segment_id")
    asked = Question(
        "a", "Which?", "", "from dim_segments", frozenset({"dim_segments"})
    )
    other = Question("b", "Who?", "", "from fct_x", frozenset({"fct_x"}))
    page = answer_questions(file, [asked, other], with_sql=True)
    assert "## Which?" in page
    assert "```sql\nfrom dim_segments\n```" in page
    assert page.endswith("## Not asked\n\n- Who? It needs fct_x.\n")


@pytest.mark.slow  # Compiling takes dbt 10 s.
def test_dbt_compiles_the_same_questions(published_home: Path, database: Path) -> None:
    # In the home it was parsed for, dbt need not parse the project again.
    with alone_with(published_home):
        compiled = Project(PROJECT, published_home).run(
            "compile", "--select", "resource_type:analysis"
        )
    assert compiled.returncode == 0, compiled.stdout
    folder = published_home / "target" / "compiled" / "mall_segments" / "analyses"
    files = {path.stem: path for path in (folder / "questions").glob("*.sql")}
    assert set(files) == set(QUESTIONS)
    with duckdb.connect() as opened:
        opened.execute(f"attach '{database}' as mall_segments_working (read_only)")
        for name, path in files.items():
            rows = opened.execute(path.read_text("utf-8")).fetchall()
            opened.execute("use mall_segments_working")
            answer = answer_question(opened, QUESTIONS[name])
            assert rows == [tuple(row.values()) for row in answer]


def test_doubtful_customers_name_two_segments(connection: Any) -> None:
    rows = ask(connection, "who_is_closest_to_another_segment")
    assert all(row["persona_today"] != row["nearest_other"] for row in rows)
    for segmentation in {row["segmentation"] for row in rows}:
        memberships = [
            row["membership"] for row in rows if row["segmentation"] == segmentation
        ]
        assert len(memberships) == 5
        assert memberships == sorted(memberships)


def test_reasons_count_every_customer_once(connection: Any) -> None:
    rows = ask(connection, "what_decides_who_is_in_which_segment")
    counted = Counter[str]()
    for row in rows:
        counted[row["segmentation"]] += row["n_customers"]
    assert set(counted.values()) == {200}


def test_verdicts_are_told_with_what_chance_would_give(connection: Any) -> None:
    rows = ask(connection, "are_there_segments_at_all")
    for row in rows:
        beyond = row["silhouette"] > row["silhouette_by_chance"]
        assert beyond == (row["verdict"] != "no segments")


def test_outliers_lie_farther_than_usual(connection: Any) -> None:
    rows = ask(connection, "which_customers_are_outliers")
    assert all(row["distance"] > row["usual_up_to"] for row in rows)


def test_the_published_number_of_segments_is_among_those_told(
    connection: Any,
) -> None:
    rows = ask(connection, "why_this_many_segments")
    chosen = {row["segmentation"]: row for row in rows if row["is_chosen"]}
    assert chosen[SHIPPED]["n_segments"] == 5
    assert "silhouette" in chosen[SHIPPED]["best_by"].split(", ")


def test_kmeans_agrees_with_itself(connection: Any) -> None:
    rows = ask(connection, "do_other_algorithms_find_the_same_segments")
    assert {
        row["agreement"]
        for row in rows
        if row["algorithm"] == "kmeans" and row["segmentation"] == SHIPPED
    } == {1}


def test_segmentations_are_compared_once_each(connection: Any) -> None:
    rows = ask(connection, "do_the_segmentations_agree")
    assert all(row["segmentation"] < row["other_segmentation"] for row in rows)


def test_the_same_file_again_moves_nobody(connection: Any) -> None:
    rows = ask(connection, "what_changed_since_the_last_build")
    assert {row["movement"] for row in rows} == {"stayed"}
    drift = ask(connection, "have_the_customers_changed_since_the_last_build")
    assert {row["reading"] for row in drift} == {"stable"}
