"""Whether a success at Stripe may still be on its way to the deployment: only what has arrived can be judged.

Inside a world nothing is left to happen when the stores are read. Outside, the event of a success may be delayed by
Stripe for days; that is no fault of the deployment. Stripe tells of each event how many of its deliveries are pending;
whoever reads notes when there were first none.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.history import History
from conformance.intent_timeline import IntentTimeline
from conformance.subscription_timeline import SubscriptionTimeline, member


def delivered_by_us(intent: IntentTimeline) -> int | None:
    """When Stripe was first seen to have delivered the event of its success everywhere; None where nobody saw it."""
    told = member(intent.success, "delivered_by_us")
    return int(told) if told is not None else None


def on_its_way(history: History, intent: IntentTimeline) -> bool:
    """Whether the event of its success may not have arrived, or not long enough before the end to be applied.

    Where nobody tells, it may not have. Never in a history with exact facts.
    """
    if not history.outside or not intent.succeeded:
        return False
    delivered_us = delivered_by_us(intent)
    bound_us = history.circumstances.entitlement_bound_us
    return delivered_us is None or delivered_us + bound_us > history.ended_us


def any_on_its_way(history: History, intents: Iterable[IntentTimeline]) -> str | None:
    """Why the first of those intents that may be on its way leaves something undecided; None if all have arrived."""
    for intent in intents:
        if on_its_way(history, intent):
            return f"{intent.id} succeeded, but its event is not known to have been delivered a minute before the end"
    return None


def still_moving(history: History, subscription: SubscriptionTimeline) -> str | None:
    """Why the end of a subscription says nothing yet; None if it does."""
    return any_on_its_way(history, subscription.intents) if history.outside else None
