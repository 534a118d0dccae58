"""Requests about refunds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.charge import Charge
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.payment_intent import PaymentIntent
from sim.stripe.refund import Refund

_TARGET: Final[parameters.Specification] = {"charge": parameters.text, "payment_intent": parameters.text}
CREATE: Final[parameters.Specification] = {
    **_TARGET,
    "amount": parameters.integer,
    "reason": parameters.choice("duplicate", "fraudulent", "requested_by_customer"),
    "metadata": parameters.metadata,
    "expand": parameters.listed(parameters.text),
}
_EXPAND: Final[parameters.Specification] = {"expand": parameters.listed(parameters.text)}
UPDATE: Final[parameters.Specification] = {"metadata": parameters.metadata, **_EXPAND}
LIST: Final[parameters.Specification] = {**PAGING, **CREATED, **_TARGET}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    charge = _charge(context, values)
    account = context.account = charge.account
    amount = _amount(charge, values.get("amount"))
    metadata = parameters.merged({}, values.get("metadata", {}))
    refund = Refund(account.next_id("re"), charge, context.now_s, amount, values.get("reason"), metadata)
    before = charge.amount_refunded
    charge.refund(amount)
    account.objects[refund.id] = refund
    detail = {"reason": refund.reason}
    context.note(account, "refund", refund.id, charge.intent_id, "succeeded", amount, detail)
    context.emit(account, "refund.created", refund.id, refund.render())
    context.emit(account, "charge.refunded", charge.id, charge.render(), {"amount_refunded": before})
    return refund.render()


def retrieve(context: Context, values: Mapping[str, Any], refund_id: str) -> dict[str, Any]:
    return context.ledger.get(Refund, refund_id).render()


def update(context: Context, values: Mapping[str, Any], refund_id: str) -> dict[str, Any]:
    refund = context.ledger.get(Refund, refund_id)
    account = context.account = refund.charge.account
    before = refund.metadata
    if "metadata" in values:
        refund.metadata = parameters.merged(before, values["metadata"])
    body = refund.render()
    if refund.metadata != before:
        for event_type in ("charge.refund.updated", "refund.updated"):
            context.emit(account, event_type, refund.id, body, {"metadata": before})
    return body


def cancel(context: Context, values: Mapping[str, Any], refund_id: str) -> dict[str, Any]:
    """Never possible here: only a refund that waits for the customer's bank details can be, and cards have none."""
    refund = context.ledger.get(Refund, refund_id)
    raise invalid_request(
        f"Refund {refund.id} cannot be canceled: its status is {refund.render()['status']}, and only a refund with "
        "the status requires_action can be.",
        kept=True,
    )


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "charge" in values:
        refunds = refunds_of(context.ledger.given(Charge, values["charge"], "charge"))
    else:
        refunds = context.ledger.of(Refund, values.get("payment_intent"))
    intent_id = values.get("payment_intent")
    return page(refunds, values, "/v1/refunds", where=lambda refund: intent_id in (None, refund.charge.intent_id))


def refunds_of(charge: Charge) -> list[Refund]:
    """What was given back of a charge, oldest first."""
    return [refund for refund in charge.account.of(Refund) if refund.charge is charge]


def _charge(context: Context, values: Mapping[str, Any]) -> Charge:
    if "charge" in values:
        return context.ledger.given(Charge, values["charge"], "charge")
    if "payment_intent" not in values:
        raise missing_parameter("payment_intent")
    intent = context.ledger.given(PaymentIntent, values["payment_intent"], "payment_intent")
    if intent.latest_charge is None or intent.latest_charge.amount_captured == 0:
        raise invalid_request(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            param="payment_intent",
            code="payment_intent_unexpected_state",
            kept=True,
        )
    return intent.latest_charge


def _amount(charge: Charge, amount: int | None) -> int:
    if charge.amount_captured == 0:
        raise invalid_request(f"Charge {charge.id} was not captured: nothing to refund.", param="charge", kept=True)
    if charge.refundable == 0:
        raise invalid_request(
            f"Charge {charge.id} has already been refunded.", code="charge_already_refunded", param="charge", kept=True
        )
    if amount is None:
        return charge.refundable
    if amount < 1:
        raise invalid_request("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > charge.refundable:
        raise invalid_request(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({charge.refundable}), in minor "
            "units.",
            param="amount",
            code="amount_too_large",
            kept=True,
        )
    return amount
