"""other-refusals-survive: removing the gate removes no other refusal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from scenarios.phase import PAYMENT_OPERATIONS
from sim.facts import Fact

READS: Final = ("list_subscriptions", "entitlements", "payment_methods", "profile_get", "billing_history", "invoice")
"""What an account may always look at."""

STATUSES: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {
        971: (429,),
        1001: (400,),
        1212: (403,),
        1213: (403,),
        1214: (402,),
        1215: (403,),
        1220: (409,),
        1230: (409,),
        1231: (409,),
        1232: (503,),
        7001: (405,),
        7003: (404,),
        10000: (401, 403),
    }
)
"""The status that belongs to each code (CONTRACT, Envelope, Purchases, Fixed here)."""

STANDING_CODES: Final[Mapping[str, int]] = MappingProxyType({"banned": 1213, "locked": 1212, "debtor": 1215})
"""The code with which purchases are refused for the account's standing."""

_BEFORE_STANDING: Final = (400, 401, 404, 405, 409, 429)
"""Refusals that come before those for the standing, or instead of them."""


def judge(history: History) -> Judgement:
    """Refusals by code, and purchases of accounts that must not buy."""
    checks = 0
    findings: list[Finding] = []
    for fact in history.of("answer"):
        if fact.status is None:
            continue
        expected = STATUSES.get(fact.code or 0)
        if fact.status >= 400 and expected is not None:
            checks += 1
            if fact.status not in expected:
                findings.append(_wrong_status(history, fact))
    if "standing" in history.by_kind:
        checks += _judge_standing(history, findings)
        checks += _judge_reads(history, findings)
    return conclude(checks, findings)


def _judge_standing(history: History, findings: list[Finding]) -> int:
    """Every purchase while the account was banned, locked or in debt is refused with that code."""
    checks = 0
    for exchange in history.exchanges.values():
        answer, asked_us = exchange.answer, exchange.asked_us
        if answer is None or asked_us is None or answer.status is None or exchange.operation not in PAYMENT_OPERATIONS:
            continue
        standing = _standing(history, asked_us, answer.time_us)
        code = STANDING_CODES.get(standing.state or "") if standing is not None else None
        if standing is None or code is None:
            continue
        checks += 1
        if (
            answer.status in _BEFORE_STANDING
            or answer.status >= 500
            or (answer.status == 403 and answer.code in (code, 10000))
        ):
            continue
        proof = (
            f"The account was {standing.state} from {clock(standing.time_us)} on; at {clock(answer.time_us)} "
            f"{exchange.operation} answered {exchange.caller} with {answer.status}"
            f"{f', code {answer.code}' if answer.code is not None else ''}, where 403, code {code} was expected"
            f"{_made(exchange.subscriptions)}."
        )
        findings.append(PROPERTY.finding(history, "inline", answer.time_us, proof, [standing, *exchange.facts]))
    return checks


def _judge_reads(history: History, findings: list[Finding]) -> int:
    """Reads still work, whatever the standing (CONTRACT, "Admin operations")."""
    checks = 0
    for fact in history.of("answer"):
        if fact.operation not in READS or fact.status is None:
            continue
        checks += 1
        if fact.status == 403 and fact.code in STANDING_CODES.values():
            proof = (
                f"At {clock(fact.time_us)} {fact.operation} refused {fact.actor} with 403, code {fact.code}: an "
                "account that may not buy may still read what it has."
            )
            findings.append(PROPERTY.finding(history, "inline", fact.time_us, proof, [fact]))
    return checks


def _standing(history: History, asked_us: int, answered_us: int) -> Fact | None:
    """The account's standing while a request was under way; None where it is unknown or changed meanwhile."""
    current: Fact | None = None
    for fact in history.of("standing"):
        if fact.time_us <= asked_us:
            current = fact
        elif fact.time_us <= answered_us:
            return None
    if current is not None and current.state == "debtor" and _may_have_paid(history, answered_us):
        return None
    return current


def _may_have_paid(history: History, time_us: int) -> bool:
    """Whether the account may have paid its debt by then: it had asked to, and was not refused."""
    return any(
        exchange.operation == "pay_bad_debt" and not exchange.refused and (exchange.asked_us or 0) <= time_us
        for exchange in history.exchanges.values()
    )


def _made(subscriptions: list[Fact]) -> str:
    return f"; it made {listed(fact.subject for fact in subscriptions)}" if subscriptions else ""


def _wrong_status(history: History, fact: Fact) -> Finding:
    expected = " or ".join(str(status) for status in STATUSES[fact.code or 0])
    proof = (
        f"At {clock(fact.time_us)} {fact.operation} ({fact.subject}) refused {fact.actor} with code {fact.code} and "
        f"status {fact.status}; "
        f"that code comes with {expected}, so callers that look at the status take it for something else."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [fact])


PROPERTY = Property(
    id="other-refusals-survive",
    tiers=("inline",),
    severity="major",
    title="Other refusals survive",
    statement="Debt, lock, ban and the other rules of the products are refused as before, in every phase.",
    why="The gate stood before other checks; code that goes with it may take them along, and debtors buy again.",
    evidence=(
        "`answer` facts with a known error code; `standing` facts where the target knows of locks, bans and debts."
    ),
    example=(
        "The account was locked, and bulk_create answered 200 in phase 2 where phase 1 had answered 403, code 1212."
    ),
    magnitude="one for each answer",
    needs=("answer",),
    function=judge,
)
