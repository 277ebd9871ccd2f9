"""What the report writes, needs and refuses; the command; the pictures."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import duckdb
import pytest
from click.testing import CliRunner, Result
from report_figures import read_report
from report_pages import shipped
from sample_generation import BUILD_ID, write_generation

from mall_segments.commands.report import command
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import DATABASE, MODEL, current_generation
from mall_segments.publishing.switching import new_generation, seal_generation
from mall_segments.report import REPORT, copy_report, write_report

Generate = Callable[[str], Path]

AUDIT_RESULT = {
    "has_passed": False,
    "counts": {"failed": 1, "warning": 0, "passed": 1234},
    "results": [
        {
            "outcome": outcome,
            "suite": "dim_segments",
            "column": "customer_share",
            "meaning": "adds up to 1",
            "observed": observed,
        }
        for outcome, observed in (("failed", "<b>0.98</b>"), ("passed", "never shown"))
    ],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish the shipped sample with its report."""
    folder = tmp_path_factory.mktemp("home")
    with new_generation(folder, BUILD_ID, keep_generations=1) as draft:
        write_generation(draft.folder, shipped())
        write_report(draft.folder)
        seal_generation(draft, {})
    return folder


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments], obj=home)


def test_writes_one_file_that_is_the_same_every_time(
    generation: Generate, tmp_path: Path
) -> None:
    source = generation("mixed")
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    (tmp_path / REPORT).unlink()
    before = {path.name for path in tmp_path.iterdir()}
    write_report(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - before == {REPORT}
    assert (tmp_path / REPORT).read_bytes() == (source / REPORT).read_bytes()


def test_a_missing_table_is_refused_by_name(
    generation: Generate, tmp_path: Path
) -> None:
    for name in (DATABASE, MODEL):
        shutil.copyfile(generation("one feature") / name, tmp_path / name)
    with duckdb.connect(str(tmp_path / DATABASE)) as connection:
        connection.execute("DROP TABLE fct_segment_rules")
    with pytest.raises(PublishError, match=r"cannot be drawn from.*fct_segment_rules"):
        write_report(tmp_path)


def links(report: Path) -> list[str]:
    return re.findall(r'<a href="([^"#]+)" download', report.read_text("utf-8"))


def test_lists_are_linked_where_they_are(generation: Generate, tmp_path: Path) -> None:
    folder = generation("shipped")
    expected = ["segmented_mall_customers.csv", "parquet/dim_segments.parquet"]
    assert links(folder / REPORT) == expected
    elsewhere = tmp_path / "a" / "copy of.html"
    elsewhere.parent.mkdir()
    copy_report(folder, output=elsewhere)
    found = [(elsewhere.parent / link).resolve() for link in links(elsewhere)]
    assert found == [(folder / name).resolve() for name in expected]


def test_lists_that_were_not_written_are_not_linked(
    generation: Generate, tmp_path: Path
) -> None:
    for name in (DATABASE, MODEL):
        shutil.copyfile(generation("shipped") / name, tmp_path / name)
    write_report(tmp_path)
    assert links(tmp_path / REPORT) == []
    assert 'id="lists"' not in (tmp_path / REPORT).read_text("utf-8")


def test_the_result_of_an_audit_is_shown(generation: Generate, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(AUDIT_RESULT))
    output = tmp_path / REPORT
    copy_report(generation("shipped"), output=output, audit=tmp_path / "audit.json")
    page = output.read_text("utf-8")
    assert "&lt;b&gt;0.98&lt;/b&gt;" in page
    assert "1,234" in page
    assert "never shown" not in page
    assert read_report(tmp_path).stray == []


@pytest.mark.parametrize("content", ["{", "[]", '{"results": []}'])
def test_what_is_no_audit_is_refused(
    generation: Generate, tmp_path: Path, content: str
) -> None:
    (tmp_path / "audit.json").write_text(content)
    with pytest.raises(PublishError, match="audit"):
        copy_report(
            generation("shipped"),
            output=tmp_path / REPORT,
            audit=tmp_path / "audit.json",
        )
    assert not (tmp_path / REPORT).exists()


def test_the_command_says_where_the_report_is(home: Path) -> None:
    result = run(home)
    assert result.exit_code == 0, result.output
    current = current_generation(home)
    assert current
    assert Path(result.output.strip()).resolve() == (current / REPORT).resolve()


def test_the_command_opens_the_report(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    assert run(home, "--open").exit_code == 0
    assert opened[0].startswith("file://")
    assert opened[0].endswith(REPORT)


def test_the_command_writes_copies_and_pictures(home: Path, tmp_path: Path) -> None:
    output, pictures = tmp_path / "copy.html", tmp_path / "pictures"
    result = run(home, "--output", str(output), "--pictures", str(pictures))
    assert result.output.split() == [str(output), str(pictures)]
    assert "Customer segments" in output.read_text("utf-8")
    names = {path.stem for path in pictures.glob("*.png")}
    assert names == {path.stem for path in pictures.glob("*.svg")}
    assert "income_spending_map" in names
    drawn = ET.fromstring((pictures / "income_spending_map.svg").read_text("utf-8"))  # noqa: S314
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Target customers", "200 customers in 5 segments"} <= texts
    assert "var(" not in (pictures / "income_spending_map.svg").read_text("utf-8")
