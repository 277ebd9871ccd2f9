"""Any mix of dirt is read as Python's csv and decimal read it, or refused by name."""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
import yaml

from mall_segments.errors import InputError
from mall_segments.intake.opening import OpenedCustomers, open_customers
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[3]
SETTINGS = parse_settings(
    yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
).of_customer_files()
# A nightly run may ask for thousands.
N_FILES = int(os.environ.get("MALL_SEGMENTS_DIRTY_FILES", "300"))
N_PARTS = 10

Row = list[str]
HEADER = ["CustomerID", "Note", "Age", "Annual Income (k$)", "Spending Score (1-100)"]


@dataclass
class Draft:
    """A file in the making, with the numbers an honest reading finds in it."""

    random: random.Random
    header: Row
    rows: list[Row]
    numbers: list[list[Decimal | None]]
    delimiter: str = ","
    end: str = "\n"
    encoding: str = "utf-8"
    quotes: int = csv.QUOTE_MINIMAL
    preamble: str = ""
    is_compressed: bool = False
    may_be_refused: bool = False
    ids: list[str] = field(default_factory=list)

    def write_number(self, at: int, write: Callable[[Decimal], str]) -> None:
        """Write the numbers of one column in another way."""
        for row, numbers in zip(self.rows, self.numbers, strict=True):
            value = numbers[at - 2]
            if value is not None:
                row[at] = write(value)


def clean(source: random.Random) -> Draft:
    rows, numbers = [], []
    for place in range(source.randint(12, 60)):
        values = [
            Decimal(source.randint(18, 90)),
            Decimal(source.randint(100, 9990)) / 10,
            Decimal(source.randint(1, 100)),
        ]
        numbers.append([*values])
        rows.append([f"C{place + 1:03}", "x", *map(str, values)])
    draft = Draft(source, list(HEADER), rows, numbers)
    draft.ids = [row[0] for row in rows]
    return draft


def decimal_comma(draft: Draft) -> None:
    draft.write_number(3, lambda value: str(value).replace(".", ","))


def thousands(draft: Draft, mark: str, point: str) -> None:
    def write(value: Decimal) -> str:
        return (
            f"{value:,.2f}".replace(",", "\0").replace(".", point).replace("\0", mark)
        )

    draft.write_number(3, write)


def blanks(draft: Draft) -> None:
    for row in draft.rows:
        at = draft.random.randrange(1, 5)
        row[at] = draft.random.choice(" \t\xa0\u200b\ufeff") + row[at] + " \t"


def missing(draft: Draft) -> None:
    for row, numbers in zip(draft.rows, draft.numbers, strict=True):
        if draft.random.random() < 0.3:
            at = draft.random.randrange(2, 5)
            row[at] = draft.random.choice(
                ["", "?", "n/a", "NULL", "-", "NaN", "unknown"]
            )
            numbers[at - 2] = None


def words(draft: Draft) -> None:
    for row, numbers in zip(draft.rows, draft.numbers, strict=True):
        if draft.random.random() < 0.1:
            at = draft.random.randrange(2, 5)
            row[at] = draft.random.choice(
                ["abc", "1_000", "inf", "1e999", "0x10", "1-2"]
            )
            numbers[at - 2] = None


def short_rows(draft: Draft) -> None:
    for row, numbers in zip(draft.rows, draft.numbers, strict=True):
        if draft.random.random() < 0.2:
            size = draft.random.randint(2, 4)
            del row[size:]
            numbers[size - 2 :] = [None] * (5 - size)


def long_rows(draft: Draft) -> None:
    for row in draft.rows:
        if len(row) == len(HEADER) and draft.random.random() < 0.2:
            row.extend(draft.random.choice([[""], ["7"], ["", "8"], ["7", "8", "9"]]))


def notes(draft: Draft, texts: str) -> None:
    for row in draft.rows:
        if len(row) > 1:
            row[1] = draft.random.choice(texts.split("¦"))


def blank_lines(draft: Draft) -> None:
    for at in sorted(draft.random.sample(range(len(draft.rows)), 3), reverse=True):
        draft.rows.insert(at, [])
        draft.numbers.insert(at, [])


def set_form(**changes: object) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for name, value in changes.items():
            setattr(draft, name, value)

    return change


