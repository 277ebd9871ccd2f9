import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mall_segments.clustering import rules as rules_module
from mall_segments.clustering.rules import _Column, _threshold, describe_segments
from mall_segments.settings import Feature


def make_column(**options):
    return _Column(Feature(name="visits"), **options)


def configure(shipped_settings, *features):
    """Give the settings features of these names, resolutions and wholeness."""
    return shipped_settings | {
        "features": [
            {"name": name, "label": name, "aliases": [name], "minimum": -1e9}
            | {"maximum": 1e9, "is_whole": is_whole}
            for name, _, is_whole in features
        ],
        "segmentations": [
            {
                "name": "made_up",
                "features": [name for name, *_ in features],
                "scaler": "standard",
            }
        ],
    }


def describe(configured, values, segment_ids, n_customers=None):
    """Describe points with these values per feature, one customer on each or more."""
    points = pd.DataFrame(values).assign(
        segmentation="made_up",
        point_id=range(len(segment_ids)),
        n_customers=1 if n_customers is None else n_customers,
    )
    segment_points = points[["segmentation", "point_id"]].assign(segment_id=segment_ids)
    segments = segment_points[["segmentation", "segment_id"]].drop_duplicates()
    segments["segment_name"] = "segment " + segments["segment_id"].astype(str)
    return describe_segments(points, segment_points, segments, configured)


def satisfied(rule_sql, customers):
    """Row numbers of the customers that the predicate selects, by the engine."""
    relation = duckdb.from_df(customers).filter(rule_sql).project("row_number")
    return [row for (row,) in relation.fetchall()]


@pytest.fixture(scope="module")
def rules(shipped, shipped_settings):
    return describe_segments(
        shipped.points, shipped.segment_points, shipped.segments, shipped_settings
    )


def test_few_rules_tell_nearly_every_customer_of_the_shipped_file(rules):
    for segmentation, n_segments in (
        ("income_spending", 5),
        ("age_income_spending", 3),
    ):
        own = rules[rules["segmentation"] == segmentation]
        assert (own["fidelity"] >= 0.95).all()
        assert own["fidelity"].nunique() == 1
        assert n_segments <= len(own) <= 8
        assert set(own["segment_id"]) == set(range(1, n_segments + 1))
        assert list(own["rule_id"]) == list(range(1, len(own) + 1))
        assert own["segment_id"].is_monotonic_increasing
    income_spending = rules[rules["segmentation"] == "income_spending"]
    # One rule per segment is enough, so no further leaf was grown.
    assert len(income_spending) == 5
    assert income_spending.loc[0, "fidelity"] == 0.975


def test_the_engine_reproduces_precision_and_coverage_exactly(
    rules, shipped, shipped_customers, shipped_settings
):
    for segmentation in shipped_settings["segmentations"]:
        features = segmentation["features"]
        labelled = shipped.points.merge(
            shipped.segment_points, on=["segmentation", "point_id"]
        )
        labelled = labelled[labelled["segmentation"] == segmentation["name"]]
        customers = shipped_customers[features].merge(labelled, on=features)
        customers["row_number"] = range(200)
        own = rules[rules["segmentation"] == segmentation["name"]]
        n_rules_satisfied = np.zeros(200, dtype=int)
        n_faithful = 0
        for rule in own.itertuples():
            members = satisfied(rule.rule_sql, customers)
            n_rules_satisfied[members] += 1
            is_own = customers["segment_id"] == rule.segment_id
            n_in_segment = int(is_own[members].sum())
            n_faithful += n_in_segment
            assert rule.n_customers == len(members)
            assert rule.n_in_segment == n_in_segment
            assert rule.precision == n_in_segment / len(members)
            assert rule.coverage == n_in_segment / is_own.sum()
        assert (n_rules_satisfied == 1).all()
        assert (own["fidelity"] == n_faithful / 200).all()


def test_the_order_of_rows_changes_nothing(rules, shipped, shipped_settings):
    for seed in range(5):
        again = describe_segments(
            shipped.points.sample(frac=1, random_state=seed),
            shipped.segment_points.sample(frac=1, random_state=seed + 10),
            shipped.segments.sample(frac=1, random_state=seed + 20),
            shipped_settings,
        )
        pd.testing.assert_frame_equal(again, rules, check_exact=True)


