"""Subscriptions: what a customer pays again and again, and what becomes of it when money or time runs out.

Source: the description of `Subscription.status` and those of the other fields in the official SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from sim.stripe import proration
from sim.stripe.billing import Moment, billing_of
from sim.stripe.billing_period import period_end
from sim.stripe.dunning import DAY_S
from sim.stripe.invoice import Invoice
from sim.stripe.invoice_item import InvoiceItem, Period, Sale
from sim.stripe.parameters import merged
from sim.time import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer
    from sim.stripe.payment_method import PaymentMethod
    from sim.stripe.pending_setup import PendingSetupIntent
    from sim.stripe.pending_update import PendingUpdate
    from sim.stripe.subscription_item import SubscriptionItem

Status = Literal["trialing", "active", "incomplete", "incomplete_expired", "past_due", "canceled", "unpaid", "paused"]
ENDED: Final = ("canceled", "incomplete_expired")
EXPIRES_AFTER_S: Final = 23 * HOUR_US // SECOND_US
"""How long a first invoice, or that of a resumption, can be paid. Source: the descriptions of `Subscription.status` and
of the resume operation in the official SDK."""
TRIAL_WILL_END_S: Final = 3 * DAY_S
"""How long before the end `customer.subscription.trial_will_end` comes; at once for what is shorter, shortened or ended
early. Source: the description of that event in Stripe's reference."""
MISSING_METHOD: Final = ("cancel", "create_invoice", "pause")
_NO_DETAILS: Final[Mapping[str, Any]] = {"comment": None, "feedback": None, "feedback_option": None, "reason": None}
_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
    "billing_schedules": [],
    "billing_thresholds": None,
    "customer_account": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pending_invoice_item_interval": None,
    "schedule": None,
    "transfer_data": None,
}


