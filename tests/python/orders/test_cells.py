import csv
from itertools import product
from pathlib import Path

import pytest

from mall_segments.errors import SettingsError
from mall_segments.orders.cells import check_cells_file, name_cells

SEED = Path(__file__).parents[3] / "seeds" / "rfm_segments.csv"


def rules():
    with SEED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_of_the_125_combinations_is_in_one_of_eleven_segments():
    cells = name_cells(rules())

    assert set(cells) == set(product(range(1, 6), repeat=3))
    assert len(set(cells.values())) == 11


@pytest.mark.parametrize(
    ("scores", "segment"),
    [
        ((5, 5, 5), "Champions"),
        ((5, 1, 3), "New customers"),
        ((1, 5, 5), "Can't lose them"),
        ((2, 4, 1), "At risk"),
        ((1, 1, 1), "Lost"),
    ],
)
def test_cells_mean_what_they_are_called(scores, segment):
    assert name_cells(rules())[scores] == segment


def test_names_gaps_and_overlaps():
    changed = rules()
    changed[0]["f_from"] = "3"
    changed.pop()

    with pytest.raises(SettingsError) as refused:
        name_cells(changed)

    said = str(refused.value)
    assert "r=1 f=1 m=1 is in no segment" in said
    assert "and 5 more" in said
    changed[1:] = [rule for rule in rules() if rule["rfm_segment"] != "Champions"]
    with pytest.raises(
        SettingsError,
        match=r"r=5 f=3 m=1 is in 'Champions' and in 'Potential loyalists'",
    ):
        name_cells(changed)


@pytest.mark.parametrize("ends", [("3", "2"), ("0", "2"), ("4", "6"), ("one", "2")])
def test_names_a_range_that_is_none(ends):
    changed = rules()
    changed[3]["m_from"], changed[3]["m_to"] = ends

    with pytest.raises(SettingsError, match=r"'New customers' has the m scores"):
        name_cells(changed)


def test_checks_a_file_before_a_build(tmp_path):
    changed = tmp_path / "rfm_segments.csv"
    changed.write_text(SEED.read_text().replace("Lost,1,1,1,2", "Lost,1,1,1,1"))
    bare = tmp_path / "bare.csv"
    bare.write_text("rfm_segment,r_from,r_to\nAll,1,5\n")

    check_cells_file(SEED)
    with pytest.raises(SettingsError, match=r"r=1 f=2 m=1 is in no segment"):
        check_cells_file(changed)
    with pytest.raises(SettingsError, match=r"bare\.csv has no column f_from, f_to"):
        check_cells_file(bare)
