"""payment-leads-to-entitlement: who has paid gets what was bought, soon, and keeps it."""

from __future__ import annotations

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.on_its_way import any_on_its_way, delivered_by_us, on_its_way
from conformance.properties.no_entitlement_without_payment import needs_stripe
from conformance.property import AlertEvent, Judgement, Property, conclude
from conformance.prose import clock, money, span
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact

_ENDED = ("Cancelled", "Expired", "Failed")


def judge(history: History) -> Judgement:
    """Every success that was kept: its subscriptions are active at the end, were so in time, and stayed so."""
    checks = 0
    undecided: str | None = None
    findings: list[Finding] = []
    for intent in history.intents.values():
        if not intent.succeeded:
            continue
        for subscription in history.covered_by(intent):
            if given_back(history, intent, subscription) or ended_rightly(history, intent, subscription):
                continue
            checks += 1
            finding = _judge_paid(history, intent, subscription)
            late_us = _activated_late(history, intent, subscription) if history.outside else None
            if finding is None and late_us is not None:
                late = _late_from_outside(history, intent, subscription, late_us)
                if isinstance(late, str):
                    undecided = late
                elif late is not None:
                    findings.append(late)
            elif finding is None:
                continue
            elif history.outside and on_its_way(history, intent):
                undecided = any_on_its_way(history, [intent])
            else:
                findings.append(finding)
    return conclude(checks, findings, undecided)


