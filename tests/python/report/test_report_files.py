"""What the report writes, needs and refuses; the command; the pictures."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import pytest
from click.testing import CliRunner, Result
from sample_generation import BUILD_ID

from mall_segments.cli import main
from mall_segments.publishing.data_tests import DATA_TESTS
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    current_generation,
    new_generation,
    seal_generation,
)
from mall_segments.report import PICTURES, REPORT, write_report

Generate = Callable[[str], Path]

NAMES = [
    "age_income_spending_map",
    "age_income_spending_number",
    "age_income_spending_profiles",
    "income_spending_map",
    "income_spending_number",
    "income_spending_profiles",
]

AUDIT_RESULT = {
    "has_passed": False,
    "counts": {"failed": 1, "warning": 1, "skipped": 0, "passed": 1234},
    "results": [
        {
            "outcome": "failed",
            "suite": "dim_segments",
            "column": "customer_share",
            "meaning": "adds up to 1",
            "observed": "<b>0.98</b>",
        },
        {
            "outcome": "warning",
            "suite": "fct_feature_drift",
            "column": "reading",
            "meaning": "is stable",
            "observed": "major",
        },
        {
            "outcome": "passed",
            "suite": "dim_segments",
            "column": "segment_id",
            "meaning": "is unique",
            "observed": "never shown",
        },
    ],
}


def copy(source: Path, folder: Path) -> Path:
    for name in (DATABASE, MODEL):
        shutil.copyfile(source / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def home(generation: Generate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish the shipped sample with its report."""
    folder = tmp_path_factory.mktemp("home")
    with new_generation(folder, BUILD_ID, keep_generations=1) as draft:
        copy(generation("shipped"), draft.folder)
        write_report(draft.folder, draft.folder / DATABASE)
        seal_generation(draft, {})
    return folder


def parsed(picture: Path) -> ET.Element:
    return ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "report", *arguments])


def test_writes_the_report_and_its_pictures_and_nothing_else(
    generation: Generate, tmp_path: Path
) -> None:
    folder = copy(generation("shipped"), tmp_path)
    write_report(folder, folder / DATABASE)
    assert sorted(path.name for path in folder.iterdir()) == [
        DATABASE,
        MODEL,
        PICTURES,
        REPORT,
    ]
    assert sorted(path.name for path in (folder / PICTURES).iterdir()) == sorted(
        f"{name}.{ending}" for name in NAMES for ending in ("svg", "png")
    )


def test_needs_no_table_with_a_row_per_customer(generation: Generate) -> None:
    with duckdb.connect(str(generation("shipped") / DATABASE), read_only=True) as found:
        tables = {row[0] for row in found.execute("SHOW TABLES").fetchall()}
    assert not {"dim_customers", "fct_customer_segments"} & tables


def test_a_missing_table_is_refused_by_name(
    generation: Generate, tmp_path: Path
) -> None:
    folder = copy(generation("shipped"), tmp_path)
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute("DROP TABLE fct_segment_rules")
    with pytest.raises(PublishError, match=r"cannot be drawn from.*fct_segment_rules"):
        write_report(folder, folder / DATABASE)


def test_pictures_are_complete_without_the_page(generation: Generate) -> None:
    for name in NAMES:
        path = generation("shipped") / PICTURES / f"{name}.svg"
        root = parsed(path)
        ids = {item.get("id") for item in root.iter()} - {None}
        used = {item.get("href") for item in root.iter() if item.tag.endswith("}use")}
        assert used <= {f"#{name}" for name in ids}
        assert "var(" not in path.read_text(encoding="utf-8")


def test_pictures_name_the_segments_where_they_are(generation: Generate) -> None:
    path = generation("shipped") / PICTURES / "income_spending_map.svg"
    root = parsed(path)
    labels = [item.text for item in root.iter() if item.get("class") == "direct-label"]
    assert labels == [
        "Standard customers",
        "Target customers",
        "Careful savers",
        "Budget shoppers",
        "Eager spenders",
    ]


def test_pictures_of_hostile_names_are_still_pictures(generation: Generate) -> None:
    path = generation("hostile") / PICTURES / "income_spending_map.svg"
    root = parsed(path)
    assert not [item for item in root.iter() if item.tag.endswith("}script")]


