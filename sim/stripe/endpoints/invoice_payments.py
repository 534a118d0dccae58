"""Requests about the payments of invoices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.invoice_payment import InvoicePayment
from sim.stripe.listing import PAGING, page

LIST: Final[parameters.Specification] = {
    **PAGING,
    "created": parameters.hash_of_anything,
    "invoice": parameters.text,
    "payment": parameters.nested(
        {
            "payment_intent": parameters.text,
            "payment_record": parameters.text,
            "type": parameters.choice("payment_intent", "payment_record"),
        }
    ),
    "status": parameters.choice("canceled", "open", "paid"),
}


def retrieve(context: Context, values: Mapping[str, Any], payment_id: str) -> dict[str, Any]:
    return context.ledger.get(InvoicePayment, payment_id).render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    by = values.get("payment", {})
    intent_id = by.get("payment_intent")
    payments = context.ledger.of(InvoicePayment, values.get("invoice") or intent_id)
    if "invoice" in values:
        payments = [payment for payment in payments if payment.invoice.id == values["invoice"]]
    if intent_id is not None:
        payments = [payment for payment in payments if payment.intent.id == intent_id]
    if by.get("type") == "payment_record":
        payments = []
    if "status" in values:
        payments = [payment for payment in payments if payment.status == values["status"]]
    return page(payments, values, "/v1/invoice_payments")
