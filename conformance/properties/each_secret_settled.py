"""each-secret-settled: of several secrets, one that is refused takes none of the others with it."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.on_its_way import any_on_its_way, on_its_way
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money
from sim.facts import EXACT, Fact
from sim.time import SECOND_US

_REPLACED_WITHIN_US = 30 * SECOND_US
"""Assumption: whoever replaces an intent cancels it and makes the new one within one request."""


def judge(history: History) -> Judgement:
    """Every attempt that was given the secrets of two or more intents."""
    if len(history.of("secret")) < 2:
        return conclude(0)
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    for attempt, intents in _by_attempt(history).items():
        if len(intents) < 2:
            continue
        checks += 1
        for intent in intents:
            undecided = undecided or any_on_its_way(history, [intent])
            others = [other for other in intents if set(other.subscription_ids).isdisjoint(intent.subscription_ids)]
            if not others:
                continue
            findings.extend(_judge_intent(history, attempt, intent, others))
    return conclude(checks, findings, undecided)


def _by_attempt(history: History) -> dict[str, list[IntentTimeline]]:
    """The intents that pay for something and whose secrets an attempt was given, each once."""
    found: dict[str, list[IntentTimeline]] = {}
    for fact in history.of("secret"):
        exchange = history.exchanges.get(fact.related or "")
        intent = history.intents.get(fact.subject)
        if exchange is None or exchange.attempt is None or intent is None or not intent.subscription_ids:
            continue
        intents = found.setdefault(exchange.attempt, [])
        if intent not in intents:
            intents.append(intent)
    return found


def _judge_intent(
    history: History, attempt: str, intent: IntentTimeline, others: list[IntentTimeline]
) -> Iterable[Finding]:
    charges = [fact for fact in intent.charges if fact.state == "succeeded"]
    if len(charges) > 1:
        proof = (
            f"Attempt {attempt} had {len(others) + 1} secrets; {intent.id} ({money(intent.amount_minor)}) was charged "
            f"{len(charges)} times, first at {clock(charges[0].time_us)}, again at {clock(charges[1].time_us)}."
        )
        yield PROPERTY.finding(history, "batch", charges[1].time_us, proof, charges, charges[1].amount_minor or 1)
    if intent.succeeded:
        yield from _judge_paid(history, attempt, intent, others)
    elif intent.canceled is not None:
        yield from _judge_canceled(history, attempt, intent, others)


def _judge_paid(
    history: History, attempt: str, intent: IntentTimeline, others: list[IntentTimeline]
) -> Iterable[Finding]:
    """What was paid for is there, whatever became of the others."""
    for subscription in history.covered_by(intent):
        if on_its_way(history, intent):
            return
        if subscription.final is None or subscription.active_at_end or intent.refunded_minor > 0:
            continue
        if subscription.state in ("Cancelled", "Expired", "Failed"):
            continue
        fate = listed(f"{other.id} {other.end_state or 'unknown'}" for other in others)
        proof = (
            f"Of {len(others) + 1} secrets of attempt {attempt}, {intent.id} ({money(intent.amount_minor)}) was paid "
            "(beside "
            f"it: {fate}), but subscription {subscription.id} was {subscription.state} when everything had settled: "
            "what was paid got lost."
        )
        facts = [intent.success or intent.final, subscription.final]
        yield PROPERTY.finding(history, "batch", history.ended_us, proof, facts, max(intent.amount_minor or 0, 1))


def _latest_replacement_us(history: History, canceled: Fact) -> int:
    """Until when an intent may be made to be taken for what replaced a cancelled one.

    One that comes later is there because the customer bought again what had got lost. Where faults delay things, or
    times are those of Stripe's ledger, nobody can tell.
    """
    if history.outside:
        quiet = history.read("ledger_events") and not _disturbed(history)
        return canceled.time_us + _REPLACED_WITHIN_US + LEDGER_SLACK_US if quiet else history.ended_us
    if "fault" in history.by_kind or canceled.source != EXACT:
        return history.ended_us
    return canceled.time_us + _REPLACED_WITHIN_US


def _disturbed(history: History) -> bool:
    """Whether anything was slow or broken as far as the customer could see."""
    return any(
        fact.state == "unknown" or (fact.status or 0) >= 500
        for kind in ("answer", "confirm")
        for fact in history.of(kind)
    )


def _judge_canceled(
    history: History, attempt: str, intent: IntentTimeline, others: list[IntentTimeline]
) -> Iterable[Finding]:
    """One that was not refused is not cancelled because of another: neither as collateral nor as a duplicate."""
    canceled, created_us = intent.canceled, intent.created_us
    if canceled is None or created_us is None or history.expired_with(intent):
        return
    if any(fact.operation == "cancel" for fact in history.of("request")):
        return
    latest_us = _latest_replacement_us(history, canceled)
    if any(
        other is not intent
        and other.created_us is not None
        and created_us < other.created_us <= latest_us
        and set(_plans(history, other)) & set(_plans(history, intent))
        for other in history.intents.values()
    ):
        return
    twin = next((other for other in others if other.amount_minor == intent.amount_minor), None)
    cause = (
        f"{twin.id} asks for the same {money(intent.amount_minor)}, so it was taken for a duplicate"
        if twin is not None
        else f"the others were {listed(f'{other.id} {other.end_state}' for other in others)}"
    )
    proof = (
        f"Of {len(others) + 1} secrets of attempt {attempt}, {intent.id} ({money(intent.amount_minor)}) was "
        "cancelled at "
        f"{clock(canceled.time_us)} with nothing in its place; {cause}: its lines got lost."
    )
    yield PROPERTY.finding(history, "batch", canceled.time_us, proof, [canceled], max(intent.amount_minor or 0, 1))


def _plans(history: History, intent: IntentTimeline) -> list[str | None]:
    return [subscription.rate_plan for subscription in history.covered_by(intent)]


PROPERTY = Property(
    id="each-secret-settled",
    tiers=("batch",),
    severity="major",
    title="Each secret is settled by itself",
    statement=(
        "Of several secrets of which one is refused, the others are neither lost nor charged again; equal amounts "
        "are not "
        "taken for duplicates."
    ),
    why=(
        "A mixed cart is paid with several intents. A front end or a backend that stops at the first refusal loses "
        "the rest."
    ),
    evidence="`secret` facts by attempt, `intent`, `charge`, and the final rows.",
    example="pi_1 and pi_2 ask for 5.00 USD each; pi_1 was declined and pi_2 cancelled as its duplicate.",
    magnitude="minor units of the intent that was lost or charged again",
    needs=("secret", "intent|final_intent"),
    function=judge,
    orderly=lambda _: 0,
)
