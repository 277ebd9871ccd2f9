"""An audit as one HTML file that needs nothing else and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from mall_segments.audit.results import Outcome

if TYPE_CHECKING:
    from mall_segments.audit.results import Audit

_TEMPLATE: Final = "audit.html.j2"


def render_page(audit: Audit) -> str:
    """Write an audit as a page: the verdict, what is wrong, and every expectation."""
    environment = Environment(
        loader=PackageLoader("mall_segments.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        audit=audit,
        outcomes=[(outcome.value, audit.count(outcome)) for outcome in Outcome],
        # Worst first, so that the first of each suite is its worst.
        worst={
            result.suite: result.outcome.value for result in reversed(audit.worst_first)
        },
    )
