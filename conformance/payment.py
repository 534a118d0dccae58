"""Whether what a subscription grants at a moment is paid for: the question that half of the properties ask."""

from __future__ import annotations

from typing import NamedTuple

from conformance.exchange import Exchange
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.prose import clock, listed, money, span
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact
from sim.time import HOUR_US

_WORST_LATENESS_US = 23 * HOUR_US


class Unpaid(NamedTuple):
    """What is missing at a moment. `intents` should have paid; `success_us`: when one did, too late; None: never."""

    intents: tuple[IntentTimeline, ...]
    success_us: int | None
    due_minor: int | None

    def because(self, time_us: int) -> str:
        """The missing payment in words, as the second half of a sentence."""
        if not self.intents:
            return f"no intent for the {money(self.due_minor)} due was ever made"
        names = listed(intent.id for intent in self.intents)
        if self.success_us is None:
            ended = listed(intent.end_state or "unknown" for intent in self.intents)
            if all(intent.is_set_up for intent in self.intents) and self.due_minor:
                return f"{names} only set a payment method up ({ended}), and {money(self.due_minor)} was due"
            return f"{names} ({money(self.due_minor)} due) never succeeded and ended as {ended}"
        return f"{names} succeeded only at {clock(self.success_us)}, {span(self.success_us - time_us)} later"

    def magnitude(self, time_us: int) -> float:
        """Minor units granted unpaid. What was paid late counts by how late, as a share of the 23 hours it may take."""
        due = max(self.due_minor or 0, 1)
        if self.success_us is None:
            return float(due)
        return due * min((self.success_us - time_us) / _WORST_LATENESS_US, 1.0)

    def facts(self) -> list[Fact | None]:
        """The rows that show what became of the intents."""
        return [fact for intent in self.intents for fact in (intent.created, intent.success or intent.final)]


def unpaid(
    history: History, subscription: SubscriptionTimeline, time_us: int, plan: str | None = None
) -> Unpaid | None:
    """What is missing for `subscription` to be granted at that moment, as `plan` where that is known; None: nothing.

    What stood at the start is taken as given. A line of 0 that shares an intent with priced lines waits with them. A
    payment whose time nobody knows counts as in time. A set-up collects no money, so it pays for nothing that is due.
    """
    change = plan is not None and bool(subscription.plans or subscription.given) and plan != subscription.rate_plan
    if change:
        if history.outside and may_be_free(history, subscription, str(plan)):
            return None
        return _unpaid_change(subscription, time_us, str(plan))
    if subscription.given:
        return None
    intents = subscription.base_intents
    if not intents:
        return _unpaid_without_intent(history, subscription, time_us)
    late_us: int | None = None
    due = subscription.due_minor
    for intent in intents:
        if intent.is_set_up and due:
            continue
        if intent.succeeded_by(time_us):
            return None
        success_us = intent.success_us
        if success_us is not None and (late_us is None or success_us < late_us):
            late_us = success_us
    if not due and _set_up_gave_way(history, intents, time_us):
        return None
    return Unpaid(tuple(intents), late_us, _due(subscription, intents))


def _set_up_gave_way(history: History, intents: list[IntentTimeline], time_us: int) -> bool:
    """Whether the set-ups were cancelled because a payment method had come to the account: nothing due is in force at
    once then (contract, Purchases 3)."""
    until_us = time_us + LEDGER_SLACK_US if history.outside else time_us
    cancelled = all(
        intent.is_set_up and intent.canceled is not None and intent.canceled.time_us <= until_us for intent in intents
    )
    return cancelled and _may_have_payment_method(history, time_us)


def may_be_free(history: History, subscription: SubscriptionTimeline, plan: str) -> bool:
    """Whether, from outside, a change to that plan may have cost nothing: no request for it was answered with a price.

    Where nobody is known to have asked for it, or an answer is missing, nobody can tell what was due.
    """
    asked = [one for one in history.exchanges.values() if one.operation == "update" and one.changes(subscription.id)]
    to_plan = [one for one in asked if one.coming_plan in (plan, None)]
    return not to_plan or any(not _names_price(one) for one in to_plan if not one.refused)


def _names_price(exchange: Exchange) -> bool:
    return bool(exchange.secrets) or any((fact.amount_minor or 0) > 0 for fact in exchange.subscriptions)


def every_payment_is_tied(history: History) -> bool:
    """Whether all that succeeded at Stripe says what it was for: else it may have been for anything."""
    return all(
        bool(intent.subscription_ids)
        for intent in history.intents.values()
        if intent.succeeded and not intent.is_set_up
    )


def _unpaid_change(subscription: SubscriptionTimeline, time_us: int, plan: str) -> Unpaid | None:
    """A granted plan that is not the one that was bought: a change to it must be paid, unless it costs nothing."""
    intents = subscription.change_intents
    if any(intent.succeeded_by(time_us) for intent in intents):
        return None
    difference = _difference(subscription, plan)
    if difference is None and not intents:
        return None
    if difference is not None and difference <= 0:
        return None
    late = [intent.success_us for intent in intents if intent.success_us is not None]
    due = difference if difference is not None else intents[0].amount_minor
    return Unpaid(tuple(intents), min(late) if late else None, due)


def _difference(subscription: SubscriptionTimeline, plan: str) -> int | None:
    """What a change to `plan` costs more, from the prices in force before and after; None where they are not known."""
    before: int | None = None
    for fact in subscription.plans:
        due = member(fact, "due") if fact.state == "change_waiting" else None
        if due is not None and member(fact, "coming_rate_plan") in (plan, None):
            return int(due)
        if fact.state == "change_applied" and member(fact, "rate_plan") in (plan, None):
            if before is None or fact.amount_minor is None:
                return None
            return fact.amount_minor - before
        if fact.amount_minor is not None:
            before = fact.amount_minor
    return None


def _unpaid_without_intent(history: History, subscription: SubscriptionTimeline, time_us: int) -> Unpaid | None:
    due = subscription.due_minor
    if due is None:
        return None
    if due > 0:
        return Unpaid((), None, due) if not history.outside or every_payment_is_tied(history) else None
    return None if _may_have_payment_method(history, time_us) else Unpaid((), None, 0)


def _may_have_payment_method(history: History, time_us: int) -> bool:
    """Whether the account could have had a payment method: only where the facts rule it out is nothing due unpaid."""
    if history.outside and (history.of("final_payment_method") or not history.read("payment_methods")):
        return True
    for kind in ("account_payment_method", "payment_method"):
        if any(fact.time_us <= time_us for fact in history.of(kind)):
            return True
    attempts = history.of("attempt")
    return not attempts or any(member(fact, "pm_on_file") != "none" for fact in attempts)


def _due(subscription: SubscriptionTimeline, intents: list[IntentTimeline]) -> int | None:
    """What should have been paid: the line's own price, or the intent's where a line of 0 waits with others."""
    return subscription.due_minor or intents[-1].amount_minor
