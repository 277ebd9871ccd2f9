"""Find customer, order, time and money among the columns of an orders file.

Headers are compared as those of customers are. A header that no spelling fits is never
guessed at: the refusal says how to name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mall_segments.errors import InputError
from mall_segments.intake.columns import list_columns, missing_columns, normalise
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


def recognise_order_columns(
    header: Sequence[str],
    spellings: Mapping[str, Sequence[str]] | None = None,
    *,
    source: str = "the orders",
) -> dict[str, str]:
    """Map the canonical names to columns of the file, as far as it has them.

    ``spellings`` are those of the setting ``orders.columns``, which go before the known
    ones. Customer, time and amount, or quantity and price, must be there.

    >>> header = ["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price"]
    >>> recognise_order_columns([*header, "Customer ID"])["ordered_at"]
    'InvoiceDate'
    """
    own = dict(spellings or {})
    unknown = [name for name in own if name not in SPELLINGS]
    if unknown:
        raise InputError(
            f"`orders.columns` names {', '.join(map(shorten, unknown))}; allowed: "
            f"{', '.join(SPELLINGS)}."
        )
    columns: dict[str, list[str]] = {}
    for column in header:
        columns.setdefault(normalise(column), []).append(column)
    found: dict[str, str] = {}
    for name, known in SPELLINGS.items():
        fitting = _best(columns, own.get(name, ()), known)
        if len(fitting) > 1:
            raise InputError(
                f"{source}: the columns {list_columns(fitting)} all fit {name}. "
                "Remove or rename all but one, or put the exact header of the one to "
                f"read into `orders.columns.{name}`."
            )
        # A column is read once: what the owner named it as goes before a likeness.
        if fitting and fitting[0] not in found.values():
            found[name] = fitting[0]
    _refuse_missing(header, found, source)
    return found


def _best(
    columns: Mapping[str, list[str]], own: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Return the columns of the earliest spelling, the owner's exact one first."""
    for spelling in (*own, *known):
        fitting = columns.get(normalise(spelling), [])
        if spelling in own and spelling in fitting:
            return [spelling]
        if fitting:
            return fitting
    return []


def _refuse_missing(
    header: Sequence[str], found: Mapping[str, str], source: str
) -> None:
    missing = [name for name in ("customer_id", "ordered_at") if name not in found]
    if "amount" not in found:
        missing += [name for name in ("quantity", "unit_price") if name not in found]
    if not missing:
        return
    spellings = {name: SPELLINGS[name][1:] for name in missing}
    lines = missing_columns(header, found, spellings, {}, source=source)
    if "quantity" in missing or "unit_price" in missing:
        lines.append("  An amount would do instead of quantity and unit_price.")
    lines.append(
        "  To read a column, add its header as it stands in the file to "
        + ", ".join(f"`orders.columns.{name}`" for name in missing)
        + "."
    )
    raise InputError("\n".join(lines))
