"""admin-grants-only-what-is-paid: support can put the books right, and give nothing away."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.payment import Unpaid, unpaid
from conformance.properties.no_entitlement_without_payment import activations, needs_stripe
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.standstill import Pair, objects_of, pairs
from conformance.subscription_timeline import SubscriptionTimeline, member
from conformance.trial import trials, unreachable
from sim.facts import Fact

_BY_ADMINISTRATORS = ("sync", "recompute")
_GRANTED = ("Paid", "Provisioned")
RECOMPUTED = ("recomputed", "recomputed_again")
"""What readings after the first and after the second of two recomputations are labelled with."""


def judge(history: History) -> Judgement:
    """What administrators' operations granted, against what was paid; and the second recomputation of two."""
    checks = 0
    findings: list[Finding] = []
    undecided = unreachable(history, "admin")
    for trial in trials(history, "admin"):
        if trial.accepted:
            checks += 1
        else:
            undecided = undecided or f"{trial.operation} was answered with {trial.said} to a valid token"
    if not checks:
        return conclude(0, (), undecided)
    for subscription in history.subscriptions.values():
        findings.extend(_judge_activations(history, subscription))
    if not findings:  # what the service tells itself needs not be read once more
        for pair in pairs(history, "self"):
            findings.extend(_judge_pair(history, pair))
    for pair in pairs(history, "self", RECOMPUTED):
        checks += 1
        findings.extend(_judge_repeat(history, pair))
    return conclude(checks, findings, undecided)


def _judge_activations(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """The service's own word for why it granted."""
    for fact in activations(subscription):
        if member(fact, "because") in _BY_ADMINISTRATORS:
            missing = unpaid(history, subscription, fact.time_us, member(fact, "feature"))
            if missing is not None:
                how = f"{member(fact, 'because')} activated the entitlement of subscription {subscription.id}"
                yield _granted(history, fact.time_us, how, missing, [fact])


def _judge_pair(history: History, pair: Pair) -> Iterable[Finding]:
    """What was read before an administrator's operation and after it: whatever is granted since must be paid."""
    operation = pair.after.operation
    first, second = objects_of(pair.before), objects_of(pair.after)
    for name, shown in second.items():
        before = first.get(name, {})
        if operation == "entitlements" and shown.get("status") == "active" != before.get("status"):
            identifier, plan = str(shown.get("subscription_id")), shown.get("feature")
        elif (
            operation == "list_subscriptions" and shown.get("state") in _GRANTED and before.get("state") not in _GRANTED
        ):
            identifier, plan = str(shown.get("id")), None
        else:
            continue
        subscription = history.subscription(identifier)
        if subscription is None:
            continue
        missing = unpaid(history, subscription, pair.after.time_us, plan)
        if missing is not None:
            how = (
                f"between the readings of {clock(pair.before.time_us)} and {clock(pair.after.time_us)}, with nothing "
                f"but administrators' operations in between, {operation} shows subscription {identifier} granted"
            )
            yield _granted(history, pair.after.time_us, how, missing, [pair.before, pair.after])


def _granted(history: History, time_us: int, how: str, missing: Unpaid, facts: list[Fact]) -> Finding:
    proof = f"At {clock(time_us)}: {how}, but {missing.because(time_us)}; therefore it was given away."
    return PROPERTY.finding(history, "batch", time_us, proof, [*facts, *missing.facts()], missing.magnitude(time_us))


def _judge_repeat(history: History, pair: Pair) -> Iterable[Finding]:
    difference = pair.difference
    if difference is not None:
        proof = (
            f"Account {history.account} was recomputed twice. After the first time it was read "
            f"({pair.before.operation}) at {clock(pair.before.time_us)}, after the second at "
            f"{clock(pair.after.time_us)}, and {difference}: the second time should have changed nothing."
        )
        yield PROPERTY.finding(history, "batch", pair.after.time_us, proof, [pair.before, pair.after])


PROPERTY = Property(
    id="admin-grants-only-what-is-paid",
    tiers=("batch",),
    severity="critical",
    title="Administrators grant only what is paid",
    statement=(
        "sync-entitlements, recompute, unlock and unban grant nothing that is not paid; recompute, run twice, changes "
        "nothing the second time."
    ),
    why=(
        "These are run over thousands of accounts, often after an incident. What they give away by mistake nobody "
        "ever collects."
    ),
    evidence=(
        "`request` facts whose `probe.tries` is `admin`; `snapshot` facts of subscriptions and entitlements before "
        "and after; `entitlement` facts because of `sync` or `recompute`, against `intent` and `final_intent`."
    ),
    example="sync activated the entitlement of sub_1 at 12:03:07, but pi_1 (5.00 USD due) never succeeded.",
    magnitude="minor units granted unpaid; one for a repeat that changes something",
    needs=("snapshot|unreachable",),
    function=judge,
    applies=needs_stripe,
)
