"""batch-is-atomic: one bad line refuses the whole batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.left_behind import left_behind
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.trial import Trial, is_probe, trials
from sim.facts import Fact

TRIES: Final = "batch"
"""What a probe says of a batch with one bad line. It says besides: `bad_line`, its index; `lines`, how many there are;
`wrong`, what is wrong with it, in words; `told`, what of the line a message may name in place of its place."""

_BATCHES: Final[Mapping[str, str]] = {"bulk_create": "subscriptions", "registrar_checkout": "domains"}
"""Operations that buy several lines and show them, with the member that lists them."""


def judge(history: History) -> Judgement:
    """Batches with a bad line, and all others: answered for as a whole."""
    tried = list(trials(history, TRIES)) if is_probe(history) else []
    bad = {trial.request.subject for trial in tried}
    checks = 0
    findings: list[Finding] = []
    unsure: str | None = None
    for trial in tried:
        if trial.status is None or trial.status == 429 or trial.status >= 500:
            unsure = unsure or f"a batch with {trial.about.get('wrong')} was not answered for ({trial.status})"
            continue
        checks += 1
        findings.extend(_judge_bad(history, trial))
    findings.extend(_left(history, tried))
    used = _keys_used_otherwise(history)
    for exchange in history.exchanges.values():
        if exchange.id in bad or not exchange.accepted or exchange.operation not in _BATCHES:
            continue
        if exchange.idempotency_key in used:
            continue
        lines = _lines(exchange)
        if len(lines) > 1:
            checks += 1
            findings.extend(_judge_accepted(history, exchange, lines))
    return conclude(checks, findings, None if findings else unsure)


def _judge_bad(history: History, trial: Trial) -> Iterator[Finding]:
    """A batch with a bad line: 400, code 1001, the message naming the line."""
    if trial.accepted:
        shown = [fact for fact in history.of("subscription") if fact.related == trial.request.subject]
        made = f", and made {listed(dict.fromkeys(fact.subject for fact in shown))}" if shown else ""
        yield _finding(history, trial, f"was accepted{made}", shown)
    elif (trial.status, trial.code) != (400, 1001):
        came = f"{trial.status}, code {trial.code}" if trial.code is not None else f"{trial.status} and no code"
        yield _finding(history, trial, f"was refused with {came}, where 400, code 1001 is due")
    elif trial.errors is not None and not any(_names_line(message, trial.about) for message in trial.errors):
        yield _finding(history, trial, f'was refused without naming the line: "{"; ".join(trial.errors)[:120]}"')


def _names_line(message: str, about: Mapping[str, Any]) -> bool:
    """Whether a message names the line: by its index, counted from 0 or from 1, or by what stands in it alone."""
    told = about.get("told")
    if told is not None and str(told).lower() in message.lower():
        return True
    bad_line = about.get("bad_line")
    return type(bad_line) is not int or bool({str(bad_line), str(bad_line + 1)} & set(re.findall(r"\d+", message)))


def _judge_accepted(history: History, exchange: Exchange, lines: set[str]) -> Iterator[Finding]:
    """A batch that was accepted: every line of it stands in the answer."""
    shown = {fact.subject for fact in exchange.subscriptions}
    answer = exchange.answer
    if answer is None or not shown or len(shown) >= len(lines):
        return
    proof = (
        f"At {clock(answer.time_us)} {exchange.operation} accepted {len(lines)} different lines of "
        f"{exchange.caller}, and answered with {len(shown)} of them ({listed(sorted(shown))}): the rest was left out."
    )
    facts = [*exchange.facts, *exchange.subscriptions]
    yield PROPERTY.finding(history, "inline", answer.time_us, proof, facts, len(lines) - len(shown))


def _keys_used_otherwise(history: History) -> set[str]:
    """Keys that came with several bodies: such an answer may be that to another one."""
    asked: dict[str, str] = {}
    used: set[str] = set()
    for exchange in history.exchanges.values():
        key = exchange.idempotency_key
        if key is not None and asked.setdefault(key, repr((exchange.operation, exchange.body))) != repr(
            (exchange.operation, exchange.body)
        ):
            used.add(key)
    return used


def _lines(exchange: Exchange) -> set[str]:
    """The lines that were asked for, those alike counted once."""
    body = exchange.body
    asked = body.get(_BATCHES[str(exchange.operation)]) if isinstance(body, Mapping) else None
    return {repr(line) for line in asked} if isinstance(asked, list | tuple) else set()


def _left(history: History, tried: Iterable[Trial]) -> Iterator[Finding]:
    for left in left_behind(history, list(tried)):
        proof = f"By {clock(left.time_us)} a part of a refused batch had been made: {left.what}."
        yield PROPERTY.finding(history, "batch", left.time_us, proof, left.facts)


def _finding(history: History, trial: Trial, clause: str, more: Iterable[Fact] = ()) -> Finding:
    time_us = trial.answer.time_us if trial.answer is not None else trial.request.time_us
    about = trial.about
    place = about.get("bad_line")
    which = f"line {place} of {about.get('lines')}" if place is not None else "one line"
    proof = (
        f"At {clock(time_us)} {trial.request.operation} with {about.get('wrong', 'a bad line')} in {which} {clause}."
    )
    return PROPERTY.finding(history, "inline", time_us, proof, (*trial.facts, *more))


PROPERTY = Property(
    id="batch-is-atomic",
    tiers=("inline", "batch"),
    severity="major",
    title="A batch is atomic",
    statement=(
        "One bad line refuses the whole batch (400, code 1001, naming the line), and nothing of it is made; what is "
        "accepted is accepted with all of its lines."
    ),
    why=(
        "A cart of which half was bought is charged for what the customer does not expect, and cannot be repeated "
        "without buying that half twice."
    ),
    evidence=(
        "`request` facts of batches, with a probe's word on the bad line, their `answer` facts, the `subscription` "
        "facts that they show, `snapshot` readings before and after, and what was made meanwhile."
    ),
    example="bulk_create with an unknown plan in line 1 of 3 was accepted, and made sub_1 and sub_2.",
    magnitude="one for each answer, or the lines left out",
    needs=("answer", "request"),
    function=judge,
)
