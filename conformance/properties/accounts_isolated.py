"""accounts-isolated: nobody sees or changes another account's things."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.standstill import objects_of, pairs
from conformance.subscription_timeline import member
from conformance.trial import Trial, trials, unreachable
from sim.facts import Fact

_KEY_REUSED = 1230
_IDENTIFIED = ("list_subscriptions", "payment_methods", "billing_history")
"""What is read of an account and has ids."""
_REACHES = ("foreign_id", "foreign_account", "credential")
"""What must leave the neighbour as it is. A probe that tries these has the neighbour do nothing meanwhile."""
_TELLING = 4
"""Members that a row must have in order to be told from a row of another account's. Assumption."""


def judge(history: History) -> Judgement:
    """Every try at another account's things, what was shown of them, and whether they stand as they stood."""
    checks = 0
    findings: list[Finding] = []
    undecided = unreachable(history, "foreign_id", "foreign_account", "credential", "foreign_key")
    for trial in trials(history, "foreign_id", "foreign_account", "credential", "foreign_key"):
        if not trial.heard:
            undecided = undecided or f"{trial.operation} ({trial.request.subject}) was answered with {trial.said}"
            continue
        checks += 1
        findings.extend(_judge_key(history, trial) if trial.tries == "foreign_key" else _judge_refusal(history, trial))
    for fact in _shown_of_neighbour(history):
        findings.append(_shown(history, fact))
    if checks:
        findings.extend(_judge_likeness(history))
    tried = any(trials(history, "foreign_id", "foreign_account", "credential", "foreign_key"))
    checked, changes = _judge_standstill(history) if tried else (0, [])  # a neighbour who is left alone may buy
    findings.extend(changes)
    return conclude(checks + checked, findings, undecided)


def _judge_refusal(history: History, trial: Trial) -> Iterable[Finding]:
    """What is not the caller's must be refused; how, is other properties' affair."""
    if trial.accepted:
        clause = f"was answered with {trial.said}; a refusal was expected, and that nothing was done"
    elif trial.crashed:
        clause = f"was answered with {trial.said}: it got so far that the deployment failed over it"
    else:
        return
    proof = (
        f"Request {trial.request.subject} ({trial.operation}) of account {history.account} at "
        f"{clock(trial.request.time_us)} {_tried(trial)}, and {clause}."
    )
    yield PROPERTY.finding(history, "inline", trial.time_us, proof, trial.facts)


def _tried(trial: Trial) -> str:
    about = trial.about
    if trial.tries == "foreign_id":
        return f"named {about.get('what')} {about.get('id')} of account {about.get('owner')}"
    if trial.tries == "foreign_account":
        return f"named account {about.get('owner')} in its path"
    return f"came with {about.get('credential')} for a credential"


def _judge_key(history: History, trial: Trial) -> Iterable[Finding]:
    """A key that another account has used is as good as any: the answer must be the caller's own."""
    if trial.code == _KEY_REUSED:
        clause = "was taken for used"
    else:
        clause = ""
        theirs = _ids_of_neighbour(history)
        shown = [fact.subject for fact in _shown_by(history, trial) if fact.subject in theirs]
        if shown:
            clause = f"brought the answer that the other had got, with {listed(shown)}"
    if not clause:
        return
    proof = (
        f"Request {trial.request.subject} ({trial.operation}) of account {history.account} carried an idempotency key "
        f"that account {trial.about.get('owner')} had used for itself. Keys are per account, but this one {clause}: "
        f"{trial.said} at {clock(trial.time_us)}."
    )
    yield PROPERTY.finding(history, "inline", trial.time_us, proof, trial.facts)


def _shown_by(history: History, trial: Trial) -> list[Fact]:
    return [fact for fact in history.of("subscription") if fact.related == trial.request.subject]


def _ids_of_neighbour(history: History) -> dict[str, str]:
    """The ids that only the other account's own readings show, with what they are ids of."""
    theirs: dict[str, str] = {}
    own: dict[str, str] = {}
    for fact in history.of("snapshot"):
        if fact.status == 200 and fact.operation in _IDENTIFIED:
            ids = theirs if member(fact, "owner") == "neighbour" else own if fact.state == "before" else {}
            for shown in objects_of(fact).values():
                if "id" in shown:
                    ids[str(shown["id"])] = fact.operation
    return {name: kind for name, kind in theirs.items() if name not in own}


