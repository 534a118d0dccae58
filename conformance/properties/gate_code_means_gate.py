"""gate-code-means-gate: 1210 is the gate's code, and nothing else looks like it."""

from __future__ import annotations

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.properties.gate_as_configured import usable_on_file
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member
from scenarios.phase import GATED_OPERATIONS
from sim.facts import Fact

GATE_CODE = 1210
CARD_CODE = 1214


def judge(history: History) -> Judgement:
    """Every refusal."""
    checks = 0
    findings: list[Finding] = []
    for fact in history.of("answer"):
        status = fact.status
        if status is None or status < 400:
            continue
        checks += 1
        clause = _misuse(history, fact)
        if clause is not None:
            said = f"{fact.operation} answered {fact.actor} with {status}, code {fact.code}"
            proof = f"At {clock(fact.time_us)} {said}: {clause}."
            exchange = history.exchanges.get(fact.subject)
            facts = exchange.facts if exchange is not None else (fact,)
            findings.append(PROPERTY.finding(history, "inline", fact.time_us, proof, facts))
    return conclude(checks, findings)


def _misuse(history: History, fact: Fact) -> str | None:
    """What is wrong with the code; None if nothing is."""
    if fact.code == GATE_CODE:
        if fact.status != 402:
            return "1210 belongs to 402 alone"
        if fact.operation not in GATED_OPERATIONS:
            return "the gate's code, from an operation that never had the gate"
        if member(fact, "decline_code"):
            return f"a card declined by Stripe ({member(fact, 'decline_code')}) is made to look like the gate"
        if _card_refused_meanwhile(history, fact):
            return "Stripe had just refused a card for it: that is 1214, and was made to look like the gate"
        return None
    if fact.status == 402 and fact.code != CARD_CODE:
        return f"a 402 that is neither the gate (1210) nor a refused card ({CARD_CODE}) cannot be told from the gate"
    return None


def _card_refused_meanwhile(history: History, fact: Fact) -> bool:
    """Whether a charge failed at Stripe between the request and its answer."""
    exchange = history.exchanges.get(fact.subject)
    if exchange is None or exchange.asked_us is None:
        return False
    if not exchange.brings_payment_method and not usable_on_file(history, fact.time_us):
        return False
    asked_us, answered_us = exchange.asked_us, fact.time_us
    if history.outside:
        if _tried_meanwhile(history, exchange, asked_us, answered_us):
            return False
        asked_us, answered_us = asked_us - LEDGER_SLACK_US, answered_us + LEDGER_SLACK_US
    return any(charge.state == "failed" and asked_us < charge.time_us <= answered_us for charge in history.of("charge"))


def _tried_meanwhile(history: History, exchange: Exchange, asked_us: int, answered_us: int) -> bool:
    """Whether something else may have had a card refused about then."""
    start_us, end_us = asked_us - 2 * LEDGER_SLACK_US, answered_us + 2 * LEDGER_SLACK_US
    if any(start_us <= fact.time_us <= end_us for fact in history.of("confirm")):
        return True
    return any(
        other is not exchange
        and other.asked_us is not None
        and other.asked_us <= end_us
        and (other.answer is None or other.answer.state == "unknown" or other.answer.time_us >= start_us)
        for other in history.exchanges.values()
    )


PROPERTY = Property(
    id="gate-code-means-gate",
    tiers=("inline",),
    severity="major",
    title="The gate's code means the gate",
    statement="1210 is used for nothing else; Stripe's own 402 never looks like it.",
    why=(
        "Callers branch on 402 and 1210. A declined card that looks like the gate sends a customer to add a card "
        "that is "
        "there already, and keeps the alert on rejections ringing after removal."
    ),
    evidence="`answer` facts with a status of 400 or more; `charge` for refusals at Stripe.",
    example="A card was declined (insufficient_funds) and bulk_create answered 402, code 1210.",
    magnitude="one for each answer",
    needs=("answer",),
    function=judge,
)
