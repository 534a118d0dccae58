"""What happens to a subscription because time passes: renewals, ends, and what is told in advance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from sim.stripe.billing import Moment, billing_of
from sim.stripe.dunning import DAY_S
from sim.stripe.invoice import Invoice
from sim.time import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.invoice_item import Period
    from sim.stripe.subscription import Subscription

EXPIRES_AFTER_S: Final = 23 * HOUR_US // SECOND_US
"""How long a first invoice, or that of a resumption, can be paid. Source: the descriptions of `Subscription.status` and
of the resume operation in the official SDK."""
TRIAL_WILL_END_S: Final = 3 * DAY_S
"""How long before the end `customer.subscription.trial_will_end` comes; at once for what is shorter, shortened or ended
early. Source: the description of that event in Stripe's reference."""


def next_moment(subscription: Subscription, open_ended: bool) -> Moment | None:
    """What will happen next; of things at the same time, the first of `_moments` is done first."""
    return min(_moments(subscription, open_ended), key=itemgetter(0), default=None)


def _moments(subscription: Subscription, open_ended: bool) -> list[Moment]:
    if subscription.ended:
        return []
    if subscription.status == "incomplete":
        return [(subscription.created + EXPIRES_AFTER_S, "expire")]
    found: list[Moment] = []
    if subscription.resuming is not None:
        found.append((subscription.resuming.created + EXPIRES_AFTER_S, "stay_paused"))
    if subscription.pending_update is not None:
        found.append((subscription.pending_update.expires_at, "expire_update"))
    if subscription.cancel_at_period_end and subscription.status != "paused":
        found.append((subscription.period[1], "cancel"))
    if subscription.cancel_at is not None:
        found.append((subscription.cancel_at, "cancel"))
    found += _renewals(subscription, open_ended)
    resumes_at = (subscription.pause_collection or {}).get("resumes_at")
    if resumes_at is not None:
        found.append((resumes_at, "resume_collection"))
    return found


def _renewals(subscription: Subscription, open_ended: bool) -> list[Moment]:
    """The end of the trial or of the period, and when it is told of."""
    start_s, end_s = subscription.period
    trial_end = subscription.trial_end
    if subscription.status == "trialing" and trial_end is not None:
        warned = ("trial", trial_end) in subscription.told
        return [*([] if warned else [(trial_end - TRIAL_WILL_END_S, "tell_trial_end")]), (trial_end, "renew")]
    if not open_ended or subscription.status not in ("active", "past_due", "unpaid"):
        return []
    tell_s = end_s - subscription.upcoming_s
    told = ("upcoming", end_s) in subscription.told or tell_s <= start_s
    return [*([] if told else [(tell_s, "tell_upcoming")]), (end_s, "renew")]


def _expire(context: Context, subscription: Subscription) -> None:
    subscription.expire(context)


def _stay_paused(context: Context, subscription: Subscription) -> None:
    assert subscription.resuming is not None
    subscription.resuming.void(context)


def _expire_update(context: Context, subscription: Subscription) -> None:
    subscription.expire_update(context)


def _cancel(context: Context, subscription: Subscription) -> None:
    waiting = any(item.sale.subscription is subscription for item in subscription.waiting_items())
    subscription.cancel(context, invoice_now=waiting)


def _tell_trial_end(context: Context, subscription: Subscription) -> None:
    subscription.tell_trial_end(context)


def _tell_upcoming(context: Context, subscription: Subscription) -> None:
    subscription.told.add(("upcoming", subscription.period[1]))
    if subscription.status != "unpaid":
        body = _upcoming_invoice(context, subscription).render()
        context.emit(subscription.account, "invoice.upcoming", subscription.id, body)
    billing_of(context, subscription.account).plan(subscription)


def _resume_collection(context: Context, subscription: Subscription) -> None:
    with subscription.updating(context):
        subscription.pause_collection = None


def _next_period(subscription: Subscription) -> Period:
    start_s = subscription.period[1]
    return (start_s, subscription.cycle_end(subscription.items, subscription.anchor, start_s))


def _upcoming_invoice(context: Context, subscription: Subscription) -> Invoice:
    """What the next invoice would be; it is on no record."""
    invoice = Invoice(context, subscription.customer, subscription.currency, "upcoming", subscription)
    invoice.id = f"upcoming_{invoice.id}"
    for item in subscription.waiting_items():
        invoice.add(item.sale, item)
        item.invoice = None
    for subscribed in subscription.items:
        invoice.add(subscribed.sale(_next_period(subscription)))
    invoice.period = subscription.period
    return invoice


def _renew(context: Context, subscription: Subscription) -> None:
    """A period, or the trial, is over: begin the next one and bill it."""
    trial_is_over = subscription.status == "trialing"
    if trial_is_over and subscription.ends_with_trial(context):
        return
    period = _next_period(subscription)
    sales = [item.sale(period) for item in subscription.items]
    invoice = subscription.invoice(context, "subscription_cycle", sales, subscription.waiting_items())
    invoice.period = subscription.period
    with subscription.updating(context):
        subscription.period = period
        subscription.latest_invoice = invoice
        if trial_is_over:
            subscription.status = "active"
    _bill(context, subscription, invoice)


def _bill(context: Context, subscription: Subscription, invoice: Invoice) -> None:
    """Put the invoice of a cycle on its way; where collection is paused, or was given up, not so far."""
    behavior = (subscription.pause_collection or {}).get("behavior")
    if behavior is not None or subscription.status == "unpaid":
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


ON_ITS_DAY: Final[Mapping[str, Callable[[Context, Subscription], None]]] = {
    "expire": _expire,
    "stay_paused": _stay_paused,
    "expire_update": _expire_update,
    "cancel": _cancel,
    "tell_trial_end": _tell_trial_end,
    "tell_upcoming": _tell_upcoming,
    "renew": _renew,
    "resume_collection": _resume_collection,
}
