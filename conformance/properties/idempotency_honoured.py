"""idempotency-honoured: the same key and body is the same purchase."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock, listed

_NOT_KEPT = (401, 403, 404, 405, 429)
"""Refusals that may come from the way to the service, before it looks at the key."""


def judge(history: History) -> Judgement:
    """Every key that was sent more than once."""
    keys = [
        fact.detail["idempotency_key"]
        for fact in history.of("request")
        if fact.detail is not None and "idempotency_key" in fact.detail
    ]
    if len(keys) < 2:
        return conclude(0)
    by_key: dict[str, list[Exchange]] = {}
    for exchange in history.exchanges.values():
        key = exchange.idempotency_key
        if key is not None:
            by_key.setdefault(key, []).append(exchange)
    checks = 0
    findings: list[Finding] = []
    for key, exchanges in by_key.items():
        if len(exchanges) < 2:
            continue
        kept = [exchange for exchange in exchanges if _kept(exchange)]
        if len(kept) > 1:
            checks += 1
            findings.extend(_judge_key(history, key, kept))
    return conclude(checks, findings, None if history.settled or not checks else NOT_SETTLED)


def _kept(exchange: Exchange) -> bool:
    """Whether it was answered with what a key keeps: anything below 500 that came from the service."""
    answer = exchange.answer
    if answer is None or answer.status is None or answer.state == "unknown":
        return False
    return answer.status < 500 and not (answer.status in _NOT_KEPT and answer.code in (None, 971, 7001, 7003, 10000))


def _judge_key(history: History, key: str, exchanges: list[Exchange]) -> Iterable[Finding]:
    """All others against the one whose answer was there first and was no conflict."""
    exchanges = sorted(exchanges, key=lambda exchange: exchange.answer.time_us if exchange.answer else 0)
    first = next((exchange for exchange in exchanges if not _conflict(exchange)), None)
    if first is None:
        return
    for other in exchanges:
        if other is first:
            continue
        if _same_request(first, other):
            difference = _difference(first, other)
            if difference is not None:
                yield _finding(history, key, first, other, f"had the same body, but {difference}")
        elif not _conflict(other):
            status = other.answer.status if other.answer is not None else None
            yield _finding(
                history,
                key,
                first,
                other,
                f"had another body, and was answered with {status} instead of 409, code 1230",
            )


def _same_request(first: Exchange, other: Exchange) -> bool:
    return first.operation == other.operation and first.body == other.body


def _conflict(exchange: Exchange) -> bool:
    return exchange.answer is not None and exchange.answer.status == 409 and exchange.answer.code == 1230


def _difference(first: Exchange, other: Exchange) -> str | None:
    """In what a second answer is not the first one."""
    if first.answer is None or other.answer is None:
        return None
    if (first.answer.status, first.answer.code) != (other.answer.status, other.answer.code):
        return f"was answered with {_said(other)} after {_said(first)}"
    shown = [sorted({fact.subject for fact in exchange.subscriptions}) for exchange in (first, other)]
    if shown[0] != shown[1]:
        return f"made {listed(shown[1])} where the first answer had {listed(shown[0])}"
    secrets = [sorted({fact.subject for fact in exchange.secrets}) for exchange in (first, other)]
    if secrets[0] != secrets[1]:
        return f"gave the secrets of {listed(secrets[1])} where the first answer had {listed(secrets[0])}"
    return None


def _said(exchange: Exchange) -> str:
    answer = exchange.answer
    if answer is None:
        return "nothing"
    return f"{answer.status}, code {answer.code}" if answer.code is not None else str(answer.status)


def _finding(history: History, key: str, first: Exchange, other: Exchange, clause: str) -> Finding:
    time_us = other.answer.time_us if other.answer is not None else history.ended_us
    proof = (
        f"Requests {first.id} and {other.id} ({first.operation}) carried the idempotency key {key}. The first was "
        "answered at "
        f"{clock(first.answer.time_us) if first.answer is not None else 'an unknown time'}; the other {clause} "
        f"(at {clock(time_us)})."
    )
    facts = [*first.facts, *other.facts, *first.subscriptions, *other.subscriptions]
    extra = len({fact.subject for fact in other.subscriptions} - {fact.subject for fact in first.subscriptions})
    return PROPERTY.finding(history, "inline", time_us, proof, facts, 1 + extra)


PROPERTY = Property(
    id="idempotency-honoured",
    tiers=("inline", "batch"),
    severity="major",
    title="Idempotency keys are honoured",
    statement=(
        "The same key and body again, at once or later, gets the first answer and no second purchase; the same key "
        "with "
        "another body gets 409, code 1230. Server errors are not kept."
    ),
    why=(
        "A client that repeats after a time-out cannot know whether it has bought. The key is what makes repeating "
        "safe."
    ),
    evidence="`request` facts with the same `idempotency_key`, their answers, and the subscriptions and secrets shown.",
    example="r1 and r2 carried the same key and body; r1 was answered with sub_1, r2 with sub_2.",
    magnitude="one, and one more for each subscription too many",
    needs=("request", "answer"),
    function=judge,
)
