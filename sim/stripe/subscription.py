"""Subscriptions: what a customer pays again and again, and what becomes of it when money or time runs out.

Source: the description of `Subscription.status` and those of the other fields in the official SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from sim.stripe import proration, subscription_calendar, subscription_rendering
from sim.stripe.billing import Moment, billing_of
from sim.stripe.billing_period import period_end
from sim.stripe.dunning import DAY_S
from sim.stripe.invoice import Invoice
from sim.stripe.invoice_item import InvoiceItem, Period, Sale
from sim.stripe.parameters import merged

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer
    from sim.stripe.payment_method import PaymentMethod
    from sim.stripe.pending_setup import PendingSetupIntent
    from sim.stripe.pending_update import PendingUpdate
    from sim.stripe.subscription_item import SubscriptionItem

Status = Literal["trialing", "active", "incomplete", "incomplete_expired", "past_due", "canceled", "unpaid", "paused"]
ENDED: Final = ("canceled", "incomplete_expired")
MISSING_METHOD: Final = ("cancel", "create_invoice", "pause")
_NO_DETAILS: Final[Mapping[str, Any]] = {"comment": None, "feedback": None, "feedback_option": None, "reason": None}


class Subscription:
    """One subscription; times are Unix seconds. Once `canceled` or `incomplete_expired` it stays so.

    `period` is the one under way. `resuming`: the invoice that a paused one waits for. `told`: what was told in
    advance (`upcoming_s` before a renewal), and of which moment.
    """

    __slots__ = (
        "id",
        "account",
        "customer",
        "created",
        "currency",
        "status",
        "items",
        "metadata",
        "description",
        "collection_method",
        "days_until_due",
        "default_payment_method",
        "payment_settings",
        "anchor",
        "start_date",
        "period",
        "trial_start",
        "trial_end",
        "missing_payment_method",
        "cancel_at",
        "cancel_at_period_end",
        "canceled_at",
        "ended_at",
        "cancellation_details",
        "latest_invoice",
        "pending_setup_intent",
        "pending_update",
        "pause_collection",
        "paused_at",
        "paused_because",
        "resuming",
        "upcoming_s",
        "told",
    )
    spoken_name: ClassVar = "subscription"

    def __init__(self, context: Context, customer: Customer, currency: str) -> None:
        account = customer.account
        self.id = account.next_id("sub")
        self.account = account
        self.customer = customer
        self.created = context.now_s
        self.currency = currency
        self.status: Status = "incomplete"
        self.items: Sequence[SubscriptionItem] = ()
        self.metadata: dict[str, str] = {}
        self.description: str | None = None
        self.collection_method = "charge_automatically"
        self.days_until_due: int | None = None
        self.default_payment_method: PaymentMethod | None = None
        self.payment_settings: Mapping[str, Any] = {}
        self.anchor = context.now_s
        self.start_date = context.now_s
        self.period: Period = (context.now_s, context.now_s)
        self.trial_start: int | None = None
        self.trial_end: int | None = None
        self.missing_payment_method = "create_invoice"
        self.cancel_at: int | None = None
        self.cancel_at_period_end = False
        self.canceled_at: int | None = None
        self.ended_at: int | None = None
        self.cancellation_details: Mapping[str, Any] = _NO_DETAILS
        self.latest_invoice: Invoice | None = None
        self.pending_setup_intent: PendingSetupIntent | None = None
        self.pending_update: PendingUpdate | None = None
        self.pause_collection: dict[str, Any] | None = None
        self.paused_at: int | None = None
        self.paused_because = "system"
        self.resuming: Invoice | None = None
        self.upcoming_s = context.merchant.dunning.upcoming_days * DAY_S
        self.told: set[tuple[str, int]] = set()

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def automatic(self) -> bool:
        """Whether Stripe charges by itself."""
        return self.collection_method == "charge_automatically"

    def payer(self) -> PaymentMethod | None:
        """What renewals are charged to."""
        for method in (self.default_payment_method, self.customer.default_payment_method):
            if method is not None and method.customer is self.customer:
                return method
        return None

    def have_items(self, items: Sequence[SubscriptionItem]) -> None:
        """From now on it has these; requests find them, and those that it has no more they do not."""
        objects = self.account.objects
        for gone in {item.id for item in self.items} - {item.id for item in items}:
            del objects[gone]
        for item in items:
            objects[item.id] = item
        self.items = items

    def cycle_end(self, items: Sequence[SubscriptionItem], anchor: int, now_s: int) -> int:
        """When the period that is under way ends, by the interval of these items."""
        recurring = items[0].price.recurring
        assert recurring is not None, "only what recurs can be subscribed to"
        return period_end(anchor, recurring.interval, recurring.interval_count, now_s)

    @contextmanager
    def updating(self, context: Context) -> Iterator[None]:
        """Whatever changes within is told in one event."""
        before = self.render()
        yield
        after = self.render()
        changed = {name: value for name, value in before.items() if after[name] != value}
        if changed:
            self.emit(context, "updated", changed)

    def emit(self, context: Context, change: str, previous: Mapping[str, Any] | None = None) -> None:
        context.emit(self.account, f"customer.subscription.{change}", self.id, self.render(), previous)
        billing_of(context, self.account).plan(self)

    # Invoices.

    def waiting_items(self) -> list[InvoiceItem]:
        """What waits for the next invoice: what belongs to this subscription, and what belongs to none."""
        billing = self.account.billing
        waiting = billing.waiting_items if billing else []
        return [item for item in waiting if item.customer is self.customer and item.sale.subscription in (None, self)]

    def invoice(self, context: Context, reason: str, sales: Sequence[Sale], gathered: Sequence[InvoiceItem]) -> Invoice:
        """A draft with these lines; the caller opens it."""
        invoice = Invoice(context, self.customer, self.currency, reason, self)
        billing_of(context, self.account)
        invoice.gather([item for item in gathered if item.sale.currency == self.currency])
        for sale in sales:
            invoice.add(sale)
        return invoice

    def keep_for_later(self, context: Context, sales: Sequence[Sale]) -> None:
        """Put sales on the next invoice."""
        for sale in sales:
            item = InvoiceItem(self.account.next_id("ii"), self.customer, context.now_s, sale)
            self.account.objects[item.id] = item
            billing_of(context, self.account).waiting_items.append(item)
            item.emit(context, "created")

    def invoice_settled(self, context: Context, invoice: Invoice) -> None:
        """An invoice of it is paid."""
        update = self.pending_update
        if update is not None and update.invoice is invoice:
            trial_end = self.trial_end
            with self.updating(context):
                self.pending_update = None
                update.take_effect(context, self)
            if self.trial_end != trial_end:
                self.tell_trial_end_if_near(context)
            self.emit(context, "pending_update_applied")
        if invoice is not self.latest_invoice:
            return
        intent = invoice.intent
        keep = self.payment_settings.get("save_default_payment_method") == "on_subscription"
        if self.resuming is invoice:
            self.become_active(context)
        with self.updating(context):
            if self.status in ("incomplete", "past_due", "unpaid"):
                self.status = "active"
            if keep and intent is not None and intent.payment_method is not None:
                self.default_payment_method = intent.payment_method

    def invoice_unpaid(self, context: Context, invoice: Invoice, *, last: bool = False) -> None:
        """A payment of an invoice failed, or waits for the customer. `last`: nothing more will be tried."""
        if self.pending_update is not None and self.pending_update.invoice is invoice:
            return
        if invoice is self.latest_invoice and self.status == "active":
            with self.updating(context):
                self.status = "past_due"
        if last and self.status == "past_due":
            resort = context.merchant.dunning.last_resort
            if resort == "cancel":
                self.cancel(context, reason="payment_failed")
            elif resort == "unpaid":
                with self.updating(context):
                    self.status = "unpaid"

    def invoice_given_up(self, context: Context, invoice: Invoice) -> None:
        """An invoice of it became void or uncollectible."""
        if self.pending_update is not None and self.pending_update.invoice is invoice:
            with self.updating(context):
                self.pending_update = None
            self.emit(context, "pending_update_expired")
        if invoice is not self.latest_invoice:
            return
        if self.resuming is invoice:
            # Source: the description of the resume operation in the official SDK.
            if invoice.status == "uncollectible":
                self.become_active(context)
            else:
                self.resuming = None
            return
        with self.updating(context):
            if self.status == "incomplete" and invoice.status == "void":
                self.status = "incomplete_expired"
                self.ended_at = context.now_s
            elif self.status == "past_due":
                # Assumption: the latest invoice is not owed any more, so nothing is past due.
                self.status = "active"

    def set_up(self, context: Context, method: PaymentMethod) -> None:
        """The pending SetupIntent succeeded with that payment method."""
        with self.updating(context):
            self.pending_setup_intent = None
            if self.payment_settings.get("save_default_payment_method") == "on_subscription":
                self.default_payment_method = method

    def merge_metadata(self, given: Mapping[str, str]) -> None:
        self.metadata = merged(self.metadata, given)

    # The end, and pauses.

    def schedule_cancellation(self, context: Context, *, at_s: int | None = None, at_period_end: bool = False) -> None:
        """Let it end at that Unix second, or with the period that is under way, or after all neither."""
        self.cancel_at, self.cancel_at_period_end = at_s, at_period_end
        asked = at_period_end or at_s is not None
        self.canceled_at = context.now_s if asked else None
        self.cancellation_details = {**self.cancellation_details, "reason": "cancellation_requested" if asked else None}

    def cancel(
        self,
        context: Context,
        *,
        reason: str = "cancellation_requested",
        invoice_now: bool = False,
        prorate: bool = False,
    ) -> None:
        """End it now. One whose first invoice was never paid expires instead."""
        if self.status == "incomplete":
            # Assumption: ended so rather than as `canceled`, since it never began.
            self.expire(context)
            return
        now_s = context.now_s
        if prorate and self.status in ("active", "past_due"):
            self.keep_for_later(context, proration.given_back(self.items, self.period, now_s))
        waiting = [item for item in self.waiting_items() if item.sale.subscription is self]
        if invoice_now and waiting:
            self.latest_invoice = self.invoice(context, "subscription_update", (), waiting)
            self.latest_invoice.open(context)
            self.latest_invoice.finalize(context)
            if self.automatic:
                self.latest_invoice.charge(context, off_session=True)
        elif not prorate and reason == "cancellation_requested" and not self._at_period_end(now_s):
            self._drop(waiting)
        self.status = "canceled"
        self.canceled_at = self.canceled_at or now_s
        self.ended_at = now_s
        self.cancellation_details = {**self.cancellation_details, "reason": reason}
        self.pending_update = None
        self.resuming = None
        self._stop_collecting(context)
        self.emit(context, "deleted")

    def pause(self, context: Context, because: str) -> None:
        """Nothing is due until it is resumed."""
        with self.updating(context):
            self.status = "paused"
            self.paused_at = context.now_s
            self.paused_because = because
        self.emit(context, "paused")

    def become_active(self, context: Context) -> None:
        """A paused one goes on."""
        with self.updating(context):
            self.resuming = None
            self.status = "active"
            self.paused_at = None
        self.emit(context, "resumed")

    def _stop_collecting(self, context: Context) -> None:
        billing = billing_of(context, self.account)
        for invoice in billing.invoices:
            if invoice.subscription is self and invoice.status in ("draft", "open"):
                invoice.stop_collecting()

    def _drop(self, items: Sequence[InvoiceItem]) -> None:
        billing = self.account.billing
        assert billing is not None, "a subscription is among the bills of its account"
        for item in items:
            billing.waiting_items.remove(item)
            item.deleted = True
            del self.account.objects[item.id]

    def expire(self, context: Context) -> None:
        """Its first invoice was not paid in time."""
        assert self.latest_invoice is not None, "an incomplete subscription has a first invoice"
        self.latest_invoice.void(context)

    def _at_period_end(self, now_s: int) -> bool:
        return self.cancel_at_period_end and now_s >= self.period[1]

    def expire_update(self, context: Context) -> None:
        """The pending update, if there is one, is not to take effect any more."""
        if self.pending_update is not None:
            self.pending_update.invoice.void(context)

    # Time.

    def due(self, open_ended: bool) -> Moment | None:
        return subscription_calendar.next_moment(self, open_ended)

    def come_due(self, context: Context, what: str) -> None:
        subscription_calendar.ON_ITS_DAY[what](context, self)

    def tell_trial_end_if_near(self, context: Context) -> None:
        """To be called when the end of the trial was set; an end at once counts as near."""
        if self.trial_end is not None and self.trial_end - subscription_calendar.TRIAL_WILL_END_S <= context.now_s:
            self.tell_trial_end(context)

    def tell_trial_end(self, context: Context) -> None:
        assert self.trial_end is not None
        self.told.add(("trial", self.trial_end))
        self.emit(context, "trial_will_end")

    def ends_with_trial(self, context: Context) -> bool:
        """Whether the end of the trial is the end, or a pause, for want of a payment method."""
        if not self.automatic or self.payer() is not None or self.missing_payment_method == "create_invoice":
            return False
        if self.missing_payment_method == "cancel":
            self.cancel(context)
        else:
            self.pause(context, "trial_end_without_payment_method")
        return True

    def render(self) -> dict[str, Any]:
        return subscription_rendering.rendered(self)
