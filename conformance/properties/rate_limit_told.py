"""rate-limit-told: who asks too often is told when to come again, and loses nothing by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.trial import Trial, is_probe, trials, unreachable
from sim.facts import Fact

TRIES: Final = "rate-limit"
"""What a probe says of requests about the limit. It says besides, as `step`: `asks` until it is limited, `limited` for
a purchase while it is, `again` for the same purchase once the time that it was told is over."""

UNREACHED: Final = "rate-limit"
"""The subject of the fact by which a probe says that it could not reach the limit."""

_POLLED: Final = ("entitlements", "list_subscriptions")
"""What front ends ask for again and again."""
_MOMENT: Final = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
"""The other form of Retry-After (RFC 9110, 10.2.3)."""


def judge(history: History) -> Judgement:
    """Every 429, the polling of those who are no probes, and a purchase that met the limit."""
    checks = 0
    findings: list[Finding] = []
    tried = list(trials(history, TRIES)) if is_probe(history) else []
    probing = {trial.request.subject for trial in tried}
    polled = False
    for fact in history.of("answer"):
        if fact.operation in _POLLED and fact.subject not in probing:
            polled = True
        if fact.status != 429:
            continue
        checks += 1
        clause = _untold(fact)
        if clause is not None:
            findings.append(_finding(history, fact, clause))
        if fact.subject not in probing and fact.operation in _POLLED and _may_complain(history, fact):
            clause = "met the rate limit by nothing but its own polling: one customer's must stay under it"
            findings.append(_finding(history, fact, clause))
    findings.extend(_lost(history, tried))
    checks += polled + sum(trial.about.get("step") == "again" and trial.status is not None for trial in tried)
    reason = unreachable(history, UNREACHED)
    return conclude(checks, findings, None if findings or reason is None else reason)


def _untold(fact: Fact) -> str | None:
    """What a 429 does not say; None if it says it all, or if what it said was not kept."""
    if fact.code != 971:
        return (
            f"was answered with 429 and {f'code {fact.code}' if fact.code is not None else 'no code'}, where 971 is due"
        )
    if fact.detail is None or "retry_after" not in fact.detail:
        return None
    told = fact.detail["retry_after"]
    if told is None:
        return "was answered with 429 without Retry-After: nobody knows when to come again"
    text = str(told).strip()
    if not (text.isascii() and text.isdigit()) and _MOMENT.fullmatch(text) is None:
        return f"was answered with 429 and Retry-After {text[:40]!r}, which is neither seconds nor a date"
    return None


def _may_complain(history: History, fact: Fact) -> bool:
    """Whether nothing but the polling can have met the limit: no fault on purpose, and no probe on this account."""
    return not history.circumstances.faulty and not is_probe(history)


def _lost(history: History, tried: list[Trial]) -> Iterator[Finding]:
    """A purchase that was limited, and asked for again when it was told to, must go through."""
    for trial in tried:
        if trial.about.get("step") != "again" or trial.answer is None or trial.status is None:
            continue
        if trial.status == 429:
            clause = "was limited again, although it had waited for as long as it was told: the purchase is lost"
            yield _finding(history, trial.answer, clause)
        elif trial.status in (409, 410) and trial.code == 1230:
            clause = "was taken for a repeat of another request: the refusal by the limit had used up its key"
            yield _finding(history, trial.answer, clause)


def _finding(history: History, fact: Fact, clause: str) -> Finding:
    request = next((one for one in history.of("request") if one.subject == fact.subject), None)
    proof = f"At {clock(fact.time_us)} {fact.actor}, asking for {fact.operation} ({fact.subject}), {clause}."
    return PROPERTY.finding(history, "inline", fact.time_us, proof, (request, fact))


PROPERTY = Property(
    id="rate-limit-told",
    tiers=("inline",),
    severity="major",
    title="The rate limit is told",
    statement=(
        "429 comes with code 971 and Retry-After; one customer's polling stays under the limit; and a purchase that "
        "met it goes through when it is asked for again at the time told."
    ),
    why=(
        "Without the gate customers pay first and poll for their entitlement. A limit that polling meets, or that does "
        "not say when it ends, turns paid purchases into errors."
    ),
    evidence=(
        "`answer` facts with 429, their `retry_after`; polls of customers; and a probe that asks until it is "
        "limited, where the scenario sets a limit that can be reached."
    ),
    example="r61 was answered with 429 without Retry-After: nobody knows when to come again.",
    magnitude="one for each answer",
    needs=("answer|unreachable",),
    function=judge,
)
