"""failed-payment-can-be-retried: a decline ends nothing and grants nothing."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money, span
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """Every intent that was declined, or whose challenge failed."""
    checks = 0
    findings: list[Finding] = []
    for intent in history.intents.values():
        if not intent.states and not intent.confirms:
            continue
        declines = intent.declines
        if not declines:
            continue
        checks += 1
        findings.extend(_judge_declined(history, intent, declines))
    return conclude(checks, findings)


def _judge_declined(history: History, intent: IntentTimeline, declines: list[Fact]) -> Iterable[Finding]:
    first = declines[0]
    changes = [s for s in history.covered_by(intent) if s.given or intent.id in s.change_ids]
    purchases = [s for s in history.covered_by(intent) if s not in changes]
    canceled = intent.canceled
    if canceled is not None and _ended_by_decline(history, intent, purchases):
        proof = (
            f"Intent {intent.id} was declined at {clock(first.time_us)} and cancelled at {clock(canceled.time_us)}, "
            f"{span(canceled.time_us - first.time_us)} later, with nothing in its place: its secret cannot be tried "
            "with "
            "another payment method."
        )
        yield PROPERTY.finding(history, "batch", canceled.time_us, proof, [first, canceled], intent.amount_minor or 1)
    yield from _refused_retries(history, intent, first)
    for subscription in purchases:
        if history.sees_stripe:
            yield from _granted_in_between(history, intent, subscription, first)
        yield from _ended_in_between(history, subscription, first)


def _ended_by_decline(history: History, intent: IntentTimeline, purchases: list[SubscriptionTimeline]) -> bool:
    """Whether the intent ended although its purchase did not: not expired, not cancelled, not replaced."""
    if any(fact.operation == "cancel" for fact in history.of("request")):
        return False
    created_us = intent.created_us
    if created_us is None or history.expired_with(intent):
        return False
    replaced = any(
        other is not intent and other.created_us is not None and other.created_us > created_us
        for other in history.intents.values()
    )
    return not replaced and bool(purchases)


def _refused_retries(history: History, intent: IntentTimeline, first: Fact) -> Iterable[Finding]:
    """A confirmation after the decline is refused as if the intent were in the wrong state, while it was payable."""
    for fact in intent.confirms:
        if fact.time_us <= first.time_us or fact.status != 400:
            continue
        before = intent.state_at(fact.time_us)
        if before in ("requires_payment_method", "requires_confirmation") and fact.state in (before, "unknown", None):
            proof = (
                f"Intent {intent.id} was declined at {clock(first.time_us)}; at {clock(fact.time_us)} the customer "
                "tried "
                f"again and was refused with 400, although it was {before}: the same secret no longer works."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [first, fact], intent.amount_minor or 1)
            return


def _granted_in_between(
    history: History, intent: IntentTimeline, subscription: SubscriptionTimeline, first: Fact
) -> Iterable[Finding]:
    """Nothing is active between the decline and the success."""
    if history.outside:
        yield from _activated_in_between(history, intent, subscription, first)
    for fact in subscription.entitlements:
        if fact.state != "active" or fact.time_us < first.time_us:
            continue
        if not any(other.succeeded_by(fact.time_us) for other in subscription.intents):
            proof = (
                f"Intent {intent.id} was declined at {clock(first.time_us)}, and the entitlement of subscription "
                f"{subscription.id} ({money(subscription.due_minor)}) was active at {clock(fact.time_us)} with "
                "nothing paid "
                "in between: a failed payment granted something."
            )
            yield PROPERTY.finding(
                history, "batch", fact.time_us, proof, [first, fact], max(subscription.due_minor or 0, 1)
            )
            return


def _activated_in_between(
    history: History, intent: IntentTimeline, subscription: SubscriptionTimeline, first: Fact
) -> Iterable[Finding]:
    """From outside: `activated_on` lies after the decline and before any success."""
    for fact in subscription.final_entitlements:
        activated_us = member(fact, "activated_us")
        if activated_us is None or fact.state != "active" or activated_us < first.time_us - LEDGER_SLACK_US:
            continue
        if not any(other.succeeded_by(activated_us) for other in subscription.intents):
            proof = (
                f"Intent {intent.id} was declined at {clock(first.time_us)}, and the entitlement of subscription "
                f"{subscription.id} ({money(subscription.due_minor)}) was activated at {clock(activated_us)} with "
                "nothing paid in between: a failed payment granted something."
            )
            yield PROPERTY.finding(
                history, "batch", activated_us, proof, [first, fact], max(subscription.due_minor or 0, 1)
            )


def _ended_in_between(history: History, subscription: SubscriptionTimeline, first: Fact) -> Iterable[Finding]:
    """The purchase waits on: a decline alone does not make it Failed or Cancelled."""
    ended = subscription.ended
    if ended is None and history.outside:
        ended = subscription.final
        if ended is None or ended.state not in ("Failed", "Cancelled") or _replaced(history, subscription):
            return
    if ended is None or ended.state == "Expired" or ended.time_us < first.time_us:
        return
    if ended.state == "Cancelled" and not _cancelled_by_decline(history, subscription, first, ended):
        return
    proof = (
        f"Subscription {subscription.id} was {ended.state} at {clock(ended.time_us)}, "
        f"{span(ended.time_us - first.time_us)} "
        f"after its payment was declined at {clock(first.time_us)} (intents: "
        f"{listed(intent.id for intent in subscription.intents)}): it should have waited for another payment method."
    )
    yield PROPERTY.finding(history, "batch", ended.time_us, proof, [first, ended], max(subscription.due_minor or 0, 1))


def _replaced(history: History, subscription: SubscriptionTimeline) -> bool:
    """From outside: whether another purchase may have taken its place."""
    return any(
        other is not subscription and not other.given and other.rate_plan in (subscription.rate_plan, None)
        for other in history.subscriptions.values()
    )


def _cancelled_by_decline(history: History, subscription: SubscriptionTimeline, first: Fact, ended: Fact) -> bool:
    """Whether neither the customer nor another purchase ended it."""
    if any(fact.operation == "cancel" for fact in history.of("request")):
        return False
    return not any(
        exchange.request is not None
        and first.time_us <= exchange.request.time_us <= ended.time_us
        and exchange.operation in ("bulk_create", "create", "registrar_checkout", "pre_auth")
        for exchange in history.exchanges.values()
    )


PROPERTY = Property(
    id="failed-payment-can-be-retried",
    tiers=("batch",),
    severity="major",
    title="A failed payment can be tried again",
    statement=(
        "After a decline or a failed challenge the same secret works with another payment method, and nothing is "
        "granted in "
        "between."
    ),
    why="One first card in eight is declined; whoever cannot try again at once is a lost customer.",
    evidence=(
        "`intent` facts that say why it was declined (or `confirm` as the customer met it), `entitlement`, "
        "`subscription`."
    ),
    example="pi_1 was declined at 12:03:09 and cancelled by the service at 12:03:10; the second card met 400.",
    magnitude="minor units of the purchase",
    needs=("intent|confirm",),
    function=judge,
    orderly=lambda shape: None if shape.declined else 0,
)