def test_rules_read_as_sql_and_as_sentences(shipped_settings):
    configured = configure(
        shipped_settings, ("visits", 1, True), ("basket_eur", 0.01, False)
    )
    rules = describe(
        configured,
        {
            "visits": [1.0, 2.0, 61.0, 62.0, 62.0, 70.0],
            "basket_eur": [3.0, 9.0, 3.0, 2.0, 7.5, 9.0],
        },
        [1, 1, 1, 2, 3, 3],
        [1, 1, 1, 1, 4, 1],
    )
    columns = ["segment_id", "segment_name", "rule_sql", "rule_text"]
    assert rules[columns].to_numpy().tolist() == [
        [1, "segment 1", "visits < 62", "Visits is at most 61"],
        [
            2,
            "segment 2",
            "visits >= 62 and basket_eur < 5",
            "Visits is at least 62 and basket_eur is below 5",
        ],
        [
            3,
            "segment 3",
            "visits >= 62 and basket_eur >= 5",
            "Visits is at least 62 and basket_eur is at least 5",
        ],
    ]
    assert rules["n_customers"].tolist() == [3, 1, 5]
    assert rules["rule_id"].tolist() == [1, 2, 3]
    assert (rules["fidelity"] == 1).all()


def test_bounds_on_one_feature_are_reduced_to_the_tightest(shipped_settings):
    configured = configure(shipped_settings, ("visits", 1, True))
    rules = describe(
        configured, {"visits": [1.0, 5.0, 9.0, 14.0]}, [1, 2, 3, 4], [9, 9, 9, 9]
    )
    assert rules["rule_sql"].tolist() == [
        "visits < 3",
        "visits >= 3 and visits < 7",
        "visits >= 7 and visits < 10",
        "visits >= 10",
    ]
    assert rules.loc[1, "rule_text"] == "Visits is at least 3 and at most 6"


def test_leaves_that_say_the_same_as_their_sibling_are_one_rule(shipped_settings):
    configured = configure(shipped_settings, ("visits", 1, True))
    # On the way to its sixth leaf this tree cuts the customers from 8 on in two, both
    # of which speak for segment 1.
    segment_ids = [1, 2, 2, 2, 2, 3, 2, 1, 3, 1, 2, 2, 3, 2, 1]
    n_customers = [5, 2, 20, 20, 60, 20, 60, 2, 2, 5, 1, 2, 5, 2, 60]
    visits = np.arange(1.0, 16.0)
    rules = describe(configured, {"visits": visits}, segment_ids, n_customers)
    assert rules[["segment_id", "rule_sql"]].to_numpy().tolist() == [
        [1, "visits >= 8"],
        [1, "visits < 2"],
        [2, "visits >= 2 and visits < 6"],
        [2, "visits >= 7 and visits < 8"],
        [3, "visits >= 6 and visits < 7"],
    ]


def test_customers_weigh_what_they_count(shipped_settings, monkeypatch):
    monkeypatch.setattr(rules_module, "MAX_LEAVES", 2)
    configured = configure(shipped_settings, ("visits", 1, True))
    values = {"visits": [1.0, 2.0, 3.0, 10.0, 11.0, 12.0]}
    segment_ids = [1, 2, 1, 2, 1, 2]
    heavy_ends = describe(configured, values, segment_ids, [90, 1, 1, 1, 1, 90])
    assert heavy_ends["fidelity"].iloc[0] >= 180 / 184
    assert heavy_ends["n_customers"].sum() == 184


def test_a_small_segment_gets_a_rule_though_it_is_outnumbered(shipped_settings):
    configured = configure(shipped_settings, ("visits", 1, True))
    # Segments 1 and 2 take turns, and a tree that counts customers spends its leaves on
    # them; one with equal weight for each segment first sets segment 3 apart.
    visits = np.arange(21.0)
    segment_ids = np.where(visits % 2 == 0, 1, 2)
    segment_ids[20] = 3
    n_customers = np.where(segment_ids == 3, 1, 40)
    rules = describe(configured, {"visits": visits}, segment_ids, n_customers)
    assert set(rules["segment_id"]) == {1, 2, 3}
    small = rules[rules["segment_id"] == 3]
    assert small["rule_sql"].tolist() == ["visits >= 20"]
    assert small["precision"].tolist() == [1]


