"""How an invoice is paid: by a PaymentIntent of its own, which a browser can confirm as any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sim.stripe.account import LISTED_AS
from sim.stripe.errors import invalid_request
from sim.stripe.payment_intent import PaymentIntent

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.invoice import Invoice


class InvoiceIntent(PaymentIntent):
    """A PaymentIntent that tells its invoice what becomes of it."""

    __slots__ = ("invoice",)

    def __init__(self, context: Context, invoice: Invoice) -> None:
        account = invoice.account
        super().__init__(
            account.next_id("pi"), account, context, invoice.customer, invoice.amount_remaining, invoice.currency
        )
        self.invoice = invoice
        self.description = invoice.purpose()
        self.types = invoice.payment_method_types or list(self.merchant.automatic_types)
        self.setup_future_usage = "off_session" if invoice.saves_payment_method() else None
        account.objects[self.id] = self
        account.intents.append(self)

    def emit(self, context: Context, change: str) -> None:
        super().emit(context, change)
        self.invoice.intent_changed(context, self, change)

    def cancel(self, context: Context, reason: str | None) -> None:
        # Assumption: refused, as for other intents that belong to something else.
        self.check_cancelable(context)
        raise self.unexpected_state(
            context,
            f"You cannot cancel this PaymentIntent because it was created by the Invoice {self.invoice.id}. Void the "
            "invoice instead.",
        )

    def drop(self, context: Context, reason: str) -> None:
        """Cancel it because its invoice is over."""
        if self.status in self.cancelable:
            super().cancel(context, reason)

    def check_change(self, values: Mapping[str, Any]) -> None:
        # Assumption: what is due, and from whom, is the invoice's to say.
        for name in ("amount", "currency", "customer"):
            if name in values:
                raise invalid_request(
                    f"You cannot modify `{name}` on a PaymentIntent that was created by an Invoice "
                    f"({self.invoice.id}).",
                    param=name,
                )


LISTED_AS[InvoiceIntent] = PaymentIntent


class InvoicePayment:
    """The tie between an invoice and its intent. Amounts are in minor units."""

    __slots__ = ("id", "created", "invoice", "intent", "amount_requested", "amount_paid", "status", "ended_at")
    spoken_name: ClassVar = "invoice_payment"

    def __init__(self, payment_id: str, created: int, invoice: Invoice, intent: InvoiceIntent) -> None:
        self.id = payment_id
        self.created = created
        self.invoice = invoice
        self.intent = intent
        self.amount_requested = intent.amount
        self.amount_paid: int | None = None
        self.status = "open"
        self.ended_at: int | None = None

    def end(self, context: Context, status: str) -> None:
        """It was paid, or canceled."""
        self.status = status
        self.ended_at = context.now_s
        if status == "paid":
            self.amount_paid = self.amount_requested
            context.emit(self.invoice.account, "invoice_payment.paid", self.id, self.render())

    def render(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "invoice_payment",
            "amount_paid": self.amount_paid,
            "amount_requested": self.amount_requested,
            "created": self.created,
            "currency": self.invoice.currency,
            "invoice": self.invoice.id,
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": self.intent.id, "type": "payment_intent"},
            "status": self.status,
            "status_transitions": {
                "canceled_at": self.ended_at if self.status == "canceled" else None,
                "paid_at": self.ended_at if self.status == "paid" else None,
            },
        }
