"""Requests about invoice items."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.billing import billing_of
from sim.stripe.catalogue import ONE_TIME_DATA
from sim.stripe.context import Context
from sim.stripe.currency import currency
from sim.stripe.customer import living
from sim.stripe.endpoints.invoices import editable
from sim.stripe.endpoints.requested_items import priced
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.invoice_item import InvoiceItem, Sale
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.price import Price
from sim.stripe.subscription import Subscription

UPDATE: Final[parameters.Specification] = {
    "amount": parameters.integer,
    "description": parameters.clearable(parameters.text),
    "discountable": parameters.boolean,
    "discounts": parameters.unmodelled,
    "invoicing_rules": parameters.unmodelled,
    "metadata": parameters.metadata,
    "period": parameters.nested({"end": parameters.integer, "start": parameters.integer}),
    "price_data": parameters.nested(ONE_TIME_DATA),
    "pricing": parameters.nested({"price": parameters.text}),
    "quantity": parameters.integer,
    "quantity_decimal": parameters.unmodelled,
    "tax_behavior": parameters.choice("exclusive", "inclusive", "unspecified"),
    "tax_code": parameters.unmodelled,
    "tax_rates": parameters.unmodelled,
    "unit_amount_decimal": parameters.decimal,
    "expand": parameters.listed(parameters.text),
}
CREATE: Final[parameters.Specification] = {
    **{name: reader for name, reader in UPDATE.items() if name != "invoicing_rules"},
    "currency": currency,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "invoice": parameters.text,
    "subscription": parameters.text,
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    **CREATED,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "invoice": parameters.text,
    "pending": parameters.boolean,
}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    invoice = editable(context, values["invoice"]) if "invoice" in values else None
    if invoice is None and "customer" not in values:
        raise missing_parameter("customer")
    customer = living(context, invoice.customer.id if invoice else values["customer"])
    if values.get("customer", customer.id) != customer.id:
        raise invalid_request("The invoice belongs to another customer.", param="invoice")
    sale = _sale(context, values, invoice.currency if invoice else customer.currency)
    if invoice is not None and sale.currency != invoice.currency:
        raise invalid_request(
            f"The currency of the invoice item ({sale.currency}) is not that of the invoice ({invoice.currency}).",
            param="currency",
        )
    if "subscription" in values:
        sale.subscription = context.ledger.given(Subscription, values["subscription"], "subscription")
    elif invoice is not None:
        sale.subscription = invoice.subscription
    account = customer.account
    item = InvoiceItem(account.next_id("ii"), customer, context.now_s, sale)
    account.objects[item.id] = item
    if invoice is None:
        billing_of(context, account).waiting_items.append(item)
    else:
        invoice.add(sale, item)
    item.emit(context, "created")
    return item.render()


def retrieve(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    return context.ledger.get(InvoiceItem, item_id).render()


def update(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    item = _editable(context, item_id)
    sale = item.sale
    if any(name in values for name in ("amount", "pricing", "price_data", "quantity", "unit_amount_decimal")):
        unchanged = {"amount": sale.amount} if sale.price is None else {"pricing": {"price": sale.price.id}}
        terms = {**unchanged, "quantity": sale.quantity, **values}
        if "amount" not in values and any(name in values for name in ("pricing", "price_data", "unit_amount_decimal")):
            terms.pop("amount", None)
        if "amount" in terms:
            terms.pop("quantity")
        new = _sale(context, terms, sale.currency)
        sale.amount, sale.price, sale.quantity = new.amount, new.price, new.quantity
    if "description" in values:
        sale.description = values["description"] or None
    if "metadata" in values:
        sale.metadata = parameters.merged(sale.metadata, values["metadata"])
    if "period" in values:
        sale.period = (values["period"]["start"], values["period"]["end"])
    sale.discountable = values.get("discountable", sale.discountable)
    return item.render()


def delete(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    item = _editable(context, item_id)
    invoice, billing = item.invoice, billing_of(context, item.account)
    if invoice is None:
        billing.waiting_items.remove(item)
    else:
        invoice.lines = [line for line in invoice.lines if line.source is not item]
    item.emit(context, "deleted")
    del item.account.objects[item.id]
    item.deleted = True
    return item.render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    items = context.ledger.of(InvoiceItem, values.get("customer") or values.get("invoice"))
    return page(items, values, "/v1/invoiceitems", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], item: InvoiceItem) -> bool:
    invoice = item.invoice
    return (
        values.get("customer") in (None, item.customer.id)
        and values.get("invoice") in (None, invoice.id if invoice else "")
        and values.get("pending") in (None, invoice is None)
    )


def _sale(context: Context, values: Mapping[str, Any], usual_currency: str | None) -> Sale:
    """What is sold: a price so many times, or a bare amount."""
    quantity = values.get("quantity", 1)
    span = values.get("period", {})
    period = (span.get("start", context.now_s), span.get("end", context.now_s))
    price = None
    if "price_data" in values:
        price = priced(context, values["price_data"], "price_data")
    elif values.get("pricing", {}).get("price"):
        price = context.ledger.given(Price, values["pricing"]["price"], "pricing[price]")
        if price.recurring is not None:
            raise invalid_request(
                "The price specified is set to `type=recurring` but this field only accepts prices with "
                "`type=one_time`.",
                param="pricing[price]",
            )
    code = price.currency if price else values.get("currency", usual_currency)
    if code is None:
        raise missing_parameter("currency")
    amount = price.amount(quantity) if price else _amount(values, quantity)
    description = values.get("description") or (price.product.name if price else None)
    sale = Sale(amount, code, description, period, quantity)
    sale.price = price
    sale.metadata = parameters.merged({}, values.get("metadata", {}))
    sale.discountable = values.get("discountable", True)
    return sale


def _amount(values: Mapping[str, Any], quantity: int) -> int:
    if "amount" in values:
        if "quantity" in values:
            raise invalid_request("You may only specify one of these parameters: amount, quantity.", param="amount")
        amount: int = values["amount"]
        return amount
    unit = values.get("unit_amount_decimal")
    if unit is None:
        raise missing_parameter("amount")
    return int((unit * quantity).quantize(Decimal(1), ROUND_HALF_UP))


def _editable(context: Context, item_id: str) -> InvoiceItem:
    item = context.ledger.get(InvoiceItem, item_id)
    context.account = item.account
    if item.invoice is not None:
        editable(context, item.invoice.id)
    return item
