"""The mutation test of the audit: no planted defect may get past the seal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from corruptions import CORRUPTIONS, FILES, SCHEMA, Corruption, count_rejected

from mall_segments.audit.evidence import Evidence
from mall_segments.audit.frames import files_frame
from mall_segments.audit.results import Outcome
from mall_segments.audit.run import audit_generation
from mall_segments.publishing.generations import read_generation, verify_generation

if TYPE_CHECKING:
    from generation_copy import GenerationCopy

    from mall_segments.audit.validation import Validator

# Any SQL changes the database file, so a few of those stand for all.
OF_FILES = [
    each
    for each in CORRUPTIONS
    if each in (*FILES, *SCHEMA) or each.suite is None
    if each.change is not count_rejected
]
RECONCILED = [corruption for corruption in CORRUPTIONS if corruption.suite]


def test_corruptions_are_many_and_have_distinct_names() -> None:
    names = Counter(corruption.name for corruption in CORRUPTIONS)

    assert len(names) == len(CORRUPTIONS) >= 132
    assert len(RECONCILED) >= 120


@pytest.mark.parametrize("corruption", OF_FILES, ids=lambda each: each.name)
def test_seal_notices_what_nothing_else_does(
    corruption: Corruption, copy: GenerationCopy
) -> None:
    corruption.apply(copy)

    files = files_frame(Evidence(copy.home, read_generation(copy.folder)))

    assert files.problem.notna().any()


@pytest.mark.parametrize("corruption", RECONCILED, ids=lambda each: each.name)
def test_corruption_that_checksums_do_not_show_is_noticed_and_named(
    corruption: Corruption, copy: GenerationCopy, validator: Validator
) -> None:
    assert corruption.suite is not None
    corruption.apply(copy)
    copy.seal()
    verify_generation(copy.folder)

    audit = audit_generation(
        copy.home, copy.build_id, suites=[corruption.suite], validator=validator
    )

    observed = [
        result.observed for result in audit.results if result.outcome is Outcome.FAILED
    ]
    assert any(corruption.culprit in culprit for culprit in observed), observed


def test_every_table_that_was_emptied_is_named(
    copy: GenerationCopy, validator: Validator
) -> None:
    # Nobody moved between two builds of the same customers; `customers` counts those.
    emptied = {*copy.manifest["tables"]} - {"fct_customer_movements", "dim_customers"}
    copy.run(*(f"delete from {table}" for table in emptied))
    copy.seal()

    audit = audit_generation(
        copy.home, copy.build_id, suites=sorted(emptied), validator=validator
    )

    failed = {
        result.suite for result in audit.results if result.outcome is Outcome.FAILED
    }
    assert failed == emptied
