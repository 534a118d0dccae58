"""webhook-eventually-applied: late, early or stumbling, every success gets there; what has ended stays ended."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import IntentTimeline
from conformance.on_its_way import any_on_its_way
from conformance.properties.payment_leads_to_entitlement import ended_rightly, given_back, paid_plan_missing
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, span
from conformance.sighting import went_back
from conformance.subscription_timeline import SubscriptionTimeline
from sim.facts import Fact

_ENDED = ("Expired", "Cancelled", "Failed")
_LIVE = ("AwaitingPayment", "Paid", "Provisioned")


def judge(history: History) -> Judgement:
    """Every intent whose success was sent as an event, and every subscription that ended."""
    if history.outside:
        return _judge_from_outside(history)
    checks = 0
    findings: list[Finding] = []
    sent: dict[str, list[Fact]] = {}
    for fact in history.of("webhook"):
        operation = fact.operation
        if (fact.detail or {}).get("authentic") is False:
            continue  # nothing that Stripe sent: webhook-authentic looks at it
        if operation is not None and fact.related is not None and operation.endswith("intent.succeeded"):
            sent.setdefault(fact.related, []).append(fact)
    for intent_id, deliveries in sent.items():
        intent = history.intents.get(intent_id)
        if intent is None:
            continue
        for subscription in history.covered_by(intent):
            checks += 1
            if subscription.state != "Provisioned" or len(subscription.plans) > 1:
                findings.extend(_judge_converged(history, intent, subscription, deliveries))
    for subscription in history.subscriptions.values():
        ended = subscription.ended
        if ended is not None:
            checks += 1
            findings.extend(_judge_ended(history, subscription, ended))
    return conclude(checks, findings)


def _judge_from_outside(history: History) -> Judgement:
    """Every success that Stripe has delivered, as its events say."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    for intent in history.intents.values():
        waits = any_on_its_way(history, [intent])
        undecided = undecided or (waits if history.covered_by(intent) else None)
        if waits is not None or intent.success is None:
            continue
        for subscription in history.covered_by(intent):
            checks += 1
            findings.extend(_judge_converged(history, intent, subscription, [intent.success]))
            if (subscription.given or intent.id in subscription.change_ids) and subscription.active_at_end:
                missing = paid_plan_missing(history, intent, subscription)
                if missing is not None:
                    findings.append(missing._replace(property=PROPERTY.id, severity=PROPERTY.severity))
    for subscription in history.subscriptions.values():
        pair = went_back(history, subscription, _ENDED, _LIVE)
        if pair is not None:
            checks += 1
            findings.append(_revived(subscription, history, *pair))
    return conclude(checks, findings, undecided)


def _judge_converged(
    history: History, intent: IntentTimeline, subscription: SubscriptionTimeline, deliveries: list[Fact]
) -> Iterable[Finding]:
    """When all is quiet, nothing waits any more for a success that was sent."""
    state = subscription.state
    if subscription.given or intent.id in subscription.change_ids:
        stuck = bool(subscription.plans) and not any(
            fact.related in (intent.id, None) and fact.state == "change_applied" for fact in subscription.plans
        )
        what = "its change was not in force"
    else:
        expired = state == "Expired" and not ended_rightly(history, intent, subscription)
        stuck = expired or state in ("AwaitingPayment", "Paid")
        what = f"it was {state}"
    if (
        not stuck
        or given_back(history, intent, subscription)
        or any(fact.state == "Cancelled" for fact in subscription.exact)
    ):
        return
    last = deliveries[-1]
    if history.outside:
        proof = (
            f"{intent.id} succeeded at {clock(last.time_us)}, and Stripe had delivered its event a minute before the "
            f"end. At {clock(history.ended_us)} {what} (subscription {subscription.id}): it did not converge by itself."
        )
        facts = [last, subscription.final]
        yield PROPERTY.finding(
            history, "batch", last.time_us, proof, facts, (history.ended_us - last.time_us) / 1_000_000
        )
        return
    fate = [fact for fact in history.of("event") if fact.related == intent.id]
    handled = f"; billing-webhooks last said {fate[-1].state}" if fate else "; billing-webhooks never had it"
    proof = (
        f"Stripe sent the success of {intent.id} ({last.operation}) {len(deliveries)} "
        f"time{'s' if len(deliveries) > 1 else ''}, first at {clock(deliveries[0].time_us)}, last {last.state} with "
        f"{last.status or 'no answer'}{handled}. When everything had settled, at {clock(history.ended_us)}, {what} "
        f"(subscription {subscription.id}): it did not converge by itself."
    )
    waited = history.ended_us - deliveries[0].time_us
    facts = [intent.success, deliveries[0], last, *fate[-1:], subscription.final]
    yield PROPERTY.finding(history, "batch", last.time_us, proof, facts, waited / 1_000_000)


def _revived(subscription: SubscriptionTimeline, history: History, ended: Fact, later: Fact) -> Finding:
    proof = (
        f"Subscription {subscription.id} was seen as {ended.state} at {clock(ended.time_us)}, and as {later.state} at "
        f"{clock(later.time_us)}: something late revived what had ended."
    )
    return PROPERTY.finding(history, "batch", later.time_us, proof, [ended, later], max(subscription.due_minor or 0, 1))


def _judge_ended(history: History, subscription: SubscriptionTimeline, ended: Fact) -> Iterable[Finding]:
    """What has ended is not revived, by whatever comes late."""
    for fact in (*subscription.exact, *subscription.entitlements_exact):
        revives = fact.state in ("AwaitingPayment", "Paid", "Provisioned", "active")
        if revives and fact.time_us > ended.time_us:
            proof = (
                f"Subscription {subscription.id} was {ended.state} at {clock(ended.time_us)}, and {fact.state} again "
                "at "
                f"{clock(fact.time_us)}, {span(fact.time_us - ended.time_us)} later: something late revived what had "
                "ended."
            )
            yield PROPERTY.finding(
                history, "batch", fact.time_us, proof, [ended, fact], max(subscription.due_minor or 0, 1)
            )
            return


PROPERTY = Property(
    id="webhook-eventually-applied",
    tiers=("batch",),
    severity="critical",
    title="Webhooks are applied in the end",
    statement=(
        "With delays of up to three days, an event that comes before its object is known, or a handler that fails n "
        "times: "
        "it converges with nobody's help, and revives nothing that ended."
    ),
    why=(
        "Stripe promises neither order nor time. Whatever needs a person to put right becomes a ticket, for each "
        "customer."
    ),
    evidence="`webhook` deliveries of successes, `event`, `subscription`, `plan`, `entitlement` and the final rows.",
    example=(
        "The success of pi_1 came before sub_1 was known, was acknowledged and forgotten; sub_1 is still "
        "AwaitingPayment."
    ),
    magnitude="seconds from the first delivery to the end",
    needs=("webhook|subscription|final_intent",),
    function=judge,
    orderly=lambda shape: 1 if shape.success_sent else 0,
)
