"""The command ``mall-segments audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner, Result
from sample_published import FIRST

from mall_segments.cli import main
from mall_segments.model import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from generation_copy import GenerationCopy


def run(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(
        main, ["--home", str(home), "audit", *map(str, arguments)]
    )


@pytest.fixture(autouse=True)
def report_of_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the report, which needs more tables than the sample has."""

    def copy_report(folder: Path, *, output: Path, audit: Path) -> None:
        load_model(folder / "model.json")
        verdict = json.loads(audit.read_text(encoding="utf-8"))["verdict"]
        output.write_text(verdict, encoding="utf-8")

    monkeypatch.setattr("mall_segments.report.copy_report", copy_report)


def test_sound_generation_exits_with_0_and_keeps_its_results(
    copy: GenerationCopy,
) -> None:
    gone = copy.home / "published" / "audits" / "20200101T000000.000000Z-00000000"
    gone.mkdir(parents=True)

    result = run(copy.home)

    assert result.exit_code == 0, result.output
    # Audits of generations that are not kept any more are not kept, either.
    assert not gone.exists()
    verdict = result.output.splitlines()[-1]
    assert verdict.startswith(f"PASSED: {copy.build_id} meets all")
    folder = copy.home / "published" / "audits" / copy.build_id
    content = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert content["verdict"] == verdict
    assert verdict in (folder / "audit.html").read_text(encoding="utf-8")
    rows = duckdb.sql(
        f"select outcome, count(*) from '{folder}/audit.parquet' group by all"
    ).fetchall()
    assert rows == [("passed", len(content["results"]))]
    assert sorted(path.name for path in folder.iterdir()) == [
        "audit.html",
        "audit.json",
        "audit.parquet",
        "report.html",
    ]
    assert (folder / "report.html").read_text(encoding="utf-8") == verdict


def test_damage_leaves_no_report_that_shows_an_earlier_audit(
    copy: GenerationCopy,
) -> None:
    folder = copy.home / "published" / "audits" / copy.build_id
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("passed", encoding="utf-8")
    (copy.folder / "model.json").chmod(0o644)
    (copy.folder / "model.json").write_text("{}", encoding="utf-8")

    result = run(copy.home, "--quiet")

    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(f"FAILED: {copy.build_id}")
    assert "model.json" in result.output
    assert not (folder / "report.html").exists()
    assert (folder / "audit.html").exists()


def test_defect_exits_with_1_and_comes_first(copy: GenerationCopy) -> None:
    copy.run("update dim_segments set customer_share = 2 where segment_id = 1")
    copy.seal()

    result = run(copy.home, "--suite", "columns")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("failed   columns: n_outside is 0:")
    assert lines[-1].startswith(f"FAILED: {copy.build_id} breaks 1 of")
    # A part of an audit is not kept as if it were all of it.
    assert not (copy.home / "published" / "audits").exists()


def test_results_go_where_they_are_asked_for(
    copy: GenerationCopy, tmp_path: Path
) -> None:
    json_file, html_file = tmp_path / "audit.json", tmp_path / "audit.html"

    result = run(
        copy.home,
        *("--suite", "tables", "--json", json_file, "--html", html_file),
    )

    assert result.exit_code == 0
    assert json.loads(json_file.read_text(encoding="utf-8"))["has_passed"] is True
    assert html_file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_earlier_generation_can_be_audited(sample_home: Path) -> None:
    result = run(sample_home, "--generation", FIRST, "--suite", "tables")

    assert result.exit_code == 0
    assert FIRST in result.output


def test_every_expectation_is_shown_on_request(copy: GenerationCopy) -> None:
    suite = ("--suite", "dim_segments")
    short = run(copy.home, *suite).output.splitlines()
    complete = run(copy.home, *suite, "--all").output.splitlines()

    assert len(complete) > len(short) + 1
    assert run(copy.home, *suite, "--quiet").output.splitlines() == [short[-1]]


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("--generation", "yesterday"), "there is no generation yesterday; kept are "),
        (("--suite", "segment"), "the audit has no suite 'segment'; it has "),
        (("--suite", "tables", "--json", "/no/such/folder/x"), "cannot be written"),
    ],
)
def test_impossible_requests_are_refused_in_a_sentence(
    arguments: tuple[str, ...], refusal: str, sample_home: Path
) -> None:
    result = run(sample_home, *arguments)

    assert result.exit_code == 1
    assert "Error: " in result.output
    assert refusal in result.output
    assert "Traceback" not in result.output


def test_a_refusal_sets_apart_suites_whose_names_have_commas(
    sample_home: Path,
) -> None:
    message = run(sample_home, "--suite", "segment").output

    assert "; fct_customer_segments, by the model; " in message


def test_nothing_published_is_refused_in_a_sentence(tmp_path: Path) -> None:
    result = run(tmp_path)

    assert result.exit_code == 1
    assert "nothing is published" in result.output


def test_suites_of_the_project_are_run_too(sample_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "quality"
    folder.mkdir(parents=True)
    (folder / "ours.yml").write_text(
        "- name: ours\n  meta: {table: dim_segments}\n  expectations:\n"
        "    - {type: expect_table_row_count_to_equal, kwargs: {value: 5}}\n",
        encoding="utf-8",
    )

    result = run(sample_home, "--project", tmp_path, "--suite", "ours", "--all")

    assert result.exit_code == 0
    assert "ours: row count to equal: value 5; 5 rows" in result.output
