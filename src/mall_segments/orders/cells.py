"""Check the rules that name the 125 cells of recency, frequency and money."""

from __future__ import annotations

import csv
from itertools import product
from typing import TYPE_CHECKING, Final

from mall_segments.errors import SettingsError
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SCORES: Final = range(1, 6)
_MEASURES: Final = ("r", "f", "m")
_MOST_LISTED: Final = 10


def name_cells(rules: Sequence[Mapping[str, str]]) -> dict[tuple[int, int, int], str]:
    """Give every combination of the scores r, f and m, 1 (worst) to 5, its segment.

    Rules are rows of ``seeds/rfm_segments.csv``: ``rfm_segment``, and ``r_from``,
    ``r_to``, likewise for ``f`` and ``m``: the scores it covers, both ends included.
    """
    cells: dict[tuple[int, int, int], list[str]] = {
        (r, f, m): [] for r, f, m in product(SCORES, SCORES, SCORES)
    }
    for rule in rules:
        r_scores, f_scores, m_scores = (_range(rule, measure) for measure in _MEASURES)
        for r, f, m in product(r_scores, f_scores, m_scores):
            cells[r, f, m].append(rule["rfm_segment"])
    problems = [
        f"r={r} f={f} m={m} is in "
        + (" and in ".join(map(shorten, names)) or "no segment")
        for (r, f, m), names in cells.items()
        if len(names) != 1
    ]
    if problems:
        more = len(problems) - _MOST_LISTED
        raise SettingsError(
            "seeds/rfm_segments.csv must put every combination of scores into one "
            "segment: "
            + "; ".join(problems[:_MOST_LISTED])
            + (f"; and {more} more" if more > 0 else "")
            + "."
        )
    return {cell: names[0] for cell, names in cells.items()}


def check_cells_file(path: Path) -> None:
    """Refuse a seed ``rfm_segments.csv`` that does not name every cell once."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rules = list(reader)
    needed = ["rfm_segment"]
    needed += [f"{measure}_{end}" for measure in _MEASURES for end in ("from", "to")]
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise SettingsError(
            f"{path.name} has no column {', '.join(missing)}; it needs "
            f"{', '.join(needed)}."
        )
    name_cells(rules)


def _range(rule: Mapping[str, str], measure: str) -> range:
    first, last = (rule.get(f"{measure}_{end}") for end in ("from", "to"))
    try:
        scores = range(int(first or ""), int(last or "") + 1)
    except ValueError:
        scores = range(0)
    if not scores or scores[0] not in SCORES or scores[-1] not in SCORES:
        raise SettingsError(
            f"seeds/rfm_segments.csv: {shorten(rule.get('rfm_segment'))} has the "
            f"{measure} scores from {shorten(first)} to {shorten(last)}; they must be "
            "whole numbers from 1 to 5, the lower one first."
        )
    return scores
