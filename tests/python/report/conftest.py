"""Reports of samples, and a browser without a network to open them in."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from report_pages import ARGUMENTS, CHROMIUM, SAMPLES, Opened
from sample_generation import write_generation

from mall_segments.report import REPORT, write_report


@pytest.fixture(scope="session")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Write a sample's generation with its report, once."""
    written: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in written:
            folder = tmp_path_factory.mktemp(name.replace(" ", "_"))
            write_generation(folder, SAMPLES[name]())
            write_report(folder)
            written[name] = folder
        return written[name]

    return write


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not found:
        missing = f"install Chromium: none of {', '.join(CHROMIUM)} is on the path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open a report; every request and console message is written down."""
    contexts = []

    def open_path(
        report: Path, *, width: int = 1440, scheme: Any = "light", **more: Any
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            offline=True,
            **more,
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.messages.append(message.text))
        opened.page.on("pageerror", lambda error: opened.messages.append(str(error)))
        opened.page.goto(report.as_uri())
        return opened

    yield open_path
    for context in contexts:
        context.close()


@pytest.fixture
def open_report(
    open_file: Callable[..., Opened], generation: Callable[[str], Path]
) -> Callable[..., Opened]:
    """Open a sample's report."""

    def open_sample(name: str = "shipped", **more: Any) -> Opened:
        return open_file(generation(name) / REPORT, **more)

    return open_sample
