"""webhook-authentic: only what Stripe signed, just now, changes anything."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock
from conformance.standstill import Pair, pairs
from conformance.subscription_timeline import member
from sim.facts import Fact

_CHANGES = ("subscription", "plan")


def judge(history: History) -> Judgement:
    """Events that took effect must be Stripe's; deliveries that were forged, or rejected, must have none."""
    checks = 0
    findings: list[Finding] = []
    sent = history.of("webhook")
    known: set[str] = set()
    forged: dict[str, Fact] = {}
    for fact in sent:
        if fact.detail is not None and fact.detail.get("authentic") is False:
            forged[fact.subject] = fact
        else:
            known.add(fact.subject)
    settled = history.settled
    for fact in history.of("event"):
        if fact.state == "applied":
            if not sent:
                continue
            checks += 1
            if fact.subject not in known and (settled or fact.subject in forged):
                findings.append(_applied_forgery(history, fact, forged.get(fact.subject)))
        elif fact.state == "rejected":
            checks += 1
            findings.extend(_changed_by_rejected(history, fact))
    for fact in forged.values():
        checks += 1
        if fact.status is not None and fact.status < 400:
            findings.append(_accepted(history, fact))
    for pair in pairs(history, "self") if forged else ():
        since = _between(forged.values(), pair)
        if since and not _asked_between(history, pair):
            checks += 1
            findings.extend(_changed_since(history, since, pair))
    return conclude(checks, findings, None if settled or findings else NOT_SETTLED)


def _applied_forgery(history: History, fact: Fact, delivery: Fact | None) -> Finding:
    whose = "came with a bad signature" if delivery is not None else "was never sent by Stripe"
    proof = (
        f"Event {fact.subject} ({fact.operation} of {fact.related}) took effect at {clock(fact.time_us)}, but it "
        f"{whose}: "
        "anybody could have granted it."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [delivery, fact])


def _changed_by_rejected(history: History, fact: Fact) -> Iterable[Finding]:
    """At the very moment of the rejection, the same service changed what the event was about."""
    for kind in _CHANGES:
        for change in history.of(kind):
            if (
                change.time_us == fact.time_us
                and change.actor == fact.actor
                and change.related is not None
                and change.related == fact.related
            ):
                proof = (
                    f"Event {fact.subject} ({fact.operation}) was rejected at {clock(fact.time_us)}, and at the same "
                    "moment "
                    f"{change.actor} put {change.subject} to {change.state}: a rejected event changed something."
                )
                yield PROPERTY.finding(history, "inline", fact.time_us, proof, [fact, change])
                return


def _between(facts: Iterable[Fact], pair: Pair) -> list[Fact]:
    return [fact for fact in facts if pair.before.time_us <= fact.time_us <= pair.after.time_us]


def _asked_between(history: History, pair: Pair) -> bool:
    """Whether anything but forgeries may have changed what was read."""
    asked = [fact for fact in history.of("request") if member(fact, "method") != "GET"]
    asked += [fact for fact in history.of("webhook") if member(fact, "authentic") is not False]
    return bool(_between([*asked, *history.of("confirm")], pair))


def _changed_since(history: History, forged: list[Fact], pair: Pair) -> Iterable[Finding]:
    difference = pair.difference
    if difference is not None:
        proof = (
            f"Between {clock(pair.before.time_us)} and {clock(pair.after.time_us)} nothing happened to account "
            f"{history.account} but deliveries that Stripe never sent ({forged[0].subject} and others). Still "
            f"{pair.before.operation} shows a change: {difference}."
        )
        yield PROPERTY.finding(history, "inline", pair.after.time_us, proof, [pair.before, *forged[:3], pair.after])


def _accepted(history: History, fact: Fact) -> Finding:
    proof = (
        f"A delivery of {fact.subject} ({fact.operation}) that was not signed by Stripe, or too old, was answered with "
        f"{fact.status} at {clock(fact.time_us)}; 400 was expected."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [fact])


PROPERTY = Property(
    id="webhook-authentic",
    tiers=("inline",),
    severity="critical",
    title="Webhooks are authentic",
    statement="Unsigned, forged, stale or late-replayed events change nothing.",
    why="Under Continuation the event is what grants. Whoever can make one up can have everything for nothing.",
    evidence=(
        "`event` facts of billing-webhooks, against the `webhook` deliveries of Stripe; forged ones say `authentic: "
        "false`. Where a probe read the account before and after them, `snapshot` facts."
    ),
    example="Event evt_x (payment_intent.succeeded of pi_1) took effect at 12:03:09, and Stripe never sent it.",
    magnitude="one for each event",
    needs=("event|webhook",),
    function=judge,
)
