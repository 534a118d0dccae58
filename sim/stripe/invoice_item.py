"""Invoice items: something to be paid that waits for an invoice, and the lines of invoices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer
    from sim.stripe.invoice import Invoice
    from sim.stripe.price import Price
    from sim.stripe.subscription import Subscription
    from sim.stripe.subscription_item import SubscriptionItem

Period = tuple[int, int]
"""Start and end, in Unix seconds."""


class Sale:
    """What an invoice item or a line is about. `amount` is in minor units and below zero where it is given back.

    `proration`: it is a part of a period, because something changed within it.
    """

    __slots__ = (
        "amount",
        "currency",
        "description",
        "period",
        "price",
        "quantity",
        "proration",
        "subscription",
        "item",
        "metadata",
        "discountable",
    )

    def __init__(self, amount: int, currency: str, description: str | None, period: Period, quantity: int = 1) -> None:
        self.amount = amount
        self.currency = currency
        self.description = description
        self.period = period
        self.quantity = quantity
        self.price: Price | None = None
        self.proration = False
        self.subscription: Subscription | None = None
        self.item: SubscriptionItem | None = None
        self.metadata: dict[str, str] = {}
        self.discountable = True

    def pricing(self) -> dict[str, Any] | None:
        price = self.price
        if price is None:
            return None
        return {
            "price_details": {"price": price.id, "product": price.product.id},
            "type": "price_details",
            "unit_amount_decimal": price.unit_amount_decimal,
        }

    def rendered_period(self) -> dict[str, int]:
        return {"end": self.period[1], "start": self.period[0]}


class InvoiceItem:
    """One item. Waiting while it has no `invoice`."""

    __slots__ = ("id", "account", "customer", "created", "sale", "invoice", "deleted")
    spoken_name: ClassVar = "invoiceitem"

    def __init__(self, item_id: str, customer: Customer, created: int, sale: Sale) -> None:
        self.id = item_id
        self.account: Account = customer.account
        self.customer = customer
        self.created = created
        self.sale = sale
        self.invoice: Invoice | None = None
        self.deleted = False

    def render(self) -> dict[str, Any]:
        if self.deleted:
            return {"id": self.id, "object": "invoiceitem", "deleted": True}
        sale, clock = self.sale, self.account.test_clock
        subscription, item = sale.subscription, sale.item
        details = subscription and {"subscription": subscription.id, "subscription_item": item.id if item else None}
        return {
            "id": self.id,
            "object": "invoiceitem",
            "amount": sale.amount,
            "currency": sale.currency,
            "customer": self.customer.id,
            "customer_account": None,
            "date": self.created,
            "description": sale.description,
            "discountable": sale.discountable,
            "discounts": [],
            "frozen_fields": [],
            "invoice": self.invoice.id if self.invoice else None,
            "invoicing_rules": None,
            "livemode": False,
            "metadata": sale.metadata,
            "net_amount": sale.amount,
            "parent": {"type": "subscription_details", "subscription_details": details} if details else None,
            "period": sale.rendered_period(),
            "pricing": sale.pricing(),
            "proration": sale.proration,
            "proration_details": {"credited_items": None, "discount_amounts": []} if sale.proration else None,
            "quantity": sale.quantity,
            "quantity_decimal": str(sale.quantity),
            "tax_rates": [],
            "test_clock": clock.id if clock else None,
        }

    def emit(self, context: Context, change: str, previous: Mapping[str, Any] | None = None) -> None:
        context.emit(self.account, f"invoiceitem.{change}", self.id, self.render(), previous)


class InvoiceLine:
    """One line of an invoice: of a subscription's item, or of an invoice item that waited for the invoice."""

    __slots__ = ("id", "created", "invoice_id", "sale", "source")
    spoken_name: ClassVar = "line_item"

    def __init__(self, line_id: str, created: int, invoice_id: str, sale: Sale, source: InvoiceItem | None) -> None:
        self.id = line_id
        self.created = created
        self.invoice_id = invoice_id
        self.sale = sale
        self.source = source

    def render(self) -> dict[str, Any]:
        sale = self.sale
        return {
            "id": self.id,
            "object": "line_item",
            "amount": sale.amount,
            "currency": sale.currency,
            "description": sale.description,
            "discount_amounts": [],
            "discountable": sale.discountable and not sale.proration,
            "discounts": [],
            "invoice": self.invoice_id,
            "livemode": False,
            "metadata": sale.metadata,
            "parent": self._parent(),
            "period": sale.rendered_period(),
            "pretax_credit_amounts": [],
            "pricing": sale.pricing(),
            "quantity": sale.quantity,
            "quantity_decimal": str(sale.quantity),
            "subscription": sale.subscription.id if sale.subscription else None,
            "subtotal": sale.amount,
            "taxes": [],
        }

    def _parent(self) -> dict[str, Any]:
        sale, source = self.sale, self.source
        details: dict[str, Any] = {
            "proration": sale.proration,
            "proration_details": {"credited_items": None} if sale.proration else None,
            "subscription": sale.subscription.id if sale.subscription else None,
        }
        if sale.item is None:
            assert source is not None, "a line without a subscription's item comes of an invoice item"
            return {
                "invoice_item_details": {**details, "invoice_item": source.id},
                "subscription_item_details": None,
                "type": "invoice_item_details",
            }
        details["invoice_item"] = source.id if source else None
        details["subscription_item"] = sale.item.id
        return {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        }
