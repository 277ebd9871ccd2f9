"""Columns are recognised by their aliases, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    KnownColumns,
    count_recognised,
    list_columns,
    looks_like_data,
    normalise,
    recognise_columns,
    required_columns,
)
from mall_segments.settings import Feature, Settings, parse_settings

PROJECT = Path(__file__).parents[3]
SETTINGS = parse_settings(
    yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
).of_customer_files()
PUBLISHED = [
    "CustomerID",
    "Gender",
    "Age",
    "Annual Income (k$)",
    "Spending Score (1-100)",
]


def changed(**changes: object) -> Settings:
    return SETTINGS.model_copy(update=changes)


def refusal(header: list[str], settings: Settings = SETTINGS) -> str:
    with pytest.raises(InputError) as caught:
        recognise_columns(header, settings, source="shop.csv")
    return str(caught.value)


ROWS = [["a shop in the north", "31", "x"]] * 3


@pytest.mark.parametrize(
    "header",
    [
        PUBLISHED,
        ["CustomerID", "Genre", "Age", "Annual_Income_(k$)", "Spending_Score"],
        ["customer_id", "gender", "age", "annual_income", "spending_score"],
        ["CUST_ID", "SEX", "AGE", "ANNUALINCOME", "SPENDINGSCORE"],
        ["Customer_ID", "Sex", "Age (years)", "AnnualIncome (k$)", "Score"],
        ["id", "gender", "age", "income", "spend"],
        ["ID", "Sexo", "Edad", "Ingreso anual (k$)", "Puntuacion de gatos (1-100)"],
        ["ID cliente", "Género", "Edad", "Ingresos anuales", "Puntuación de gasto"],
        ["CustomerID ", " Gender", "Age\t", "AnnualIncome(k$)", "SpendingScore(1-100)"],
        [
            "Customer.ID",
            "Gender",
            "Age",
            "Annual.Income..k..",
            "Spending.Score..1.100.",
        ],
        ["customer_id", "gender", "age_years", "annual_income_kusd", "spending_score"],
        ["Customer Id", "Gender", "Age", "Annual Income (USD)", "Spending score /100"],
        ["CustomerId", "Gender", "Age in years", "Income in thousands of USD", "Score"],
        ["id", "genero", "edad (años)", "ingreso anual (miles de $)", "Gasto"],
        [
            "#CustomerID",
            "'Gender'",
            "*Age*",
            "Annual-Income",
            "Spending  Score (1\u2013100)",
        ],
        ["\ufeffCustomerID", "Gender", "Age", "Annual Income k$", "Spending Score"],
        ["id_del_cliente", "sexo", "edad", "ingresos_anuales", "puntuacion_gasto"],
        ["CustomerID", "GENERO", "EDAD", "Income (k€)", "Spending score out of 100"],
    ],
    ids=lambda header: header[3],
)
def test_recognises_headers_seen_in_the_wild(header: list[str]) -> None:
    found = recognise_columns(header, SETTINGS)

    assert list(found.columns.values()) == header
    assert list(found.columns) == [
        "customer_id",
        "gender",
        "age_years",
        "annual_income_kusd",
        "spending_score",
    ]
    assert found.extra == ()
    assert found.notes == ()


def test_lists_the_columns_it_does_not_read() -> None:
    found = recognise_columns(["", *PUBLISHED, "Label"], SETTINGS)

    assert found.extra == ("", "Label")
    assert found.notes == ("Columns not read: (no name), 'Label'.",)


def test_prefers_the_alias_that_comes_first() -> None:
    header = ["ID", "Gender", "Age", "Income", "Annual_Income", "Score", "CustomerID"]

    found = recognise_columns(header, SETTINGS)

    assert found.columns["customer_id"] == "CustomerID"
    assert found.columns["annual_income_kusd"] == "Annual_Income"
    assert found.extra == ("ID", "Income")


def test_prefers_the_column_in_the_unit_of_the_alias() -> None:
    header = [*PUBLISHED[:3], "Annual Income ($)", *PUBLISHED[3:]]

    found = recognise_columns(header, SETTINGS)

    assert found.columns["annual_income_kusd"] == "Annual Income (k$)"


def test_refuses_two_units_when_no_alias_decides() -> None:
    message = refusal([*PUBLISHED[:3], "Income (USD)", "Income (EUR)", "Score"])

    assert "'Income (USD)', 'Income (EUR)' all fit annual_income_kusd" in message
    assert "read first in `features[annual_income_kusd].aliases`" in message


def test_the_first_alias_decides_between_units() -> None:
    features = tuple(
        each.model_copy(update={"aliases": ("Income (EUR)", *each.aliases)})
        if each.name == "annual_income_kusd"
        else each
        for each in SETTINGS.features
    )
    settings = SETTINGS.model_copy(update={"features": features})

    found = recognise_columns(
        [*PUBLISHED[:3], "Income (USD)", "Income (EUR)", "Score"], settings
    )

    assert found.columns["annual_income_kusd"] == "Income (EUR)"


def test_a_column_that_only_contains_an_alias_is_not_read() -> None:
    header = [*PUBLISHED, "Gross Annual Income", "Average Age", "Income (monthly)"]

    found = recognise_columns(header, SETTINGS)

    assert found.extra == ("Gross Annual Income", "Average Age", "Income (monthly)")


@pytest.mark.parametrize("twin", ["Age", "AGE", " age "])
def test_refuses_two_columns_that_fit_equally_well(twin: str) -> None:
    message = refusal([*PUBLISHED, twin])

    assert "all fit age_years" in message
    assert "Remove or rename all but one." in message
    assert repr(twin) in message


def test_a_missing_gender_is_accepted_and_noted() -> None:
    found = recognise_columns([PUBLISHED[0], *PUBLISHED[2:]], SETTINGS)

    assert "gender" not in found.columns
    assert found.notes == ("No gender column: gender is unknown for every customer.",)


@pytest.mark.parametrize("absent", ["CustomerID", "Age", "Spending Score (1-100)"])
def test_one_refusal_lists_found_and_missing_columns_and_the_remedy(
    absent: str,
) -> None:
    header = ["x", *(column for column in PUBLISHED if column != absent)]

    message = refusal(header)

    name, setting = {
        "CustomerID": ("customer_id", "`customer_id.aliases`"),
        "Age": ("age_years", "`features[age_years].aliases`"),
        "Spending Score (1-100)": (
            "spending_score",
            "`features[spending_score].aliases`",
        ),
    }[absent]
    assert message.startswith(f"shop.csv: no column is recognised as {name}.")
    assert f"Columns found (5): {list_columns(header)}." in message
    assert f"Missing: {name}, also known as '{absent}'" in message
    assert f"{setting} in dbt_project.yml" in message


def test_a_refusal_suggests_the_column_that_resembles_the_missing_one() -> None:
    message = refusal(["customer_id", "gender", "customer_age", "income", "score"])

    assert "no column is recognised as age_years." in message
    assert "Is it 'customer_age'?" in message


def test_a_column_without_a_name_is_proposed_and_can_be_named() -> None:
    header = ["", *PUBLISHED[1:]]
    message = refusal(header)
    settings = changed(
        customer_id=SETTINGS.customer_id.model_copy(update={"aliases": ("column_1",)})
    )

    found = recognise_columns(header, settings)

    assert "Is it 'column_1'?" in message
    assert "`customer_id: {generate: true}` numbers the rows" in message
    assert found.positions["customer_id"] == 0


def of_a_model(*required: str) -> KnownColumns:
    return KnownColumns(
        customer_id=SETTINGS.customer_id, columns=SETTINGS.columns, required=required
    )


def test_aliases_of_a_model_cannot_be_added_to() -> None:
    with pytest.raises(InputError, match="rename the column in the file, or add"):
        recognise_columns(["x", "Age"], of_a_model("customer_id"))


def test_nothing_to_name_is_no_advice_to_name_it() -> None:
    assert "add its header" not in refusal(PUBLISHED[:3])


def test_only_what_is_asked_for_is_required() -> None:
    columns = of_a_model("annual_income_kusd", "spending_score")

    found = recognise_columns(PUBLISHED[3:], columns)

    assert list(found.columns.values()) == PUBLISHED[3:]
    assert found.notes == ()
    assert "no column is recognised as customer_id" in refusal(PUBLISHED[3:])


def test_a_category_that_nothing_clusters_on_may_be_absent() -> None:
    city = Feature(name="city", label="city", type="category")
    settings = changed(features=(*SETTINGS.features, city))

    assert "city" not in required_columns(settings)
    assert "No city column" in recognise_columns(PUBLISHED, settings).notes[0]


def test_a_missing_column_alone_is_named_not_the_recognised_ones() -> None:
    message = refusal(["CustomerID", "Genre", "Age", "x", "Spending_Score"])

    assert "no column is recognised as annual_income_kusd." in message
    assert "age_years = 'Age'" in message


def test_of_two_aliases_that_fit_the_first_is_read() -> None:
    found = recognise_columns(["Client", "ID", *PUBLISHED[1:]], ID_ONLY)

    assert found.columns["customer_id"] == "ID"
    assert found.extra == ("Client",)


ID_ONLY = changed(
    customer_id=SETTINGS.customer_id.model_copy(update={"aliases": ("Client ID", "ID")})
)


def test_a_huge_header_is_refused_in_a_short_message() -> None:
    message = refusal([f"x{number}" for number in range(10_000)])

    assert "Columns found (10,000): 'x0', 'x1'" in message
    assert "9,988 more" in message
    assert len(message) < 3000


def test_huge_names_are_shortened() -> None:
    message = refusal(["CustomerID", "x" * 1_000_000, "y" * 1_000_000])

    assert "(1,000,000 characters)" in message
    assert len(message) < 3000


def test_a_hostile_header_is_only_a_name() -> None:
    hostile = ['"; drop table x; --', "{{ 1/0 }}", "<script>alert(1)</script>", "'"]

    found = recognise_columns([*hostile, *PUBLISHED], SETTINGS)

    assert found.extra == tuple(hostile)


def test_an_added_feature_is_recognised_by_its_name_alone() -> None:
    visits = Feature(
        name="n_visits", label="visits", aliases=(), minimum=0, maximum=400
    )
    settings = changed(features=(*SETTINGS.features, visits))

    found = recognise_columns([*PUBLISHED, "N Visits"], settings)

    assert found.columns["n_visits"] == "N Visits"
    assert "also known as nothing else" in refusal(PUBLISHED, settings)


@pytest.mark.parametrize(
    ("cells", "is_data"),
    [
        (["3", "Female", "20", "16", "6"], True),
        (["0001", "M", "x"], True),
        (["a", "-1.5"], True),
        (["a", "150,000.00"], True),
        (["12 %"], False),
        (PUBLISHED, False),
        (["x1", "x2"], False),
        ([], False),
    ],
)
def test_tells_values_from_names(cells: list[str], is_data: bool) -> None:  # noqa: FBT001
    assert looks_like_data(cells) is is_data


def test_counts_the_columns_a_row_would_name() -> None:
    assert count_recognised(PUBLISHED, SETTINGS) == 5
    assert count_recognised(["3", "Female", "20"], SETTINGS) == 0


# Of single letters, capitals do not say where a word begins.
names = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8),
    min_size=1,
    max_size=4,
)
links = st.sampled_from([" ", "_", "-", ".", "  ", " - "])


@given(words=names, link=links, ends=st.sampled_from(["", " ", "\t", ":", "."]))
def test_case_spaces_and_punctuation_do_not_matter(
    words: list[str], link: str, ends: str
) -> None:
    plain = normalise(" ".join(words))

    assert normalise(link.join(words).upper() + ends) == plain
    assert normalise(ends + link.join(words)) == plain
    assert normalise("".join(word.capitalize() for word in words)) == plain


@given(
    words=names,
    unit=st.sampled_from(
        [
            "(k$)",
            "(1-100)",
            "[years]",
            "(USD)",
            "in k$",
            "k€",
            "(0 to 10)",
            "out of 100",
        ]
    ),
)
def test_units_do_not_matter(words: list[str], unit: str) -> None:
    # No unit begins with q, so none of the words is one.
    name = " ".join(f"q{word}" for word in words)

    assert normalise(f"{name} {unit}") == normalise(name)


@given(header=st.text(max_size=40))
def test_normalising_leaves_letters_and_digits_only(header: str) -> None:
    normalised = normalise(header)

    assert normalised == "" or normalised.isalnum()


@given(
    header=st.lists(
        st.text(max_size=12) | st.sampled_from([*PUBLISHED, "Income", "ID", "Genre"]),
        max_size=8,
    )
)
def test_any_header_is_recognised_completely_or_refused(header: list[str]) -> None:
    message = ""
    try:
        found = recognise_columns(header, SETTINGS)
    except InputError as error:
        message = str(error)

    if not message:
        read = list(found.columns.values())
        assert sorted([*read, *found.extra]) == sorted(header)
        assert {"customer_id", "age_years"} <= set(found.columns)


@pytest.mark.parametrize(
    "unlikely",
    ["age_group", "<<<<<<< age", "This is the age of the customer in full years"],
)
def test_a_refusal_suggests_no_words_for_a_number_and_no_sentence(
    unlikely: str,
) -> None:
    header = [unlikely, "customer_age", "x", "id", "income", "score"]

    with pytest.raises(InputError) as caught:
        recognise_columns(header, SETTINGS, rows=ROWS)

    assert "Is it 'customer_age'?" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("CustomerID,Gender,Age,Annual,Income,(k$),Spending,Score,(1-100)", "'Annual'"),
        ("CustomerID,Gender,Age,Annual Income (k$),Spending,Score", "'Spending'"),
        ("id,sex,age,annual,income,score", "'annual', 'income'"),
    ],
)
def test_refuses_a_header_split_into_pieces(header: str, parts: str) -> None:
    message = refusal(header.split(","))

    assert "the header is split" in message
    assert parts in message


def test_the_id_beside_a_customer_name_is_no_split_header() -> None:
    found = recognise_columns(["Client", "ID", *PUBLISHED[1:]], ID_ONLY)

    assert found.columns["customer_id"] == "ID"
    assert found.extra == ("Client",)
