"""Requests about charges; they are made by confirming intents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.charge import Charge
from sim.stripe.context import Context
from sim.stripe.listing import PAGING, page

LIST: Final[parameters.Specification] = {
    **PAGING,
    "customer": parameters.text,
    "payment_intent": parameters.text,
    "created": parameters.hash_of_anything,
}


def retrieve(context: Context, values: Mapping[str, Any], charge_id: str) -> dict[str, Any]:
    return context.ledger.get(Charge, charge_id, "charge").render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    charges = context.ledger.of(Charge, values.get("payment_intent") or values.get("customer"))
    if "customer" in values:
        charges = [charge for charge in charges if charge.customer_id == values["customer"]]
    if "payment_intent" in values:
        charges = [charge for charge in charges if charge.intent_id == values["payment_intent"]]
    return page(charges, values, "/v1/charges")
