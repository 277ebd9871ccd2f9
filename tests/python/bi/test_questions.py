"""The questions a marketer asks: each has a true answer, and the page shows it."""

from __future__ import annotations

import math
import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner
from shared_project import PROJECT, Project, alone_with

from mall_segments.bi.questions import (
    Answer,
    Question,
    answer_question,
    answer_questions,
    markdown_table,
    read_questions,
)
from mall_segments.cli import main
from mall_segments.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = PROJECT / "analyses" / "questions"
QUESTIONS = {question.name: question for question in read_questions(FOLDER)}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def database(published_home: Path) -> Path:
    return published_home / "published" / "current" / "mall_segments.duckdb"


@pytest.fixture(scope="module")
def connection(database: Path) -> Iterator[Any]:
    with duckdb.connect(str(database), read_only=True) as opened:
        yield opened


def ask(connection: Any, name: str) -> Rows:
    answer = answer_question(connection, QUESTIONS[name])
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """The shipped file, read without the project."""
    frame = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    frame.columns = ["id", "gender", "age", "income", "spending"]
    return frame


def test_at_least_ten_questions_are_asked_as_questions() -> None:
    assert len(QUESTIONS) >= 10
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


def test_target_customers_have_much_income_and_spend_it(connection: Any) -> None:
    rows = {
        row["feature"]: row for row in ask(connection, "who_are_the_target_customers")
    }
    assert {row["n_customers"] for row in rows.values()} == {39}
    assert rows["annual_income_kusd"]["mean"] == 86.5
    assert rows["spending_score"]["mean"] == 82.1
    assert rows["annual_income_kusd"]["mean_of_all_customers"] == 60.6


