"""Every small file that once failed is read, or refused in a sentence that helps.

The cases stand beside the project, not in it; where they do not, nothing is tested
here. Each says in ``expected.txt`` what is agreed. Those about the service, the fit and
the report are tested with their kind, see `ELSEWHERE`.
"""

from __future__ import annotations

import csv
import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from example_model import model_content
from shared_project import PROJECT, SHARED, Project

from mall_segments.cli import main
from mall_segments.clustering.naming import NO_ACTION
from mall_segments.errors import InputError
from mall_segments.intake.functions import preflight
from mall_segments.intake.opening import open_customers
from mall_segments.model import Model, parse_model
from mall_segments.scoring.files import Reading, score_file
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from pathlib import Path

CASES = SHARED / "cases"
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
SETTINGS = parse_settings(VARS).of_customer_files()

pytestmark = [
    pytest.mark.slow(seconds=60),
    pytest.mark.skipif(not CASES.exists(), reason="the cases stand beside the project"),
]

NO_GENDER = "No gender column: gender is unknown for every customer."
KUSD = "says another unit: annual_income_kusd counts k$, and the values go up to 1"
CODES = "200 of 200 values of 'Gender' are unknown ('1', '0'):"
INCOME = "'Annual Income (k$)'"
NOT_READ = "no column is recognised as annual_income_kusd"


@dataclass(frozen=True)
class Agreed:
    """What a file comes to.

    ``build`` and ``score`` are the refusals, and None where there is none; ``notes`` is
    then said by both, but for those of a gender, which no segmentation needs.
    ``rejected`` are the reasons, with how many rows each holds for.
    """

    file: str
    build: str | None = None
    score: str | None = None
    notes: tuple[str, ...] = ()
    n_scored: int = 200
    rejected: dict[str, int] = field(default_factory=dict)


def refused(file: str, sentence: str) -> Agreed:
    """Build and score refuse alike."""
    return Agreed(file, build=sentence, score=sentence)


AGREED = [
    Agreed("01/customers.csv", notes=(NO_GENDER,)),
    Agreed(
        "02/customers.csv",
        notes=(f"Numbers of {INCOME} are read with decimal ',', thousands none.",),
    ),
    refused("05/customers.csv", KUSD),
    refused("07/customers.csv", KUSD),
    refused("08/customers.csv", KUSD),
    Agreed(
        "09/customers.csv",
        notes=("Read as gb18030, since it is not UTF-8; `encoding` names another.",),
    ),
    Agreed(
        "14/customers.csv",
        rejected={
            "no feature value": 2,
            "annual_income_kusd: above 1000": 1,
            "customer_id: missing": 1,
            "spending_score: above 100": 1,
        },
    ),
    Agreed("24/customers.csv", build="Is it 'column_1'?"),
    Agreed(
        "31/customers.csv",
        notes=(f"{CODES} declare them in gender.female and gender.male.",),
    ),
    refused(
        "45/customers.parquet",
        "the column 'Age', read as age_years, is of type 'TIMESTAMP'; it must be a "
        "number or text.",
    ),
    Agreed(
        "50/customers.csv",
        build="Say how numbers are written by the setting `numbers: ",
        score=NOT_READ,
    ),
    Agreed("51/customers.csv", score=NOT_READ),
    Agreed("53/customers.csv", n_scored=600),
    Agreed("55/customers.csv"),
    Agreed("60/customers.csv", score=NOT_READ),
    Agreed("61/customers.csv", n_scored=120),
    refused("62/customers.csv", "Divide them by 1,000, or name a feature of that unit"),
    refused(
        "63/customers.csv",
        "looks like orders: 300 rows have 40 ids in 'CustomerID', with different "
        "values. One row per customer is needed; `orders_path` reads orders.",
    ),
    Agreed("70/customers.csv", build="no column is recognised as age_years"),
    Agreed("71/customers.csv", build="no column is recognised as customer_id"),
    Agreed("80/age_first.csv"),
    Agreed("80/cr_with_some_crlf.csv"),
    Agreed("80/crlf_with_some_lf.csv"),
    Agreed("80/income_first.csv"),
    Agreed("80/lf_with_some_cr.csv"),
    refused(
        "81/date_income.parquet",
        "is of type 'TIMESTAMP'; it must be a number or text.",
    ),
    Agreed("81/evil_cols.parquet"),
    refused("81/fuzz08.parquet", "is of type 'BOOLEAN'; it must be a number or text."),
    refused("81/fuzz39.parquet", "cannot be read: 'Invalid Input Error: Failed to"),
]

