"""Put the report together: one HTML file that needs nothing else."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from mall_segments.errors import PublishError
from mall_segments.report.charts import GENDERS
from mall_segments.report.features import FeatureView, level, listed, shade
from mall_segments.report.markers import (
    badge,
    gender_badge,
    marker_definitions,
    shape_class,
)
from mall_segments.report.reading import Reading
from mall_segments.report.sections import SegmentationView
from mall_segments.report.svg import share

MAX_FAILURES: Final = 20
"""Failures and warnings of the audit that are listed; all are counted."""

# From how far a correlation or a loading is shaded, as if it were a z-score.
_CORRELATION_SCALE = 2.0

_MINUTE = "%Y-%m-%d %H:%M"

_ALGORITHMS = {
    "affinity_propagation": "Affinity propagation",
    "average_linkage": "Average linkage",
    "birch": "BIRCH",
    "bisecting_kmeans": "Bisecting K-means",
    "dbscan": "DBSCAN",
    "gaussian_mixture": "Gaussian mixture",
    "hdbscan": "HDBSCAN",
    "kmeans": "K-means",
    "mean_shift": "Mean shift",
    "optics": "OPTICS",
    "spectral": "Spectral",
    "ward": "Ward linkage",
}


@dataclass(frozen=True)
class Audit:
    """The result of an audit: its verdict, its counts, and what did not hold."""

    has_passed: bool
    counts: Mapping[str, int]
    failures: tuple[Mapping[str, str], ...]


def read_audit(path: Path) -> Audit:
    """Read the result of an audit.

    Raises
    ------
    PublishError
        If the file is not what ``mall-segments audit`` writes as JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        results = [
            {
                key: str(result[key])
                for key in ("outcome", "suite", "column", "meaning", "observed")
            }
            for result in content["results"]
            if result["outcome"] in ("failed", "warning")
        ]
        return Audit(
            has_passed=bool(content["has_passed"]),
            counts={name: int(n) for name, n in content["counts"].items()},
            failures=tuple(results[:MAX_FAILURES]),
        )
    except (OSError, ValueError) as error:
        raise PublishError(f"{path} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise PublishError(f"{path} is not the result of an audit") from None


def render_page(reading: Reading, *, audit: Audit | None) -> str:
    """Write the page.

    The policy in its head lets the browser run and style with nothing but the script
    and the style sheet that are part of the page, and load nothing at all: a text that
    found its way into the page as markup could not do anything.
    """
    script = _asset("report.js")
    style = "\n".join(map(_asset, ("colours.css", "charts.css", "page.css")))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; "
        f"style-src '{_digest(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return page_template().render(
        model=reading.model,
        created=f"{datetime.fromisoformat(reading.model.created_at):{_MINUTE}} UTC",
        features=reading.features,
        views=reading.views,
        histograms=reading.general.histograms,
        gender_pairs=reading.general.pairs,
        correlations=reading.general.correlations,
        drift=reading.general.drift,
        quality=reading.general.quality,
        data_tests=reading.data_tests,
        audit=audit,
        genders=GENDERS,
        definitions=marker_definitions(),
        policy=policy,
        script=Markup(script),  # noqa: S704 - a file of this package
        style=Markup(style),  # noqa: S704 - a file of this package
    )


def in_words(parts: Iterable[str]) -> Markup:
    """Join texts as a sentence does, each in its own direction.

    Examples
    --------
    >>> in_words(["age", "income"])
    Markup('<bdi>age</bdi> and <bdi>income</bdi>')
    """
    shown = [Markup("<bdi>{}</bdi>").format(part) for part in parts]
    return Markup(listed(shown))  # noqa: S704 - each part is escaped


@cache
def page_template() -> Template:
    """Compile the template, once for all pages of a process."""
    environment = Environment(
        loader=PackageLoader("mall_segments.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "algorithm_name": lambda name: _ALGORITHMS.get(name, name.replace("_", " ")),
        "arrow": _arrow,
        "badge": badge,
        "correlation_shade": lambda value: shade(
            None if value is None else value * _CORRELATION_SCALE
        ),
        "gender_badge": gender_badge,
        "in_words": in_words,
        "level": level,
        "percentage": lambda part: share(100 * part),
        "shade": shade,
        "shape_class": shape_class,
    }
    environment.filters.update(filters)
    environment.globals["subject"] = _subject
    environment.globals["unused"] = lambda view, features: [
        feature.label for feature in features.values() if feature not in view.features
    ]
    return environment.get_template("report.html.j2")


def _subject(
    name: str,
    features: Mapping[str, FeatureView],
    views: Iterable[SegmentationView],
) -> str:
    """Name what a count is about: a feature or a segmentation."""
    if name in features:
        return features[name].title
    return next((view.title for view in views if view.name == name), name)


def _arrow(z_score: float | None) -> str:
    grade = shade(z_score)
    if not grade:
        return "≈"
    return ("▲" if grade > 0 else "▼") * max(1, abs(grade) - 1)


def _asset(name: str) -> str:
    text = (files("mall_segments.report") / "assets" / name).read_text(encoding="utf-8")
    return text.strip()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
