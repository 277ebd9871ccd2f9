"""Files that people published are read as agreed.

They stand beside the project, not in it; where they do not, nothing is tested here.
"""

from __future__ import annotations

import csv

import duckdb
import pytest
import yaml
from shared_project import PROJECT, SHARED

from mall_segments.errors import InputError
from mall_segments.intake.opening import open_customers
from mall_segments.settings import parse_settings

VARIANTS = SHARED / "variants"
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
SETTINGS = parse_settings(VARS).of_customer_files()

pytestmark = pytest.mark.skipif(
    not VARIANTS.exists(), reason="the published files stand beside the project"
)


def variants() -> list[dict[str, str]]:
    index = VARIANTS / "INDEX.tsv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter="\t"))


@pytest.mark.parametrize("variant", variants(), ids=lambda variant: variant["file"])
def test_a_published_file_is_read_or_refused_as_agreed(
    variant: dict[str, str],
) -> None:
    path = VARIANTS / variant["file"]

    with duckdb.connect() as connection:
        # The two that may be either are read: comments are skipped, extra columns left.
        if variant["expected_outcome"].startswith("reject file"):
            with pytest.raises(InputError, match=variant["file"]):
                open_customers(connection, path, SETTINGS)
            return
        customers = open_customers(connection, path, SETTINGS)
    counted = duckdb.execute(f"select count(*) from {customers.relation}").fetchall()
    assert counted == [(int(variant["rows"]),)]