# What the tests of a kind show, by case: the file, and what it is called there.
ELSEWHERE = {
    "66": ("clustering/test_kmeans.py", "test_heavy_tails_of_many_points_are_found"),
    "82": ("service/test_limits.py", "Upgrade: h2c"),
    "83": ("service/test_limits.py", "{strange}{number}"),
}
BELOW = {"64", "73"}  # No file: see the tests at the end.


def case(name: str) -> Path:
    (folder,) = CASES.glob(f"{name}-*")
    return folder


def path_of(agreed: Agreed) -> Path:
    name, file = agreed.file.split("/")
    return case(name) / file


def case_vars(name: str) -> dict[str, Any]:
    """Return what a case gives as ``--vars``."""
    path = case(name) / "vars.yml"
    if not path.exists():
        return {}
    return yaml.safe_load(path.read_text("utf-8").replace("@D", str(path.parent)))


def asked(path: Path | None, **changes: Any) -> list[str]:
    """Return the notes of a build before any model runs."""
    settings = {**VARS, "customers_path": path and str(path), **changes}
    seed = PROJECT / "seeds" / "Mall_Customers.csv"
    notes: list[str] = preflight({"settings": settings, "seed_path": str(seed)})[
        "notes"
    ]
    return notes


@pytest.fixture(scope="module")
def model() -> Model:
    """The model of the shipped customers, with the headers that the project knows."""
    content = model_content()
    content["customer_id_aliases"] = list(SETTINGS.customer_id.aliases)
    for column in content["columns"]:
        known = next(each for each in SETTINGS.columns if each.name == column["name"])
        column["aliases"], column["unit"] = list(known.aliases), known.unit
        if known.levels:
            column["levels"] = {
                level: [*spellings] for level, spellings in known.levels.items()
            }
    return parse_model(content, source="the shipped model")


def test_every_case_is_tested() -> None:
    names = {folder.name.partition("-")[0] for folder in CASES.iterdir()}
    assert names == {each.file[:2] for each in AGREED} | {*ELSEWHERE} | BELOW
    for file, text in ELSEWHERE.values():
        assert text in (PROJECT / "tests" / "python" / file).read_text("utf-8")


def ids(agreed: Agreed) -> str:
    return agreed.file


@pytest.mark.parametrize("agreed", AGREED, ids=ids)
def test_a_build_says_before_any_model_runs(agreed: Agreed) -> None:
    changes = case_vars(agreed.file[:2])
    if agreed.build is None:
        notes = asked(path_of(agreed), **changes)
        assert set(agreed.notes) <= set(notes)
        return
    with pytest.raises(InputError) as caught:
        asked(path_of(agreed), **changes)
    assert str(path_of(agreed)) in str(caught.value)
    assert agreed.build in str(caught.value)


@pytest.mark.parametrize("agreed", AGREED, ids=ids)
def test_score_says_the_same(agreed: Agreed, model: Model, tmp_path: Path) -> None:
    output, rejected = tmp_path / "scored.csv", tmp_path / "rejected.csv"
    source = str(path_of(agreed))
    if agreed.score is not None:
        with pytest.raises(InputError) as caught:
            score_file(source, str(output), rejected, model=model)
        assert agreed.score in str(caught.value)
        assert [*tmp_path.iterdir()] == []
        return

    scored = score_file(source, str(output), rejected, model=model)

    needed = {note for note in agreed.notes if note != NO_GENDER and CODES not in note}
    assert needed <= set(scored.notes)
    assert not any("gender" in note for note in scored.notes)
    assert rejected.exists() == bool(agreed.rejected)
    assert (scored.n_scored, dict(scored.reasons)) == (agreed.n_scored, agreed.rejected)
    text = output.read_text("utf-8")
    assert "�" not in text
    assert len([*csv.reader(text.splitlines())]) == agreed.n_scored + 1


def test_what_a_refusal_advises_works(model: Model, tmp_path: Path) -> None:
    euros = [
        {**feature, "unit": "EUR", "maximum": 1_000_000}
        if feature["name"] == "annual_income_kusd"
        else feature
        for feature in VARS["features"]
    ]
    for name in ("05", "07"):
        (note,) = asked(case(name) / "customers.csv", features=euros)
        assert note.startswith("Numbers of 'Annual Income (EUR)' are read with")
    unnamed = {**VARS["customer_id"], "aliases": ["column_1"]}
    assert asked(case("24") / "customers.csv", customer_id=unnamed) == []
    changes = case_vars("50") | {"numbers": {"decimal": ",", "thousands": "."}}
    assert "thousands '.'" in asked(None, **changes)[0]

    source, output = str(case("71") / "customers.csv"), tmp_path / "scored.csv"
    reading = Reading(columns={"customer_id": "Kennziffer"})
    scored = score_file(source, str(output), None, model=model, reading=reading)
    assert (scored.n_scored, scored.notes) == (200, ())


