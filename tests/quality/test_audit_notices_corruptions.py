"""The mutation test of the audit: no planted defect may get past it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from corruptions import CORRUPTIONS, Corruption

from mall_segments.audit.results import Outcome
from mall_segments.audit.run import audit_generation
from mall_segments.publishing.generations import verify_generation

if TYPE_CHECKING:
    from generation_copy import GenerationCopy

    from mall_segments.audit.validation import Validator


def test_corruptions_are_many_and_have_distinct_names() -> None:
    names = Counter(corruption.name for corruption in CORRUPTIONS)

    assert len(names) == len(CORRUPTIONS) >= 100


@pytest.mark.parametrize(
    "corruption", CORRUPTIONS, ids=[corruption.name for corruption in CORRUPTIONS]
)
def test_corruption_that_checksums_do_not_show_is_noticed_and_named(
    corruption: Corruption, copy: GenerationCopy, validator: Validator
) -> None:
    corruption.apply(copy)
    verify_generation(copy.folder)

    audit = audit_generation(
        copy.home, copy.build_id, suites=[corruption.suite], validator=validator
    )

    assert not audit.has_passed
    culprits = [
        result.observed
        for result in audit.results
        if result.outcome is Outcome.FAILED and result.column == corruption.column
    ]
    assert any(corruption.culprit in culprit for culprit in culprits), audit.results


def test_every_table_that_was_emptied_is_named(
    copy: GenerationCopy, validator: Validator
) -> None:
    # No customer was rejected, so that table is empty as it should be.
    emptied = set(copy.manifest["tables"]) - {"fct_rejected_customers"}
    copy.run(*(f"delete from {table}" for table in emptied))
    copy.seal()

    audit = audit_generation(
        copy.home, copy.build_id, suites=["row counts"], validator=validator
    )

    (broken,) = (result for result in audit.results if result.outcome is Outcome.FAILED)
    n_tables = len(copy.manifest["tables"])
    assert broken.observed.startswith(f"{len(emptied)} of {n_tables} rows")
