"""abandoned-grants-nothing: who never pays gets nothing, blocks nothing, and owes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import PAYABLE, REQUIRES_CUSTOMER
from conformance.on_its_way import on_its_way, still_moving
from conformance.properties.no_entitlement_without_payment import needs_stripe
from conformance.properties.payment_leads_to_entitlement import ended_rightly
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money, span
from conformance.sighting import cancel_asked
from conformance.subscription_timeline import SHOWS_PURCHASE, SubscriptionTimeline
from sim.facts import EXACT, Fact
from sim.time import HOUR_US, MINUTE_US

_SWEEP_US = HOUR_US
"""Assumption: a deployment may find expired purchases with a sweep that runs once an hour."""
_WORLDS = ("simulated", "mock")
"""The targets whose histories end when nothing can follow."""
_REPLACED_WITHIN_US = MINUTE_US
"""Assumption: a purchase that takes another one's place is made within a minute of its end."""


def judge(history: History) -> Judgement:
    """Purchases that were unpaid at 23 hours, as far as the history goes on after that."""
    checks = 0
    findings: list[Finding] = []
    expiry_us = history.circumstances.expiry_us
    undecided: str | None = None
    for subscription in history.subscriptions.values():
        created_us = subscription.created_us
        if subscription.given or created_us is None:
            continue
        if history.outside:
            undecided = undecided or _not_yet(history, subscription, created_us)
        if subscription.state == "Expired":
            checks += 1
            findings.extend(_judge_expired(history, subscription, created_us))
        elif _had_time_to_expire(history, created_us) and _abandoned(subscription, created_us + expiry_us):
            checks += 1
            # One that only an answer showed, and no store has, is another account's: it expires there.
            known = subscription.final is not None or bool(subscription.exact)
            if subscription.state == "AwaitingPayment" and known:
                findings.append(_never_expired(history, subscription, created_us))
        elif subscription.base_intents:
            findings.extend(_paid_after_expiry(history, subscription, created_us))
    if checks:
        findings.extend(_refused_afterwards(history))
    return conclude(checks, findings, undecided)


def _not_yet(history: History, subscription: SubscriptionTimeline, created_us: int) -> str | None:
    """From outside: why the end came too soon to tell what becomes of an unpaid purchase, if it did."""
    if subscription.state == "Expired":
        return still_moving(history, subscription)
    waits = subscription.state == "AwaitingPayment" and _abandoned(subscription, history.ended_us)
    if not waits or _had_time_to_expire(history, created_us):
        return None
    age = span(history.ended_us - created_us)
    return f"{subscription.id} had been unpaid for {age} when all was read, and nobody waited for its 23 hours"


def _had_time_to_expire(history: History, created_us: int) -> bool:
    """Whether a purchase of that moment must have expired: it is too old, or nothing is left that could expire it."""
    if history.circumstances.target in _WORLDS and not history.outside:
        return True  # a simulated history ends only when nothing is left to happen, not even an alarm
    return history.ended_us >= created_us + history.circumstances.expiry_us + _SWEEP_US


def _abandoned(subscription: SubscriptionTimeline, deadline_us: int) -> bool:
    """Whether nothing had paid it at the deadline, and nothing did later: that is another property's affair."""
    if not subscription.base_intents and (subscription.due_minor or 0) == 0:
        return False
    return not any(intent.succeeded_by(deadline_us) or intent.succeeded for intent in subscription.base_intents)


def _judge_expired(history: History, subscription: SubscriptionTimeline, created_us: int) -> Iterable[Finding]:
    expired = subscription.first("Expired")
    if subscription.active_at_end:
        proof = (
            f"Subscription {subscription.id} expired unpaid{_at(expired)}, but an entitlement of it was active when "
            f"everything had settled: an abandoned purchase granted {money(subscription.due_minor)}."
        )
        yield _finding(history, subscription, proof, [expired, *subscription.final_entitlements])
    live = [intent for intent in subscription.base_intents if intent.end_state in PAYABLE]
    if live:
        proof = (
            f"Subscription {subscription.id} expired{_at(expired)}, but {listed(intent.id for intent in live)} can "
            "still be "
            f"paid (status {live[0].end_state}): its intent should have been cancelled."
        )
        yield _finding(history, subscription, proof, [expired, *(intent.final for intent in live)])
    for intent in subscription.base_intents:
        if on_its_way(history, intent):
            continue
        if intent.succeeded and intent.kept_minor > 0 and ended_rightly(history, intent, subscription):
            proof = (
                f"Intent {intent.id} ({money(intent.amount_minor)}) succeeded{_when(intent.success_us)} for "
                "subscription "
                f"{subscription.id}, which is Expired{_at(expired)}: the money was not given back."
            )
            yield _finding(history, subscription, proof, [expired, intent.success, intent.final], intent.kept_minor)
    final = subscription.final
    if history.outside and final is not None and not cancel_asked(history):
        soon = _too_early(history, subscription, history.first_asked_us, final.time_us)
        early = final if soon else _ended_early(history, subscription)
        if early is not None:
            proof = (
                f"Subscription {subscription.id} was asked for at {clock(history.first_asked_us)} at the earliest, and "
                f"was over by {clock(early.time_us)} ({early.state}), and Expired: the customer had "
                f"{span(history.circumstances.expiry_us)} to pay."
            )
            yield _finding(history, subscription, proof, [*subscription.shown[:1], early, final])
    if (
        expired is not None
        and expired.source == EXACT
        and _too_early(history, subscription, created_us, expired.time_us)
    ):
        proof = (
            f"Subscription {subscription.id} was made at {clock(created_us)} and expired at "
            f"{clock(expired.time_us)}, after "
            f"{span(expired.time_us - created_us)}: the customer had {span(history.circumstances.expiry_us)} to pay."
        )
        yield _finding(history, subscription, proof, [subscription.exact[0], expired])


