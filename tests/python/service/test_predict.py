"""What the service answers, and how it refuses."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import validate
from running_service import CUSTOMER, problem_of
from served_model import FIRST_BUILD, model_content, reference_model, shipped_customers

from mall_segments.scoring.assignment import assign
from mall_segments.service.customers import CustomerReader
from mall_segments.service.problems import ProblemError

if TYPE_CHECKING:
    from running_service import RunningService


def test_answers_one_customer(shared_service: RunningService) -> None:
    model = reference_model()
    expected = assign(
        model,
        model.segmentations[0],
        {"annual_income_kusd": [15], "spending_score": [39]},
    )

    response = shared_service.predict(CUSTOMER)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["mall-segments-build-id"] == FIRST_BUILD
    assert response.json() == {
        "segment_id": 4,
        "segment_name": "Low income and low spending",
        "persona": "Persona 4",
        "distance": pytest.approx(expected.distance[0]),
        "second_segment_id": 1,
        "membership": pytest.approx(expected.membership[0]),
        "is_outlier": False,
        "is_imputed": False,
        "main_reason": "annual_income_kusd",
        "segmentation": "income_spending",
        "build_id": FIRST_BUILD,
    }


def test_answers_the_shipped_customers_as_they_were_fitted(
    shared_service: RunningService,
) -> None:
    customers = shipped_customers().to_dict("records")

    answers = shared_service.predict(customers).json()

    sizes = [sum(each["segment_id"] == n for each in answers) for n in range(1, 6)]
    assert sizes == [81, 39, 35, 23, 22]
    assert [each["customer_id"] for each in answers] == list(range(1, 201))


def test_answers_a_list_in_its_order(shared_service: RunningService) -> None:
    customers = [
        {"customer_id": "0007", **CUSTOMER},
        {"annual_income_kusd": 87, "spending_score": 82},
        {"ID": 8, "Income": None, "Score": 39},
        {"Spending Score (1-100)": 39, "Annual Income (k$)": 15},
    ]

    answers = shared_service.predict(customers).json()

    assert [answer["segment_id"] for answer in answers] == [4, 2, 1, 4]
    assert [answer.get("customer_id") for answer in answers] == ["0007", None, 8, None]
    assert [answer["is_imputed"] for answer in answers] == [False, False, True, False]
    assert answers[0].keys() - answers[1].keys() == {"customer_id"}


def test_a_customer_in_a_list_is_answered_as_alone(
    shared_service: RunningService,
) -> None:
    customers = [
        {"Income": income, "Score": score}
        for income in (0, 15.4, 15.5, 61, 1000, None)
        for score in range(1, 101, 9)
    ]

    answers = shared_service.predict(customers).json()

    assert answers == [shared_service.predict(each).json() for each in customers]


def test_assigns_to_the_segmentation_asked_for(shared_service: RunningService) -> None:
    response = shared_service.predict(CUSTOMER, segmentation="age_income_spending")

    assert response.json()["segmentation"] == "age_income_spending"
    assert response.json()["segment_name"] == "Young, low income"


def test_an_empty_list_has_an_empty_answer(shared_service: RunningService) -> None:
    assert shared_service.predict([]).json() == []


def test_names_the_field_that_is_wrong(shared_service: RunningService) -> None:
    response = shared_service.predict(CUSTOMER | {"Age": 19.5, "income/k~€": "x"})

    problem = problem_of(response, 422, "invalid-customer")
    assert problem["detail"] == "Age: not a whole number; nothing was assigned"
    assert problem["errors"] == [
        {"detail": "not a whole number", "field": "Age", "pointer": "#/Age"}
    ]


def test_points_into_the_body(shared_service: RunningService) -> None:
    response = shared_service.predict(
        [CUSTOMER, CUSTOMER | {"Annual Income (k$)": -1}, 5, CUSTOMER | {"Age": 0}]
    )

    problem = problem_of(response, 422, "invalid-customer")
    assert "(3 customers in all); nothing was assigned" in problem["detail"]
    assert problem["errors"] == [
        {
            "detail": "below 0",
            "customer": 1,
            "field": "Annual Income (k$)",
            "pointer": "#/1/Annual%20Income%20%28k%24%29",
        },
        {"detail": "a customer must be an object", "customer": 2, "pointer": "#/2"},
        {"detail": "below 1", "customer": 3, "field": "Age", "pointer": "#/3/Age"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"Annual Income (k$)": True},
        {"Age": [1]},
        {"customer_id": [1]},
        {"customer_id": True},
        {"customer_id": "x" * 257},
        {"gender": 1.5},
        {"Spending Score (1-100)": 39.5},
    ],
)
def test_a_batch_is_assigned_whole_or_not_at_all(
    shared_service: RunningService, change: dict[str, Any]
) -> None:
    """Values that Python takes for others seen before are no exception."""
    good = CUSTOMER | {"Annual Income (k$)": 1, "Age": 1, "customer_id": 1}

    response = shared_service.predict([good, good | change])

    problem = problem_of(response, 422, "invalid-customer")
    assert [error["customer"] for error in problem["errors"]] == [1]
    assert [error["field"] for error in problem["errors"]] == list(change)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (0, "below 1"),
        (121, "above 120"),
        (19.5, "not a whole number"),
        ("19", "not a number but a text"),
        (True, "not a number but true"),
        ([19], "not a number but a list"),
        ({}, "not a number but an object"),
        (10**400, "not finite"),
    ],
)
def test_says_what_is_wrong_with_a_value(
    shared_service: RunningService, value: object, detail: str
) -> None:
    problem = problem_of(
        shared_service.predict(CUSTOMER | {"Age": value}), 422, "invalid-customer"
    )
    assert [error["detail"] for error in problem["errors"]] == [detail]


@pytest.mark.parametrize("missing", [None, "?", " N/A ", "", "unknown"])
def test_imputes_what_a_file_would_have_missing(
    shared_service: RunningService, missing: str | None
) -> None:
    sent = {"Annual Income (k$)": missing, "Score": 39}

    answer = shared_service.predict(sent).json()

    assert answer["is_imputed"]
    assert answer["distance"] == pytest.approx(
        shared_service.predict({"Income": 61.5, "Score": 39}).json()["distance"]
    )


def test_a_customer_without_any_value_is_none(shared_service: RunningService) -> None:
    nothing = {"Annual Income (k$)": None, "Score": "?", "Gender": "n/a", "id": 1}
    problem = problem_of(
        shared_service.predict([CUSTOMER, nothing]), 422, "invalid-customer"
    )
    assert [error["pointer"] for error in problem["errors"]] == ["#/1"]
    assert problem["errors"][0]["detail"] == "no feature value"


def test_refuses_missing_values_where_a_build_rejects_them() -> None:
    reader = CustomerReader(
        reference_model(model_content() | {"missing_values": "reject"})
    )

    with pytest.raises(ProblemError, match="Score: missing"):
        reader.read({"Income": 1, "Score": None}, ["annual_income_kusd"])
    with pytest.raises(ProblemError, match="spending_score: absent"):
        reader.read({"Income": 1}, ["annual_income_kusd", "spending_score"])


@pytest.mark.parametrize(
    ("spelling", "level"),
    [
        ("F", "female"),
        (" mujer ", "female"),
        (0, "female"),
        ("MALE", "male"),
        (1, "male"),
    ]
    + [(missing, None) for missing in ("x", "?", "unknown", 7, None)],
)
def test_reads_categories_by_their_spellings(
    spelling: str | int | None, level: str | None
) -> None:
    customers = CustomerReader(reference_model()).read(
        {"Genre": spelling, "Income": 1}, ["annual_income_kusd"]
    )

    assert customers[0]["gender"] == level


def test_an_open_range_takes_every_number() -> None:
    content = model_content()
    income = content["columns"][2]
    income["minimum"] = income["maximum"] = None
    reader = CustomerReader(reference_model(content))

    read = reader.read([{"Income": -5}, {"Income": 1e9}], ["annual_income_kusd"])

    assert [each["annual_income_kusd"] for each in read] == [-5, 1e9]


def test_logarithms_are_taken_of_values_from_0() -> None:
    content = model_content()
    content["columns"][2]["minimum"] = None
    for segmentation in content["segmentations"]:
        for axis in segmentation["coordinates"]:
            if axis["feature"] == "annual_income_kusd":
                axis["transform"] = "log"
    reader = CustomerReader(reference_model(content))

    with pytest.raises(ProblemError, match="Income: below 0"):
        reader.read({"Income": -0.5}, ["annual_income_kusd"])


def test_of_two_fields_the_one_named_exactly_is_read(
    shared_service: RunningService,
) -> None:
    both = {"Annual Income (USD)": 150, "Annual Income (k$)": 15, "Score": 39}
    assert shared_service.predict(both).json()["segment_id"] == 4

    unclear = {"income (eur)": 15, "income (gbp)": 15, "Score": 39}
    refused = problem_of(
        shared_service.predict(unclear | {"x": 1}), 422, "invalid-customer"
    )
    assert "all name annual_income_kusd: leave one" in refused["detail"]


def test_a_misspelt_field_is_not_taken_for_an_absent_one(
    shared_service: RunningService,
) -> None:
    problem = problem_of(
        shared_service.predict({"Incom": 15, "Score": 39}), 422, "invalid-customer"
    )
    assert problem["detail"] == (
        "annual_income_kusd: absent; not recognised: 'Incom'; send it as "
        "'annual_income_kusd', 'Annual Income (k$)', or null to have it imputed; "
        "nothing was assigned"
    )
    assert shared_service.predict({"Score": 39}).json()["is_imputed"]
    problem_of(shared_service.predict({}), 422, "invalid-customer")


def test_shows_the_first_hundred_errors(shared_service: RunningService) -> None:
    response = shared_service.predict([{"Age": -1, "Income": -1, "Score": 1}] * 300)

    problem = problem_of(response, 422, "invalid-customer")
    assert len(problem["errors"]) == 100
    assert "(at least 100 customers in all)" in problem["detail"]


def test_unknown_fields_are_few_and_short(shared_service: RunningService) -> None:
    customers = [CUSTOMER | {f"extra {number}": 1} for number in range(61)]
    assert shared_service.predict(customers).status_code == 200

    many = shared_service.predict([*customers, {"extra 61": 1}])
    problem = problem_of(many, 422, "invalid-customer")
    assert "over 64 different fields; at most 64 are read" in problem["detail"]

    assert shared_service.predict(CUSTOMER | {"x" * 100: 1}).status_code == 200
    long = problem_of(
        shared_service.predict(CUSTOMER | {"x" * 101: 1}), 422, "invalid-customer"
    )
    assert "a name of 101 characters; at most 100" in long["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("segmentation=vip", "segmentation"),
        ("segmentation=", "segmentation"),
        ("segmentation=income_spending&segmentation=income_spending", "segmentation"),
        ("segmentatoin=income_spending", "segmentatoin"),
        ("segmentation=%ff%00", "segmentation"),
        ("a" * 3000, "a" * 100),
    ],
)
def test_names_the_query_that_is_wrong(
    shared_service: RunningService, query: str, field: str
) -> None:
    response = shared_service.client.post(f"/predict_cluster?{query}", json=CUSTOMER)

    problem = problem_of(response, 422, "invalid-query")
    assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b'"x"', b"5", b"null", b"true", b'"\\ud800"'])
def test_refuses_what_is_no_customer(
    shared_service: RunningService, body: bytes
) -> None:
    problem_of(shared_service.send(body), 422, "invalid-customer")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"Age": NaN}', "it holds NaN, which is not a number"),
        (b'{"Age": 1, "Age": 2}', "it names the key 'Age' twice"),
        (b'[{"Age": 1, "Age": 2}]', "it names the key 'Age' twice"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"a":' * 200_000, "it is nested too deeply"),
        (b"9" * 100_000, "it holds a number of too many digits"),
        (b'[{"Age": 1}, {"Age" 2}]', "Expecting ':' delimiter: char 20"),
        (b'[{"Age": 1} {"Age": 2}]', "Expecting ',' delimiter: char 11"),
        (b'[{"Age": 1}', "Expecting ',' delimiter: char 11"),
        (b"[1,]", "Expecting value: char 3"),
        (b'{"Age": 1} 5', "Extra data: char 10"),
        (b"[] ]", "Extra data: char 2"),
        (
            b'[{"Age": 1}, {"Age": "' + b"x" * 20_000 + b'"}]',
            "Unterminated string starting at: char 21, within the 16,384 characters",
        ),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"", "Expecting value: char 0"),
        (b"{'Age': 1}", "Expecting property name enclosed in double quotes: char 1"),
    ],
)
def test_refuses_what_is_not_strict_json(
    shared_service: RunningService, body: bytes, detail: str
) -> None:
    problem = problem_of(shared_service.send(body), 400, "invalid-json")
    assert problem["detail"].startswith(detail)


def test_half_a_character_in_a_name_is_no_trouble(
    shared_service: RunningService,
) -> None:
    named = shared_service.send(
        b'[{"Income": 1, "Score": 1, "\\ud800": 1}, {"\\ud800": 1}]'
    )
    problem_of(named, 422, "invalid-customer")

    refused = shared_service.send(b'{"Income": 1, "Score": 1, "id": "\\ud800"}')
    problem = problem_of(refused, 422, "invalid-customer")
    said = "not a text but half a character or NUL"
    assert problem["errors"][0]["detail"] == said

    for text in (b"\\ud800", b"Male\\udfff", b"f\\u0000"):
        refused = shared_service.send(
            b'{"Income": 1, "Score": 1, "Gender": "' + text + b'"}'
        )
        problem = problem_of(refused, 422, "invalid-customer")
        assert problem["errors"][0] == {
            "detail": said,
            "field": "Gender",
            "pointer": "#/Gender",
        }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/jsonx"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_refuses_other_types(
    shared_service: RunningService, headers: dict[str, str]
) -> None:
    response = shared_service.send(json.dumps(CUSTOMER).encode(), headers=headers)

    kind = "encoding" if "content-encoding" in headers else "type"
    problem_of(response, 415, f"unsupported-{kind}")


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'APPLICATION/JSON ;charset="UTF-8"'],
)
def test_takes_json_in_utf_8_however_it_is_called(
    shared_service: RunningService, content_type: str
) -> None:
    response = shared_service.send(
        json.dumps(CUSTOMER).encode(), headers={"content-type": content_type}
    )

    assert response.status_code == 200


def test_paths_and_methods_that_are_not_there_are_problems_too(
    shared_service: RunningService,
) -> None:
    client = shared_service.client
    problem_of(client.get("/nowhere"), 404, "unknown-path")
    refused = client.get("/predict_cluster")
    problem_of(refused, 405, "unknown-method")
    assert refused.headers["allow"] == "POST"


def test_tells_about_segments_and_model(shared_service: RunningService) -> None:
    content = model_content()
    segments = shared_service.client.get("/segments").json()
    model = shared_service.client.get("/model").json()

    assert segments["build_id"] == model["build_id"] == FIRST_BUILD
    first = segments["segmentations"][0]
    assert first["name"] == "income_spending"
    assert [each["n_customers"] for each in first["segments"]] == [81, 39, 35, 23, 22]
    assert first["segments"][0]["centroid"] == pytest.approx(
        content["segmentations"][0]["segments"][0]["centroid"]
    )
    assert [each["median"] for each in model["features"]] == [None, 36, 61.5, 50]
    assert model["segmentations"][0]["n_segments"] == 5
    assert model["segmentations"][0]["features"][0]["name"] == "annual_income_kusd"
    assert model["segmentations"][0]["features"][0]["center"] == 60.56
    assert model["sha256"]


def test_is_alive_and_ready(shared_service: RunningService) -> None:
    assert shared_service.client.get("/health").json() == {"status": "alive"}
    assert shared_service.ready() == {
        "status": "ready",
        "build_id": FIRST_BUILD,
        "problem": None,
    }


def test_counts_what_it_does(service: RunningService) -> None:
    service.predict(CUSTOMER)
    service.predict([CUSTOMER] * 3)
    service.predict({})
    service.client.get("/nowhere")

    lines = service.client.get("/metrics").text.splitlines()

    answered = "mall_segments_requests_total"
    assert f'{answered}{{route="/predict_cluster",status="200"}} 2.0' in lines
    assert f'{answered}{{route="/predict_cluster",status="422"}} 1.0' in lines
    assert f'{answered}{{route="unknown",status="404"}} 1.0' in lines
    labels = 'segment_id="4",segmentation="income_spending"'
    assert f"mall_segments_customers_total{{{labels}}} 4.0" in lines
    assert "mall_segments_model_is_current 1.0" in lines


def test_a_failure_of_its_own_is_a_problem_too(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("mall_segments.service.app.predict", fail)
        problem = problem_of(service.predict(CUSTOMER), 500, "failure")

    assert problem["detail"] == "the service's log says how"
    assert service.predict(CUSTOMER).status_code == 200
    answered = 'mall_segments_requests_total{route="/predict_cluster",status="500"} 1.0'
    assert answered in service.client.get("/metrics").text


def test_documents_itself_offline(shared_service: RunningService) -> None:
    document = shared_service.client.get("/openapi.json").json()
    customer = document["components"]["schemas"]["Customer"]["properties"]
    operation = document["paths"]["/predict_cluster"]["post"]
    assert {"gender", "Age", "annual_income_kusd", "Spending Score (1-100)"} <= set(
        customer
    )
    assert operation["parameters"][0]["schema"]["enum"] == [
        "income_spending",
        "age_income_spending",
    ]
    media_types = operation["requestBody"]["content"]["application/json"]
    for example in media_types["examples"].values():
        assert shared_service.predict(example["value"]).status_code == 200

    page = shared_service.client.get("/docs")
    assert page.status_code == 200
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert files
    for file in files:
        assert file.startswith("/")
        assert shared_service.client.get(file).status_code == 200


def test_answers_as_its_document_says(shared_service: RunningService) -> None:
    schemas = shared_service.client.get("/openapi.json").json()["components"]
    for path, name in (
        ("/segments", "Segments"),
        ("/model", "ModelDescription"),
        ("/ready", "Readiness"),
    ):
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        validate(shared_service.client.get(path).json(), schema)
    for sent, name in ((CUSTOMER, "Assignment"), ({"Age": -1}, "Problem")):
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        validate(shared_service.predict(sent).json(), schema)
