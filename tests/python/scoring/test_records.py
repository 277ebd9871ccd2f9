"""Customers in JSON are read strictly, and refused by the rules of the build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_model import model_content, write_reference_model

from mall_segments.scoring.records import (
    InvalidCustomerError,
    InvalidJsonError,
    RecordReader,
    parse_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model

NEEDED = ("annual_income_kusd", "spending_score")
CUSTOMER = {"Age": 19, "Annual Income (k$)": 15, "Spending Score (1-100)": 39}


def errors_of(model: Model, customer: dict[str, Any]) -> list[tuple[str | None, str]]:
    """Return what is wrong with a customer, by field."""
    reader = RecordReader(model, NEEDED)
    try:
        reader.check(customer, reader.layout(list(customer)))
    except InvalidCustomerError as refused:
        return [(error.field, error.detail) for error in refused.errors]
    return []


@pytest.mark.parametrize(
    ("customer", "fields"),
    [
        (CUSTOMER, list(CUSTOMER)),
        (
            {"age_years": 1, "annual_income_kusd": 2, "spending_score": 3},
            ["age_years", "annual_income_kusd", "spending_score"],
        ),
        (
            {"edad": 1, "INGRESO_ANUAL": 2, "Spending.Score..1.100.": 3},
            ["edad", "INGRESO_ANUAL", "Spending.Score..1.100."],
        ),
        # Of two fields that fit, the one that is named first among the aliases.
        (
            {"Score": 1, "spending_score": 2, "Age": 3, "Income": 4},
            ["Age", "Income", "spending_score"],
        ),
    ],
)
def test_recognises_fields_as_it_does_columns(
    model: Model, customer: dict[str, Any], fields: list[str]
) -> None:
    layout = RecordReader(model, NEEDED).layout(list(customer))

    names = ("age_years", "annual_income_kusd", "spending_score")
    assert [layout.fields[name] for name in names] == fields
    assert errors_of(model, customer) == []


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"Age": 0}, [("Age", "below 1")]),
        ({"Age": 121}, [("Age", "above 120")]),
        ({"Age": 19.5}, [("Age", "not a whole number")]),
        ({"Age": 19.0}, []),
        ({"Age": None}, []),
        ({"Age": True}, [("Age", "not a number but true")]),
        ({"Age": "19"}, [("Age", "not a number but a text")]),
        ({"Age": [19]}, [("Age", "not a number but a list")]),
        ({"Age": {"years": 19}}, [("Age", "not a number but an object")]),
        ({"Annual Income (k$)": 1e400}, [("Annual Income (k$)", "not finite")]),
        ({"Annual Income (k$)": -(10**400)}, [("Annual Income (k$)", "not finite")]),
        ({"Annual Income (k$)": 15.5}, []),
        ({"gender": "no such word"}, []),
        ({"gender": 1}, [("gender", "not a text but a number")]),
        ({"customer_id": 7}, []),
        ({"customer_id": "0007"}, []),
        ({"customer_id": None}, []),
        (
            {"customer_id": 1.5},
            [("customer_id", "not a text or a whole number but a number")],
        ),
        ({"customer_id": "x" * 257}, [("customer_id", "longer than 256 characters")]),
        ({"Profession": "artist"}, []),
        (
            {"Age": -1, "Spending Score (1-100)": 101},
            [("Age", "below 1"), ("Spending Score (1-100)", "above 100")],
        ),
    ],
)
def test_judges_every_field(
    model: Model, changes: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    assert errors_of(model, CUSTOMER | changes) == errors


def test_a_feature_that_is_absent_is_missing(model: Model) -> None:
    assert errors_of(model, {"Spending Score (1-100)": 39}) == []


def test_a_feature_that_may_be_misspelt_is_not_imputed(model: Model) -> None:
    ((field, detail),) = errors_of(model, {"Anual Incom": 15, "Score": 39})

    assert field == "annual_income_kusd"
    assert detail == (
        "absent; not recognised: 'Anual Incom'; send it as 'annual_income_kusd', "
        "'Annual Income (k$)', or null to have it imputed"
    )


def test_a_customer_of_whom_nothing_is_known_is_refused(model: Model) -> None:
    assert [field for field, _ in errors_of(model, {})] == list(NEEDED)
    assert errors_of(model, {"Score": None}) == []


def test_a_feature_that_is_not_needed_may_be_absent(model: Model) -> None:
    customer = {"Annual Income (k$)": 15, "Score": 39, "Profession": "artist"}

    assert errors_of(model, customer) == []


def test_a_model_that_rejects_missing_values_needs_them_all(tmp_path: Path) -> None:
    content = model_content() | {"missing_values": "reject"}
    model = write_reference_model(tmp_path / "model.json", content)

    assert errors_of(model, CUSTOMER | {"Age": None}) == [("Age", "missing")]
    assert errors_of(model, {"Score": 39}) == [
        (
            "annual_income_kusd",
            "absent; send it as 'annual_income_kusd', 'Annual Income (k$)'",
        )
    ]


def test_two_fields_that_fit_equally_well_are_refused(model: Model) -> None:
    errors = errors_of(model, {"Age": 1, "AGE": 2, "Income": 3, "Score": 4})

    assert errors == [("AGE", "'Age', 'AGE' all name age_years: leave one")]


def test_too_many_fields_are_refused(model: Model) -> None:
    customer = CUSTOMER | {f"field {number}": 1 for number in range(62)}

    assert errors_of(model, customer) == [
        (None, "it has 65 fields; at most 64 are read")
    ]


def test_a_field_with_a_very_long_name_is_not_recognised(model: Model) -> None:
    layout = RecordReader(model, NEEDED).layout(["A" * 10**6, "Age"])

    assert layout.unknown == ("A" * 10**6,)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "Expecting value"),
        (b"\xff", "byte 0 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"Age": NaN}', "it holds NaN, which is not a number"),
        (b'{"Age": -Infinity}', "it holds -Infinity"),
        (b'{"Age": 1, "Age": 2}', "it names the key 'Age' twice"),
        (b'[{"a": 1}, {"Age": 1, "Age": 2}]', "it names the key 'Age' twice"),
        (b'{"a": {"b": 1, "b": 1}}', "it names the key 'b' twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 5000, "too many digits"),
        (b"{'Age': 1}", "property name"),
        (b'{"Age": 1,}', "property name"),
        (b"{} {}", "Extra data"),
        (b'{"Age": 01}', "delimiter"),
        (b'{"Age": "\n"}', "control character"),
    ],
)
def test_refuses_what_is_not_strict_json(body: bytes, complaint: str) -> None:
    with pytest.raises(InvalidJsonError, match=complaint):
        parse_json(body)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
@settings(max_examples=200, deadline=None)
def test_reads_all_strict_json(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.lists(st.dictionaries(st.text(':{,"\\a'), st.text(":,"), max_size=4)))
@settings(max_examples=200, deadline=None)
def test_colons_within_texts_are_no_keys(value: list[dict[str, str]]) -> None:
    assert parse_json(json.dumps(value).encode()) == value
