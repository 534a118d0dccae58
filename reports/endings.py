"""How each attempt to buy ended, once everything had settled: the definition of conversion.

An attempt is converted when every line of its cart is paid for (or nothing was due) and entitled. What the customer
was shown in the end does not matter here, nor does it matter that a line was bought twice. A line belongs to the
attempts whose purchases were answered with it, else to the latest attempt begun before the line existed; a line that
two attempts asked for counts for both, since both got what they came for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from conformance.history import History
from conformance.intent_timeline import IntentTimeline
from conformance.orderly import OrderlyPurchase
from conformance.subscription_timeline import CHANGE_STATES, SubscriptionTimeline
from sim.facts import Fact

GRANTED: Final = ("Provisioned", "Paid")
"""The states in which a subscription claims to be paid for."""


class Ending(NamedTuple):
    """One attempt, whether it converted, and how long that took.

    `payment_us`: from its start until its last payment (or provisioning that was free) was through; `entitlement_us`:
    from that payment until its last entitlement was active. None while it has not come to that, or where no fact tells
    the moment.
    """

    attempt: Fact
    converted: bool
    payment_us: int | None
    entitlement_us: int | None


class PaidLine(NamedTuple):
    """One product line that is paid for. The moments are None where no fact tells them."""

    rate_plan: str | None
    entitled: bool
    paid_at_us: int | None
    entitled_at_us: int | None


def read_endings(history: History) -> list[Ending]:
    """The ending of every attempt of one account, in the order in which they began."""
    attempts = history.of("attempt")
    if not attempts:
        return []
    if len(attempts) == 1:
        orderly = history.orderly
        if orderly is not None and _lines(attempts[0]) == 1:
            return [_ending_of_orderly(attempts[0], orderly)]
        return [_ending(history, attempts[0], history.subscriptions.values())]
    owned = _owned(history, attempts)
    return [_ending(history, attempt, owned[attempt.subject]) for attempt in attempts]


def paid_line(line: SubscriptionTimeline, history: History) -> PaidLine | None:
    """What became of a line that is paid for or was free; None for any other, and for one in force from the start.

    Without sight of Stripe, a line in force of which no intent is known counts as paid.
    """
    if line.given:
        return _paid_change(line, history)
    if line.state not in GRANTED:
        return None
    entitled = line.active_at_end
    entitled_at_us = _activated_us(line) if entitled else None
    intents = line.base_intents
    if intents:
        paying = next((intent for intent in intents if intent.succeeded), None)
        if paying is None:
            return None
        return PaidLine(_plan_at_end(line), entitled, _succeeded_us(paying), entitled_at_us)
    if line.due_minor and history.sees_stripe:
        return None
    return PaidLine(_plan_at_end(line), entitled, entitled_at_us, entitled_at_us)


def _paid_change(line: SubscriptionTimeline, history: History) -> PaidLine | None:
    """An upgrade or append that took effect and stayed. Its entitlement was there before, so only its payment has a
    moment. An engine that grants first applies a change before it knows what will pay it: then any intent of the
    subscription must have succeeded."""
    if history.outside:
        return _change_seen(line, history)
    changes = [fact for fact in line.plans if fact.state in CHANGE_STATES]
    if not changes or changes[-1].state != "change_applied":
        return None
    change = changes[-1]
    paying = line.intents if change.related is None else [history.intents.get(change.related)]
    succeeded = next((intent for intent in paying if intent is not None and intent.succeeded), None)
    if succeeded is not None:
        return PaidLine(_plan_at_end(line), line.active_at_end, _succeeded_us(succeeded), None)
    if paying:
        return None
    return PaidLine(_plan_at_end(line), line.active_at_end, change.time_us, None)


def _change_seen(line: SubscriptionTimeline, history: History) -> PaidLine | None:
    """From outside: a change that was asked for and accepted, is paid if it had to be, and is in force at the end."""
    asked = [one for one in history.exchanges.values() if one.changes(line.id) and one.accepted]
    plan = _plan_at_end(line)
    if not asked or not any(one.coming_plan in (plan, None) for one in asked):
        return None
    paying = next((intent for intent in line.change_intents if intent.succeeded), None)
    if paying is not None:
        return PaidLine(plan, line.active_at_end, _succeeded_us(paying), None)
    if line.change_intents or any(one.secrets for one in asked):
        return None
    answered = asked[-1].answer
    return PaidLine(plan, line.active_at_end, answered.time_us if answered is not None else None, None)


def _ending(history: History, attempt: Fact, lines: Iterable[SubscriptionTimeline]) -> Ending:
    expected = _lines(attempt)
    if expected == 0:
        # Nothing is bought (a payment method is added): the customer's own ending is the only one there is.
        return Ending(attempt, _ended_well(history, attempt), None, None)
    paid = [found for line in lines if (found := paid_line(line, history)) is not None]
    if expected == 1 and len(paid) == 1:
        return _ending_of_one(attempt, paid[0])
    detail: Any = attempt.detail or {}
    products = detail.get("products") or ()
    if not _covers(paid, products, expected):
        return Ending(attempt, False, None, None)
    paid_at_us = _latest_us([line.paid_at_us for line in paid])
    entitled = [line for line in paid if line.entitled]
    if not _covers(entitled, products, expected):
        return Ending(attempt, False, _span_us(attempt.time_us, paid_at_us), None)
    entitled_at_us = _latest_us([line.entitled_at_us for line in entitled])
    return Ending(attempt, True, _span_us(attempt.time_us, paid_at_us), _span_us(paid_at_us, entitled_at_us))


def _ending_of_one(attempt: Fact, line: PaidLine) -> Ending:
    """As `_ending` for a cart of one line, which nearly all carts are."""
    entitlement_us = _span_us(line.paid_at_us, line.entitled_at_us) if line.entitled else None
    return Ending(attempt, line.entitled, _span_us(attempt.time_us, line.paid_at_us), entitlement_us)


def _ending_of_orderly(attempt: Fact, purchase: OrderlyPurchase) -> Ending:
    """As `_ending` for a cart of one line that was paid for and granted in this order."""
    paid_at_us = purchase.success.time_us
    begun_us = attempt.time_us
    payment_us = paid_at_us - begun_us if paid_at_us > begun_us else 0
    return Ending(attempt, True, payment_us, purchase.activation.time_us - paid_at_us)


def _lines(attempt: Fact) -> int:
    """How many lines the cart of an attempt has."""
    detail = attempt.detail
    return int(detail.get("lines", 1)) if detail else 1


def _span_us(start_us: int | None, end_us: int | None) -> int | None:
    """How long after `start_us`; 0 for what came before it, as a grant that does not wait for its payment."""
    if start_us is None or end_us is None:
        return None
    return end_us - start_us if end_us > start_us else 0


def _latest_us(moments: Sequence[int | None]) -> int | None:
    """The last of several moments; None if any is not known."""
    known = [moment_us for moment_us in moments if moment_us is not None]
    return max(known) if len(known) == len(moments) else None


def _covers(lines: Sequence[PaidLine], products: Sequence[str], expected: int) -> bool:
    """Whether these lines are the whole cart: as many as it has, and of each product as many as it names."""
    if len(lines) < expected:
        return False
    plans = [line.rate_plan for line in lines]
    return all(plans.count(product) >= products.count(product) for product in products)


def _plan_at_end(line: SubscriptionTimeline) -> str | None:
    final = line.final
    if final is not None and final.detail is not None and "rate_plan" in final.detail:
        return str(final.detail["rate_plan"])
    return line.rate_plan


def _activated_us(line: SubscriptionTimeline) -> int | None:
    for fact in line.entitlements:
        if fact.state == "active":
            return fact.time_us
    return None


def _succeeded_us(intent: IntentTimeline) -> int | None:
    """When an intent succeeded: by Stripe's own account, else as the customer's side saw it confirmed."""
    if intent.success is not None:
        return intent.success.time_us
    for fact in intent.confirms:
        if fact.state == "succeeded":
            return fact.time_us
    return None


def _ended_well(history: History, attempt: Fact) -> bool:
    return any(fact.subject == attempt.subject and fact.state == "converted" for fact in history.of("outcome"))


def _owned(history: History, attempts: Sequence[Fact]) -> dict[str, list[SubscriptionTimeline]]:
    """The lines of each attempt, where an account has more than one attempt."""
    owned: dict[str, list[SubscriptionTimeline]] = {}
    shown = set()
    for attempt in attempts:
        names = history.shown_in(attempt.subject)
        shown.update(names)
        owned[attempt.subject] = [history.subscriptions[name] for name in names if name in history.subscriptions]
    for name, line in history.subscriptions.items():
        created_us = line.created_us
        if name not in shown and created_us is not None and not line.given:
            begun = [attempt.subject for attempt in attempts if attempt.time_us <= created_us]
            if begun:
                owned[begun[-1]].append(line)
    return owned
