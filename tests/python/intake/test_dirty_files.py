"""Any mix of dirt is scored as Python's csv and decimal read it, or refused by name."""

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
from example_model import model_content

from mall_segments.errors import InputError
from mall_segments.model import parse_model
from mall_segments.scoring.assignment import assign
from mall_segments.scoring.files import score_file
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mall_segments.model import Model

PROJECT = Path(__file__).parents[3]
SETTINGS = parse_settings(
    yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
).of_customer_files()
N_FILES = int(os.environ.get("MALL_SEGMENTS_DIRTY_FILES", "300"))
FIRST_SEED = int(os.environ.get("MALL_SEGMENTS_DIRTY_SEED", "0"))
N_PARTS = 6

FEATURES = ("age_years", "annual_income_kusd", "spending_score")
HEADER = ("CustomerID", "Note", "Age", "Annual Income (k$)", "Spending Score (1-100)")
AGE, INCOME, SCORE = 2, 3, 4
# What a cell says that must not be read as a number.
NO_NUMBER = Decimal("Infinity")


@dataclass
class Row:
    """Cells, and what an honest reading finds in them."""

    cells: list[str]
    numbers: list[Decimal | None]
    is_refused: bool = False

    @property
    def is_rejected(self) -> bool:
        """Whether it is no customer, or one of a number that is none."""
        return (
            self.is_refused
            or NO_NUMBER in self.numbers
            or self.numbers == [None] * len(self.numbers)
        )


@dataclass
class Draft:
    """A file in the making, and how it will be written."""

    random: random.Random
    rows: list[Row]
    header: list[str] = field(default_factory=lambda: list(HEADER))
    delimiter: str = ","
    end: str = "\n"
    encoding: str = "utf-8"
    quotes: int = csv.QUOTE_MINIMAL
    preamble: str = ""
    ending: str = ""
    trailing: bool = False
    is_compressed: bool = False

    def some(self, share: float = 0.2) -> list[Row]:
        return [row for row in self.rows if self.random.random() < share]

    def full(self, share: float = 0.2) -> list[Row]:
        return [
            row
            for row in self.some(share)
            if len(row.cells) == len(HEADER) and not row.is_rejected
        ]

    def write_number(self, at: int, write: Callable[[Decimal], str]) -> None:
        """Write the numbers of one column in another way."""
        for row in self.rows:
            value = row.numbers[at - AGE]
            if value is not None and value != NO_NUMBER:
                row.cells[at] = write(value)


def clean(source: random.Random) -> Draft:
    rows = []
    for place in range(source.randint(12, 60)):
        values = [
            Decimal(source.randint(18, 90)),
            Decimal(source.randint(100, 9990)) / 10,
            Decimal(source.randint(1, 100)),
        ]
        rows.append(Row([f"C{place + 1:03}", "x", *map(str, values)], [*values]))
    return Draft(source, rows)


def thousands(mark: str, point: str) -> Callable[[Draft], None]:
    def write(value: Decimal) -> str:
        return (
            f"{value:,.2f}".replace(",", "\0").replace(".", point).replace("\0", mark)
        )

    return lambda draft: draft.write_number(INCOME, write)


def number(at: int, form: str) -> Callable[[Draft], None]:
    return lambda draft: draft.write_number(at, form.format)


def blanks(draft: Draft) -> None:
    for row in draft.rows:
        at = draft.random.randrange(len(row.cells))
        row.cells[at] = (
            draft.random.choice(" \t\xa0\u200b\ufeff") + row.cells[at] + " \t"
        )


def missing(draft: Draft) -> None:
    for row in draft.some(0.3):
        at = draft.random.randrange(AGE, 5)
        row.cells[at] = draft.random.choice(
            ["", "?", "n/a", "NULL", "-", "NaN", "unknown", "#N/A", "None", "\\N"]
        )
        row.numbers[at - AGE] = None


def words(draft: Draft) -> None:
    for row in draft.some(0.1):
        at = draft.random.randrange(AGE, 5)
        row.cells[at] = draft.random.choice(
            ["abc", "1_000", "inf", "1e999", "0x10", "1-2", "12 May"]
        )
        row.numbers[at - AGE] = NO_NUMBER


