"""stores-agree: when everything is quiet, subscriptions, entitlements and Stripe tell the same story."""

from __future__ import annotations

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import PAYABLE
from conformance.on_its_way import still_moving
from conformance.payment import unpaid
from conformance.property import AlertEvent, Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.sighting import cancel_asked
from conformance.subscription_timeline import SubscriptionTimeline, member

_ENDED = ("Expired", "Cancelled", "Failed")


def judge(history: History) -> Judgement:
    """Each subscription at the end, against its entitlement and its intents."""
    checks = 0
    findings: list[Finding] = []
    noted: list[str] = []
    undecided: str | None = None
    for subscription in history.subscriptions.values():
        if subscription.final is None and not subscription.final_entitlements and not _has_paid(subscription):
            continue
        checks += 1
        waits = still_moving(history, subscription)
        if waits is not None:
            undecided = undecided or waits
            continue
        drifts = drift(history, subscription)
        if drifts:
            noted.extend(label for label, _ in drifts)
            findings.append(_drifted(history, subscription, drifts))
    return conclude(checks, findings, undecided, tuple(noted))


def drift(history: History, subscription: SubscriptionTimeline) -> list[tuple[str, str]]:
    """In what the stores disagree about a subscription: a label to count by, and a clause for the proof."""
    state = subscription.state
    active = subscription.active_at_end
    found: list[tuple[str, str]] = []
    if subscription.final is None and history.outside and not _must_be_listed(history, subscription):
        return found
    if subscription.final is None:
        found.append(("unknown subscription", "subscriptions-api does not know it"))
    elif state == "Provisioned" and not active:
        found.append(
            ("provisioned without entitlement", "subscriptions-api has it as Provisioned, but no entitlement is active")
        )
    elif state == "Paid":
        found.append(("paid and never provisioned", "subscriptions-api still has it as Paid, not Provisioned"))
    elif state != "Provisioned" and active:
        found.append(("entitlement without subscription", f"it is {state}, but its entitlement is active"))
    elif active:
        found.extend(_other_feature(subscription))
    if history.circumstances.sees_stripe:
        found.extend(_against_stripe(history, subscription))
    return found


def _must_be_listed(history: History, subscription: SubscriptionTimeline) -> bool:
    """From outside: a deployment need not list what has ended, but it must list what is in force, or paid and kept."""
    if subscription.active_at_end:
        return True
    kept = any(intent.succeeded and intent.kept_minor > 0 for intent in subscription.intents)
    return kept and not cancel_asked(history)


def _other_feature(subscription: SubscriptionTimeline) -> list[tuple[str, str]]:
    """What is entitled is what the plan in force gives, where both are told."""
    plan = member(subscription.final, "rate_plan")
    features = [member(fact, "feature") for fact in subscription.final_entitlements if fact.state == "active"]
    if plan is None or None in features or plan in features:
        return []
    clause = f"its plan is {plan}, but what is active is {listed(str(feature) for feature in features)}"
    return [("entitled to something else", clause)]


def alert(history: History) -> list[AlertEvent]:
    """Every subscription at the end; bad where the stores disagree."""
    if not history.settled:
        return []
    return [
        AlertEvent(subscription.final.time_us, bool(drift(history, subscription)))
        for subscription in history.subscriptions.values()
        if subscription.final is not None
    ]


def _against_stripe(history: History, subscription: SubscriptionTimeline) -> list[tuple[str, str]]:
    """What Stripe says of the intents, against the state."""
    found: list[tuple[str, str]] = []
    state = subscription.state
    kept = [intent for intent in subscription.base_intents if intent.succeeded and intent.refunded_minor == 0]
    if state == "AwaitingPayment" and kept:
        found.append(
            (
                "paid at Stripe, awaiting payment here",
                f"Stripe has {kept[0].id} as succeeded, but it still awaits payment",
            )
        )
    if state == "Provisioned" or subscription.active_at_end:
        missing = unpaid(history, subscription, history.ended_us)
        if missing is not None:
            found.append(
                ("in force here, unpaid at Stripe", f"it is in force, but {missing.because(history.ended_us)}")
            )
    if state in ("Expired", "Failed") and any(intent.kept_minor > 0 for intent in kept):
        found.append(
            (
                "ended here, money kept at Stripe",
                f"it is {state}, but Stripe kept {money(kept[0].kept_minor)} of {kept[0].id}",
            )
        )
    live = [
        intent.id for intent in subscription.base_intents if intent.final is not None and intent.final.state in PAYABLE
    ]
    if state in _ENDED and live:
        found.append(("ended here, payable at Stripe", f"it is {state}, but {listed(live)} can still be paid"))
    return found


def _has_paid(subscription: SubscriptionTimeline) -> bool:
    return any(intent.final is not None and intent.succeeded for intent in subscription.intents)


def _drifted(history: History, subscription: SubscriptionTimeline, drifts: list[tuple[str, str]]) -> Finding:
    final = subscription.final
    time_us = final.time_us if final is not None else history.ended_us
    proof = (
        f"When everything had settled, at {clock(time_us)}, the stores disagreed about subscription {subscription.id}: "
        f"{'; '.join(clause for _, clause in drifts)}."
    )
    facts = [final, *subscription.final_entitlements, *(intent.final for intent in subscription.intents)]
    return PROPERTY.finding(history, "batch", time_us, proof, facts, max(subscription.due_minor or 0, 1))


PROPERTY = Property(
    id="stores-agree",
    tiers=("batch", "alert"),
    severity="critical",
    title="Stores agree",
    statement=(
        "After everything has settled, subscriptions, entitlements and Stripe tell the same story; the drift is "
        "counted."
    ),
    why=(
        "Drift between the stores is what premature removal produces, and it grows silently: support finds it "
        "customer by "
        "customer."
    ),
    evidence="`final_subscription`, `final_entitlement` and `final_intent`: the stores, read once when all was quiet.",
    example=(
        "Stripe has pi_1 as succeeded, subscriptions-api still has sub_1 as AwaitingPayment, and no entitlement is "
        "active."
    ),
    magnitude="minor units of the subscription that drifted, at least 1",
    needs=("final_subscription|final_entitlement|final_intent",),
    function=judge,
    alert=alert,
    orderly=lambda _: 1,
)
