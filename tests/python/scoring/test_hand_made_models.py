"""A model that no build wrote is refused when it is loaded, and everywhere alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from example_model import mixed_model

from mall_segments.cli import main
from mall_segments.errors import ModelError
from mall_segments.model import load_model, parse_model
from mall_segments.publishing.generations import MODEL
from mall_segments.publishing.sealed_json import write_sealed
from mall_segments.publishing.switching import new_generation, seal_generation

if TYPE_CHECKING:
    from pathlib import Path

AXIS = ("segmentations", 0, "coordinates")
SEGMENT = ("segmentations", 0, "segments", 0)


def changed(place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the content of a model with one value changed."""
    content = mixed_model().model_dump(mode="json", exclude={"sha256"})
    part: Any = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return content


CHANGES: list[tuple[tuple[str | int, ...], object, str]] = [
    (("columns", 2, "levels"), {}, "columns.2.levels is {}; it must have at least 1"),
    (("columns", 2, "levels"), {" ": ["b"]}, "it must be text that is not empty"),
    (
        ("columns", 2, "levels"),
        {"basic": ["b"], "plus": ["B "]},
        "columns.2.levels gives 'B ' to 'basic' and 'plus'",
    ),
    (("columns", 0, "levels"), {"a": []}, "columns.0.levels is {'a': []}; it must be"),
    (("columns", 2, "imputed"), 1.0, "columns.2.imputed is 1; it must be null"),
    (("columns", 0, "minimum"), -1.0, "columns.0.minimum is -1; it must be at least 0"),
    (("columns", 0, "imputed"), -1.0, "columns.0.imputed is -1; it must be at least 0"),
    (("columns", 0, "imputed"), 1e300, "it must be at most 1e+100"),
    (("columns", 0, "aliases"), ["?"], "it must have a letter or a digit"),
    (
        ("columns", 0, "aliases"),
        ["Plan"],
        "aliases give 'plan' to total_spend and",
    ),
    (("columns", 0, "unit"), "\ud800", "halves of characters"),
    ((*AXIS, 0, "low"), None, "coordinates.0.low is null and"),
    ((*AXIS, 0, "high"), None, "coordinates.0.high is null and"),
    ((*AXIS, 0, "low"), 1e5, "coordinates.0.low is 100000; it must not be above high"),
    ((*AXIS, 0, "power"), 1.0, "coordinates.0.power is 1; it must be null for log"),
    ((*AXIS, 1, "power"), None, "coordinates.1.power is null; it must be a number"),
    ((*AXIS, 1, "power"), 1e9, "coordinates.1.power is 1000000000.0; it must be at"),
    ((*AXIS, 1, "scale"), 5e-324, "it must be at least 1e-30"),
    ((*AXIS, 2, "transform"), "log", "coordinates.2.transform is log; a category"),
    ((*AXIS, 2, "low"), 0.0, "coordinates.2.low is 0; it must be null for a category"),
    ((*AXIS, 2, "center"), 7.0, "coordinates.2.center is 7; it must be a share"),
    ((*AXIS, 2, "level"), None, "coordinates.2.level is null; it must be a level"),
    ((*AXIS, 2, "level"), "plus", "coordinates.3.level is 'plus' once more"),
    ((*AXIS, 2, "feature"), "balance", "it must be null for a number"),
    ((*SEGMENT, "segment_id"), 2**31, "it must be at most 2147483647"),
    ((*SEGMENT, "segment_id"), 2**70, "it must be at most 2147483647"),
    ((*SEGMENT, "n_customers"), 2**63, "it must be at most 9007199254740992"),
    (
        (*SEGMENT, "centroid", "plan"),
        1.0,
        "segments.0.centroid.plan is 1.0; it must be a text",
    ),
    (("segmentations", 0, "segments"), [], "it must have at least 2"),
]


@pytest.mark.parametrize(("place", "value", "said"), CHANGES)
def test_what_no_build_writes_is_refused_by_its_key(
    place: tuple[str | int, ...], value: object, said: str
) -> None:
    with pytest.raises(ModelError) as refusal:
        parse_model(changed(place, value), source="model.json")

    assert str(refusal.value).startswith("model.json is not a valid model: ")
    assert said in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_coordinates_of_a_feature_lie_together() -> None:
    content = changed((*AXIS, 0, "weight"), 1.0)
    axes = content["segmentations"][0]["coordinates"]
    axes.insert(0, axes.pop(2))

    with pytest.raises(ModelError, match="total_spend, balance, plan, one after"):
        parse_model(content, source="model.json")


@pytest.mark.parametrize(("place", "value"), [each[:2] for each in CHANGES[::12]])
def test_every_reader_refuses_it_in_the_same_sentence(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    content = changed(place, value)
    with new_generation(tmp_path, content["build_id"], keep_generations=1) as draft:
        write_sealed(draft.folder / MODEL, content)
        seal_generation(draft, {"tables": {}, "versions": {"duckdb": "none"}})
    path = tmp_path / "published" / "generations" / content["build_id"] / MODEL
    with pytest.raises(ModelError) as refusal:
        load_model(path)
    customers = tmp_path / "customers.csv"
    customers.write_text("CustomerID,Spend,Balance,Plan\n1,10,5,basic\n")

    for command in (["score", str(customers)], ["serve", "--port", "0"], ["export"]):
        result = CliRunner().invoke(main, ["--home", str(tmp_path), *command])
        assert result.exit_code == 1
        assert result.stderr == f"Error: {refusal.value}\n"
