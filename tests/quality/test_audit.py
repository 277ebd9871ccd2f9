"""The audit of a sound generation, and what it makes of damage and of drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from generation_copy import (
    GenerationCopy,
    copy_writable,
    read_json,
    run_sql,
    seal_folder,
)

from mall_segments.audit.contract import ALGORITHMS, published_tables
from mall_segments.audit.evidence import Evidence
from mall_segments.audit.results import Audit, Outcome
from mall_segments.audit.run import audit_generation
from mall_segments.errors import PublishError
from mall_segments.clustering.exploration import feature_drift
from mall_segments.publishing.generations import (
    DATABASE,
    MANIFEST,
    MODEL,
    generation_folder,
    list_generations,
    read_current,
)
from mall_segments.publishing.publish import PARQUET

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mall_segments.audit.validation import Validator


COMPARISONS = (
    "fct_segment_migrations",
    "previous generation, features",
    "previous generation, drift",
    "previous generation, segments",
)


def failures(audit: Audit) -> dict[str, str]:
    """Map the suites that failed to what their first failure observed."""
    found: dict[str, str] = {}
    for result in audit.results:
        if result.outcome is Outcome.FAILED:
            found.setdefault(result.suite, result.observed)
    return found


@pytest.fixture(scope="module")
def sound(published_home: Path, validator: Validator) -> Audit:
    """The audit of the shipped data, built twice."""
    generation = read_current(published_home)
    before = _state(generation.folder)
    audit = audit_generation(published_home, generation.build_id, validator=validator)
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
    assert len(sound.results) > 250


def test_every_published_table_has_a_suite_of_its_own(
    sound: Audit, published_home: Path
) -> None:
    suites = {result.suite for result in sound.results}

    assert suites >= set(read_current(published_home).manifest["tables"])


def test_every_suite_expects_a_number_of_rows(sound: Audit) -> None:
    # Other expectations hold for an empty table.
    counted = {
        result.suite
        for result in sound.results
        if result.expectation == "expect_table_row_count_to_be_between"
    }

    assert counted == set(sound.by_suite)


def test_declared_tables_are_the_published_ones(published_home: Path) -> None:
    generation = read_current(published_home)
    declared = published_tables(Evidence(published_home, generation).settings)

    assert {
        table: [(column.name, column.type) for column in columns]
        for table, columns in declared.items()
    } == {
        table: [(column["name"], column["type"]) for column in listed["columns"]]
        for table, listed in generation.manifest["tables"].items()
    }


def test_declared_algorithms_are_the_ones_that_are_scored() -> None:
    from mall_segments.clustering.algorithms import ALGORITHMS as SCORED  # noqa: PLC0415

    assert set(ALGORITHMS) == set(SCORED)


def test_first_generation_skips_what_needs_another_one(
    published_home: Path, validator: Validator
) -> None:
    first = list_generations(published_home)[0]

    audit = audit_generation(published_home, first, validator=validator)

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
    path.write_text(text.replace("Target customers", "Targets"), encoding="utf-8")


def _mix_generations(copy: GenerationCopy) -> None:
    for name in (DATABASE, MODEL):
        (copy.folder / name).write_bytes((copy.previous_folder / name).read_bytes())


@pytest.mark.parametrize(
    ("damage", "suite", "culprit"),
    [
        (_flip_a_byte, "manifest.json", "dim_customers.parquet was changed"),
        (_delete("segmented_mall_customers.csv"), "manifest.json", "cannot be read"),
        (_delete(f"{PARQUET}/dim_segments.parquet"), "parquet", "dim_segments"),
        (_delete(MODEL), "dim_segments", "model.json cannot be read"),
        (_delete(DATABASE), "database", "cannot be opened"),
        (_truncate_the_database, "database", "cannot be opened"),
        (_add_a_file, "manifest.json", "file notes.txt"),
        (_edit_the_model, "model.json", "was changed after it was written"),
        (_mix_generations, "manifest.json, tables", "table"),
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
    path.write_text(text.replace('"rejected": 0', '"rejected": 1'), encoding="utf-8")

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
    assert unsound >= {"columns", *tables} - {"fct_input_counts"}
    assert "manifest.json" not in unsound


def test_damaged_previous_generation_is_no_fault_of_this_one(
    copy: GenerationCopy, published_home: Path, validator: Validator
) -> None:
    previous = copy.previous_folder
    previous.unlink()
    copy_writable(generation_folder(published_home, previous.name), previous)
    (previous / DATABASE).write_bytes(b"")

    audit = audit_generation(
        copy.home, copy.build_id, suites=COMPARISONS, validator=validator
    )

    assert audit.has_passed
    assert audit.count(Outcome.SKIPPED) == len(COMPARISONS)
    assert audit.previous_build_id is None
    assert all("0 bytes" in result.observed for result in audit.results)


# Drift.


@pytest.fixture
def drifted(copy: GenerationCopy, published_home: Path) -> GenerationCopy:
    """A sound generation whose customers are 20 years older than those before."""
    previous = copy.previous_folder
    previous.unlink()
    copy_writable(generation_folder(published_home, previous.name), previous)
    run_sql(previous, "update dim_customers set age_years = age_years - 20")
    seal_folder(previous, {})
    counts = (
        "select 'age_years' as feature, age_years as value, count(*) as n_customers "
        "from dim_customers group by all"
    )
    values = []
    for folder in (previous, copy.folder):
        with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
            values.append(connection.execute(counts).df())
    drift = feature_drift(*values).to_dict("records")[0]
    assigned = ", ".join(
        f"{column} = '{drift[column]}'"
        for column in (
            "population_stability_index",
            "reading",
            "ks_statistic",
            "ks_p_value",
            "previous_mean",
        )
    )
    copy.run(f"update fct_feature_drift set {assigned} where feature = 'age_years'")
    manifest = read_json(copy.folder / MANIFEST)
    files = [{**file, "sha256": "0" * 64} for file in manifest["input"]["files"]]
    copy.seal(input={**manifest["input"], "files": files})
    return copy


def test_drift_beyond_the_limits_fails_the_audit(
    drifted: GenerationCopy, validator: Validator
) -> None:
    audit = audit_generation(
        drifted.home, drifted.build_id, suites=COMPARISONS, validator=validator
    )

    assert set(failures(audit)) == {"previous generation, features"}
    broken = {
        result.column: result.observed
        for result in audit.results
        if result.outcome is Outcome.FAILED
    }
    assert set(broken) == {"surprising_index", "surprising_shift"}
    # Twenty years are 20 / 13.934 standard deviations.
    assert "surprising_shift 1.4353" in broken["surprising_shift"]
    assert "feature age_years" in broken["surprising_shift"]


def test_accepted_drift_only_warns(
    drifted: GenerationCopy, validator: Validator
) -> None:
    audit = audit_generation(
        drifted.home,
        drifted.build_id,
        accept_drift=True,
        suites=COMPARISONS,
        validator=validator,
    )

    assert audit.has_passed
    assert audit.count(Outcome.WARNING) == 4


def test_same_input_must_not_drift(
    drifted: GenerationCopy, validator: Validator
) -> None:
    counts = dict(read_json(drifted.previous_folder / MANIFEST)["input"])
    drifted.seal(input=counts)

    suite = "previous generation, same input"
    audit = audit_generation(
        drifted.home,
        drifted.build_id,
        accept_drift=True,
        suites=[*COMPARISONS, suite],
        validator=validator,
    )

    assert set(failures(audit)) == {suite}


def test_segment_that_changed_its_share_fails_the_audit(
    copy: GenerationCopy, published_home: Path, validator: Validator
) -> None:
    previous = copy.previous_folder
    previous.unlink()
    copy_writable(generation_folder(published_home, previous.name), previous)
    run_sql(
        previous,
        "update dim_segments set customer_share = customer_share + "
        "case segment_id when 1 then -0.2 when 2 then 0.2 else 0 end "
        "where segmentation = 'income_spending'",
    )
    seal_folder(previous, {})

    audit = audit_generation(
        copy.home,
        copy.build_id,
        suites=["previous generation, segments"],
        validator=validator,
    )

    (broken,) = failures(audit).values()
    assert broken.startswith("2 of 8 rows")
    assert "segmentation income_spending, segment_id 1" in broken


def test_differences_that_chance_explains_do_not_count(
    copy: GenerationCopy, validator: Validator
) -> None:
    copy.run(
        "update fct_feature_drift set population_stability_index = 0.3, "
        "reading = 'major', ks_p_value = 0.002 where feature = 'age_years'"
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


def test_unknown_suite_is_refused_by_name(
    published_home: Path, validator: Validator
) -> None:
    build_id = read_current(published_home).build_id

    with pytest.raises(PublishError, match="no suite 'dim_segment'; it has manifest"):
        audit_generation(
            published_home, build_id, suites=["dim_segment"], validator=validator
        )


def test_rows_of_customers_never_enter_pandas(
    published_home: Path, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_accepted = read_current(published_home).manifest["input"]["accepted"]
    lengths: dict[str, int] = {}
    validate = type(validator).validate

    def measure(self: Validator, name: str, frame: pd.DataFrame, *others: Any) -> Any:
        lengths[name] = len(frame)
        return validate(self, name, frame, *others)

    monkeypatch.setattr(type(validator), "validate", measure)
    build_id = read_current(published_home).build_id
    audit_generation(
        published_home,
        build_id,
        suites=["dim_customers", "fct_customer_segments", "fct_rejected_customers"],
        validator=validator,
    )

    assert n_accepted == 200
    assert lengths == {
        "dim_customers": 1,
        "fct_customer_segments": 2,
        "fct_rejected_customers": 1,
    }
