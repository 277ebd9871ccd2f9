"""The samples that are drawn, and what a test knows of an opened report."""

from dataclasses import dataclass, field

from playwright.sync_api import Page
from sample_generation import (
    SHIPPED,
    Sample,
    by_one_feature,
    crowded,
    first_build,
    many_segments,
    renamed,
)

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Marks that are drawn: those of a hidden segmentation have no size.
COUNT_MARKS = """
() => Array.from(document.querySelectorAll("[data-chart]"))
    .filter((chart) => chart.checkVisibility())
    .map((chart) => {
        const marks = Array.from(chart.querySelectorAll(".mark"));
        const drawn = marks.filter((mark) => {
            const box = mark.getBoundingClientRect();
            return box.width > 0 || box.height > 0;
        });
        return [chart.dataset.chart, Number(chart.dataset.marks), drawn.length];
    })
"""

HOSTILE_TEXTS = (
    "<script>window.hacked = true</script> & 'one' \"two\"",
    "W" * 200,
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643\u0645 \u202ereversed",
    "\"><img src=x onerror='window.hacked = true'>",
)
HOSTILE_LABELS = (
    "</script><script>window.hacked = true</script>",
    "M" * 200,
    "\u0625\u0646\u0641\u0627\u0642 <b>bold</b>",
)

SAMPLES: dict[str, Sample] = {
    "shipped": SHIPPED,
    "crowded": crowded(),
    "first": first_build(),
    "one feature": by_one_feature(),
    "many segments": many_segments(12),
    "hostile": renamed(SHIPPED, texts=HOSTILE_TEXTS, labels=HOSTILE_LABELS),
}


@dataclass
class Opened:
    """A page, and what happened in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
