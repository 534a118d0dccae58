"""admin-authenticated: administrators' operations are for administrators."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.standstill import pairs
from conformance.trial import Trial, trials, unreachable

_NOT_THERE = (404, 405)
"""Answers of a deployment that does not have the operation at all."""
_REFUSALS = {"locked": 1212, "banned": 1213}
"""The code with which a purchase is refused, by the account's standing."""


def judge(history: History) -> Judgement:
    """Every token that is no administrator's must be refused, and leave the account as it was."""
    checks = 0
    findings: list[Finding] = []
    undecided = unreachable(history, "admin_token")
    for trial in trials(history, "admin_token"):
        if not trial.heard or trial.status in _NOT_THERE:
            undecided = undecided or f"{trial.operation} was answered with {trial.said}: nothing is known of its tokens"
            continue
        checks += 1
        if trial.accepted or trial.crashed:
            findings.append(_not_refused(history, trial))
    for trial in trials(history, "admin"):
        if trial.status in (401, 403):
            undecided = undecided or (
                f"a valid administrator's token was refused too ({trial.operation}: {trial.said}), so that refusals "
                "prove nothing"
            )
    if checks:
        standing, changes = _judge_standing(history)
        still, differences = _judge_standstill(history)
        checks += standing + still
        findings += [*changes, *differences]
    return conclude(checks, findings, undecided)


def _not_refused(history: History, trial: Trial) -> Finding:
    proof = (
        f"Request {trial.request.subject} ({trial.operation}) for account {history.account} came at "
        f"{clock(trial.request.time_us)} with {trial.about.get('manner')} and was answered with {trial.said}; 401 or "
        "403 was expected, and that nothing was done."
    )
    return PROPERTY.finding(history, "inline", trial.time_us, proof, trial.facts)


def _judge_standstill(history: History) -> tuple[int, list[Finding]]:
    checks = 0
    findings: list[Finding] = []
    for pair in pairs(history, "self"):
        checks += 1
        difference = pair.difference
        if difference is not None:
            proof = (
                f"Between {clock(pair.before.time_us)} and {clock(pair.after.time_us)} nothing was asked for account "
                f"{history.account} but by tokens that are no administrator's. Still {pair.before.operation} shows a "
                f"change: {difference}."
            )
            findings.append(
                PROPERTY.finding(history, "inline", pair.after.time_us, proof, [pair.before, pair.after], 10)
            )
    return checks, findings


def _judge_standing(history: History) -> tuple[int, list[Finding]]:
    """What cannot be read shows when the account buys: it is locked, banned or neither, as it was made."""
    checks = 0
    findings: list[Finding] = []
    for trial in trials(history, "standing"):
        if trial.heard:
            checks += 1
            findings.extend(_judge_purchase(history, trial))
    return checks, findings


def _judge_purchase(history: History, trial: Trial) -> Iterable[Finding]:
    standing = str(trial.about.get("standing"))
    expected = _REFUSALS.get(standing)
    if expected is None and trial.code in _REFUSALS.values():
        clause = f"was refused ({trial.said}), as if it were locked or banned"
    elif expected is not None and trial.accepted:
        clause = f"was let through ({trial.said}) instead of refused with code {expected}"
    else:
        return
    proof = (
        f"Account {history.account} was made {'in good standing' if expected is None else standing}, and nobody with "
        f"an administrator's token has changed that. After tokens that are none its purchase {trial.request.subject} "
        f"at {clock(trial.time_us)} {clause}."
    )
    yield PROPERTY.finding(history, "inline", trial.time_us, proof, trial.facts, 10)


PROPERTY = Property(
    id="admin-authenticated",
    tiers=("inline",),
    severity="critical",
    title="Administrators are authenticated",
    statement=(
        "The operations of v3 need a valid ADMIN-JWT (HS256, not expired, with the scope `billing:admin`); with "
        "anything else they are refused (401, 403), and change nothing."
    ),
    why="Whoever can call them can unlock, unban and grant. A token that is decoded but not verified is no token.",
    evidence=(
        "`request` facts whose `probe.tries` is `admin_token`, with their answers; `snapshot` facts before and after; "
        "a purchase afterwards (`standing`), which tells whether the account was locked or unlocked."
    ),
    example="admin_unlock came with a token whose header says alg: none, and was answered with 200; 401 was expected.",
    magnitude="one for a token that was not refused, ten for a change",
    needs=("snapshot|unreachable",),
    function=judge,
)
