"""conversion-counted-once: every attempt is counted, and counted once."""

from __future__ import annotations

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """Attempts and outcomes, one to one."""
    begun_once, ended_once = history.of("attempt"), history.of("outcome")
    if len(begun_once) == 1 and len(ended_once) == 1 and begun_once[0].subject == ended_once[0].subject:
        return conclude(1)
    attempts: dict[str, list[Fact]] = {}
    for fact in history.of("attempt"):
        attempts.setdefault(fact.subject, []).append(fact)
    outcomes: dict[str, list[Fact]] = {}
    for fact in history.of("outcome"):
        outcomes.setdefault(fact.subject, []).append(fact)
    findings: list[Finding] = []
    for attempt, begun in attempts.items():
        ended = outcomes.pop(attempt, ())
        if len(begun) > 1:
            proof = (
                f"Attempt {attempt} began {len(begun)} times, at {listed(clock(fact.time_us) for fact in begun)}: "
                "it is counted twice among those who tried."
            )
            findings.append(PROPERTY.finding(history, "batch", begun[-1].time_us, proof, begun))
        if not ended:
            proof = (
                f"Attempt {attempt} began at {clock(begun[0].time_us)} and has no outcome, although everything has "
                "settled: "
                "it is among those who tried and nowhere among the ends."
            )
            findings.append(PROPERTY.finding(history, "batch", begun[0].time_us, proof, begun))
        elif len(ended) > 1:
            ends = listed(f"{fact.state} at {clock(fact.time_us)}" for fact in ended)
            proof = f"Attempt {attempt} ended {len(ended)} times: {ends}. It is counted more than once."
            findings.append(
                PROPERTY.finding(history, "batch", ended[-1].time_us, proof, [*begun, *ended], len(ended) - 1)
            )
    for attempt, ended in outcomes.items():
        proof = (
            f"Attempt {attempt} ended as {ended[0].state} at {clock(ended[0].time_us)}, but never began: "
            "it is among the ends and not among those who tried."
        )
        findings.append(PROPERTY.finding(history, "batch", ended[0].time_us, proof, ended))
    return conclude(len(attempts) + len(outcomes), findings)


PROPERTY = Property(
    id="conversion-counted-once",
    tiers=("batch",),
    severity="major",
    title="Conversion is counted once",
    statement=(
        "Each attempt has one terminal outcome, and every attempt is in the denominator, so that it is the same "
        "before and "
        "after removal."
    ),
    why="Conversion decides about the removal. An attempt that drops out of the count makes a loss invisible.",
    evidence="`attempt` and `outcome` facts.",
    example="Attempt a1 ended as declined at 12:03:09 and as converted at 12:04:30: one customer, counted twice.",
    magnitude="outcomes too many, or one",
    needs=("attempt|outcome",),
    function=judge,
)
