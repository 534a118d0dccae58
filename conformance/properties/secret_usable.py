"""secret-usable: a client secret that is handed out can be paid with, by whom it was handed to."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, NOT_FOUND, IntentTimeline
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.subscription_timeline import SHOWS_PURCHASE, member
from sim.facts import EXACT, Fact


def judge(history: History) -> Judgement:
    """Every secret in an answer: its form, its owner, its intent; what a secret was used for tells the rest."""
    checks = 0
    findings: list[Finding] = []
    orderly = history.orderly
    for fact in history.of("secret"):
        checks += 1
        if member(fact, "well_formed") is False or not str(fact.subject).startswith(("pi_", "seti_")):
            findings.append(_malformed(history, fact))
        if orderly is not None and not member(fact, "owner_account"):
            continue
        intent = history.intents.get(fact.subject)
        if intent is None:
            continue
        findings.extend(_judge_owner(history, fact, intent))
        if intent.canceled is not None or not intent.states:
            findings.extend(_judge_liveness(history, fact, intent))
        if intent.is_set_up:
            findings.extend(_judge_kind(history, fact, intent))
    return conclude(checks, findings, None if history.settled else NOT_SETTLED)


def _malformed(history: History, fact: Fact) -> Finding:
    return _finding(
        history,
        fact,
        f"a client secret ({fact.subject}) that is not well formed: Stripe's own clients refuse it before they send it",
    )


def _judge_owner(history: History, fact: Fact, intent: IntentTimeline) -> Iterable[Finding]:
    account = history.account
    owner = member(fact, "owner_account") or account
    if owner == account:
        owner = intent.account_id or account
    if owner == account:
        return ()
    return (_finding(history, fact, f"the secret of {intent.id}, which belongs to account {owner}, not to {account}"),)


def _judge_liveness(history: History, fact: Fact, intent: IntentTimeline) -> Iterable[Finding]:
    """The intent exists at Stripe, and was not cancelled before it was asked for. Settled already is fine."""
    states = history.by_kind.get("intent")
    if intent.end_state == NOT_FOUND:
        yield _finding(history, fact, f"the secret of {intent.id}, which Stripe does not know")
        return
    if states and states[0].source == EXACT and not intent.states:
        yield _finding(history, fact, f"the secret of {intent.id}, which Stripe does not know")
        return
    canceled = intent.canceled
    exchange = history.exchanges.get(fact.related or "")
    asked_us = exchange.asked_us if exchange is not None else None
    if canceled is None or asked_us is None or exchange is None:
        return
    if canceled.time_us + (LEDGER_SLACK_US if history.outside else 0) >= asked_us:
        return
    if not _is_replay(history, exchange):
        yield _finding(
            history,
            fact,
            f"the secret of {intent.id}, which had been cancelled at {clock(canceled.time_us)} already",
            canceled,
        )


def _is_replay(history: History, exchange: Exchange) -> bool:
    """Whether it is the stored answer of an earlier request with the same key: what was true then is answered."""
    key = exchange.idempotency_key
    return key is not None and any(
        other is not exchange and other.idempotency_key == key and (other.asked_us or 0) <= (exchange.asked_us or 0)
        for other in history.exchanges.values()
    )


def _judge_kind(history: History, fact: Fact, intent: IntentTimeline) -> Iterable[Finding]:
    """A set-up is no way to pay what is due; the amount of a payment is amounts-agree's affair."""
    if not intent.is_set_up or fact.operation not in SHOWS_PURCHASE:
        return
    covered = [subscription for subscription in history.covered_by(intent) if not subscription.given]
    due = sum(subscription.due_minor or 0 for subscription in covered)
    if due > 0:
        names = listed(subscription.id for subscription in covered)
        yield _finding(
            history,
            fact,
            f"the secret of the set-up {intent.id} for {names}, of which {money(due)} was due: nothing would be paid",
        )


def _finding(history: History, fact: Fact, clause: str, more: Fact | None = None) -> Finding:
    proof = (
        f"At {clock(fact.time_us)} the answer to {fact.operation} (request {fact.related}) gave {fact.actor} {clause}."
    )
    exchange = history.exchanges.get(fact.related or "")
    facts = [*(exchange.facts if exchange is not None else ()), fact, more]
    return PROPERTY.finding(history, "inline", fact.time_us, proof, facts)


PROPERTY = Property(
    id="secret-usable",
    tiers=("inline", "batch"),
    severity="critical",
    title="Client secrets are usable",
    statement=(
        "Each client secret is well formed, belongs to the caller's account, and is for a live intent of the right "
        "kind "
        "(`pi_` for a payment, `seti_` for a set-up) and amount."
    ),
    why=(
        "After removal the secret is the only way to pay; one that does not work is a blocked customer without even "
        "a 402."
    ),
    evidence="`secret` facts, with `intent` for what Stripe knows and `request` for when it was asked for.",
    example="bulk_create answered at 12:03:07 with the secret of pi_1, which had been cancelled at 11:58:00.",
    magnitude="one for each secret",
    needs=("secret",),
    function=judge,
)
