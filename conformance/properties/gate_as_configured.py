"""gate-as-configured: before removal the gate refuses exactly where the phase says."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.circumstances import Circumstances
from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.subscription_timeline import member
from scenarios.phase import COMMITMENT_PHASE, GATED_OPERATIONS, GateMode
from sim.facts import EXACT, Fact

USABLE = ("valid", "declining", "requires_authentication", "paypal")
"""States of a payment method on file that the gate lets through: it asks for one that is usable now, not for one that
will be charged."""

UNUSABLE = ("none", "expired")

_FAILED = ("requires_payment_method", "canceled")
"""What a confirmation says that certainly put nothing on file."""


def judge(history: History) -> Judgement:
    """Every answer of the six operations, against what the phase says of the operation."""
    checks = 0
    findings: list[Finding] = []
    for exchange in history.exchanges.values():
        answer = exchange.answer
        if answer is None or answer.state == "unknown" or exchange.operation not in GATED_OPERATIONS:
            continue
        checks += 1
        mode = history.circumstances.gate(str(exchange.operation))
        if exchange.refused_by_gate:
            findings.extend(_judge_refusal(history, exchange, answer, mode))
        elif exchange.accepted:
            findings.extend(_judge_acceptance(history, exchange, answer, mode))
    return conclude(checks, findings)


def _judge_refusal(history: History, exchange: Exchange, answer: Fact, mode: GateMode) -> Iterable[Finding]:
    if mode != "enforced":
        yield _finding(
            history,
            exchange,
            answer,
            f"was refused with 402, code 1210, but in phase {history.circumstances.phase} the gate is {mode} there",
        )
    elif usable_on_file(history, answer.time_us):
        state = listed(dict.fromkeys(str(member(fact, "pm_on_file")) for fact in history.of("attempt")))
        yield _finding(
            history,
            exchange,
            answer,
            f"was refused with 402, code 1210, although a payment method was on file ({state})",
        )
    made = _made_meanwhile(history, exchange, answer)
    if made:
        names = listed(fact.subject for fact in made)
        yield _finding(
            history, exchange, answer, f"was refused with 402, code 1210, but {names} had been made all the same", made
        )


def _judge_acceptance(history: History, exchange: Exchange, answer: Fact, mode: GateMode) -> Iterable[Finding]:
    if mode == "off" or not _nothing_usable(history, exchange, answer.time_us):
        return
    if mode == "enforced":
        yield _finding(
            history,
            exchange,
            answer,
            "was accepted, although no valid payment method was on file and none in the request",
        )
    elif 1210 not in exchange.messages:
        yield _finding(
            history,
            exchange,
            answer,
            "went on without a payment method, as the softened gate should, but without the 1210 warning in its "
            "messages",
        )


def usable_on_file(history: History, time_us: int) -> bool:
    """Whether a payment method that the gate must accept was certainly on file: from the start, and never removed."""
    attempts = history.of("attempt")
    if not attempts or any(member(fact, "pm_on_file") not in USABLE for fact in attempts):
        return False
    if history.outside and any(fact.operation == "remove_payment_method" for fact in history.of("request")):
        return False
    removed = any(fact.state == "removed" and fact.time_us <= time_us for fact in history.of("account_payment_method"))
    return not removed and not any(
        fact.state == "detached" and fact.time_us <= time_us for fact in history.of("payment_method")
    )


def _nothing_usable(history: History, exchange: Exchange, time_us: int) -> bool:
    """Whether there was certainly no usable payment method: none from the start, none added, none in the request."""
    return exchange.brings_payment_method is False and nothing_on_file(history, time_us)


def nothing_on_file(history: History, time_us: int) -> bool:
    """Whether there was certainly no usable payment method on file: none from the start, and none added."""
    attempts = history.of("attempt")
    if not attempts or any(member(fact, "pm_on_file") not in UNUSABLE for fact in attempts):
        return False
    if any(fact.state == "added" and fact.time_us <= time_us for fact in history.of("detour")):
        return False
    if history.outside and _may_have_added(history, time_us):
        return False
    added = [*history.of("account_payment_method"), *history.of("payment_method")]
    return not any(
        fact.time_us <= time_us and not member(fact, "at_start") and fact.state in ("on_file", "default", "attached")
        for fact in added
        if not _made_with_account(history, fact)
    )


def _may_have_added(history: History, time_us: int) -> bool:
    """From outside: whether anything that puts a payment method on file may have happened by then.

    Paying does, and so does adding one. What had no answer may have.
    """
    adding = any(fact.operation == "add_payment_method" and fact.time_us <= time_us for fact in history.of("request"))
    confirmed = any(fact.time_us <= time_us and fact.state not in _FAILED for fact in history.of("confirm"))
    return adding or confirmed or any(intent.succeeded_by(time_us) for intent in history.intents.values())


def _made_with_account(history: History, fact: Fact) -> bool:
    """Whether it stood before the customer came: Stripe's own fact of it need not say so."""
    attempts = history.of("attempt")
    return bool(attempts) and fact.time_us <= attempts[0].time_us and fact.actor == "stripe"


