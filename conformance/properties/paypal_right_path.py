"""paypal-right-path: who pays by PayPal is collected from and granted to as who pays by card is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import IntentTimeline
from conformance.on_its_way import any_on_its_way, on_its_way
from conformance.payment import unpaid
from conformance.properties.no_entitlement_without_payment import activations, needs_stripe
from conformance.properties.payment_leads_to_entitlement import ended_rightly, given_back
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.subscription_timeline import SubscriptionTimeline, member
from scenarios.phase import PAYMENT_OPERATIONS
from sim.facts import Fact

PAYPAL: Final = "paypal"
_METHOD_FACTS: Final = ("account_payment_method", "payment_method", "final_payment_method")


def judge(history: History) -> Judgement:
    """Customers with PayPal on file, and purchases that were paid, or were to be paid, by PayPal."""
    stood = _stood_on_file(history)
    if not stood and not _went_to_paypal(history):
        return conclude(0)
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    if stood:
        gate_checks, gate_findings = _gated(history)
        checks += gate_checks
        findings.extend(gate_findings)
        findings.extend(_never_collected(history))
    methods = _paypal_methods(history)
    for subscription in history.subscriptions.values():
        intents = [one for one in subscription.intents if _by_paypal(one, methods, stood)]
        unasked = stood and not subscription.given and not subscription.intents
        if not intents and not unasked:
            continue
        checks += 1
        if history.circumstances.regime != "legacy":  # which grants first, cards or not
            findings.extend(_granted_early(history, subscription, intents))
        lost = _paid_for_nothing(history, subscription, intents)
        if lost is not None and history.outside and any(on_its_way(history, one) for one in intents):
            undecided = undecided or any_on_its_way(history, intents)
        elif lost is not None:
            findings.append(lost)
    return conclude(checks, findings, undecided)


def _stood_on_file(history: History) -> bool:
    """Whether PayPal was the account's payment method from the start, as of one that was migrated."""
    attempts = history.of("attempt")
    return bool(attempts) and any(member(fact, "pm_on_file") == PAYPAL for fact in attempts)


def _went_to_paypal(history: History) -> bool:
    return "redirect" in history.by_kind or any(
        member(fact, "payment_method") == PAYPAL for fact in history.of("confirm")
    )


def _paypal_methods(history: History) -> set[str]:
    """The payment methods that are known to be PayPal's."""
    return {fact.subject for kind in _METHOD_FACTS for fact in history.of(kind) if member(fact, "type") == PAYPAL}


def _by_paypal(intent: IntentTimeline, methods: set[str], stood: bool) -> bool:
    """Whether it was paid by PayPal, or was last tried so."""
    if intent.paid_with is not None and methods:
        return intent.paid_with in methods
    if intent.confirms:
        how = member(intent.confirms[-1], "payment_method")
        return how == PAYPAL or (how == "saved" and stood)
    return bool(intent.redirects) or stood


def _gated(history: History) -> tuple[int, list[Finding]]:
    """A PayPal agreement on file is a valid payment method: no gate has a word to say, in any phase."""
    checks = 0
    findings: list[Finding] = []
    for exchange in history.exchanges.values():
        answer = exchange.answer
        if answer is None or answer.status is None or exchange.operation not in PAYMENT_OPERATIONS:
            continue
        if _removed(history, answer.time_us):
            break
        checks += 1
        if exchange.refused_by_gate:
            proof = (
                f"At {clock(answer.time_us)} {exchange.operation} refused {exchange.caller} with 402, code 1210, for "
                "want of a payment method; the account had PayPal on file, which is one."
            )
            findings.append(PROPERTY.finding(history, "batch", answer.time_us, proof, exchange.facts))
    return checks, findings


def _removed(history: History, time_us: int) -> bool:
    return any(
        fact.time_us <= time_us and (fact.operation == "remove_payment_method" or fact.state in ("removed", "detached"))
        for kind in ("request", "account_payment_method", "payment_method")
        for fact in history.of(kind)
    )


