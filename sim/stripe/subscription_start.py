"""How a subscription begins: its first period, its first invoice, and what its payment makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.stripe.billing import billing_of
from sim.stripe.billing_period import moved_on
from sim.stripe.confirmation import need
from sim.stripe.dunning import DAY_S
from sim.stripe.errors import StripeError, failure, invalid_request
from sim.stripe.invoice import missing_payer
from sim.stripe.invoice_item import Sale
from sim.stripe.pending_setup import begin_setup
from sim.stripe.proration import share
from sim.stripe.subscription import Subscription
from sim.stripe.test_cards import GENERIC_DECLINE, Decline

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.payment_method import PaymentMethod

LONGEST_TRIAL_S: Final = 730 * DAY_S
"""Source: the description of `trial_end` in the official SDK says two years, Stripe's page on trials how many days."""
_ASK_THE_CUSTOMER: Final = Decline(
    "subscription_payment_intent_requires_action",
    None,
    "Payment for this subscription requires additional user action before it can be completed successfully. Payment "
    "can be completed using the PaymentIntent associated with `subscription.latest_invoice`.",
    None,
    None,
)


def begin(
    context: Context, subscription: Subscription, values: Mapping[str, Any], extras: Sequence[Sale]
) -> Subscription:
    """Put a subscription that has its items on record, bill its first period, and charge it.

    Raises StripeError, with nothing recorded, where there is nothing to charge or `error_if_incomplete` refuses.
    """
    _set_trial(context, subscription, values)
    sales = _first_sales(context, subscription, values)
    behavior = values.get("payment_behavior", "allow_incomplete")
    waiting = [item.sale for item in subscription.waiting_items()]
    due = max(0, sum(sale.amount for sale in (*sales, *extras, *waiting)) + subscription.customer.balance)
    if subscription.automatic and due and behavior != "default_incomplete":
        check_payable(context, subscription.payer(), behavior, off_session=values.get("off_session", False))
    subscription.keep_for_later(context, extras)
    invoice = subscription.invoice(context, "subscription_create", sales, subscription.waiting_items())
    subscription.latest_invoice = invoice
    if subscription.trial_end is not None:
        subscription.status = "trialing"
    elif not subscription.automatic:
        subscription.status = "active"
    subscription.account.objects[subscription.id] = subscription
    billing_of(context, subscription.account).subscriptions.append(subscription)
    if subscription.automatic and not invoice.amount_due:
        subscription.pending_setup_intent = begin_setup(context, subscription)
    subscription.emit(context, "created")
    subscription.tell_trial_end_if_near(context)
    if not subscription.automatic and invoice.amount_due:
        invoice.open(context)
        return subscription
    invoice.auto_advance = subscription.automatic
    invoice.finalizes_at = context.now_s
    invoice.open(context)
    invoice.finalize(context)
    if invoice.status == "open" and subscription.automatic and behavior != "default_incomplete":
        invoice.charge(context, off_session=values.get("off_session", False))
    return subscription


def check_payable(context: Context, method: PaymentMethod | None, behavior: str, *, off_session: bool) -> None:
    """Before anything is recorded: raises StripeError without a payment method, and with `error_if_incomplete` for
    a payment that would fail (402).
    """
    if method is None:
        raise missing_payer()
    if behavior != "error_if_incomplete":
        return
    needed = need(method, {}, off_session=off_session)
    refusal = GENERIC_DECLINE if needed == "broken" else _ASK_THE_CUSTOMER
    if needed == "nothing":
        declined = method.charge_refusal(context.now_s)
        if declined is None:
            return
        refusal = declined
    raise StripeError(402, failure(refusal, method.render()), kept=True)


def _set_trial(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> None:
    now_s = context.now_s
    end_s = _trial_end(subscription, values, now_s)
    if end_s is not None:
        if not now_s < end_s <= now_s + LONGEST_TRIAL_S:
            raise invalid_request(
                f"Invalid timestamp: `trial_end` must be in the future and within two years, got {end_s} at {now_s}.",
                param="trial_end",
            )
        subscription.trial_start, subscription.trial_end = now_s, end_s
        subscription.anchor = end_s
        subscription.period = (now_s, end_s)
        return
    anchor = values.get("billing_cycle_anchor", now_s)
    first_end_s = subscription.cycle_end(subscription.items, anchor, now_s)
    if not now_s <= anchor <= first_end_s:
        raise invalid_request(
            "billing_cycle_anchor cannot be in the past, or later than the next natural billing date "
            f"({subscription.cycle_end(subscription.items, now_s, now_s)}) for the plan.",
            param="billing_cycle_anchor",
        )
    subscription.anchor = anchor
    subscription.period = (now_s, first_end_s)


def check_trial(values: Mapping[str, Any]) -> None:
    """Raises StripeError where a trial is asked for in two ways. Source: `trial_from_plan` in the official SDK."""
    if "trial_end" in values and values.get("trial_from_plan"):
        raise invalid_request("You cannot set `trial_end` and `trial_from_plan` together.", param="trial_from_plan")


def _trial_end(subscription: Subscription, values: Mapping[str, Any], now_s: int) -> int | None:
    check_trial(values)
    if "trial_end" in values and "trial_period_days" in values:
        raise invalid_request(
            "You may only specify one of these parameters: trial_end, trial_period_days.", param="trial_end"
        )
    end_s: int | str | None = values.get("trial_end")
    if end_s == "now":
        return None
    if isinstance(end_s, int):
        return end_s
    days = values.get("trial_period_days")
    recurring = subscription.items[0].price.recurring
    if days is None and values.get("trial_from_plan") and recurring is not None:
        days = recurring.trial_period_days
    if days is not None and days < 1:
        raise invalid_request("The minimum number of trial period days is 1.", param="trial_period_days")
    return None if days is None else now_s + days * DAY_S


def _first_sales(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> list[Sale]:
    """The lines of the first invoice: a trial for nothing, a whole period, or the part until the anchor."""
    items, period = subscription.items, subscription.period
    if subscription.trial_end is not None:
        return [item.trial(period) for item in items]
    if subscription.anchor == context.now_s:
        return [item.sale(period) for item in items]
    if values.get("proration_behavior") == "none":
        return [item.part(0, "Free time on", period) for item in items]
    recurring = items[0].price.recurring
    assert recurring is not None, "only what recurs can be subscribed to"
    whole_s = period[1] - moved_on(period[1], recurring.interval, -recurring.interval_count)
    part_s = period[1] - period[0]
    return [item.part(share(item.amount, part_s, whole_s), "Time on", period) for item in items]
