"""Sightings: the states of a subscription as seen from outside, in an order that can be relied on.

An answer tells what was true between its request and its arrival, and answers overtake each other. One sighting is
later than another only if it was asked for after the other had arrived. Answers to purchases may be kept ones, told
again, so that only lists and the final reading can show that something has changed.
"""

from __future__ import annotations

from typing import NamedTuple

from conformance.history import History
from conformance.subscription_timeline import CHANGES, SubscriptionTimeline
from sim.facts import Fact


class Sighting(NamedTuple):
    """A fact that shows a state, and since when what it shows is no older."""

    fact: Fact
    asked_us: int


def earlier_states(subscription: SubscriptionTimeline) -> list[Fact]:
    """What showed the state of the subscription; answers to changes may show what is to come and are left out."""
    return [fact for fact in subscription.shown if fact.operation not in CHANGES]


def later_states(history: History, subscription: SubscriptionTimeline) -> list[Sighting]:
    """Lists and the final reading, each with the moment since which what it shows is no older."""
    asked = {fact.subject: fact.time_us for fact in history.of("request")}
    found = [
        Sighting(fact, asked[fact.related])
        for fact in subscription.shown
        if fact.operation == "list_subscriptions" and fact.related in asked
    ]
    if subscription.final is not None:
        found.append(Sighting(subscription.final, subscription.final.time_us))
    return found


def went_back(
    history: History, subscription: SubscriptionTimeline, high: tuple[str, ...], low: tuple[str, ...]
) -> tuple[Fact, Fact] | None:
    """The first sighting in one of the states `high`, and a later one in one of `low`; None without either."""
    first = next((fact for fact in earlier_states(subscription) if fact.state in high), None)
    if first is None:
        return None
    for sighting in later_states(history, subscription):
        if sighting.fact.state in low and sighting.asked_us > first.time_us:
            return first, sighting.fact
    return None


def cancel_asked(history: History) -> bool:
    """Whether the customer asked for any cancellation."""
    return any(fact.operation == "cancel" for fact in history.of("request"))
