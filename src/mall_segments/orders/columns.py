"""Find customer, order, time and money among the columns of an orders file.

Headers are compared as those of customers are. A header that no spelling fits is never
guessed at: the refusal says how to name it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import (
    KnownColumns,
    match_columns,
    recognise_columns,
)
from mall_segments.settings import CustomerIdColumn, Feature
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Best first: of two columns that fit, the one of the earlier spelling is read.
SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(spelling.strip() for spelling in listed.split(","))
    for name, listed in {
        "customer_id": """
            customer_id, Customer Number, Customer No, Customer Code, Cust ID,
            Client ID, Member ID, User ID, Buyer ID, Account ID, customer_unique_id,
            ID cliente, Cliente ID, Número de cliente, Código de cliente, N° client,
            Numéro client, Code client, Kundennummer, Kunden-Nr, Kunden ID,
            Codice cliente, Klantnummer, Número do cliente, Código do cliente, Customer,
            Client, Cliente, Kunde, User, Member, Email
        """,
        "order_id": """
            order_id, Order Number, Order No, Order, Invoice ID, Invoice Number,
            Invoice No, Invoice, Receipt ID, Receipt Number, Receipt, Transaction ID,
            Transaction Number, Transaction, Basket ID, Ticket ID, Ticket, ID pedido,
            Número de pedido, Pedido, Número de factura, Factura, N° commande,
            Numéro de commande, Commande, Facture, Bestellnummer, Auftragsnummer,
            Bestellung, Rechnungsnummer, Rechnung, Ordine, Fattura, Ordernummer, Bill No
        """,
        "ordered_at": """
            ordered_at, Order Date, Order Timestamp, Order Time,
            order_purchase_timestamp, Order Datetime, Invoice Date, Purchase Date,
            Purchased At, Transaction Date, Transaction Time, Sale Date, Sales Date,
            Receipt Date, Created At, Created, Datetime, Timestamp, Date,
            Fecha de pedido, Fecha de compra, Fecha de factura, Fecha, Date de commande,
            Date d'achat, Bestelldatum, Kaufdatum, Auftragsdatum, Rechnungsdatum, Datum,
            Data do pedido, Data da compra, Data ordine, Data, Day, Time
        """,
        "amount": """
            amount, Order Amount, Total Amount, Line Total, Order Total, Order Value,
            Total Price, Total Sales, Sales Amount, Net Sales, Purchase Amount,
            Transaction Amount, Payment Value, Revenue, Sales, Total, Spend,
            Importe total, Importe, Monto total, Monto, Montant total, Montant,
            Gesamtbetrag, Betrag, Umsatz, Importo, Valor total, Bedrag
        """,
        "quantity": """
            quantity, Qty, Units, Order Quantity, Quantity Ordered, Item Count,
            Cantidad, Unidades, Quantité, Menge, Anzahl, Quantità, Aantal, Quantidade
        """,
        "unit_price": """
            unit_price, Price, Price Each, Item Price, Price per Unit, Precio unitario,
            Precio, Prix unitaire, Prix, Einzelpreis, Stückpreis, Preis,
            Prezzo unitario, Prezzo, Preço unitário, Preço, Stuksprijs, Prijs
        """,
    }.items()
}


def known_columns(
    spellings: Mapping[str, Sequence[str]], *, encoding: str | None = None
) -> KnownColumns:
    """Return the columns of orders, with the spellings of ``orders.columns`` first."""
    unknown = [name for name in spellings if name not in SPELLINGS]
    if unknown:
        raise InputError(
            f"`orders.columns` names {', '.join(map(shorten, unknown))}; allowed: "
            f"{', '.join(SPELLINGS)}."
        )
    aliases = {
        name: (*spellings.get(name, ()), *known) for name, known in SPELLINGS.items()
    }
    return KnownColumns(
        customer_id=CustomerIdColumn(aliases=aliases.pop("customer_id")),
        columns=[
            Feature.model_construct(name=name, aliases=each)
            for name, each in aliases.items()
        ],
        aliases_in="orders.columns",
        encoding=encoding,
    )


def recognise_order_columns(
    header: Sequence[str],
    spellings: Mapping[str, Sequence[str]] | None = None,
    *,
    source: str = "the orders",
) -> Mapping[str, str]:
    """Map the canonical names to columns of the file, as far as it has them.

    Customer, time and amount, or quantity and price, must be there.

    >>> header = ["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price"]
    >>> recognise_order_columns([*header, "Customer ID"])["ordered_at"]
    'InvoiceDate'
    """
    known = known_columns(spellings or {})
    fitting = match_columns(header, known)
    is_priced = fitting["quantity"] or fitting["unit_price"]
    money = ["quantity", "unit_price"] if is_priced else ["amount"]
    required = ["customer_id", "ordered_at", *([] if fitting["amount"] else money)]
    known = replace(known, required=required)
    return recognise_columns(header, known, source=source).columns
