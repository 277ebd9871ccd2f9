import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from mall_segments.errors import ModelError
from mall_segments.model_file import MODEL_FORMAT, load_model, write_model
from mall_segments.publishing.sealed_json import canonical_sha256

CONTENT: dict[str, Any] = {
    "format": MODEL_FORMAT,
    "build_id": "20261121T105500.123456Z-0f8e12ab",
    "created_at": "2026-11-21T10:55:00.123456+00:00",
    "features": [
        {
            "name": "annual_income_kusd",
            "label": "income",
            "aliases": ["Annual Income (k$)"],
            "minimum": 0,
            "maximum": None,
            "resolution": 1,
            "is_whole": False,
            "median": 61.5,
        },
        {
            "name": "spending_score",
            "label": "spending",
            "aliases": [],
            "minimum": 1,
            "maximum": 100,
            "resolution": 1,
            "is_whole": True,
            "median": 50,
        },
    ],
    "customer_id": {"aliases": ["CustomerID"]},
    "gender": {"aliases": ["Gender"], "female": ["f"], "male": ["m"]},
    "missing_values": "impute",
    "segmentations": [
        {
            "name": "income_spending",
            "scaler": "standard",
            "random_seed": 42,
            "n_segments": 2,
            "features": [
                {"name": "annual_income_kusd", "center": 60.56, "scale": 26.2},
                {"name": "spending_score", "center": 50.2, "scale": 25.76},
            ],
            "segments": [
                {
                    "segment_id": 2,
                    "segment_name": "Zoë's <segment>",
                    "persona": "target",
                    "recommended_action": "invite",
                    "n_customers": 39,
                    "customer_share": 0.195,
                    "mean_silhouette": None,
                    "inertia_share": 1,
                    "outlier_distance": 0.1,
                    "centroid": {"annual_income_kusd": 86.54, "spending_score": 82.13},
                    "scaled_centroid": {"annual_income_kusd": 1, "spending_score": 1.2},
                },
                {
                    "segment_id": 3,
                    "segment_name": "the others",
                    "persona": "careful",
                    "recommended_action": "save",
                    "n_customers": 161,
                    "customer_share": 0.805,
                    "mean_silhouette": 0.5,
                    "inertia_share": 0,
                    "outlier_distance": 0,
                    "centroid": {"annual_income_kusd": 54.0, "spending_score": 42.0},
                    "scaled_centroid": {
                        "annual_income_kusd": -0.25,
                        "spending_score": -0.3,
                    },
                },
            ],
            "retired_segment_ids": [1, 7],
        }
    ],
}


