"""Changing the items of a subscription: what is prorated, what is billed at once, and when the change takes effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.stripe import proration
from sim.stripe.errors import invalid_request
from sim.stripe.invoice import Invoice
from sim.stripe.invoice_item import Period, Sale
from sim.stripe.pending_update import PendingUpdate
from sim.stripe.subscription import Subscription
from sim.stripe.subscription_start import LONGEST_TRIAL_S, check_payable, check_trial

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.subscription_item import SubscriptionItem


class Change:
    """What a subscription shall become: its items, the period under way, and the anchor of its periods."""

    __slots__ = ("items", "period", "anchor", "restarts", "values", "trial_end")

    def __init__(
        self, subscription: Subscription, items: Sequence[SubscriptionItem], values: Mapping[str, Any], now_s: int
    ) -> None:
        self.items = items
        self.values = values
        self.period: Period = subscription.period
        self.anchor = subscription.anchor
        self.trial_end = subscription.trial_end
        trial_end = values.get("trial_end")
        reset = values.get("billing_cycle_anchor", {}).get("type") == "now"
        trialing = subscription.status == "trialing"
        self.restarts = (
            (trialing and trial_end == "now")
            or (not trialing and _interval(items) != _interval(subscription.items))
            or (not trialing and reset)
        )
        if self.restarts:
            self.anchor = now_s
            self.period = (now_s, subscription.cycle_end(items, now_s, now_s))
            self.trial_end = now_s if trialing else self.trial_end
        elif isinstance(trial_end, int):
            if not now_s < trial_end <= now_s + LONGEST_TRIAL_S:
                raise invalid_request(
                    f"Invalid timestamp: `trial_end` must be in the future and within two years, got {trial_end}.",
                    param="trial_end",
                )
            self.trial_end = self.anchor = trial_end
            self.period = (now_s if subscription.status != "trialing" else subscription.period[0], trial_end)

    @property
    def proration_behavior(self) -> str:
        behavior: str = self.values.get("proration_behavior", "create_prorations")
        return behavior

    def apply(self, context: Context, subscription: Subscription, invoice: Invoice | None = None) -> None:
        """Do it now, and tell of it."""
        trial_end = subscription.trial_end
        with subscription.updating(context):
            subscription.latest_invoice = invoice or subscription.latest_invoice
            self.take_effect(context, subscription)
        if trial_end != subscription.trial_end:
            subscription.tell_trial_end_if_near(context)

    def take_effect(self, context: Context, subscription: Subscription) -> None:
        subscription.have_items(self.items)
        subscription.period = self.period
        subscription.anchor = self.anchor
        if self.trial_end != subscription.trial_end:
            subscription.trial_start = subscription.trial_start or context.now_s
            subscription.trial_end = self.trial_end
            ends = self.trial_end is not None and self.trial_end > context.now_s
            subscription.status = "trialing" if ends else "active"


def change_items(
    context: Context, subscription: Subscription, items: Sequence[SubscriptionItem], values: Mapping[str, Any]
) -> None:
    """Replace the items, and bill what that costs.

    Raises StripeError, with nothing changed, where `error_if_incomplete` refuses or nobody is there to pay. Where an
    update cannot wait for its payment: Stripe's page "Pending updates".
    """
    if values.get("payment_behavior") == "pending_if_incomplete" and not subscription.automatic:
        raise invalid_request(
            "`pending_if_incomplete` is not supported for subscriptions with `collection_method` `send_invoice`.",
            param="payment_behavior",
        )
    check_trial(values)
    trial_is_over = subscription.status == "trialing" and values.get("trial_end") == "now"
    if trial_is_over and subscription.ends_with_trial(context):
        subscription.tell_trial_end(context)
        return
    at_s = values.get("proration_date", context.now_s)
    start_s, end_s = subscription.period
    if not start_s <= at_s <= end_s:
        raise invalid_request(
            f"Invalid `proration_date`: {at_s} is not within the current period ({start_s} to {end_s}).",
            param="proration_date",
        )
    change = Change(subscription, items, values, context.now_s)
    sales = _sales(subscription, change, at_s)
    if not change.restarts and change.proration_behavior != "always_invoice":
        change.apply(context, subscription)
        subscription.keep_for_later(context, sales)
    else:
        _bill_at_once(context, subscription, change, sales)


def _sales(subscription: Subscription, change: Change, at_s: int) -> list[Sale]:
    """What is given back, and what is to be paid because of a change."""
    prorated = change.proration_behavior != "none" and subscription.status != "trialing"
    if change.restarts:
        back = proration.given_back(subscription.items, subscription.period, at_s) if prorated else []
        return [*back, *(item.sale(change.period) for item in change.items)]
    if not prorated:
        return []
    going, coming = proration.changed(subscription.items, change.items)
    return [
        *proration.given_back(going, subscription.period, at_s),
        *proration.remaining(coming, subscription.period, at_s),
    ]


def _bill_at_once(context: Context, subscription: Subscription, change: Change, sales: Sequence[Sale]) -> None:
    behavior = change.values.get("payment_behavior", "allow_incomplete")
    waiting = subscription.waiting_items()
    due = sum(sale.amount for sale in (*sales, *(item.sale for item in waiting))) + subscription.customer.balance
    off_session = change.values.get("off_session", False)
    charging = subscription.automatic and due > 0
    if charging and behavior != "default_incomplete":
        check_payable(context, subscription.payer(), behavior, off_session=off_session)
    if not sales and not waiting:
        change.apply(context, subscription)
        return
    invoice = subscription.invoice(context, "subscription_update", sales, waiting)
    if charging and behavior == "pending_if_incomplete":
        _bill_first(context, subscription, change, invoice, off_session)
        return
    change.apply(context, subscription, invoice)
    _finalize_now(context, invoice)
    if invoice.status != "open" or not subscription.automatic:
        return
    if behavior == "default_incomplete":
        subscription.invoice_unpaid(context, invoice)
    else:
        invoice.charge(context, off_session=off_session)


def _bill_first(
    context: Context, subscription: Subscription, change: Change, invoice: Invoice, off_session: bool
) -> None:
    """The change takes effect once its invoice is paid, at once or within 23 hours."""
    subscription.expire_update(context)  # Source: Stripe's page "Pending updates", on changing them
    with subscription.updating(context):
        subscription.latest_invoice = invoice
        subscription.pending_update = PendingUpdate(subscription, change, invoice, context.now_s)
    _finalize_now(context, invoice)
    if invoice.status == "open":
        invoice.charge(context, off_session=off_session)


def _finalize_now(context: Context, invoice: Invoice) -> None:
    invoice.finalizes_at = context.now_s
    invoice.open(context)
    invoice.finalize(context)


def _interval(items: Sequence[SubscriptionItem]) -> tuple[str, int]:
    recurring = items[0].price.recurring
    assert recurring is not None, "only what recurs can be subscribed to"
    return recurring.interval, recurring.interval_count
