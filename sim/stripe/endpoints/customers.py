"""Requests about customers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters, test_clock
from sim.stripe.address import OPTIONAL_ADDRESS, OPTIONAL_SHIPPING
from sim.stripe.context import Context
from sim.stripe.customer import TEXTS, Customer
from sim.stripe.errors import invalid_request
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.payment_method import attached, chosen

_PREFIX: Final = re.compile(r"[A-Z0-9]{1,12}\Z")


def _invoice_prefix(value: Any, name: str) -> str:
    """A reader. Source: the description of `invoice_prefix` in the official SDK."""
    given = parameters.text(value, name)
    if _PREFIX.match(given) is None:
        raise invalid_request("Invalid invoice prefix: 1 to 12 uppercase letters or numbers.", param=name)
    return given


UPDATE: Final[parameters.Specification] = {
    **{name: parameters.clearable(parameters.text) for name in TEXTS},
    "address": OPTIONAL_ADDRESS,
    "shipping": OPTIONAL_SHIPPING,
    "balance": parameters.integer,
    "invoice_prefix": _invoice_prefix,
    "next_invoice_sequence": parameters.integer,
    "preferred_locales": parameters.listed(parameters.text),
    "tax_exempt": parameters.choice("none", "exempt", "reverse"),
    "metadata": parameters.metadata,
    "invoice_settings": parameters.nested(
        {
            "custom_fields": parameters.unmodelled,
            "default_payment_method": parameters.clearable(parameters.text),
            "footer": parameters.clearable(parameters.text),
            "rendering_options": parameters.unmodelled,
        }
    ),
    "expand": parameters.listed(parameters.text),
}
_TEXTS: Final = frozenset(TEXTS)
_ABOUT_BILLS: Final = frozenset(
    ("balance", "invoice_prefix", "invoice_settings", "next_invoice_sequence", "preferred_locales", "tax_exempt")
)
CREATE: Final[parameters.Specification] = {**UPDATE, "payment_method": parameters.text, "test_clock": parameters.text}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "email": parameters.text,
    "test_clock": parameters.text,
    **CREATED,
}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    metadata = parameters.merged({}, values["metadata"]) if "metadata" in values else {}
    account = context.account = (
        test_clock.account_on(context, values["test_clock"]) if "test_clock" in values else context.owner(metadata)
    )
    customer = Customer(account.next_id("cus"), account, context.now_s, metadata)
    if "payment_method" in values:
        method = chosen(context, account, values["payment_method"])
        method.attach(context, customer, checked=True)
        settings = values.get("invoice_settings", {})
        if settings.get("default_payment_method") == values["payment_method"]:
            # A test token stands for one payment method, however often it is named.
            values = {**values, "invoice_settings": {**settings, "default_payment_method": method.id}}
    _apply(context, customer, values)
    account.objects[customer.id] = customer
    account.customers.append(customer)
    body = customer.render()
    context.emit(account, "customer.created", customer.id, body)
    return body


def retrieve(context: Context, values: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    return context.ledger.get(Customer, customer_id).render()


def update(context: Context, values: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    customer = context.ledger.get(Customer, customer_id)
    before = customer.render()
    _apply(context, customer, values)
    if "metadata" in values:
        customer.metadata = parameters.merged(customer.metadata, values["metadata"])
    body = customer.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed:
        context.emit(customer.account, "customer.updated", customer.id, body, changed)
    return body


def delete(context: Context, values: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    """Detaches every payment method: after that nothing can be charged for this customer."""
    customer = context.ledger.get(Customer, customer_id)
    body = customer.render()
    if customer.account.billing is not None:
        customer.account.billing.customer_left(context, customer)
    for method in list(customer.payment_methods):
        method.detach(context)
    customer.deleted = True
    context.emit(customer.account, "customer.deleted", customer.id, body)
    return customer.render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    on_clock = values.get("test_clock")
    customers = test_clock.all_on(context, on_clock, Customer) if on_clock else context.ledger.of(Customer)
    email = values.get("email")
    return page(
        customers,
        values,
        "/v1/customers",
        where=lambda customer: not customer.deleted and email in (None, customer.texts["email"]),
    )


def _apply(context: Context, customer: Customer, values: Mapping[str, Any]) -> None:
    if not _ABOUT_BILLS.isdisjoint(values):
        _apply_to_bills(context, customer, values)  # first, since it may refuse
    for name in _TEXTS.intersection(values):
        customer.texts[name] = values[name] or None
    if "address" in values:
        customer.address = values["address"] or None
    if "shipping" in values:
        customer.shipping = values["shipping"] or None


def _apply_to_bills(context: Context, customer: Customer, values: Mapping[str, Any]) -> None:
    settings = values.get("invoice_settings", {})
    if "default_payment_method" in settings:
        method_id = settings["default_payment_method"]
        param = "invoice_settings[default_payment_method]"
        customer.default_payment_method = attached(context, customer, method_id, param) if method_id else None
    if "footer" in settings:
        customer.invoice_footer = settings["footer"] or None
    customer.balance = values.get("balance", customer.balance)
    customer.invoice_prefix = values.get("invoice_prefix", customer.invoice_prefix)
    customer.next_invoice = values.get("next_invoice_sequence", customer.next_invoice)
    customer.preferred_locales = values.get("preferred_locales", customer.preferred_locales)
    customer.tax_exempt = values.get("tax_exempt", customer.tax_exempt)
