"""Axes, markers, names and charts, checked by hand."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from sample_generation import Column, Plan, Sample, write_generation

from mall_segments.report import REPORT, write_report
from mall_segments.report.charts import (
    criterion_marks,
    histogram_marks,
    map_marks,
    mix_marks,
)
from mall_segments.report.features import FeatureView, segment_labels
from mall_segments.report.markers import (
    N_COLOURS,
    SHAPES,
    outline,
    shape_class,
    shape_number,
)
from mall_segments.report.marts import Row
from mall_segments.report.plane import Cell, count_cells
from mall_segments.report.sections import best_first, ends
from mall_segments.report.svg import Axis, element, nice_axis, tick_text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3e9, 7e11), (15, 137), (2, 2)])
def test_axes_hold_their_values_on_round_ticks(low: float, high: float) -> None:
    axis = nice_axis(low, high)
    assert axis.minimum <= low <= high <= axis.maximum
    assert 2 <= len(axis.ticks) <= 12
    assert np.ptp(np.diff(axis.ticks)) <= 1e-6 * (axis.maximum - axis.minimum)


def test_clipped_axes_end_at_the_values() -> None:
    axis = nice_axis(15, 137, is_clipped=True)
    assert axis == Axis(15, 137, (25.0, 50.0, 75.0, 100.0, 125.0))


def test_negative_ticks_have_a_minus_sign() -> None:
    assert tick_text(-20_000.0) == "\N{MINUS SIGN}20k"


def test_texts_and_attributes_are_escaped() -> None:
    written = element("text", "<b>", title='"><script>', data_x="'")
    assert written == (
        '<text title="&#34;&gt;&lt;script&gt;" data-x="&#39;">&lt;b&gt;</text>'
    )


def area(path: str) -> float:
    corners = [
        tuple(map(float, corner.split(","))) for corner in path.strip("MZ").split("L")
    ]
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


@pytest.mark.parametrize("number", range(1, len(SHAPES) + 1))
def test_shapes_have_about_the_area_of_the_circle(number: int) -> None:
    assert area(outline(number, 10)) == pytest.approx(math.pi * 100, rel=0.25)


def test_forty_segments_look_different_whatever_the_others_are() -> None:
    looks = {(shape_class(n), shape_number(n)) for n in range(1, 41)}
    assert len(looks) == math.lcm(N_COLOURS, len(SHAPES)) == 40
    assert (shape_class(3), shape_number(3)) == ("c3", 3)


AXIS = Axis(0, 100, ())


def test_cells_have_the_marker_of_most_of_their_customers_and_grow_with_them() -> None:
    cells = [Cell(0, 0, ((1, 1),)), Cell(1, 1, ((2, 50), (1, 10)))]
    content = map_marks(cells, (AXIS, AXIS), {1: "Savers", 2: "Spenders"})
    assert re.findall(r'href="#(m\d-\d)"', content) == ["m1-1", "m2-4"]
    assert re.findall("<title>(.*?)</title>", content) == [
        "Savers: 1",
        "Spenders: 50, Savers: 10",
    ]


def test_many_points_are_counted_in_bins_that_hold_all_of_them() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 5_000))
    cells = count_cells(x, y, random.integers(1, 4, 5_000), np.full(5_000, 2))
    assert len({cell.x for cell in cells}) <= 48
    assert sum(cell.n_customers for cell in cells) == 10_000
    for cell in cells:
        n = [n for _, n in cell.counts]
        assert n == sorted(n, reverse=True)


def test_histograms_stack_the_groups() -> None:
    bins = [("one", 0, 10, 6, ""), ("one", 10, 20, 4, ""), ("two", 0, 10, 2, "")]
    bars = re.findall(
        r'x="([\d.]+)%" y="([\d.]+)%" width="50%" height="([\d.]+)%" '
        r'class="mark bar (\w+)"',
        histogram_marks(bins),
    )
    assert bars == [
        ("0", "25", "75", "one"),
        ("50", "50", "50", "one"),
        ("0", "0", "25", "two"),
    ]


def test_a_criterion_marks_what_is_chosen_and_what_it_prefers() -> None:
    scores = [(2, 0.3, None), (3, 0.5, 0.1), (4, 0.6, None)]
    content = criterion_marks(scores, chosen=[3], preferred=[4])
    assert content.count('class="mark point"') == 3
    assert re.findall(r'x1="([\d.]+)%"[^>]*class="chosen"', content) == ["50"]
    assert re.findall(r'class="ring" cx="([\d.]+)%"', content) == ["83.33"]
    assert content.count('class="error"') == 1


def test_names_are_written_only_where_they_fit() -> None:
    parts = [("band-1", 0.9, "18-24"), ("band-7", 0.1, "65 and over")]
    texts = re.findall("<text[^>]*>(.*?)</text>", mix_marks(parts))
    assert texts == ["18-24"]


def segment(number: int, persona: str, n: int, **more: float) -> Row:
    row = {"segment_id": number, "persona": persona, "segment_name": f"Name {number}"}
    return Row("dim_segments", {}, {**row, "n_customers": n, **more})


def test_segments_that_share_a_persona_are_labelled_by_name() -> None:
    rows = [segment(1, "Saver", 9), segment(2, "Spender", 8), segment(3, "Saver", 7)]
    contents = [row.content for row in rows]
    expected = {1: "Name 1", 2: "Spender", 3: "Name 3"}
    assert segment_labels(contents, claims=True) == expected
    nameless = {1: "Name 1", 2: "Name 2", 3: "Name 3"}
    assert segment_labels(contents, claims=False) == nameless


def test_targets_come_first_and_where_there_are_orders_those_who_spend() -> None:
    rows = [segment(1, "Savers", 9), segment(2, "Savers", 20), segment(3, "Targets", 5)]
    assert [row["segment_id"] for row in best_first(rows)] == [3, 2, 1]
    spent = [
        Row(row.mart, row.key, {**row.content, "mean_spend": spend})
        for row, spend in zip(rows, (10.0, 50.0, 20.0), strict=True)
    ]
    assert [row["segment_id"] for row in best_first(spent)] == [2, 3, 1]


def test_segments_that_were_renamed_are_listed_in_the_order_of_their_names() -> None:
    sources = [(1, name) for name in ("Eager", "Former", "Careful", "Active", "Busy")]
    sources.append((None, None))
    moves = [
        Row("moves", {}, {"from_segment_id": segment_id, "from_segment_name": name})
        for segment_id, name in sources
    ]
    assert ends(moves, "from") == [*sorted(sources[:-1]), (None, None)]


def test_units_are_written_in_titles_and_after_values() -> None:
    feature = FeatureView("age_years", "age", "years")
    assert feature.title == "Age (years)"
    assert feature.with_unit(1234.5) == "1,234 years"


def names_on(places: list[tuple[int, float, float]], labels: dict[int, str]) -> str:
    content = map_marks([Cell(0, 0, ((1, 1),))], (AXIS, AXIS), labels, centres=places)
    return "".join(re.findall('<text[^>]*class="direct-label"[^>]*>', content))


def test_a_name_stands_above_its_centre_unless_another_is_there() -> None:
    drawn = names_on([(1, 50, 50), (2, 55, 50)], {1: "Savers", 2: "Spenders"})
    assert re.findall(r'dy="(-?\d+)"', drawn) == ["-15", "24"]


def test_names_stay_on_the_map() -> None:
    places = [(1, 2.0, 50.0), (2, 98.0, 50.0), (3, 50.0, 50.0)]
    drawn = names_on(places, {1: "Careful savers", 2: "Eager spenders", 3: "Others"})
    assert re.findall(r'text-anchor="(\w+)"', drawn) == ["start", "end", "middle"]


def test_words_of_long_tails_agree_with_the_names(tmp_path: Path) -> None:
    # Next to 1,000,000, small and large spending are both average.
    spend = [100.0, 110.0] * 100 + [5_000.0, 5_200.0] * 100 + [1e6] * 3
    write_generation(
        tmp_path,
        Sample(
            columns=(Column("spend", unit="EUR", transform="log"),),
            customers={"spend": spend},
            plans=(Plan("spenders", ("spend",), 3),),
        ),
    )
    write_report(tmp_path)
    cards = re.findall(
        r'class="arrow" aria-hidden="true">(.).*?class="soft">, ([a-z ]+) \(all',
        (tmp_path / REPORT).read_text("utf-8"),
        re.DOTALL,
    )
    # The middle ones are above the mean of logarithms and below that of amounts.
    assert sorted(cards) == [
        ("≈", "about average"),
        ("▲", "far above average"),
        ("▼", "below average"),
    ]
