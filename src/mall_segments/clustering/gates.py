"""Gates: what must hold before anything is fitted, each a refusal by name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from mall_segments.errors import InputError
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mall_segments.settings import Segmentation, Settings

_ENOUGH_VALUES: Final = 2
_MOST_REASONS: Final = 3

Counts = dict[tuple[str, str], int]


def admit_customers(counts: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Refuse customers that no trustworthy segments could come from.

    ``counts`` are rows of ``fct_input_counts``, which ``dbt build --empty`` leaves
    empty: it tries the models without customers, and nothing is refused.

    Raises
    ------
    InputError
        If there are no orders or none of the customers, no rows, no accepted customers,
        too large a share of rejected rows, a feature with one value only, or fewer
        customers or distinct points than segments. Rejections are said by their most
        frequent reasons, with a row.
    """
    if counts.empty:
        return
    read = read_settings(settings)
    found = {
        (str(row["measure"]), str(row["subject"])): int(row["n"])
        for row in counts.to_dict("records")
    }
    if ("order lines", "") in found:
        _refuse_no_orders(found, read)
    _refuse_rejections(found, read.max_rejected_share)
    for segmentation in read.segmentations:
        _refuse_constant_features(segmentation, found)
        _refuse_few_points(segmentation, found)


def _refuse_rejections(counts: Counts, allowed: float) -> None:
    """Refuse files without customers, and those of which too much is rejected."""
    n_rows = counts["input rows", ""]
    n_rejected = counts["rejected rows", ""]
    n_fillers = counts.get(("rows without a customer", ""), 0)
    if n_rows == 0:
        raise InputError("The customer file has a header but no rows.")
    if counts["accepted customers", ""] == 0:
        raise InputError(
            f"All {n_rows:,} rows of the customer file are rejected: "
            f"{_reasons(counts)}."
        )
    for rejected, rows, what in (
        (n_rejected - n_fillers, n_rows - n_fillers, "customers are rejected"),
        (n_fillers, n_rows, "rows hold no customer"),
    ):
        share = rejected / max(rows, 1)
        if share > allowed:
            raise InputError(
                f"{rejected:,} of {rows:,} {what}, a share of {share:.4f}; "
                f"`max_rejected_share` allows {allowed:g}. "
                f"Rejected: {_reasons(counts)}."
            )


def _refuse_no_orders(counts: Counts, settings: Settings) -> None:
    """Refuse orders without a purchase, and those of none of the customers."""
    n_customers = counts["customers with orders", ""]
    if n_customers == 0:
        rejected = [
            f"{n:,} for {reason!r}"
            for (measure, reason), n in counts.items()
            if measure == "order lines rejected because"
        ]
        reasons = f" ({', '.join(sorted(rejected))})" if rejected else ""
        raise InputError(
            "No customer has enough orders: of "
            f"{_count(counts['order lines', ''], 'order line')} "
            f"{counts['rejected order lines', '']:,} are rejected{reasons}, and "
            f"{_count(counts['returns', ''], 'order')} came back or were cancelled. "
            "`orders.cancellation_prefix` is "
            f"{settings.orders.cancellation_prefix!r} and `orders.minimum_orders` "
            f"{settings.orders.minimum_orders}."
        )
    of_orders = [each.name for each in settings.features if each.source == "orders"]
    if of_orders and not any(
        counts.get(("distinct values", name), 0) for name in of_orders
    ):
        raise InputError(
            f"None of the {_count(n_customers, 'customer')} with orders is among the "
            f"{_count(counts['accepted customers', ''], 'accepted customer')}: their "
            "ids are written in two ways, or the files are of two shops."
        )


def _reasons(counts: Counts) -> str:
    """List the most frequent reasons with their numbers and a row to look at."""
    n_rows: Counter[str] = Counter()
    first_row: dict[str, int] = {}
    for (measure, reasons), n in counts.items():
        if measure == "rejected because":
            row = counts["first row rejected because", reasons]
            for reason in reasons.split("; "):
                n_rows[reason] += n
                first_row[reason] = min(row, first_row.get(reason, row))
    ranked = sorted(n_rows, key=lambda reason: (-n_rows[reason], reason))
    shown = [
        f"{n_rows[reason]:,} for {reason!r} (row {first_row[reason]:,} is the first)"
        for reason in ranked[:_MOST_REASONS]
    ]
    more = len(ranked) - len(shown)
    return "; ".join(shown) + (f"; and {more} more reasons" if more > 0 else "")


def _refuse_few_points(segmentation: Segmentation, counts: Counts) -> None:
    key = "min_segments" if segmentation.n_segments == "auto" else "n_segments"
    n_customers = counts["complete customers", segmentation.name]
    n_points = counts.get(("distinct points", segmentation.name), 0)
    n_wanted = segmentation.least_segments
    if n_points >= n_wanted:
        return
    features = " and ".join(segmentation.features)
    if n_customers < n_wanted:
        what = f"{_count(n_customers, 'customer')} with a value of {features}"
    else:
        what = (
            f"{_count(n_points, 'distinct point')} of {features} "
            f"({_count(n_customers, 'customer')})"
        )
    allowed = f"at most {n_points:,} is possible"
    if n_points < _ENOUGH_VALUES:
        allowed = f"{_ENOUGH_VALUES} distinct points are the least that can be divided"
    raise InputError(
        f"The customer file has {what}; `segmentations[{segmentation.name}].{key}` is "
        f"{n_wanted}, and {allowed}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _refuse_constant_features(segmentation: Segmentation, counts: Counts) -> None:
    if not counts["complete customers", segmentation.name]:
        return
    constant = [
        name
        for name in segmentation.features
        if counts.get(("distinct values", name), 0) < _ENOUGH_VALUES
    ]
    if constant:
        raise InputError(
            f"Every customer has the same value of {' and '.join(constant)}, which "
            f"`segmentations[{segmentation.name}].features` clusters on: leave it out, "
            "or check the column."
        )