KINDS: dict[str, Callable[[Draft], None]] = {
    "decimal comma": decimal_comma,
    "1.234,50": lambda draft: thousands(draft, ".", ","),
    "1,234.50": lambda draft: thousands(draft, ",", "."),
    "1 234,50": lambda draft: thousands(draft, " ", ","),
    "1\u202f234,50": lambda draft: thousands(draft, "\u202f", ","),
    "1'234.50": lambda draft: thousands(draft, "'", "."),
    "1\u2019234.50": lambda draft: thousands(draft, "\u2019", "."),
    "$": lambda draft: draft.write_number(3, lambda value: f"${value}"),
    "€": lambda draft: draft.write_number(3, lambda value: f"{value} €"),
    "EUR": lambda draft: draft.write_number(3, lambda value: f"EUR {value}"),
    "k": lambda draft: draft.write_number(3, lambda value: f"{value}k"),
    "%": lambda draft: draft.write_number(4, lambda value: f"{value}%"),
    "plus": lambda draft: draft.write_number(3, lambda value: f"+{value}"),
    "1E+2": lambda draft: draft.write_number(3, lambda value: f"{value:E}"),
    "floats": lambda draft: draft.write_number(4, lambda value: f"{value}.0"),
    "zeros": lambda draft: draft.write_number(2, lambda value: f"00{value}"),
    "invisible": lambda draft: draft.write_number(3, lambda value: f"{value}\u200b"),
    "blanks": blanks,
    "missing": missing,
    "words": words,
    "short rows": short_rows,
    "long rows": long_rows,
    "quotes": lambda draft: notes(draft, 'a "b"¦"¦""¦x'),
    "inches": lambda draft: notes(draft, '9" x¦7"'),
    "delimiters": lambda draft: notes(draft, "a,b¦a;b¦a\tb¦a|b"),
    "breaks": lambda draft: notes(draft, "a\nb¦a\r\nb¦\n¦a\rb"),
    "signs": lambda draft: notes(draft, "=1+1¦<b>¦'); drop table x; --¦\\"),
    "letters": lambda draft: notes(draft, "é¦Müller¦ñ"),
    "blank lines": blank_lines,
    "all quoted": set_form(quotes=csv.QUOTE_ALL),
    "semicolons": set_form(delimiter=";"),
    "tabs": set_form(delimiter="\t"),
    "bars": set_form(delimiter="|"),
    "CRLF": set_form(end="\r\n"),
    "CR": set_form(end="\r"),
    "mixed ends": set_form(end="mixed"),
    "UTF-8 mark": set_form(encoding="utf-8-sig"),
    "UTF-16": set_form(encoding="utf-16"),
    "UTF-16 BE": set_form(encoding="utf-16-be"),
    "UTF-32": set_form(encoding="utf-32"),
    "Windows-1252": set_form(encoding="cp1252"),
    "gzip": set_form(is_compressed=True),
    "comment": set_form(preamble="# a shop\n\n"),
    "sep=": set_form(preamble="sep"),
}


def text_of(draft: Draft) -> str:
    lines = []
    for number, row in enumerate([draft.header, *draft.rows]):
        line = io.StringIO()
        ends = ["\n", "\r\n", "\r"]
        end = draft.random.choice(ends) if draft.end == "mixed" else draft.end
        if number == 0 and draft.end == "mixed":
            end = "\r\n"
        # A line that ends with both makes the writer quote either of them.
        writer = csv.writer(
            line,
            delimiter=draft.delimiter,
            lineterminator="\r\n",
            quoting=draft.quotes,
        )
        if row:
            writer.writerow(row)
        lines.append(line.getvalue().removesuffix("\r\n") + end)
    preamble = f"sep={draft.delimiter}\n" if draft.preamble == "sep" else draft.preamble
    return preamble + "".join(lines)


def dirty_file(seed: int, path: Path) -> tuple[Draft, list[str]]:
    source = random.Random(seed)
    names = source.sample(sorted(KINDS), source.randint(1, 5))
    draft = clean(source)
    # Rows are changed before their form, and numbers before what replaces them.
    for name in sorted(names, key=list(KINDS).index):
        KINDS[name](draft)
    content = text_of(draft).encode(draft.encoding, errors="ignore")
    path.write_bytes(gzip.compress(content) if draft.is_compressed else content)
    return draft, names


def read(opened: OpenedCustomers) -> list[tuple[object, ...]]:
    numbers = ", ".join(
        opened.columns[name].number_sql
        for name in ("age_years", "annual_income_kusd", "spending_score")
    )
    with duckdb.connect() as connection:
        return connection.execute(
            f"select {opened.columns['customer_id'].id_sql}, {numbers} from (select "
            f"{opened.source_row} as source_row, * from {opened.relation}) "
            "order by source_row"
        ).fetchall()


@pytest.mark.parametrize("part", range(N_PARTS))
def test_dirt_is_read_rightly_or_refused(part: int, tmp_path: Path) -> None:
    n_read, refusals = 0, []
    with duckdb.connect() as connection:
        for seed in range(part, N_FILES, N_PARTS):
            path = tmp_path / f"{seed}.csv"
            draft, names = dirty_file(seed, path)
            try:
                opened = open_customers(connection, path, SETTINGS)
            except InputError as error:
                refusals.append(str(error))
                continue
            expected = [
                (identity, *(None if value is None else float(value) for value in row))
                for identity, row in zip(
                    draft.ids, [row for row in draft.numbers if row], strict=True
                )
            ]
            assert read(opened) == expected, (seed, names)
            n_read += 1
    assert n_read >= 0.9 * (n_read + len(refusals))
    # A refusal is a sentence about the file.
    assert all(str(tmp_path) in refusal for refusal in refusals)


def test_the_generator_knows_at_least_forty_kinds() -> None:
    assert len(KINDS) >= 40
