"""Make ``seeds/orders.csv``: purchases that the customers of the seed might have made.

They are invented, by the rules below, so that a build without a file of one's own shows
what orders are good for. ``python -m mall_segments.orders.example`` writes them again,
the same to the byte: a generator of fixed seed is asked for nothing but fractions.

- Who has a high spending score orders every three weeks or so, who has an average one
  every two months, and who has a low one ordered a few times and then no more. Between
  the first two are a few who came in the last weeks; who has the lowest never ordered.
- A line costs more for a higher income. One line in thirty comes back in part.
- A dozen lines are faulty, in each of the ways that are told apart.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HEADER: Final = ("order_id", "customer_id", "ordered_at", "quantity", "unit_price")
_FIRST_DAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - the shop's own clock
_RANDOM_SEED: Final = 2024
_DAYS: Final = 545
_OPENS, _OPEN_MINUTES = 9, 660
_FIRST_ORDER: Final = 10_001
_SHARE_RETURNED: Final = 1 / 30
_PRICES: Final = (4.5, 7.9, 12.95, 19.9, 29.0, 44.5, 79.0)
_FAULTY: Final = (
    ("", "2024-05-06 12:10:00", "1", "19.90"),
    ("", "2024-08-17 16:45:00", "2", "7.90"),
    ("unknown", "2025-01-11 10:05:00", "1", "44.50"),
    ("", "2025-03-29 17:20:00", "1", "12.95"),
    ("17", "", "1", "29.00"),
    ("58", "2024-02-30 11:00:00", "2", "12.95"),
    ("91", "soon", "1", "7.90"),
    ("123", "2099-01-01 00:00:00", "1", "29.00"),
    ("140", "2024-11-02 15:30:00", "two", "19.90"),
    ("166", "2024-12-23 18:00:00", "", "4.50"),
    ("180", "2025-02-14 13:15:00", "1", "n/a"),
    ("199", "2025-04-01 09:40:00", "3", "free"),
)


@dataclass(frozen=True)
class _Kind:
    """How customers of a spending score and above order, in days of the file."""

    least_score: float
    first_days: tuple[float, float]
    last_days: tuple[float, float]
    days_between: float


# In the order of their scores; below the last of them, nothing was ever ordered.
_KINDS: Final = (
    _Kind(65, (0, 60), (_DAYS - 12, _DAYS), 22),
    _Kind(56, (_DAYS - 55, _DAYS - 8), (_DAYS - 4, _DAYS), 25),
    _Kind(35, (0, 120), (_DAYS - 45, _DAYS), 60),
    _Kind(6, (0, 60), (110, 240), 65),
)


def make_orders(customers: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Return the cells of the orders file, by :data:`HEADER`, in the order of time."""
    draw = random.Random(_RANDOM_SEED)  # noqa: S311 - no secret
    lines: list[tuple[datetime, int, float, str, int]] = []
    for customer in customers:
        income = float(customer["Annual Income (k$)"])
        score = float(customer["Spending Score (1-100)"])
        for moment in _visits(draw, score):
            for _ in range(1 + int(draw.random() * 2.2)):
                price = _PRICES[int(draw.random() ** (90 / (income + 30)) * 7)]
                quantity = 1 + int(-math.log(1 - draw.random()) * 0.9)
                lines.append(
                    (moment, quantity, price, customer["CustomerID"], len(lines))
                )
    lines.sort()
    return sorted(_written(draw, lines), key=lambda line: (line[2][:10], line[0]))


def _visits(draw: random.Random, score: float) -> Iterator[datetime]:
    """Yield when one customer orders."""
    kind = next((kind for kind in _KINDS if score >= kind.least_score), None)
    if kind is None:
        return
    day = draw.uniform(*kind.first_days)
    last_day = draw.uniform(*kind.last_days)
    while day < last_day:
        minute = _OPENS * 60 + int(draw.random() * _OPEN_MINUTES)
        yield _FIRST_DAY + timedelta(days=int(day), minutes=minute)
        # About as regular as habits are.
        day += kind.days_between * draw.uniform(0.6, 1.4)


def _written(
    draw: random.Random, lines: Iterable[tuple[datetime, int, float, str, int]]
) -> Iterator[tuple[str, ...]]:
    """Yield lines as the file has them, what comes back, and those that are faulty."""
    numbers: dict[tuple[datetime, str], int] = {}
    for moment, quantity, price, customer, _ in lines:
        number = numbers.setdefault((moment, customer), _FIRST_ORDER + len(numbers))
        yield (str(number), customer, str(moment), str(quantity), f"{price:.2f}")
        if draw.random() < _SHARE_RETURNED:
            later = moment + timedelta(days=2 + int(draw.random() * 20))
            if later < _FIRST_DAY + timedelta(days=_DAYS):
                returned = -(1 + int(draw.random() * quantity))
                yield (
                    f"C{number}",
                    customer,
                    str(later),
                    str(returned),
                    f"{price:.2f}",
                )
    for place, faulty in enumerate(_FAULTY):
        yield (str(_FIRST_ORDER + len(numbers) + place), *faulty)


def main(arguments: Sequence[str]) -> None:
    """Write the file that the first argument names, from the seed of the second."""
    target, source = map(Path, arguments)
    with source.open(encoding="utf-8", newline="") as file:
        customers = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(make_orders(customers))


if __name__ == "__main__":
    main(sys.argv[1:] or ("seeds/orders.csv", "seeds/Mall_Customers.csv"))
