"""Invoices: what a customer owes, from the draft to the money, or to the end of hope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from sim.stripe import invoice_calendar, invoice_rendering
from sim.stripe.billing import Billing, Moment, billing_of
from sim.stripe.confirmation import attempt, need, prepare
from sim.stripe.currency import SMALLEST_MINOR
from sim.stripe.dunning import DAY_S
from sim.stripe.errors import StripeError, invalid_request
from sim.stripe.invoice_item import InvoiceItem, InvoiceLine, Sale
from sim.stripe.invoice_payment import InvoiceIntent, InvoicePayment
from sim.time import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer
    from sim.stripe.payment_method import PaymentMethod
    from sim.stripe.subscription import Subscription

Status = Literal["draft", "open", "paid", "uncollectible", "void"]
DRAFT_S: Final = HOUR_US // SECOND_US
"""How long an invoice that finalizes by itself stays a draft. Source: the description of `Invoice` in the official SDK.
Assumption: the hour begins when it is made, as it does without receivers of webhooks; the wait for a receiver that does
not answer, which Stripe's page "Status transitions and finalization" tells of, is not modelled."""
_PURPOSES: Final = {
    "subscription_create": "Subscription creation",
    "subscription_update": "Subscription update",
    "subscription_cycle": "Subscription update",
}
SETTABLE: Final = (
    "custom_fields",
    "description",
    "effective_at",
    "footer",
    "rendering",
    "shipping_details",
    "statement_descriptor",
)
"""What an invoice shows as it was given."""


