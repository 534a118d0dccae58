"""bad-input-refused: what is malformed is refused clearly, before anything happens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.left_behind import left_behind
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.trial import Trial, is_probe, trials
from sim.facts import Fact

TRIES: Final = "malformed"
"""What a probe says of a request that does not fit. It says besides: `case`, what is wrong, in words; `must`: whether
the contract has it `refused`, or leaves it open and only wants it `answered`; `field`: what the message must name;
`status` and `code` where they are not 400 and 1001."""

REPEATS: Final = 3
"""How often a server error must come for the same input. Assumption: once is anybody's bad moment."""

_UNREADABLE: Final = (408, 413, 414, 415, 431)
"""Refusals of what is too long, too slow or not JSON by its header: clear as well, and given by whoever reads first."""
_ELSEWHERE: Final = ((401, None), (403, 10000), (404, 7003), (405, 7001), (409, 1230), (429, None))
"""Refusals that come before the body is looked at (CONTRACT, order of refusals); None: whatever the code."""
_NOT_ITS_FAULT: Final = ((503, 1232), (504, 1000))
"""Stripe, or the service behind the gateway, did not answer: the contract knows both."""


def judge(history: History) -> Judgement:
    """Every malformed request that was answered, and what all of them left behind."""
    tried = list(trials(history, TRIES)) if is_probe(history) else []
    if not tried:
        return conclude(0)
    checks = 0
    findings: list[Finding] = []
    unsure: str | None = None
    errors: dict[tuple[str | None, str], list[Trial]] = {}
    for trial in tried:
        if trial.status is None or trial.status == 429:
            continue
        if trial.status >= 500:
            errors.setdefault((trial.request.operation, _case(trial)), []).append(trial)
            continue
        if trial.about.get("must") == "refused" and _looked_at_elsewhere(trial):
            unsure = unsure or f"{_named(trial)} was refused before it was looked at ({trial.status})"
            continue
        checks += 1
        findings.extend(_judge_answer(history, trial))
    for failed in errors.values():
        if len(failed) >= REPEATS and not history.circumstances.faulty and not _anybodys(failed[-1]):
            checks += 1
            findings.append(_server_error(history, failed))
        else:
            unsure = unsure or f"{_named(failed[0])} met a server error ({failed[0].status}) that proves nothing"
    refused = [trial for trial in tried if trial.about.get("must") == "refused"]
    findings.extend(_left(history, refused))
    return conclude(checks, findings, None if findings else unsure)


def _judge_answer(history: History, trial: Trial) -> Iterator[Finding]:
    """What is wrong with an answer below 500. What the contract leaves open may be answered in any way."""
    if trial.about.get("must") != "refused":
        return
    status, code = trial.status, trial.code
    if trial.accepted:
        yield _finding(history, trial, f"was accepted ({status})")
        return
    wanted, wanted_code = trial.about.get("status", 400), trial.about.get("code", 1001)
    if status in _UNREADABLE:
        return
    if status != wanted or code != wanted_code:
        came = f"{status}, code {code}" if code is not None else f"{status} and no code"
        yield _finding(history, trial, f"was refused with {came}, where {wanted}, code {wanted_code} is due")
        return
    field, messages = trial.about.get("field"), trial.errors
    if messages is None:
        return
    if field is not None and not any(names(message, str(field)) for message in messages):
        yield _finding(history, trial, f'was refused without naming {field}: "{"; ".join(messages)[:120]}"')
    elif not any(message.strip() for message in messages):
        yield _finding(history, trial, "was refused without a word about why")


def names(message: str, field: str) -> bool:
    """Whether a message names a field, however it spells paths. An `id` is named by what it is the id of."""
    parts = [part for part in re.split(r"[.\[\]]+", field) if part and not part.isdigit()]
    leaf = parts[-2] if len(parts) > 1 and parts[-1] == "id" else parts[-1]
    return _letters(leaf) in _letters(message)


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _looked_at_elsewhere(trial: Trial) -> bool:
    if trial.about.get("status") in (404, 405) or trial.accepted:
        return False
    return any(trial.status == status and code in (None, trial.code) for status, code in _ELSEWHERE)


def _anybodys(trial: Trial) -> bool:
    """Whether the error is one that the contract has for something else that did not answer."""
    return (trial.status, trial.code) in _NOT_ITS_FAULT


def _server_error(history: History, failed: list[Trial]) -> Finding:
    clause = f"was answered with {failed[-1].status} each of {len(failed)} times: bad input is no failure of the server"
    return _finding(history, failed[-1], clause, [fact for trial in failed for fact in trial.facts])


def _left(history: History, refused: list[Trial]) -> Iterable[Finding]:
    for left in left_behind(history, refused):
        proof = f"By {clock(left.time_us)} something had changed for input that does not fit: {left.what}."
        yield PROPERTY.finding(history, "inline", left.time_us, proof, left.facts)


def _case(trial: Trial) -> str:
    return str(trial.about.get("case") or "what does not fit")


def _named(trial: Trial) -> str:
    return f"{trial.request.operation} with {_case(trial)}"


def _finding(history: History, trial: Trial, clause: str, facts: Iterable[Fact] = ()) -> Finding:
    time_us = trial.answer.time_us if trial.answer is not None else trial.request.time_us
    proof = f"At {clock(time_us)} {_named(trial)} {clause} (request {trial.request.subject})."
    return PROPERTY.finding(history, "inline", time_us, proof, tuple(facts) or trial.facts)


PROPERTY = Property(
    id="bad-input-refused",
    tiers=("inline",),
    severity="major",
    title="Bad input is refused",
    statement=(
        "Malformed or ill-typed input gets a clear 4xx (400, code 1001, naming the field; 404 and 405 for what is not "
        "there), changes nothing, and never brings a server error."
    ),
    why=(
        "Input that nobody expected is how half-made purchases come about, and a 500 tells its sender to try again. "
        "The gate used to refuse some of it before anybody read it."
    ),
    evidence=(
        "`request` facts of a probe that say what is wrong with them, their `answer` facts with the messages, "
        "`snapshot` readings before and after, and what was made meanwhile. What the contract leaves open is not "
        "judged."
    ),
    example=f"bulk_create with quantity 0 was answered with 500 each of {REPEATS} times.",
    magnitude="one for each answer, and for each thing left behind",
    needs=("answer", "request"),
    function=judge,
)
