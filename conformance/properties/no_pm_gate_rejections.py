"""no-pm-gate-rejections (I4): after removal no operation rejects for want of a payment method."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from conformance.circumstances import Circumstances
from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, REQUIRES_CUSTOMER
from conformance.properties.gate_as_configured import nothing_on_file
from conformance.property import AlertEvent, Judgement, Property, conclude
from conformance.prose import clock, listed
from scenarios.phase import COMMITMENT_PHASE, GATED_OPERATIONS, PAYMENT_OPERATIONS
from sim.facts import Fact
from sim.time import MINUTE_US

NEEDS_CUSTOMER_CODE = 1211
_GATED: Final = frozenset(GATED_OPERATIONS)
_READS: Final = ("list_subscriptions", "entitlements", "payment_methods", "billing_history")
_TRIES_LEAST: Final = 3
_TRIED_FOR_US: Final = MINUTE_US


def judge(history: History) -> Judgement:
    """Answers of the six operations, and any other that is refused by the gate."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    explained = _explained(history) if history.outside else {}
    for fact in history.of("answer"):
        gated = fact.operation in _GATED
        if gated and fact.state != "unknown":
            checks += 1
        if fact.code == 1210:
            findings.append(_rejected(history, fact))
        elif gated and _sent_to_be_refused(history, fact):
            continue
        elif gated and fact.state == "ok" and fact.operation in PAYMENT_OPERATIONS:
            finding = _without_way_to_pay(history, fact)
            if finding is not None:
                findings.append(finding)
        elif gated and fact.status == 500:
            finding = _crashed(history, fact)
            if fact.subject in explained:
                findings.extend(explained[fact.subject])
            elif finding is not None and history.outside:
                undecided = _unexplained(fact)
            elif finding is not None:
                findings.append(finding)
    if not history.of("answer"):
        for fact in history.of("gate"):
            if fact.state == "refused":
                checks += 1
                findings.append(_rejected(history, fact))
    return conclude(checks, findings, undecided)


def _sent_to_be_refused(history: History, fact: Fact) -> bool:
    exchange = history.exchanges.get(fact.subject)
    return exchange is not None and exchange.does_not_fit


def _unexplained(fact: Fact) -> str:
    """Why a server's error decides nothing from outside."""
    return (
        f"{fact.operation} answered {fact.actor} with 500 (request {fact.subject}); whether the missing payment method "
        "is the cause cannot be seen from outside"
    )


def _explained(history: History) -> dict[str, list[Finding]]:
    """From outside: the 500s that nothing but the missing payment method explains, and the finding about them.

    The same request, repeated with its key, answered 500 every time for a minute or more; reads worked between every
    two tries; and the same was accepted afterwards with a payment method in it. A deployment or a network that is out
    of order does not choose like that. Assumption: the minute and the three tries.
    """
    tries: dict[tuple[str | None, str | None], list[Exchange]] = {}
    for exchange in history.exchanges.values():
        if exchange.operation in PAYMENT_OPERATIONS and exchange.brings_payment_method is False:
            tries.setdefault((exchange.operation, exchange.idempotency_key), []).append(exchange)
    explained: dict[str, list[Finding]] = {}
    for (_, key), asked in tries.items():
        accepted = _accepted_with_method(history, asked)
        if key is None or accepted is None or not _persistent(history, asked):
            continue
        last = asked[-1]
        time_us = last.answer.time_us if last.answer is not None else history.ended_us
        proof = (
            f"{last.operation}, called by {last.caller} without a usable payment method, answered 500 to all "
            f"{len(asked)} tries with the same key from {clock(asked[0].asked_us or 0)} to {clock(time_us)}, while "
            f"reads worked in between; the same with a payment method in it was accepted (request {accepted.id}). The "
            "missing payment method is what it does not cope with: a client secret should have come."
        )
        facts = [*(fact for one in asked for fact in one.facts), *accepted.facts]
        finding = PROPERTY.finding(history, "inline", time_us, proof, facts)
        explained.update({one.id: [] for one in asked})
        explained[last.id] = [finding]
    return explained


def _persistent(history: History, asked: list[Exchange]) -> bool:
    """Whether all tries answered 500, for long enough, with a read that worked between every two of them."""
    answers = [one.answer for one in asked]
    if len(asked) < _TRIES_LEAST or any(fact is None or fact.status != 500 for fact in answers):
        return False
    if not nothing_on_file(history, max(fact.time_us for fact in answers if fact is not None)):
        return False
    times = [one.asked_us or 0 for one in asked]
    if times[-1] - times[0] < _TRIED_FOR_US:
        return False
    read = [fact.time_us for fact in history.of("answer") if fact.operation in _READS and fact.state == "ok"]
    return all(any(first < time_us < then for time_us in read) for first, then in pairwise(times))


def _accepted_with_method(history: History, asked: list[Exchange]) -> Exchange | None:
    """The same request with a payment method in it, accepted after all the tries without one."""
    last, body = asked[-1], asked[-1].body
    for other in history.exchanges.values():
        if other.operation != last.operation or not other.accepted or not other.brings_payment_method:
            continue
        same = {name: value for name, value in other.body.items() if name != "payment_method_id"} == dict(body)
        if same and (other.asked_us or 0) > (last.asked_us or 0):
            return other
    return None


def alert(history: History) -> list[AlertEvent]:
    """Every answer of the six operations; bad where the gate rejected: what `pm_gate_rejection_rate` is made of."""
    return [
        AlertEvent(fact.time_us, fact.code == 1210)
        for fact in history.of("answer")
        if fact.operation in _GATED and fact.state != "unknown"
    ]