def _ended_early(history: History, subscription: SubscriptionTimeline) -> Fact | None:
    """From outside: what ended its only intent before its time, with no reason to be seen but that it expired."""
    intents = subscription.base_intents
    if len(intents) != 1 or intents[0].canceled is None or intents[0].declines or intents[0].redirects:
        return None
    canceled = intents[0].canceled
    if cancel_asked(history) or not _too_early(
        history, subscription, history.first_asked_us, canceled.time_us + MINUTE_US
    ):
        return None
    return canceled


def _too_early(history: History, subscription: SubscriptionTimeline, created_us: int, expired_us: int) -> bool:
    """Before 23 hours, and not because another purchase took its place."""
    if expired_us - created_us >= history.circumstances.expiry_us:
        return False
    return not any(
        other is not subscription
        and other.created_us is not None
        and created_us < other.created_us <= expired_us + _REPLACED_WITHIN_US
        for other in history.subscriptions.values()
    )


def _paid_after_expiry(history: History, subscription: SubscriptionTimeline, created_us: int) -> Iterable[Finding]:
    """Paid by an intent that waited for its customer, undisturbed, when the purchase should have been over."""
    deadline_us = created_us + history.circumstances.expiry_us + _SWEEP_US
    for intent in subscription.base_intents:
        made_us, success = intent.created_us, intent.success
        if success is None or made_us is None or success.time_us <= deadline_us or made_us > deadline_us:
            continue
        if intent.refunded_minor > 0 or "fault" in history.by_kind:
            continue
        if intent.state_at(deadline_us) in REQUIRES_CUSTOMER:
            proof = (
                f"Subscription {subscription.id} ({money(subscription.due_minor)}) was made at {clock(created_us)} and "
                f"paid by {intent.id} at {clock(success.time_us)}, {span(success.time_us - created_us)} later: it "
                f"should have expired after {span(history.circumstances.expiry_us)}, and its intent with it."
            )
            yield _finding(history, subscription, proof, [intent.created, success])


def _never_expired(history: History, subscription: SubscriptionTimeline, created_us: int) -> Finding:
    age_us = history.ended_us - created_us
    proof = (
        f"Subscription {subscription.id} ({money(subscription.due_minor)}) was made at {clock(created_us)} and never "
        "paid; "
        f"{span(age_us)} later, when everything had settled, it was still AwaitingPayment, "
        f"where unpaid purchases expire after {span(history.circumstances.expiry_us)}."
    )
    return _finding(
        history, subscription, proof, [subscription.exact[0] if subscription.exact else None, subscription.final]
    )


def _refused_afterwards(history: History) -> Iterable[Finding]:
    """Who abandoned a purchase may buy again at once: a purchase is not refused because of what has expired."""
    expired_us = min(
        (
            fact.time_us
            for subscription in history.subscriptions.values()
            for fact in (subscription.shown if history.outside else subscription.exact)
            if fact.state == "Expired"
        ),
        default=None,
    )
    if expired_us is None:
        return
    for exchange in history.exchanges.values():
        answer, asked_us = exchange.answer, exchange.asked_us
        if answer is None or asked_us is None or asked_us < expired_us or exchange.operation not in SHOWS_PURCHASE:
            continue
        if answer.status == 409 and answer.code == 1231:
            proof = (
                f"A purchase had expired at {clock(expired_us)}; when the customer bought again at {clock(asked_us)}, "
                f"{exchange.operation} ({exchange.id}) was refused with 409, code 1231: something that has "
                "ended stands in the way."
            )
            yield PROPERTY.finding(history, "batch", answer.time_us, proof, exchange.facts)


def _finding(
    history: History,
    subscription: SubscriptionTimeline,
    proof: str,
    facts: list[Fact | None],
    magnitude: int | None = None,
) -> Finding:
    size = magnitude if magnitude is not None else max(subscription.due_minor or 0, 1)
    last = subscription.ended or subscription.final
    time_us = last.time_us if last is not None else history.ended_us
    return PROPERTY.finding(history, "batch", time_us, proof, facts, size)


def _at(fact: Fact | None) -> str:
    return f" at {clock(fact.time_us)}" if fact is not None else ""


def _when(time_us: int | None) -> str:
    return f" at {clock(time_us)}" if time_us is not None else ""


PROPERTY = Property(
    id="abandoned-grants-nothing",
    tiers=("batch",),
    severity="critical",
    title="Abandoned purchases grant nothing",
    statement=(
        "Unpaid purchases expire after 23 hours, their intents end, nothing was granted, and the customer may buy "
        "again at "
        "once; a late success is refunded."
    ),
    why=(
        "Without the gate every abandoned checkout leaves an unpaid subscription behind. What does not expire can be "
        "paid "
        "by surprise, or blocks the next purchase."
    ),
    evidence=(
        "`subscription` and `final_subscription` more than 23 hours old, their intents, entitlements and refunds. "
        "A deployment whose clock cannot be moved gives no evidence."
    ),
    example="sub_1 was made on Monday at 09:00 and never paid; on Tuesday at 10:00 it is still AwaitingPayment.",
    magnitude="minor units granted, kept or still owed",
    needs=("subscription|final_subscription",),
    function=judge,
    applies=needs_stripe,
    orderly=lambda _: 0,
)
