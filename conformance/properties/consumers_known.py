"""consumers-known: who still meets a 1210 is known by name."""

from __future__ import annotations

from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member
from scenarios.phase import GATED_OPERATIONS
from sim.facts import Fact

_GATED: Final = frozenset(GATED_OPERATIONS)


def judge(history: History) -> Judgement:
    """Every answer with a 1210, as a refusal or as a warning; the callers are noted, to be counted over all."""
    checks = 0
    findings: list[Finding] = []
    noted: list[str] = []
    undeclared: list[str] = []
    circumstances = history.circumstances
    for fact in history.of("answer"):
        if fact.operation in _GATED and fact.state != "unknown":
            checks += 1
        if not met_gate(fact):
            continue
        caller = f"{fact.actor} {fact.operation}"
        noted.append(caller)
        if circumstances.declared_consumers is None:
            continue
        if not circumstances.declares(fact.actor, fact.operation or "") and caller not in undeclared:
            undeclared.append(caller)
            findings.append(_undeclared(history, fact))
    undecided = None
    if noted and circumstances.declared_consumers is None:
        undecided = f"{noted[0]} met a 1210, and no list of declared consumers says whether that is known"
    return conclude(checks, findings, undecided, tuple(noted))


def met_gate(fact: Fact) -> bool:
    """Whether an answer holds a 1210, as an error or as a warning."""
    return fact.code == 1210 or 1210 in (member(fact, "messages") or ())


def _undeclared(history: History, fact: Fact) -> Finding:
    how = "was refused with 402, code 1210," if fact.code == 1210 else "was warned with 1210"
    proof = (
        f"At {clock(fact.time_us)} {fact.actor} {how} by {fact.operation}; it is not on the list of declared "
        "consumers, so "
        "nobody has looked at what it does when the gate goes."
    )
    return PROPERTY.finding(history, "batch", fact.time_us, proof, [fact])


PROPERTY = Property(
    id="consumers-known",
    tiers=("batch",),
    severity="major",
    title="The consumers of 1210 are known",
    statement=(
        "Every caller that met a 1210 is listed by client, operation and count; one that is not on the declared list "
        "is a "
        "finding. Without a list, a 1210 leaves the property inconclusive."
    ),
    why="Unknown consumers of 1210 break when the gate goes, and the removal cannot be undone.",
    evidence=(
        "`answer` facts with code 1210 or a message 1210; the declared list (assumed: both checkouts, Billing "
        "Profile, iapi/provisioner)."
    ),
    example="iapi/zone-sync was refused by create with 402, code 1210, and is on nobody's list.",
    magnitude="one for each caller and customer",
    needs=("answer",),
    function=judge,
)
