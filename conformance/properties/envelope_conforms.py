"""envelope-conforms: every answer has the form that the contract gives it."""

from __future__ import annotations

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member


def judge(history: History) -> Judgement:
    """Every answer that was inspected. Answers with a leak are judged for their form like all others."""
    checks = 0
    findings: list[Finding] = []
    seen: set[str] = set()
    for fact in history.of("inspected"):
        if fact.subject not in seen:
            seen.add(fact.subject)
            checks += 1
        if fact.state != "misfit":
            continue
        answer = next((one for one in history.of("answer") if one.subject == fact.subject), None)
        request = next((one for one in history.of("request") if one.subject == fact.subject), None)
        proof = (
            f"At {clock(fact.time_us)} the answer of {fact.operation} ({fact.status}) to {fact.subject} did not have "
            f"the form that the contract gives it: {member(fact, 'what')}."
        )
        findings.append(PROPERTY.finding(history, "inline", fact.time_us, proof, (request, answer, fact)))
    return conclude(checks, findings)


PROPERTY = Property(
    id="envelope-conforms",
    tiers=("inline",),
    severity="minor",
    title="Answers have the contract's form",
    statement=(
        "Every answer has the four members, its status and `success` agree, an error has a code and a message, and "
        "what comes back fits the OpenAPI description. More members than described are fine."
    ),
    why=(
        "Clients open the envelope before anything else. A 200 that says `success: false`, or a result of another "
        "shape, breaks a front end in a place that nobody looks at when a backend changes."
    ),
    evidence=(
        "`inspected` facts: each answer to watchful customers and to probes, held against the OpenAPI description."
    ),
    example="The answer of bulk_create (200) said success: true, and had an entry in errors.",
    magnitude="one for each answer",
    needs=("inspected",),
    function=judge,
)
