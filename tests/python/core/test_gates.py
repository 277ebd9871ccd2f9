import pandas as pd
import pytest
from customer_frames import make_settings

from mall_segments.clustering.gates import admit_customers
from mall_segments.errors import InputError

SETTINGS = make_settings(
    [{"name": "visits"}, {"name": "basket"}],
    [{"name": "both", "features": ["visits", "basket"], "n_segments": 3}],
)


def counts(**changes):
    found = {
        ("input rows", ""): 10,
        ("accepted customers", ""): 9,
        ("rejected rows", ""): 1,
        ("rows without a customer", ""): 0,
        ("complete customers", "both"): 9,
        ("distinct points", "both"): 8,
        ("distinct values", "visits"): 5,
        ("distinct values", "basket"): 6,
        ("rejected because", "visits: not a number"): 1,
        ("first row rejected because", "visits: not a number"): 4,
    }
    for key, value in changes.items():
        measure, _, subject = key.partition("__")
        found[measure.replace("_", " "), subject] = value
    return found


def admit(found, settings=SETTINGS):
    rows = [(*key, n) for key, n in found.items()]
    admit_customers(pd.DataFrame(rows, columns=["measure", "subject", "n"]), settings)


def test_customers_that_can_be_segmented_pass():
    admit(counts())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input_rows__": 0}, "has a header but no rows"),
        (
            {"accepted_customers__": 0, "rejected_rows__": 10},
            (
                "All 10 rows of the customer file are rejected: 1 for 'visits: not a "
                "number' (row 4 is the first)."
            ),
        ),
        ({"rejected_rows__": 3}, "3 of 10 customers are rejected, a share of 0.3000"),
        (
            {"rejected_rows__": 4, "rows_without_a_customer__": 4},
            "4 of 10 rows hold no customer",
        ),
        ({"distinct_values__basket": 1}, "the same value of basket"),
        ({"distinct_points__both": 2}, "2 distinct points of visits and basket"),
        ({"distinct_points__both": 1}, "2 distinct points are the least"),
        (
            {"complete_customers__both": 2, "distinct_points__both": 2},
            "2 customers with a value of visits and basket",
        ),
    ],
)
def test_refuses_what_no_segments_can_come_from(changes, said):
    with pytest.raises(InputError) as refusal:
        admit(counts(**changes))
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"customers_with_orders__": 0, "returns__": 3},
            (
                "of 9 order lines 6 are rejected (6 for 'no date'), and 3 orders came "
                "back or were cancelled. `orders.cancellation_prefix` is 'C' and "
                "`orders.minimum_orders` 1."
            ),
        ),
        (
            {"distinct_values__n_orders": 0},
            "None of the 2 customers with orders is among the 9 accepted customers",
        ),
    ],
)
def test_refuses_orders_that_say_nothing_of_the_customers(changes, said):
    settings = SETTINGS | {
        "orders_features": [{"name": "n_orders"}],
        "orders_path": "orders.csv",
    }
    found = {
        "order_lines__": 9,
        "rejected_order_lines__": 6,
        "order_lines_rejected_because__no date": 6,
        "customers_with_orders__": 2,
        "returns__": 0,
        "distinct_values__n_orders": 2,
    }
    admit(counts(**found), settings)
    with pytest.raises(InputError) as refusal:
        admit(counts(**found | changes), settings)
    assert said in str(refusal.value)


def test_fillers_do_not_count_against_the_customers():
    few = counts(rejected_rows__=2, rows_without_a_customer__=2)
    admit(few)


def test_names_the_three_most_frequent_reasons():
    found = counts(accepted_customers__=0, rejected_rows__=10)
    for number, reason in enumerate(("a", "b", "c"), start=2):
        found["rejected because", reason] = number
        found["first row rejected because", reason] = number
    with pytest.raises(InputError) as refusal:
        admit(found)
    assert "4 for 'c'" in str(refusal.value)
    assert "and 1 more reasons" in str(refusal.value)


def test_counts_each_reason_of_rows_that_have_several():
    found = counts(accepted_customers__=0, rejected_rows__=10)
    for row, n, reasons in ((2, 5, "a; b"), (1, 3, "b; c")):
        found["rejected because", reasons] = n
        found["first row rejected because", reasons] = row
    with pytest.raises(InputError) as refusal:
        admit(found)
    assert (
        "8 for 'b' (row 1 is the first); 5 for 'a' (row 2 is the first); 3 for 'c'"
    ) in str(refusal.value)
