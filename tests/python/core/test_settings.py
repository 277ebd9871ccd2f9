import copy
from pathlib import Path

import pytest
import yaml

from mall_segments.errors import SettingsError
from mall_segments.settings import check_project_vars, parse_settings

PROJECT = Path(__file__).parents[3]
SHIPPED = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


def refuse(**changes):
    """What is said of the shipped settings with these changes."""
    settings = copy.deepcopy(SHIPPED) | {"customers_path": "customers.csv"}
    for key, value in changes.items():
        place, *path = key.split("__")
        target = settings
        if path:
            target = settings[place]
            for part in path[:-1]:
                target = target[int(part) if part.isdigit() else part]
            place = path[-1]
        target[int(place) if isinstance(target, list) else place] = value
    with pytest.raises(SettingsError) as refusal:
        parse_settings(settings)
    return str(refusal.value)


def test_only_the_name_of_a_feature_is_needed():
    settings = parse_settings(
        {
            "features": [{"name": "total_spend"}],
            "segmentations": [{"name": "s", "features": ["total_spend"]}],
        }
    )
    (feature,) = settings.features
    assert (feature.label, feature.type, feature.transform) == (
        "total spend",
        "number",
        "none",
    )
    assert (feature.minimum, feature.maximum, feature.least) == (None, None, None)
    assert settings.segmentations[0].most_segments == 10


@pytest.mark.parametrize("number", [2, 50, "auto"])
def test_from_two_to_fifty_segments_may_be_asked_for(number):
    settings = copy.deepcopy(SHIPPED)
    settings["segmentations"][0]["n_segments"] = number
    assert parse_settings(settings).segmentations[0].n_segments == number


def test_two_segments_may_share_the_customers_evenly():
    assert parse_settings(SHIPPED | {"min_segment_share": 0.5}).min_segment_share == 0.5


def test_customer_files_have_no_features_of_orders():
    settings = parse_settings(SHIPPED)
    assert {each.source for each in settings.features} == {"customers", "orders"}
    own = settings.of_customer_files().features
    assert [each.name for each in own] == [each["name"] for each in SHIPPED["features"]]


def test_the_gender_is_a_category_like_others():
    settings = parse_settings(SHIPPED)
    assert settings.columns[0].name == "gender"
    assert set(settings.columns[0].levels) == {"female", "male"}
    assert [each.name for each in settings.categories] == ["gender"]
    assert settings.feature("gender").type == "category"


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ({"as_of": "2010-02-30"}, "`orders.as_of` is '2010-02-30'; it must be a date"),
        ({"as_of": 20100901}, "`orders.as_of` is 20100901; it must be a date"),
        ({"window_days": 0}, "`orders.window_days` is 0; it must be a whole number of"),
        ({"minimum_orders": 0}, "`orders.minimum_orders` is 0; it must be a whole"),
        ({"returns": "keep"}, "is 'keep'; allowed: subtract, ignore, only_count."),
        ({"day_first": "maybe"}, "is 'maybe'; it must be true or false."),
        (
            {"cut_points": {"orders": [1, 2, 3, 4]}},
            "names 'orders'; allowed: recency_days, n_orders, total_spend.",
        ),
        (
            {"cut_points": {"n_orders": [2, 5, 3, 9]}},
            "`orders.cut_points.n_orders` is 2, 5, 3, 9; it must be four rising",
        ),
    ],
)
def test_settings_of_orders_are_refused_by_name(orders, said):
    with pytest.raises(SettingsError) as refused:
        parse_settings(SHIPPED | {"orders": orders})
    assert said in str(refused.value)


def test_features_of_orders_come_where_there_are_orders():
    with_orders = parse_settings(SHIPPED)
    assert with_orders.has_orders
    assert with_orders.features[-1].name == "total_spend"
    assert with_orders.segmentations[-1].name == "rfm"
    own = parse_settings(SHIPPED | {"customers_path": "own.csv"})
    assert not own.has_orders
    assert "n_orders" not in [feature.name for feature in own.features]
    both = parse_settings(SHIPPED | {"customers_path": "a", "orders_path": "b"})
    assert both.has_orders
    assert len(both.features) == len(with_orders.features)


def test_of_orders_alone_nothing_else_is_known():
    settings = parse_settings(SHIPPED | {"orders_path": "orders.csv"})
    assert [feature.name for feature in settings.columns] == [
        "recency_days",
        "n_orders",
        "total_spend",
    ]
    assert [each.name for each in settings.segmentations] == ["rfm"]


