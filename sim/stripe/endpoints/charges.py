"""Requests about charges; they are made by confirming intents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.address import OPTIONAL_SHIPPING
from sim.stripe.charge import Charge
from sim.stripe.context import Context
from sim.stripe.customer import living
from sim.stripe.endpoints.refunds import refunds_of
from sim.stripe.errors import invalid_request, no_such
from sim.stripe.listing import CREATED, PAGING, page

_EXPAND: Final[parameters.Specification] = {"expand": parameters.listed(parameters.text)}
UPDATE: Final[parameters.Specification] = {
    "customer": parameters.text,
    "description": parameters.text,
    "fraud_details": parameters.nested({"user_report": parameters.clearable(parameters.choice("fraudulent", "safe"))}),
    "metadata": parameters.metadata,
    "receipt_email": parameters.text,
    "shipping": OPTIONAL_SHIPPING,
    "transfer_group": parameters.text,
    **_EXPAND,
}
# Of operations that are refused whatever they are given.
CREATE: Final[parameters.Specification] = dict.fromkeys(
    (
        "amount",
        "application_fee",
        "application_fee_amount",
        "capture",
        "currency",
        "customer",
        "description",
        "destination",
        "expand",
        "metadata",
        "on_behalf_of",
        "radar_options",
        "receipt_email",
        "shipping",
        "source",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    ),
    parameters.unread,
)
CAPTURE: Final[parameters.Specification] = dict.fromkeys(
    (
        "amount",
        "application_fee",
        "application_fee_amount",
        "expand",
        "receipt_email",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    ),
    parameters.unread,
)
LIST: Final[parameters.Specification] = {
    **PAGING,
    **CREATED,
    "customer": parameters.text,
    "payment_intent": parameters.text,
    "transfer_group": parameters.text,
}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    raise invalid_request(
        "This double of Stripe makes charges by confirming PaymentIntents only (POST /v1/payment_intents with "
        "confirm=true), as Stripe advises; charges from tokens and sources are not modelled."
    )


def capture(context: Context, values: Mapping[str, Any], charge_id: str) -> dict[str, Any]:
    charge = context.ledger.get(Charge, charge_id, "charge")
    raise invalid_request(
        f"The charge {charge.id} was made by a PaymentIntent: capture it with POST /v1/payment_intents/"
        f"{charge.intent_id}/capture."
    )


def retrieve(context: Context, values: Mapping[str, Any], charge_id: str) -> dict[str, Any]:
    return context.ledger.get(Charge, charge_id, "charge").render()


def update(context: Context, values: Mapping[str, Any], charge_id: str) -> dict[str, Any]:
    charge = context.ledger.get(Charge, charge_id, "charge")
    context.account = charge.account
    before = charge.render()
    if "customer" in values:
        charge.customer_id = _customer_of(context, charge, values["customer"])
    if "metadata" in values:
        charge.metadata = parameters.merged(charge.metadata, values["metadata"])
    if "fraud_details" in values:
        charge.user_report = values["fraud_details"].get("user_report") or None
    for name in ("description", "receipt_email", "shipping", "transfer_group"):
        if name in values:
            setattr(charge, name, values[name] or None)
    body = charge.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed:
        context.emit(charge.account, "charge.updated", charge.id, body, changed)
    return body


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    charges = context.ledger.of(Charge, values.get("payment_intent") or values.get("customer"))
    wanted = [
        (name, values[parameter])
        for parameter, name in (
            ("customer", "customer_id"),
            ("payment_intent", "intent_id"),
            ("transfer_group", "transfer_group"),
        )
        if parameter in values
    ]
    return page(
        charges,
        values,
        "/v1/charges",
        where=lambda charge: all(getattr(charge, name) == value for name, value in wanted),
    )


def list_refunds(context: Context, values: Mapping[str, Any], charge_id: str) -> dict[str, Any]:
    charge = context.ledger.get(Charge, charge_id, "charge")
    return page(refunds_of(charge), values, f"/v1/charges/{charge.id}/refunds")


def retrieve_refund(context: Context, values: Mapping[str, Any], ids: str) -> dict[str, Any]:
    charge_id, _, refund_id = ids.partition("/")
    for refund in refunds_of(context.ledger.get(Charge, charge_id, "charge")):
        if refund.id == refund_id:
            return refund.render()
    raise no_such("refund", refund_id, "refund")


def _customer_of(context: Context, charge: Charge, customer_id: str) -> str:
    if charge.customer_id not in (None, customer_id):
        raise invalid_request(
            f"You cannot change the customer of a charge that has one already. (It has {charge.customer_id}.)",
            param="customer",
        )
    return living(context, customer_id).id
