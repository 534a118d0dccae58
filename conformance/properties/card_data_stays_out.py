"""card-data-stays-out: no card number reaches the gateway, and what is pushed at it is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from conformance.card_number import blotted_out, card_numbers
from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.standstill import Pair, objects_of, pairs
from conformance.subscription_timeline import member
from conformance.trial import Trial, trials
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """What clients sent by themselves; then what became of the card numbers that a probe sent."""
    checks = 0
    findings: list[Finding] = []
    pushed: dict[str, Trial] = {}
    undecided: str | None = None
    for trial in trials(history, "card_number"):
        pushed[trial.request.subject] = trial
        if trial.heard:
            checks += 1
            findings.extend(_judge_push(history, trial))
        else:
            undecided = undecided or f"{trial.operation} ({trial.request.subject}) was answered with {trial.said}"
    for fact in history.of("request"):
        body = member(fact, "body")
        if body is None or fact.subject in pushed:
            continue
        checks += 1
        # The facts of a real deployment are redacted before they are judged.
        if any(True for _ in card_numbers(body)) or (history.outside and blotted_out(body)):
            findings.append(_sent(history, fact))
    if pushed:
        checks += 1
        findings.extend(_judge_readings(history, pushed))
    return conclude(checks, findings, undecided)


def _sent(history: History, fact: Fact) -> Finding:
    proof = (
        f"At {clock(fact.time_us)} {fact.actor} sent the gateway a card number in the body of {fact.operation} "
        f"(request {fact.subject}). Card numbers go from the browser to Stripe and nowhere else."
    )
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [fact])


def _judge_push(history: History, trial: Trial) -> Iterable[Finding]:
    """Refused, or ignored where it is no part of what was asked; taken for a payment method it must not be."""
    if trial.accepted and trial.about.get("needed"):
        clause = "and nothing else that could be done, and was done"
    elif trial.crashed:
        clause = "and the deployment failed over it"
    else:
        return
    proof = (
        f"Request {trial.request.subject} ({trial.operation}) held a card number ({trial.about.get('place')}) at "
        f"{clock(trial.request.time_us)}, {clause}: {trial.said}."
    )
    yield PROPERTY.finding(history, "inline", trial.time_us, proof, trial.facts)


def _judge_readings(history: History, pushed: Mapping[str, Trial]) -> Iterable[Finding]:
    """No later reading shows the number, or a card on file that ends like it and was not there before."""
    facts = [trial.request for trial in pushed.values()]
    for fact in history.of("snapshot"):
        if fact.time_us >= facts[0].time_us and any(True for _ in card_numbers(member(fact, "read"))):
            proof = (
                f"Account {history.account} sent card numbers from {clock(facts[0].time_us)} on (requests "
                f"{listed(pushed)}), and at {clock(fact.time_us)} {fact.operation} showed one: it was kept."
            )
            yield PROPERTY.finding(history, "inline", fact.time_us, proof, [*facts[:1], fact], 10)
    ends = {str(trial.about.get("last4")) for trial in pushed.values()}
    for fact in history.of("inspected"):
        what = str(member(fact, "what") or "")
        if fact.state == "leak" and "card number" in what and any(f"ends in {end})" in what for end in ends):
            proof = (
                f"Account {history.account} sent card numbers from {clock(facts[0].time_us)} on (requests "
                f"{listed(pushed)}), and at {clock(fact.time_us)} {fact.operation} answered with {what}: it was kept."
            )
            yield PROPERTY.finding(history, "inline", fact.time_us, proof, [*facts[:1], fact], 10)
    for pair in pairs(history, "self", operations=("payment_methods",)):
        for name in _new_cards(pair, ends):
            proof = (
                f"Account {history.account} sent card numbers from {clock(facts[0].time_us)} on (requests "
                f"{listed(pushed)}), and {name}, a card that ends like one of them, is on file since: "
                f"{clock(pair.after.time_us)}."
            )
            yield PROPERTY.finding(
                history, "inline", pair.after.time_us, proof, [*facts[:1], pair.before, pair.after], 10
            )


def _new_cards(pair: Pair, ends: set[str]) -> Iterable[str]:
    before = objects_of(pair.before)
    for name, shown in objects_of(pair.after).items():
        card = shown.get("card")
        if name not in before and isinstance(card, Mapping) and str(card.get("last4")) in ends:
            yield name


PROPERTY = Property(
    id="card-data-stays-out",
    tiers=("inline",),
    severity="critical",
    title="Card data stays out",
    statement=(
        "No card number ever reaches the gateway: no client sends one, and one that is sent all the same is refused "
        "or ignored, and never kept."
    ),
    why=(
        "A system that a card number passes through is in scope of PCI DSS as a whole: its logs, its backups, its "
        "people."
    ),
    evidence=(
        "The bodies of `request` facts. For those whose `probe.tries` is `card_number`: their answers, and `snapshot` "
        "facts afterwards."
    ),
    example="At 12:03:07 billing-profile sent the gateway a card number in the body of payment_methods (request r3).",
    magnitude="one for each request with a card number, ten for one that is kept",
    needs=("request",),
    function=judge,
)
