import json

import pytest
from test_segments import model_of

from mall_segments.errors import ModelError
from mall_segments.model import load_model, parse_model, write_model
from mall_segments.publishing.sealed_json import write_sealed


@pytest.fixture(scope="module")
def model(shipped, shipped_settings):
    return model_of(shipped, shipped_settings)


@pytest.fixture
def content(model):
    return json.loads(model.model_dump_json(exclude={"sha256"}))


def test_a_model_reads_back_as_it_was_written(model, tmp_path):
    written = write_model(tmp_path / "model.json", model)
    assert written.sha256
    assert load_model(tmp_path / "model.json") == written
    assert written.model_copy(update={"sha256": ""}) == model


def test_refuses_a_model_that_was_changed(model, tmp_path):
    path = tmp_path / "model.json"
    write_model(path, model)
    path.write_text(path.read_text().replace("Careful savers", "Careless savers"))
    with pytest.raises(ModelError, match="was changed after it was written"):
        load_model(path)


@pytest.mark.parametrize("found", [1, 3, "2", None])
def test_refuses_other_formats_by_name(content, tmp_path, found):
    path = tmp_path / "model.json"
    write_sealed(path, content | {"format": found})
    with pytest.raises(ModelError, match=f"has the format {found!r}"):
        load_model(path)


def test_names_the_segmentations_there_are(model):
    assert model.segmentation().name == "income_spending"
    with pytest.raises(ModelError, match="it has income_spending, age_income_spending"):
        model.segmentation("rfm")


def change(content, path, value):
    *parents, last = path
    for part in parents:
        content = content[part]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["build_id"], "", "build_id"),
        (["columns", 1, "name"], "x; drop table", "columns.1.name"),
        (["columns", 1, "name"], "select", "SQL keeps this word for itself"),
        (["columns", 1, "name"], "customer_id", "a column of their own"),
        (["columns", 1, "minimum"], "1", "columns.1.minimum"),
        (["columns", 1, "surplus"], 1, "columns.1.surplus is 1; there is no such key"),
        (["columns", 1, "minimum"], 200.0, "columns.1.minimum is 200; it must not be"),
        (
            ["columns", 2, "imputed"],
            None,
            "columns.2.imputed is null; it must be",
        ),
        (["segmentations", 0, "variance"], -1.0, "variance"),
        (
            ["segmentations", 0, "coordinates", 0, "level"],
            "x",
            "coordinates.0.level is 'x'; it must be null",
        ),
        (["segmentations", 0, "verdict"], "perhaps", "verdict"),
        (["segmentations", 0, "coordinates", 0, "scale"], 0.0, "scale"),
        (["segmentations", 0, "coordinates", 0, "feature"], "gender", "every feature"),
        (
            ["segmentations", 0, "segments", 0, "segment_id"],
            2,
            "[2, 2, 3, 4, 5]; they",
        ),
        (["segmentations", 0, "segments", 0, "coordinates"], [0.1], "must have 2"),
        (["segmentations", 0, "segments", 0, "centroid"], {}, "of every feature"),
        (["segmentations", 0, "segments", 0, "share"], 0.0, "share"),
        (
            ["segmentations", 0, "retired_segments"],
            [{"segment_id": 1, "coordinates": [0.0, 0.0]}],
            "the ids [1]; they must be distinct",
        ),
    ],
)
def test_refuses_what_is_not_a_model(content, path, value, said):
    change(content, path, value)
    with pytest.raises(ModelError) as refusal:
        parse_model(content, source="model.json")
    assert said in str(refusal.value)
