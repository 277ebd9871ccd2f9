"""An audit as one HTML file that needs nothing else and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from mall_segments.audit.results import Outcome
from mall_segments.report.page import page_environment, read_asset

if TYPE_CHECKING:
    from mall_segments.audit.results import Audit


def render_page(audit: Audit) -> str:
    """Write an audit as a page: the verdict, what is wrong, and every expectation."""
    style = read_asset("colours.css") + read_asset("page.css")
    return (
        page_environment("mall_segments.audit")
        .get_template("audit.html.j2")
        .render(
            audit=audit,
            outcomes=[(outcome.value, audit.count(outcome)) for outcome in Outcome],
            style=Markup(style),  # noqa: S704 - files of this package
        )
    )