def _rejected(history: History, fact: Fact) -> Finding:
    phase = history.circumstances.phase
    attempts = history.of("attempt")
    detail = attempts[0].detail if attempts else None
    on_file = f" (payment method on file: {detail['pm_on_file']})" if detail and "pm_on_file" in detail else ""
    proof = (
        f"At {clock(fact.time_us)} {fact.actor} was refused by {fact.operation or fact.subject}{on_file} with "
        f"{fact.status or 402}, code 1210 (request {fact.subject}); in phase {phase} the gate is gone, and a "
        "client secret should have come instead."
    )
    exchange = history.exchanges.get(fact.subject)
    return PROPERTY.finding(history, "inline", fact.time_us, proof, exchange.facts if exchange else [fact])


def _without_way_to_pay(history: History, fact: Fact) -> Finding | None:
    """An unpaid purchase whose answer gives a customer who is there nothing to pay it with."""
    exchange = history.exchanges.get(fact.subject)
    if exchange is None or exchange.secrets or exchange.off_session:
        return None
    if not exchange.subscriptions:
        return _with_nothing(history, exchange, fact)
    if not awaits_customer(history, exchange):
        return None
    names = listed(shown.subject for shown in exchange.subscriptions)
    proof = (
        f"At {clock(fact.time_us)} {fact.operation} ({fact.subject}) answered {fact.actor} with {names} in "
        "AwaitingPayment, whose intent "
        "needed the customer, but with no client secret: the customer, who was there, had no way to pay."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [*exchange.facts, *exchange.subscriptions])


def _with_nothing(history: History, exchange: Exchange, fact: Fact) -> Finding | None:
    """An answer without subscriptions and secrets, for which an intent was made that nobody was ever told of."""
    asked_us = exchange.asked_us
    if asked_us is None:
        return None
    slack_us = LEDGER_SLACK_US if history.outside else 0
    for intent in history.intents.values():
        made_us = intent.created_us
        if made_us is None or not asked_us - slack_us < made_us <= fact.time_us or intent.secrets:
            continue
        if history.outside and _others_near(history, exchange, fact.time_us):
            continue
        if intent.state_at(fact.time_us) in REQUIRES_CUSTOMER:
            proof = (
                f"At {clock(fact.time_us)} {fact.operation} answered {fact.actor} with neither a subscription nor a "
                f"client secret, but {intent.id} had been made for it and needed the customer, who had no way to pay."
            )
            return PROPERTY.finding(history, "inline", fact.time_us, proof, [*exchange.facts, intent.created])
    return None


def _others_near(history: History, exchange: Exchange, answered_us: int) -> bool:
    """Whether another request was under way about then, so that nobody can tell which of them made an intent."""
    start_us, end_us = (exchange.asked_us or 0) - LEDGER_SLACK_US, answered_us + LEDGER_SLACK_US
    for other in history.exchanges.values():
        if other is exchange or other.asked_us is None or other.asked_us > end_us:
            continue
        if other.answer is None or other.answer.state == "unknown" or other.answer.time_us >= start_us:
            return True
    return False


def _crashed(history: History, fact: Fact) -> Finding | None:
    """A server's error that nothing but the missing payment method explains: no fault, and nothing on file or sent.

    Only 500: a gateway answers 502 to 504 for an overloaded or absent service, whatever the customer has.
    """
    exchange = history.exchanges.get(fact.subject)
    if exchange is None or exchange.brings_payment_method is not False or "fault" in history.by_kind:
        return None
    if not nothing_on_file(history, fact.time_us):
        return None
    proof = (
        f"At {clock(fact.time_us)} {fact.operation} ({fact.subject}), called by {fact.actor} without a usable payment "
        "method, answered with 500, although no fault was struck: a client secret should have come."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, exchange.facts)


def awaits_customer(history: History, exchange: Exchange) -> bool:
    """Whether it was answered with a subscription that only the customer can get paid, as Stripe had it then.

    An intent that had succeeded, or was being processed, only waits for its event.
    """
    answer = exchange.answer
    if answer is None:
        return False
    for shown in exchange.subscriptions:
        if shown.state != "AwaitingPayment":
            continue
        subscription = history.subscription(shown.subject)
        intents = subscription.intents if subscription is not None else []
        states = [intent.state_at(answer.time_us) for intent in intents]
        known = [state for state in states if state is not None and state != "canceled"]
        if subscription is not None and subscription.given:
            known = known[-1:]
        if known and all(state in REQUIRES_CUSTOMER for state in known):
            return True
    return False


def _after_removal(circumstances: Circumstances) -> str | None:
    if circumstances.phase >= COMMITMENT_PHASE:
        return None
    return f"applies from phase {COMMITMENT_PHASE} on; this is phase {circumstances.phase}"


PROPERTY = Property(
    id="no-pm-gate-rejections",
    tiers=("inline", "alert"),
    severity="critical",
    title="No rejections by the PM gate after removal (I4)",
    statement=(
        "From phase 2 on: zero 402/1210 from the six operations, for every state of the payment method (none, expired, "
        "invalid, removed midway) and every flow; a usable client secret instead."
    ),
    why="Every rejection blocks a customer who wants to pay. That none is left is what the removal is for.",
    evidence=(
        "`answer` facts of the six operations; `subscription`, `secret` and `intent` for the secret that comes instead."
    ),
    example=(
        "In phase 3 unified-checkout was refused by bulk_create with 402, code 1210, for an account without a card."
    ),
    magnitude="one for each answer",
    needs=("answer|gate",),
    function=judge,
    applies=_after_removal,
    alert=alert,
)
