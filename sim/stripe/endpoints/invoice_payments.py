"""Requests about the payments of invoices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.invoice_payment import InvoicePayment
from sim.stripe.listing import CREATED, PAGING, page

LIST: Final[parameters.Specification] = {
    **PAGING,
    **CREATED,
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
    intent_id = values.get("payment", {}).get("payment_intent")
    payments = context.ledger.of(InvoicePayment, values.get("invoice") or intent_id)
    return page(payments, values, "/v1/invoice_payments", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], payment: InvoicePayment) -> bool:
    by = values.get("payment", {})
    return (
        values.get("invoice") in (None, payment.invoice.id)
        and by.get("payment_intent") in (None, payment.intent.id)
        and by.get("type") in (None, "payment_intent")
        and values.get("status") in (None, payment.status)
    )
