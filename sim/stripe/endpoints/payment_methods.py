"""Requests about payment methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.customer import Customer, living
from sim.stripe.errors import invalid_request, missing_parameter, no_such
from sim.stripe.listing import PAGING, page
from sim.stripe.payment_method import BILLING_DETAILS, DATA, NETWORKS, TYPES, PaymentMethod, chosen, completed, make
from sim.stripe.test_cards import CARD_BY_TOKEN

_EXPAND: Final[parameters.Specification] = {"expand": parameters.listed(parameters.text)}
CREATE: Final[parameters.Specification] = {**DATA, **_EXPAND}
ATTACH: Final[parameters.Specification] = {"customer": parameters.text, **_EXPAND}
UPDATE: Final[parameters.Specification] = {
    "billing_details": BILLING_DETAILS,
    "card": parameters.nested({"exp_month": parameters.integer, "exp_year": parameters.integer, "networks": NETWORKS}),
    "metadata": parameters.metadata,
    "allow_redisplay": parameters.choice("always", "limited", "unspecified"),
    **_EXPAND,
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "customer": parameters.text,
    "type": parameters.choice(*TYPES),
    "allow_redisplay": parameters.choice("always", "limited", "unspecified"),
}
LIST_OF_CUSTOMER: Final = {name: reader for name, reader in LIST.items() if name != "customer"}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    account = context.account = context.owner(values.get("metadata"))
    return make(context, account, values).present(context)


def retrieve(context: Context, values: Mapping[str, Any], method_id: str) -> dict[str, Any]:
    return context.ledger.get(PaymentMethod, method_id, "payment_method").render()


def retrieve_of_customer(context: Context, values: Mapping[str, Any], ids: str) -> dict[str, Any]:
    customer_id, _, method_id = ids.partition("/")
    customer = context.ledger.get(Customer, customer_id, "customer")
    for method in customer.payment_methods:
        if method.id == method_id:
            return method.render()
    raise no_such(PaymentMethod.spoken_name, method_id, "payment_method")


def update(context: Context, values: Mapping[str, Any], method_id: str) -> dict[str, Any]:
    """Also ages a card: Stripe's account updater moves expiry dates the same way, so a past date is accepted here."""
    method = context.ledger.get(PaymentMethod, method_id, "payment_method")
    context.account = method.account
    before = method.render()
    _apply(method, values)
    method.changed()
    body = method.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed and method.customer is not None:
        context.emit(method.account, "payment_method.updated", method.id, body, changed)
    return body


def attach(context: Context, values: Mapping[str, Any], method_id: str) -> dict[str, Any]:
    if "customer" not in values:
        raise missing_parameter("customer")
    customer = living(context, values["customer"])
    if method_id in CARD_BY_TOKEN:
        method = chosen(context, customer.account, method_id)
    else:
        method = context.ledger.get(PaymentMethod, method_id, "payment_method")
    method.attach(context, customer, checked=True)
    return method.render()


def detach(context: Context, values: Mapping[str, Any], method_id: str) -> dict[str, Any]:
    method = context.ledger.get(PaymentMethod, method_id, "payment_method")
    context.account = method.account
    method.detach(context)
    return method.render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "customer" not in values:
        raise missing_parameter("customer")
    return _listed(living(context, values["customer"]), values, "/v1/payment_methods")


def list_of_customer(context: Context, values: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    customer = context.ledger.get(Customer, customer_id, "customer")
    return _listed(customer, values, f"/v1/customers/{customer_id}/payment_methods")


def _listed(customer: Customer, values: Mapping[str, Any], url: str) -> dict[str, Any]:
    # A cursor may be a method that was detached since.
    by_cursor = "starting_after" in values or "ending_before" in values
    methods = customer.account.of(PaymentMethod) if by_cursor else customer.payment_methods
    methods = sorted(methods, key=lambda method: method.created)
    wanted = [(name, values[name]) for name in ("type", "allow_redisplay") if name in values]
    return page(
        methods,
        values,
        url,
        where=lambda method: (
            method.customer is customer and all(getattr(method, name) == value for name, value in wanted)
        ),
    )


def _apply(method: PaymentMethod, values: Mapping[str, Any]) -> None:
    card = values.get("card")
    if card is not None:
        if method.card is None:
            raise invalid_request("You cannot update `card` on a PaymentMethod of another type.", param="card")
        month = card.get("exp_month", method.exp_month)
        if not 1 <= month <= 12:
            raise invalid_request(
                f"Invalid expiry month: {month}", param="card[exp_month]", code="invalid_expiry_month"
            )
        year = card.get("exp_year", method.exp_year)
        if not 1970 <= year <= 9998:
            raise invalid_request(f"Invalid expiry year: {year}", param="card[exp_year]", code="invalid_expiry_year")
        method.expire(month, year)
    if values.get("billing_details"):
        method.billing_details = completed({**method.billing_details, **values["billing_details"]})
    if "metadata" in values:
        method.metadata = parameters.merged(method.metadata, values["metadata"])
    method.allow_redisplay = values.get("allow_redisplay", method.allow_redisplay)