class Subscription:
    """One subscription; times are Unix seconds. Once `canceled` or `incomplete_expired` it stays so.

    `period` is the one under way. `resuming`: the invoice that a paused one waits for.
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
        "_upcoming_s",
        "_told",
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
        self._upcoming_s = context.merchant.dunning.upcoming_days * DAY_S
        self._told: set[tuple[str, int]] = set()

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
            self._resumed(context)
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
                self._resumed(context)
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
            self._expire_first(context)
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

    def _resumed(self, context: Context) -> None:
        with self.updating(context):
            self.resuming = None
            self.status = "active"
            self.paused_at = None
        self.emit(context, "resumed")

    def become_active(self, context: Context) -> None:
        """A paused one goes on without an invoice that has to be paid first."""
        self._resumed(context)

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

    def _expire_first(self, context: Context) -> None:
        assert self.latest_invoice is not None, "an incomplete subscription has a first invoice"
        self.latest_invoice.void(context)

    def _at_period_end(self, now_s: int) -> bool:
        return self.cancel_at_period_end and now_s >= self.period[1]

    # Time.

    def due(self, open_ended: bool) -> Moment | None:
        moments = self._moments(open_ended)
        return min(moments, key=itemgetter(0)) if moments else None

    def come_due(self, context: Context, what: str) -> None:
        _WHEN_DUE[what](self, context)

    def _moments(self, open_ended: bool) -> list[Moment]:
        """What will happen to it; of things at the same time, the first is done first."""
        if self.ended:
            return []
        if self.status == "incomplete":
            return [(self.created + EXPIRES_AFTER_S, "expire")]
        found: list[Moment] = []
        end_s = self.period[1]
        if self.resuming is not None:
            found.append((self.resuming.created + EXPIRES_AFTER_S, "stay_paused"))
        if self.pending_update is not None:
            found.append((self.pending_update.expires_at, "expire_update"))
        if self.cancel_at_period_end and self.status != "paused":
            found.append((end_s, "cancel"))
        if self.cancel_at is not None:
            found.append((self.cancel_at, "cancel"))
        if self.status == "trialing" and self.trial_end is not None:
            if ("trial", self.trial_end) not in self._told:
                found.append((self.trial_end - TRIAL_WILL_END_S, "tell_trial_end"))
            found.append((self.trial_end, "renew"))
        elif self.status in ("active", "past_due", "unpaid"):
            if open_ended and ("upcoming", end_s) not in self._told and end_s - self._upcoming_s > self.period[0]:
                found.append((end_s - self._upcoming_s, "tell_upcoming"))
            if open_ended:
                found.append((end_s, "renew"))
        resumes_at = (self.pause_collection or {}).get("resumes_at")
        if resumes_at is not None:
            found.append((resumes_at, "resume_collection"))
        return found

    def _cancel_in_time(self, context: Context) -> None:
        waiting = [item for item in self.waiting_items() if item.sale.subscription is self]
        self.cancel(context, invoice_now=bool(waiting))

    def expire_update(self, context: Context) -> None:
        """The pending update, if there is one, is not to take effect any more."""
        if self.pending_update is not None:
            self.pending_update.invoice.void(context)

    def _stay_paused(self, context: Context) -> None:
        assert self.resuming is not None
        self.resuming.void(context)

    def tell_trial_end_if_near(self, context: Context) -> None:
        """To be called when the end of the trial was set; an end at once counts as near."""
        if self.trial_end is not None and self.trial_end - TRIAL_WILL_END_S <= context.now_s:
            self.tell_trial_end(context)

    def tell_trial_end(self, context: Context) -> None:
        assert self.trial_end is not None
        self._told.add(("trial", self.trial_end))
        self.emit(context, "trial_will_end")

    def _tell_upcoming(self, context: Context) -> None:
        self._told.add(("upcoming", self.period[1]))
        if self.status != "unpaid":
            context.emit(self.account, "invoice.upcoming", self.id, self.upcoming_invoice(context).render())
        billing_of(context, self.account).plan(self)

    def _resume_collection(self, context: Context) -> None:
        with self.updating(context):
            self.pause_collection = None

    def upcoming_invoice(self, context: Context) -> Invoice:
        """What the next invoice would be; it is on no record."""
        start_s = self.period[1]
        period = (start_s, self.cycle_end(self.items, self.anchor, start_s))
        invoice = Invoice(context, self.customer, self.currency, "upcoming", self)
        invoice.id = f"upcoming_{invoice.id}"
        for item in self.waiting_items():
            invoice.add(item.sale, item)
            item.invoice = None
        for subscribed in self.items:
            invoice.add(subscribed.sale(period))
        invoice.period = self.period
        return invoice

    def _renew(self, context: Context) -> None:
        """A period, or the trial, is over: begin the next one and bill it."""
        start_s = self.period[1]
        trial_is_over = self.status == "trialing"
        if trial_is_over and self.ends_with_trial(context):
            return
        period = (start_s, self.cycle_end(self.items, self.anchor, start_s))
        invoice = self.invoice(
            context, "subscription_cycle", [item.sale(period) for item in self.items], self.waiting_items()
        )
        invoice.period = self.period
        with self.updating(context):
            self.period = period
            self.latest_invoice = invoice
            if trial_is_over:
                self.status = "active"
        self._bill_cycle(context, invoice)

    def ends_with_trial(self, context: Context) -> bool:
        """Whether the end of the trial is the end, or a pause, for want of a payment method."""
        if not self.automatic or self.payer() is not None or self.missing_payment_method == "create_invoice":
            return False
        if self.missing_payment_method == "cancel":
            self.cancel(context)
        else:
            self.pause(context, "trial_end_without_payment_method")
        return True

    def _bill_cycle(self, context: Context, invoice: Invoice) -> None:
        """Put the invoice of a cycle on its way; where collection is paused, or was given up, not so far."""
        behavior = (self.pause_collection or {}).get("behavior")
        if behavior is not None or self.status == "unpaid":
            invoice.auto_advance = False
        invoice.open(context)
        if behavior in ("void", "mark_uncollectible"):
            invoice.finalize(context)
            if invoice.status != "open":
                return
            if behavior == "void":
                invoice.void(context)
            else:
                invoice.mark_uncollectible(context, "subscription_paused")

    # How it is shown.

    def render(self) -> dict[str, Any]:
        clock, method = self.account.test_clock, self.default_payment_method
        settings, update = self.payment_settings, self.pending_update
        return {
            "id": self.id,
            **_CONSTANT,
            "billing_cycle_anchor": self.anchor,
            "cancel_at": self.period[1] if self.cancel_at_period_end else self.cancel_at,
            "cancel_at_period_end": self.cancel_at_period_end,
            "canceled_at": self.canceled_at,
            "cancellation_details": self.cancellation_details,
            "collection_method": self.collection_method,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer.id,
            "days_until_due": self.days_until_due,
            "default_payment_method": method.id if method else None,
            "description": self.description,
            "ended_at": self.ended_at,
            "items": {
                "object": "list",
                "data": [item.render() for item in self.items],
                "has_more": False,
                "url": f"/v1/subscription_items?subscription={self.id}",
            },
            "latest_invoice": self.latest_invoice.id if self.latest_invoice else None,
            "metadata": self.metadata,
            "pause_collection": self.pause_collection,
            "payment_settings": {
                "payment_method_options": settings.get("payment_method_options"),
                "payment_method_types": settings.get("payment_method_types") or None,
                "save_default_payment_method": settings.get("save_default_payment_method", "off"),
            },
            "pending_setup_intent": self.pending_setup_intent.id if self.pending_setup_intent else None,
            "pending_update": update.render(self) if update else None,
            "start_date": self.start_date,
            "status": self.status,
            "status_details": self._status_details(),
            "test_clock": clock.id if clock else None,
            "trial_end": self.trial_end,
            "trial_settings": {
                "end_behavior": {
                    "billing_cycle_anchor": "now",
                    "missing_payment_method": self.missing_payment_method,
                }
            },
            "trial_start": self.trial_start,
        }

    def _status_details(self) -> dict[str, Any] | None:
        if self.paused_at is None:
            return None
        cause = {"type": self.paused_because}
        return {"paused": {"subscription": cause, "transitioned_at": self.paused_at, "type": "subscription"}}


_WHEN_DUE: Final = {
    "expire": Subscription._expire_first,
    "stay_paused": Subscription._stay_paused,
    "expire_update": Subscription.expire_update,
    "cancel": Subscription._cancel_in_time,
    "tell_trial_end": Subscription.tell_trial_end,
    "tell_upcoming": Subscription._tell_upcoming,
    "renew": Subscription._renew,
    "resume_collection": Subscription._resume_collection,
}
