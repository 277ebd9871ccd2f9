"""Every number of the report is the mart's, and every mark stands where it belongs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from report_figures import (
    assert_figures_are_published,
    open_database,
    read_report,
)

Generate = Callable[[str], Path]


@pytest.mark.parametrize(
    "sample", ["shipped", "first", "crowded", "many segments", "hostile"]
)
def test_every_number_and_text_equals_the_mart_it_came_from(
    generation: Generate, sample: str
) -> None:
    folder = generation(sample)
    report = read_report(folder)
    assert len(report.figures) > 900
    assert_figures_are_published(folder, report)


@pytest.mark.parametrize("sample", ["shipped", "first", "crowded", "hostile"])
def test_no_number_stands_outside_of_a_figure(
    generation: Generate, sample: str
) -> None:
    assert read_report(generation(sample)).stray == []


def test_every_mart_but_the_row_level_ones_is_shown(generation: Generate) -> None:
    figures = read_report(generation("shipped")).figures
    named = {name for figure in figures for name in re.findall(r"\w+", figure.mart)}
    assert {
        "dim_segments",
        "fct_algorithm_scores",
        "fct_cluster_count_scores",
        "fct_feature_correlation",
        "fct_feature_distribution",
        "fct_feature_drift",
        "fct_feature_summary",
        "fct_input_counts",
        "fct_principal_components",
        "fct_rejected_customers",
        "fct_segment_demographics",
        "fct_segment_migrations",
        "fct_segment_profiles",
        "fct_segment_rules",
    } <= named
    assert not {"dim_customers", "fct_customer_segments"} & named


@pytest.mark.parametrize("segmentation", ["income_spending", "age_income_spending"])
def test_points_on_the_map_are_the_points_published(
    generation: Generate, segmentation: str
) -> None:
    folder = generation("shipped")
    report = read_report(folder)
    data = report.maps[segmentation]
    with open_database(folder) as connection:
        expected = connection.execute(
            "SELECT annual_income_kusd, spending_score, segment_id, "
            "sum(n_customers)::BIGINT FROM fct_segment_points "
            "WHERE segmentation = ? GROUP BY ALL",
            [segmentation],
        ).fetchall()
    found = [(x, y, counts[0][0], counts[0][1]) for x, y, counts in data["cells"]]
    assert sorted(found) == sorted(expected)
    marks = report.marks[f"map-{segmentation}"]
    for mark, (x, y, segment_id, _) in zip(marks, found, strict=True):
        assert mark.percent("x") == pytest.approx(place(x, data["x"]), abs=0.006)
        assert 100 - mark.percent("y") == pytest.approx(place(y, data["y"]), abs=0.006)
        assert mark.attributes["href"].startswith(f"#m{segment_id}-")


def test_bins_on_the_map_hold_all_customers(generation: Generate) -> None:
    folder = generation("crowded")
    data = read_report(folder).maps["income_spending"]
    width = data["cells"][-1][0] - data["cells"][0][0]
    assert 30 < len({x for x, _, _ in data["cells"]}) <= 48
    assert width < 123
    counted: dict[int, int] = {}
    for x, _, counts in data["cells"]:
        assert counts == sorted(counts, key=lambda count: -count[1])
        assert x == int(x)
        for segment_id, n_customers in counts:
            counted[segment_id] = counted.get(segment_id, 0) + n_customers
    with open_database(folder) as connection:
        expected = connection.execute(
            "SELECT segment_id, n_customers FROM dim_segments "
            "WHERE segmentation = 'income_spending'"
        ).fetchall()
    assert counted == dict(expected)


def test_bars_are_as_high_as_their_bins_have_customers(generation: Generate) -> None:
    folder = generation("shipped")
    bars = read_report(folder).marks["histogram-annual_income_kusd"]
    with open_database(folder) as connection:
        rows = connection.execute(
            "SELECT bin_from, n_customers FROM fct_feature_distribution "
            "WHERE feature = 'annual_income_kusd' ORDER BY gender, bin_from"
        ).fetchall()
    heights = [bar.percent("height") for bar in bars]
    unit = heights[0] / rows[0][1]
    assert heights == pytest.approx([unit * n for _, n in rows], abs=0.02)
    assert_linear([bar.percent("x") for bar in bars], [start for start, _ in rows])


@pytest.mark.parametrize(
    ("chart", "group"),
    [
        ("pair-age_years-spending_score-gender", "gender"),
        ("pair-age_income_spending-age_years-spending_score", "segment_id"),
    ],
)
def test_pairs_are_drawn_in_their_bins_as_the_group_most_frequent(
    generation: Generate, chart: str, group: str
) -> None:
    folder = generation("shipped")
    marks = read_report(folder).marks[chart]
    with open_database(folder) as connection:
        rows = connection.execute(
            f"""
            SELECT
                bin_from, other_bin_from, first({group} ORDER BY n DESC, {group})
            FROM (
                SELECT bin_from, other_bin_from, {group}, sum(n_customers) AS n
                FROM fct_feature_pairs
                WHERE segmentation = 'age_income_spending'
                    AND feature = 'age_years' AND other_feature = 'spending_score'
                GROUP BY ALL
            ) GROUP BY ALL ORDER BY ALL
            """
        ).fetchall()
    assert_linear([mark.percent("x") for mark in marks], [row[0] for row in rows])
    assert_linear([100 - mark.percent("y") for mark in marks], [row[1] for row in rows])
    shapes = {"female": 1, "male": 3, "unknown": 5}
    assert [mark.attributes["href"][:3] for mark in marks] == [
        f"#m{shapes.get(row[2], row[2])}" for row in rows
    ]
    assert len({mark.attributes["href"] for mark in marks}) > 3


@pytest.mark.parametrize("column", ["inertia", "silhouette", "gap"])
def test_points_of_a_criterion_stand_at_its_scores(
    generation: Generate, column: str
) -> None:
    folder = generation("shipped")
    marks = read_report(folder).marks[f"criterion-income_spending-{column}"]
    with open_database(folder) as connection:
        rows = connection.execute(
            f"SELECT n_segments, {column} FROM fct_cluster_count_scores "
            f"WHERE segmentation = 'income_spending' AND {column} IS NOT NULL "
            "ORDER BY n_segments"
        ).fetchall()
    assert_linear([mark.percent("cx") for mark in marks], [n for n, _ in rows])
    assert_linear([100 - mark.percent("cy") for mark in marks], [s for _, s in rows])


def test_parts_of_a_segment_are_as_wide_as_their_share(generation: Generate) -> None:
    folder = generation("shipped")
    parts = read_report(folder).marks["gender-income_spending"]
    with open_database(folder) as connection:
        rows = connection.execute(
            "SELECT sum(share_of_segment) FROM fct_segment_demographics "
            "WHERE segmentation = 'income_spending' "
            "GROUP BY segment_id, gender ORDER BY segment_id, gender"
        ).fetchall()
    widths = [part.percent("width") for part in parts]
    assert widths[: len(rows)] == pytest.approx(
        [100 * row[0] for row in rows], abs=0.01
    )
    assert sum(widths[len(rows) :]) == pytest.approx(100, abs=0.02)


def test_a_mean_stands_where_the_profile_says(generation: Generate) -> None:
    folder = generation("shipped")
    marks = read_report(folder).marks["spread-income_spending-age_years"]
    means = [mark.percent("x") for mark in marks if "mean" in mark.attributes["class"]]
    with open_database(folder) as connection:
        rows = connection.execute(
            "SELECT mean FROM fct_segment_profiles WHERE feature = 'age_years' "
            "AND segmentation = 'income_spending' ORDER BY segment_id"
        ).fetchall()
    assert_linear(means, [row[0] for row in rows])


def test_silhouettes_are_drawn_from_the_best_to_the_worst(generation: Generate) -> None:
    folder = generation("shipped")
    slices = read_report(folder).marks["silhouettes-income_spending"]
    of_first = [part for part in slices if "c1" in part.attributes["class"].split()]
    assert len(of_first) == 22
    ends = [part.percent("x") + part.percent("width") for part in of_first]
    assert ends == sorted(ends, reverse=True)
    heights = [part.percent("height") for part in of_first]
    assert sum(heights) == pytest.approx(90, abs=0.2)


def place(value: float, axis: list[float]) -> float:
    return 100 * (value - axis[0]) / (axis[1] - axis[0])


def assert_linear(places: list[float], values: list[float]) -> None:
    """Check that places grow with values at one rate; places have two decimals."""
    low, high = min(values), max(values)
    start, end = places[values.index(low)], places[values.index(high)]
    expected = [
        start + (end - start) * (value - low) / (high - low) for value in values
    ]
    assert end > start
    assert places == pytest.approx(expected, abs=0.02)
