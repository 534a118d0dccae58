"""Customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe.errors import invalid_request

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.payment_method import PaymentMethod


TEXTS: Final = ("name", "email", "phone", "description", "business_name", "individual_name")
_NO_TEXTS: Final[Mapping[str, str | None]] = dict.fromkeys(TEXTS)


class Customer:
    """The canonical holder of payment methods. `payment_methods` are those attached now, oldest first.

    `balance` is in minor units: below zero is a credit, which the next invoice uses up.
    """

    __slots__ = (
        "id",
        "account",
        "created",
        "metadata",
        "texts",
        "address",
        "shipping",
        "tax_exempt",
        "preferred_locales",
        "invoice_footer",
        "invoice_prefix",
        "default_payment_method",
        "payment_methods",
        "deleted",
        "balance",
        "currency",
        "delinquent",
        "next_invoice",
    )
    spoken_name: ClassVar = "customer"

    def __init__(self, customer_id: str, account: Account, created: int, metadata: dict[str, str]) -> None:
        self.id = customer_id
        self.account = account
        self.created = created
        self.metadata = metadata
        self.texts = {**_NO_TEXTS}
        self.address: dict[str, Any] | None = None
        self.shipping: dict[str, Any] | None = None
        self.tax_exempt = "none"
        self.preferred_locales: list[str] = []
        self.invoice_footer: str | None = None
        self.invoice_prefix = customer_id[-8:].upper()
        self.default_payment_method: PaymentMethod | None = None
        self.payment_methods: list[PaymentMethod] = []
        self.deleted = False
        self.balance = 0
        self.currency: str | None = None
        self.delinquent = False
        self.next_invoice = 1

    def render(self) -> dict[str, Any]:
        if self.deleted:
            return {"id": self.id, "object": "customer", "deleted": True}
        texts, default, clock = self.texts, self.default_payment_method, self.account.test_clock
        return {
            "id": self.id,
            "object": "customer",
            "address": self.address,
            "balance": self.balance,
            "business_name": texts["business_name"],
            "created": self.created,
            "currency": self.currency,
            "customer_account": None,
            "default_source": None,
            "delinquent": self.delinquent,
            "description": texts["description"],
            "discount": None,
            "email": texts["email"],
            "individual_name": texts["individual_name"],
            "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": default.id if default else None,
                "footer": self.invoice_footer,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": self.metadata,
            "name": texts["name"],
            "next_invoice_sequence": self.next_invoice,
            "phone": texts["phone"],
            "preferred_locales": self.preferred_locales,
            "shipping": self.shipping,
            "tax_exempt": self.tax_exempt,
            "test_clock": clock.id if clock else None,
        }


def living(context: Context, customer_id: str, param: str = "customer") -> Customer:
    """The customer that a parameter names. Raises StripeError for an unknown or deleted one."""
    customer = context.ledger.given(Customer, customer_id, param)
    if customer.deleted:
        raise invalid_request(f"No such customer: '{customer_id}'", param=param, code="resource_missing")
    context.account = customer.account
    return customer
