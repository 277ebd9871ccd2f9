"""The samples that are drawn, and what a test knows of an opened report."""

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from playwright.sync_api import Page
from sample_generation import Column, Plan, Sample

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

SEED = Path(__file__).parents[3] / "seeds" / "Mall_Customers.csv"

# Marks that are drawn: those of a hidden segmentation have no size.
OPEN_DETAILS = """
() => document.querySelectorAll("details").forEach((part) => { part.open = true; })
"""
COUNT_MARKS = """
() => Array.from(document.querySelectorAll("[data-chart]"))
    .filter((chart) => chart.checkVisibility())
    .map((chart) => {
        const marks = Array.from(chart.querySelectorAll(".mark"));
        const drawn = marks.filter((mark) => {
            const box = mark.getBoundingClientRect();
            return box.width > 0 || box.height > 0;
        });
        return [chart.dataset.chart, marks.length, drawn.length];
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


def shipped() -> Sample:
    with SEED.open(encoding="utf-8") as rows:
        read = [list(row.values()) for row in csv.DictReader(rows)]
    gender, age, income, score = list(zip(*read, strict=True))[1:5]
    ages = [int(text) for text in age]
    starts = (18, 25, 35, 45, 55, 65)
    bands = ["18-24", "25-34", "35-44", "45-54", "55-64", "65 and over"]
    return Sample(
        columns=(
            Column("age_years", "age", "years"),
            Column("annual_income_kusd", "income", "k$"),
            Column("spending_score", "spending"),
        ),
        customers={
            "age_years": ages,
            "annual_income_kusd": [int(text) for text in income],
            "spending_score": [int(text) for text in score],
        },
        plans=(
            Plan(
                "income_spending",
                ("annual_income_kusd", "spending_score"),
                5,
                ("Standard customers", "Target customers", "Careful savers",
                 "Budget shoppers", "Eager spenders"),
            ),
            Plan(
                "age_income_spending",
                ("age_years", "annual_income_kusd", "spending_score"),
                3,
                ("Deliberate shoppers", "Young starters", "Target customers"),
                "weak segments",
            ),
        ),
        demographics=("gender", "age_band"),
        extra={
            "gender": [text.lower() for text in gender],
            "age_band": [
                bands[np.searchsorted(starts, a, side="right") - 1] for a in ages
            ],
        },
    )  # fmt: skip


def crowded() -> Sample:
    """Far more points than are drawn one by one, in one crowd."""
    random = np.random.default_rng(1)
    return Sample(
        columns=(Column("weight", unit="kg"), Column("height", unit="cm")),
        customers={
            "weight": random.normal(75, 9, 6_000).tolist(),
            "height": random.normal(170, 7, 6_000).tolist(),
        },
        plans=(Plan("body", ("weight", "height"), 4, verdict="no segments"),),
    )


def mixed(n_numbers: int = 12, n: int = 400) -> Sample:
    """Numbers with long tails and negative values, and three categories."""
    random = np.random.default_rng(2)
    group = random.integers(0, 4, n)
    columns, customers = [], {}
    for number in range(n_numbers):
        name = f"measure_{number + 1}"
        kind = ("none", "log", "yeo_johnson")[number % 3]
        values = group * (number % 4) + random.normal(0, 1, n) - (kind == "yeo_johnson")
        customers[name] = (
            (np.exp(values) if kind == "log" else values).round(4).tolist()
        )
        clip = (0.01, 0.99) if number % 2 else None
        columns.append(Column(name, f"measured {name}", "units", kind, clip))
    for name, levels in (
        ("channel", ("web", "shop", "phone", "unknown")),
        ("country", ("Norway", "Chad", "Peru", "Laos", "Fiji", "Mali", "Cuba", "Togo")),
        ("member", ("yes", "no")),
    ):
        chosen = np.where(random.random(n) < 0.7, group, random.integers(0, 99, n))
        customers[name] = [levels[place % len(levels)] for place in chosen.tolist()]
        columns.append(Column(name))
    return Sample(
        tuple(columns),
        customers,
        (Plan("everything", tuple(customers), 4, ("Same people", "Same people")),),
        has_previous=False,
        demographics=("channel",),
        spend=True,
    )


def one_feature() -> Sample:
    return Sample(
        columns=(Column("visits", unit="per month"),),
        customers={"visits": [n % 7 + 10 * (n % 3) for n in range(90)]},
        plans=(Plan("visits", ("visits",), 3),),
    )


def categories() -> Sample:
    """Not one number."""
    return Sample(
        columns=(Column("channel"), Column("member")),
        customers={
            "channel": [("web", "shop", "phone")[n % 3] for n in range(90)],
            "member": [("yes", "no")[n % 2] for n in range(90)],
        },
        plans=(Plan("habits", ("channel", "member"), 3),),
    )


def many_segments(k: int = 12) -> Sample:
    sample = shipped()
    plan = replace(sample.plans[0], k=k, personas=("Twin", "Twin"))
    return replace(sample, plans=(plan,))


def hostile() -> Sample:
    sample = shipped()
    columns = tuple(
        replace(column, label=label)
        for column, label in zip(sample.columns, HOSTILE_LABELS, strict=True)
    )
    plans = tuple(replace(plan, personas=HOSTILE_TEXTS) for plan in sample.plans)
    return replace(sample, columns=columns, plans=plans)


SAMPLES = {
    "shipped": shipped,
    "crowded": crowded,
    "mixed": mixed,
    "one feature": one_feature,
    "categories": categories,
    "many segments": many_segments,
    "hostile": hostile,
}


@dataclass
class Opened:
    """A page, and what happened in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
