"""zero-due-sets-up: nothing due is never a payment of nothing."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.payment import every_payment_is_tied
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.subscription_timeline import SHOWS_PURCHASE


def judge(history: History) -> Judgement:
    """Intents of 0, and answers in which nothing was due."""
    checks = 0
    findings: list[Finding] = []
    for intent in history.intents.values():
        if intent.amount_minor == 0:
            checks += 1
            created = intent.created or intent.final
            if not intent.is_set_up and created is not None:
                proof = (
                    f"At {clock(created.time_us)} PaymentIntent {intent.id} was made for 0.00 USD: where nothing is "
                    "due "
                    "now, a set-up or nothing is made, never a payment."
                )
                findings.append(PROPERTY.finding(history, "inline", created.time_us, proof, [created]))
    if "subscription" in history.by_kind:
        for exchange in history.exchanges.values():
            if nothing_due(exchange):
                checks += 1
                findings.extend(_judge_secrets(history, exchange))
                findings.extend(_judge_ways(history, exchange))
    return conclude(checks, findings)


def nothing_due(exchange: Exchange) -> bool:
    """Whether it was answered with a purchase in which nothing is due now."""
    return (
        exchange.operation in SHOWS_PURCHASE
        and bool(exchange.subscriptions)
        and all(fact.amount_minor == 0 for fact in exchange.subscriptions)
    )


def _judge_secrets(history: History, exchange: Exchange) -> Iterable[Finding]:
    for fact in exchange.secrets:
        if fact.subject.startswith("pi_"):
            proof = (
                f"At {clock(fact.time_us)} {exchange.operation} answered with "
                f"{listed(s.subject for s in exchange.subscriptions)}, "
                f"for which nothing was due, and with the secret of the payment {fact.subject}: it should have been "
                "one "
                "of a set-up, or none."
            )
            yield PROPERTY.finding(history, "inline", fact.time_us, proof, [*exchange.facts, fact])


def _judge_ways(history: History, exchange: Exchange) -> Iterable[Finding]:
    """Neither granted nor to be set up by anything: what waits for nothing waits for ever."""
    answer = exchange.answer
    if answer is None or exchange.secrets or exchange.messages or not exchange.accepted or not history.settled:
        return
    if not history.sees_stripe or not every_payment_is_tied(history):
        return
    for fact in exchange.subscriptions:
        subscription = history.subscription(fact.subject)
        if subscription is None or fact.state != "AwaitingPayment" or subscription.intents or subscription.given:
            continue
        if subscription.final is not None and subscription.state in ("AwaitingPayment", "Expired"):
            proof = (
                f"At {clock(answer.time_us)} {exchange.operation} answered with {fact.subject} as AwaitingPayment, "
                "for which nothing was due, with no secret, and no set-up was ever made for it: when everything had "
                f"settled it was {subscription.state}, although nothing was left to do."
            )
            facts = [*exchange.facts, fact, subscription.final]
            yield PROPERTY.finding(history, "inline", answer.time_us, proof, facts)


PROPERTY = Property(
    id="zero-due-sets-up",
    tiers=("inline",),
    severity="major",
    title="Nothing due sets up",
    statement=(
        "Where nothing is due now, the answer holds the secret of a set-up, or none and the purchase is granted; never "
        "a payment of 0."
    ),
    why="First invoices of 0 are common with usage-priced products, and Stripe refuses a payment of 0.",
    evidence="`intent` amounts; `subscription` prices and `secret` in the answers to purchases.",
    example="bulk_create for r2 (0.00 USD due) answered with the secret of pi_1 instead of seti_1.",
    magnitude="one for each intent or secret",
    needs=("intent|final_intent|subscription",),
    function=judge,
    orderly=lambda _: 0,
)
