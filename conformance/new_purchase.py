"""Telling a new purchase from a repeat of the old one, where the contract does."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.subscription_timeline import SHOWS_PURCHASE, SubscriptionTimeline


def bought_anew(history: History, subscriptions: Sequence[SubscriptionTimeline]) -> int:
    """How many of them were made while an alike one was in force already, by a request of its own.

    What is paid and in force can be bought again (contract, "Fixed here"): a second tab that comes after that is a new
    purchase to any deployment. The repeat of a request under its idempotency key never is, nor what nobody asked for.
    """
    if len(subscriptions) < 2 or not _asked_each(history, len(subscriptions)):
        return 0
    return sum(
        1
        for later in subscriptions
        if any(_alike(earlier, later) and _in_force_before(history, earlier, later) for earlier in subscriptions)
    )


def _alike(earlier: SubscriptionTimeline, later: SubscriptionTimeline) -> bool:
    return earlier is not later and (earlier.rate_plan, earlier.zone_id) == (later.rate_plan, later.zone_id)


def _in_force_before(history: History, earlier: SubscriptionTimeline, later: SubscriptionTimeline) -> bool:
    if history.outside:
        return _may_be_in_force_before(earlier, later)
    facts = earlier.exact or earlier.shown
    in_force_us = next((fact.time_us for fact in facts if fact.state in ("Paid", "Provisioned")), None)
    made_us = later.created_us
    return in_force_us is not None and made_us is not None and in_force_us <= made_us and _made_first(earlier, later)


def _may_be_in_force_before(earlier: SubscriptionTimeline, later: SubscriptionTimeline) -> bool:
    """From outside: not ruled out by what Stripe says of the payment of the one and the intent of the other."""
    if earlier.id == later.id or earlier.state not in ("Paid", "Provisioned"):
        return False
    made = [intent.created_us for intent in later.base_intents if intent.created_us is not None]
    paid = [intent.success_us for intent in earlier.base_intents if intent.success_us is not None]
    if not made or not paid:
        return True
    return min(paid) <= min(made) + LEDGER_SLACK_US


def _made_first(earlier: SubscriptionTimeline, later: SubscriptionTimeline) -> bool:
    """Two that were in force at the moment they were made are told apart by their order."""
    first_us, second_us = earlier.created_us, later.created_us
    if first_us is None or second_us is None or first_us != second_us:
        return first_us is not None and second_us is not None and first_us < second_us
    return earlier.id < later.id


def _asked_each(history: History, subscriptions: int) -> bool:
    """Whether there were as many requests to buy, and none of them repeated the key of another."""
    requests = [one for one in history.exchanges.values() if one.operation in SHOWS_PURCHASE]
    keys = [one.idempotency_key for one in requests if one.idempotency_key is not None]
    return len(requests) >= subscriptions and len(set(keys)) == len(keys)
