"""An audit as one HTML file that needs nothing else and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mall_segments.audit.results import Outcome
from mall_segments.report.page import page_environment

if TYPE_CHECKING:
    from mall_segments.audit.results import Audit


def render_page(audit: Audit) -> str:
    """Write an audit as a page: the verdict, what is wrong, and every expectation."""
    template = page_environment("mall_segments.audit").get_template("audit.html.j2")
    return template.render(
        audit=audit,
        outcomes=[(outcome.value, audit.count(outcome)) for outcome in Outcome],
        # Worst first, so that the first of each suite is its worst.
        worst={
            result.suite: result.outcome.value for result in reversed(audit.worst_first)
        },
    )
