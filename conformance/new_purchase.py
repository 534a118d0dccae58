"""Telling a new purchase from a repeat of the old one, where the contract does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from conformance.exchange import Exchange
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.subscription_timeline import SHOWS_PURCHASE, SubscriptionTimeline

CARD_REFUSED: Final = 1214
"""The code of a purchase whose payment was refused in the request (CONTRACT, Purchases 2)."""


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
    """Whether so many lines were ordered, by requests that may have been carried out; one key makes one order."""
    orders: dict[str, int] = {}
    for one in history.exchanges.values():
        if one.operation in SHOWS_PURCHASE and not _turned_away(one):
            orders[one.idempotency_key or one.id] = _lines(one.body)
    return sum(orders.values()) >= subscriptions


def _lines(body: Any) -> int:
    """How many subscriptions a request asks for."""
    asked = [body.get(name) for name in ("subscriptions", "domains")] if isinstance(body, Mapping) else []
    return max([len(lines) for lines in asked if isinstance(lines, list | tuple)], default=1)


def _turned_away(exchange: Exchange) -> bool:
    """Whether it was certainly not carried out. A purchase whose card is refused is made (contract, Purchases 2)."""
    answer = exchange.answer
    if answer is None or answer.state != "refused" or answer.status is None or answer.status >= 500:
        return False
    return answer.code != CARD_REFUSED
