"""The report in a browser: drawn, alone, usable and accessible."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page
from report_figures import open_database
from report_pages import COUNT_MARKS, OPEN_DETAILS, SAMPLES, Opened

from mall_segments.model import load_model
from mall_segments.publishing.generations import MODEL
from mall_segments.report import REPORT
from mall_segments.scoring.assignment import assign

Open = Callable[..., Opened]
Generate = Callable[[str], Path]

WIDTHS = (390, 1440)
SCHEMES = ("light", "dark")
DARK, LIGHT = 60, 200

FIND_OVERFLOW = """
() => document.documentElement.scrollWidth - document.documentElement.clientWidth
"""
# Shares of an axis, within which the map gives the places of its customers.
PLACES = """
(map) => JSON.parse(map.querySelector("script").textContent).cells
"""


def visible_segmentations(page: Page) -> set[str]:
    names = page.evaluate(
        """() => Array.from(document.querySelectorAll("[data-segmentation]"))
            .filter((part) => part.checkVisibility())
            .map((part) => part.dataset.segmentation)"""
    )
    return set(names)


def finder(page: Page) -> Locator:
    return page.locator("[data-finder]:visible form")


def selection(page: Page, segmentation: str) -> dict[int, int]:
    rows = page.locator(f"[data-map={segmentation}] [data-segment]")
    return {
        int(row.get_attribute("data-segment") or 0): int(
            row.locator("[data-live=selected]").inner_text().replace(",", "")
        )
        for row in rows.all()
    }


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_chart_is_drawn_silently_and_asks_nobody(
    open_report: Open, generation: Generate, sample: str
) -> None:
    opened = open_report(sample)
    opened.page.evaluate(OPEN_DETAILS)
    charts = opened.page.evaluate(COUNT_MARKS)
    assert charts
    for name, n_marks, n_drawn in charts:
        assert n_drawn == n_marks > 0, name
    assert opened.messages == []
    assert opened.requests == [(generation(sample) / REPORT).as_uri()]


def test_a_blocked_request_would_be_written_down(open_report: Open) -> None:
    opened = open_report()
    opened.page.evaluate(
        "() => { document.body.append(Object.assign(new Image(), "
        "{ src: 'https://example.com/pixel.png' })); }"
    )
    opened.page.wait_for_timeout(50)
    assert any("Content Security Policy" in message for message in opened.messages)


def test_the_verdict_is_the_first_line_and_the_analyst_comes_last(
    open_report: Open,
) -> None:
    page = open_report().page
    verdict = "Clear segments: these groups are there"
    assert page.locator("header, p:visible").first.inner_text().startswith(verdict)
    page.get_by_role("link", name="The evidence").click()
    assert "There are clear segments here." in page.locator("#number").inner_text()
    page.get_by_role("button", name="Open all").click()
    page.get_by_role("button", name="Close all").click()
    assert page.locator("h2").all_inner_texts() == [
        "The segments",
        "Who is this customer?",
        "What changed since the last build",
        "Lists to download",
        "For the analyst",
    ]
    assert page.locator("details.section[open]").count() == 0
    assert page.locator(".card:visible h3").first.inner_text() == "Target customers"


def test_without_segments_no_persona_and_no_action_is_claimed(
    open_report: Open,
) -> None:
    page = open_report("crowded").page
    page.evaluate(OPEN_DETAILS)
    text = page.inner_text("body")
    assert (
        "No segments: these customers" in page.locator("p:visible").first.inner_text()
    )
    assert "Persona" not in text
    assert "What to do" not in text
    assert "Former kind is now called Kind A of weight: it is a part of one" in text


def test_repeated_personas_are_told_apart_by_name(open_report: Open) -> None:
    page = open_report("many segments").page
    page.evaluate(OPEN_DETAILS)
    titles = page.locator(".card h3").all_inner_texts()
    assert len(set(titles)) == len(titles) == 12
    heads = page.locator("#profiles .heat").first.locator("thead th bdi")
    names = heads.all_inner_texts()
    assert len(set(names)) == len(names) == 12
    assert "Twin" not in titles + names


def test_empty_sections_are_left_out(open_report: Open) -> None:
    page = open_report("categories").page
    for name in ("map", "exploration"):
        assert page.locator(f"#{name}").count() == 0
    assert page.locator("#profiles").count() == 1
    assert open_report("mixed").page.locator("#changes, #drift").count() == 0


def test_the_switch_shows_one_segmentation_at_a_time(open_report: Open) -> None:
    page = open_report(width=390).page
    assert visible_segmentations(page) == {"income_spending"}
    page.locator(".switch label", has_text="age, income and spending").click()
    assert visible_segmentations(page) == {"age_income_spending"}
    page.keyboard.press("ArrowLeft")
    assert visible_segmentations(page) == {"income_spending"}


@pytest.mark.parametrize("sample", ["shipped", "mixed", "categories"])
def test_the_page_assigns_customers_as_the_model_does(
    open_report: Open, generation: Generate, sample: str
) -> None:
    model = load_model(generation(sample) / MODEL)
    segmentation = model.segmentations[-1]
    random = np.random.default_rng(3)
    source = SAMPLES[sample]().customers
    customers = {}
    for name in segmentation.features:
        values = [source[name][place] for place in random.integers(0, 90, 60).tolist()]
        # Some values are missing, some beyond those that were seen.
        customers[name] = [
            None
            if random.random() < 0.1
            else 3 * value
            if random.random() < 0.1
            else value
            for value in values
        ]
        if isinstance(values[0], str):
            customers[name] = [None if random.random() < 0.1 else v for v in values]
    expected = assign(model, segmentation, customers)
    page = open_report(sample).page
    found = page.locator(
        f"[data-finder][data-segmentation={segmentation.name}]"
    ).evaluate(
        "(part, rows) => rows.map((row) => part.querySelector('form').assign(row))",
        [
            {name: values[row] for name, values in customers.items()}
            for row in range(len(expected.segment))
        ],
    )
    for row, answer in enumerate(found):
        assert answer["segment"]["segment_id"] == expected.segment[row] + 1
        assert answer["second"]["segment_id"] == expected.second[row] + 1
        assert answer["membership"] == pytest.approx(expected.membership[row], rel=1e-9)
        assert answer["isOutlier"] == expected.is_outlier[row]
        assert answer["reasons"][0][0] == segmentation.features[expected.reason[row]]


def test_typed_values_are_answered_in_words(open_report: Open) -> None:
    page = open_report().page
    form = finder(page)
    form.locator("[name=annual_income_kusd]").fill("85")
    form.locator("[name=spending_score]").fill("82")
    answer = form.locator(".answer")
    assert answer.locator("p").first.inner_text() == "Target customers"
    assert "% sure. Next nearest: Standard customers." in answer.inner_text()
    assert "Spending 82 speaks for it" in answer.inner_text()
    form.locator("[name=annual_income_kusd]").fill("-5")
    assert answer.inner_text().startswith("Income (k$): Value must be greater than")
    form.locator("[name=annual_income_kusd]").fill("")
    assert "taken as average or not known: income" in answer.inner_text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("sample", "name"), [("shipped", "income_spending"), ("mixed", "everything")]
)
def test_brushing_counts_the_customers_in_the_rectangle(
    open_report: Open, sample: str, name: str, width: int
) -> None:
    page = open_report(sample, width=width).page
    page.evaluate(OPEN_DETAILS)
    area = page.locator(f"[data-map={name}]")
    plot = area.locator(".plot")
    plot.evaluate("(plot) => plot.scrollIntoView({ block: 'center' })")
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.05 * box["height"])
    page.mouse.down()
    page.mouse.move(
        box["x"] + 0.95 * box["width"], box["y"] + 0.45 * box["height"], steps=4
    )
    page.mouse.up()
    expected = sum(
        n
        for x, y, counts in area.evaluate(PLACES)
        for _, n in counts
        if 0.55 <= x <= 0.95 and 0.55 <= y <= 0.95
    )
    found = sum(selection(page, name).values())
    # Limits are rounded to four digits before they are applied.
    assert abs(found - expected) <= 3
    assert found > 0
    assert area.locator("[data-live=total]").inner_text() == f"{found:,}"
    assert plot.locator(".dim").count() > 0
    assert plot.locator(".brush").count() == 1
    area.get_by_role("button").click()
    page.wait_for_function("() => !document.querySelector('.plot .dim, .plot .brush')")


def test_limits_can_be_typed_instead_of_dragged(
    open_report: Open, generation: Generate
) -> None:
    page = open_report().page
    page.evaluate(OPEN_DETAILS)
    form = page.locator("[data-map=income_spending] form")
    form.locator("[name=from0]").focus()
    page.keyboard.type("70")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("40")
    assert form.locator("[name=to1]").input_value() == "40"
    with open_database(generation("shipped")) as connection:
        expected = connection.execute(
            "SELECT segment_id, sum(n_customers)::BIGINT FROM fct_segment_points "
            "WHERE segmentation = 'income_spending' AND annual_income_kusd >= 70 "
            "AND spending_score <= 40 GROUP BY segment_id"
        ).fetchall()
    found = selection(page, "income_spending")
    assert {key: n for key, n in found.items() if n} == dict(expected)


def test_every_mark_says_what_it_is(open_report: Open) -> None:
    page = open_report("mixed").page
    silent = page.evaluate(
        """() => Array.from(document.querySelectorAll(".mark"))
            .filter((mark) => !mark.querySelector("title")?.textContent).length"""
    )
    assert silent == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_names_of_segments_stand_on_the_map(open_report: Open, width: int) -> None:
    page = open_report(width=width).page
    page.evaluate(OPEN_DETAILS)
    labels = page.locator("[data-chart=map-income_spending] .direct-label:visible")
    assert sorted(labels.all_text_contents()) == [
        "Budget shoppers",
        "Careful savers",
        "Eager spenders",
        "Standard customers",
        "Target customers",
    ]


def test_links_open_the_section_they_lead_to(open_report: Open) -> None:
    page = open_report().page
    page.get_by_role("link", name="why").click()
    page.locator("#quality[open]").wait_for()
    page.get_by_role("button", name="Open all").click()
    assert page.locator("details.section:not([open])").count() == 0


def test_everything_that_reacts_is_reached_with_the_tab_key(open_report: Open) -> None:
    page = open_report().page
    n_stops = page.evaluate(
        """() => Array.from(document.querySelectorAll(
            "a, button, input, summary, [tabindex='0']"))
            .filter((item) => item.checkVisibility()).length"""
    )
    reached = set()
    for _ in range(n_stops + 5):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => { const active = document.activeElement; "
                "return active.name || active.getAttribute('href') || active.tagName; }"
            )
        )
    assert {"#segments", "#analyst", "segmentation", "spending_score"} <= reached
    assert {"segmented_mall_customers.csv", "BUTTON", "SUMMARY"} <= reached


@pytest.mark.slow  # Two seconds each on an idle machine.
@pytest.mark.parametrize(
    ("sample", "width", "scheme"),
    [("shipped", 390, "dark"), ("shipped", 1440, "light"), ("mixed", 390, "light")],
)
def test_axe_finds_no_violation(
    open_report: Open, sample: str, width: int, scheme: str
) -> None:
    page = open_report(sample, width=width, scheme=scheme).page
    assert Axe().run(page).response["violations"] == []
    page.evaluate(OPEN_DETAILS)
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("sample", ["shipped", "mixed", "many segments", "hostile"])
def test_nothing_is_wider_than_the_screen(
    open_report: Open, sample: str, width: int
) -> None:
    page = open_report(sample, width=width).page
    page.evaluate(OPEN_DETAILS)
    assert page.evaluate(FIND_OVERFLOW) == 0


def test_hostile_names_stay_text(open_report: Open) -> None:
    opened = open_report("hostile", width=390)
    page = opened.page
    page.evaluate(OPEN_DETAILS)
    assert page.evaluate("() => window.hacked") is None
    assert opened.messages == []
    assert page.locator("img, b").count() == 0
    # A finder and a map for each segmentation, and the script of the page.
    assert page.locator("script").count() == 5
    shown = page.locator(".card h3").all_inner_texts()
    assert "<script>window.hacked = true</script> & 'one' \"two\"" in shown
    assert "W" * 200 in shown
    finder(page).locator("input").first.fill("80")
    assert finder(page).locator(".answer p").count() > 1
    assert page.evaluate("() => window.hacked") is None


def test_dark_pages_are_dark_and_printed_ones_are_light(open_report: Open) -> None:
    page = open_report(scheme="dark").page
    lightness = "() => Number(getComputedStyle(document.querySelector('.card'))"
    lightness += ".backgroundColor.match(/[0-9]+/)[0])"
    assert page.evaluate(lightness) < DARK
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(lightness) > LIGHT
    assert not page.locator(".toolbar, #who, #analyst").first.is_visible()


@pytest.mark.parametrize("sample", ["shipped", "mixed"])
def test_the_first_half_prints_on_two_pages(open_report: Open, sample: str) -> None:
    printed = open_report(sample).page.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") <= 2
    assert printed.count(b"/Type /Page\n") > 0


def test_without_scripts_all_segmentations_can_be_read(open_report: Open) -> None:
    page = open_report(java_script_enabled=False).page
    assert page.locator(".card").count() == 8
    assert page.locator(".card").last.is_visible()
    assert not page.locator("[data-switch]").is_visible()
    assert not page.locator(".finder, [data-ranges], [data-open]").first.is_visible()
    assert page.locator("noscript p").first.is_visible()


@pytest.mark.parametrize("sample", ["shipped", "crowded", "mixed"])
def test_is_small(generation: Generate, sample: str) -> None:
    assert (generation(sample) / REPORT).stat().st_size < 1_500_000
