"""provisioned-once: duplicates and disorder of events leave what one event in order would have left."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.subscription_timeline import CHANGES, SubscriptionTimeline, member
from sim.facts import EXACT, Fact

_RANK = {"AwaitingPayment": 0, "Paid": 1, "Provisioned": 2}


def judge(history: History) -> Judgement:
    """Activations, states and invoices of each purchase, and events that took effect."""
    orderly = history.orderly is not None
    checks = 2 if orderly else 0
    findings: list[Finding] = []
    for subscription in () if orderly else history.subscriptions.values():
        if subscription.entitlements_exact:
            checks += 1
            if len(subscription.entitlements_exact) > 1:
                findings.extend(_activated_again(history, subscription))
        if len(subscription.exact) > 1:
            checks += 1
            findings.extend(_went_backwards(history, subscription))
    if len(history.of("event")) > 1:
        findings.extend(_applied_again(history))
    if len(history.of("invoice")) > 1:
        findings.extend(_invoiced_again(history))
    return conclude(checks, findings)


def _activated_again(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """A feature is activated again only after it ended."""
    active: dict[object, Fact] = {}
    for fact in subscription.entitlements_exact:
        key = (member(fact, "feature"), member(fact, "zone_id"))
        if fact.state != "active":
            active.pop(key, None)
        elif key in active:
            proof = (
                f"Subscription {subscription.id} was provisioned twice: its entitlement {key[0]} was made active at "
                f"{clock(active[key].time_us)} and again at {clock(fact.time_us)} without ending in between."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [active[key], fact])
        else:
            active[key] = fact


def _went_backwards(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """A late or repeated event never takes a state back. What ends a subscription is another property's affair."""
    highest: Fact | None = None
    highest_rank = -1
    for fact in subscription.exact:
        rank = _RANK.get(fact.state or "", -1)
        if rank >= highest_rank:
            highest, highest_rank = fact, rank
        elif rank >= 0 and highest is not None and not _on_purpose(subscription, fact):
            proof = (
                f"Subscription {subscription.id} was {highest.state} at {clock(highest.time_us)} and {fact.state} "
                "again at "
                f"{clock(fact.time_us)}: something late or repeated took its state back."
            )
            return (PROPERTY.finding(history, "batch", fact.time_us, proof, [highest, fact]),)
    return ()


def _on_purpose(subscription: SubscriptionTimeline, fact: Fact) -> bool:
    """Whether the fact is about a change that waits, or the state was rolled back, which is no-rollback's affair."""
    if member(fact, "pending_change") or fact.operation in CHANGES:
        return True
    return any(member(row, "because") == "rollback" for row in subscription.entitlements_exact)


def _applied_again(history: History) -> Iterable[Finding]:
    """One event takes effect once, however often it is delivered."""
    applied: dict[str, Fact] = {}
    for fact in history.of("event"):
        if fact.state != "applied":
            continue
        first = applied.setdefault(fact.subject, fact)
        if first is not fact:
            proof = (
                f"Event {fact.subject} ({fact.operation} of {fact.related}) took effect at {clock(first.time_us)} and "
                f"again at {clock(fact.time_us)}: the second delivery was not recognised as a duplicate."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [first, fact])


def _invoiced_again(history: History) -> Iterable[Finding]:
    """One invoice an intent."""
    by_intent: dict[str, list[Fact]] = {}
    for fact in history.of("invoice"):
        if fact.source == EXACT and fact.related is not None and fact.state == "paid":
            known = by_intent.setdefault(fact.related, [])
            if all(other.subject != fact.subject for other in known):
                known.append(fact)
    for intent_id, invoices in by_intent.items():
        if len(invoices) > 1:
            proof = (
                f"Intent {intent_id} has {len(invoices)} paid invoices, {listed(fact.subject for fact in invoices)}, "
                "the "
                f"last of {clock(invoices[-1].time_us)}: one payment was put on the books more than once."
            )
            excess = (len(invoices) - 1) * (invoices[-1].amount_minor or 1)
            yield PROPERTY.finding(history, "batch", invoices[-1].time_us, proof, invoices, excess)


PROPERTY = Property(
    id="provisioned-once",
    tiers=("batch",),
    severity="major",
    title="Provisioned once",
    statement=(
        "Duplicates and any order of events leave the same state and the same side effects as each event once, in "
        "order."
    ),
    why=(
        "Stripe delivers at least once and in no guaranteed order; a second effect is a second grant or a second "
        "invoice."
    ),
    evidence=(
        "The service's own `entitlement` and `subscription` facts; `event` facts that say `applied`; `invoice` facts."
    ),
    example=(
        "evt_1 was delivered twice; sub_1 was activated at 12:03:09 and again at 12:03:12, with two invoices for pi_1."
    ),
    magnitude="minor units on the books twice, at least 1",
    needs=("entitlement|subscription|event",),
    function=judge,
)
