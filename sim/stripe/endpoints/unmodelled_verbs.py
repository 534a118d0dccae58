"""Verbs that Stripe has and this double does not model: refused by name, so that nobody looks for a wrong address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request


def _taking(*names: str) -> parameters.Specification:
    return dict.fromkeys((*names, "expand"), parameters.unread)


_LINES: Final = _taking("invoice_metadata", "lines")
PREVIEW: Final = _taking(
    "automatic_tax",
    "currency",
    "customer",
    "customer_account",
    "customer_details",
    "discounts",
    "invoice_items",
    "issuer",
    "on_behalf_of",
    "preview_mode",
    "schedule",
    "schedule_details",
    "subscription",
    "subscription_details",
)
VERBS: Final[Mapping[str, parameters.Specification]] = {
    "POST invoices/*/add_lines": _LINES,
    "POST invoices/*/attach_payment": _taking("payment_intent", "payment_record"),
    "POST invoices/*/remove_lines": _LINES,
    "POST invoices/*/update_lines": _LINES,
    "POST subscriptions/*/migrate": _taking("billing_mode"),
}
"""By method and path, with the parameters that the official SDK's types have."""


def refuse(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    raise invalid_request("Stripe can do that, but this double of Stripe does not model it.")