def _never_collected(history: History) -> Iterable[Finding]:
    """A service bought, PayPal was on file, and nobody even tried to charge it: a card would have been charged."""
    for exchange in history.exchanges.values():
        answer = exchange.answer
        if answer is None or not exchange.accepted or exchange.operation not in PAYMENT_OPERATIONS:
            continue
        if not exchange.off_session or exchange.brings_payment_method or _removed(history, answer.time_us):
            continue
        idle = [
            intent
            for shown in exchange.subscriptions
            if (timeline := history.subscription(shown.subject)) is not None and shown.state == "AwaitingPayment"
            for intent in timeline.intents
            if _untouched(history, exchange, intent, answer)
        ]
        if idle:
            names = listed(dict.fromkeys(f"{intent.id} ({money(intent.amount_minor)})" for intent in idle))
            proof = (
                f"At {clock(answer.time_us)} {exchange.operation} answered {exchange.caller}, who buys without the "
                f"customer, with something unpaid; PayPal was on file, and {names} was made without it: no charge was "
                "tried, as it is with a card on file."
            )
            facts = [*exchange.facts, *(intent.created for intent in idle)]
            yield PROPERTY.finding(history, "batch", answer.time_us, proof, facts, max(idle[0].amount_minor or 0, 1))


def _untouched(history: History, exchange: Exchange, intent: IntentTimeline, answer: Fact) -> bool:
    """Whether an intent for money was made by that request, and no payment method was ever tried on it by then."""
    made_us, asked_us = intent.created_us, exchange.asked_us
    if intent.is_set_up or made_us is None or asked_us is None or "fault" in history.by_kind:
        return False
    if history.outside and not (history.read("ledger_events") and history.read("ledger")):
        return False
    if any(fact.time_us <= answer.time_us for fact in intent.charges):
        return False
    states = {fact.state for fact in intent.states if fact.time_us <= answer.time_us}
    return asked_us - 2_000_000 <= made_us <= answer.time_us + 2_000_000 and states == {"requires_payment_method"}


def _granted_early(
    history: History, subscription: SubscriptionTimeline, intents: list[IntentTimeline]
) -> Iterable[Finding]:
    seen = [*activations(subscription), *(one for one in subscription.final_entitlements if one.state == "active")]
    for fact in seen:
        for time_us in dict.fromkeys((member(fact, "activated_us") or fact.time_us, fact.time_us)):
            missing = unpaid(history, subscription, time_us, member(fact, "feature"))
            if missing is None:
                continue
            proof = (
                f"Subscription {subscription.id} was bought by PayPal ({listed(one.id for one in intents)}); its "
                f"entitlement was active at {clock(time_us)}, but {missing.because(time_us)}: it was activated before "
                "there was money."
            )
            facts = [fact, *missing.facts(), *(one for intent in intents for one in intent.redirects)]
            yield PROPERTY.finding(history, "batch", time_us, proof, facts, missing.magnitude(time_us))
            return


def _paid_for_nothing(
    history: History, subscription: SubscriptionTimeline, intents: list[IntentTimeline]
) -> Finding | None:
    for intent in intents:
        if not intent.succeeded or subscription.active_at_end:
            continue
        if given_back(history, intent, subscription) or ended_rightly(history, intent, subscription):
            continue
        when = clock(intent.success_us) if intent.success_us is not None else "an unknown time"
        proof = (
            f"{intent.id} ({money(intent.amount_minor)}) was paid by PayPal at {when}, but when everything had settled "
            f"subscription {subscription.id} was {subscription.state} without an active entitlement."
        )
        facts = [*intent.redirects, intent.success, subscription.final]
        return PROPERTY.finding(
            history, "batch", intent.success_us or history.ended_us, proof, facts, max(intent.amount_minor or 0, 1)
        )
    return None


PROPERTY = Property(
    id="paypal-right-path",
    tiers=("batch",),
    severity="critical",
    title="PayPal takes the right path",
    statement=(
        "PayPal customers, migrated ones included, are granted and collected like card customers; no activation before "
        "money. A PayPal agreement on file is a valid payment method in every phase."
    ),
    why=(
        "PayPal tokens were migrated from another provider, and its payments come by redirect and by event. Code that "
        "asks for a card takes such customers for customers without a payment method."
    ),
    evidence=(
        "`attempt` (PayPal on file), `redirect` and `confirm`, `intent`; entitlements and the final rows as for card "
        "customers. The order of grant and charge is not judged under legacy, which charges nobody first."
    ),
    example=(
        "pi_1 was paid by PayPal at 12:03:09 and sub_1 is AwaitingPayment; or sub_1 was active at 12:03:07 already."
    ),
    magnitude="minor units of the purchase",
    needs=("redirect|confirm|attempt",),
    function=judge,
    applies=needs_stripe,
)
