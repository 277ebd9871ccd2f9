"""What an audit found: one result per expectation, and the verdict on all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """How an expectation ended, worst first."""

    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    PASSED = "passed"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One expectation and what it met.

    Its meaning continues the name of the column or columns; those are empty if it is
    about the whole table, the expectation where nothing could be checked.
    """

    suite: str
    expectation: str
    column: str
    meaning: str
    outcome: Outcome
    observed: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Every result of one audit of one generation, in the order they were found."""

    build_id: str
    previous_build_id: str | None
    audited_at: str
    seconds: float
    versions: Mapping[str, str]
    results: tuple[Result, ...]

    def count(self, outcome: Outcome) -> int:
        """Count the results that ended so."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def has_passed(self) -> bool:
        """Whether no expectation failed; warnings do not count."""
        return not self.count(Outcome.FAILED)

    @property
    def worst_first(self) -> list[Result]:
        """The results, failures first, each kind in the order it was found."""
        order = list(Outcome)
        return sorted(self.results, key=lambda result: order.index(result.outcome))

    @property
    def findings(self) -> list[Result]:
        """The results that did not pass, failures first."""
        return [each for each in self.worst_first if each.outcome is not Outcome.PASSED]

    @property
    def by_suite(self) -> dict[str, list[Result]]:
        """The results of each suite, in the order in which they were found."""
        suites: dict[str, list[Result]] = {}
        for result in self.results:
            suites.setdefault(result.suite, []).append(result)
        return suites

    @property
    def verdict(self) -> str:
        """One line: passed or failed, with the numbers of each kind."""
        n_failed, n_warnings, n_skipped = map(
            self.count, (Outcome.FAILED, Outcome.WARNING, Outcome.SKIPPED)
        )
        warned = f"{n_warnings} warning{'s' * (n_warnings > 1)}" * bool(n_warnings)
        skipped = f"{n_skipped} skipped" * bool(n_skipped)
        notes = ", ".join(filter(None, (warned, skipped)))
        of_all = f"{len(self.results) - n_skipped} expectations"
        of_all += f" ({notes})." if notes else "."
        if n_failed:
            return f"FAILED: {self.build_id} breaks {n_failed} of {of_all}"
        how = "breaks none of" if n_warnings else "meets all"
        return f"PASSED: {self.build_id} {how} {of_all}"

    def to_json(self) -> dict[str, Any]:
        """Describe the audit as JSON holds it, worst results first."""
        return {
            "format": 1,
            "build_id": self.build_id,
            "previous_build_id": self.previous_build_id,
            "audited_at": self.audited_at,
            "seconds": round(self.seconds, 3),
            "versions": dict(self.versions),
            "has_passed": self.has_passed,
            "verdict": self.verdict,
            "counts": {outcome.value: self.count(outcome) for outcome in Outcome},
            "results": [asdict(result) for result in self.worst_first],
        }