def test_pixels_are_half_as_many_again_as_the_drawing_is_wide(
    generation: Generate,
) -> None:
    content = (generation("shipped") / PICTURES / f"{NAMES[0]}.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20]) == 1440


def test_the_command_says_where_the_report_is(home: Path) -> None:
    folder = current_generation(home)
    assert folder
    assert run(home).output == f"{folder / REPORT}\n"


def test_the_command_writes_the_report_anywhere(home: Path, tmp_path: Path) -> None:
    folder = current_generation(home)
    assert folder
    output = tmp_path / "mine.html"
    result = run(home, "-o", str(output))
    assert result.exit_code == 0, result.output
    assert output.read_bytes() == (folder / REPORT).read_bytes()


def test_the_command_writes_the_pictures_anywhere(home: Path, tmp_path: Path) -> None:
    result = run(home, "--pictures", str(tmp_path / "new" / "folder"))
    assert result.exit_code == 0, result.output
    written = sorted(path.stem for path in (tmp_path / "new" / "folder").glob("*.svg"))
    assert written == NAMES


def test_the_result_of_an_audit_is_shown(home: Path, tmp_path: Path) -> None:
    audit = tmp_path / "result.json"
    audit.write_text(json.dumps(AUDIT_RESULT))
    output = tmp_path / "report.html"
    result = run(home, "-o", str(output), "--audit", str(audit))
    assert result.exit_code == 0, result.output
    content = output.read_text(encoding="utf-8")
    assert "<dd>failed</dd>" in content
    assert '<data value="1234">1,234</data> passed' in content
    assert "&lt;b&gt;0.98&lt;/b&gt;" in content
    assert "is stable" in content
    assert "never shown" not in content


def test_an_audit_cannot_be_added_to_a_generation(home: Path, tmp_path: Path) -> None:
    audit = tmp_path / "result.json"
    audit.write_text(json.dumps(AUDIT_RESULT))
    result = run(home, "--audit", str(audit))
    assert result.exit_code == 2
    assert "--audit needs --output" in result.output


@pytest.mark.parametrize("content", ["{", "[]", '{"results": [{}]}', "7"])
def test_refuses_an_audit_that_is_none(
    home: Path, tmp_path: Path, content: str
) -> None:
    audit = tmp_path / "result.json"
    audit.write_text(content)
    result = run(home, "-o", str(tmp_path / "report.html"), "--audit", str(audit))
    assert result.exit_code == 1
    assert "result.json" in result.output
    assert not (tmp_path / "report.html").exists()


def test_the_last_audit_of_the_generation_is_shown(home: Path, tmp_path: Path) -> None:
    folder = home / "published" / "audits" / BUILD_ID
    folder.mkdir(parents=True)
    try:
        (folder / "audit.json").write_text(json.dumps(AUDIT_RESULT))
        result = run(home, "-o", str(tmp_path / "report.html"))
        assert result.exit_code == 0, result.output
        content = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "<dd>failed</dd>" in content
        (folder / REPORT).write_text(content, encoding="utf-8")
        assert run(home).output == f"{folder / REPORT}\n"
    finally:
        shutil.rmtree(folder)


def test_data_tests_that_passed_are_counted_and_told(
    generation: Generate, tmp_path: Path
) -> None:
    folder = copy(generation("shipped"), tmp_path)
    passed = [
        {"name": "assert_shares_add_up_to_one", "of": ["dim_segments"]},
        {"name": "unique_dim_customers_customer_id", "of": ["dim_customers"]},
    ]
    (folder / DATA_TESTS).write_text(json.dumps({"format": 1, "passed": passed}))
    write_report(folder, folder / DATABASE)
    content = (folder / REPORT).read_text(encoding="utf-8")
    assert '<dt>Data tests passed</dt><dd><data value="2">2</data></dd>' in content
    assert "<li>Shares add up to one</li>" in content
    assert "<code>mall-segments audit</code> runs it" in content


def test_data_tests_that_cannot_be_read_are_refused(
    generation: Generate, tmp_path: Path
) -> None:
    folder = copy(generation("shipped"), tmp_path)
    (folder / DATA_TESTS).write_text("[]")
    with pytest.raises(PublishError, match=r"data_tests\.json cannot be read"):
        write_report(folder, folder / DATABASE)


def test_says_when_nothing_is_published(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "nothing is published" in result.output


def test_says_when_the_report_cannot_be_written(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "no such folder" / "report.html"
    result = run(home, "-o", str(output))
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {output} cannot be written: No such file or directory\n"
    )
