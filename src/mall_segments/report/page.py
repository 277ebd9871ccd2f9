"""Put the report together: one HTML file that needs nothing else."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from mall_segments.errors import PublishError
from mall_segments.report.counts import STABLE
from mall_segments.report.features import level, listed, shade
from mall_segments.report.markers import badge, marker_definitions, shape_class
from mall_segments.report.profiles import spread
from mall_segments.report.sections import View
from mall_segments.report.svg import share

MAX_FAILURES: Final = 20
"""Failures and warnings of the audit that are listed; all are counted."""

LISTS: Final = (
    ("segmented_mall_customers.csv", "every customer with the segment, as CSV"),
    ("parquet/fct_customer_segments.parquet", "the same for BI tools, as Parquet"),
    ("parquet/fct_customer_movements.parquet", "who joined, left or moved, as Parquet"),
    ("parquet/dim_segments.parquet", "what is known of each segment, as Parquet"),
    ("parquet/fct_rejected_customers.parquet", "rows that were left out, as Parquet"),
)

VERDICTS: Final = {
    "clear segments": "Clear segments: these groups are there, and would be found "
    "again among other customers of the same kind.",
    "weak segments": "Weak segments: these groups help to describe customers, but not "
    "all of them stand apart clearly or would be found again among others.",
    "no segments": "No segments: these customers are one crowd, and its parts are cut "
    "for convenience.",
}
"""What the verdict on a segmentation means, for who does not know statistics."""

# From how far a correlation or a loading is shaded, as if it were a z-score.
_CORRELATION_SCALE = 2.0

_MINUTE = "%Y-%m-%d %H:%M"

_ACRONYMS = ("birch", "dbscan", "hdbscan", "optics")


class Audit(BaseModel):
    """The result of an audit: its verdict, its counts and what was found."""

    has_passed: bool
    counts: dict[str, int]
    results: list[dict[str, Any]]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The first failures and warnings."""
        outcomes = ("failed", "warning")
        found = [result for result in self.results if result["outcome"] in outcomes]
        return found[:MAX_FAILURES]


def read_audit(path: Path) -> Audit:
    """Read the result of an audit as JSON."""
    try:
        return Audit.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error}") from None
    except ValidationError:
        raise PublishError(f"{path} is not the result of an audit") from None


def render_page(reading: View, *, audit: Audit | None, home: Path) -> str:
    """Write the page.

    The policy in its head lets the browser run and style with nothing but the script
    and the style sheet that are part of the page, and load nothing at all: a text that
    found its way into the page as markup could not do anything. Its links start from
    its home, the folder it is written to.
    """
    script = read_asset("report.js")
    style = "\n".join(map(read_asset, ("colours.css", "charts.css", "page.css")))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; "
        f"style-src '{_digest(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    created = datetime.fromisoformat(reading["model"].created_at)
    return read_template("report.html.j2").render(
        **reading,
        created=f"{created:{_MINUTE}} UTC",
        audit=audit,
        lists=_links(reading, home),
        verdicts=VERDICTS,
        stable=STABLE,
        definitions=marker_definitions(),
        policy=policy,
        script=Markup(script),  # noqa: S704 - a file of this package
        style=Markup(style),  # noqa: S704 - a file of this package
    )


def _links(reading: View, home: Path) -> list[tuple[str, str, str]]:
    """List files for download: address, name and what it is."""
    folder = reading["folder"]
    start = os.path.relpath(folder.resolve(), home.resolve())
    prefix = "" if start == "." else f"{start}/"
    return [
        (quote(f"{prefix}{name}"), name.rpartition("/")[2], meaning)
        for name, meaning in LISTS
        if (folder / name).is_file()
    ]


def in_words(parts: Iterable[str]) -> Markup:
    """Join texts as a sentence does, each in its own direction.

    >>> in_words(["age", "income"])
    Markup('<bdi>age</bdi> and <bdi>income</bdi>')
    """
    shown = [Markup("<bdi>{}</bdi>").format(part) for part in parts]
    return Markup(listed(shown))  # noqa: S704 - each part is escaped


def page_environment(package: str) -> Environment:
    """Return what compiles the templates of a package to pages."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def read_template(name: str) -> Template:
    """Compile a template of this package."""
    environment = page_environment("mall_segments.report")
    filters: dict[str, Callable[..., object]] = {
        "algorithm_name": _algorithm_name,
        "arrow": _arrow,
        "badge": badge,
        "correlation_shade": lambda value: shade(
            None if value is None else value * _CORRELATION_SCALE
        ),
        "in_words": in_words,
        "level": level,
        "percentage": lambda part: share(100 * part),
        "shade": shade,
        "shape_class": shape_class,
        "spread": spread,
    }
    environment.filters.update(filters)
    return environment.get_template(name)


def _algorithm_name(name: str) -> str:
    words = name.upper() if name in _ACRONYMS else name.replace("kmeans", "K-means")
    return words[:1].upper() + words[1:].replace("_", " ")


def _arrow(z_score: float | None) -> str:
    grade = shade(z_score)
    if not grade:
        return "≈"
    return ("▲" if grade > 0 else "▼") * max(1, abs(grade) - 1)


def read_asset(name: str) -> str:
    """Read a style sheet or a script of this package."""
    text = (files("mall_segments.report") / "assets" / name).read_text(encoding="utf-8")
    return text.strip()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