def _shown_of_neighbour(history: History) -> Iterable[Fact]:
    """Lists in which the account reads what is another's; each list once."""
    theirs = _ids_of_neighbour(history)
    for fact in history.of("snapshot") if theirs else ():
        if member(fact, "owner") == "self" and fact.status == 200 and fact.operation in _IDENTIFIED:
            shown = [one for one in objects_of(fact).values() if theirs.get(str(one.get("id"))) == fact.operation]
            if shown:
                yield fact


def _shown(history: History, fact: Fact) -> Finding:
    theirs = _ids_of_neighbour(history)
    names = listed(str(one["id"]) for one in objects_of(fact).values() if str(one.get("id")) in theirs)
    proof = (
        f"At {clock(fact.time_us)} {fact.operation} showed account {history.account} {names}, which the neighbour's "
        "own reading shows, and which were not there before the neighbour's things were tried."
    )
    return PROPERTY.finding(history, "batch", fact.time_us, proof, [fact])


def _judge_likeness(history: History) -> Iterable[Finding]:
    """Two accounts that bought different things never have the same row: one of them was shown the other's.

    Ids may be counted account by account; a whole row, its amounts and times included, is not the same by chance.
    """
    own: dict[tuple[str | None, str | None], Fact] = {}
    for fact in history.of("snapshot"):
        if fact.status != 200 or fact.operation not in _IDENTIFIED:
            continue
        if member(fact, "owner") == "self":
            own[fact.operation, fact.state] = fact
            continue
        beside = own.get((fact.operation, fact.state))
        if beside is None:
            continue
        rows = objects_of(beside)
        same = [name for name, row in objects_of(fact).items() if len(row) >= _TELLING and rows.get(name) == row]
        if same:
            proof = (
                f"{fact.operation} showed {listed(same)} to account {history.account} at {clock(beside.time_us)} and, "
                f"in every member the same, to account {fact.subject} at {clock(fact.time_us)}: one of them was shown "
                "what is the other's."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [beside, fact])


def _judge_standstill(history: History) -> tuple[int, list[Finding]]:
    """The neighbour asked for nothing between the two readings: whatever changed, somebody else has changed."""
    checks = 0
    findings: list[Finding] = []
    tried = [trial.request.time_us for trial in trials(history, *_REACHES)]
    for pair in pairs(history, "neighbour"):
        if not any(pair.before.time_us <= time_us <= pair.after.time_us for time_us in tried):
            continue  # a neighbour who is not reached for may do as it likes
        checks += 1
        difference = pair.difference
        if difference is not None:
            proof = (
                f"Account {pair.before.subject} was read by its own credential ({pair.before.operation}) at "
                f"{clock(pair.before.time_us)} and again at {clock(pair.after.time_us)}, and asked for nothing "
                f"meanwhile; {difference}. In between, account {history.account} had tried to reach it."
            )
            findings.append(
                PROPERTY.finding(history, "batch", pair.after.time_us, proof, [pair.before, pair.after], 10)
            )
    return checks, findings


PROPERTY = Property(
    id="accounts-isolated",
    tiers=("inline", "batch"),
    severity="critical",
    title="Accounts are isolated",
    statement="No operation shows or changes another account's things, by any id, in any place that takes one.",
    why=(
        "Ids are no secrets: they stand in URLs, invoices and screenshots. Where an id is all it takes, every customer "
        "can read, cancel or charge every other."
    ),
    evidence=(
        "`request` facts whose `probe.tries` is `foreign_id`, `foreign_account`, `credential` or `foreign_key`, with "
        "their answers; `snapshot` facts of the account and of its neighbour, before and after."
    ),
    example="r9 (cancel) of account a named subscription sub_7 of account b, and was answered with 200.",
    magnitude="one for a request that was not refused, ten for a change of another's things",
    needs=("snapshot|unreachable",),
    function=judge,
)