def test_a_segment_for_which_no_leaf_speaks_has_no_row(shipped_settings, monkeypatch):
    monkeypatch.setattr(rules_module, "MAX_LEAVES", 2)
    configured = configure(shipped_settings, ("visits", 1, True))
    rng = np.random.default_rng(0)
    visits = np.arange(60.0)
    segment_ids = rng.integers(1, 8, 60)
    rules = describe(configured, {"visits": visits}, segment_ids)
    silent = set(range(1, 8)) - set(rules["segment_id"])
    assert silent
    assert len(rules) <= 7
    assert rules["n_customers"].sum() == 60
    assert rules["fidelity"].iloc[0] == rules["n_in_segment"].sum() / 60


def test_more_segments_than_leaves_get_a_leaf_each(shipped_settings):
    configured = configure(shipped_settings, ("visits", 1, True))
    visits = np.arange(12.0)
    rules = describe(configured, {"visits": visits}, visits.astype(int))
    assert len(rules) == 12
    assert (rules["fidelity"] == 1).all()


def test_one_segment_is_every_customer(shipped_settings):
    configured = configure(shipped_settings, ("visits", 1, True))
    rules = describe(configured, {"visits": [1.0, 2.0]}, [4, 4], [3, 5])
    (rule,) = rules.to_dict("records")
    assert (rule["rule_sql"], rule["rule_text"]) == ("true", "Every customer")
    assert (rule["precision"], rule["coverage"], rule["n_customers"]) == (1, 1, 8)
    customers = pd.DataFrame({"row_number": [0, 1]})
    assert satisfied(rule["rule_sql"], customers) == [0, 1]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-12, 12), st.integers(-12, 12), st.integers(1, 4),
            st.integers(1, 5),
        ),
        min_size=2,
        max_size=30,
        unique_by=lambda row: row[:2],
    ),
    st.sampled_from([(1, True), (1, False), (0.5, False), (0.01, False), (1e6, False)]),
)  # fmt: skip
def test_predicates_select_exactly_the_customers_they_are_scored_on(
    shipped_settings, rows, kind
):
    resolution, is_whole = kind
    table = np.array(rows)
    values = {
        "visits": table[:, 0] * resolution,
        "basket_eur": table[:, 1] * resolution,
    }
    configured = configure(
        shipped_settings,
        ("visits", resolution, is_whole),
        ("basket_eur", resolution, is_whole),
    )
    rules = describe(configured, values, table[:, 2], table[:, 3])
    customers = pd.DataFrame(values).assign(row_number=range(len(table)))
    seen = []
    for rule in rules.itertuples():
        members = satisfied(rule.rule_sql, customers)
        seen.extend(members)
        in_segment = table[members, 2] == rule.segment_id
        assert rule.n_customers == table[members, 3].sum()
        assert rule.n_in_segment == table[members, 3][in_segment].sum()
        own = table[:, 2] == rule.segment_id
        assert rule.coverage == rule.n_in_segment / table[own, 3].sum()
        assert rule.precision == rule.n_in_segment / rule.n_customers
    assert sorted(seen) == list(range(len(table)))


@pytest.mark.parametrize(
    ("low", "high", "options", "expected"),
    [
        (70, 71, {}, "70.5"),
        (63, 70, {}, "66"),
        (38, 45, {"is_whole": True}, "40"),
        (61, 62, {"is_whole": True}, "62"),
        (-62, -61, {"is_whole": True}, "-61"),
        (15_000, 16_200, {}, "16000"),
        (0.2, 0.3, {}, "0.25"),
        (61, 61.5, {}, "61.2"),
        (61, 61.5, {"is_whole": True}, "61.2"),
        (-3, 2, {}, "0"),
        (1.0, math.nextafter(1.0, 2.0), {}, "1.0000000000000002"),
        (1e20, 1.1e20, {}, "105000000000000000000"),
    ],
)
def test_thresholds_have_the_fewest_digits_that_separate(low, high, options, expected):
    threshold = _threshold(float(low), float(high), make_column(**options))
    assert str(threshold) == expected
    if threshold.belongs_above:
        assert low < threshold.value <= high
    else:
        assert low <= threshold.value < high
