"""pm-saved-as-side-effect: paying puts the payment method on file, and displaces none."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import IntentTimeline, paid_with
from conformance.on_its_way import any_on_its_way, on_its_way
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.subscription_timeline import member
from sim.facts import EXACT, Fact


def judge(history: History) -> Judgement:
    """Every payment method that paid, and the default before and after."""
    checks = 0
    findings: list[Finding] = []
    on_file = history.of("final_payment_method")
    if not on_file and "account_payment_method" not in history.by_kind and not _store_was_read(history):
        return conclude(0)
    kept = [fact.subject for fact in on_file]
    orderly = history.orderly
    if orderly is not None:
        method = paid_with(orderly.success)
        if method is None:
            return conclude(0)
        if method in kept and _default_stands(history, [fact for fact in on_file if fact.state == "default"]):
            return conclude(1)
    paid = [
        intent
        for intent in history.intents.values()
        if intent.success is not None and intent.paid_with is not None and _granted(history, intent)
    ]
    for intent in paid:
        checks += 1
        if intent.paid_with not in kept:
            findings.extend(_judge_saved(history, intent, on_file))
    if paid:
        findings.extend(_judge_default(history, paid, on_file))
    return conclude(checks, findings, any_on_its_way(history, history.intents.values()))


def _store_was_read(history: History) -> bool:
    """Whether the deployment's own store was read at the end: then what it does not list is not there."""
    finals = history.of("final_subscription")
    if history.outside:
        return history.read("payment_methods")
    return bool(finals) and finals[0].source == EXACT


def _granted(history: History, intent: IntentTimeline) -> bool:
    """Whether its success counted: it paid for something, and was not refunded."""
    if intent.refunded_minor > 0 or on_its_way(history, intent):
        return False
    return "Provisioned" in [subscription.state for subscription in history.covered_by(intent)]


def _judge_saved(history: History, intent: IntentTimeline, on_file: Iterable[Fact]) -> Iterable[Finding]:
    method = intent.paid_with
    if _removed(history, method):
        return
    success = intent.success
    time_us = success.time_us if success is not None else history.ended_us
    proof = (
        f"{method} paid {intent.id} at {clock(time_us)}, but when everything had settled it was not on file (on file: "
        f"{listed(fact.subject for fact in on_file)}): the next purchase has no payment method again."
    )
    yield PROPERTY.finding(history, "batch", time_us, proof, [success, *on_file])


def _removed(history: History, method: str | None) -> bool:
    """Whether somebody took it off: then its absence is right."""
    if history.outside and any(fact.operation == "remove_payment_method" for fact in history.of("request")):
        return True
    return any(
        fact.subject == method and fact.state in ("removed", "detached")
        for kind in ("account_payment_method", "payment_method")
        for fact in history.of(kind)
    )


def _judge_default(history: History, paid: list[IntentTimeline], on_file: Iterable[Fact]) -> Iterable[Finding]:
    defaults = [fact for fact in on_file if fact.state == "default"]
    if _default_stands(history, defaults):
        return ()
    first = _first_default(history)
    if len(defaults) > 1:
        return (_several(history, defaults),)
    if defaults:
        displaced = first is not None and not _removed(history, first.subject)
        return (_displaced(history, first, defaults[0]),) if first is not None and displaced else ()
    if first is None and any(fact.subject == intent.paid_with for intent in paid for fact in on_file):
        return (_none(history, paid[0], on_file),)
    return ()


def _default_stands(history: History, defaults: list[Fact]) -> bool:
    """Whether there is one default at the end, and it is the one that stood at the start if there was any."""
    first = _first_default(history)
    return len(defaults) == 1 and (first is None or first.subject == defaults[0].subject)


def _several(history: History, defaults: list[Fact]) -> Finding:
    proof = (
        f"When everything had settled, at {clock(defaults[0].time_us)}, {listed(fact.subject for fact in defaults)} "
        "were "
        "all the default payment method; there is one."
    )
    return PROPERTY.finding(history, "batch", defaults[0].time_us, proof, defaults)


def _none(history: History, intent: IntentTimeline, on_file: Iterable[Fact]) -> Finding:
    when = f" at {clock(intent.success_us)}" if intent.success_us is not None else ""
    proof = (
        f"The account had no default payment method, {intent.paid_with} paid {intent.id}{when}, and when everything "
        f"had settled, at {clock(history.ended_us)}, there was still no default."
    )
    return PROPERTY.finding(history, "batch", history.ended_us, proof, [intent.success, *on_file])


def _displaced(history: History, first: Fact, now: Fact) -> Finding:
    proof = (
        f"{first.subject} was the default payment method from {clock(first.time_us)} on and nobody removed it, but "
        "when "
        f"everything had settled {now.subject} was the default: paying displaced it."
    )
    return PROPERTY.finding(history, "batch", now.time_us, proof, [first, now])


def _first_default(history: History) -> Fact | None:
    """The default that stood at the start."""
    for fact in history.of("account_payment_method"):
        if fact.state == "default" and member(fact, "at_start"):
            return fact
    return None


PROPERTY = Property(
    id="pm-saved-as-side-effect",
    tiers=("batch",),
    severity="minor",
    title="Paying saves the payment method",
    statement="The payment method that paid is on file afterwards; it is the default only where there was none.",
    why="Renewals are charged to what is on file. And the next purchase should not ask for the card again.",
    evidence="`intent` successes that name a payment method; `account_payment_method` and `final_payment_method`.",
    example="pm_2 paid pi_1, and only the expired pm_1 is on file afterwards.",
    magnitude="one for each payment method",
    needs=("intent", "final_subscription|subscription"),
    function=judge,
)