def test_neither_age_nor_id_is_needed_where_no_feature_is_one(
    model: Model, tmp_path: Path
) -> None:
    lines = (case("70") / "customers.csv").read_text("utf-8").splitlines()
    source, output = tmp_path / "customers.csv", tmp_path / "scored.csv"
    source.write_text("\n".join(line.partition(",")[2] for line in lines))

    scored = score_file(str(source), str(output), None, model=model)

    assert (scored.segmentation, scored.n_scored) == ("income_spending", 200)


def test_a_number_that_yaml_takes_for_a_text_is_one() -> None:
    asked(None, **case_vars("73"))
    feature = parse_settings({**VARS, **case_vars("73")}).feature("age_years")
    assert (feature.maximum, feature.resolution) == (1000, 1e-6)


@pytest.mark.parametrize("name", ["age_first", "cr_with_some_crlf", "crlf_with_some_lf",
                                  "income_first", "lf_with_some_cr"])  # fmt: skip
def test_mixed_line_ends_change_no_value(name: str) -> None:
    path = case("80") / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as text:
        expected = [tuple(row) for row in list(csv.reader(text))[1:] if row]

    with duckdb.connect() as connection:
        customers = open_customers(connection, path, SETTINGS)

    rows = duckdb.execute(f"select * from {customers.relation}").fetchall()
    assert [row[:-1] for row in rows] == expected


def test_no_column_of_a_file_is_special() -> None:
    with duckdb.connect() as connection:
        customers = open_customers(
            connection, case("81") / "evil_cols.parquet", SETTINGS
        )

    assert customers.header[7] == "source_row"
    assert customers.column_names[7] == "source_row (2)"
    rows = duckdb.execute(
        f"select {customers.source_row} as source_row, * from {customers.relation}"
    ).fetchall()
    assert [row[0] for row in rows] == list(range(1, 201))
    assert rows[0][8:] == ("=1+1",) * 6


def built(home: Path, *names: str) -> str:
    """Build with what the cases set, a later one instead of those before."""
    home.mkdir(exist_ok=True)
    variables = {key: each for name in names for key, each in case_vars(name).items()}
    return Project(PROJECT, home).build("--vars", yaml.safe_dump(variables))


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    database = home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def report(home: Path) -> str:
    return (home / "published" / "current" / "report.html").read_text("utf-8")


def test_without_gender_personas_that_repeat_are_told_apart(tmp_path: Path) -> None:
    assert NO_GENDER in built(tmp_path, "01", "64")

    assert query(tmp_path, "select distinct gender from dim_customers") == [
        ("unknown",)
    ]
    segments = query(
        tmp_path,
        "select segment_name, persona from dim_segments "
        "where segmentation = 'income_spending'",
    )
    names, personas = zip(*segments, strict=True)
    assert len(segments) == len(set(names)) == len(set(personas)) == 9
    # More than one is of the same kind, so something else has to tell them apart.
    assert len({persona.partition(":")[0] for persona in personas}) < 9
    page = html.unescape(report(tmp_path))
    assert all(persona in page for persona in personas)


def test_customers_without_segments_get_parts_that_others_do_not_inherit(
    tmp_path: Path,
) -> None:
    """Even customers; then another shop, of other features and ids."""
    built(tmp_path, "53")

    ((verdict, sentence),) = query(
        tmp_path, "select verdict, sentence from fct_segmentation_verdicts"
    )
    assert verdict == "no segments"
    assert "The gap statistic finds no more than one group." in sentence
    parts = query(
        tmp_path,
        "select segment_name, persona, recommended_action from dim_segments "
        "order by segment_name",
    )
    name = "Part {} of 4 along income"
    assert parts == [
        (name.format(part), name.format(part), NO_ACTION) for part in range(1, 5)
    ]
    assert sentence in html.unescape(report(tmp_path))
    assert "what to do" not in report(tmp_path).casefold()
    said = CliRunner().invoke(main, ["--home", str(tmp_path), "summary"]).output
    assert "0 rows rejected; 4 parts in income_spending" in said

    said = built(tmp_path, "60")

    assert "None of the 600 customers of the last generation is among these" in said
    segments = query(tmp_path, "select segment_id from dim_segments order by 1")
    assert [row[0] for row in segments] == [*range(1, len(segments) + 1)]
    columns = {row[0] for row in query(tmp_path, "describe dim_customers")}
    assert columns >= {"recency_days", "frequency", "monetary"}
    assert not columns & {"age_years", "annual_income_kusd", "spending_score"}
    page = report(tmp_path)
    assert "monetary" in page
    assert "annual_income" not in page
