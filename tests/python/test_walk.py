"""A newcomer's first five minutes: own file, settings, build, report, list.

Nothing is edited on the way, and each step says the next.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pytest
from python_calamine import CalamineWorkbook
from shared_project import MALL_SEGMENTS

if TYPE_CHECKING:
    from shared_project import Project

N = 300

# Not on the path, so that it is by this that the command calls itself.
NAME = str(MALL_SEGMENTS)


def write_shop(path: Path) -> list[int]:
    """Write a German shop's file; return which of three groups each customer is of."""
    draw = np.random.default_rng(5)
    kinds = [number % 3 for number in range(N)]
    with path.open("w", encoding="cp1252", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(
            ["Kundennummer", "Umsatz (EUR)", "Käufe", "Tage seit letztem Kauf",
             "Filiale", "Bemerkung", "Mandant"]
        )  # fmt: skip
        for number, kind in enumerate(kinds):
            spend = f"{np.exp(draw.normal([4, 6, 8][kind], 0.3)):_.2f}"
            rows.writerow(
                [
                    f"K-{10_000 + number}",
                    spend.replace(".", ",").replace("_", "."),
                    draw.poisson([2, 8, 25][kind]) + 1,
                    max(0, round(draw.normal([300, 90, 10][kind], [30, 15, 4][kind]))),
                    draw.choice(["Köln", "Bonn", "Aachen"]),
                    f"Anruf am Dienstag, Notiz {number * 7_919 % 10_007}",
                    1,
                ]
            )
    return kinds


def walk(folder: Path, command: str) -> str:
    """Run a command as it is shown; answer what it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MALL_SEGMENTS", "DBT_", "VERBOSE"))
    }
    result = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment | {"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def next_step(said: str, command: str) -> str:
    """Return the command of that name that a step ends with."""
    found = re.search(rf"^ +({NAME} {command}.*?)(  .*)?$", said, re.MULTILINE)
    assert found, said
    return found[1]


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    database = folder / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.slow(seconds=60)
def test_from_an_own_file_to_a_list_without_editing(project: Project) -> None:
    folder = project.path
    kinds = write_shop(folder / "kunden.csv")

    said = walk(folder, f"{NAME} init kunden.csv --output segments.yml")
    lines = dict(re.findall(r"^(.+?)  +(\w+(?: \w+)?)  ", said, re.MULTILINE))
    assert lines == {
        "Kundennummer": "customer id",
        "Umsatz (EUR)": "number",
        "Käufe": "number",
        "Tage seit letztem Kauf": "number",
        "Filiale": "described",
        "Bemerkung": "left out",
        "Mandant": "left out",
    }

    said = walk(folder, next_step(said, "build"))
    assert "Numbers of 'Umsatz (EUR)' are read with decimal ',', thousands '.'." in said
    assert "The 3 segments are clear" in said
    assert f"{N} customers accepted" in said
    (path,) = re.findall(r"see (\S+/report\.html)$", said, re.MULTILINE)
    page = Path(path).read_text("utf-8")
    for word in ("umsatz", "EUR", "käufe", "Köln"):
        assert word in page
    found = query(
        folder,
        "select cast(right(customer_id, 5) as int) - 10000, segment_id "
        "from fct_customer_segments",
    )
    assert len({(kinds[number], segment) for number, segment in found}) == 3
    sums = query(folder, "select round(sum(umsatz_eur)) from dim_customers")
    assert sums[0][0] > N * 1_000

    report, one = next_step(said, "report"), next_step(said, "export --segment")
    assert report == f"{NAME} report --open"
    walk(folder, next_step(said, "export  "))
    sheets = CalamineWorkbook.from_path(str(folder / "segment_lists.xlsx")).sheet_names
    assert len(sheets) == 4
    walk(folder, one)
    with (folder / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len([*csv.DictReader(file)]) == 100
    shutil.copy(folder / "kunden.csv", folder / "others.csv")
    score = next_step(said, "score").replace("FILE", "others.csv -o scored.csv")
    walk(folder, score)
    assert (folder / "scored.csv").read_text("utf-8").count("\n") == N + 1