def beyond(draft: Draft) -> None:
    """Ages, incomes and scores that no customer has."""
    for row in draft.full(0.1):
        at, text = draft.random.choice(
            [(AGE, "0"), (AGE, "130"), (AGE, "30.5"), (INCOME, "-5"), (SCORE, "101")]
        )
        row.cells[at] = text
        row.numbers[at - AGE] = NO_NUMBER


def in_brackets(draft: Draft) -> None:
    """Negative incomes as accountants write them."""
    for row in draft.full(0.1):
        if row.numbers[INCOME - AGE] is not None:
            row.cells[INCOME] = f"({row.cells[INCOME]})"
            row.numbers[INCOME - AGE] = NO_NUMBER


def short_rows(draft: Draft) -> None:
    for row in draft.full():
        size = draft.random.randint(2, 4)
        del row.cells[size:]
        row.numbers[size - AGE :] = [None] * (5 - size)


def long_rows(draft: Draft) -> None:
    for row in draft.full():
        surplus = draft.random.choice([[""], ["7"], ["7", "8", "9"]])
        row.cells += surplus
        row.is_refused = surplus != [""]


def no_ids(draft: Draft) -> None:
    for row in draft.full(0.1):
        row.cells[0] = draft.random.choice(["", " ", "n/a", "NULL"])
        row.is_refused = True


def spelled_ids(draft: Draft) -> None:
    """Ids that differ in nothing but zeros, case or form are other customers."""
    spellings = ["0001", "1", "01", "a1", "A1", "2.0", "-7", "1e5", "=9", "ü"]
    for row, spelling in zip(draft.full(1.0), spellings, strict=False):
        row.cells[0] = spelling


def repeated_rows(draft: Draft) -> None:
    for row in draft.full(0.1):
        draft.rows.append(Row([*row.cells], [*row.numbers], is_refused=True))


def differing_rows(draft: Draft) -> None:
    for row in draft.full(0.05):
        row.is_refused = True
        other = "19" if row.numbers[0] != Decimal(19) else "20"
        cells = [*row.cells[:AGE], other, *row.cells[INCOME:]]
        numbers = [Decimal(other), *row.numbers[1:]]
        draft.rows.append(Row(cells, numbers, is_refused=True))


def extra_rows(*lines: list[str]) -> Callable[[Draft], None]:
    """Rows that are no customers."""

    def add(draft: Draft) -> None:
        for line in lines:
            at = draft.random.randint(1, len(draft.rows))
            cells = list(HEADER) if line == ["header"] else list(line)
            draft.rows.insert(at, Row(cells, [NO_NUMBER] * 3))

    return add


def footer(draft: Draft) -> None:
    text = draft.random.choice(["Total", "Exported 2026-01-31", "3 rows", "\x1a"])
    draft.rows.append(Row([text, "", "", "", ""][: draft.random.choice([1, 5])],
                          [None] * 3))  # fmt: skip


def notes(texts: str) -> Callable[[Draft], None]:
    def write(draft: Draft) -> None:
        for row in draft.rows:
            if len(row.cells) > 1:
                row.cells[1] = draft.random.choice(texts.split("¦"))

    return write


def headers(*names: str) -> Callable[[Draft], None]:
    return lambda draft: draft.header.__setitem__(slice(None), names)


def blank_lines(draft: Draft) -> None:
    for _ in range(3):
        draft.rows.insert(draft.random.randint(0, len(draft.rows)), Row([], []))


def trailing(draft: Draft) -> None:
    """Let each line end in a delimiter, where none has more cells than the header."""
    draft.trailing = all(len(row.cells) <= len(HEADER) for row in draft.rows)


def set_form(**changes: object) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for name, value in changes.items():
            setattr(draft, name, value)

    return change


