"""The audit of a sound generation, and what it makes of damage and of drift."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from generation_copy import (
    CUSTOMERS_CSV,
    PARQUET,
    GenerationCopy,
    copy_writable,
    seal_folder,
)
from sample_published import FIRST, OTHER_CUSTOMERS, SECOND, SETTINGS

from mall_segments.audit.contract import published_tables
from mall_segments.audit.evidence import Evidence
from mall_segments.audit.frames import tables_frame
from mall_segments.audit.results import Audit, Outcome
from mall_segments.audit.run import audit_generation
from mall_segments.audit.suites import read_suites
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import (
    DATABASE,
    MANIFEST,
    MODEL,
    generation_folder,
    read_current,
)
from mall_segments.publishing.publish import ROW_LEVEL_TABLES
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mall_segments.audit.validation import Validator

COMPARISONS = (
    "fct_segment_migrations",
    "previous generation, features",
    "previous generation, segments",
    "previous generation, totals",
)


def failures(audit: Audit) -> dict[str, str]:
    """Map the suites that failed to what their first failure observed."""
    found: dict[str, str] = {}
    for result in audit.results:
        if result.outcome is Outcome.FAILED:
            found.setdefault(result.suite, result.observed)
    return found


@pytest.fixture(scope="module")
def sound(sample_home: Path, validator: Validator) -> Audit:
    """The audit of the sample, published twice."""
    generation = read_current(sample_home)
    before = _state(generation.folder)
    audit = audit_generation(sample_home, generation.build_id, validator=validator)
    assert _state(generation.folder) == before, "the audit changed what it audits"
    return audit


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def test_sound_generation_meets_every_expectation(sound: Audit) -> None:
    others = [result for result in sound.results if result.outcome != Outcome.PASSED]

    assert others == []
    assert sound.has_passed
    assert len(sound.results) > 80


def test_every_published_table_has_a_suite_of_its_own(
    sound: Audit, sample_home: Path
) -> None:
    suites = {result.suite for result in sound.results}
    tables = set(read_current(sample_home).manifest["tables"])

    assert tables - suites == {"dim_customers"}  # Of it, `customers` and `columns` ask.


def test_every_suite_expects_a_number_of_rows(sound: Audit) -> None:
    # Other expectations hold for an empty table.
    counted = {
        result.suite
        for result in sound.results
        if result.expectation.startswith("expect_table_row_count")
    }

    assert counted == set(sound.by_suite)


def test_declared_tables_are_those_of_the_sample(sample_home: Path) -> None:
    generation = read_current(sample_home)
    declared = published_tables(Evidence(sample_home, generation).settings)

    assert {
        table: {column.name for column in content.columns}
        for table, content in declared.items()
    } == {
        table: {column["name"] for column in listed["columns"]}
        for table, listed in generation.manifest["tables"].items()
    }


def test_first_generation_skips_what_needs_another_one(
    sample_home: Path, validator: Validator
) -> None:
    audit = audit_generation(sample_home, FIRST, validator=validator)

    assert audit.has_passed
    assert audit.previous_build_id is None
    skipped = {
        result.suite for result in audit.results if result.outcome is Outcome.SKIPPED
    }
    assert skipped == set(COMPARISONS)


# Damage that is not sealed over.


def _flip_a_byte(copy: GenerationCopy) -> None:
    path = copy.folder / PARQUET / "dim_customers.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _delete(name: str) -> Any:
    return lambda copy: (copy.folder / name).unlink()


def _truncate_the_database(copy: GenerationCopy) -> None:
    path = copy.folder / DATABASE
    path.write_bytes(path.read_bytes()[:1000])


def _add_a_file(copy: GenerationCopy) -> None:
    (copy.folder / "notes.txt").write_text("mine", encoding="utf-8")


def _edit_the_model(copy: GenerationCopy) -> None:
    path = copy.folder / MODEL
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("An action", "Another"), encoding="utf-8")


def _mix_generations(copy: GenerationCopy) -> None:
    for name in (DATABASE, MODEL):
        (copy.folder / name).write_bytes((copy.previous_folder / name).read_bytes())


@pytest.mark.parametrize(
    ("damage", "suite", "culprit"),
    [
        (_flip_a_byte, "manifest.json", "dim_customers.parquet was changed"),
        (_delete(CUSTOMERS_CSV), "manifest.json", "cannot be read"),
        (_delete(f"{PARQUET}/dim_segments.parquet"), "manifest.json", "dim_segments"),
        (
            _delete(MODEL),
            "fct_customer_segments, by the model",
            "model.json cannot be read",
        ),
        (_delete(DATABASE), "database", "cannot be opened"),
        (_truncate_the_database, "database", "cannot be opened"),
        (_add_a_file, "manifest.json", "file notes.txt"),
        (_edit_the_model, MANIFEST, "was changed after it was written"),
        (_mix_generations, "manifest.json", DATABASE),
    ],
)
def test_unsealed_damage_is_named(
    damage: Any,
    suite: str,
    culprit: str,
    copy: GenerationCopy,
    validator: Validator,
) -> None:
    damage(copy)

    found = failures(
        audit_generation(
            copy.home,
            copy.build_id,
            suites=[suite] if suite != "database" else [],
            validator=validator,
        )
    )

    assert culprit in found[suite]


def test_manifest_that_was_edited_is_refused(
    copy: GenerationCopy, validator: Validator
) -> None:
    path = copy.folder / MANIFEST
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"rejected": 2', '"rejected": 1'), encoding="utf-8")

    with pytest.raises(PublishError, match="was changed after it was written"):
        audit_generation(copy.home, copy.build_id, validator=validator)


def test_tables_beyond_recognition_fail_without_an_exception(
    copy: GenerationCopy, validator: Validator
) -> None:
    tables = copy.manifest["tables"]
    copy.run(
        *(
            f'alter table {table} rename "{column["name"]}" to renamed_{place}'
            for table, listed in tables.items()
            for place, column in enumerate(listed["columns"])
        )
    )
    copy.seal()

    audit = audit_generation(copy.home, copy.build_id, validator=validator)

    unsound = set(failures(audit))
    assert unsound >= {"columns", *tables} - {"dim_customers"}
    assert "manifest.json" not in unsound


def writable_previous(copy: GenerationCopy, sample_home: Path) -> Path:
    """The previous generation, to be changed for this copy alone."""
    previous = copy.previous_folder
    previous.unlink()
    copy_writable(generation_folder(sample_home, previous.name), previous)
    return previous


def test_damaged_previous_generation_is_no_fault_of_this_one(
    copy: GenerationCopy, sample_home: Path, validator: Validator
) -> None:
    previous = writable_previous(copy, sample_home)
    (previous / DATABASE).write_bytes(b"")

    audit = audit_generation(
        copy.home, copy.build_id, suites=COMPARISONS, validator=validator
    )

    assert audit.has_passed
    assert audit.count(Outcome.SKIPPED) == len(COMPARISONS)
    assert audit.previous_build_id is None
    assert all("0 bytes" in result.observed for result in audit.results)


def test_segmentations_of_other_names_have_no_history(
    copy: GenerationCopy, sample_home: Path, validator: Validator
) -> None:
    previous = writable_previous(copy, sample_home)
    settings = copy.manifest["settings"]
    others = [
        {**each, "name": f"former_{each['name']}"} for each in settings["segmentations"]
    ]
    seal_folder(
        previous, {"settings": {**settings, "segmentations": others}}, touched=""
    )
    copy.run("delete from fct_segment_migrations", "delete from fct_customer_movements")
    copy.seal()

    audit = audit_generation(
        copy.home, copy.build_id, suites=COMPARISONS, validator=validator
    )

    assert audit.has_passed
    assert not audit.count(Outcome.SKIPPED)


# Drift.


def test_drift_beyond_the_limits_fails_the_audit(
    drifted_home: Path, validator: Validator
) -> None:
    audit = audit_generation(
        drifted_home, OTHER_CUSTOMERS, suites=COMPARISONS, validator=validator
    )

    assert set(failures(audit)) == {"previous generation, features"}
    broken = {
        result.column: result.observed
        for result in audit.results
        if result.outcome is Outcome.FAILED
    }
    assert set(broken) == {"surprising_index", "surprising_shift"}
    # Twenty years are 20 / 8.6554 standard deviations of 0 to 29 years, twice each.
    assert "surprising_shift 2.310" in broken["surprising_shift"]
    assert "feature tenure_years" in broken["surprising_shift"]


def test_accepted_drift_only_warns(drifted_home: Path, validator: Validator) -> None:
    audit = audit_generation(
        drifted_home,
        OTHER_CUSTOMERS,
        accept_drift=True,
        suites=COMPARISONS,
        validator=validator,
    )

    assert audit.has_passed
    assert audit.count(Outcome.WARNING) == 4


def test_accepted_drift_excuses_nothing_else(
    copy: GenerationCopy, validator: Validator
) -> None:
    copy.run("update dim_segments set customer_share = 2 where segment_id = 1")
    copy.seal()

    audit = audit_generation(
        copy.home,
        copy.build_id,
        accept_drift=True,
        suites=["columns"],
        validator=validator,
    )

    assert not audit.has_passed


def test_segment_that_changed_its_share_fails_the_audit(
    copy: GenerationCopy, validator: Validator
) -> None:
    copy.run(
        "update dim_segments set customer_share = customer_share + "
        "case segment_id when 1 then -0.33 when 2 then 0.33 else 0 end "
        "where segmentation = 'visits_spend'"
    )
    copy.seal()

    audit = audit_generation(
        copy.home,
        copy.build_id,
        suites=["previous generation, segments"],
        validator=validator,
    )

    (broken,) = failures(audit).values()
    assert broken.startswith("2 of 5 rows")
    assert "segmentation visits_spend, segment_id 1" in broken


def test_differences_that_chance_explains_do_not_count(
    copy: GenerationCopy, validator: Validator
) -> None:
    copy.run(
        "update fct_feature_drift set population_stability_index = 0.3, "
        "reading = 'major', ks_p_value = 0.002 where feature = 'visits'"
    )
    copy.seal()

    audit = audit_generation(
        copy.home,
        copy.build_id,
        suites=["previous generation, features"],
        validator=validator,
    )

    assert audit.has_passed
    assert audit.count(Outcome.WARNING) == 0


def test_too_many_customers_are_not_exported(
    copy: GenerationCopy, validator: Validator
) -> None:
    def observed() -> str:
        audit = audit_generation(
            copy.home, copy.build_id, suites=["tables"], validator=validator
        )
        return audit.results[1].observed

    copy.seal(row_level_exported=False)
    with_a_file = observed()
    (copy.folder / CUSTOMERS_CSV).unlink()
    copy.seal(row_level_exported=False)

    assert f"table {CUSTOMERS_CSV}" in with_a_file
    assert CUSTOMERS_CSV not in observed()


def test_tables_of_orders_are_not_exported_either() -> None:
    settings = parse_settings({**SETTINGS, "orders_path": "orders.csv"})
    tables = published_tables(settings)
    listed = {
        name: {"parquet": None if name in ROW_LEVEL_TABLES else f"{name}.parquet"}
        for name in tables
    }
    manifest = {"row_level_exported": False, "tables": listed, "files": {}}
    evidence: Any = SimpleNamespace(
        settings=settings,
        generation=SimpleNamespace(manifest=manifest),
        tables=lambda: set(tables),
    )

    frame = tables_frame(evidence)

    assert {"fct_customer_rfm", "fct_rejected_orders"} <= set(frame.table)
    assert (frame.has_parquet == frame.needs_parquet).all()


def test_forgotten_customers_are_no_defect(
    copy: GenerationCopy, validator: Validator
) -> None:
    for table in ("dim_customers", "fct_customer_segments"):
        copy.run(f"delete from {table} where customer_id = 'c7'")
    copy.edit_csv(
        lambda text: "".join(
            line
            for line in text.splitlines(keepends=True)
            if not line.startswith("c7,")
        )
    )
    suites = ["customers", "segments", CUSTOMERS_CSV]
    copy.seal()
    lost = audit_generation(
        copy.home, copy.build_id, suites=suites, validator=validator
    )
    copy.seal(forgotten=1)
    forgotten = audit_generation(
        copy.home, copy.build_id, suites=suites, validator=validator
    )

    assert set(failures(lost)) == set(suites)
    assert failures(forgotten) == {}


def test_customers_forgotten_before_this_build_are_no_defect(
    copy: GenerationCopy, sample_home: Path, validator: Validator
) -> None:
    previous = writable_previous(copy, sample_home)
    copy.run(
        "update fct_feature_drift set previous_n_customers = previous_n_customers - 1, "
        "previous_mean = previous_mean + 0.1"
    )
    copy.seal()
    found = []
    for n_forgotten in (0, 1):
        seal_folder(previous, {"forgotten": n_forgotten}, touched="")
        audit = audit_generation(copy.home, copy.build_id, validator=validator)
        found.append(set(failures(audit)))

    before = {"previous generation, same input", "previous generation, totals"}
    assert found == [before, set()]


# Suites of a project.

PROJECT_SUITE = """
- name: our own rules
  meta: {table: dim_segments, keys: [segmentation, segment_id]}
  expectations:
    - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 1}}
    - type: expect_column_values_to_be_between
      kwargs: {column: customer_share, min_value: 0.9}
      severity: warning
    - type: expect_column_mean_to_be_between
      kwargs: {column: customer_share, max_value: 0.1}
