"""Settings are read completely or refused by name, value and what is allowed."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mall_segments.errors import SettingsError
from mall_segments.settings import (
    RESERVED_WORDS,
    SETTING_NAMES,
    LevelWords,
    check_project_vars,
    parse_settings,
    shorten,
)

PROJECT = Path(__file__).parents[2]


def shipped_vars() -> dict[str, Any]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    return project["vars"]


@pytest.fixture
def settings_vars() -> dict[str, Any]:
    return shipped_vars()


def change(mapping: dict[str, Any], path: list[Any], value: object) -> None:
    for key in path[:-1]:
        mapping = mapping[key]
    mapping[path[-1]] = value


def refusal(mapping: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_settings(mapping)
    return str(caught.value)


def test_reads_the_shipped_settings_completely(settings_vars: dict[str, Any]) -> None:
    settings = parse_settings(settings_vars)

    assert set(settings_vars) == set(SETTING_NAMES)
    assert [feature.name for feature in settings.features] == [
        "age_years",
        "annual_income_kusd",
        "spending_score",
    ]
    first, second = settings.segmentations
    assert (first.name, first.n_segments, first.least_segments) == (
        "income_spending",
        "auto",
        2,
    )
    assert (second.name, second.n_segments, second.least_segments) == (
        "age_income_spending",
        3,
        3,
    )
    assert settings.customers_path is None
    assert settings.max_rejected_share == 0.2
    assert settings.feature("spending_score").maximum == 100
    with pytest.raises(KeyError):
        settings.feature("visits")


def test_a_feature_needs_only_its_name_limits_and_resolution(
    settings_vars: dict[str, Any],
) -> None:
    settings_vars["features"].append(
        {"name": "n_visits", "minimum": 0, "maximum": 400, "resolution": 1}
    )

    feature = parse_settings(settings_vars).feature("n_visits")

    assert feature.label == "n visits"
    assert feature.aliases == ()
    assert (feature.resolution, feature.is_whole) == (1.0, False)
    assert feature.level_words == LevelWords(low="low", average="average", high="high")


def test_a_segmentation_needs_only_its_name_features_and_scaler(
    settings_vars: dict[str, Any],
) -> None:
    settings_vars["segmentations"] = [
        {"name": "by_age", "features": ["age_years"], "scaler": "standard"}
    ]

    (segmentation,) = parse_settings(settings_vars).segmentations

    assert segmentation.scaler == "standard"
    assert segmentation.n_segments == "auto"
    assert (segmentation.min_segments, segmentation.max_segments) == (2, 10)
    assert segmentation.random_seed == 42


def test_settings_survive_the_way_through_json(settings_vars: dict[str, Any]) -> None:
    as_dbt_sends_them = json.loads(json.dumps(settings_vars))

    assert parse_settings(as_dbt_sends_them) == parse_settings(settings_vars)


INCOME = ["features", 1]
FIRST = ["segmentations", 0]

# Each: where, the value put there, and what the refusal must say.
WRONG: list[tuple[list[Any], object, list[str]]] = [
    (["segmentation"], 1, ["`segmentation`", "Did you mean 'segmentations'?"]),
    (["qwerty"], 1, ["`qwerty`", "Allowed: customer_id, gender"]),
    (["n_segments"], 1, ["`n_segments`", "into an entry of `segmentations`"]),
    (["customers_path"], 3, ["`customers_path` is 3", "or null for the seed"]),
    (["customers_path"], " ", ["`customers_path` is ' '"]),
    (["customers_path"], "a\0b", ["`customers_path`", "NUL"]),
    (["customer_id"], ["id"], ["`customer_id` is ['id']", "a mapping with aliases"]),
    (["customer_id", "alias"], [], ["`alias` in `customer_id`", "'aliases'"]),
    (["customer_id", "aliases"], "id", ["`customer_id.aliases` is 'id'", "a list"]),
    (["customer_id", "aliases"], [1], ["`customer_id.aliases` is [1]", "in quotes"]),
    (["customer_id", "aliases"], ["($)"], ["'($)'", "needs a letter or a digit"]),
    (["gender", "female"], [0], ["`gender.female` is [0]", "in quotes"]),
    (["gender", "female"], ["w", "M "], ["both hold 'M '"]),
    (["gender", "aliases"], ["Age"], ["'Age' names gender and age_years"]),
    (["features"], [], ["`features` is []", "at least one feature"]),
    (["features"], {"a": 1}, ["`features` is {'a': 1}"]),
    (["features", 0], "age", ["`features[0]` is 'age'", "must be a mapping"]),
    ([*INCOME, "name"], "Income", ["'Income'", "lower-case letters"]),
    ([*INCOME, "name"], "annual income", ["'annual income'", "underscores"]),
    ([*INCOME, "name"], "1st", ["'1st'", "begins with a letter"]),
    ([*INCOME, "name"], "a" * 49, ["at most 48 characters"]),
    ([*INCOME, "name"], 'x"; drop table y', ["drop table y", "lower-case letters"]),
    ([*INCOME, "name"], 7, ["name` is 7"]),
    ([*INCOME, "name"], "age_years", ["`features` holds 'age_years' twice"]),
    ([*INCOME, "name"], "customer_id", ["'customer_id'", "a column of their own"]),
    ([*INCOME, "name"], "distance", ["'distance'", "a column of their own"]),
    ([*INCOME, "name"], "age_band", ["'age_band'", "a column of their own"]),
    ([*INCOME, "name"], "age_years_scaled", ["a column of their own"]),
    ([*INCOME, "name"], "order", ["'order'", "SQL keeps this word"]),
    ([*INCOME, "label"], "", ["features[annual_income_kusd].label` is ''"]),
    ([*INCOME, "label"], "Age", ["the label 'Age' twice"]),
    ([*INCOME, "minimum"], True, [".minimum` is true", "a finite number"]),
    ([*INCOME, "minimum"], "0", [".minimum` is '0'"]),
    ([*INCOME, "maximum"], None, [".maximum` is null"]),
    ([*INCOME, "maximum"], float("inf"), [".maximum` is inf"]),
    ([*INCOME, "maximum"], float("nan"), [".maximum` is nan"]),
    ([*INCOME, "maximum"], 1e308, [".maximum` is 1e+308", "below 1e15"]),
    ([*INCOME, "maximum"], 10**400, [".maximum` is 1000", "below 1e15"]),
    ([*INCOME, "maximum"], 0, ["minimum must be less than maximum"]),
    ([*INCOME, "minimum"], 2000, ["is 2000", "is 1000", "less than maximum"]),
    ([*INCOME, "resolution"], 0, [".resolution` is 0", "greater than 0"]),
    ([*INCOME, "resolution"], -1, [".resolution` is -1"]),
    ([*INCOME, "is_whole"], 1, [".is_whole` is 1", "true or false"]),
    ([*INCOME, "min"], 0, ["`min` in `features[annual_income_kusd]`", "'minimum'"]),
    ([*INCOME, "level_words"], "low", [".level_words` is 'low'"]),
    ([*INCOME, "level_words"], {"lo": "x"}, ["`lo`", "Did you mean 'low'?"]),
    ([*INCOME, "level_words"], {"low": "high"}, ["three different words"]),
    ([*INCOME, "aliases"], ["Edad"], ["'Edad' names age_years and annual_income_kusd"]),
    (["segmentations"], [], ["`segmentations` is []", "at least one segmentation"]),
    (["segmentations", 0], 5, ["`segmentations[0]` is 5"]),
    ([*FIRST, "name"], "Income Spending", ["'Income Spending'"]),
    ([*FIRST, "name"], "age_income_spending", ["'age_income_spending' twice"]),
    ([*FIRST, "features"], [], ["segmentations[income_spending].features` is []"]),
    ([*FIRST, "features"], "age_years", [".features` is 'age_years'", "a list"]),
    ([*FIRST, "features"], ["incom"], ["'incom'", "Allowed: age_years, annual_"]),
    (
        [*FIRST, "features"],
        ["anual_income_kusd"],
        ["'anual_income_kusd'", "Did you mean 'annual_income_kusd'?"],
    ),
    ([*FIRST, "features"], ["age_years"] * 2, ["holds 'age_years' twice"]),
    (
        [*FIRST, "scaler"],
        "zscore",
        [
            "`segmentations[income_spending].scaler` is 'zscore'",
            "allowed: standard, minmax, robust, none",
        ],
    ),
    ([*FIRST, "scaler"], None, [".scaler` is null"]),
    ([*FIRST, "scaler"], ["standard"], [".scaler` is ['standard']"]),
    ([*FIRST, "n_segments"], 1, [".n_segments` is 1", "auto or a whole number of at"]),
    ([*FIRST, "n_segments"], 0, [".n_segments` is 0"]),
    ([*FIRST, "n_segments"], -3, [".n_segments` is -3"]),
    ([*FIRST, "n_segments"], 5.0, [".n_segments` is 5.0"]),
    ([*FIRST, "n_segments"], True, [".n_segments` is true"]),
    ([*FIRST, "n_segments"], "5", [".n_segments` is '5'"]),
    ([*FIRST, "n_segments"], "Auto", [".n_segments` is 'Auto'"]),
    ([*FIRST, "min_segments"], 1, [".min_segments` is 1", "at least 2"]),
    ([*FIRST, "min_segments"], 11, ["is 11", "is 10", "not be more than"]),
    ([*FIRST, "max_segments"], 1, [".max_segments` is 1"]),
    ([*FIRST, "random_seed"], -1, [".random_seed` is -1", "from 0 to 4294967295"]),
    ([*FIRST, "random_seed"], 2**32, [".random_seed` is 4294967296"]),
    ([*FIRST, "random_seed"], "x", [".random_seed` is 'x'"]),
    ([*FIRST, "random_seed"], False, [".random_seed` is false"]),
    ([*FIRST, "k"], 5, ["`k` in `segmentations[income_spending]`"]),
    (["missing_values"], "drop", ["is 'drop'", "allowed: impute, reject"]),
    (["max_rejected_share"], 1, ["`max_rejected_share` is 1", "not including, 1"]),
    (["max_rejected_share"], -0.1, ["`max_rejected_share` is -0.1"]),
    (["max_rejected_share"], "20%", ["`max_rejected_share` is '20%'"]),
    (["min_segment_share"], 0.6, ["`min_segment_share` is 0.6", "at most 0.5"]),
    (["min_segment_share"], float("nan"), ["`min_segment_share` is nan"]),
    (["export_rows_limit"], 0, ["`export_rows_limit` is 0", "at least 1"]),
    (["export_rows_limit"], 5e6, ["`export_rows_limit` is 5000000.0"]),
    (["keep_generations"], 0, ["`keep_generations` is 0"]),
    (["keep_generations"], None, ["`keep_generations` is null"]),
]


@pytest.mark.parametrize(
    ("path", "value", "sayings"),
    WRONG,
    ids=[f"{entry[0][-1]}-{number}" for number, entry in enumerate(WRONG)],
)
def test_refuses_a_wrong_setting_by_name_value_and_what_is_allowed(
    settings_vars: dict[str, Any], path: list[Any], value: object, sayings: list[str]
) -> None:
    change(settings_vars, path, value)

    message = refusal(settings_vars)

    for saying in sayings:
        assert saying in message


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (["customer_id"], "`customer_id` is missing"),
        (["gender"], "`gender` is missing"),
        (["features"], "`features` is missing"),
        (["segmentations"], "`segmentations` is missing"),
        (["customer_id", "aliases"], "`customer_id.aliases` is missing"),
        (["gender", "female"], "`gender.female` is missing"),
        ([*INCOME, "name"], "`features[1].name` is missing"),
        ([*INCOME, "minimum"], "`features[annual_income_kusd].minimum` is missing"),
        ([*FIRST, "features"], "`segmentations[income_spending].features` is missing"),
    ],
)
def test_refuses_a_missing_setting_by_name(
    settings_vars: dict[str, Any], path: list[Any], name: str
) -> None:
    holder: Any = settings_vars
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]

    assert name in refusal(settings_vars)


def test_lists_every_mistake_at_once(settings_vars: dict[str, Any]) -> None:
    change(settings_vars, [*FIRST, "n_segments"], 1)
    change(settings_vars, [*FIRST, "random_seed"], -5)
    change(settings_vars, ["missing_values"], "drop")

    message = refusal(settings_vars)

    assert message.startswith("3 settings cannot be used:\n  - ")
    assert message.count("\n  - ") == 3


def test_a_very_long_list_of_mistakes_is_cut(settings_vars: dict[str, Any]) -> None:
    for number in range(30):
        settings_vars[f"unknown_{number}"] = 1

    message = refusal(settings_vars)

    assert message.startswith("30 settings cannot be used")
    assert message.endswith("and 10 more.")


def test_a_huge_value_is_shortened(settings_vars: dict[str, Any]) -> None:
    change(settings_vars, [*FIRST, "scaler"], "x" * 1_000_000)

    message = refusal(settings_vars)

    assert "(1,000,000 characters)" in message
    assert len(message) < 300


@pytest.mark.parametrize("mapping", [None, [], "features", 3])
def test_refuses_settings_that_are_no_mapping(mapping: object) -> None:
    assert "must be a mapping of names to values" in refusal(mapping)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    path=st.sampled_from([entry[0] for entry in WRONG]),
    value=values,
)
def test_any_value_anywhere_is_accepted_or_refused_in_a_sentence(
    path: list[Any], value: object
) -> None:
    mapping = copy.deepcopy(SHIPPED)
    change(mapping, path, value)

    message = ""
    try:
        settings = parse_settings(mapping)
    except SettingsError as error:
        message = str(error)

    assert message or settings.features


SHIPPED = shipped_vars()


@pytest.mark.parametrize(
    ("project_vars", "command_line_vars", "sayings"),
    [
        (None, {"segmentation": 1}, ["--vars: `segmentation`", "'segmentations'"]),
        ({"feature": []}, None, ["dbt_project.yml: `feature`", "'features'"]),
        (
            {"mall_segments": {"scalar": 1}},
            {},
            ["dbt_project.yml: `scalar`", "Allowed: customer_id"],
        ),
        ({}, {"scaler": "x"}, ["`scaler`", "into an entry of `segmentations`"]),
        ({}, {"minimum": 3}, ["`minimum`", "into an entry of `features`"]),
        ({}, ["a"], ["--vars must map names", "['a']"]),
        ({}, {7: 1}, ["--vars: `7`"]),
    ],
)
def test_refuses_vars_that_no_setting_has(
    project_vars: Any, command_line_vars: Any, sayings: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_project_vars(project_vars, command_line_vars)

    for saying in sayings:
        assert saying in str(caught.value)


def test_accepts_vars_that_are_settings_plain_or_under_the_project(
    settings_vars: dict[str, Any],
) -> None:
    check_project_vars(settings_vars, {"customers_path": "x.csv"})
    check_project_vars({"mall_segments": settings_vars}, {})
    check_project_vars(None, None)


def test_every_word_the_engine_reserves_is_reserved_here() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select keyword_name from duckdb_keywords() "
            "where keyword_category = 'reserved'"
        ).fetchall()

    assert {row[0] for row in rows} <= RESERVED_WORDS


def test_shortens_to_one_line_within_the_limit() -> None:
    assert shorten([1] * 100, limit=20) == "[1, 1, 1, 1, 1, 1..."
    assert "\n" not in shorten("a\nb")


def test_settings_import_nothing_heavy() -> None:
    program = (
        "import sys, mall_segments.settings, mall_segments.intake.columns;"
        "print(sorted({'numpy', 'pandas', 'duckdb', 'sklearn', 'yaml'} & "
        "set(sys.modules)))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"
