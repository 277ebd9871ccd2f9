"""Axes, markers and charts, checked by hand."""

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mall_segments.publishing.generations import DATABASE, MODEL
from mall_segments.report import REPORT, write_report
from mall_segments.report.cells import bin_width
from mall_segments.report.charts import (
    Bin,
    Cell,
    Cells,
    Score,
    cell_axes,
    criterion_chart,
    distinct_labels,
    histogram,
    map_chart,
    mix_strip,
)
from mall_segments.report.labels import MAP_SIZE, label_offsets
from mall_segments.report.markers import (
    N_COLOURS,
    N_SHAPES,
    outline,
    shape_class,
    shape_number,
)
from mall_segments.report.svg import Axis, element, nice_axis, tick_text

FINITE = st.floats(-1e12, 1e12)


@given(FINITE, FINITE)
def test_axes_hold_their_values_on_round_ticks(first: float, second: float) -> None:
    low, high = sorted((first, second))
    if 0 < high - low < 1e-6 * max(abs(low), abs(high)):
        return
    axis = nice_axis(low, high)
    tolerance = 1e-6 * (axis.maximum - axis.minimum)
    assert axis.minimum <= low + tolerance
    assert axis.maximum >= high - tolerance
    assert 2 <= len(axis.ticks) <= 12
    steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert min(steps) == pytest.approx(max(steps), rel=1e-3)


@pytest.mark.parametrize(("low", "high"), [(2, 1), (math.nan, 1), (0, math.inf)])
def test_refuses_axes_that_cannot_be_drawn(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        nice_axis(low, high)


def test_clipped_axes_end_at_the_values() -> None:
    assert nice_axis(15, 137, is_clipped=True) == Axis(
        15, 137, (25.0, 50.0, 75.0, 100.0, 125.0)
    )


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
    shifted = corners[1:] + corners[:1]
    pairs = zip(corners, shifted, strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


@pytest.mark.parametrize("number", range(2, N_SHAPES + 1))
def test_shapes_have_about_the_area_of_the_circle(number: int) -> None:
    assert area(outline(number, 10)) == pytest.approx(math.pi * 100, rel=0.25)


def test_forty_segments_look_different() -> None:
    looks = {(shape_class(n), shape_number(n)) for n in range(1, 41)}
    assert len(looks) == math.lcm(N_COLOURS, N_SHAPES) == 40


def test_the_look_of_a_segment_depends_on_its_id_alone() -> None:
    assert (shape_class(3), shape_number(3)) == ("c3", 3)


def test_points_grow_with_their_customers() -> None:
    cells = Cells((Cell(0, 0, ((1, 1),)), Cell(1, 1, ((2, 50),))))
    plot = map_chart(
        cells,
        cell_axes(cells),
        name="test",
        title="Test",
        x_title="x",
        y_title="y",
        description="",
        height=100,
    )
    assert re.findall(r'href="#(m\d-\d)"', plot.content) == ["m1-1", "m2-4"]


def test_bins_take_the_colour_of_most_of_their_customers() -> None:
    cells = Cells((Cell(5, 5, ((2, 8), (1, 3))), Cell(15, 5, ((1, 1),))), 10, 10)
    x_axis, y_axis = cell_axes(cells)
    assert (x_axis.minimum, x_axis.maximum) == (0, 20)
    plot = map_chart(
        cells,
        (x_axis, y_axis),
        name="test",
        title="Test",
        x_title="x",
        y_title="y",
        description="",
        height=100,
    )
    assert re.findall(
        r'width="50%" height="100%" class="mark cell (c\d)"', str(plot.content)
    ) == ["c2", "c1"]
    assert re.findall(r'fill-opacity="([0-9.]+)"', plot.content) == ["1.00", "0.35"]


def test_histograms_stack_the_groups() -> None:
    bins = [Bin(1, 0, 10, 2), Bin(0, 0, 10, 6), Bin(0, 10, 20, 4)]
    plot = histogram(bins, name="test", title="Test", x_title="x", description="")
    bars = re.findall(
        r'x="([\d.]+)%" y="([\d.]+)%" width="50%" height="([\d.]+)%" '
        r'class="mark bar gender-(\d)"',
        plot.content,
    )
    assert bars == [
        ("0", "25", "75", "1"),
        ("50", "50", "50", "1"),
        ("0", "0", "25", "2"),
    ]


def test_a_criterion_marks_what_is_chosen_and_what_it_prefers() -> None:
    scores = [
        Score(2, 0.3, None, is_chosen=False, is_preferred=False),
        Score(3, 0.5, 0.1, is_chosen=True, is_preferred=False),
        Score(4, 0.6, None, is_chosen=False, is_preferred=True),
    ]
    plot = criterion_chart(scores, name="test", title="Test", description="")
    assert plot.n_marks == 3
    assert re.findall(r'x1="([\d.]+)%"[^>]*class="chosen"', plot.content) == ["50"]
    assert re.findall(r'cx="([\d.]+)%"[^>]*class="ring"', plot.content) == ["83.33"]
    assert plot.content.count('class="error"') == 1


def test_names_are_written_only_where_they_fit() -> None:
    strip = mix_strip(
        1, "A", [("band-1", 0.9, "18-24"), ("band-7", 0.1, "65 and over")]
    )
    assert "18-24" in strip.content
    assert "65 and over" not in strip.content


def test_segments_that_share_a_persona_are_labelled_by_name() -> None:
    names = {1: "Low", 2: "High"}
    assert distinct_labels({1: "Saver", 2: "Spender"}, names) == {
        1: "Saver",
        2: "Spender",
    }
    assert distinct_labels({1: "Saver", 2: "Saver"}, names) == names


@given(st.integers(1, 10_000), st.sampled_from([0.5, 1, 5]), st.integers(1, 60))
def test_bins_hold_whole_steps_and_are_few(
    n_steps: int, resolution: float, n_bins: int
) -> None:
    width = bin_width(0, (n_steps - 1) * resolution, resolution, n_bins)
    assert (width / resolution).is_integer()
    assert math.ceil(n_steps * resolution / width) <= n_bins


def test_the_report_is_the_same_every_time(
    generation: Callable[[str], Path], tmp_path: Path
) -> None:
    source = generation("shipped")
    shutil.copyfile(source / MODEL, tmp_path / MODEL)
    write_report(tmp_path, source / DATABASE)
    assert (tmp_path / REPORT).read_bytes() == (source / REPORT).read_bytes()


def test_a_name_stands_above_its_centre_where_nothing_is_hidden() -> None:
    assert label_offsets(["Savers"], [(50, 50)], []) == [(0, -15)]


def test_a_name_makes_way_for_what_it_would_hide() -> None:
    width, height = MAP_SIZE
    above = (50.0, 50.0 - 100 * 19 / height)
    across, down = label_offsets(["Savers"], [(50, 50)], [above] * 3)[0]
    x, y = 50 + 100 * across / width, 50 + 100 * (down - 4) / height
    hidden = abs(x - 50) * width / 100 < 28 and abs(y - above[1]) * height / 100 < 14
    assert not hidden


def test_names_do_not_cover_each_other() -> None:
    centres = [(50.0, 50.0), (55.0, 50.0)]
    first, second = label_offsets(["Careful savers"] * 2, centres, [])
    apart_across = abs(first[0] - second[0] - 0.05 * MAP_SIZE[0])
    assert apart_across >= 14 * 7.5 or abs(first[1] - second[1]) >= 14