"""


def _project(folder: Path, text: str) -> Path:
    (folder / "tests" / "quality").mkdir(parents=True)
    (folder / "tests" / "quality" / "ours.yml").write_text(text, encoding="utf-8")
    return folder


def test_suites_of_a_project_are_run_too(
    sample_home: Path, tmp_path: Path, validator: Validator
) -> None:
    audit = audit_generation(
        sample_home,
        SECOND,
        suites=["our own rules"],
        project=_project(tmp_path, PROJECT_SUITE),
        validator=validator,
    )

    assert [result.outcome for result in audit.results] == [
        "passed",
        "warning",
        "failed",
    ]
    assert "segmentation visits_spend, segment_id 1" in audit.results[1].observed
    assert float(audit.results[2].observed) == pytest.approx(0.4)


def test_expectations_may_be_written_in_short(tmp_path: Path) -> None:
    long = """
- name: ours
  meta: {table: dim_segments}
  expectations:
    - type: expect_column_values_to_be_between
      kwargs: {column: n_customers, min_value: 50}
      severity: warning
      meta: {meaning: is enough}
"""
    short = """
- name: ours
  meta: {table: dim_segments}
  expectations:
    - expect_column_values_to_be_between: {column: n_customers, min_value: 50}
      severity: warning
      meaning: is enough
