"""provisioned-once: duplicates and disorder of events leave what one event in order would have left."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.payment import every_payment_is_tied
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.sighting import cancel_asked, went_back
from conformance.subscription_timeline import CHANGES, SubscriptionTimeline, member
from sim.facts import EXACT, Fact

_RANK = {"AwaitingPayment": 0, "Paid": 1, "Provisioned": 2}


def judge(history: History) -> Judgement:
    """Activations, states and invoices of each purchase, and events that took effect."""
    if history.outside:
        return _judge_from_outside(history)
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


def _judge_from_outside(history: History) -> Judgement:
    """What second effects leave behind: a state that went back, a later activation, an invoice too many."""
    checks = 0
    findings: list[Finding] = []
    for subscription in history.subscriptions.values():
        if subscription.final is None:
            continue
        checks += 1
        pair = went_back(history, subscription, ("Provisioned",), ("Paid",))
        if pair is not None:
            findings.append(_seen_back(history, subscription, *pair))
        findings.extend(_seen_active_again(history, subscription))
        findings.extend(_more_invoices_than_payments(history, subscription))
    return conclude(checks, findings)


def _seen_back(history: History, subscription: SubscriptionTimeline, highest: Fact, fact: Fact) -> Finding:
    proof = (
        f"Subscription {subscription.id} was seen as {highest.state} at {clock(highest.time_us)} and as {fact.state} "
        f"at {clock(fact.time_us)}: something late or repeated took its state back."
    )
    return PROPERTY.finding(history, "batch", fact.time_us, proof, [highest, fact])


def _seen_active_again(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """Paid and seen active, then activated again, although nothing was asked for that could explain it."""
    if cancel_asked(history) or any(one.changes(subscription.id) for one in history.exchanges.values()):
        return
    for fact in subscription.final_entitlements:
        activated_us, feature = member(fact, "activated_us"), member(fact, "feature")
        if activated_us is None or fact.state != "active":
            continue
        seen = _seen_paid_and_active(subscription, feature)
        if seen is not None and activated_us > seen.time_us + LEDGER_SLACK_US:
            proof = (
                f"The entitlement {feature} of subscription {subscription.id}, paid for, was seen active at "
                f"{clock(seen.time_us)}, and says that it was activated at {clock(activated_us)}: it was provisioned "
                "twice."
            )
            yield PROPERTY.finding(history, "batch", activated_us, proof, [seen, fact])


def _seen_paid_and_active(subscription: SubscriptionTimeline, feature: object) -> Fact | None:
    """The first time that it was seen active after Stripe had its payment: nothing can take it back from then on."""
    paid_us = min((i.success_us for i in subscription.intents if i.success_us is not None), default=None)
    if paid_us is None:
        return None
    return next(
        (
            fact
            for fact in subscription.entitlements_shown
            if fact.state == "active" and member(fact, "feature") == feature and fact.time_us > paid_us
        ),
        None,
    )


def _more_invoices_than_payments(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """One invoice an intent. What an account is made with has an invoice and may have no payment."""
    if subscription.given or not history.sees_stripe or not every_payment_is_tied(history):
        return
    paid = [intent for intent in subscription.intents if intent.succeeded]
    invoices = [fact for fact in history.of("final_invoice") if _is_invoice_of(subscription, fact)]
    if len(invoices) > max(len(paid), 1):
        proof = (
            f"Subscription {subscription.id} has {len(invoices)} paid invoices, "
            f"{listed(fact.subject for fact in invoices)}, and {len(paid)} of its intents succeeded: one payment was "
            "put on the books more than once."
        )
        excess = (len(invoices) - len(paid)) * (invoices[-1].amount_minor or 1)
        facts = [*invoices, *(intent.final for intent in paid)]
        yield PROPERTY.finding(history, "batch", invoices[-1].time_us, proof, facts, excess)


def _is_invoice_of(subscription: SubscriptionTimeline, fact: Fact) -> bool:
    ids = member(fact, "subscription_ids") or ()
    return fact.state == "paid" and (fact.amount_minor or 0) > 0 and subscription.id in ids


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
    needs=("entitlement|subscription|event|final_subscription",),
    function=judge,
)
