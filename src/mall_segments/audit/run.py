"""Audit a published generation from end to end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import duckdb

from mall_segments.audit.evidence import (
    PREVIOUS_GENERATION,
    Evidence,
    MissingEvidenceError,
)
from mall_segments.audit.files import file_suites
from mall_segments.audit.history import history_suites
from mall_segments.audit.models import model_suites
from mall_segments.audit.results import Audit, Outcome, Result
from mall_segments.audit.tables import table_suites
from mall_segments.audit.totals import schema_suites, total_suites
from mall_segments.audit.validation import Validator
from mall_segments.errors import PublishError
from mall_segments.publishing.generations import generation_folder, read_generation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from mall_segments.audit.expectations import Suite


def audit_generation(
    home: Path,
    build_id: str,
    *,
    accept_drift: bool = False,
    suites: Collection[str] = (),
    validator: Validator | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Audit:
    """Check one published generation against everything that is expected of it.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    build_id : str
        The generation.
    accept_drift : bool
        Whether customers that differ much from those of the previous generation only
        warn, because they were changed on purpose.
    suites : collection of str
        The names of the suites to run; every suite by default.
    validator : Validator, optional
        One that is reused; by default a new one.
    progress : callable, optional
        Called with the suite that is run next and the share of suites run before.

    Returns
    -------
    Audit
        Every result. A generation so damaged that it cannot be opened has one failed
        result for each suite that could not be run.

    Raises
    ------
    PublishError
        If the manifest of the generation is damaged, so that nothing is known of it,
        or a suite is named that it has not.
    """
    start = time.perf_counter()
    generation = read_generation(generation_folder(home, build_id))
    validator = validator or Validator()
    evidence = Evidence(home, generation)
    results: list[Result] = []
    try:
        with evidence:
            chosen = _chosen(evidence, suites, accept_drift=accept_drift)
            for number, suite in enumerate(chosen):
                if progress:
                    progress(suite.name, number / len(chosen))
                results += _run(suite, evidence, validator)
    except MissingEvidenceError as error:
        results.append(_unchecked("database", f"cannot be opened: {error}"))
    return Audit(
        build_id=generation.build_id,
        previous_build_id=(
            evidence.previous.build_id if evidence.previous is not None else None
        ),
        audited_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.perf_counter() - start,
        versions={
            "mall-segments": version("mall-segments"),
            "great-expectations": validator.version,
            "duckdb": duckdb.__version__,
        },
        results=tuple(results),
    )


def _chosen(
    evidence: Evidence, names: Collection[str], *, accept_drift: bool
) -> list[Suite]:
    suites = list(_suites(evidence, accept_drift=accept_drift))
    known = [suite.name for suite in suites]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PublishError(
            f"the audit has no suite {unknown[0]!r}; it has {', '.join(known)}"
        )
    return [suite for suite in suites if not names or suite.name in names]


def _suites(evidence: Evidence, *, accept_drift: bool) -> Iterator[Suite]:
    yield from file_suites(evidence)
    yield from model_suites()
    yield from schema_suites(evidence)
    yield from table_suites(evidence)
    yield from total_suites(evidence)
    yield from history_suites(evidence, accept_drift=accept_drift)


def _run(suite: Suite, evidence: Evidence, validator: Validator) -> list[Result]:
    for need in suite.needs:
        reason = evidence.lacks(need)
        if reason is not None:
            if need == PREVIOUS_GENERATION:
                return [
                    _unchecked(
                        suite.name,
                        f"no previous generation: {reason}",
                        outcome=Outcome.SKIPPED,
                    )
                ]
            return [_unchecked(suite.name, f"cannot be checked: {reason}")]
    try:
        frame = suite.frame(evidence)
    except MissingEvidenceError as error:
        return [_unchecked(suite.name, f"cannot be checked: {error}")]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # Values that nobody can compute with are a finding, not an accident.
        kind = type(error).__name__
        return [_unchecked(suite.name, f"cannot be checked: {kind}: {error}")]
    return validator.validate(suite.name, frame, suite.keys, suite.expectations)


def _unchecked(
    suite: str, observed: str, *, outcome: Outcome = Outcome.FAILED
) -> Result:
    return Result(
        suite=suite,
        expectation="",
        column="",
        meaning="can be checked",
        outcome=outcome,
        observed=observed,
    )
