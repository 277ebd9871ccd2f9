import csv
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mall_segments.errors import SettingsError
from mall_segments.clustering.naming import LEVELS, choose_personas, level_of, name_segments
from mall_segments.settings import Feature, LevelWords

PERSONAS_CSV = Path(__file__).parents[2] / "seeds" / "segment_personas.csv"


def feature(name, label=None, **words):
    return Feature(
        name=name,
        label=label or name,
        aliases=(),
        minimum=-100,
        maximum=100,
        level_words=LevelWords(**words),
    )


AGE = feature("age", low="young", average="middle-aged", high="older")
INCOME, SPENDING, VISITS = feature("income"), feature("spending"), feature("visits")


def name_one(features, *z_scores):
    names = [entry.name for entry in features]
    scores = dict(zip(names, z_scores, strict=True))
    return name_segments([scores], [scores], features)[0]


@pytest.fixture(scope="module")
def personas():
    # As dbt hands the seed over: every column as text, blanks missing.
    return pd.read_csv(PERSONAS_CSV, dtype="str")


def test_levels_turn_half_a_standard_deviation_from_the_mean():
    assert level_of(-0.5001) == "low"
    assert level_of(-0.5) == level_of(0) == level_of(0.5) == "average"
    assert level_of(0.5001) == "high"


@pytest.mark.parametrize(
    ("income", "spending", "name"),
    [
        (0, 0, "Average income and spending"),
        (1, 1, "High income and high spending"),
        (-1, 1, "Low income and high spending"),
        (1, -1, "High income and low spending"),
        (-1, -1, "Low income and low spending"),
        (0, 1, "Average income and high spending"),
    ],
)
def test_names_two_features_as_the_published_analyses_do(income, spending, name):
    assert name_one([INCOME, SPENDING], income, spending) == name


def test_own_level_words_stand_for_level_and_label():
    assert name_one([AGE, INCOME, SPENDING], 1, 0, -1) == (
        "Older, average income and low spending"
    )
    assert name_one([AGE, INCOME, SPENDING], 0, 0, 0) == (
        "Middle-aged, average income and spending"
    )
    assert name_one([AGE], -1) == "Young"


def test_features_that_are_average_in_a_row_share_the_word():
    features = [INCOME, SPENDING, VISITS]
    assert name_one(features, 0, 0, 0) == "Average income, spending and visits"
    assert name_one(features, 0, 0, 1) == "Average income and spending, high visits"
    assert name_one(features, 0, 1, 0) == (
        "Average income, high spending and average visits"
    )


def test_many_features_are_named_by_the_three_most_unusual():
    features = [feature(letter) for letter in "abcde"]
    assert name_one(features, 0.9, -2, 0, 0.7, 3) == "High a, low b and high e"
    assert name_one(features, 0, 0, 0, 0, 0) == "Average customers"


def test_equal_names_are_told_apart_by_the_feature_that_differs_most():
    names = name_segments(
        [{"income": 0.1, "spending": 0.4}, {"income": 0.0, "spending": -0.4}],
        [{"income": 61, "spending": 58.25}, {"income": 60, "spending": 39.75}],
        [INCOME, SPENDING],
    )
    assert names == [
        "Average income and spending (spending 58)",
        "Average income and spending (spending 40)",
    ]


def test_a_qualifier_takes_as_many_digits_as_it_needs():
    names = name_segments(
        [{"income": 0.1}, {"income": 0.0}],
        [{"income": 60.04}, {"income": 60.02}],
        [INCOME],
    )
    assert names == ["Average income (income 60.04)", "Average income (income 60.02)"]


def test_a_new_name_avoids_names_already_taken():
    name = name_segments(
        [{"income": 1}], [{"income": 88}], [INCOME], taken={"High income"}
    )
    assert name == ["High income (income 88)"]


@given(
    st.integers(1, 6).flatmap(
        lambda n_features: st.lists(
            st.lists(
                st.sampled_from([-0.7, -0.1, 0.0, 0.1, 0.7, 0.70001]),
                min_size=n_features,
                max_size=n_features,
            ),
            min_size=1,
            max_size=8,
        )
    )
)
def test_names_of_a_segmentation_are_never_alike(table):
    features = [feature(f"f{place}") for place in range(len(table[0]))]
    scores = [
        {entry.name: value for entry, value in zip(features, row, strict=True)}
        for row in table
    ]
    names = name_segments(scores, scores, features)
    assert len(set(names)) == len(table)
    assert names == name_segments(scores, scores, features)


@pytest.mark.parametrize(
    ("income", "spending", "persona"),
    [
        ("average", "average", "Standard customers"),
        ("high", "high", "Target customers"),
        ("low", "high", "Eager spenders"),
        ("high", "low", "Careful savers"),
        ("low", "low", "Budget shoppers"),
    ],
)
def test_personas_of_the_published_segments(personas, income, spending, persona):
    levels = {"annual_income_kusd": income, "spending_score": spending}
    assert choose_personas([levels], personas)[0][0] == persona


def test_every_combination_of_income_and_spending_has_its_own_persona(personas):
    levels = [
        {"annual_income_kusd": income, "spending_score": spending}
        for income, spending in product(LEVELS, LEVELS)
    ]
    found = set(choose_personas(levels, personas))
    assert len(found) == 9


def test_age_alone_decides_the_persona_of_young_and_older_segments(personas):
    def persona(age, income, spending):
        levels = {
            "age_years": age,
            "annual_income_kusd": income,
            "spending_score": spending,
        }
        return choose_personas([levels], personas)[0][0]

    assert persona("low", "low", "high") == "Young trendsetters"
    assert persona("low", "average", "high") == "Young enthusiasts"
    assert persona("high", "average", "low") == "Deliberate shoppers"
    assert persona("average", "high", "high") == "Target customers"


def test_a_retailers_own_features_get_the_general_persona(personas):
    ((persona, action),) = choose_personas([{"visits": "high"}], personas)
    assert persona == "General customers"
    assert action.endswith(".")


def test_every_persona_in_the_seed_is_unique_and_acts_in_a_sentence():
    with PERSONAS_CSV.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["persona"] for row in rows}) == len(rows)
    assert len({row["priority"] for row in rows}) == len(rows)
    for row in rows:
        action = row["recommended_action"]
        assert action[0].isupper()
        assert action.endswith(".")
        assert len(action.split()) > 8


def personas_of(**columns):
    frame = {
        "priority": ["10"],
        "persona": ["Anyone"],
        "recommended_action": ["Do something."],
    }
    return pd.DataFrame({**frame, **columns})


def test_the_lowest_priority_number_wins_even_as_text():
    frame = pd.DataFrame(
        {
            "priority": ["100", "20"],
            "persona": ["last", "first"],
            "recommended_action": ["Wait.", "Act."],
        }
    )
    assert choose_personas([{"income": "high"}], frame) == [("first", "Act.")]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (personas_of().drop(columns="persona"), "has no column persona"),
        (personas_of(income=["medium"]), "income is 'medium'; allowed are low"),
        (personas_of(income=["low"]), "no row for a segment with income high"),
        (personas_of(priority=["first"]), "priority is 'first'"),
        (personas_of(recommended_action=[None]), "recommended_action is empty"),
    ],
)
def test_refuses_personas_that_cannot_be_used(frame, message):
    with pytest.raises(SettingsError, match=message):
        choose_personas([{"income": "high"}], frame)
