import pandas as pd
import pytest

from mall_segments.clustering.naming import (
    Traits,
    choose_personas,
    level_of,
    name_parts,
    name_segments,
)
from mall_segments.errors import SettingsError
from mall_segments.settings import Feature, LevelWords

INCOME, SPENDING = Feature(name="income"), Feature(name="spending")
AGE = Feature(
    name="age", level_words=LevelWords(low="young", average="middle-aged", high="older")
)
CONTRACT = Feature(name="contract", type="category")


def traits(shares=None, **z_scores):
    means = {name: 50 + 10 * score for name, score in z_scores.items()}
    return Traits(z_scores, means, shares or {})


def personas(*rows):
    columns = ["priority", "income", "contract", "persona", "recommended_action"]
    return pd.DataFrame(rows, columns=columns)


def test_half_a_deviation_is_still_average():
    assert [level_of(score) for score in (-0.51, -0.5, 0.5, 0.51)] == [
        "low",
        "average",
        "average",
        "high",
    ]


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        (traits(income=1, spending=-1), "High income and low spending"),
        (traits(income=0, spending=0), "Average income and spending"),
        (traits(age=1, income=0), "Older, average income"),
    ],
)
def test_names_say_the_level_of_each_feature(segment, name):
    features = [
        each for each in (AGE, INCOME, SPENDING) if each.name in segment.z_scores
    ]
    found = name_segments([segment], features, [None])
    assert found == [name.replace("Older, average", "Older and average")]


def test_names_mention_the_typical_level_of_a_category():
    shares = {"contract": {"monthly": (0.9, 0.5), "yearly": (0.1, 0.5)}}
    (name,) = name_segments([traits(shares, income=1)], [INCOME, CONTRACT], [None])
    assert name == "High income and contract monthly"


@pytest.mark.parametrize(
    "monthly",
    [
        pytest.param((0.9, 0.85), id="most have it, as everywhere"),
        pytest.param((0.45, 0.05), id="many have it, but not most"),
    ],
)
def test_a_level_that_does_not_tell_the_segment_apart_is_not_mentioned(monthly):
    shares = {"contract": {"monthly": monthly, "yearly": (0.1, 0.1)}}
    (name,) = name_segments([traits(shares, income=1)], [INCOME, CONTRACT], [None])
    assert name == "High income"


def test_names_mention_three_features_at_most():
    features = [Feature(name=f"x{number}") for number in range(5)]
    scores = {f"x{number}": number - 0.8 for number in range(5)}
    (name,) = name_segments([traits(**scores)], features, [None])
    assert name == "High x2, high x3 and high x4"


def test_no_two_names_are_alike():
    segments = [traits(income=0.6), traits(income=2.0), traits(income=-3)]
    assert name_segments(segments, [INCOME], [None] * 3) == [
        "High income (income 56)",
        "High income (income 70)",
        "Low income",
    ]


def test_names_alike_are_told_apart_by_the_feature_they_differ_most_in():
    segments = [
        traits(income=2.0, spending=0.6),
        traits(income=2.1, spending=1.6),
    ]
    assert name_segments(segments, [INCOME, SPENDING], [None] * 2) == [
        "High income and high spending (spending 56)",
        "High income and high spending (spending 66)",
    ]


def test_a_name_is_kept_while_it_is_true_and_no_longer():
    high, low = traits(income=1.0), traits(income=-1.0)
    before = ["High income (income 57)", "High income"]
    assert name_segments([high, low], [INCOME], before) == [
        "High income (income 57)",
        "Low income",
    ]


def test_parts_are_counted_along_the_feature_they_differ_most_in():
    segments = [
        traits(income=2.0, spending=0.1),
        traits(income=-2.0, spending=0.0),
    ]
    assert name_parts(segments, [INCOME, SPENDING]) == [
        "Part 2 of 2 along income",
        "Part 1 of 2 along income",
    ]


def test_the_first_rule_by_priority_gives_the_persona():
    rules = personas(
        ("100", "high", "", "Well-off", "Invite them."),
        ("20", "high", "monthly", "Free spirits", "Offer a year."),
        ("300", "", "", "Everybody", "Write to them."),
    )
    shares = {"contract": {"monthly": (0.9, 0.5), "yearly": (0.1, 0.5)}}
    segments = [traits(shares, income=1), traits({"contract": {}}, income=1)]
    found = choose_personas(segments, ["a", "b"], [INCOME, CONTRACT], rules)
    assert found == [("Free spirits", "Offer a year."), ("Well-off", "Invite them.")]


def test_where_no_rule_fits_the_name_is_the_persona():
    rules = personas(("1", "low", "", "Thrifty", "Save."), ("2", "", "", "All", "x"))
    ((persona, action),) = choose_personas(
        [traits(income=1)], ["High income"], [INCOME], rules
    )
    assert persona == "High income"
    assert "high income" in action


def test_personas_that_repeat_say_whom_they_mean():
    rules = personas(("1", "high", "", "Well-off", "Invite them."))
    segments = [traits(income=1), traits(income=2)]
    found = choose_personas(segments, ["High income (56)", "High b"], [INCOME], rules)
    assert [persona for persona, _ in found] == [
        "Well-off: high income (56)",
        "Well-off: high b",
    ]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (pd.DataFrame({"priority": ["1"]}), "has no column persona"),
        (personas(("first", "", "", "a", "b")), "priority is 'first'"),
        (personas(("1", "", "", None, "b")), "persona is empty"),
    ],
)
def test_refuses_personas_that_cannot_be_used(rules, message):
    with pytest.raises(SettingsError, match=message):
        choose_personas([traits(income=1)], ["a"], [INCOME], rules)
