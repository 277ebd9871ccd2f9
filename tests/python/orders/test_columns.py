import pytest

from mall_segments.errors import InputError
from mall_segments.orders.columns import recognise_order_columns

ONLINE_RETAIL = (
    *("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price"),
    *("Customer ID", "Country"),
)
SUPERSTORE = (
    *("Row ID", "Order ID", "Order Date", "Ship Date", "Ship Mode", "Customer ID"),
    *("Customer Name", "Segment", "Country", "City", "Product ID", "Sales"),
    *("Quantity", "Discount", "Profit"),
)


def test_recognises_online_retail():
    assert recognise_order_columns(ONLINE_RETAIL) == {
        "customer_id": "Customer ID",
        "order_id": "Invoice",
        "ordered_at": "InvoiceDate",
        "quantity": "Quantity",
        "unit_price": "Price",
    }


def test_recognises_a_file_with_amounts():
    found = recognise_order_columns(SUPERSTORE)

    assert found["order_id"] == "Order ID"
    assert found["ordered_at"] == "Order Date"
    assert found["amount"] == "Sales"


@pytest.mark.parametrize(
    ("header", "ordered_at"),
    [
        (["Kundennummer", "Bestellnummer", "Bestelldatum", "Betrag (EUR)"], 2),
        (["ID cliente", "Factura", "Fecha", "Importe"], 2),
        (["N° client", "Commande", "Date de commande", "Montant total"], 2),
        (["customer_id", "order_id", "order_purchase_timestamp", "payment_value"], 2),
        (["user id", "created_at", "total"], 1),
    ],
    ids=["German", "Spanish", "French", "Olist", "no order id"],
)
def test_recognises_other_headers(header, ordered_at):
    found = recognise_order_columns(header)

    assert found["ordered_at"] == header[ordered_at]
    assert found["customer_id"] == header[0]
    assert found["amount"] == header[-1]


def test_a_header_of_the_settings_goes_first():
    found = recognise_order_columns(
        [*ONLINE_RETAIL, "Loyalty Card"], {"customer_id": ("loyalty card",)}
    )

    assert found["customer_id"] == "Loyalty Card"


def test_names_two_columns_that_fit_equally_well():
    with pytest.raises(
        InputError, match=r"'Order Date', 'order_date' all fit ordered_at"
    ):
        recognise_order_columns(["Customer", "Order Date", "order_date", "Amount"])


def test_names_what_is_missing_and_what_is_there():
    with pytest.raises(InputError) as refused:
        recognise_order_columns(["Customer ID", "When", "Quantity"], source="a.csv")

    said = str(refused.value)
    assert "a.csv: no column is recognised as ordered_at, unit_price." in said
    assert "'Customer ID', 'When', 'Quantity'" in said
    assert "`orders.columns.ordered_at`" in said


def test_refuses_settings_for_a_column_there_is_not():
    with pytest.raises(InputError, match=r"`orders.columns` names 'costumer_id'"):
        recognise_order_columns(ONLINE_RETAIL, {"costumer_id": ("ID",)})
