"""How an invoice is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sim.stripe.invoice import Invoice
    from sim.stripe.subscription import Subscription

_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "invoice",
    "account_country": "US",
    "account_name": "Gatefall",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_shipping": 0,
    "application": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "customer_account": None,
    "customer_tax_ids": [],
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "from_invoice": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "on_behalf_of": None,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "shipping_cost": None,
    "threshold_reason": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
}


def rendered(invoice: Invoice) -> dict[str, Any]:
    """The complete object as Stripe answers it, but for what is `includable`."""
    if invoice.deleted:
        return {"id": invoice.id, "object": "invoice", "deleted": True}
    clock, method, reason = invoice.account.test_clock, invoice.default_payment_method, invoice.uncollectible_reason
    return {
        "id": invoice.id,
        **_CONSTANT,
        **invoice.fields,
        **_amounts(invoice),
        **_progress(invoice),
        **_customer(invoice),
        "billing_reason": invoice.billing_reason,
        "collection_method": invoice.collection_method,
        "created": invoice.created,
        "currency": invoice.currency,
        "default_payment_method": method.id if method else None,
        "due_date": invoice.due_date,
        "effective_at": invoice.fields["effective_at"] or invoice.moved_at.get("open"),
        "lines": _listed([line.render() for line in invoice.lines], f"/v1/invoices/{invoice.id}/lines"),
        "metadata": invoice.metadata,
        "number": invoice.number,
        "parent": _parent(invoice.subscription) if invoice.subscription else None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": invoice.payment_settings.get("payment_method_options"),
            "payment_method_types": invoice.payment_method_types,
        },
        "period_end": invoice.period[1],
        "period_start": invoice.period[0],
        "status": invoice.status,
        "status_details": {"uncollectible": {"reason": reason}} if reason else None,
        "test_clock": clock.id if clock else None,
        "webhooks_delivered_at": invoice.created,
    }


def includable(invoice: Invoice) -> Mapping[str, Callable[[], Any]]:
    """What is shown only where it is expanded."""
    return {"confirmation_secret": lambda: _confirmation_secret(invoice), "payments": lambda: _payments(invoice)}


def _amounts(invoice: Invoice) -> dict[str, Any]:
    total = invoice.total
    return {
        "amount_due": invoice.amount_due,
        "amount_paid": invoice.amount_paid,
        "amount_paid_off_stripe": invoice.paid_off_stripe,
        "amount_remaining": invoice.amount_remaining,
        "ending_balance": invoice.ending_balance,
        "starting_balance": invoice.starting_balance,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }


def _progress(invoice: Invoice) -> dict[str, Any]:
    """How far it has come, and what will be done by itself."""
    final = invoice.status != "draft"
    automatic = invoice.collection_method == "charge_automatically"
    first_attempt_at = invoice.finalizes_at if automatic and not final else None
    return {
        "attempt_count": invoice.attempt_count,
        "attempted": invoice.attempted,
        "auto_advance": invoice.auto_advance and invoice.status in ("draft", "open"),
        "automatically_finalizes_at": invoice.finalizes_at,
        "hosted_invoice_url": f"https://invoice.stripe.test/i/{invoice.id}" if final else None,
        "invoice_pdf": f"https://pay.stripe.test/invoice/{invoice.id}/pdf" if final else None,
        "next_payment_attempt": invoice.next_payment_attempt or first_attempt_at,
        "status_transitions": {
            "finalized_at": invoice.moved_at.get("open"),
            "marked_uncollectible_at": invoice.moved_at.get("uncollectible"),
            "paid_at": invoice.moved_at.get("paid"),
            "voided_at": invoice.moved_at.get("void"),
        },
    }


def _customer(invoice: Invoice) -> dict[str, Any]:
    customer = invoice.customer
    return {
        "customer": customer.id,
        "customer_address": customer.address,
        "customer_email": customer.texts["email"],
        "customer_name": customer.texts["name"],
        "customer_phone": customer.texts["phone"],
        "customer_shipping": customer.shipping,
        "customer_tax_exempt": customer.tax_exempt,
    }


def _parent(subscription: Subscription) -> dict[str, Any]:
    details = {"metadata": subscription.metadata, "subscription": subscription.id}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _confirmation_secret(invoice: Invoice) -> dict[str, str] | None:
    intent = invoice.intent
    if intent is None or invoice.status != "open":
        return None
    return {"client_secret": intent.client_secret, "type": "payment_intent"}


def _payments(invoice: Invoice) -> dict[str, Any]:
    payments = [payment.render() for payment in invoice.payments]
    return _listed(payments, f"/v1/invoice_payments?invoice={invoice.id}")


def _listed(data: list[dict[str, Any]], url: str) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": False, "url": url}
