"""Every number of the report is the mart's, whatever the features."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from report_figures import assert_figures_are_published, open_database, read_report
from report_pages import SAMPLES

Generate = Callable[[str], Path]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_number_and_text_equals_the_mart_it_came_from(
    generation: Generate, sample: str
) -> None:
    folder = generation(sample)
    report = read_report(folder)
    assert len(report.figures) > 200
    assert_figures_are_published(folder, report)
    assert report.stray == []


def test_every_mart_but_the_row_level_ones_is_shown(generation: Generate) -> None:
    named = {
        name
        for sample in ("shipped", "mixed")
        for figure in read_report(generation(sample)).figures
        for name in re.findall(r"\w+", figure.mart)
    }
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
        "fct_segment_categories",
        "fct_segment_demographics",
        "fct_segment_differences",
        "fct_segment_migrations",
        "fct_segment_profiles",
        "fct_segment_rules",
        "fct_segmentation_verdicts",
    } <= named
    assert not {"dim_customers", "fct_customer_segments"} & named


@pytest.mark.parametrize("sample", ["shipped", "crowded", "mixed"])
def test_the_map_holds_all_customers(generation: Generate, sample: str) -> None:
    folder = generation(sample)
    for name, data in read_report(folder).maps.items():
        counted: dict[int, int] = {}
        for x, y, counts in data["cells"]:
            assert 0 <= x <= 1
            assert 0 <= y <= 1
            for segment_id, n in counts:
                counted[segment_id] = counted.get(segment_id, 0) + n
        with open_database(folder) as connection:
            expected = connection.execute(
                "SELECT segment_id, n_customers FROM dim_segments "
                "WHERE segmentation = ?",
                [name],
            ).fetchall()
        assert counted == dict(expected)