def _activated_late(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> int | None:
    """From outside: when it was activated, if that was too long after the success; None if it was not."""
    success_us = intent.success_us
    if success_us is None or subscription.given or intent.id in subscription.change_ids:
        return None
    latest_us = success_us + history.circumstances.entitlement_bound_us + LEDGER_SLACK_US
    for fact in subscription.final_entitlements:
        activated_us = member(fact, "activated_us")
        if activated_us is not None and activated_us > latest_us and fact.state == "active":
            return int(activated_us)
    return None


def _late_from_outside(
    history: History, intent: IntentTimeline, subscription: SubscriptionTimeline, activated_us: int
) -> Finding | str | None:
    """A breach if the event had been delivered long before; none if it was still on its way; else nobody can tell."""
    delivered_us = delivered_by_us(intent)
    late_us = activated_us - (intent.success_us or 0)
    bound_us = history.circumstances.entitlement_bound_us
    pending_us = member(intent.success, "delivered_after_us")
    if pending_us is not None and activated_us <= pending_us + bound_us + LEDGER_SLACK_US:
        return None
    what = (
        f"{subscription.id} was active only at {clock(activated_us)}, {span(late_us)} after {intent.id} had succeeded"
    )
    if delivered_us is None or activated_us <= delivered_us + bound_us + LEDGER_SLACK_US:
        return f"{what}; nobody saw whether the event or its handling was late"
    proof = (
        f"{what}, and {span(activated_us - delivered_us)} after its event was known to be delivered, at "
        f"{clock(delivered_us)}; {span(bound_us)} are allowed."
    )
    facts = [intent.success, *subscription.final_entitlements]
    return PROPERTY.finding(history, "batch", activated_us, proof, facts, late_us / 1_000_000)


def alert(history: History) -> list[AlertEvent]:
    """Every payment; bad where what it paid for was missing, late or lost."""
    return [
        AlertEvent(
            intent.success.time_us,
            _judge_paid(history, intent, subscription) is not None and not on_its_way(history, intent),
        )
        for intent in history.intents.values()
        if intent.success is not None
        for subscription in history.covered_by(intent)
        if not given_back(history, intent, subscription) and not ended_rightly(history, intent, subscription)
    ]


def ended_rightly(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> bool:
    """Whether the subscription ended, and not although its payment had been known in time.

    One that expired while the success was still to come, or its event still on the way, is refunded and grants nothing.
    """
    if subscription.state != "Expired":
        return subscription.state in _ENDED
    ended = subscription.ended
    known_us = known_from(history, intent)
    if history.outside:
        return known_us is None or _may_have_ended_by(history, subscription, known_us)
    return ended is None or known_us is None or known_us >= ended.time_us


def _may_have_ended_by(history: History, subscription: SubscriptionTimeline, time_us: int) -> bool:
    """From outside: whether it may have expired by then, for its age or because another purchase took its place."""
    replaced = any(
        other is not subscription and not other.given and other.rate_plan in (subscription.rate_plan, None)
        for other in history.subscriptions.values()
    )
    return replaced or time_us + LEDGER_SLACK_US >= history.first_asked_us + history.circumstances.expiry_us


def given_back(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> bool:
    """Whether the money went back, and with it all that the customer can ask for.

    Not where the event of the success had been taken in long before, and the money went back only when the purchase
    expired: the customer has waited for nothing.
    """
    if intent.refunded_minor <= 0:
        return False
    if subscription.state != "Expired" or subscription.given or not intent.refunds:
        return True
    knows = history.outside or "webhook" in history.by_kind
    known_us = known_from(history, intent) if knows else None
    return known_us is None or intent.refunds[0].time_us <= known_us + history.circumstances.entitlement_bound_us


def known_from(history: History, intent: IntentTimeline) -> int | None:
    """When the service first took the event of the success in; where deliveries are not told, when it succeeded.

    From outside: when it was first known to have taken it in.
    """
    if history.outside:
        return delivered_by_us(intent)
    if "webhook" not in history.by_kind:
        return intent.success_us
    for fact in history.of("webhook"):
        if fact.related == intent.id and fact.state == "delivered" and (fact.operation or "").endswith("succeeded"):
            return fact.time_us
    return None


def _judge_paid(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding | None:
    if subscription.given or intent.id in subscription.change_ids:
        return _judge_change(history, intent, subscription)
    if not subscription.active_at_end:
        return _never_active(history, intent, subscription)
    late = _judge_bound(history, intent, subscription)
    if late is None and len(subscription.entitlements_exact) > 1:
        return _judge_stays(history, intent, subscription)
    return late


def _judge_change(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding | None:
    """A change that was paid for is in force."""
    if not subscription.active_at_end:
        return _never_active(history, intent, subscription)
    if history.outside:
        return paid_plan_missing(history, intent, subscription)
    waiting = next((fact for fact in subscription.plans if fact.related == intent.id), None)
    if waiting is None or any(
        fact.related in (intent.id, None) and fact.state == "change_applied" for fact in subscription.plans
    ):
        return None
    proof = (
        f"Intent {intent.id} ({money(intent.amount_minor)}) for a change of subscription {subscription.id} succeeded"
        f"{_when(intent)}, but when everything had settled the change was not in force: it was paid for in vain."
    )
    return PROPERTY.finding(
        history, "batch", waiting.time_us, proof, [waiting, intent.success, subscription.final], _worth(history, intent)
    )


def paid_plan_missing(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding | None:
    """From outside: the plan that was asked for and paid is not the plan at the end.

    Judged where a single update was asked for, so that there is no doubt which plan it should be.
    """
    asked = [one for one in history.exchanges.values() if one.changes(subscription.id) and not one.refused]
    plans = {one.coming_plan for one in asked}
    plan, final = next(iter(plans), None), subscription.final
    if len(plans) != 1 or plan is None or final is None or member(final, "rate_plan") in (plan, None):
        return None
    proof = (
        f"Intent {intent.id} ({money(intent.amount_minor)}) for the change of subscription {subscription.id} to {plan} "
        f"succeeded{_when(intent)}, but when everything had settled its plan was {member(final, 'rate_plan')}: it was "
        "paid for in vain."
    )
    facts = [*asked[0].facts, intent.success, final]
    return PROPERTY.finding(history, "batch", final.time_us, proof, facts, _worth(history, intent))


def _never_active(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding:
    proof = (
        f"Intent {intent.id} ({money(intent.amount_minor)}) for subscription {subscription.id} "
        f"succeeded{_when(intent)}, "
        f"but when everything had settled, at {clock(history.ended_us)}, the subscription was "
        f"{subscription.state or 'unknown'} and had no active entitlement: the customer paid and got nothing."
    )
    last = subscription.entitlements[-1] if subscription.entitlements else None
    time_us = intent.success_us if intent.success_us is not None else history.ended_us
    return PROPERTY.finding(
        history,
        "batch",
        time_us,
        proof,
        [intent.success or intent.final, last, subscription.final],
        _worth(history, intent),
    )


def _judge_bound(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding | None:
    """In time: within the bound once the service could know. Only the service's own facts tell when it was active."""
    if intent.success_us is None:
        return None
    activation = next((fact for fact in subscription.entitlements_exact if fact.state == "active"), None)
    if activation is None:
        return None
    if activation.time_us - intent.success_us <= history.circumstances.entitlement_bound_us:
        return None
    known = _known_us(history, intent)
    late_us = activation.time_us - known
    if late_us <= history.circumstances.entitlement_bound_us:
        return None
    proof = (
        f"Intent {intent.id} for subscription {subscription.id} succeeded{_when(intent)} and the last thing that could "
        f"delay it was over at {clock(known)}, but its entitlement was active only at {clock(activation.time_us)}: "
        f"{span(late_us)}, where {span(history.circumstances.entitlement_bound_us)} are allowed."
    )
    return PROPERTY.finding(
        history, "batch", activation.time_us, proof, [intent.success, activation], late_us / 1_000_000
    )


def _known_us(history: History, intent: IntentTimeline) -> int:
    """When the service could know of the success with nothing left in the way: its event was taken, faults are over."""
    known = max(intent.success_us or 0, known_from(history, intent) or 0)
    for fact in history.of("fault"):
        known = max(known, fact.time_us)
    return known


def _judge_stays(history: History, intent: IntentTimeline, subscription: SubscriptionTimeline) -> Finding | None:
    """Once paid and active it never has a moment without any active feature."""
    active: list[object] = []
    lost: Fact | None = None
    for fact in subscription.entitlements_exact:
        feature = member(fact, "feature")
        if fact.state == "active":
            if lost is not None and fact.time_us > lost.time_us >= (intent.success_us or 0):
                return _interrupted(history, intent, subscription, lost, fact)
            lost = None
            if feature not in active:
                active.append(feature)
        elif feature in active:
            active.remove(feature)
            lost = fact if not active else None
    return None


def _interrupted(
    history: History, intent: IntentTimeline, subscription: SubscriptionTimeline, lost: Fact, back: Fact
) -> Finding:
    gone_us = back.time_us - lost.time_us
    proof = (
        f"Subscription {subscription.id}, paid by {intent.id}{_when(intent)}, lost its entitlement at "
        f"{clock(lost.time_us)} and had it back only at {clock(back.time_us)}: {span(gone_us)} without what was paid "
        "for."
    )
    return PROPERTY.finding(history, "batch", lost.time_us, proof, [intent.success, lost, back], gone_us / 1_000_000)


def _when(intent: IntentTimeline) -> str:
    return f" at {clock(intent.success_us)}" if intent.success_us is not None else ""


def _worth(history: History, intent: IntentTimeline) -> float:
    """How long the customer has been without what was paid for; never less than the bound."""
    since = intent.success_us if intent.success_us is not None else history.ended_us
    return max(history.ended_us - since, history.circumstances.entitlement_bound_us) / 1_000_000


PROPERTY = Property(
    id="payment-leads-to-entitlement",
    tiers=("batch", "alert"),
    severity="critical",
    title="Payment leads to entitlement",
    statement=(
        "Once a payment has succeeded and faults have stopped, the entitlement is active within a bound "
        "(60 seconds by default), and stays; a change of plan that was paid for is in force."
    ),
    why="A customer who has paid and has nothing is a ticket at best and a chargeback at worst.",
    evidence=(
        "`intent` and `final_intent` that succeeded and were not refunded, against `entitlement`, `final_entitlement` "
        "and `plan`. The bound needs the service's own `entitlement` facts; it runs from the delivery of the event, or "
        "from the last fault."
    ),
    example="pi_1 succeeded at 12:03:09, its event was lost, and at the end of the day sub_1 is still AwaitingPayment.",
    magnitude="seconds without what was paid for",
    needs=("intent|final_intent|confirm",),
    function=judge,
    applies=needs_stripe,
    alert=alert,
    orderly=lambda _: 1,
)
