"""The README says what the build produces."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import duckdb
import yaml
from running_service import RunningService
from shared_project import PROJECT

from mall_segments.cli import main
from mall_segments.settings import parse_settings

SEGMENTS = """
    select
        segment_id, segment_name, persona, n_customers, customer_share,
        centroid_annual_income_kusd, centroid_spending_score, mean_silhouette
    from dim_segments
    where segmentation = 'income_spending'
    order by segment_id
"""


def test_the_segments_table_is_the_one_the_build_produces(
    published_home: Path,
) -> None:
    database = published_home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        rows = connection.execute(SEGMENTS).fetchall()
    lines = [
        f"| {row[0]} | {row[1]} | {row[2]} | {row[3]} | {row[4]:.1%} "
        f"| {row[5]:.2f} | {row[6]:.2f} | {row[7]:.2f} |"
        for row in rows
    ]
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(
        r"<!-- segments:.*?\|---:\|\n(.*?)<!-- end of segments -->", readme, re.DOTALL
    )
    assert table.splitlines() == lines


def test_every_published_table_is_in_the_docs(published_home: Path) -> None:
    docs = (PROJECT / "docs" / "tables.md").read_text(encoding="utf-8")
    tables = published_home / "published" / "current" / "parquet"
    assert any(tables.iterdir())
    for path in tables.iterdir():
        assert f"`{path.stem}`" in docs


def test_every_make_target_in_the_readme_exists() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z]+)\b", readme))
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_report_and_the_dashboard_are_shown_first() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", readme.partition("\n## ")[0])
    assert [Path(each).stem for each in pictures[:2]] == ["report", "dashboard"]
    for picture in pictures:
        assert (PROJECT / picture).is_file()


def test_every_command_it_shows_takes_what_it_is_given() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\.venv/bin/mall-segments (.+)$", readme, re.MULTILINE)
    assert len(shown) >= 5
    for line in shown:
        name, *arguments = shlex.split(line, comments=True)
        command = main.get_command(click.Context(main), name)
        assert command, name
        command.make_context(name, arguments)


def test_its_settings_are_settings() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert len(parse_settings(yaml.safe_load(text)).features) == 3


def test_the_scores_it_quotes_are_those_of_the_build(published_home: Path) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    database = published_home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        scores = dict(
            connection.execute(
                "select n_segments, silhouette from fct_cluster_count_scores "
                "where segmentation = 'age_income_spending'"
            ).fetchall()
        )
    assert f"{scores[6]:.4f}" in readme
    assert f"{scores[3]:.4f}" in readme
    assert max(scores, key=lambda n: scores[n] or -1) == 6


def test_the_verdicts_it_quotes_are_those_of_the_build(published_home: Path) -> None:
    readme = " ".join((PROJECT / "README.md").read_text(encoding="utf-8").split())
    database = published_home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(database, read_only=True) as connection:
        verdicts = {
            row[0]: row[1:]
            for row in connection.execute(
                "select segmentation, verdict, silhouette, null_uniform_p95, "
                "lowest_jaccard from fct_segmentation_verdicts"
            ).fetchall()
        }
    verdict, silhouette, chance, _ = verdicts["income_spending"]
    assert verdict == "clear segments"
    said = f"silhouette is {silhouette:.3f}, where chance reaches {chance:.3f}"
    assert said in readme
    verdict, *_, jaccard = verdicts["age_income_spending"]
    assert verdict == "weak segments"
    assert f"a Jaccard index of {jaccard:.2f}" in readme


def test_its_request_has_the_answer_it_shows(published_home: Path) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (request,) = re.findall(r"--data '(.*)'", readme)
    (answer,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    shown = json.loads(answer)
    with RunningService(published_home) as service:
        found = service.predict(json.loads(request)).json()
    assert found.keys() == shown.keys()
    assert found == shown | {"build_id": found["build_id"]}