"""

    read = [
        read_suites({}, _project(tmp_path / name, text))[-1]
        for name, text in (("long", long), ("short", short))
    ]

    assert read[0] == read[1]
    assert read[0].expectations[0].meta == {"meaning": "is enough"}


def test_suite_of_a_project_stands_in_for_one_of_the_same_name(tmp_path: Path) -> None:
    text = PROJECT_SUITE.replace("our own rules", "freshness")

    read = read_suites({}, _project(tmp_path, text))
    suites = {suite.name: suite for suite in read}

    assert len(suites) == len(read_suites({}))
    assert suites["freshness"].meta.table == "dim_segments"


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (PROJECT_SUITE, "name: {", "ours.yml holds no suites"),
        (PROJECT_SUITE, "dim_segments: 1", "it must be a list of them"),
        ("table: dim_segments", "tabel: dim_segments", "suite 1 cannot be used: meta"),
        ("severity: warning", "severity: mild", "is 'mild'; Input should be"),
        (
            "table: dim_segments",
            "frame: moods",
            "meta.frame is 'moods'; Input should be 'files', 'tables'",
        ),
        (
            "min_value: 1}",
            "min_value: {$PARAMETER: x}}",
            "cannot be run: No value found for .* x; parameters are",
        ),
        ("expect_column_mean_to", "expect_column_men_to", "it has no expectation"),
        ("max_value: 0.1", "most: 0.1", "refuses the suite 'our own rules'"),
    ],
)
def test_suite_that_cannot_be_used_is_refused_by_name(
    old: str,
    new: str,
    refusal: str,
    sample_home: Path,
    tmp_path: Path,
    validator: Validator,
) -> None:
    project = _project(tmp_path, PROJECT_SUITE.replace(old, new))

    with pytest.raises(PublishError, match=refusal):
        audit_generation(
            sample_home,
            SECOND,
            suites=["our own rules"],
            project=project,
            validator=validator,
        )


def test_unknown_suite_is_refused_by_name(
    sample_home: Path, validator: Validator
) -> None:
    with pytest.raises(PublishError, match="no suite 'dim_segment'; it has manifest"):
        audit_generation(
            sample_home, SECOND, suites=["dim_segment"], validator=validator
        )


def test_rows_of_customers_never_enter_pandas(
    sample_home: Path, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: dict[str, int] = {}
    validate = type(validator).validate

    def measure(
        self: Validator, suite: Any, frame: pd.DataFrame, *others: Any, **options: Any
    ) -> Any:
        lengths[suite.name] = len(frame)
        return validate(self, suite, frame, *others, **options)

    monkeypatch.setattr(type(validator), "validate", measure)
    row_level = {
        "fct_customer_segments": 2,
        "fct_customer_segments, by the model": 2,
        "fct_rejected_customers": 1,
        CUSTOMERS_CSV: 5,
    }
    audit_generation(sample_home, SECOND, suites=list(row_level), validator=validator)

    assert lengths == row_level
