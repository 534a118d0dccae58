"""What happens to an invoice because time passes: it is finalized, charged, charged again, or overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.stripe.billing import Moment
    from sim.stripe.context import Context
    from sim.stripe.invoice import Invoice


def next_moment(invoice: Invoice) -> Moment | None:
    """What will happen next."""
    if invoice.status == "draft" and not invoice.deleted:
        at_s = invoice.finalizes_at
    elif invoice.status == "open" and invoice.collection_method == "send_invoice" and not invoice.overdue:
        return None if invoice.due_date is None else (invoice.due_date, "overdue")
    elif invoice.status == "open":
        at_s = invoice.next_payment_attempt
    else:
        return None
    return None if at_s is None else (at_s, invoice.status)


def come_due(context: Context, invoice: Invoice, what: str) -> None:
    """Finalize the draft; charge it, for the first time or again; or say that it is overdue."""
    if what == "overdue":
        _become_overdue(context, invoice)
        return
    if invoice.status == "draft":
        invoice.finalizes_at = None
        invoice.finalize(context)
    if invoice.status != "open":
        return
    if invoice.collection_method == "send_invoice":
        invoice.emit(context, "sent")
    else:
        _charge(context, invoice)


def _become_overdue(context: Context, invoice: Invoice) -> None:
    invoice.overdue = True
    invoice.customer.delinquent = True
    invoice.emit(context, "overdue")
    if invoice.subscription is not None:
        invoice.subscription.invoice_unpaid(context, invoice)


def _charge(context: Context, invoice: Invoice) -> None:
    invoice.next_payment_attempt = None
    refusal = invoice.charge(context, off_session=True, automatic=True)
    if invoice.status != "open":
        return
    # Of a refusal by the issuer (402) the intent's own failure has told already.
    if refusal is not None and refusal.status != 402 and invoice.intent is not None:
        invoice.count_attempt(automatic=True)
        invoice.emit(context, "payment_failed")
    _plan_retry(context, invoice)


def _plan_retry(context: Context, invoice: Invoice) -> None:
    # Source: the description of `Customer.delinquent` in the official SDK, also for what unsets it.
    invoice.customer.delinquent = True
    dunning = context.merchant.dunning
    invoice.next_payment_attempt = dunning.retry_at_s(max(1, invoice.attempt_count), context.now_s)
    if invoice.next_payment_attempt is None and invoice.subscription is None:
        invoice.auto_advance = False
    invoice.plan()
    if invoice.subscription is not None:
        invoice.subscription.invoice_unpaid(context, invoice, last=invoice.next_payment_attempt is None)
