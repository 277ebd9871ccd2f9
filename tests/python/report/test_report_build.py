"""The report that the build publishes, and the picture of it in the README."""

import re
from pathlib import Path

import pytest
import yaml
from report_figures import assert_figures_are_published, read_report
from shared_project import PROJECT

import mall_segments.report
from mall_segments.report import copy_report

# Not those in the addresses of lists that the page links.
TABLE = re.compile(r"(?<![/\w])(?:dim|fct)_[a-z_]+")
README_PICTURE = PROJECT / "docs" / "images" / "income_spending.svg"


@pytest.fixture(scope="module")
def published(published_home: Path) -> Path:
    return published_home / "published" / "current"


def test_every_number_equals_the_mart_it_came_from(published: Path) -> None:
    report = read_report(published)
    assert report.stray == []
    assert_figures_are_published(published, report)


def test_the_readme_shows_the_picture_of_the_build(
    published: Path, tmp_path: Path
) -> None:
    copy_report(published, pictures=tmp_path)
    drawn = tmp_path / "income_spending_map.svg"
    assert README_PICTURE.read_bytes() == drawn.read_bytes(), (
        "run `mall-segments report --pictures FOLDER` and copy income_spending_map.svg"
    )


def test_the_exposure_names_the_tables_that_the_report_reads() -> None:
    package = Path(mall_segments.report.__file__).parent
    code = "".join(path.read_text("utf-8") for path in package.glob("*.py"))
    declared = yaml.safe_load((PROJECT / "models" / "exposures.yml").read_text("utf-8"))
    refs = declared["exposures"][0]["depends_on"]
    assert sorted(f"ref('{name}')" for name in set(TABLE.findall(code))) == sorted(refs)
