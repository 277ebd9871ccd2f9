"""Read a report's figures and data without a browser."""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mall_segments.publishing.generations import DATABASE
from mall_segments.report import REPORT

# Elements without an end tag.
VOID = {"meta", "link", "input", "br"}

# What may hold a digit without being a number of a mart: names, drawings, the build.
NOT_NUMBERS = {"bdi", "svg", "script", "style", "title", "time", "code", "template"}


@dataclass
class Figure:
    """A number or text of the page and where it says it comes from."""

    mart: str
    key: dict[str, Any]
    column: str
    value: str | None
    text: str = ""


class Report(HTMLParser):
    """Reads figures, data of maps, and digits outside of figures."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.figures: list[Figure] = []
        self.maps: dict[str, dict[str, Any]] = {}
        self.stray: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(content)

    def _around(self, name: str) -> str | None:
        found = (attributes.get(name) for _, attributes in reversed(self._open))
        return next((value for value in found if value is not None), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._open.append((tag, attributes))
        if "data-column" in attributes:
            mart, key = self._around("data-mart"), self._around("data-key")
            assert mart, f"{attributes} does not say which table it comes from"
            assert key, f"{attributes} does not say which row it comes from"
            self.figures.append(
                Figure(
                    mart,
                    json.loads(key),
                    attributes["data-column"],
                    attributes.get("value"),
                )
            )
        if tag in VOID:
            self._open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _ in self._open}
        in_figure = any("data-column" in attributes for _, attributes in self._open)
        if in_figure:
            self.figures[-1].text += data
        elif tags & {"script"} and self._around("data-map"):
            name = self._around("data-map")
            assert name
            self.maps[name] = json.loads(data)
        elif (
            re.search("[0-9]", data)
            and not tags & NOT_NUMBERS
            and self._around("data-audit") is None
        ):
            self.stray.append(data.strip())


def read_report(folder: Path) -> Report:
    return Report((folder / REPORT).read_text(encoding="utf-8"))


def open_database(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(folder / DATABASE), read_only=True)


def look_up(
    connection: duckdb.DuckDBPyConnection, figures: list[Figure]
) -> list[tuple[Figure, Any]]:
    """Find what each figure claims to be, with one query per row of a mart."""
    by_row: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        row = (figure.mart, json.dumps(figure.key))
        by_row.setdefault(row, []).append(figure)
    found = []
    for (mart, _), named in by_row.items():
        key = named[0].key
        conditions = [f'"{name}" IS NOT DISTINCT FROM ?' for name in key]
        rows = connection.execute(
            f"SELECT DISTINCT {', '.join(figure.column for figure in named)} "
            f"FROM {mart} WHERE {' AND '.join(conditions) or 'true'}",
            list(key.values()),
        ).fetchall()
        assert len(rows) == 1, named
        found += zip(named, rows[0], strict=True)
    return found


def shown(text: str) -> tuple[float, float]:
    """Read a number as written: its value, and half of its last digit."""
    factor = 0.01 if text.endswith("%") else 1
    digits = text.partition(" ")[0].replace("\N{MINUS SIGN}", "-").replace(",", "")
    if "e" in digits:
        return float(digits), 0.5 * 10 ** float(digits.partition("e")[2])
    n_decimals = len(digits.partition(".")[2])
    return float(digits) * factor, 0.5 * 10**-n_decimals * factor


def assert_figures_are_published(folder: Path, report: Report) -> None:
    """Check that every number and text of a report is the one in the database."""
    with open_database(folder) as connection:
        for figure, published in look_up(connection, report.figures):
            if figure.value is None or isinstance(published, str):
                assert published == (figure.value or figure.text), figure
                continue
            assert float(figure.value) == pytest.approx(float(published), rel=1e-12)
            number, tolerance = shown(figure.text)
            assert abs(number - float(published)) <= tolerance * (1 + 1e-9), figure
