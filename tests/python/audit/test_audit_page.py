import re
from html.parser import HTMLParser

from audit_examples import HOSTILE, MIXED, audit, result

from mall_segments.audit.page import render_page
from mall_segments.audit.results import Outcome


class _Reader(HTMLParser):
    """The elements of a page and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_shows_the_verdict_and_each_result() -> None:
    text = " ".join(_Reader(render_page(MIXED)).text.split())

    assert MIXED.verdict in text
    assert "1 of 8 rows: customer_share 1.2 (segment_id 3)" in text
    assert "2 of 3 passed" in text
    assert text.count("0 of 1 passed") == 2


def test_page_loads_nothing_and_runs_nothing() -> None:
    page = _Reader(render_page(MIXED))

    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert not {"src", "href", "onclick", "onload"} & {
        name for name, _ in page.attributes
    }
    policy = next(
        value for name, value in page.attributes if name == "content" and value
    )
    assert policy
    assert "url(" not in render_page(MIXED)
    assert not re.search("https?://", render_page(MIXED))


def test_page_shows_hostile_texts_as_texts() -> None:
    hostile = audit(
        result(
            Outcome.FAILED,
            suite=HOSTILE,
            column=HOSTILE,
            meaning=HOSTILE,
            observed=HOSTILE,
        )
    )

    page = _Reader(render_page(hostile))

    assert "script" not in page.tags
    assert page.text.count("alert('x')") >= 4


def test_page_opens_the_suites_that_failed_and_no_others() -> None:
    page = render_page(MIXED)

    opened = re.findall(r"<details open>\s*<summary><b>([^<]+)</b>", page)
    assert opened == ["dim_segments"]