# Numbers are written before what replaces them, and rows are changed before their form.
KINDS: dict[str, Callable[[Draft], None]] = {
    "decimal comma": lambda draft: draft.write_number(
        INCOME, lambda value: str(value).replace(".", ",")
    ),
    "1.234,50": thousands(".", ","),
    "1,234.50": thousands(",", "."),
    "1 234,50": thousands(" ", ","),
    "1 234.50": thousands("\xa0", "."),
    "1\u202f234,50": thousands("\u202f", ","),
    "1'234.50": thousands("'", "."),
    "1\u2019234.50": thousands("\u2019", "."),
    "$": number(INCOME, "${}"),
    "€": number(INCOME, "{} €"),
    "£": number(INCOME, "£ {}"),
    "EUR": number(INCOME, "EUR {}"),
    "zł": number(INCOME, "{} zł"),
    "k": number(INCOME, "{}k"),
    "k€": number(INCOME, "{} k€"),
    "%": number(SCORE, "{}%"),
    "plus": number(INCOME, "+{}"),
    "1E+2": number(INCOME, "{:E}"),
    "floats": number(SCORE, "{}.0"),
    "many digits": number(INCOME, "{:.12f}"),
    "zeros": number(AGE, "00{}"),
    "invisible": number(INCOME, "{}\u200b"),
    "soft hyphens": number(INCOME, "\xad{}"),
    "missing": missing,
    "words": words,
    "beyond": beyond,
    "in brackets": in_brackets,
    "short rows": short_rows,
    "long rows": long_rows,
    "quotes": notes('a "b"¦"¦""¦x'),
    "inches": notes('9" x¦7"'),
    "delimiters": notes("a,b¦a;b¦a\tb¦a|b"),
    "breaks": notes("a\nb¦a\r\nb¦\n¦a\rb"),
    "signs": notes("=1+1¦<b>¦'); drop table x; --¦\\"),
    "formulas within": notes("a;=1¦\t@x¦\r=2¦-5¦+x"),
    "letters": notes("é¦Müller¦ñ"),
    "no ids": no_ids,
    "spelled ids": spelled_ids,
    "repeated rows": repeated_rows,
    "differing rows": differing_rows,
    "blanks": blanks,
    "header again": extra_rows(["header"]),
    "conflict markers": extra_rows(["<<<<<<< HEAD"], ["======="], [">>>>>>> x"]),
    "footer": footer,
    "blank lines": blank_lines,
    "headers in capitals": headers(*(name.upper() for name in HEADER)),
    "padded headers": headers(*(f" {name}  " for name in HEADER)),
    "German headers": headers(
        "Kundennummer", "Notiz", "Alter", "Jahreseinkommen", "Ausgabenscore"
    ),
    "names of columns of ours": headers(HEADER[0], "segment_id", *HEADER[2:]),
    "unnamed column": headers(HEADER[0], "", *HEADER[2:]),
    "twice the same column": headers(HEADER[0], "customerid (2)", *HEADER[2:]),
    "all quoted": set_form(quotes=csv.QUOTE_ALL),
    "semicolons": set_form(delimiter=";"),
    "tabs": set_form(delimiter="\t"),
    "bars": set_form(delimiter="|"),
    "CRLF": set_form(end="\r\n"),
    "CR": set_form(end="\r"),
    "mixed ends": set_form(end="mixed"),
    "no last end": set_form(ending="none"),
    "many last ends": set_form(ending="\n\n\r\n"),
    "ends in a delimiter": trailing,
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
    for place, cells in enumerate([draft.header, *(row.cells for row in draft.rows)]):
        line = io.StringIO()
        end = draft.end
        if end == "mixed":
            end = draft.random.choice(["\n", "\r\n", "\r"]) if place else "\r\n"
        # A line that ends with both makes the writer quote either of them.
        writer = csv.writer(
            line,
            delimiter=draft.delimiter,
            lineterminator="\r\n",
            quoting=draft.quotes,
        )
        if cells:
            writer.writerow([*cells, ""] if draft.trailing else cells)
        lines.append(line.getvalue().removesuffix("\r\n") + end)
    text = "".join(lines)
    if draft.ending == "none" and draft.rows[-1].cells:
        text = text.rstrip("\r\n")
    elif draft.ending != "none":
        text += draft.ending
    preamble = f"sep={draft.delimiter}\n" if draft.preamble == "sep" else draft.preamble
    return preamble + text


def dirty_file(seed: int, path: Path) -> tuple[Draft, list[str]]:
    source = random.Random(seed)
    names = source.sample(sorted(KINDS), source.randint(1, 6))
    draft = clean(source)
    for name in sorted(names, key=list(KINDS).index):
        KINDS[name](draft)
    content = text_of(draft).encode(draft.encoding, errors="ignore")
    path.write_bytes(gzip.compress(content) if draft.is_compressed else content)
    return draft, names


def independent_rows(draft: Draft, path: Path) -> list[list[str]]:
    """Read the cells as Python's csv does, blank lines left out."""
    content = path.read_bytes()
    content = gzip.decompress(content) if draft.is_compressed else content
    text = io.StringIO(content.decode(draft.encoding), newline="")
    for _ in range(draft.preamble.count("\n") or bool(draft.preamble)):
        text.readline()
    return [row for row in csv.reader(text, delimiter=draft.delimiter) if row]


@pytest.fixture(scope="module")
def model() -> Model:
    """A model of the shipped customers, with the headers that the project knows."""
    content = model_content()
    content["customer_id_aliases"] = list(SETTINGS.customer_id.aliases)
    known = {column.name: column for column in SETTINGS.columns}
    for column in content["columns"]:
        column["aliases"] = list(known[column["name"]].aliases)
        column["unit"] = known[column["name"]].unit
    return parse_model(content, source="the shipped model")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One engine for all files, since starting one takes longer than a small file."""
    shared = duckdb.connect()
    monkeypatch.setattr("mall_segments.scoring.files.duckdb.connect", shared.cursor)
    # Nor is it of interest here what a power cut would leave.
    monkeypatch.setattr("mall_segments.scoring.output.os.fsync", lambda _: None)


def read(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text))[1:]


def bare(cells: list[str], n_cells: int) -> list[str]:
    """Return cells without the apostrophes that keep spreadsheets from running them."""
    padded = [*cells, *[""] * (n_cells - len(cells))]
    return [cell.replace("'", "") for cell in padded[:n_cells]]


def check_scored(draft: Draft, path: Path, model: Model, names: list[str]) -> None:
    """Compare what was written with the draft and with an independent reading."""
    said = (path.name, names)
    header, *expected = independent_rows(draft, path)
    rows = [row for row in draft.rows if row.cells]
    assert len(expected) == len(rows), said
    pairs = list(zip(rows, expected, strict=True))
    accepted = [(row, cells) for row, cells in pairs if not row.is_rejected]
    refused = [
        [*bare(cells, len(header)), str(place)]
        for place, (row, cells) in enumerate(pairs, start=1)
        if row.is_rejected
    ]
    # No row is lost, and every cell is as it came.
    rejected = read(path.with_name("rejected.csv"))
    assert [
        [*bare(row, len(header)), row[len(header)]] for row in rejected
    ] == refused, said
    scored = read(path.with_name("out.csv"))
    assert [bare(row, len(header)) for row in scored] == [
        bare(cells, len(header)) for _, cells in accepted
    ], said
    # Distances show that every number is what it is.
    segmentation = model.segmentation("age_income_spending")
    found = assign(
        model,
        segmentation,
        {
            name: [
                None if value is None else float(value)
                for value in (row.numbers[at] for row, _ in accepted)
            ]
            for at, name in enumerate(FEATURES)
        },
    )
    ids = [segmentation.segments[at].segment_id for at in found.segment]
    answers = [row[len(header) :] for row in scored]
    assert [int(answer[0]) for answer in answers] == ids, said
    assert [float(answer[3]) for answer in answers] == pytest.approx(
        found.distance.tolist(), rel=1e-9
    ), said
    assert [answer[7] == "true" for answer in answers] == found.is_imputed.tolist()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("part", range(N_PARTS))
def test_dirt_is_scored_rightly_or_refused(
    part: int, tmp_path: Path, model: Model
) -> None:
    n_scored, refusals = 0, []
    for seed in range(FIRST_SEED + part, FIRST_SEED + N_FILES, N_PARTS):
        path = tmp_path / f"{seed}.csv"
        draft, names = dirty_file(seed, path)
        try:
            score_file(
                str(path),
                str(tmp_path / "out.csv"),
                tmp_path / "rejected.csv",
                model=model,
                segmentation="age_income_spending",
            )
        except InputError as error:
            refusals.append((str(error), names))
            continue
        check_scored(draft, path, model, names)
        n_scored += 1
    # A refusal is a sentence about the file, and few files get one.
    assert all(str(tmp_path) in refusal for refusal, _ in refusals)
    assert n_scored >= 0.85 * (n_scored + len(refusals)), refusals


def test_the_generator_knows_at_least_forty_kinds() -> None:
    assert len(KINDS) >= 40