def sealed(content: dict[str, Any]) -> str:
    return json.dumps({**content, "sha256": canonical_sha256(content)})


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the content with one value replaced, or removed where it is `...`."""
    content = copy.deepcopy(CONTENT)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    target: Any = content
    for key in parents:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return content


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.json"

    model = write_model(path, CONTENT)

    assert load_model(path) == model
    assert model.build_id == CONTENT["build_id"]
    assert model.customer_id_aliases == ("CustomerID",)
    assert [feature.name for feature in model.features] == [
        "annual_income_kusd",
        "spending_score",
    ]
    segmentation = model.segmentations[0]
    assert segmentation.retired_segment_ids == (1, 7)
    assert [feature.scale for feature in segmentation.features] == [26.2, 25.76]
    assert segmentation.segments[0].segment_name == "Zoë's <segment>"
    assert segmentation.segments[0].centroid == {
        "annual_income_kusd": 86.54,
        "spending_score": 82.13,
    }


def test_keeps_every_digit_of_a_number(tmp_path: Path) -> None:
    center = math.nextafter(1 / 3, 1)
    content = changed("segmentations/0/features/0/center", center)

    model = write_model(tmp_path / "model.json", content)

    assert model.segmentations[0].features[0].center == center


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("format", 2, "has the format 2; this version reads 1"),
        ("build_id", "", "build_id is ''"),
        ("build_id", ..., "the model has no build_id"),
        ("missing_values", "drop", "one of impute, reject"),
        ("features", [], "features is []"),
        ("features/0/name", "spending_score", "the feature names"),
        ("features/0/median", None, "features[0].median is None"),
        ("features/0/median", "61.5", "features[0].median is '61.5'"),
        ("features/0/median", True, "features[0].median is True"),
        ("features/0/median", 10**400, "a finite number"),
        ("features/0/resolution", 0, "above 0"),
        ("features/0/is_whole", 1, "features[0].is_whole is 1"),
        ("features/1/minimum", 100, "below 100"),
        ("features/0/aliases", [1], "a list of texts"),
        ("features/0/colour", "red", "unknown key 'colour'"),
        ("customer_id/aliases", "CustomerID", "a list of texts"),
        ("gender/female", ..., "gender has no female"),
        ("segmentations/0/scaler", "log", "one of standard, minmax"),
        ("segmentations/0/random_seed", -1, "a whole number from 0"),
        ("segmentations/0/n_segments", 3, "segmentations[0].n_segments is 3"),
        ("segmentations/0/n_segments", 1, "a whole number from 2"),
        ("segmentations/0/features/0/scale", 0, "above 0"),
        ("segmentations/0/features/0/name", "age", "one of annual_income_kusd"),
        ("segmentations/0/features/1/name", "annual_income_kusd", "distinct"),
        ("segmentations/0/segments", {}, "a list that is not empty"),
        ("segmentations/0/segments/0", [], "an object"),
        ("segmentations/0/segments/0/segment_id", 0, "a whole number from 1"),
        ("segmentations/0/segments/0/segment_id", 1.0, "a whole number from 1"),
        ("segmentations/0/segments/0/customer_share", 1.5, "from 0 to 1"),
        ("segmentations/0/segments/0/outlier_distance", -0.1, "from 0"),
        ("segmentations/0/segments/0/mean_silhouette", -2, "from -1 to 1"),
        ("segmentations/0/segments/0/centroid/spending_score", ..., "has no spending"),
        ("segmentations/0/segments/0/centroid/age", 1, "unknown key 'age'"),
        ("segmentations/0/retired_segment_ids", [2], "no longer segment ids"),
    ],
)
def test_refuses_a_model_that_makes_no_sense(
    tmp_path: Path, path: str, value: Any, complaint: str
) -> None:
    file = tmp_path / "model.json"
    file.write_text(sealed(changed(path, value)), encoding="utf-8")

    with pytest.raises(ModelError) as caught:
        load_model(file)

    assert str(file) in str(caught.value)
    assert complaint in str(caught.value)


def test_refuses_a_number_changed_after_writing(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_model(path, CONTENT)
    path.write_text(path.read_text(encoding="utf-8").replace("86.54", "68.54"))

    with pytest.raises(ModelError, match="was changed after it was written"):
        load_model(path)


def test_refuses_a_file_cut_short_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_model(path, CONTENT)
    data = path.read_bytes().rstrip()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"model\.json"):
            load_model(path)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8 text"),
        (b"[]", "holds a list, not a JSON object"),
        (b"{}", "has no sha256"),
        (b'{"format": 1, "format": 1}', "names the key 'format' twice"),
        (b'{"median": NaN}', "holds NaN"),
        (b'{"median": -Infinity}', "holds -Infinity"),
        (b'{"median": 1e999, "sha256": ""}', "a number that is not finite"),
        (b'{"name": "\\ud800", "sha256": ""}', "text that is not Unicode"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"9" * 10_000, "is not valid JSON"),
    ],
)
def test_refuses_what_is_not_a_sealed_file(
    tmp_path: Path, data: bytes, complaint: str
) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(data)

    with pytest.raises(ModelError) as caught:
        load_model(path)

    assert complaint in str(caught.value)


def test_refuses_a_path_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        load_model(tmp_path / "model.json")


def test_never_writes_a_number_that_json_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(ModelError, match="cannot be written"):
        write_model(path, changed("features/0/median", math.nan))
    assert not path.exists()
