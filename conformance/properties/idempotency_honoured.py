"""idempotency-honoured: the same key and body is the same purchase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.subscription_timeline import member
from conformance.trial import trials
from sim.facts import Fact

TRIES: Final = "repeats"
"""What a probe says of purchases that it repeats, one key between two readings of the account."""

_ERRORS_MIN: Final = 2
"""How often a server error must come again once the same request has passed. Assumption: once may be bad luck."""

_NOT_KEPT = (401, 403, 404, 405)
"""Refusals that may come from the way to the service, before it looks at the key."""


def judge(history: History) -> Judgement:
    """Every key that was sent more than once."""
    keys = [
        fact.detail["idempotency_key"]
        for fact in history.of("request")
        if fact.detail is not None and "idempotency_key" in fact.detail
    ]
    if not keys:
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
            findings.extend(_never_used(history, key, exchanges[0]))
            continue
        kept = [exchange for exchange in exchanges if _kept(exchange)]
        if len(kept) > 1:
            checks += 1
            findings.extend(_judge_key(history, key, kept))
        findings.extend(_error_kept(history, key, exchanges, by_key))
    if tries_repeats(history):
        findings.extend(_judge_books(history))
    return conclude(checks, findings, None if history.settled or not checks else NOT_SETTLED)


def _kept(exchange: Exchange) -> bool:
    """Whether it was answered with what a key keeps: anything below 500 that came from the service."""
    answer = exchange.answer
    if answer is None or answer.status is None or answer.state == "unknown":
        return False
    if answer.status == 429 or answer.status >= 500:
        return False
    return not (answer.status in _NOT_KEPT and answer.code in (None, 7001, 7003, 10000))


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


def _never_used(history: History, key: str, only: Exchange) -> Iterable[Finding]:
    """A key that this account sent once is taken for one that it used before: somebody else's, then."""
    if only.answer is not None and _conflict(only):
        time_us = only.answer.time_us
        proof = (
            f"Request {only.id} ({only.operation}) carried the idempotency key {key}, which this account had never "
            f"used before, and was refused at {clock(time_us)} as used for another request (409, code 1230): keys "
            "are each account's own."
        )
        yield PROPERTY.finding(history, "inline", time_us, proof, only.facts)


def _failures(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Those that were answered with a server error."""
    return [one for one in exchanges if one.answer is not None and (one.answer.status or 0) >= 500]


def _error_kept(
    history: History, key: str, exchanges: list[Exchange], by_key: Mapping[str, list[Exchange]]
) -> Iterable[Finding]:
    """A server error that comes again and again for its key, while the same request passes with another one."""
    failed = _failures(exchanges)
    if history.circumstances.fails_by_chance:  # then a request fails whatever key it carries
        return
    if len(failed) <= _ERRORS_MIN or len(failed) < len([one for one in exchanges if one.answer is not None]):
        return
    passed_us = min(
        (
            other.answer.time_us
            for name, others in by_key.items()
            for other in others
            if name != key and other.accepted and other.answer is not None and _same_request(failed[0], other)
        ),
        default=None,
    )
    if passed_us is None:
        return
    since = [one for one in failed if one.asked_us is not None and one.asked_us >= passed_us]
    if len(since) >= _ERRORS_MIN:
        last = since[-1]
        assert last.answer is not None
        proof = (
            f"Request {failed[0].id} ({last.operation}) with the idempotency key {key} met {_said(failed[0])}. The "
            f"same request passed with another key at {clock(passed_us)}, and with this one was answered {_said(last)} "
            f"{len(since)} times since (last at {clock(last.answer.time_us)}): a server error was kept as the answer."
        )
        facts = [fact for one in (failed[0], *since) for fact in one.facts]
        yield PROPERTY.finding(history, "inline", last.answer.time_us, proof, facts)


def tries_repeats(history: History) -> bool:
    """Whether a probe repeated purchases, and read the account before and after."""
    return bool(history.of("snapshot")) and any(True for _ in trials(history, TRIES))


def _judge_books(history: History) -> Iterable[Finding]:
    """What one key made between two readings of a probe: what its answers say, no more and nobody else's."""
    before: Fact | None = None
    for fact in history.of("snapshot"):
        if fact.operation != "list_subscriptions" or member(fact, "owner") != "self" or fact.status != 200:
            continue
        if before is not None:
            yield from _judge_bracket(history, before, fact)
        before = fact


def _judge_bracket(history: History, before: Fact, after: Fact) -> Iterable[Finding]:
    asked = [
        one
        for one in history.exchanges.values()
        if one.asked_us is not None and before.time_us <= one.asked_us <= after.time_us
    ]
    writes = [
        fact
        for fact in history.of("request")
        if before.time_us <= fact.time_us <= after.time_us and member(fact, "method") != "GET"
    ]
    keys = {one.idempotency_key for one in asked}
    answered = [one for one in asked if one.accepted and one.subscriptions]
    if len(keys) != 1 or None in keys or len(writes) != len(asked) or not answered:
        return
    shown = {fact.subject for one in answered for fact in one.subscriptions}
    had, has = _listed_ids(before), _listed_ids(after)
    facts = [before, *(fact for one in asked for fact in one.facts), after]
    requests = (
        f"Requests {listed(one.id for one in asked)} ({asked[0].operation}) carried the idempotency key {keys.pop()}"
    )
    extra = sorted(has - had - shown)
    if extra:
        proof = (
            f"{requests}, and were answered with {listed(sorted(shown))}; at {clock(after.time_us)} the account also "
            f"has {listed(extra)}, which nothing else can have made: the repeat bought a second time."
        )
        yield PROPERTY.finding(history, "batch", after.time_us, proof, facts, 1 + len(extra))
    foreign = sorted(shown - has)
    if foreign:
        proof = (
            f"{requests}, and were answered with {listed(foreign)}, which the account does not have at "
            f"{clock(after.time_us)}: it was given the answer of somebody else's key."
        )
        yield PROPERTY.finding(history, "batch", after.time_us, proof, facts, 1 + len(foreign))


def _listed_ids(snapshot: Fact) -> set[str]:
    read = member(snapshot, "read")
    rows = read if isinstance(read, list | tuple) else ()
    return {str(row["id"]) for row in rows if isinstance(row, Mapping) and "id" in row}


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
        "another body gets 409, code 1230. Server errors are not kept, and keys are each account's own."
    ),
    why=(
        "A client that repeats after a time-out cannot know whether it has bought. The key is what makes repeating "
        "safe."
    ),
    evidence=(
        "`request` facts with the same `idempotency_key`, their answers, the subscriptions and secrets shown, and the "
        "`snapshot` readings of a probe before and after."
    ),
    example="r1 and r2 carried the same key and body; r1 was answered with sub_1, r2 with sub_2.",
    magnitude="one, and one more for each subscription too many",
    needs=("request", "answer"),
    function=judge,
)
