import csv
from pathlib import Path

from mall_segments.orders.example import HEADER, make_orders

SEEDS = Path(__file__).parents[3] / "seeds"


def test_the_seed_is_what_the_generator_writes():
    with (SEEDS / "Mall_Customers.csv").open(encoding="utf-8", newline="") as file:
        customers = list(csv.DictReader(file))
    with (SEEDS / "orders.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)

    assert tuple(header) == HEADER
    assert [tuple(line) for line in lines] == make_orders(customers)
    assert 2000 <= len(lines) <= 4000
    assert (SEEDS / "orders.csv").stat().st_size < 200_000