def test_high_income_customers_who_do_not_spend_are_in_the_file(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = ask(connection, "which_high_income_customers_do_not_spend")
    file = customers[(customers["income"] >= 70) & (customers["spending"] < 40)]
    richest = file.sort_values(["income", "spending"], ascending=[False, True])
    assert [int(row["customer_id"]) for row in rows] == list(richest["id"][:10])


def test_customers_closest_to_the_target_are_not_target_customers(
    connection: Any,
) -> None:
    rows = ask(connection, "who_is_closest_to_becoming_a_target_customer")
    assert len(rows) == 10
    assert "Target customers" not in {row["persona_today"] for row in rows}
    margins = [row["margin"] for row in rows]
    assert margins == sorted(margins)


def test_losing_a_segment_is_computed_from_the_customers(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = {
        row["persona"]: row
        for row in ask(connection, "what_would_we_lose_with_each_segment")
    }
    budget = customers[(customers["income"] < 40) & (customers["spending"] <= 40)]
    others = customers.drop(budget.index)
    lost = rows["Budget shoppers"]
    assert lost["n_customers"] == len(budget)
    assert lost["percent_of_spending"] == round(
        100 * budget["spending"].sum() / customers["spending"].sum(), 1
    )
    assert lost["mean_spending_without_them"] == round(others["spending"].mean(), 1)
    for share in ("percent_of_customers", "percent_of_spending"):
        assert sum(row[share] for row in rows.values()) == pytest.approx(100, abs=0.3)


def test_each_segment_differs_most_in_one_feature(connection: Any) -> None:
    rows = ask(connection, "where_do_segments_differ_most")
    assert len(rows) == 8
    away = [abs(row["standard_deviations_away"]) for row in rows]
    assert away == sorted(away, reverse=True)


def test_age_and_gender_count_every_customer_once(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = ask(connection, "which_age_and_gender_have_target_customers")
    assert sum(row["n_customers"] for row in rows) == len(customers)
    assert sum(row["n_target_customers"] for row in rows) == 39
    women = [row["n_customers"] for row in rows if row["gender"] == "female"]
    assert sum(women) == (customers["gender"] == "Female").sum()


def test_women_and_men_make_up_every_segment(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = ask(connection, "which_segments_attract_women_or_men")
    assert sum(row["n_women"] + row["n_men"] for row in rows) == len(customers)
    share = 100 * (customers["gender"] == "Female").mean()
    assert {row["percent_women_of_all_customers"] for row in rows} == {round(share, 1)}


def test_outliers_lie_farther_than_usual(connection: Any) -> None:
    rows = ask(connection, "which_customers_are_outliers")
    assert rows[0]["customer_id"] == "200"
    assert all(row["distance"] > row["usual_up_to"] for row in rows)


def test_sureness_counts_the_customers_on_the_border(connection: Any) -> None:
    counted = connection.execute(
        "select count(*) from fct_customer_segments "
        "where segmentation = 'age_income_spending' and margin < 0.2"
    ).fetchone()[0]
    rows = ask(connection, "how_sure_are_we_of_each_segment")
    on_the_border = sum(
        row["n_customers"] * row["percent_on_the_border"] / 100
        for row in rows
        if row["segmentation"] == "age_income_spending"
    )
    assert on_the_border == pytest.approx(counted, abs=0.2)


def test_five_segments_are_published_because_the_silhouette_says_so(
    connection: Any,
) -> None:
    rows = ask(connection, "why_this_many_segments")
    chosen = [row for row in rows if row["is_chosen"]]
    assert [row["n_segments"] for row in chosen] == [5]
    assert chosen[0]["silhouette"] == max(
        row["silhouette"] for row in rows if row["silhouette"] is not None
    )


def test_kmeans_agrees_with_itself(connection: Any) -> None:
    rows = ask(connection, "do_other_algorithms_find_the_same_segments")
    assert rows[0]["algorithm"] == "kmeans"
    assert rows[0]["agreement"] == 1


def test_both_segmentations_hold_every_customer(
    connection: Any, customers: pd.DataFrame
) -> None:
    rows = ask(connection, "do_the_two_segmentations_agree")
    assert sum(row["n_customers"] for row in rows) == len(customers)


def test_the_same_file_again_moves_nobody(connection: Any) -> None:
    rows = ask(connection, "what_changed_since_the_last_build")
    assert {row["movement"] for row in rows} == {"stayed"}
    drift = ask(connection, "have_the_customers_changed_since_the_last_build")
    assert {row["reading"] for row in drift} == {"stable"}


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


def test_refuses_questions_without_a_description(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "questions")
    (folder / "who_is_new.sql").write_text("select 1")
    with pytest.raises(InputError, match="no description or no file of who_is_new"):
        read_questions(folder)


def test_refuses_queries_that_only_dbt_can_run(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "questions")
    path = folder / "who_are_the_target_customers.sql"
    path.write_text("select {{ var('x') }} from {{ ref('dim_segments') }}")
    with pytest.raises(InputError, match=r"uses more than ref\(\)"):
        read_questions(folder)


def test_refuses_descriptions_that_ask_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "questions")
    path = folder / "_questions.yml"
    path.write_text(path.read_text("utf-8").replace("target customers? Four", "Four"))
    with pytest.raises(InputError, match="who_are_the_target_customers does not begin"):
        read_questions(folder)


def test_names_the_question_that_cannot_be_answered(connection: Any) -> None:
    question = Question("why", "Why?", "Because.", "select reason from dim_segments")
    with pytest.raises(InputError, match=r"why cannot be answered .* Binder Error"):
        answer_question(connection, question)


def test_hostile_text_stays_within_its_cell() -> None:
    table = markdown_table(
        Answer(("persona",), (("a | b\n<script>alert(1)</script> `x` [y](z)",),))
    )
    assert table.splitlines() == [
        "| persona |",
        "| --- |",
        "| a \\| b \\<script\\>alert(1)\\</script\\> \\`x\\` \\[y\\](z) |",
    ]


def test_an_answer_without_rows_says_so() -> None:
    assert markdown_table(Answer(("persona",), ())) == "No rows.\n"


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
            assert tuple(rows) == answer_question(opened, QUESTIONS[name]).rows
