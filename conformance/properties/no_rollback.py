"""no-rollback: under Continuation nothing committed is undone because a payment failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conformance.circumstances import Circumstances
from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.property import AlertEvent, Judgement, Property, conclude
from conformance.prose import clock, money
from conformance.sighting import cancel_asked, earlier_states, went_back
from conformance.snapshot import last_before, objects, snapshots
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact

_COMMITTED: Final = ("Paid", "Provisioned")
_UNDONE: Final = ("AwaitingPayment", "Failed", "Expired", "Cancelled")


def judge(history: History) -> Judgement:
    """Rollbacks by name, and committed subscriptions that nobody cancelled and that ended all the same."""
    checks = 0
    findings: list[Finding] = []
    for subscription in history.subscriptions.values():
        if subscription.ever_in_force or subscription.state == "Paid" or _seen_in_force(history, subscription):
            checks += 1
            if history.outside:
                findings.extend(_seen_undone(history, subscription))
                continue
            undone = undoing(history, subscription)
            if undone is not None:
                findings.append(_undone(history, subscription, undone))
    for fact in history.of("rollback"):
        checks += 1
        findings.append(_rolled_back(history, fact))
    return conclude(checks, findings)


def undoing(history: History, subscription: SubscriptionTimeline) -> Fact | None:
    """The fact that takes a commitment back although nobody asked for it; None if there is none."""
    for fact in subscription.entitlements_exact:
        if fact.state == "inactive" and member(fact, "because") == "rollback":
            return fact
    committed = False
    for fact in subscription.exact:
        if fact.state in ("Paid", "Provisioned"):
            committed = True
        elif committed and _undoes(history, fact):
            return fact
    return None


def _seen_in_force(history: History, subscription: SubscriptionTimeline) -> bool:
    return history.outside and any(fact.state in _COMMITTED for fact in earlier_states(subscription))


def _seen_undone(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """From outside: seen in force, and later waiting or ended, although nobody cancelled anything."""
    changed = any(exchange.changes(subscription.id) for exchange in history.exchanges.values())
    low: tuple[str, ...] = _UNDONE[1:] if changed else _UNDONE
    if cancel_asked(history):
        low = low[:-1]
    pair = went_back(history, subscription, _COMMITTED, low) or _paid_and_undone(subscription, low)
    if pair is None:
        yield from _taken_off_after_decline(history, subscription)
        return
    seen, later = pair
    proof = (
        f"Subscription {subscription.id} ({money(subscription.due_minor)}) was seen as {seen.state} at "
        f"{clock(seen.time_us)} and as {later.state} at {clock(later.time_us)}, and no cancellation was asked for: "
        "something committed was undone."
    )
    yield PROPERTY.finding(history, "batch", later.time_us, proof, [seen, later], max(subscription.due_minor or 0, 1))


def _paid_and_undone(subscription: SubscriptionTimeline, low: tuple[str, ...]) -> tuple[Fact, Fact] | None:
    """An entitlement that was paid for and seen active, of a subscription that waits or has ended when all is over."""
    final = subscription.final
    if final is None or final.state not in low or not subscription.paid_for:
        return None
    active = next((fact for fact in subscription.entitlements_shown if fact.state == "active"), None)
    return (active, final) if active is not None else None


def _taken_off_after_decline(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """From outside: read as active before a payment for it was declined, and not any more afterwards."""
    declines = [fact for intent in subscription.intents for fact in intent.declines]
    if not declines or cancel_asked(history):
        return
    decline = min(declines, key=lambda fact: fact.time_us)
    before = last_before(history, "entitlements", decline.time_us - LEDGER_SLACK_US)
    if before is None or not _reads_active(before, subscription.id):
        return
    for later in snapshots(history, "entitlements"):
        if later.time_us <= decline.time_us or _reads_active(later, subscription.id):
            continue
        if any(intent.succeeded_by(later.time_us) for intent in subscription.intents):
            return
        proof = (
            f"The entitlement of subscription {subscription.id} was active at {clock(before.time_us)}; a payment for "
            f"it ({decline.related or decline.subject}) was declined at {clock(decline.time_us)}, and at "
            f"{clock(later.time_us)} it was not active any more, although nobody had cancelled anything: something "
            "committed was undone because a payment failed."
        )
        facts = [before, decline, later]
        yield PROPERTY.finding(history, "batch", later.time_us, proof, facts, max(subscription.due_minor or 0, 1))
        return


def _reads_active(reading: Fact, subscription_id: str) -> bool:
    return any(
        one.get("subscription_id") == subscription_id and one.get("status") == "active" for one in objects(reading)
    )


def _undoes(history: History, fact: Fact) -> bool:
    """Whether a fact about a committed subscription takes the commitment back."""
    if fact.state == "Cancelled":
        return not _cancelled_by_request(history, fact)
    return fact.state in ("AwaitingPayment", "Failed", "Expired") and not _concerns_change(fact)


def alert(history: History) -> list[AlertEvent]:
    """Every commitment and every rollback; the rollbacks are bad."""
    events = [
        AlertEvent(fact.time_us, False)
        for subscription in history.subscriptions.values()
        for fact in subscription.exact
        if fact.state in ("Paid", "Provisioned")
    ]
    return sorted(events + [AlertEvent(fact.time_us, True) for fact in history.of("rollback")])


def _concerns_change(fact: Fact) -> bool:
    return (
        bool(member(fact, "pending_change"))
        or fact.operation in ("update", "append")
        or member(fact, "operation") in ("update", "append")
    )


def _cancelled_by_request(history: History, fact: Fact) -> bool:
    """Whether somebody asked for it; where requests are not in the facts, a cancellation is taken for asked."""
    requests = history.of("request")
    return not requests or any(
        request.operation == "cancel" and request.time_us <= fact.time_us for request in requests
    )


def _rolled_back(history: History, fact: Fact) -> Finding:
    ended = "and the rollback itself failed" if fact.state == "failed" else "and was undone"
    why = member(fact, "why")
    proof = (
        f"At {clock(fact.time_us)} a rollback of subscription {fact.subject} was run{f' ({why})' if why else ''}, "
        f"after intent {fact.related or 'unknown'} had not been paid: it had been committed first {ended}. "
        "Under Continuation nothing is committed before payment, so nothing can need undoing."
    )
    subscription = history.subscription(fact.subject)
    due = subscription.due_minor if subscription is not None else None
    return PROPERTY.finding(history, "batch", fact.time_us, proof, [fact], max(due or 0, 1))


def _undone(history: History, subscription: SubscriptionTimeline, fact: Fact) -> Finding:
    committed = subscription.first("Paid", "Provisioned")
    since = f" after it had been {committed.state} at {clock(committed.time_us)}" if committed is not None else ""
    proof = (
        f"Subscription {subscription.id} ({money(subscription.due_minor)}) went to {fact.state} at "
        f"{clock(fact.time_us)}{since}, and no cancellation was asked for: "
        "something committed was undone."
    )
    return PROPERTY.finding(
        history, "batch", fact.time_us, proof, [committed, fact], max(subscription.due_minor or 0, 1)
    )


def _under_continuation(circumstances: Circumstances) -> str | None:
    if circumstances.regime == "continuation":
        return None
    return f"applies under continuation only; the regime is {circumstances.regime}"


PROPERTY = Property(
    id="no-rollback",
    tiers=("batch", "alert"),
    severity="critical",
    title="No rollback under Continuation",
    statement="Under Continuation nothing committed is undone because a payment failed.",
    why=(
        "A rollback can itself fail and leave a customer with a product that nobody paid for, or without one that "
        "somebody did. Continuation removes the need for it, and the plan deletes the code."
    ),
    evidence=(
        "`rollback`, and the service's own `subscription` and `entitlement` facts. Judged under continuation only."
    ),
    example=(
        "sub_1 was Provisioned at 12:03:07 and Cancelled at 12:03:10 after pi_1 was declined; nobody had cancelled it."
    ),
    magnitude="minor units of the subscription that was undone",
    needs=("subscription|rollback|entitlement",),
    function=judge,
    applies=_under_continuation,
    alert=alert,
    orderly=lambda _: 1,
)
