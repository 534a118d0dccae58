"""no-entitlement-without-payment: nothing is granted before it is paid for."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.circumstances import Circumstances
from conformance.finding import Finding
from conformance.history import History
from conformance.payment import Unpaid, unpaid
from conformance.property import NOT_SETTLED, AlertEvent, Judgement, Property, conclude
from conformance.prose import clock, money
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """Every activation against the payments of its own subscription; then the stores at the end."""
    checks = 0
    findings: list[Finding] = []
    settled = history.settled
    for subscription in history.subscriptions.values():
        for fact in activations(subscription):
            checks += 1
            missing = unpaid(history, subscription, fact.time_us, member(fact, "feature"))
            if missing is not None:
                findings.append(_granted_early(history, subscription, fact, missing))
        if settled:
            for fact in subscription.final_entitlements:
                if fact.state != "active":
                    continue
                checks += 1
                missing = unpaid(history, subscription, fact.time_us, member(fact, "feature"))
                if missing is not None:
                    findings.append(_active_at_the_end(history, subscription, fact, missing))
                else:
                    findings.extend(_activated_early(history, subscription, fact))
    return conclude(checks, findings, None if settled else NOT_SETTLED)


def activations(subscription: SubscriptionTimeline) -> list[Fact]:
    """The facts that activate a feature, or first show it active; later sightings of the same prove nothing new."""
    active: list[Fact] = []
    current: set[object] = set()
    for fact in subscription.entitlements:
        feature = member(fact, "feature")
        if fact.state != "active":
            current.discard(feature)
        elif feature not in current:
            current.add(feature)
            active.append(fact)
    return active


def alert(history: History) -> list[AlertEvent]:
    """Every activation; bad where the payment was missing."""
    return [
        AlertEvent(fact.time_us, unpaid(history, subscription, fact.time_us, member(fact, "feature")) is not None)
        for subscription in history.subscriptions.values()
        for fact in activations(subscription)
    ]


def _granted_early(history: History, subscription: SubscriptionTimeline, fact: Fact, missing: Unpaid) -> Finding:
    how = member(fact, "because")
    reason = f" (granted because of: {how})" if how else ""
    proof = (
        f"The entitlement of subscription {subscription.id} ({member(fact, 'feature') or 'no feature named'}) was "
        "active "
        f"at {clock(fact.time_us)}{reason}, but {missing.because(fact.time_us)}; "
        "therefore it was granted without payment."
    )
    return PROPERTY.finding(
        history, "inline", fact.time_us, proof, [fact, *missing.facts()], missing.magnitude(fact.time_us)
    )


def _activated_early(history: History, subscription: SubscriptionTimeline, fact: Fact) -> Iterable[Finding]:
    """From outside, `activated_on` tells when what is active at the end was granted."""
    activated_us = member(fact, "activated_us")
    if activated_us is None:
        return
    missing = unpaid(history, subscription, activated_us, member(fact, "feature"))
    if missing is not None:
        proof = (
            f"The entitlement of subscription {subscription.id} ({member(fact, 'feature') or 'no feature named'}) says "
            f"that it was activated at {clock(activated_us)}, but {missing.because(activated_us)}; "
            "therefore it was granted without payment."
        )
        yield PROPERTY.finding(
            history, "batch", activated_us, proof, [fact, *missing.facts()], missing.magnitude(activated_us)
        )


def _active_at_the_end(history: History, subscription: SubscriptionTimeline, fact: Fact, missing: Unpaid) -> Finding:
    proof = (
        f"When everything had settled, at {clock(fact.time_us)}, the entitlement of subscription {subscription.id} was "
        f"active, but {missing.because(fact.time_us)}; therefore {money(missing.due_minor)} stays granted unpaid."
    )
    return PROPERTY.finding(
        history, "batch", fact.time_us, proof, [fact, *missing.facts()], missing.magnitude(fact.time_us)
    )


def needs_stripe(circumstances: Circumstances) -> str | None:
    """The reason why nothing is known of payments, if so."""
    return None if circumstances.sees_stripe else "Stripe's side is not in the facts of this target"


PROPERTY = Property(
    id="no-entitlement-without-payment",
    tiers=("inline", "batch", "alert"),
    severity="critical",
    title="No entitlement without payment",
    statement=(
        "At every instant and in every interleaving, an active entitlement has a succeeded payment of its own "
        "subscription (or a succeeded set-up, where nothing was due), and the payment is not later than the "
        "entitlement."
    ),
    why=(
        "With the gate gone, nothing but this order stands between a customer and a product that nobody pays for. What "
        "is granted early is lost whenever the payment then fails."
    ),
    evidence=(
        "`entitlement` (the service's own; else as shown to clients) and `final_entitlement`, against `intent` and "
        "`final_intent` of Stripe. Without Stripe's side there is no evidence."
    ),
    example=(
        "The entitlement of sub_1 was active at 12:03:07; its intent pi_1 succeeded only at 12:03:09. Or: it never did."
    ),
    magnitude="minor units granted unpaid (paid late: a share of them)",
    needs=("entitlement|final_entitlement",),
    function=judge,
    applies=needs_stripe,
    alert=alert,
    orderly=lambda _: 2,
)