def _made_meanwhile(history: History, exchange: Exchange, answer: Fact) -> list[Fact]:
    """What came into being while the refused request was the only one under way, or was shown in its answer."""
    made = list(exchange.subscriptions)
    if history.outside:
        return [*made, *_left_behind(history)]
    start_us = exchange.asked_us
    if start_us is None or _others_under_way(history, exchange, start_us, answer.time_us):
        return made
    seen: set[str] = set()
    for kind in ("subscription", "intent"):
        for fact in history.of(kind):
            if fact.source != EXACT or fact.subject in seen:
                continue
            seen.add(fact.subject)
            if start_us < fact.time_us < answer.time_us and not member(fact, "at_start"):
                made.append(fact)
    return made


def _left_behind(history: History) -> list[Fact]:
    """From outside: what is there at the end although the gate refused whatever the customer asked for."""
    if any(not other.refused_by_gate for other in history.exchanges.values()):
        return []
    made = [s.final for s in history.subscriptions.values() if s.final is not None and not s.given]
    intents = [i.final for i in history.intents.values() if i.final is not None and i.subscription_ids]
    return [*made, *intents]


def _others_under_way(history: History, exchange: Exchange, start_us: int, end_us: int) -> bool:
    for other in history.exchanges.values():
        if other is exchange or other.asked_us is None or other.asked_us >= end_us:
            continue
        if other.answer is None or other.answer.state == "unknown" or other.answer.time_us >= start_us:
            return True
    return False


def _finding(history: History, exchange: Exchange, answer: Fact, clause: str, more: Iterable[Fact] = ()) -> Finding:
    proof = f"At {clock(answer.time_us)} {exchange.operation} ({exchange.id}), called by {exchange.caller}, {clause}."
    return PROPERTY.finding(history, "inline", answer.time_us, proof, [*exchange.facts, *more])


def _before_removal(circumstances: Circumstances) -> str | None:
    if circumstances.phase < COMMITMENT_PHASE:
        return None
    return f"applies before phase {COMMITMENT_PHASE}; no-pm-gate-rejections takes over in phase {circumstances.phase}"


PROPERTY = Property(
    id="gate-as-configured",
    tiers=("inline",),
    severity="major",
    title="The gate is as configured",
    statement=(
        "Before removal: 402/1210 exactly where the phase says, and nothing created here or at Stripe; softened "
        "operations "
        "warn and go on."
    ),
    why=(
        "The baseline is measured before removal: a gate that leaks or refuses too much spoils every comparison made "
        "later."
    ),
    evidence=(
        "`request` and `answer` of the six operations, `attempt` for the payment method on file; `subscription` and "
        "`intent` for what was made."
    ),
    example="In phase 1 update was refused with 402, code 1210, where softening should only warn.",
    magnitude="one for each answer",
    needs=("answer",),
    function=judge,
    applies=_before_removal,
)