class Invoice:
    """One invoice. Amounts are in minor units, times Unix seconds. Once `paid` or `void` it stays so.

    `period` tells of which time items were gathered. `moved_at` tells when it reached which status.
    """

    __slots__ = (
        "id",
        "account",
        "customer",
        "created",
        "currency",
        "status",
        "lines",
        "billing_reason",
        "collection_method",
        "auto_advance",
        "finalizes_at",
        "days_until_due",
        "due_date",
        "subscription",
        "default_payment_method",
        "fields",
        "metadata",
        "number",
        "payments",
        "payment_settings",
        "attempt_count",
        "attempted",
        "next_payment_attempt",
        "starting_balance",
        "ending_balance",
        "amount_paid",
        "paid_off_stripe",
        "period",
        "moved_at",
        "uncollectible_reason",
        "deleted",
        "overdue",
        "_automatic",
    )
    spoken_name: ClassVar = "invoice"

    def __init__(
        self, context: Context, customer: Customer, currency: str, reason: str, subscription: Subscription | None
    ) -> None:
        account = customer.account
        self.id = account.next_id("in")
        self.account = account
        self.customer = customer
        self.created = context.now_s
        self.currency = currency
        self.status: Status = "draft"
        self.lines: list[InvoiceLine] = []
        self.billing_reason = reason
        self.collection_method = subscription.collection_method if subscription else "charge_automatically"
        self.auto_advance = subscription is not None
        self.finalizes_at: int | None = None
        self.days_until_due = subscription.days_until_due if subscription else None
        self.due_date: int | None = None
        self.subscription = subscription
        self.default_payment_method: PaymentMethod | None = None
        self.fields: dict[str, Any] = dict.fromkeys(SETTABLE)
        self.metadata: dict[str, str] = {}
        self.number: str | None = None
        self.payments: list[InvoicePayment] = []
        self.payment_settings: Mapping[str, Any] = subscription.payment_settings if subscription else {}
        self.attempt_count = 0
        self.attempted = False
        self.next_payment_attempt: int | None = None
        self.starting_balance = customer.balance
        self.ending_balance: int | None = None
        self.amount_paid = 0
        self.paid_off_stripe = 0
        self.period = (context.now_s, context.now_s)
        self.moved_at: dict[str, int] = {}
        self.uncollectible_reason: str | None = None
        self.deleted = False
        self.overdue = False
        self._automatic = False

    # What it is about.

    @property
    def total(self) -> int:
        return sum(line.sale.amount for line in self.lines)

    @property
    def amount_due(self) -> int:
        """What has to be paid after the customer's balance is used up."""
        due = max(0, self.total + self.starting_balance)
        # Source: the description of `Invoice` in the official SDK: what is too little to be charged is carried over.
        return due if due >= SMALLEST_MINOR[self.currency] else 0

    @property
    def amount_remaining(self) -> int:
        return 0 if self.status == "paid" else self.amount_due - self.amount_paid

    @property
    def intent(self) -> InvoiceIntent | None:
        """The intent that pays it, once it is final and something is due."""
        return self.payments[-1].intent if self.payments else None

    @property
    def _billing(self) -> Billing:
        billing = self.account.billing
        assert billing is not None, "an invoice is among the bills of its account"
        return billing

    @property
    def payment_method_types(self) -> list[str] | None:
        types: list[str] | None = self.payment_settings.get("payment_method_types") or None
        return types

    @property
    def includable(self) -> Mapping[str, Any]:
        """Shown only where expanded."""
        return invoice_rendering.includable(self)

    def purpose(self) -> str:
        return _PURPOSES.get(self.billing_reason, "Payment for Invoice")

    def saves_payment_method(self) -> bool:
        return self.subscription is not None and self.collection_method == "charge_automatically"

    def payer(self) -> PaymentMethod | None:
        """What it is charged to: its own payment method, else the subscription's, else the customer's."""
        subscription = self.subscription
        for method in (
            self.default_payment_method,
            subscription.default_payment_method if subscription else None,
            self.customer.default_payment_method,
        ):
            if method is not None and method.customer is self.customer:
                return method
        return None

    def add(self, sale: Sale, source: InvoiceItem | None = None) -> InvoiceLine:
        """Add a line to a draft."""
        line = InvoiceLine(self.account.next_id("il"), self.created, self.id, sale, source)
        self.lines.append(line)
        if source is not None:
            source.invoice = self
        return line

    def gather(self, wanted: Sequence[InvoiceItem]) -> None:
        """Take up items that waited for an invoice."""
        waiting = self._billing.waiting_items
        for item in wanted:
            waiting.remove(item)
            self.add(item.sale, item)

    # What becomes of it.

    def open(self, context: Context) -> None:
        """Put a new draft on record."""
        self.account.objects[self.id] = self
        billing_of(context, self.account).invoices.append(self)
        self.customer.currency = self.customer.currency or self.currency
        if self.auto_advance and self.finalizes_at is None:
            self.finalizes_at = self.created + DRAFT_S
        self.emit(context, "created")

    def finalize(self, context: Context) -> None:
        """From now on nothing about it changes but how it is paid. With nothing due it is paid."""
        customer = self.customer
        self.number = self.number or f"{customer.invoice_prefix}-{customer.next_invoice:04d}"
        customer.next_invoice += 1
        self.starting_balance = customer.balance
        due = self.amount_due
        self.ending_balance = customer.balance = 0 if due else self.total + self.starting_balance
        if self.collection_method == "send_invoice" and self.due_date is None:
            self.due_date = context.now_s + (self.days_until_due or 0) * DAY_S
        self._move(context, "open")
        self.finalizes_at = None
        self.emit(context, "finalized")
        if due:
            intent = InvoiceIntent(context, self)
            payment = InvoicePayment(self.account.next_id("inpay"), context.now_s, self, intent)
            self.account.objects[payment.id] = payment
            self.payments.append(payment)
            intent.note_purpose(context)
            intent.emit(context, "created")
        else:
            self._settle(context, 0)

    def charge(
        self,
        context: Context,
        *,
        off_session: bool,
        method: PaymentMethod | None = None,
        automatic: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> StripeError | None:
        """Try to charge an invoice that is final: what went wrong, or None if nothing did or nothing was due.

        An issuer who wants to see the customer makes the intent wait for the customer, also off session.
        """
        intent, method = self.intent, method or self.payer()
        if self.status not in ("open", "uncollectible") or intent is None:
            return None
        if method is None:
            return missing_payer()
        absent = off_session and need(method, intent.options, off_session=True) != "absent_customer"
        values = {"payment_method": method.id, "off_session": absent, "use_stripe_sdk": True, **(options or {})}
        self._automatic = automatic
        try:
            prepare(context, intent, values)
            attempt(context, intent, values)
        except StripeError as refusal:
            return refusal
        finally:
            self._automatic = False
        return None

    def intent_changed(self, context: Context, intent: InvoiceIntent, change: str) -> None:
        """Its intent went on: as the browser, the backend or time made it."""
        payment = self.payments[-1] if self.payments else None
        if payment is None or payment.intent is not intent or change == "created":
            return
        if change == "canceled":
            payment.end(context, "canceled")
        elif change == "succeeded":
            self.count_attempt()
            payment.end(context, "paid")
            self._settle(context, payment.amount_requested)
        elif change in ("payment_failed", "requires_action"):
            self.count_attempt()
            self.emit(context, "payment_failed" if change == "payment_failed" else "payment_action_required")
            if self.subscription is not None:
                self.subscription.invoice_unpaid(context, self)

    def settle_elsewhere(self, context: Context) -> None:
        """It was paid in a way that Stripe knows nothing of."""
        self.paid_off_stripe = self.amount_remaining
        intent = self.intent
        if intent is not None:
            intent.drop(context, "void_invoice")
        self._settle(context, self.paid_off_stripe)

    def void(self, context: Context) -> None:
        """It is not owed any more, as if it had been a mistake."""
        self._give_up(context, "void", "voided")

    def mark_uncollectible(self, context: Context, reason: str) -> None:
        """It is owed but will not be paid."""
        self.uncollectible_reason = reason
        self.customer.delinquent = False
        self._give_up(context, "uncollectible", "marked_uncollectible")

    def set_auto_advance(self, context: Context, wanted: bool) -> None:
        """Whether it goes on by itself, from the draft to the last attempt to charge it."""
        if not wanted:
            self.stop_collecting()
            return
        self.auto_advance = True
        if self.status == "draft":
            self.finalizes_at = self.finalizes_at or context.now_s + DRAFT_S
            self.plan()
        elif self.status == "open" and self.next_payment_attempt is None:
            self.begin_collecting(context)

    def begin_collecting(self, context: Context) -> None:
        """Charge it by itself from now on; it was finalized just now. Assumption: after an hour, as a draft's."""
        if self.status == "open" and self.collection_method == "charge_automatically":
            self.next_payment_attempt = context.now_s + DRAFT_S
            self.plan()

    def forget(self) -> None:
        """A draft is deleted: it is on no record any more, and its items are gone with it."""
        for line in self.lines:
            if line.source is not None:
                line.source.deleted = True
                del self.account.objects[line.source.id]
        self.deleted = True
        self._billing.invoices.remove(self)
        del self.account.objects[self.id]

    def stop_collecting(self) -> None:
        """Leave it as it is: nothing happens to it by itself any more."""
        self.auto_advance = False
        self.finalizes_at = None
        self.next_payment_attempt = None
        self.plan()

    # Time.

    def plan(self) -> None:
        """To be called whenever something about it changed that says when it falls due."""
        self._billing.plan(self)

    def due(self, open_ended: bool) -> Moment | None:
        return invoice_calendar.next_moment(self)

    def come_due(self, context: Context, what: str) -> None:
        invoice_calendar.come_due(context, self, what)

    # Parts of the above.

    def count_attempt(self, *, automatic: bool = False) -> None:
        # Source: the description of `Invoice.attempt_count` in the official SDK.
        self.attempted = True
        self.attempt_count = self.attempt_count + 1 if automatic or self._automatic else max(1, self.attempt_count)

    def _settle(self, context: Context, amount: int) -> None:
        self.amount_paid = amount
        self.customer.delinquent = False
        self.attempted = True
        self.next_payment_attempt = None
        self._move(context, "paid")
        self.emit(context, "paid")
        self.emit(context, "payment_succeeded")
        if self.subscription is not None:
            self.subscription.invoice_settled(context, self)

    def _give_up(self, context: Context, status: Status, change: str) -> None:
        intent = self.intent
        self.next_payment_attempt = None
        self._move(context, status)
        if status == "void" and intent is not None:
            intent.drop(context, "void_invoice")
        self.emit(context, change)
        if self.subscription is not None:
            self.subscription.invoice_given_up(context, self)

    def _move(self, context: Context, status: Status) -> None:
        self.status = status
        self.moved_at[status] = context.now_s
        self.plan()

    def emit(self, context: Context, change: str, previous: Mapping[str, Any] | None = None) -> None:
        context.emit(self.account, f"invoice.{change}", self.id, self.render(), previous)
        self.plan()

    def render(self) -> dict[str, Any]:
        return invoice_rendering.rendered(self)


def missing_payer() -> StripeError:
    return invalid_request(
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-"
        "setting.",
        code="resource_missing",
    )