def test_what_was_parsed_can_be_parsed_again():
    settings = parse_settings(SHIPPED)
    assert parse_settings(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("value", ["1e3", 1e3, 1000])
def test_numbers_may_be_written_in_scientific_notation(value):
    settings = copy.deepcopy(SHIPPED)
    settings["features"][0]["maximum"] = value
    assert parse_settings(settings).features[0].maximum == 1000


def test_resolution_is_no_longer_needed_but_harms_nobody():
    settings = copy.deepcopy(SHIPPED)
    settings["features"][0]["resolution"] = 0.01
    parse_settings(settings)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"features__0__minimum": 200},
            (
                "`features[age_years].minimum` is 200 and "
                "`features[age_years].maximum` is "
                "120; minimum must be less than maximum."
            ),
        ),
        (
            {"features__0__minimum": "much"},
            (
                "`features[age_years].minimum` is 'much'; it must be a "
                "finite number below "
                "1e15."
            ),
        ),
        ({"features__0__minimum": True}, "is true; it must be a finite number"),
        ({"features__0__minimun": 1}, "Did you mean 'minimum'?"),
        ({"features__0__name": "Age"}, "a name has lower-case letters"),
        ({"features__0__name": "distance"}, "a column of their own"),
        ({"features__0__name": "value_1"}, "a column of their own"),
        ({"features__0__name": "select"}, "SQL keeps this word for itself"),
        ({"features__0__label": "income"}, "holds the label 'income' twice"),
        ({"features__0__name": "spending_score"}, "holds 'spending_score' twice"),
        ({"features__0__clip": [0.9, 0.1]}, "two shares from 0 to 1"),
        ({"features__0__transform": "sqrt"}, "allowed: none, log, yeo_johnson"),
        ({"features__0__type": "date"}, "allowed: number, category"),
        ({"features__0__levels": {"a": ["b"]}}, "`type: category` only"),
        (
            {"features__0__transform": "log", "features__0__minimum": -1},
            "takes values from 0",
        ),
        ({"features__0__bands": {"name": "age_band", "starts": [3, 1]}}, "ascending"),
        ({"features__1__aliases": ["Age"]}, "names age_years and annual_income_kusd"),
        ({"features__1__aliases": ["A G E"]}, "names age_years and annual_income_kusd"),
        ({"features__1__aliases": ["(-)"]}, "an alias needs a letter or a digit"),
        ({"features": []}, "it must be a list of at least one feature"),
        ({"features": 5}, "`features` is 5; it must be a list"),
        ({"gender": 3}, "it must be a mapping with aliases, female, male"),
        ({"gender__male": ["F"]}, "`gender` gives 'F' to female and to male"),
        ({"segmentations__0__features": ["age"]}, "which `features` does not define"),
        ({"segmentations__0__features": []}, "it needs at least one of"),
        ({"segmentations__0__weights": {"age": 2}}, "not among its features"),
        (
            {"segmentations__0__weights": {"spending_score": 0}},
            "a weight is a number above 0",
        ),
        ({"segmentations__0__n_segments": 1}, "at least 2 and at most 50"),
        ({"segmentations__0__n_segments": 51}, "at least 2 and at most 50"),
        ({"segmentations__0__n_segments": "many"}, "it must be auto or a whole number"),
        ({"segmentations__0__min_segments": 12}, "must not be more than max_segments"),
        (
            {"segmentations__0__scaler": "std"},
            "allowed: standard, minmax, robust, none",
        ),
        ({"segmentations__0__random_seed": -1}, "it must be a whole number from 0"),
        ({"min_segment_share": 0.9}, "cannot each hold that share: at most 0.5"),
        ({"max_rejected_share": 1}, "from 0 up to, but not including, 1"),
        ({"missing_values": "drop"}, "allowed: impute, reject"),
        ({"keep_generations": 0}, "a whole number of at least 1"),
        ({"export_rows_limit": True}, "is true; it must be a whole number"),
        ({"customers_path": " "}, "a path or glob of CSV or Parquet files"),
        ({"customers_path": "a\x00b"}, "NUL character"),
        ({"customers_path": "a\ud800"}, "halves of characters"),
        ({"sheet": "\ud800"}, "`sheet` is '\\ud800'; it must be text without NUL"),
        ({"features__0__unit": "\ud800"}, "halves of characters"),
        ({"features__0__aliases": ["\ud800"]}, "halves of characters"),
        ({"gender__male": ["female"]}, "`gender` gives 'female' to female and"),
        (
            {"features": [{"name": "plan", "type": "category", "levels": {}}]},
            "`features[plan].levels` is {}; it must name a level",
        ),
        ({"orders_segmentations": "rfm"}, "`orders_segmentations` is 'rfm'; it must"),
        ({"customers_model": "customers"}, "are both set"),
        ({"orders": {"as_of": "June"}}, "it must be a date such as 2010-12-10"),
        ({"numbers": {"decimal": ";"}}, "allowed: ., ,"),
        ({"scaler": "none"}, "It belongs into an entry of `segmentations`."),
        ({"feature": []}, "Did you mean 'features'?"),
    ],
)
def test_refuses_settings_by_name(changes, sentence):
    assert sentence in refuse(**changes)


def test_names_every_mistake_at_once():
    said = refuse(missing_values="drop", keep_generations=0)
    assert said.startswith("2 settings cannot be used:\n")
    assert "missing_values" in said
    assert "keep_generations" in said


def test_vars_of_other_packages_are_theirs():
    check_project_vars({"another_package": {"features": 1}, "mall_segments": {}}, None)
    with pytest.raises(SettingsError, match="Did you mean 'segmentations'"):
        check_project_vars({"segmentation": {}}, None)
    with pytest.raises(SettingsError, match="--vars: `keep_generation` is no setting"):
        check_project_vars({}, {"keep_generation": 2})
    with pytest.raises(SettingsError, match="must map names of settings"):
        check_project_vars(None, ["customers_path"])


def test_names_of_features_have_48_characters_at_most():
    def named(name):
        segmentation = {"name": "s", "features": [name]}
        return {"features": [{"name": name}], "segmentations": [segmentation]}

    assert parse_settings(named("a" * 48)).features[0].name == "a" * 48
    with pytest.raises(SettingsError, match="at most 48 characters"):
        parse_settings(named("a" * 49))
