"""old-frontend-survives: front end and backend need not be deployed in one instant."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.circumstances import Circumstances
from conformance.finding import Finding
from conformance.history import History
from conformance.payment import unpaid
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member
from scenarios.phase import PAYMENT_OPERATIONS, default_front_end
from sim.facts import Fact

_AGE = {"old": 0, "inline": 1, "new": 2}


def judge(history: History) -> Judgement:
    """Every attempt with a front end of another age than its backend: no crash, a clear end, nothing granted."""
    checks = 0
    findings: list[Finding] = []
    noted: list[str] = []
    undecided: str | None = None
    ends = {fact.subject: fact for fact in history.of("outcome")}
    for attempt in history.of("attempt"):
        if str(member(attempt, "client") or attempt.actor).startswith("iapi"):
            continue
        checks += 1
        end = ends.get(attempt.subject)
        noted.append(str(end.state) if end is not None else "no outcome")
        bad = list(_judge_end(history, attempt, end))
        if bad and history.outside and not _answered_with_nothing(history, attempt):
            undecided = f"attempt {attempt.subject} ended badly; what else was in its way cannot be seen from outside"
        else:
            findings.extend(bad)
    if checks and history.sees_stripe:
        findings.extend(_grants(history))
    return conclude(checks, findings, undecided, tuple(noted))


def _answered_with_nothing(history: History, attempt: Fact) -> bool:
    """Whether a purchase of the attempt was accepted with neither a subscription nor a secret: that explains all."""
    return any(
        exchange.accepted and not exchange.subscriptions and not exchange.secrets
        for exchange in history.exchanges.values()
        if exchange.attempt == attempt.subject and exchange.operation in PAYMENT_OPERATIONS
    )


def _judge_end(history: History, attempt: Fact, end: Fact | None) -> Iterable[Finding]:
    pair = _pair(history)
    if end is None:
        proof = f"Attempt {attempt.subject}, begun at {clock(attempt.time_us)} with {pair}, never came to an end."
        yield PROPERTY.finding(history, "batch", attempt.time_us, proof, [attempt], 2)
    elif (end.state == "error" or (end.state == "stuck" and _told_nothing(history, attempt))) and not _disturbed(
        history, attempt, end
    ):
        reason = member(end, "reason")
        word = "crashed" if end.state == "error" else "left the customer without being told anything"
        proof = (
            f"Attempt {attempt.subject}, begun at {clock(attempt.time_us)} with {pair}, {word} at {clock(end.time_us)}"
            f"{f' ({reason})' if reason else ''}, although no fault was struck and every answer came."
        )
        yield PROPERTY.finding(history, "batch", end.time_us, proof, [attempt, end], 2)


def _told_nothing(history: History, attempt: Fact) -> bool:
    """Whether the customer was shown nothing at all in the end; that it is processing is something, and is measured."""
    return not any(fact.subject == attempt.subject for fact in history.of("shown"))


def _disturbed(history: History, attempt: Fact, end: Fact) -> bool:
    """Whether something else than the pairing can explain it: a fault, a missing answer, a server's error."""
    if history.of("fault"):
        return True
    return any(
        (fact.status is None or fact.status >= 500 or fact.status == 429)
        for fact in history.of("answer")
        if fact.related == attempt.subject and attempt.time_us <= fact.time_us <= end.time_us
    )


def _grants(history: History) -> Iterable[Finding]:
    """Nothing unpaid is active when everything has settled."""
    for subscription in history.subscriptions.values():
        for fact in subscription.final_entitlements:
            if fact.state != "active":
                continue
            missing = unpaid(history, subscription, fact.time_us, member(fact, "feature"))
            if missing is not None:
                proof = (
                    f"With {_pair(history)}, subscription {subscription.id} was granted for good (active when "
                    f"everything had settled, at {clock(fact.time_us)}), but "
                    f"{missing.because(fact.time_us)}."
                )
                yield PROPERTY.finding(
                    history, "batch", fact.time_us, proof, [fact, *missing.facts()], 2 + missing.magnitude(fact.time_us)
                )


def _pair(history: History) -> str:
    circumstances = history.circumstances
    return f"the {circumstances.front_end} front end against the backend of phase {circumstances.phase}"


def _of_different_age(circumstances: Circumstances) -> str | None:
    front_end = circumstances.front_end
    if circumstances.phase >= 2 and front_end == "old":
        return None
    expected = default_front_end(circumstances.phase)
    if _AGE[front_end] != _AGE[expected]:
        return None
    return f"applies to a front end of another age than its backend; {front_end} is that of phase {circumstances.phase}"


PROPERTY = Property(
    id="old-frontend-survives",
    tiers=("batch",),
    severity="major",
    title="An old front end survives a new backend, and the reverse",
    statement=(
        "An old front end against a new backend: no grant, no crash, a clear end for the customer (who is told "
        "something, "
        "if only that it is processing); how attempts end is counted, and so what it costs in conversion. And the "
        "reverse."
    ),
    why="The backend is deployed first, and browsers keep old front ends for days. The plan claims that this works.",
    evidence=(
        "`attempt`, `outcome` and `shown`; `answer` and `fault` for what else may explain a bad end; the final rows "
        "for grants."
    ),
    example="The old checkout met a client secret without a payment method, threw an error, and showed nothing.",
    magnitude="two for a bad end; minor units granted unpaid on top",
    needs=("attempt",),
    function=judge,
    applies=_of_different_age,
)
